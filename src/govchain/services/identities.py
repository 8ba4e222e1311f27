"""From a block's identity to its height.

Purpose: the store keeps blocks by height; who has an identity, from a header or a package, wants its block. Rules: a
prefix of each identity in memory (8 bytes a block), read once from the headers and continued when it is asked; a match
is confirmed by the header. What is not read yet is read in bounded steps.
Not here: proofs.
"""

from __future__ import annotations

import threading
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.model import Code, UnavailableError

__all__ = ["Identities"]

_PREFIX_BYTES: Final = 8
#: Headers read by one call, at most.
_STEP: Final = 100_000
_RETRY_MS: Final = 1000


class Identities:
    """See the module; safe to call from several threads."""

    def __init__(self, application: LedgerApplication) -> None:
        """Read from ``application``'s blocks."""
        self._application = application
        self._lock = threading.Lock()
        self._first = max(1, application.blocks.first())
        self._prefixes = bytearray()

    def height_of(self, identity: bytes) -> int | None:
        """The height of the block with that identity (32 bytes), or None.

        Raises:
            UnavailableError: ``INDEX_UNAVAILABLE`` while there are headers still to be read.
        """
        chain = self._application.chain
        if identity == chain.identity:
            return chain.height or None
        with self._lock:
            complete = self._continue(chain.height)
            found = self._find(identity)
        if found is None and not complete:
            raise UnavailableError(Code.INDEX_UNAVAILABLE, retry_after_ms=_RETRY_MS, reason="identities")
        return found

    def _continue(self, height: int) -> bool:
        """Read on, up to the block before ``height``, whose identity the header of ``height`` names."""
        start = self._first + len(self._prefixes) // _PREFIX_BYTES
        stop = min(height, start + _STEP)
        for number in range(start, stop):
            self._prefixes += self._application.blocks.identity_after(number)[:_PREFIX_BYTES]
        return stop >= height

    def _find(self, identity: bytes) -> int | None:
        prefix = identity[:_PREFIX_BYTES]
        place = self._prefixes.find(prefix)
        while place >= 0:
            height = self._first + place // _PREFIX_BYTES
            if place % _PREFIX_BYTES == 0 and self._application.blocks.identity_after(height) == identity:
                return height
            place = self._prefixes.find(prefix, place + 1)
        return None
