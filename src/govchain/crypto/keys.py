"""Signing keys in memory, and what is derived from public keys: key ids and account addresses.

Rules: a secret enters at construction and is never shown again: not in ``repr``, not by ``pickle`` or ``copy``, not by
a property; only :mod:`govchain.crypto.keyfile` writes it, encrypted. Closing overwrites our copy (best effort: the
interpreter and the libraries may have made others). Not here: making secrets (``signers``), reading files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn, Self

import govchain_native as native
from govchain.crypto.algorithms import get_algorithm
from govchain.crypto.suites import Suite
from govchain.model.codes import Code
from govchain.model.errors import UsageError
from govchain.model.identifiers import ADDRESS_BYTES

__all__ = ["SigningKey", "account_address", "key_id"]

_ADDRESS_DOMAIN: Final = "govchain/account/1"


def key_id(algorithm: str, key: bytes) -> bytes:
    """SM3 of the key's DER SubjectPublicKeyInfo, in either suite: 32 bytes.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED``.
        DecodingError: the key's code.
    """
    return native.sm3(get_algorithm(algorithm).encode_spki(key))


def account_address(suite: Suite, chain: str, algorithm: str, key: bytes) -> bytes:
    """The 20-byte address of an account on ``chain`` whose first key is ``key`` (block.md 1.2)."""
    return suite.tagged(_ADDRESS_DOMAIN, chain, algorithm, key)[:ADDRESS_BYTES]


class SigningKey:
    """A private key that signs; usable as a context manager that overwrites it at the end.

    ``secret``: 32 bytes for sm2-sm3, ecdsa-p256-sha256 (big-endian scalar) and ed25519 (seed), DER PKCS#8 for
    rsa-pss-sha256.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED``.
        DecodingError: ``KEY_MALFORMED`` for a secret outside its range.
    """

    __slots__ = ("_algorithm", "_public_key", "_secret")

    def __init__(self, algorithm: str, secret: bytes) -> None:
        self._algorithm = get_algorithm(algorithm)
        self._public_key = self._algorithm.public_key_of(secret)
        self._secret = bytearray(secret)

    @property
    def algorithm(self) -> str:
        """The algorithm's name."""
        return self._algorithm.name

    @property
    def public_key(self) -> bytes:
        """The public key in the algorithm's form (block.md 1.2)."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """Sign ``message``; SM2 uses the default ID.

        Raises:
            UsageError: ``USAGE`` once closed.
        """
        return self._algorithm.sign(self._open_secret(), self._public_key, message)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message, in one native call where the algorithm has one."""
        return self._algorithm.sign_many(self._open_secret(), self._public_key, messages)

    def close(self) -> None:
        """Overwrite the secret; the key cannot sign any more."""
        self._secret[:] = bytes(len(self._secret))
        self._secret = bytearray()

    def _open_secret(self) -> bytes:
        """The secret, for this package only."""
        if not self._secret:
            raise UsageError(Code.USAGE, reason="this signing key has been closed")
        return bytes(self._secret)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_secret"):
            self.close()

    def __repr__(self) -> str:
        return f"<SigningKey {self.algorithm} {self.public_key[:8].hex()}…>"

    def __reduce__(self) -> NoReturn:
        raise UsageError(Code.USAGE, reason="a signing key cannot be copied or pickled")
