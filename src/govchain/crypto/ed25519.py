"""ed25519: EdDSA on edwards25519 (RFC 8032) behind the algorithm port, through ``cryptography``.

Key: 32 bytes, the canonical encoding of a point outside the small subgroup (under a key of small order one signature
holds for many messages). Signature: R‖S, 64 bytes, S below the group order. Secret: the 32-byte seed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govchain.crypto.port import DEFAULT_SM2_ID, Algorithm
from govchain.model.codes import Code
from govchain.model.errors import DecodingError

__all__ = ["ORDER", "SPKI_PREFIX", "Ed25519"]

#: SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING …}: what stands before the key (RFC 8410).
SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
#: Order L of the base point (RFC 8032 5.1).
ORDER: Final = 2**252 + 27742317777372353535851937790883648493

_PRIME: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _PRIME) % _PRIME
#: Parsed public keys kept.
_KEYS_KEPT: Final = 1024


@lru_cache(maxsize=_KEYS_KEPT)
def _public(key: bytes) -> Ed25519PublicKey | Code:
    """The parsed key, or why it is none: RFC 8032 5.1.3, and no point whose eightfold is the neutral element."""
    if len(key) != 32:
        return Code.KEY_MALFORMED
    number = int.from_bytes(key, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= _PRIME:
        return Code.KEY_MALFORMED
    x_square = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    if x_square and pow(x_square, (_PRIME - 1) // 2, _PRIME) != 1:
        return Code.KEY_NOT_ON_CURVE
    if (x_square == 0 and sign) or _has_small_order(x_square, y):
        return Code.KEY_MALFORMED
    return Ed25519PublicKey.from_public_bytes(key)


def _has_small_order(x_square: int, y: int) -> bool:
    """Whether the point's order divides 8: double it three times, in x² and y alone, and look for (0, 1)."""
    for _ in range(3):
        xy_square = x_square * y * y % _PRIME
        product = _D * xy_square % _PRIME
        y = (y * y + x_square) * pow(1 - product, -1, _PRIME) % _PRIME
        x_square = 4 * xy_square * pow(1 + product, -2, _PRIME) % _PRIME
    return x_square == 0 and y == 1


class Ed25519(Algorithm):
    """Ed25519, the pure variant."""

    name = "ed25519"
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
        if int.from_bytes(signature[32:], "little") >= ORDER:
            return Code.SIGNATURE_RANGE
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return Code.SIGNATURE_INVALID
        return Code.OK

    def sign(self, secret: bytes, key: bytes, message: bytes) -> bytes:
        """See :meth:`Algorithm.sign`."""
        return self._private(secret).sign(message)

    def public_key_of(self, secret: bytes) -> bytes:
        """See :meth:`Algorithm.public_key_of`."""
        return self._private(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def encode_spki(self, key: bytes) -> bytes:
        """See :meth:`Algorithm.encode_spki`."""
        return SPKI_PREFIX + self._checked(key)

    def decode_spki(self, der: bytes) -> bytes:
        """See :meth:`Algorithm.decode_spki`."""
        return self._decode_prefixed(SPKI_PREFIX, der)

    def _private(self, secret: bytes) -> Ed25519PrivateKey:
        if len(secret) != 32:
            raise DecodingError(Code.KEY_MALFORMED, algorithm=self.name)
        return Ed25519PrivateKey.from_private_bytes(secret)
