"""ecdsa-p256-sha256: ECDSA on P-256 with SHA-256 (FIPS 186-5) behind the algorithm port, through ``cryptography``.

Key: X‖Y, 64 bytes. Signature: r‖s, 64 bytes, r and s in [1, n - 1]; both s and n - s are accepted, as FIPS 186-5
does, since ids are digests of bodies and never of signatures. Secret: 32 bytes in [1, n - 1].
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from govchain.crypto.port import DEFAULT_SM2_ID, Algorithm
from govchain.model.codes import Code
from govchain.model.errors import DecodingError

__all__ = ["ORDER", "SPKI_PREFIX", "EcdsaP256Sha256"]

#: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING 04 …}: what stands before X‖Y.
SPKI_PREFIX: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
#: Order n of the base point (SP 800-186 3.2.1.3).
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_PRIME: Final = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
#: Parsed public keys kept; departments sign with few, repeating keys.
_KEYS_KEPT: Final = 1024
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=_KEYS_KEPT)
def _public(key: bytes) -> ec.EllipticCurvePublicKey | Code:
    if len(key) != 64:
        return Code.KEY_MALFORMED
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    if x >= _PRIME or y >= _PRIME:
        return Code.KEY_MALFORMED
    if (y * y - (x * x * x - 3 * x + _B)) % _PRIME:
        return Code.KEY_NOT_ON_CURVE
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


class EcdsaP256Sha256(Algorithm):
    """ECDSA on P-256 with SHA-256."""

    name = "ecdsa-p256-sha256"
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
        if len(signature) != 64:
            return Code.SIGNATURE_LENGTH
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if not (0 < r < ORDER and 0 < s < ORDER):
            return Code.SIGNATURE_RANGE
        try:
            public.verify(encode_dss_signature(r, s), message, _ECDSA)
        except InvalidSignature:
            return Code.SIGNATURE_INVALID
        return Code.OK

    def sign(self, secret: bytes, key: bytes, message: bytes) -> bytes:
        """See :meth:`Algorithm.sign`."""
        r, s = decode_dss_signature(self._private(secret).sign(message, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_key_of(self, secret: bytes) -> bytes:
        """See :meth:`Algorithm.public_key_of`."""
        numbers = self._private(secret).public_key().public_numbers()
        return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    def encode_spki(self, key: bytes) -> bytes:
        """See :meth:`Algorithm.encode_spki`."""
        return SPKI_PREFIX + self._checked(key)

    def decode_spki(self, der: bytes) -> bytes:
        """See :meth:`Algorithm.decode_spki`."""
        return self._decode_prefixed(SPKI_PREFIX, der)

    def _private(self, secret: bytes) -> ec.EllipticCurvePrivateKey:
        scalar = int.from_bytes(secret, "big")
        if len(secret) != 32 or not 0 < scalar < ORDER:
            raise DecodingError(Code.KEY_MALFORMED, algorithm=self.name)
        return ec.derive_private_key(scalar, ec.SECP256R1())
