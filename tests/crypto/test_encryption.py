"""SM2 encryption: forms, defects, and OpenSSL, gmalg and gmssl as second opinions."""

import gmalg
import pytest
from gmssl import sm2 as gmssl_sm2
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import SigningKey, sm2
from govchain.crypto.gm import SPKI_PREFIX
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import openssl, openssl_output, seeded, sm2_key, sound_gmalg, times

SECRET = b"\7" * 32
KEY = SigningKey("sm2-sm3", SECRET).public_key


def legacy(ciphertext):
    """C1‖C2‖C3, the order of 2010, of 04‖C1‖C3‖C2."""
    return ciphertext[:65] + ciphertext[97:] + ciphertext[65:97]


def refused(ciphertext, **options):
    with pytest.raises(DecodingError) as refusal:
        sm2.decrypt(SECRET, ciphertext, **options)
    assert refusal.value.code is Code.CIPHERTEXT_INVALID
    return True


@pytest.mark.requirement("JX.standard.basis.03", "JX.standard.basis.11", "JX.standard.basis.07")
def test_openssl_opens_ours_and_we_open_openssls(tmp_path):
    openssl_output("genpkey", "-algorithm", "SM2", "-out", "secret.pem", cwd=tmp_path)
    public = openssl_output("pkey", "-in", "secret.pem", "-pubout", "-outform", "DER", cwd=tmp_path)
    text = openssl_output("pkey", "-in", "secret.pem", "-text", "-noout", cwd=tmp_path).decode()
    key = public.removeprefix(SPKI_PREFIX)
    secret = bytes.fromhex("".join(text.split("priv:")[1].split("pub:")[0].split()).replace(":", ""))[-32:].rjust(
        32, b"\0"
    )
    assert SigningKey("sm2-sm3", secret).public_key == key
    generator = seeded("openssl encryption")
    for _ in range(times(60, 1500)):
        plaintext = generator.randbytes(generator.choice((1, 2, 16, 32, 33, 200)))
        (tmp_path / "ours").write_bytes(sm2.encode_ciphertext_der(sm2.encrypt(key, plaintext)))
        assert openssl_output("pkeyutl", "-decrypt", "-inkey", "secret.pem", "-in", "ours", cwd=tmp_path) == plaintext
        theirs = openssl_output("pkeyutl", "-encrypt", "-inkey", "secret.pem", stdin=plaintext, cwd=tmp_path)
        assert sm2.decrypt(secret, sm2.decode_ciphertext_der(theirs)) == plaintext
    damaged = bytearray((tmp_path / "ours").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "ours").write_bytes(bytes(damaged))
    assert openssl("pkeyutl", "-decrypt", "-inkey", "secret.pem", "-in", "ours", cwd=tmp_path).returncode != 0
    with pytest.raises(DecodingError):
        sm2.decrypt(secret, sm2.decode_ciphertext_der(bytes(damaged)))


@sound_gmalg
def test_gmalg_and_the_plain_twin_agree():
    generator = seeded("gmalg encryption")
    for _ in range(times(40, 800)):
        key = sm2_key(generator)
        secret = key._open_secret()
        plaintext = generator.randbytes(generator.randrange(1, 100))
        theirs = gmalg.SM2(secret, b"", b"\x04" + key.public_key)
        assert theirs.decrypt(sm2.encrypt(key.public_key, plaintext)) == plaintext
        assert sm2.decrypt(secret, theirs.encrypt(plaintext)) == plaintext
        assert plain.decrypt(int.from_bytes(secret, "big"), sm2.encrypt(key.public_key, plaintext)) == plaintext
        made = plain.encrypt(plain.decode_point(key.public_key), plaintext, generator.randrange(1, plain.N))
        assert made is None or sm2.decrypt(secret, made) == plaintext


def test_gmssl_agrees_in_the_order_that_it_is_told():
    """Its default order is the one of 2010, it leaves out the 04, and it strips leading zeros and fours of keys."""
    generator = seeded("gmssl")
    for mode, order in ((1, "c1c3c2"), (0, "c1c2c3")):
        for _ in range(times(10, 200)):
            while True:
                key = sm2_key(generator)
                if key.public_key.hex()[0] not in "04":
                    break
            theirs = gmssl_sm2.CryptSM2(
                private_key=key._open_secret().hex(), public_key=key.public_key.hex(), mode=mode
            )
            plaintext = generator.randbytes(generator.randrange(8, 60))
            encrypted = theirs.encrypt(plaintext)
            assert sm2.decrypt(key._open_secret(), encrypted, order=order) == plaintext
            ours = sm2.encrypt(key.public_key, plaintext)[1:]
            if mode == 0:
                ours = legacy(b"\x04" + ours)[1:]
            assert theirs.decrypt(ours) == plaintext


