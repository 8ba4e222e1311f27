"""Layers of uncommitted writes over committed state.

Purpose: a block runs in one :class:`Overlay` over :class:`CommittedState`, each of its transactions in a nested layer
that is merged into the block's or thrown away. Nothing reaches the store from here: the caller takes
:meth:`Overlay.writes`, puts them into the block's batch and, once that is written, calls :meth:`CommittedState.apply`.

Rules: the result depends only on committed state and the calls; iteration is in key order. Limits: a layer holds what
was written to it; a block's limits bound that. Not here: which keys may be written (``namespaces``), roots (``roots``).

Example:
    >>> from govchain.state import CommittedState, MemoryStore, Overlay
    >>> block = Overlay(CommittedState(MemoryStore()))
    >>> transaction = block.nested()
    >>> transaction.put(b"a.b/1", b"x")
    >>> block.get(b"a.b/1") is None
    True
    >>> transaction.commit()
    >>> block.writes()
    [(b'a.b/1', b'x')]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from govchain.model import Code, UsageError
from govchain.state.ordered import OrderedKeys, prefix_end
from govchain.state.port import Pair, Reader, Table, Write

__all__ = ["CACHE_ENTRIES_MAX", "CACHE_VALUE_BYTES_MAX", "CommittedState", "Overlay", "StateReader"]

#: Values that each of the two generations of :class:`CommittedState` keeps, where nothing else is said.
CACHE_ENTRIES_MAX = 8192
#: Bytes of a value that is kept, at most. With the entries this bounds the cache to about 20 MiB.
CACHE_VALUE_BYTES_MAX = 1024


class _Missing:
    """The type of the mark for "not in this layer", as ``None`` stands for a removal."""


_MISSING = _Missing()


class StateReader(Protocol):
    """What a rule reads: state keys and their values."""

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``, or ``None``."""
        ...

    def scan(
        self,
        prefix: bytes,
        start: bytes | None = None,
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Keys of ``prefix`` from ``start`` (included) to ``end`` (excluded), both whole keys, in order."""
        ...


def _bounds(prefix: bytes, start: bytes | None, end: bytes | None) -> tuple[bytes, bytes | None]:
    """The range that is left of a prefix's keys between two whole keys."""
    low = prefix if start is None or start < prefix else start
    high = prefix_end(prefix)
    if end is not None and (high is None or end < high):
        high = end
    return low, high


class CommittedState:
    """The state table of a store, with a bounded cache of values that were read.

    Keys read often (accounts, parameters) stay in memory; records written once and never read cost nothing. The cache
    has two generations: when the young one is full, a commit makes it the old one, and what is still read moves along
    into the next. So it is least-recently-used to within a generation, without bookkeeping on a hit.

    Any thread may read while one commits. The committing thread writes the store first and calls :meth:`apply` after.
    That replaces the young generation by a copy: a reader that fetched a value before the commit puts it into the one
    it started with, where nobody looks any more. This is why no lock is needed.

    Args:
        reader: the store.
        cache_entries_max: values in each generation, at most; reads beyond it are not kept until the next commit.

    Attributes:
        misses: reads that went to the store (approximate when several threads read).
    """

    __slots__ = ("_entries_max", "_generations", "_reader", "_young", "misses")

    def __init__(self, reader: Reader, *, cache_entries_max: int = CACHE_ENTRIES_MAX) -> None:
        self._reader = reader
        self._entries_max = cache_entries_max
        self._young: dict[bytes, bytes] = {}
        self._generations: tuple[dict[bytes, bytes], dict[bytes, bytes]] = (self._young, {})
        self.misses = 0

    def get(self, key: bytes) -> bytes | None:
        """The committed value of ``key``, or ``None``."""
        value = self._young.get(key)
        if value is not None:
            return value
        return self._get_slowly(key)

    def scan(
        self,
        prefix: bytes,
        start: bytes | None = None,
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Committed keys of a prefix in order; never cached."""
        low, high = _bounds(prefix, start, end)
        return self._reader.scan(Table.STATE, low, high, reverse=reverse, limit=limit)

    def apply(self, writes: Iterable[Write]) -> None:
        """Bring the cache up to date with writes that the store now holds. Called by the committing thread only."""
        young, old = self._generations
        young = young.copy()
        if len(young) >= self._entries_max:
            young, old = {}, young
        for key, value in writes:
            old.pop(key, None)
            if key in young:
                if value is None or len(value) > CACHE_VALUE_BYTES_MAX:
                    del young[key]
                else:
                    young[key] = value
        self._generations = (young, old)
        self._young = young

    def clear(self) -> None:
        """Forget everything, as after a snapshot was installed."""
        young: dict[bytes, bytes] = {}
        self._generations = (young, {})
        self._young = young

    def _get_slowly(self, key: bytes) -> bytes | None:
        young, old = self._generations
        value = old.get(key)
        if value is None:
            self.misses += 1
            value = self._reader.get(Table.STATE, key)
            if value is None or len(value) > CACHE_VALUE_BYTES_MAX:
                return value
        if len(young) < self._entries_max:
            young.setdefault(key, value)
        return value


class Overlay:
    """A layer of writes over a :class:`StateReader`; used by one thread.

    Args:
        below: committed state, or the layer underneath.
    """

    __slots__ = ("_below", "_get_below", "_order", "_writes")

    def __init__(self, below: StateReader) -> None:
        self._below = below
        self._get_below = below.get
        self._writes: dict[bytes, bytes | None] = {}
        self._order: OrderedKeys | None = None

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key`` as this layer sees it, or ``None``."""
        value = self._writes.get(key, _MISSING)
        if value is not _MISSING:
            return value  # type: ignore[return-value]  # not the mark, so bytes or None
        return self._get_below(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value`` in this layer."""
        self._writes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove ``key`` in this layer."""
        self._writes[key] = None

    def update(self, writes: Iterable[Write]) -> None:
        """Put and delete many at once; ``None`` removes."""
        self._writes.update(writes)

    def scan(
        self,
        prefix: bytes,
        start: bytes | None = None,
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Keys that start with ``prefix`` as this layer sees them at the moment of the call, in order.

        Args:
            prefix: what the keys start with.
            start: first key, included; a whole key.
            end: where to stop, excluded; a whole key.
            reverse: from the last to the first.
            limit: at most this many.
        """
        low, high = _bounds(prefix, start, end)
        own = self._own_between(low, high, reverse=reverse)
        if not own:
            return self._below.scan(prefix, low, high, reverse=reverse, limit=limit)
        below = self._below.scan(prefix, low, high, reverse=reverse)
        return islice(_merge(own, below, reverse=reverse), limit)

    def nested(self) -> Overlay:
        """An empty layer over this one, for one transaction."""
        return Overlay(self)

    def commit(self) -> None:
        """Move this layer's writes into the layer underneath, and empty this one.

        Raises:
            UsageError: ``USAGE`` when what lies underneath is committed state, which only a block's commit changes.
        """
        below = self._below
        if not isinstance(below, Overlay):
            raise UsageError(Code.USAGE, reason="a block's layer is committed by the store")
        below._writes.update(self._writes)
        self.discard()

    def discard(self) -> None:
        """Forget this layer's writes."""
        self._writes = {}
        self._order = None

    def writes(self) -> list[Write]:
        """This layer's writes sorted by key, once per key; ``None`` is a removal."""
        return sorted(self._writes.items())

    def __len__(self) -> int:
        return len(self._writes)

    def _own_between(self, low: bytes, high: bytes | None, *, reverse: bool) -> list[Write]:
        writes = self._writes
        if not writes:
            return []
        if self._order is None:
            self._order = OrderedKeys()  # a removal stays in the dictionary as None, so this one lasts
        return [(key, writes[key]) for key in self._order.between(writes, low, high, reverse=reverse)]


def _merge(own: list[Write], below: Iterator[Pair], *, reverse: bool) -> Iterator[Pair]:
    """Both in the same order; where both have a key, ``own`` counts, and hides it when its value is ``None``."""
    rest = next(below, None)
    for key, value in own:
        while rest is not None and (rest[0] > key if reverse else rest[0] < key):
            yield rest
            rest = next(below, None)
        if rest is not None and rest[0] == key:
            rest = next(below, None)
        if value is not None:
            yield key, value
    while rest is not None:
        yield rest
        rest = next(below, None)
