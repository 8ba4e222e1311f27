"""The port that every signature algorithm implements.

Purpose: the rest of the house signs and verifies without knowing a curve. Rules: ``check_*`` answers a code and never
raises on bad bytes; ``verify_*`` raises; a key or a signature has exactly one accepted form (docs/spec/block.md 1.2).
Where a key and a signature are both bad the key's code is the answer, being the lower number.
Not here: which algorithms a chain allows (genesis), where keys are kept (``signers``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from govchain.model.codes import Code
from govchain.model.errors import DecodingError, VerificationError

__all__ = ["DEFAULT_SM2_ID", "Algorithm"]

#: The signer's ID where nothing else is agreed (GM/T 0009, GM/T 0015).
DEFAULT_SM2_ID: Final = b"1234567812345678"


class Algorithm(ABC):
    """One signature algorithm with its digest, and the forms of its keys and signatures."""

    #: The name in genesis files, bodies and signer sets.
    name: str
    #: ``gm`` or ``international``.
    suite: str

    @abstractmethod
    def check_public_key(self, key: bytes) -> Code:
        """``OK``, ``KEY_MALFORMED`` or ``KEY_NOT_ON_CURVE``."""

    @abstractmethod
    def check_signature(
        self, key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID
    ) -> Code:
        """``OK``, or the lowest of the key codes, ``SIGNATURE_LENGTH``, ``SIGNATURE_RANGE``, ``SIGNATURE_INVALID``.

        ``signer_id`` matters to SM2 only.
        """

    @abstractmethod
    def sign(self, secret: bytes, key: bytes, message: bytes) -> bytes:
        """Sign ``message``; ``key`` is the public key of ``secret``, which saves computing it each time.

        Raises:
            DecodingError: ``KEY_MALFORMED`` when ``secret`` is no private key of this algorithm.
        """

    @abstractmethod
    def public_key_of(self, secret: bytes) -> bytes:
        """The public key of ``secret``, after checking that it is a private key that may be used.

        Raises:
            DecodingError: ``KEY_MALFORMED``.
        """

    @abstractmethod
    def encode_spki(self, key: bytes) -> bytes:
        """DER SubjectPublicKeyInfo of a key that has been checked; its digest is the key id."""

    @abstractmethod
    def decode_spki(self, der: bytes) -> bytes:
        """The key in a DER SubjectPublicKeyInfo of this algorithm, in its only accepted encoding.

        Raises:
            DecodingError: ``KEY_MALFORMED``, ``KEY_NOT_ON_CURVE``.
        """

    def sign_many(self, secret: bytes, key: bytes, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message; a faster way where the algorithm has one."""
        return [self.sign(secret, key, message) for message in messages]

    def verify_signature(
        self, key: bytes, message: bytes, signature: bytes, *, signer_id: bytes = DEFAULT_SM2_ID
    ) -> None:
        """Return only if the signature holds.

        Raises:
            VerificationError: with the code that :meth:`check_signature` answers.
        """
        code = self.check_signature(key, message, signature, signer_id=signer_id)
        if code is not Code.OK:
            raise VerificationError(code, algorithm=self.name)

    def _checked(self, key: bytes) -> bytes:
        code = self.check_public_key(key)
        if code is not Code.OK:
            raise DecodingError(code, algorithm=self.name)
        return key

    def _decode_prefixed(self, prefix: bytes, der: bytes) -> bytes:
        """The key behind a fixed SubjectPublicKeyInfo prefix (keys of one fixed length have one fixed encoding)."""
        if not der.startswith(prefix):
            raise DecodingError(Code.KEY_MALFORMED, algorithm=self.name)
        return self._checked(der[len(prefix) :])
