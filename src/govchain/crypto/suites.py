"""The two suites and the framing of everything that is hashed or signed (docs/spec/block.md 1).

Purpose: one place where bytes become a digest. Each hash input is separated by a domain and each of its parts carries
its length, so that no two different inputs ever frame alike. Rules: the suite is a value that is passed in, never a
global; a digest is 32 bytes in both suites; MD5 and SHA-1 exist nowhere.
Not here: signatures (:mod:`govchain.crypto.algorithms`), trees (``merkle``).

Example:
    >>> get_suite("gm").digest(b"abc").hex()[:16]
    '66c7f0f462eeedd9'
    >>> frame("a/1", b"xy", 7).hex()
    '0003612f3100000002787900000008''0000000000000007'
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import govchain_native as native
from govchain.model.codes import Code
from govchain.model.errors import UsageError

__all__ = ["DEFAULT_SUITE", "SALT_BYTES", "SUITES", "Hasher", "Suite", "commitment", "frame", "get_suite", "hasher"]

#: Bytes of the random salt of a commitment (block.md 7).
SALT_BYTES: Final = 32
#: The suite where nothing else is said: the national algorithms.
DEFAULT_SUITE: Final = "gm"

_COMMITMENT_DOMAIN: Final = "govchain/commitment/1"
_DIGESTS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType({"sm3": native.sm3, "sha256": native.sha256})


class Hasher(Protocol):
    """A digest that is fed piece by piece."""

    def update(self, data: bytes, /) -> None:
        """Feed more bytes."""

    def digest(self) -> bytes:
        """The 32-byte digest of everything fed so far."""


def hasher(digest_name: str) -> Hasher:
    """A new hasher for ``sm3`` or ``sha256``, for data that does not fit in memory.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED`` for any other name, MD5 and SHA-1 among them.
    """
    if digest_name == "sm3":
        return native.Sm3()
    if digest_name == "sha256":
        return hashlib.sha256()
    raise UsageError(Code.ALGORITHM_NOT_ALLOWED, algorithm=digest_name)


def frame(domain: str, *parts: bytes | str | int) -> bytes:
    """``u16(len(domain)) ‖ domain ‖ part(p1) ‖ … ‖ part(pn)``: an integer becomes a u64, a text its UTF-8 bytes.

    Raises:
        UsageError: ``USAGE`` for a domain that is not ASCII, a negative integer or one beyond 64 bits.
    """
    try:
        name = domain.encode("ascii")
        pieces = [len(name).to_bytes(2, "big"), name]
        for part in parts:
            data = part if isinstance(part, bytes) else _part_bytes(part)
            pieces.append(len(data).to_bytes(4, "big"))
            pieces.append(data)
    except (OverflowError, UnicodeEncodeError) as error:
        raise UsageError(Code.USAGE, reason=f"hash frame: {error}") from None
    return b"".join(pieces)


def _part_bytes(part: object) -> bytes:
    if isinstance(part, str):
        return part.encode("utf-8")
    if isinstance(part, int) and not isinstance(part, bool):
        return part.to_bytes(8, "big")
    raise UsageError(Code.USAGE, reason=f"hash frame: {type(part).__name__} is neither bytes, text nor integer")


@dataclass(frozen=True, slots=True)
class Suite:
    """A set of algorithms that a chain is built on; equal names mean equal suites."""

    #: ``gm`` or ``international``, as genesis files name it.
    name: str
    #: ``sm3`` or ``sha256``: the digest of trees, identities, states and addresses.
    digest_name: str
    #: The signature algorithm of the members, who sign blocks.
    member_algorithm: str

    def digest(self, data: bytes) -> bytes:
        """``D(data)``: 32 bytes."""
        return _DIGESTS[self.digest_name](data)

    def tagged(self, domain: str, *parts: bytes | str | int) -> bytes:
        """``D(frame(domain, parts …))``: 32 bytes."""
        return _DIGESTS[self.digest_name](frame(domain, *parts))

    def hasher(self) -> Hasher:
        """A new piece-by-piece hasher of this suite's digest."""
        return hasher(self.digest_name)


#: Both suites by name.
SUITES: Final[Mapping[str, Suite]] = MappingProxyType(
    {
        "gm": Suite("gm", "sm3", "sm2-sm3"),
        "international": Suite("international", "sha256", "ecdsa-p256-sha256"),
    }
)


def get_suite(name: str = DEFAULT_SUITE) -> Suite:
    """The suite of that name.

    Raises:
        UsageError: ``ALGORITHM_NOT_ALLOWED`` for an unknown name.
    """
    suite = SUITES.get(name)
    if suite is None:
        raise UsageError(Code.ALGORITHM_NOT_ALLOWED, algorithm=name)
    return suite


def commitment(suite: Suite, salt: bytes, field: str, value: str) -> bytes:
    """The salted commitment to ``value`` (block.md 7): 32 bytes that say nothing once salt and value are destroyed.

    Raises:
        UsageError: ``USAGE`` unless the salt has 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError(Code.USAGE, reason=f"a commitment's salt has {SALT_BYTES} bytes, not {len(salt)}")
    return suite.tagged(_COMMITMENT_DOMAIN, salt, field, value)
