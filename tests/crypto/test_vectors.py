"""Published examples of SM2, SM3, SM4, and of the international algorithms (standards.md 2.8 and the RFCs)."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from govchain.crypto import (
    DEFAULT_SM2_ID,
    SigningKey,
    cbc_encrypt,
    check_hmac_sm3,
    check_signature,
    get_suite,
    hasher,
    hmac_sm3,
    open_sealed,
    seal,
    sm2,
)
from govchain.model.codes import Code
from tests.crypto import plain_sm2 as plain
from tests.crypto.support import vectors

SM3_SHOWN = ("BJ.function.encryption.02", "BJ.design.security.01", "JX.standard.basis.02", "JX.standard.basis.10")
SM2_SHOWN = ("BJ.function.encryption.02", "BJ.design.security.01", "JX.standard.basis.03", "JX.standard.basis.11")
SM4_SHOWN = ("BJ.function.encryption.02", "BJ.design.security.01")


def named(topic, name):
    return pytest.mark.parametrize("vector", vectors(topic, name), ids=lambda vector: vector["name"])


def unhex(vector, *names):
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.requirement(*SM3_SHOWN)
@named("sm3", "digest")
def test_sm3(vector):
    message, digest = unhex(vector, "message", "digest")
    assert get_suite("gm").digest(message) == digest
    assert plain.sm3(message) == digest
    pieces = hasher("sm3")
    for start in range(0, len(message), 7):
        pieces.update(message[start : start + 7])
    assert pieces.digest() == digest


@pytest.mark.requirement(*SM3_SHOWN)
@named("sm3", "hmac")
def test_hmac_sm3(vector):
    key, message, mac = unhex(vector, "key", "message", "mac")
    assert hmac_sm3(key, message) == plain.hmac_sm3(key, message) == mac
    assert check_hmac_sm3(key, message, mac) is Code.OK
    assert check_hmac_sm3(key, message, mac[:-1] + b"\0") is Code.SIGNATURE_INVALID
    assert check_hmac_sm3(key, message, mac[:-1]) is Code.SIGNATURE_INVALID


@pytest.mark.requirement(*SM4_SHOWN)
@named("sm4", "block")
def test_sm4_block(vector):
    key, plaintext, ciphertext = unhex(vector, "key", "plaintext", "ciphertext")
    # The first block of CBC under a zero initial value is the block itself.
    assert cbc_encrypt("sm4", key, bytes(16), plaintext)[:16] == ciphertext


@pytest.mark.requirement(*SM4_SHOWN)
def test_sm4_one_million_times():
    """GB/T 32907 A.2: the first example, encrypted again a million times."""
    block = key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    for _ in range(1_000_000):
        block = encryptor.update(block)
    assert block.hex() == "595298c7c6fd271f0402f804c33d3f66"


@pytest.mark.requirement(*SM4_SHOWN)
@named("sm4", "gcm")
def test_sm4_gcm(vector):
    key, nonce, data, plaintext, ciphertext, tag = unhex(
        vector, "key", "nonce", "associated_data", "plaintext", "ciphertext", "tag"
    )
    assert seal("sm4", key, nonce, plaintext, data) == ciphertext + tag
    assert open_sealed("sm4", key, nonce, ciphertext + tag, data) == plaintext


@pytest.mark.requirement(*SM2_SHOWN)
@named("sm2", "sign")
def test_sm2_signature(vector):
    signer_id, message, secret, key, za, e, signature, der = unhex(
        vector, "id", "message", "secret", "key", "za", "e", "signature", "der"
    )
    assert signer_id == DEFAULT_SM2_ID
    signing = SigningKey("sm2-sm3", secret)
    assert signing.public_key == key
    point = plain.decode_point(key)
    assert plain.za(point) == za
    assert plain.message_number(point, message) == int.from_bytes(e, "big")
    followed = plain.sign(int.from_bytes(secret, "big"), message, int(vector["nonce"], 16))
    assert followed == plain.decode_point(signature)
    assert check_signature("sm2-sm3", key, message, signature) is Code.OK
    assert sm2.encode_signature_der(signature) == der
    assert sm2.decode_signature_der(der) == signature
    sm2.verify_signature_der(key, message, der)
    own = signing.sign(message)
    assert own != signature
    sm2.verify_signature(key, message, own)
    assert plain.verify(point, message, *plain.decode_point(own))


@pytest.mark.requirement(*SM2_SHOWN)
@named("sm2", "verify")
def test_sm2_verification(vector):
    signer_id, message, key, der = unhex(vector, "id", "message", "key", "der")
    assert sm2.check_signature_der(key, message, der, signer_id=signer_id) is Code.OK
    assert sm2.check_signature_der(key, message + b"x", der, signer_id=signer_id) is Code.SIGNATURE_INVALID


@pytest.mark.requirement(*SM2_SHOWN)
@named("sm2", "encrypt")
def test_sm2_encryption(vector):
    secret, key, plaintext, c1, c3, c2 = unhex(vector, "secret", "key", "plaintext", "c1", "c3", "c2")
    assert sm2.decrypt(secret, c1 + c3 + c2) == plaintext
    assert plain.encrypt(plain.decode_point(key), plaintext, int(vector["nonce"], 16)) == c1 + c3 + c2
    assert sm2.decrypt(secret, sm2.encrypt(key, plaintext)) == plaintext


@named("ecdsa", "p256")
def test_ecdsa(vector):
    secret, key, message, signature = unhex(vector, "secret", "key", "message", "signature")
    assert SigningKey("ecdsa-p256-sha256", secret).public_key == key
    assert check_signature("ecdsa-p256-sha256", key, message, signature) is Code.OK


@named("ed25519", "sign")
def test_ed25519(vector):
    secret, key, message, signature = unhex(vector, "secret", "key", "message", "signature")
    signing = SigningKey("ed25519", secret)
    assert (signing.public_key, signing.sign(message)) == (key, signature)
    assert check_signature("ed25519", key, message, signature) is Code.OK


def test_plain_reference_agrees_with_the_interpreters_own_sm3():
    if "sm3" not in hashlib.algorithms_available:
        pytest.skip("this interpreter's OpenSSL has no SM3")
    for length in (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000):
        assert plain.sm3(bytes(length)) == hashlib.new("sm3", bytes(length)).digest()
