"""The store port: what the ledger asks of a key-value store, and nothing more.

Purpose: one narrow interface with two drivers, :class:`govchain.state.memory.MemoryStore` (tests, simulation) and
``govchain.storage.RocksStore`` (nodes), held together by one contract suite, ``tests/state/store_contract.py``.

Rules, the same for every driver:

* Keys and values are ``bytes`` of any length from 0; tables do not see each other's keys.
* A batch is atomic over all tables: after a crash it is there whole or not at all. Where it names a key twice, the
  later operation counts. Deleting an absent key is nothing.
* ``write(batch, durable=True)`` returns when the batch, and every batch written before it, would survive the loss of
  the machine. ``durable=False`` survives the end of the process only; ``sync()`` makes up for all such batches at once.
  A crash loses a suffix of the batches that are not yet durable, never one from the middle.
* ``scan`` goes in key order (bytewise) over the state at the moment of the call; later writes do not change it.
* Any thread may read; one thread at a time writes.

Not here: what the keys mean (``namespaces``, ``govchain.storage.blocks``).

Example:
    >>> from govchain.state import Batch, MemoryStore, Table
    >>> store, batch = MemoryStore(), Batch()
    >>> batch.put(Table.META, b"tip", b"1")
    >>> store.write(batch, durable=True)
    >>> store.get(Table.META, b"tip")
    b'1'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, unique
from typing import Protocol, runtime_checkable

__all__ = ["Batch", "CheckpointReader", "Pair", "Reader", "Store", "Table", "Write"]

#: A key and its value.
Pair = tuple[bytes, bytes]
#: A key and its new value; ``None`` removes the key.
Write = tuple[bytes, bytes | None]


@unique
class Table(IntEnum):
    """The tables of a store. A driver keeps each one apart; the lower-case name is its name on disk."""

    STATE = 0
    """State keys (``namespace/suffix``) to values: what rules read and write."""
    LIVE = 1
    """Positions of the sparse tree over ``live`` namespaces to nodes."""
    HEADERS = 2
    """Height (u64 big endian, as everywhere below) to the block header's bytes."""
    BODIES = 3
    """Height to the block's envelopes, one MessagePack array."""
    RECEIPTS = 4
    """Height to the block's receipts, one MessagePack array."""
    CERTIFICATES = 5
    """Height to the finality certificate's bytes."""
    TRANSACTIONS = 6
    """Transaction id to height and index."""
    IDS = 7
    """Height to the ids used there with their expiry: the replay window."""
    HISTORY = 8
    """Nodes of the RFC 9162 tree over block identities."""
    META = 9
    """Tip, counters and checkpoint progress."""
    KEY_HISTORY = 10
    """State key and height to what was written there, for namespaces that ``delta`` takes in."""


class Batch:
    """Puts and deletes that a store applies at once, in order within each table.

    Limits: the caller's; a block's batch is bounded by the block limits of genesis.
    """

    __slots__ = ("_operations",)

    def __init__(self) -> None:
        self._operations: dict[Table, list[Write]] = {}

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set ``key`` to ``value``."""
        self._list(table).append((key, value))

    def delete(self, table: Table, key: bytes) -> None:
        """Remove ``key``; nothing happens if it is absent."""
        self._list(table).append((key, None))

    def extend(self, table: Table, writes: Iterable[Write]) -> None:
        """Append many operations at once; a value of ``None`` removes."""
        self._list(table).extend(writes)

    def operations(self, table: Table) -> Sequence[Write]:
        """The operations on ``table``, in order."""
        return self._operations.get(table, ())

    def tables(self) -> tuple[Table, ...]:
        """The tables that the batch touches, in the order of their numbers."""
        return tuple(sorted(self._operations))

    def clear(self) -> None:
        """Empty the batch, so that it can be used again."""
        self._operations.clear()

    def __len__(self) -> int:
        return sum(map(len, self._operations.values()))

    def _list(self, table: Table) -> list[Write]:
        operations = self._operations.get(table)
        if operations is None:
            operations = self._operations[table] = []
        return operations


@runtime_checkable
class Reader(Protocol):
    """Read access to a store, or to a checkpoint of it."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of ``key``, or ``None``."""
        ...

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order, with ``None`` for an absent one."""
        ...

    def scan(
        self,
        table: Table,
        start: bytes = b"",
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Keys from ``start`` (included) to ``end`` (excluded; ``None``: to the last) with their values, in key order.

        ``reverse`` goes through the same keys from the last to the first; ``limit`` ends after that many.
        """
        ...


@runtime_checkable
class CheckpointReader(Reader, Protocol):
    """A reader over a checkpoint; close it before dropping the checkpoint."""

    def close(self) -> None:
        """Let go of what the reader holds open. Closing twice is allowed."""
        ...


@runtime_checkable
class Store(Reader, Protocol):
    """A key-value store of one chain."""

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply ``batch`` to all its tables at once.

        Raises:
            UnavailableError: ``DISK_FULL``: nothing of the batch is there, and the store refuses further writes until
                it is opened again; ``STORE_CORRUPT``.
        """
        ...

    def sync(self) -> None:
        """Make everything written before this call durable; one disk synchronisation for all of it."""
        ...

    def checkpoint(self, name: str) -> None:
        """Keep the present contents under ``name`` (letters, digits and ``-``), unchanged by later writes.

        It appears whole or not at all, survives a restart, and costs links to files, not copies.

        Raises:
            RefusedError: ``DATA_DIRECTORY_EXISTS`` when the name is taken.
        """
        ...

    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoints that exist, sorted."""
        ...

    def open_checkpoint(self, name: str) -> CheckpointReader:
        """Read a checkpoint.

        Raises:
            UnavailableError: ``DATA_DIRECTORY_MISSING`` when there is none of that name.
        """
        ...

    def drop_checkpoint(self, name: str) -> None:
        """Remove a checkpoint; nothing happens if it does not exist."""
        ...

    def approximate_size(self) -> int:
        """Bytes that the store occupies, without its checkpoints; a driver may be some megabytes off."""
        ...

    def close(self) -> None:
        """Let go of everything; what was written stays. Closing twice is allowed, using it afterwards is not."""
        ...
