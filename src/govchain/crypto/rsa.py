"""rsa-pss-sha256: RSASSA-PSS with SHA-256, MGF1-SHA-256 and a 32-byte salt (RFC 8017) through ``cryptography``.

Key: DER SubjectPublicKeyInfo with rsaEncryption and NULL parameters; an odd modulus of 2048 to 4096 bits, an odd
exponent of 65537 to 2^32. Signature: as long as the modulus, a number below it. Secret: DER PKCS#8 PrivateKeyInfo.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from govchain.crypto.port import DEFAULT_SM2_ID, Algorithm
from govchain.model.codes import Code
from govchain.model.errors import DecodingError

__all__ = ["EXPONENT_MAX", "EXPONENT_MIN", "MODULUS_BITS_MAX", "MODULUS_BITS_MIN", "RsaPssSha256"]

#: Smaller moduli count as broken (a high risk in any commercial-cryptography assessment).
MODULUS_BITS_MIN: Final = 2048
#: Larger ones cost every verifier too much.
MODULUS_BITS_MAX: Final = 4096
#: Smallest public exponent (FIPS 186-5 5.4).
EXPONENT_MIN: Final = 65537
#: Largest public exponent, which bounds the cost of a verification.
EXPONENT_MAX: Final = 2**32 - 1
#: Bytes of salt in a signature.
SALT_BYTES: Final = 32

_KEY_BYTES_MAX: Final = 1024
_SECRET_BYTES_MAX: Final = 8192
#: Parsed public keys kept.
_KEYS_KEPT: Final = 1024
_PSS: Final = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=SALT_BYTES)


def _numbers_code(numbers: rsa.RSAPublicNumbers) -> Code:
    bits = numbers.n.bit_length()
    sound = (
        MODULUS_BITS_MIN <= bits <= MODULUS_BITS_MAX
        and numbers.n % 2 == 1
        and EXPONENT_MIN <= numbers.e <= EXPONENT_MAX
        and numbers.e % 2 == 1
    )
    return Code.OK if sound else Code.KEY_MALFORMED


@lru_cache(maxsize=_KEYS_KEPT)
def _public(key: bytes) -> rsa.RSAPublicKey | Code:
    if len(key) > _KEY_BYTES_MAX:
        return Code.KEY_MALFORMED
    try:
        public = load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        return Code.KEY_MALFORMED
    if not isinstance(public, rsa.RSAPublicKey) or _numbers_code(public.public_numbers()) is not Code.OK:
        return Code.KEY_MALFORMED
    if public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key:
        return Code.KEY_MALFORMED
    return public


class RsaPssSha256(Algorithm):
    """RSA-PSS with SHA-256."""

    name = "rsa-pss-sha256"
    suite = "international"

    def check_public_key(self, key: bytes) -> Code:
        """See :meth:`Algorithm.check_public_key`."""
        public = _public(key)
        return public if isinstance(public, Code) else Code.OK

    def check_signature(
        self,
        key: bytes,
        message: bytes,
        signature: bytes,
        *,
        signer_id: bytes = DEFAULT_SM2_ID,
    ) -> Code:
        """See :meth:`Algorithm.check_signature`."""
        public = _public(key)
        if isinstance(public, Code):
            return public
        if len(signature) != (public.key_size + 7) // 8:
            return Code.SIGNATURE_LENGTH
        if int.from_bytes(signature, "big") >= public.public_numbers().n:
            return Code.SIGNATURE_RANGE
        try:
            public.verify(signature, message, _PSS, hashes.SHA256())
        except InvalidSignature:
            return Code.SIGNATURE_INVALID
        return Code.OK

    def sign(self, secret: bytes, key: bytes, message: bytes) -> bytes:
        """See :meth:`Algorithm.sign`."""
        return self._private(secret, checked_before=True).sign(message, _PSS, hashes.SHA256())

    def public_key_of(self, secret: bytes) -> bytes:
        """See :meth:`Algorithm.public_key_of`."""
        public = self._private(secret).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def encode_spki(self, key: bytes) -> bytes:
        """See :meth:`Algorithm.encode_spki`; an RSA key is its SubjectPublicKeyInfo."""
        return self._checked(key)

    def decode_spki(self, der: bytes) -> bytes:
        """See :meth:`Algorithm.decode_spki`."""
        return self._checked(der)

    def _private(self, secret: bytes, *, checked_before: bool = False) -> rsa.RSAPrivateKey:
        try:
            if len(secret) > _SECRET_BYTES_MAX:
                raise ValueError
            private = load_der_private_key(secret, None, unsafe_skip_rsa_key_validation=checked_before)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise DecodingError(Code.KEY_MALFORMED, algorithm=self.name) from None
        if (
            not isinstance(private, rsa.RSAPrivateKey)
            or _numbers_code(private.public_key().public_numbers()) is not Code.OK
        ):
            raise DecodingError(Code.KEY_MALFORMED, algorithm=self.name)
        return private
