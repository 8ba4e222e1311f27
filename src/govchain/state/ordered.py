"""A sorted view of a dictionary's keys, brought up to date only when somebody looks.

Purpose: ordered scans over dictionaries (memory store, overlay) without a cost at each write. A dictionary keeps its
keys in the order in which they came, so those that are new since the last look are its last ones; they are merged into
the sorted rest. Rules: the sorted list is never changed once made, so that an iterator over it stays valid.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

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
    """The keys of a dictionary in bytewise order, as long as none is removed; after a removal, start a new one."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: Sequence[bytes] = ()

    def between(
        self, values: dict[bytes, Any], start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """Keys of ``values`` from ``start`` (included) to ``end`` (excluded), forwards or backwards."""
        keys = self._keys
        fresh = len(values) - len(keys)
        if fresh:
            keys = self._keys = sorted((*keys, *sorted(islice(reversed(values), fresh))))
        first = bisect_left(keys, start)
        last = len(keys) if end is None else max(first, bisect_left(keys, end))
        if reverse:
            return map(keys.__getitem__, range(last - 1, first - 1, -1))
        return map(keys.__getitem__, range(first, last))
