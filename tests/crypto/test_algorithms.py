"""What holds for every algorithm of the table, and the weak keys that each refuses; OpenSSL as second opinion."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.crypto import (
    ALGORITHMS,
    BatchVerifier,
    SigningKey,
    check_signature,
    decode_public_key,
    get_algorithm,
    key_id,
)
from govchain.crypto.ecdsa import ORDER as P256_ORDER
from govchain.crypto.ed25519 import ORDER as ED25519_ORDER
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError, VerificationError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import (
    KEY_CODES,
    openssl,
    openssl_output,
    openssl_public_pem,
    rsa_secret,
    seeded,
    some_key,
    times,
)

each = pytest.mark.parametrize("name", sorted(ALGORITHMS))
BODY = b'{"chain":"demo","type":"evidence.put"}'


def shown(name):
    ids = {
        "rsa-pss-sha256": "BJ.function.signature.01a",
        "ecdsa-p256-sha256": "BJ.function.signature.01b",
        "sm2-sm3": "BJ.function.signature.02",
    }
    return pytest.param(name, marks=pytest.mark.requirement(ids[name])) if name in ids else name


@pytest.mark.parametrize("name", [shown(name) for name in sorted(ALGORITHMS)])
def test_a_signature_holds_and_no_flipped_bit_does(name):
    key = some_key(name)
    algorithm = get_algorithm(name)
    signature = key.sign(BODY)
    assert algorithm.check_signature(key.public_key, BODY, signature) is Code.OK
    algorithm.verify_signature(key.public_key, BODY, signature)
    generator = seeded(name)
    batch = []
    for bit in range(8 * len(signature)) if len(signature) == 64 else generator.sample(range(8 * len(signature)), 200):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        batch.append((name, key.public_key, BODY, bytes(flipped)))
    codes = [check_signature(*item) for item in batch]
    assert set(codes) <= {Code.SIGNATURE_INVALID, Code.SIGNATURE_RANGE}
    assert BatchVerifier().check_many(batch) == codes
    for bit in range(8 * len(BODY)):
        body = bytearray(BODY)
        body[bit // 8] ^= 1 << bit % 8
        assert algorithm.check_signature(key.public_key, bytes(body), signature) is Code.SIGNATURE_INVALID
    with pytest.raises(VerificationError) as refusal:
        algorithm.verify_signature(key.public_key, BODY + b" ", signature)
    assert refusal.value.code is Code.SIGNATURE_INVALID


@each
def test_wrong_lengths_are_named(name):
    key = some_key(name)
    signature = key.sign(BODY)
    for bad in (b"", signature[:-1], signature + b"\0", b"\0" + signature):
        assert check_signature(name, key.public_key, BODY, bad) is Code.SIGNATURE_LENGTH
    for bad in (b"", key.public_key[:-1], key.public_key + b"\0"):
        assert get_algorithm(name).check_public_key(bad) is Code.KEY_MALFORMED
        # Where both are bad, the key's code is the answer: the lower number.
        assert check_signature(name, bad, BODY, b"") is Code.KEY_MALFORMED


@each
@settings(deadline=None)
@given(key=st.binary(max_size=400), signature=st.binary(max_size=300))
def test_any_bytes_get_a_code(name, key, signature):
    algorithm = ALGORITHMS[name]
    key_code = algorithm.check_public_key(key)
    code = algorithm.check_signature(key, BODY, signature)
    assert code is not Code.OK
    assert (code is key_code) == (key_code is not Code.OK)
    try:
        algorithm.decode_spki(key)
    except DecodingError as error:
        assert error.code in KEY_CODES  # noqa: PT017
    good = some_key(name)
    assert algorithm.check_signature(good.public_key, BODY, signature) in (
        Code.SIGNATURE_LENGTH,
        Code.SIGNATURE_RANGE,
        Code.SIGNATURE_INVALID,
    )


RANGES = {
    "sm2-sm3": (plain.N, "big"),
    "ecdsa-p256-sha256": (P256_ORDER, "big"),
}


@pytest.mark.parametrize("name", sorted(RANGES))
def test_r_and_s_must_lie_between_1_and_n_minus_1(name):
    order, _ = RANGES[name]
    key = some_key(name)
    signature = key.sign(BODY)
    for bad in (0, order, order + 1, 2**256 - 1):
        number = bad.to_bytes(32, "big")
        for forged in (number + signature[32:], signature[:32] + number, number + number):
            assert check_signature(name, key.public_key, BODY, forged) is Code.SIGNATURE_RANGE


def test_ed25519_s_must_lie_below_the_order():
    key = some_key("ed25519")
    signature = key.sign(BODY)
    s = int.from_bytes(signature[32:], "little")
    for bad in (s + ED25519_ORDER, ED25519_ORDER, 2**256 - 1):
        forged = signature[:32] + bad.to_bytes(32, "little")
        assert check_signature("ed25519", key.public_key, BODY, forged) is Code.SIGNATURE_RANGE
    below = signature[:32] + (ED25519_ORDER - 1).to_bytes(32, "little")
    assert check_signature("ed25519", key.public_key, BODY, below) is Code.SIGNATURE_INVALID


def test_rsa_signature_must_lie_below_the_modulus():
    key = some_key("rsa-pss-sha256")
    assert check_signature("rsa-pss-sha256", key.public_key, BODY, b"\xff" * 256) is Code.SIGNATURE_RANGE
    assert check_signature("rsa-pss-sha256", key.public_key, BODY, bytes(256)) is Code.SIGNATURE_INVALID


ED25519_PRIME = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
#: The eight points of small order by their y, with both signs, and the encodings that are not canonical.
SMALL_ORDER = {
    "neutral": 1,
    "order 2": ED25519_PRIME - 1,
    "order 4": 0,
    "order 8": ORDER_8,
    "order 8, other": ED25519_PRIME - ORDER_8,
    "y is p": ED25519_PRIME,
    "y is p + 1": ED25519_PRIME + 1,
    "y all ones": 2**255 - 1,
}


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_ed25519_keys_of_small_order_and_other_encodings_are_refused(point, sign):
    key = (SMALL_ORDER[point] + (sign << 255)).to_bytes(32, "little")
    assert get_algorithm("ed25519").check_public_key(key) is Code.KEY_MALFORMED
    # Under the neutral element (R, S) = (S B, S) satisfies the equation for every message.
    assert check_signature("ed25519", key, BODY, b"\x01" + bytes(63)) is Code.KEY_MALFORMED


def test_ed25519_keys_off_the_curve_are_refused():
    generator = seeded("ed25519")
    codes = {get_algorithm("ed25519").check_public_key(generator.randbytes(32)) for _ in range(200)}
    assert codes == {Code.OK, Code.KEY_NOT_ON_CURVE}
    for _ in range(50):
        public = SigningKey("ed25519", generator.randbytes(32)).public_key
        assert get_algorithm("ed25519").check_public_key(public) is Code.OK


def test_p256_keys_off_the_curve_or_out_of_range_are_refused():
    check = get_algorithm("ecdsa-p256-sha256").check_public_key
    key = some_key("ecdsa-p256-sha256").public_key
    assert check(key[:63] + bytes([key[63] ^ 1])) is Code.KEY_NOT_ON_CURVE
    assert check(bytes(64)) is Code.KEY_NOT_ON_CURVE
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    assert check(prime.to_bytes(32, "big") + key[32:]) is Code.KEY_MALFORMED
    assert check(key[:32] + b"\xff" * 32) is Code.KEY_MALFORMED
    for secret in (bytes(32), P256_ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\1" * 31):
        with pytest.raises(DecodingError) as refusal:
            SigningKey("ecdsa-p256-sha256", secret)
        assert refusal.value.code is Code.KEY_MALFORMED


def spki(modulus, exponent):
    return (
        rsa.RSAPublicNumbers(exponent, modulus)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def pss_spki():
    """The same key under the identifier that is for RSA-PSS only: another encoding, which is not ours."""
    pem = openssl_output("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
    return openssl_output("pkey", "-pubout", "-outform", "DER", stdin=pem)


def even(der):
    """The last byte of the modulus stands before the five of the exponent 65537."""
    return der[:-6] + bytes([der[-6] ^ 1]) + der[-5:]


MODULUS = 2**2047 + 11
WEAK_RSA = {
    "1024 bits": lambda: spki(2**1023 + 3, 65537),
    "2047 bits": lambda: spki(2**2046 + 3, 65537),
    "4097 bits": lambda: spki(2**4096 + 3, 65537),
    "even modulus": lambda: even(spki(MODULUS, 65537)),
    "exponent 3": lambda: spki(MODULUS, 3),
    "exponent 65535": lambda: spki(MODULUS, 65535),
    "exponent beyond 32 bits": lambda: spki(MODULUS, 2**32 + 1),
    "RSA-PSS identifier": pss_spki,
    "P-256 key": lambda: get_algorithm("ecdsa-p256-sha256").encode_spki(some_key("ecdsa-p256-sha256").public_key),
    "byte after the end": lambda: some_key("rsa-pss-sha256").public_key + b"\0",
    "PKCS#1": lambda: some_key("rsa-pss-sha256").public_key[24:],
    "too long": lambda: bytes(2000),
}


@pytest.mark.parametrize("defect", WEAK_RSA)
def test_weak_and_misencoded_rsa_keys_are_refused(defect):
    key = WEAK_RSA[defect]()
    assert get_algorithm("rsa-pss-sha256").check_public_key(key) is Code.KEY_MALFORMED
    assert check_signature("rsa-pss-sha256", key, BODY, bytes(256)) is Code.KEY_MALFORMED


def test_rsa_keys_within_bounds_are_accepted():
    check = get_algorithm("rsa-pss-sha256").check_public_key
    for modulus, exponent in ((MODULUS, 65537), (2**4095 + 1, 2**32 - 1)):
        assert check(spki(modulus, exponent)) is Code.OK


@pytest.mark.parametrize(("bits", "exponent"), [(1024, 65537), (2048, 3)])
def test_weak_rsa_secrets_are_refused(bits, exponent):
    with pytest.raises(DecodingError) as refusal:
        SigningKey("rsa-pss-sha256", rsa_secret(bits, exponent))
    assert refusal.value.code is Code.KEY_MALFORMED
    for secret in (b"", b"x" * 100, bytes(10_000)):
        with pytest.raises(DecodingError):
            SigningKey("rsa-pss-sha256", secret)


@each
def test_public_key_info_round_trips_and_openssl_reads_it(name, tmp_path):
    key = some_key(name).public_key
    algorithm = get_algorithm(name)
    der = algorithm.encode_spki(key)
    assert algorithm.decode_spki(der) == key
    assert decode_public_key(der) == (name, key)
    pem = openssl_public_pem(name, key, tmp_path / "key.pem")
    assert openssl_output("pkey", "-pubin", "-in", str(pem), "-pubout", "-outform", "DER") == der
    (tmp_path / "key.der").write_bytes(der)
    shown_id = openssl_output("dgst", "-sm3", "-r", str(tmp_path / "key.der")).split()[0].decode()
    assert key_id(name, key).hex() == shown_id


@each
def test_public_key_info_has_one_encoding(name):
    der = get_algorithm(name).encode_spki(some_key(name).public_key)
    generator = seeded(name)
    for _ in range(times(300, 5000)):
        damaged = bytearray(der)
        place = generator.randrange(min(len(der), 40))
        kind = generator.randrange(3)
        if kind == 0:
            damaged[place] ^= 1 << generator.randrange(8)
        elif kind == 1:
            del damaged[place]
        else:
            damaged.insert(place, generator.randrange(256))
        try:
            algorithm, key = decode_public_key(bytes(damaged))
        except DecodingError as error:
            assert error.code in KEY_CODES  # noqa: PT017
        else:
            assert ALGORITHMS[algorithm].encode_spki(key) == bytes(damaged)


def test_compressed_and_foreign_points_are_refused():
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a811ccf5501822d032200") + b"\x02" + bytes(32)
    for der in (other_curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), compressed, b""):
        with pytest.raises(DecodingError) as refusal:
            decode_public_key(der)
        assert refusal.value.code is Code.KEY_MALFORMED
    off_curve = get_algorithm("sm2-sm3").encode_spki(some_key("sm2-sm3").public_key)[:-1] + b"\0"
    with pytest.raises(DecodingError) as refusal:
        decode_public_key(off_curve)
    assert refusal.value.code is Code.KEY_NOT_ON_CURVE
    with pytest.raises(DecodingError):
        key_id("sm2-sm3", bytes(64))


OPENSSL_OPTIONS = {
    "sm2-sm3": ("-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"),
    "ecdsa-p256-sha256": ("-rawin", "-digest", "sha256"),
    "rsa-pss-sha256": (
        *("-rawin", "-digest", "sha256", "-pkeyopt", "rsa_padding_mode:pss"),
        *("-pkeyopt", "rsa_pss_saltlen:32", "-pkeyopt", "rsa_mgf1_md:sha256"),
    ),
    "ed25519": ("-rawin",),
}
OPENSSL_KEYS = {
    "sm2-sm3": ("-algorithm", "SM2"),
    "ecdsa-p256-sha256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa-pss-sha256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ed25519": ("-algorithm", "ED25519"),
}
DER_SIGNATURES = frozenset({"sm2-sm3", "ecdsa-p256-sha256"})


@pytest.mark.parametrize("name", [shown(name) for name in sorted(ALGORITHMS)])
def test_signatures_cross_to_openssl_and_back(name, tmp_path):
    from govchain.crypto.sm2 import decode_signature_der, encode_signature_der

    (tmp_path / "body").write_bytes(BODY)
    ours = some_key(name)
    signature = ours.sign(BODY)
    (tmp_path / "ours").write_bytes(encode_signature_der(signature) if name in DER_SIGNATURES else signature)
    openssl_public_pem(name, ours.public_key, tmp_path / "ours.pem")
    verify = ("pkeyutl", "-verify", "-pubin", "-inkey", "ours.pem", "-sigfile", "ours", *OPENSSL_OPTIONS[name])
    openssl_output(*verify, "-in", "body", cwd=tmp_path)
    (tmp_path / "other").write_bytes(BODY + b" ")
    assert openssl(*verify, "-in", "other", cwd=tmp_path).returncode == 1

    openssl_output("genpkey", *OPENSSL_KEYS[name], "-out", "theirs.pem", cwd=tmp_path)
    public = openssl_output("pkey", "-in", "theirs.pem", "-pubout", "-outform", "DER", cwd=tmp_path)
    for _ in range(times(10, 100)):
        openssl_output(
            *("pkeyutl", "-sign", "-inkey", "theirs.pem", "-in", "body", "-out", "theirs", *OPENSSL_OPTIONS[name]),
            cwd=tmp_path,
        )
        theirs = (tmp_path / "theirs").read_bytes()
        if name in DER_SIGNATURES:
            theirs = decode_signature_der(theirs)
        assert decode_public_key(public)[0] == name
        assert check_signature(name, decode_public_key(public)[1], BODY, theirs) is Code.OK


def test_unknown_algorithms_get_their_code_everywhere():
    assert check_signature("md5", b"", b"", b"") is Code.ALGORITHM_NOT_ALLOWED
    assert BatchVerifier().check_many([("md5", b"", b"", b"")]) == [Code.ALGORITHM_NOT_ALLOWED]
    for refuse in (lambda: SigningKey("md5", b"\1" * 32), lambda: key_id("md5", b"")):
        with pytest.raises(UsageError) as refusal:
            refuse()
        assert refusal.value.code is Code.ALGORITHM_NOT_ALLOWED
