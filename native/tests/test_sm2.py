"""SM2 one at a time: the vectors of GB/T 32918.5, other implementations, and refusals."""

import shutil
import subprocess
from pathlib import Path

import pytest
from curve import B, G, N, P, multiply, negate, number, point_bytes

import govchain_native as native

D = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
NONCE = bytes.fromhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
CIPHERTEXT = bytes.fromhex(
    "04"
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)
ID = b"1234567812345678"


def test_standard_vectors() -> None:
    assert native.SM2_DEFAULT_ID == ID
    assert native.sm2_public_key(D) == PUBLIC
    za = native.sm2_za(PUBLIC, ID)
    assert za.hex().upper() == "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3"
    e = native.sm3(za + b"message digest")
    assert e.hex().upper() == "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
    assert native._testing_sm2_sign_with_nonce(D, PUBLIC, b"message digest", NONCE) == SIGNATURE
    assert native.sm2_verify(PUBLIC, b"message digest", SIGNATURE) == native.SM2_OK
    assert native.sm2_verify_digest(PUBLIC, e, SIGNATURE) == native.SM2_OK
    assert native._testing_sm2_encrypt_with_nonce(PUBLIC, b"encryption standard", NONCE) == CIPHERTEXT
    assert native.sm2_decrypt(D, CIPHERTEXT) == b"encryption standard"


def test_second_vector() -> None:
    public = bytes.fromhex(
        "8356e642a40ebd18d29ba3532fbd9f3bbee8f027c3f6f39a5ba2f870369f9988"
        "981f5efe55d1c5cdf6c0ef2b070847a14f7fdf4272a8df09c442f3058af94ba1"
    )
    signature = bytes.fromhex(
        "5b3a799bd94c9063120d7286769220af6b0fa127009af3e873c0e8742edc5f89"
        "097968a4c8b040fd548d1456b33f470cabd8456bfea53e8a828f92f6d4bdcd77"
    )
    assert native.sm2_verify(public, b"ShangMi SM2 Sign Standard", signature) == native.SM2_OK


def test_round_trips() -> None:
    for length in (0, 1, 31, 32, 33, 1000, 5000):
        private = native.sm2_generate()
        public = native.sm2_public_key(private)
        message = bytes(range(256)) * 20
        first, second = (native.sm2_sign(private, public, message[:length]) for _ in range(2))
        assert first != second
        for signature in (first, second, *native.sm2_sign_many(private, public, [message[:length]])):
            assert native.sm2_verify(public, message[:length], signature) == native.SM2_OK
            assert native.sm2_verify(public, message[:length] + b"x", signature) == native.SM2_MISMATCH
            assert native.sm2_verify(public, message[:length], signature, b"") == native.SM2_MISMATCH
        if length:
            assert native.sm2_decrypt(private, native.sm2_encrypt(public, message[:length])) == message[:length]


def test_key_ranges() -> None:
    for value, good in ((0, 0), (1, 1), (2, 1), (N - 2, 1), (N - 1, 0), (N, 0), (N + 1, 0), (2**256 - 1, 0)):
        assert native.sm2_check_private(number(value)) is bool(good)
        if good:
            assert native.sm2_public_key(number(value)) == point_bytes(multiply(value, G))
            continue
        for call in (
            native.sm2_public_key,
            lambda key: native.sm2_sign(key, PUBLIC, b""),
            lambda key: native.sm2_decrypt(key, CIPHERTEXT),
        ):
            with pytest.raises(ValueError, match="private key"):
                call(number(value))


