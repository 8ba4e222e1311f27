"""sm2-sm3: SM2 signatures with SM3 (GB/T 32918.2, GM/T 0009) behind the algorithm port.

Key: X‖Y, 64 bytes. Signature: r‖s, 64 bytes. Secret: 32 bytes in [1, n - 2]. SubjectPublicKeyInfo as GM/T 0015 and
OpenSSL write it: id-ecPublicKey with the curve 1.2.156.10197.1.301. Not here: DER forms (:mod:`govchain.crypto.sm2`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import govchain_native as native
from govchain.crypto import sm2
from govchain.crypto.port import DEFAULT_SM2_ID, Algorithm
from govchain.model.codes import Code

__all__ = ["SPKI_PREFIX", "Sm2Sm3"]

#: SEQUENCE { SEQUENCE { id-ecPublicKey, 1.2.156.10197.1.301 }, BIT STRING 04 …}: what stands before X‖Y.
SPKI_PREFIX: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")


class Sm2Sm3(Algorithm):
    """SM2 with SM3 and the default ID unless another is given."""

    name = "sm2-sm3"
    suite = "gm"

    def check_public_key(self, key: bytes) -> Code:
        """See :meth:`Algorithm.check_public_key`."""
        return sm2.check_public_key(key)

    def check_signature(
        self, key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID
    ) -> Code:
        """See :meth:`Algorithm.check_signature`; r + s = n is ``SIGNATURE_RANGE`` too."""
        return sm2.check_signature(key, message, signature, signer_id=signer_id)

    def sign(self, secret: bytes, key: bytes, message: bytes) -> bytes:
        """See :meth:`Algorithm.sign`."""
        return sm2.sign(secret, key, message)

    def sign_many(self, secret: bytes, key: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message in one native call."""
        sm2.checked_secret(secret)
        self._checked(key)
        return list(native.sm2_sign_many(secret, key, list(messages), DEFAULT_SM2_ID))

    def public_key_of(self, secret: bytes) -> bytes:
        """See :meth:`Algorithm.public_key_of`."""
        return native.sm2_public_key(sm2.checked_secret(secret))

    def encode_spki(self, key: bytes) -> bytes:
        """See :meth:`Algorithm.encode_spki`."""
        return SPKI_PREFIX + self._checked(key)

    def decode_spki(self, der: bytes) -> bytes:
        """See :meth:`Algorithm.decode_spki`."""
        return self._decode_prefixed(SPKI_PREFIX, der)