@pytest.mark.parametrize("length", [1, 2, 3, 31, 32, 33, 64, 1000, 100_000])
def test_every_length_comes_back(length):
    plaintext = bytes(range(256)) * (length // 256 + 1)
    ciphertext = sm2.encrypt(KEY, plaintext[:length])
    assert len(ciphertext) == 97 + length
    assert ciphertext[0] == 4
    assert sm2.decrypt(SECRET, ciphertext) == plaintext[:length]


def test_one_byte_messages_never_meet_a_zero_mask():
    """One key stream byte in 256 is zero; the standard then takes another nonce."""
    for _ in range(times(1500, 20_000)):
        ciphertext = sm2.encrypt(KEY, b"\x55")
        assert ciphertext[97] != 0x55
        assert sm2.decrypt(SECRET, ciphertext) == b"\x55"


def test_the_leading_04_may_be_missing():
    ciphertext = sm2.encrypt(KEY, b"text")
    assert sm2.normalise_ciphertext(ciphertext) == ciphertext
    assert sm2.normalise_ciphertext(ciphertext[1:]) == ciphertext
    assert sm2.decrypt(SECRET, ciphertext[1:]) == b"text"


def test_an_x_that_begins_with_04_is_not_taken_for_the_prefix():
    generator = seeded("04")
    done = 0
    while done < 5:
        k = generator.randrange(1, plain.N)
        point = plain.multiply(k)
        if point is None or point[0] >> 248 != 4:
            continue
        ciphertext = plain.encrypt(plain.decode_point(KEY), b"any text", k)
        assert sm2.decrypt(SECRET, ciphertext) == b"any text"
        assert sm2.decrypt(SECRET, ciphertext[1:]) == b"any text"
        assert sm2.decrypt(SECRET, legacy(ciphertext)[1:], order="c1c2c3") == b"any text"
        done += 1


def test_the_order_of_2010_only_where_the_caller_says_so():
    for length in (1, 31, 32, 33, 100):
        ciphertext = sm2.encrypt(KEY, b"z" * length)
        assert sm2.decrypt(SECRET, legacy(ciphertext), order="c1c2c3") == b"z" * length
        assert refused(legacy(ciphertext))
        assert refused(ciphertext, order="c1c2c3")
        assert sm2.normalise_ciphertext(legacy(ciphertext)[1:], order="c1c2c3") == ciphertext


def test_every_flipped_bit_is_noticed():
    ciphertext = sm2.encrypt(KEY, b"every bit")
    for bit in range(8 * len(ciphertext)):
        damaged = bytearray(ciphertext)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused(bytes(damaged))


def test_defects_are_refused():
    ciphertext = sm2.encrypt(KEY, b"text")
    compressed = bytes([2 + ciphertext[64] % 2]) + ciphertext[1:33] + ciphertext[65:]
    for defect in (
        *(b"", b"\x04", ciphertext[:96], ciphertext[:97], ciphertext[:-1], ciphertext + b"\0"),
        *(compressed, b"\x04" + bytes(200), b"\x04" + ciphertext, sm2.encode_ciphertext_der(ciphertext)),
        bytes(2 * 1024 * 1024),
    ):
        assert refused(defect)
    other = SigningKey("sm2-sm3", b"\x08" * 32)
    assert refused(sm2.encrypt(other.public_key, b"text"))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_our_code(data):
    assert refused(data)


def test_what_cannot_be_encrypted():
    for plaintext in (b"", bytes(sm2.PLAINTEXT_BYTES_MAX + 1)):
        with pytest.raises(UsageError) as refusal:
            sm2.encrypt(KEY, plaintext)
        assert refusal.value.code is Code.USAGE
    for key, code in (
        (KEY[:-1], Code.KEY_MALFORMED),
        (bytes(64), Code.KEY_NOT_ON_CURVE),
        (b"\xff" * 64, Code.KEY_MALFORMED),
    ):
        with pytest.raises(DecodingError) as refusal:
            sm2.encrypt(key, b"x")
        assert refusal.value.code is code


def test_encrypting_twice_gives_two_ciphertexts():
    assert len({sm2.encrypt(KEY, b"same") for _ in range(100)}) == 100