def test_public_keys() -> None:
    good = point_bytes(G), point_bytes(negate(G)), PUBLIC
    assert {native.sm2_check_public(key) for key in good} == {native.SM2_OK}
    above = (
        number(P) + bytes(32),
        bytes(32) + number(P),
        b"\xff" * 64,
        number(G[0] + P if G[0] + P < 2**256 else P) + number(G[1]),
    )
    assert {native.sm2_check_public(key) for key in above} == {native.SM2_KEY_RANGE}
    off = bytes(64), PUBLIC[32:] + PUBLIC[:32], PUBLIC[:-1] + b"\x00", number(P - 1) + number(P - 1)
    assert {native.sm2_check_public(key) for key in off} == {native.SM2_KEY_NOT_ON_CURVE}
    for key in above + off:
        for call in (
            lambda key: native.sm2_encrypt(key, b"x"),
            lambda key: native.sm2_sign(D, key, b"x"),
        ):
            with pytest.raises(ValueError, match="public key"):
                call(key)


def test_decryption_refuses_every_change() -> None:
    for at in range(len(CIPHERTEXT)):
        changed = bytearray(CIPHERTEXT)
        changed[at] ^= 1
        with pytest.raises(ValueError, match="ciphertext"):
            native.sm2_decrypt(D, bytes(changed))
    for length in (0, 1, 96, 97, len(CIPHERTEXT) - 1):
        with pytest.raises(ValueError, match="ciphertext"):
            native.sm2_decrypt(D, CIPHERTEXT[:length])
    for bad in (b"\x02" + CIPHERTEXT[1:], CIPHERTEXT[1:], CIPHERTEXT + b"\x00", b"\x04" + bytes(100)):
        with pytest.raises(ValueError, match="ciphertext"):
            native.sm2_decrypt(D, bad)
    with pytest.raises(ValueError, match="ciphertext"):
        native.sm2_decrypt(number(5), CIPHERTEXT)
    with pytest.raises(ValueError, match="empty"):
        native.sm2_encrypt(PUBLIC, b"")


def test_key_stream_of_zeros_is_refused() -> None:
    """A nonce whose one-byte key stream is zero: encryption must not use it, decryption not accept it."""
    x = y = b""
    for k in range(1, 5000):
        shared = multiply(k, G)  # the recipient's private key is 1
        assert shared is not None
        x, y = number(shared[0]), number(shared[1])
        if native.sm3(x + y + b"\x00\x00\x00\x01")[0] == 0:
            break
    with pytest.raises(ValueError, match="nonce"):
        native._testing_sm2_encrypt_with_nonce(point_bytes(G), b"m", number(k))
    forged = b"\x04" + x + y + native.sm3(x + b"m" + y) + b"m"
    with pytest.raises(ValueError, match="ciphertext"):
        native.sm2_decrypt(number(1), forged)
    assert all(native.sm2_encrypt(point_bytes(G), b"m")[-1:] != b"m" for _ in range(600))


def test_nonces_the_standard_rejects() -> None:
    for nonce in (0, N, N + 1, 2**256 - 1):
        with pytest.raises(ValueError, match="nonce"):
            native._testing_sm2_sign_with_nonce(D, PUBLIC, b"", number(nonce))
        with pytest.raises(ValueError, match="nonce"):
            native._testing_sm2_encrypt_with_nonce(PUBLIC, b"x", number(nonce))


def test_lengths_and_types() -> None:
    for bad in (b"", bytes(31), bytes(33)):
        for call in (
            native.sm2_check_private,
            native.sm2_public_key,
            lambda key: native.sm2_sign(key, PUBLIC, b""),
            lambda key: native.sm2_decrypt(key, CIPHERTEXT),
            native.sm2_check_public,
            lambda key: native.sm2_verify(key, b"", SIGNATURE),
            lambda key: native.sm2_verify_digest(PUBLIC, key, SIGNATURE),
            lambda key: native.sm2_za(key, ID),
        ):
            with pytest.raises(ValueError):
                call(bad)
    for wrong in (None, 1, "1234"):
        with pytest.raises(TypeError):
            native.sm2_verify(wrong, b"", SIGNATURE)  # type: ignore[arg-type]
    native.sm2_za(PUBLIC, bytes(8191))
    for long_id in (
        lambda: native.sm2_za(PUBLIC, bytes(8192)),
        lambda: native.sm2_sign(D, PUBLIC, b"", bytes(8192)),
        lambda: native.sm2_verify(PUBLIC, b"", SIGNATURE, bytes(8192)),
        lambda: native.Sm2BatchVerifier(0).verify_many([PUBLIC], [b""], [SIGNATURE], bytes(8192)),
    ):
        with pytest.raises(ValueError, match="identifier"):
            long_id()


