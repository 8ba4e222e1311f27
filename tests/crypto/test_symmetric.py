import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from govchain.crypto import (
    NONCE_BYTES,
    TAG_BYTES,
    cbc_decrypt,
    cbc_encrypt,
    ctr_apply,
    hmac_sm3,
    open_sealed,
    seal,
)
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import openssl_output, seeded, times

CIPHERS = [("sm4", 16, "sm4"), ("aes", 16, "aes-128"), ("aes", 32, "aes-256")]
each = pytest.mark.parametrize(("cipher", "key_bytes", "option"), CIPHERS)


@pytest.mark.requirement("BJ.function.encryption.02")
@each
def test_cbc_and_ctr_equal_openssls(cipher, key_bytes, option):
    generator = seeded(option)
    for _ in range(times(25, 500)):
        key, start = generator.randbytes(key_bytes), generator.randbytes(16)
        text = generator.randbytes(generator.choice((0, 1, 15, 16, 17, 100, 4096)))
        for mode in ("cbc", "ctr"):
            theirs = openssl_output("enc", f"-{option}-{mode}", "-K", key.hex(), "-iv", start.hex(), stdin=text)
            ours = cbc_encrypt(cipher, key, start, text) if mode == "cbc" else ctr_apply(cipher, key, start, text)
            assert ours == theirs
        assert cbc_decrypt(cipher, key, start, cbc_encrypt(cipher, key, start, text)) == text
        assert ctr_apply(cipher, key, start, ctr_apply(cipher, key, start, text)) == text


@each
@given(st.data())
def test_sealed_data_opens_only_unchanged(cipher, key_bytes, option, data):
    key = data.draw(st.binary(min_size=key_bytes, max_size=key_bytes))
    nonce = data.draw(st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES))
    text, extra = data.draw(st.binary(max_size=60)), data.draw(st.binary(max_size=20))
    sealed = seal(cipher, key, nonce, text, extra)
    assert len(sealed) == len(text) + TAG_BYTES
    assert open_sealed(cipher, key, nonce, sealed, extra) == text
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    damaged = bytearray(sealed)
    damaged[bit // 8] ^= 1 << bit % 8
    for arguments in (
        (key, nonce, bytes(damaged), extra),
        (key, nonce, sealed, extra + b"x"),
        (key, bytes([nonce[0] ^ 1]) + nonce[1:], sealed, extra),
        (bytes([key[0] ^ 1]) + key[1:], nonce, sealed, extra),
        (key, nonce, sealed[:-1], extra),
        (key, nonce, sealed[:15], extra),
        (key, nonce, b"", extra),
    ):
        with pytest.raises(DecodingError) as refusal:
            open_sealed(cipher, *arguments)
        assert refusal.value.code is Code.CIPHERTEXT_INVALID


def test_aes_gcm_equals_the_one_call_form():
    for length in (16, 32):
        key, nonce = bytes(range(length)), bytes(range(12))
        assert seal("aes", key, nonce, b"text", b"extra") == AESGCM(key).encrypt(nonce, b"text", b"extra")


def plain_sm4_gcm_counter(key, nonce, text):
    """GCM's confidentiality is CTR from nonce ‖ 2: a second way to the ciphertext."""
    return ctr_apply("sm4", key, nonce + b"\0\0\0\2", text)


def test_sm4_gcm_encrypts_as_its_counter_mode_does():
    generator = seeded("gcm")
    for _ in range(50):
        key, nonce, text = generator.randbytes(16), generator.randbytes(12), generator.randbytes(100)
        assert seal("sm4", key, nonce, text)[:-16] == plain_sm4_gcm_counter(key, nonce, text)


@pytest.mark.parametrize("cipher", ["des", "sm1", "rc4", "SM4", ""])
def test_other_ciphers_are_refused(cipher):
    for refuse in (
        lambda: seal(cipher, bytes(16), bytes(12), b""),
        lambda: open_sealed(cipher, bytes(16), bytes(12), bytes(16)),
        lambda: cbc_encrypt(cipher, bytes(16), bytes(16), b""),
        lambda: cbc_decrypt(cipher, bytes(16), bytes(16), bytes(16)),
        lambda: ctr_apply(cipher, bytes(16), bytes(16), b""),
    ):
        with pytest.raises(UsageError) as refusal:
            refuse()
        assert refusal.value.code is Code.ALGORITHM_NOT_ALLOWED


@pytest.mark.parametrize(
    ("function", "cipher", "key_bytes", "start_bytes"),
    [
        *[
            (seal, "sm4", 15, 12),
            (seal, "sm4", 32, 12),
            (seal, "aes", 24, 12),
            (seal, "sm4", 16, 16),
            (seal, "aes", 16, 0),
        ],
        *[
            (open_sealed, "sm4", 16, 8),
            (cbc_encrypt, "sm4", 16, 12),
            (cbc_decrypt, "aes", 17, 16),
            (ctr_apply, "sm4", 16, 15),
        ],
    ],
)
def test_keys_and_nonces_have_their_lengths(function, cipher, key_bytes, start_bytes):
    with pytest.raises(UsageError) as refusal:
        function(cipher, bytes(key_bytes), bytes(start_bytes), bytes(32))
    assert refusal.value.code is Code.USAGE


def test_cbc_refuses_broken_lengths_and_padding():
    key, start = bytes(16), bytes(16)
    good = cbc_encrypt("sm4", key, start, b"text")
    for bad in (b"", good[:-1], good + b"\0", bytes(16), good[:-1] + bytes([good[-1] ^ 1])):
        with pytest.raises(DecodingError) as refusal:
            cbc_decrypt("sm4", key, start, bad)
        assert refusal.value.code is Code.CIPHERTEXT_INVALID


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_hmac_sm3_equals_its_twin(key, data):
    assert hmac_sm3(key, data) == plain.hmac_sm3(key, data)


def test_hmac_sm3_equals_the_interpreters_own():
    if "sm3" not in hashlib.algorithms_available:
        pytest.skip("this interpreter's OpenSSL has no SM3")
    generator = seeded("hmac")
    for _ in range(2000):
        key, data = generator.randbytes(generator.randrange(130)), generator.randbytes(generator.randrange(300))
        assert hmac_sm3(key, data) == hmac.new(key, data, "sm3").digest()
