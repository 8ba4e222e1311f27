"""The memory twin of the store: everything in dictionaries, for tests and simulation.

Purpose: the plainest thing that keeps the port's contract. What is written lasts as long as the object; ``durable`` and
``sync`` are counted, so that a test can see how often a caller asked. Limits: memory; a thread that scans while another
one writes may see part of the batch (a ``get`` never sees a value that was not written). Not here: files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.state.ordered import OrderedKeys
from govchain.state.port import Batch, Pair, Table

__all__ = ["MemoryStore", "check_checkpoint_name"]

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
#: Characters of a checkpoint's name, at most.
_NAME_LENGTH_MAX = 64


def check_checkpoint_name(name: str) -> None:
    """Refuse a name that is not 1 to 64 letters, digits and hyphens.

    Raises:
        UsageError: ``USAGE``.
    """
    if not 1 <= len(name) <= _NAME_LENGTH_MAX or not _NAME_CHARACTERS.issuperset(name):
        raise UsageError(Code.USAGE, reason=f"checkpoint name {name!r}")


class _Tables:
    """Dictionaries with ordered scans; the read side of the store and of its checkpoints."""

    def __init__(self, tables: tuple[dict[bytes, bytes], ...]) -> None:
        self._tables = tables
        self._order = [OrderedKeys() for _ in tables]

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of ``key``, or ``None``."""
        return self._tables[table].get(key)

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order."""
        return list(map(self._tables[table].get, keys))

    def scan(
        self,
        table: Table,
        start: bytes = b"",
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Pairs in key order, as they are at the moment of the call."""
        pairs: list[Pair] = []
        values = self._tables[table]
        room = len(values) if limit is None else limit
        if room > 0:
            for key in self._order[table].between(values, start, end, reverse=reverse):
                pairs.append((key, values[key]))
                if len(pairs) >= room:
                    break
        return iter(pairs)

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryStore(_Tables):
    """A :class:`~govchain.state.port.Store` in memory.

    Attributes:
        durable_writes: calls of ``write`` with ``durable=True``.
        syncs: calls of ``sync``.
    """

    def __init__(self) -> None:
        super().__init__(tuple({} for _ in Table))
        self._checkpoints: dict[str, _Tables] = {}
        self.durable_writes = 0
        self.syncs = 0

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply ``batch`` at once."""
        for table in batch.tables():
            values = self._tables[table]
            for key, value in batch.operations(table):
                if value is not None:
                    values[key] = value
                elif values.pop(key, None) is not None:
                    self._order[table] = OrderedKeys()
        self.durable_writes += durable

    def sync(self) -> None:
        """Count the call."""
        self.syncs += 1

    def checkpoint(self, name: str) -> None:
        """Copy the dictionaries under ``name``."""
        check_checkpoint_name(name)
        if name in self._checkpoints:
            raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=name)
        self._checkpoints[name] = _Tables(tuple(map(dict, self._tables)))

    def checkpoints(self) -> tuple[str, ...]:
        """Names of the copies, sorted."""
        return tuple(sorted(self._checkpoints))

    def open_checkpoint(self, name: str) -> _Tables:
        """The copy of that name."""
        check_checkpoint_name(name)
        reader = self._checkpoints.get(name)
        if reader is None:
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=name)
        return reader

    def drop_checkpoint(self, name: str) -> None:
        """Forget the copy of that name."""
        check_checkpoint_name(name)
        self._checkpoints.pop(name, None)

    def approximate_size(self) -> int:
        """Bytes of all keys and values."""
        return sum(len(key) + len(value) for table in self._tables for key, value in table.items())
