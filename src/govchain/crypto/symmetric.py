"""Sealing data: SM4 (GB/T 32907) and AES in GCM, CBC and CTR through ``cryptography``, and HMAC-SM3.

Purpose: one narrow set of functions for what is stored or sent encrypted. Rules: keys, nonces and initial values are
passed in, since nothing here draws randomness; a GCM nonce has 12 bytes and is used once per key, which the caller
sees to; ``open_sealed`` answers the plaintext or raises, never part of it. GCM is what new formats use; CBC and CTR are
for formats that others have fixed (key files, GM/T 0010 envelopes) and protect no integrity by themselves.
Not here: where keys come from (``vault``, ``signers``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, algorithms, modes
from cryptography.hazmat.primitives.constant_time import bytes_eq

import govchain_native as native
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError

__all__ = [
    "BLOCK_BYTES",
    "CIPHER_KEY_BYTES",
    "NONCE_BYTES",
    "TAG_BYTES",
    "cbc_decrypt",
    "cbc_encrypt",
    "check_hmac_sm3",
    "ctr_apply",
    "hmac_sm3",
    "open_sealed",
    "seal",
]

#: Bytes of a GCM nonce.
NONCE_BYTES: Final = 12
#: Bytes of a GCM tag, never truncated.
TAG_BYTES: Final = 16
#: Bytes of a block, an initial value and a first counter, in both ciphers.
BLOCK_BYTES: Final = 16

#: Key lengths in bytes that each cipher takes.
CIPHER_KEY_BYTES: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    {"sm4": frozenset({16}), "aes": frozenset({16, 32})}
)


def _cipher(cipher: str, key: bytes) -> CipherAlgorithm:
    lengths = CIPHER_KEY_BYTES.get(cipher)
    if lengths is None:
        raise UsageError(Code.ALGORITHM_NOT_ALLOWED, algorithm=cipher)
    _expect("key", key, lengths)
    return algorithms.SM4(key) if cipher == "sm4" else algorithms.AES(key)


def _expect(what: str, value: bytes, lengths: frozenset[int]) -> None:
    if len(value) not in lengths:
        raise UsageError(Code.USAGE, reason=f"{what} of {len(value)} bytes; it needs {sorted(lengths)}")


def seal(cipher: str, key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes = b"") -> bytes:
    """Encrypt and authenticate with GCM: ciphertext ‖ 16-byte tag. ``cipher`` is ``sm4`` or ``aes``.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED``; ``USAGE`` for a key or nonce of a wrong length.
    """
    algorithm = _cipher(cipher, key)
    _expect("nonce", nonce, frozenset({NONCE_BYTES}))
    encryptor = Cipher(algorithm, modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(associated_data)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def open_sealed(cipher: str, key: bytes, nonce: bytes, sealed: bytes, associated_data: bytes = b"") -> bytes:
    """The plaintext of what :func:`seal` made.

    Raises:
        UsageError: as :func:`seal`.
        DecodingError: ``CIPHERTEXT_INVALID`` where tag, data or key do not fit.
    """
    algorithm = _cipher(cipher, key)
    _expect("nonce", nonce, frozenset({NONCE_BYTES}))
    if len(sealed) < TAG_BYTES:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="shorter than its tag")
    body, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    decryptor = Cipher(algorithm, modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(associated_data)
    try:
        return decryptor.update(body) + decryptor.finalize()
    except InvalidTag:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="the tag does not hold") from None


def cbc_encrypt(cipher: str, key: bytes, initial_value: bytes, plaintext: bytes) -> bytes:
    """Encrypt with CBC and PKCS#7 padding. The result is not authenticated.

    Raises:
        UsageError: as :func:`seal`.
    """
    algorithm = _cipher(cipher, key)
    _expect("initial value", initial_value, frozenset({BLOCK_BYTES}))
    padder = padding.PKCS7(8 * BLOCK_BYTES).padder()
    encryptor = Cipher(algorithm, modes.CBC(initial_value)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def cbc_decrypt(cipher: str, key: bytes, initial_value: bytes, ciphertext: bytes) -> bytes:
    """Decrypt CBC with PKCS#7 padding; never tell an outsider apart why it failed.

    Raises:
        UsageError: as :func:`seal`.
        DecodingError: ``CIPHERTEXT_INVALID`` for a length that is no whole blocks, or wrong padding.
    """
    algorithm = _cipher(cipher, key)
    _expect("initial value", initial_value, frozenset({BLOCK_BYTES}))
    unpadder = padding.PKCS7(8 * BLOCK_BYTES).unpadder()
    decryptor = Cipher(algorithm, modes.CBC(initial_value)).decryptor()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise DecodingError(Code.CIPHERTEXT_INVALID, reason="it does not open with this key") from None


def ctr_apply(cipher: str, key: bytes, counter: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt with CTR from the 16-byte first ``counter``. The result is not authenticated.

    Raises:
        UsageError: as :func:`seal`.
    """
    algorithm = _cipher(cipher, key)
    _expect("counter", counter, frozenset({BLOCK_BYTES}))
    encryptor = Cipher(algorithm, modes.CTR(counter)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC with SM3 (RFC 2104, GB/T 15852.2): 32 bytes."""
    return native.hmac_sm3(key, data)


def check_hmac_sm3(key: bytes, data: bytes, mac: bytes) -> Code:
    """``OK``, or ``SIGNATURE_INVALID`` where ``mac`` is not the HMAC-SM3 of ``data``; compared in constant time."""
    return Code.OK if bytes_eq(native.hmac_sm3(key, data), mac) else Code.SIGNATURE_INVALID
