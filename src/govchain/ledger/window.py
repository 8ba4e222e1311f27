"""The replay window: the ids that were used and may not be used again (ARCHITECTURE decision 9).

Purpose: ids lie in buckets by their expiry, which are dropped whole; in native memory of a stated bound (about 40
bytes an id), outside the state root.
Rules: the same blocks give the same window, whether it grew block by block or was rebuilt from stored ids.
Not here: where ids are stored (``storage``), which rule an id breaks (:mod:`govchain.ledger.checks`).
"""

from __future__ import annotations

from collections.abc import Sequence

import govchain_native as native
from govchain.model.wire import Limits

__all__ = ["BUCKET_MS", "ReplayWindow"]

#: Ids are forgotten by buckets of this many ms of expiry.
BUCKET_MS = 10_000


class ReplayWindow:
    """Used ids and their expiries (ms), at most ``limits.window_ids_max`` of them."""

    __slots__ = ("_ids", "span_ms")

    def __init__(self, limits: Limits) -> None:
        """An empty window for a chain with these limits."""
        self._ids = native.IdWindow(BUCKET_MS, limits.window_ids_max)
        #: How far back (ms) a block's ids can still matter: the longest expiry and one bucket.
        self.span_ms = limits.expiry_ms_max + BUCKET_MS

    def contains(self, id_: bytes, expires: int) -> bool:
        """Whether the id with that expiry was used."""
        return self._ids.contains(id_, expires)

    def commit(self, ids: Sequence[tuple[bytes, int]], time: int) -> None:
        """Note the ids of a block at ``time`` (ms) and forget the buckets that lie wholly before it."""
        self._ids.add_many([id_ for id_, _ in ids], [expires for _, expires in ids])
        self._ids.expire(time)

    def restore(self, ids: Sequence[tuple[bytes, int]], time: int) -> None:
        """Note ids of an earlier block, leaving out those whose bucket is over at ``time``, the newest block's."""
        kept = [(id_, expires) for id_, expires in ids if _last_ms(expires) > time]
        self._ids.add_many([id_ for id_, _ in kept], [expires for _, expires in kept])

    def dump(self) -> bytes:
        """The contents in one canonical form, for comparison."""
        return self._ids.dump()

    def memory_bytes(self) -> int:
        """Bytes that the window occupies."""
        return self._ids.memory_bytes()

    def __len__(self) -> int:
        return len(self._ids)


def _last_ms(expires: int) -> int:
    """The last ms of the bucket that holds ``expires``; the kernel drops a bucket when that moment is past."""
    return (expires // BUCKET_MS + 1) * BUCKET_MS - 1
