"""The signature algorithms by name (docs/spec/block.md 1.2): nothing outside this table signs or verifies.

Example:
    >>> sorted(ALGORITHMS)
    ['ecdsa-p256-sha256', 'ed25519', 'rsa-pss-sha256', 'sm2-sm3']
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from govchain.crypto.ecdsa import EcdsaP256Sha256
from govchain.crypto.ed25519 import Ed25519
from govchain.crypto.gm import Sm2Sm3
from govchain.crypto.port import Algorithm
from govchain.crypto.rsa import RsaPssSha256
from govchain.model.codes import Code
from govchain.model.errors import DecodingError, UsageError

__all__ = ["ALGORITHMS", "check_signature", "decode_public_key", "get_algorithm"]

#: Every algorithm, by name.
ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {algorithm.name: algorithm for algorithm in (Sm2Sm3(), EcdsaP256Sha256(), RsaPssSha256(), Ed25519())}
)


def get_algorithm(name: str) -> Algorithm:
    """The algorithm of that name.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED`` for any other name.
    """
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        raise UsageError(Code.ALGORITHM_NOT_ALLOWED, algorithm=name)
    return algorithm


def check_signature(algorithm: str, key: bytes, message: bytes, signature: bytes) -> Code:
    """Check one signature under the named algorithm; ``ALGORITHM_NOT_ALLOWED`` for an unknown name."""
    found = ALGORITHMS.get(algorithm)
    return Code.ALGORITHM_NOT_ALLOWED if found is None else found.check_signature(key, message, signature)


def decode_public_key(der: bytes) -> tuple[str, bytes]:
    """The algorithm's name and the key in a DER SubjectPublicKeyInfo of any algorithm in the table.

    Raises:
        DecodingError: ``KEY_NOT_ON_CURVE`` where an algorithm claims it and the point is wrong, else ``KEY_MALFORMED``.
    """
    for algorithm in ALGORITHMS.values():
        try:
            return algorithm.name, algorithm.decode_spki(der)
        except DecodingError as error:
            if error.code is Code.KEY_NOT_ON_CURVE:
                raise
    raise DecodingError(Code.KEY_MALFORMED, algorithm="")
