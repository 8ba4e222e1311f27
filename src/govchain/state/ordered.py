"""A sorted view of a growing set of keys, sorted only when somebody looks.

Purpose: ordered scans over dictionaries (memory store, overlay) without a cost at each write. New keys are appended
and sorted in at the next look; since the rest is in order already, the sort is one merge. Not here: removal, which
the callers do by filtering against their dictionary.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

__all__ = ["OrderedKeys", "prefix_end"]


def prefix_end(prefix: bytes) -> bytes | None:
    """The smallest key above every key that starts with ``prefix``; ``None`` when there is none.

    >>> prefix_end(b"a/")
    b'a0'
    >>> prefix_end(bytes([255])) is None
    True
    """
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes((stripped[-1] + 1,))


class OrderedKeys:
    """Distinct keys in bytewise order."""

    __slots__ = ("_keys", "_sorted")

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._keys = sorted(keys)
        self._sorted = True

    def extend(self, keys: Iterable[bytes]) -> None:
        """Add keys that are not there yet."""
        self._keys.extend(keys)
        self._sorted = False

    def between(self, start: bytes, end: bytes | None, *, reverse: bool = False) -> Iterator[bytes]:
        """Keys from ``start`` (included) to ``end`` (excluded), forwards or backwards.

        Adding keys while the iterator runs spoils it.
        """
        if not self._sorted:
            self._keys.sort()
            self._sorted = True
        keys = self._keys
        first = bisect_left(keys, start)
        last = len(keys) if end is None else max(first, bisect_left(keys, end))
        if reverse:
            return map(keys.__getitem__, range(last - 1, first - 1, -1))
        return map(keys.__getitem__, range(first, last))

    def __len__(self) -> int:
        return len(self._keys)
