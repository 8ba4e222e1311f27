"""What still has to be sent to whom: transactions in the order of their arrival, and how far each peer has come.

Purpose: each peer has a place in two lists, of transactions that came to this node itself and of those that other nodes
sent it. Sending goes on from there, so that nothing is sent twice over a connection and nothing is searched for. Rules:
an entry is left out once the pool holds it no more; the lists are made compact when most of their entries are such. Not
here: who is sent to, and when (:mod:`govchain.consensus.exchange.forwarding`). Callers hold the forwarder's lock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from govchain.ledger import Prepared

__all__ = ["Backlog", "Entry"]

#: Entries that may be stale before a list is made compact.
_STALE_MAX: Final = 4_096


class Entry:
    """A transaction in a backlog. ``origin``: the peer that sent it, empty for this node; ``holders`` have a copy."""

    __slots__ = ("arrived_ms", "holders", "origin", "place", "prepared")

    def __init__(self, place: int, prepared: Prepared, arrived_ms: int, origin: bytes) -> None:
        """At ``place`` in the order of arrival."""
        self.place = place
        self.prepared = prepared
        self.arrived_ms = arrived_ms
        self.origin = origin
        self.holders: list[bytes] = []


class Backlog:
    """See the module. ``holds`` tells whether the pool still has a transaction."""

    def __init__(self, holds: Callable[[bytes], bool]) -> None:
        """Empty."""
        self._holds = holds
        self._entries: list[Entry] = []
        self._by_id: dict[bytes, Entry] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def newest(self) -> int:
        """The place of the newest entry, or 0."""
        return self._next - 1

    def find(self, id_: bytes) -> Entry | None:
        """The entry of a transaction."""
        return self._by_id.get(id_)

    def add(self, transactions: Iterable[Prepared], arrived_ms: int, origin: bytes) -> None:
        """Append transactions that are not here yet."""
        for prepared in transactions:
            if prepared.id not in self._by_id:
                entry = Entry(self._next, prepared, arrived_ms, origin)
                self._next += 1
                self._entries.append(entry)
                self._by_id[prepared.id] = entry

    def after(
        self, place: int, bytes_max: int, skip: bytes, ready: Callable[[Entry], bool] | None = None
    ) -> tuple[list[Entry], int]:
        """Entries behind ``place`` whose envelopes have at most ``bytes_max`` bytes, and the place that was reached.

        One entry is given whatever its size. Stops at the first entry that is not ``ready``; leaves out those that
        ``skip`` sent or has.
        """
        found: list[Entry] = []
        entries = self._entries
        for index in range(bisect_right(entries, place, key=_place), len(entries)):
            entry = entries[index]
            if not self._holds(entry.prepared.id):
                place = entry.place
                continue
            if ready is not None and not ready(entry):
                break
            if entry.origin != skip and skip not in entry.holders:
                size = len(entry.prepared.envelope)
                if size > bytes_max and found:
                    break
                bytes_max -= size
                found.append(entry)
            place = entry.place
        return found, place

    def forget_holder(self, peer: bytes) -> None:
        """A peer has nothing any more."""
        for entry in self._entries:
            if peer in entry.holders:
                entry.holders.remove(peer)

    def compact(self, held: int) -> list[Entry]:
        """Let go of entries that the pool holds no more, when there are many beside the ``held`` ones; those let go."""
        if len(self._entries) <= 2 * held + _STALE_MAX:
            return []
        return self.sweep()

    def sweep(self) -> list[Entry]:
        """Let go of every entry that the pool holds no more; those let go."""
        kept: list[Entry] = []
        gone: list[Entry] = []
        for entry in self._entries:
            (kept if self._holds(entry.prepared.id) else gone).append(entry)
        self._entries = kept
        for entry in gone:
            self._by_id.pop(entry.prepared.id, None)
        return gone


def _place(entry: Entry) -> int:
    return entry.place