def test_against_gmalg() -> None:
    gmalg = pytest.importorskip("gmalg")
    for k in range(12):
        private = native.sm2_generate()
        public = native.sm2_public_key(private)
        other = gmalg.SM2(private, ID, b"\x04" + public)
        message = bytes(k * 7)
        r, s = other.sign(message)  # without leading zeros
        assert native.sm2_verify(public, message, r.rjust(32, b"\0") + s.rjust(32, b"\0")) == native.SM2_OK
        signature = native.sm2_sign(private, public, message)
        assert other.verify(message, signature[:32], signature[32:])
        assert not other.verify(message + b"x", signature[:32], signature[32:])
        # gmalg writes C1C3C2 with the leading 04 as well.
        assert native.sm2_decrypt(private, other.encrypt(message + b"x")) == message + b"x"
        assert other.decrypt(native.sm2_encrypt(public, message + b"x")) == message + b"x"


# The command line of OpenSSL -------------------------------------------------------------------------------


def der_integer(value: bytes) -> bytes:
    value = value.lstrip(b"\x00") or b"\x00"
    if value[0] & 0x80:
        value = b"\x00" + value
    return bytes([2, len(value)]) + value


def der_signature(raw: bytes) -> bytes:
    body = der_integer(raw[:32]) + der_integer(raw[32:])
    return bytes([0x30, len(body)]) + body


def raw_signature(der: bytes) -> bytes:
    r_length = der[3]
    r, s = der[4 : 4 + r_length], der[6 + r_length :]
    return r.lstrip(b"\x00").rjust(32, b"\x00") + s.lstrip(b"\x00").rjust(32, b"\x00")


SM2_ALGORITHM = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_against_openssl(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> int:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=False).returncode

    for k in range(6):
        private = native.sm2_generate()
        public = native.sm2_public_key(private)
        # SubjectPublicKeyInfo, and PKCS#8 around ECPrivateKey with its public key.
        (tmp_path / "public.der").write_bytes(b"\x30\x59" + SM2_ALGORITHM + b"\x03\x42\x00\x04" + public)
        inner = bytes.fromhex("306b0201010420") + private + bytes.fromhex("a14403420004") + public
        (tmp_path / "private.der").write_bytes(bytes.fromhex("308187020100") + SM2_ALGORITHM + b"\x04\x6d" + inner)
        message = bytes([k]) * (k * 30 + 1)
        (tmp_path / "message").write_bytes(message)
        options = ("-rawin", "-in", "message", "-digest", "sm3", "-pkeyopt", "distid:" + ID.decode())
        signing = ("pkeyutl", "-sign", "-keyform", "DER", "-inkey", "private.der", "-out", "signature", *options)
        verifying = ("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der", *options)
        assert openssl(*signing) == 0
        signature = raw_signature((tmp_path / "signature").read_bytes())
        assert native.sm2_verify(public, message, signature) == native.SM2_OK
        assert native.Sm2BatchVerifier(0).verify_many([public], [message], [signature]) == b"\x00"
        own = native.sm2_sign(private, public, message)
        (tmp_path / "signature").write_bytes(der_signature(own))
        assert openssl(*verifying, "-sigfile", "signature") == 0
        wrong = native.sm2_sign(private, public, message + b"x")
        (tmp_path / "signature").write_bytes(der_signature(wrong))
        assert openssl(*verifying, "-sigfile", "signature") != 0


def test_curve_constants_of_the_tests() -> None:
    assert (G[1] ** 2 - G[0] ** 3 + 3 * G[0] - B) % P == 0
    assert multiply(N, G) is None
    assert multiply(int.from_bytes(D, "big"), G) == (
        int.from_bytes(PUBLIC[:32], "big"),
        int.from_bytes(PUBLIC[32:], "big"),
    )
