"""Compare an index with the ledger, row by row.

Purpose: for every table, the rows that the blocks give and the rows that are there, in key order, range by range; what
differs first is named by table and key. Rules: nothing is written; a node may go on feeding the index meanwhile, since
rows are never changed: only what lies up to the cursor counts, and the sums of the newest minute are read together with
the cursor. Answers a digest of each table's content, which is the same on every database. Not here: repair (making
the index anew), where blocks come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from sqlalchemy import Connection, Table, func, select

from govchain.index.database import IndexDatabase
from govchain.index.facts import BlockFacts, GenesisFacts, place_of
from govchain.index.rows import ActivitySums, Projector, activity_rows, minute_of, versions
from govchain.index.schema import ACTIVITY, BLOCKS, FORMAT, Row
from govchain.index.writer import Cursor, read_cursor, read_facts
from govchain.model import Code, UnavailableError

__all__ = ["CheckReport", "Difference", "IndexChecker", "TableReport"]

#: Blocks and transactions compared at once, at most (one block is never divided).
_RANGE_BLOCKS_MAX = 500
_RANGE_TRANSACTIONS_MAX = 4_000
#: How long one comparison may take in the database, in ms.
_LIMIT_MS = 600_000
#: Characters of a value that a difference shows.
_SHOWN_LENGTH_MAX = 200

_encoder = msgspec.msgpack.Encoder()


class Hasher(Protocol):
    """A digest that is fed piece by piece."""

    def update(self, data: bytes, /) -> None:
        """Take in ``data``."""

    def digest(self) -> bytes:
        """The digest of everything taken in."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs: ``key`` as text, and what is ``missing``, ``unexpected``, or the differing column."""

    table: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableReport:
    """A table that was compared: how many rows, and the digest (hex) of their content in key order."""

    name: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found. ``height`` is the cursor's, up to which was compared; ``difference`` None where all agree."""

    height: int
    indexed_height: int
    tables: tuple[TableReport, ...]
    difference: Difference | None


class _Differs(Exception):  # noqa: N818 - leaves the comparison, never the module
    def __init__(self, difference: Difference) -> None:
        super().__init__(difference)
        self.difference = difference


class IndexChecker:
    """See the module.

    Args:
        database: the index.
        genesis: the chain that it ought to be of.
        projector: the tables and what fills them.
        blocks: the ledger's blocks from one height to another, both included.
        new_hasher: makes the digest for the reports.
    """

    def __init__(
        self,
        database: IndexDatabase,
        genesis: GenesisFacts,
        projector: Projector,
        blocks: Callable[[int, int], Iterable[BlockFacts]],
        new_hasher: Callable[[], Hasher],
    ) -> None:
        """Remember the parts."""
        self._database = database
        self._genesis = genesis
        self._projector = projector
        self._blocks = blocks
        self._tables = (*projector.tables, ACTIVITY)
        self._hashers = {str(table.name): new_hasher() for table in self._tables}
        self._counts = dict.fromkeys(self._hashers, 0)
        self._sums: ActivitySums = {}
        self._minute = -(2**63)

    def run(self, height: int, progress: Callable[[int, int], None] | None = None) -> CheckReport:
        """Compare with the ledger, whose newest block is ``height``; ``progress`` is told heights: done, total.

        Raises:
            UnavailableError: ``INDEX_FOREIGN``, ``INDEX_UNAVAILABLE``.
        """
        with self._database.reading(_LIMIT_MS) as connection:
            cursor = self._verified_cursor(connection)
        target = min(cursor.height, height)
        difference = None
        try:
            self._compare_genesis()
            self._compare_blocks(cursor.first_height, target, progress)
            self._compare_rest(target, height)
        except _Differs as found:
            difference = found.difference
        tables = tuple(
            TableReport(name, self._counts[name], hasher.digest().hex()) for name, hasher in self._hashers.items()
        )
        return CheckReport(height, cursor.height, tables, difference)

    def _verified_cursor(self, connection: Connection) -> Cursor:
        facts, cursor = read_facts(connection), read_cursor(connection)
        wanted = (self._genesis.fingerprint, str(FORMAT), versions(self._projector.projections))
        have = tuple(facts.get(name, "") for name in ("fingerprint", "format", "projections"))
        if have != wanted or cursor is None:
            url = self._database.shown_url
            raise UnavailableError(Code.INDEX_FOREIGN, url=url, reason=f"{' '.join(have)}, not {' '.join(wanted)}")
        return cursor

    def _compare_genesis(self) -> None:
        sink = self._projector.new_sink()
        self._projector.genesis_rows(self._genesis, sink)
        with self._database.reading(_LIMIT_MS) as connection:
            for table in self._projector.tables:
                if table is not BLOCKS:
                    self._compare(connection, table, sink[table.name], -(2**63), place_of(1))

    def _compare_blocks(self, first: int, last: int, progress: Callable[[int, int], None] | None) -> None:
        sink, gathered, start = self._projector.new_sink(), 0, first
        for block in self._blocks(first, last) if last >= first else ():
            self._projector.block_rows(block, sink, self._sums)
            gathered += len(block.transactions)
            full = gathered >= _RANGE_TRANSACTIONS_MAX or block.height - start + 1 >= _RANGE_BLOCKS_MAX
            if not full and block.height != last:
                continue
            with self._database.reading(_LIMIT_MS) as connection:
                for table in self._projector.tables:
                    low, high = (start, block.height + 1)
                    if table is not BLOCKS:
                        low, high = place_of(low), place_of(high)
                    self._compare(connection, table, sink[table.name], low, high)
                self._compare_minutes(connection, minute_of(block.time))
            sink, gathered, start = self._projector.new_sink(), 0, block.height + 1
            if progress is not None:
                progress(block.height, last)

    def _compare_minutes(self, connection: Connection, before: int) -> None:
        """The minutes that no further block falls into."""
        done = {key: value for key, value in self._sums.items() if key[0] < before}
        if before > self._minute:
            self._compare(connection, ACTIVITY, activity_rows(done), self._minute, before)
            self._minute = before
            for key in done:
                del self._sums[key]

    def _compare_rest(self, target: int, height: int) -> None:
        """The newest minute, and that nothing lies beyond the cursor; both in one state of the database."""
        with self._database.reading(_LIMIT_MS) as connection:
            cursor = self._verified_cursor(connection)
            end = min(cursor.height, height)
            for block in self._blocks(max(target + 1, cursor.first_height), end) if end > target else ():
                self._projector.block_rows(block, self._projector.new_sink(), self._sums)
            if cursor.height <= height:
                self._compare(connection, ACTIVITY, activity_rows(self._sums), self._minute, None)
            for table in self._projector.tables:
                key = next(iter(table.primary_key))
                last = cursor.height if table is BLOCKS else place_of(cursor.height + 1) - 1
                query = select(*table.primary_key).where(key > last).order_by(*table.primary_key).limit(1)
                found = connection.execute(query).first()
                if found is not None:
                    raise _Differs(Difference(str(table.name), _key_text(found), "unexpected"))
            count = connection.execute(select(func.count()).select_from(BLOCKS)).scalar_one()
            if cursor.height and count != cursor.height - cursor.first_height + 1:
                raise _Differs(Difference(str(BLOCKS.name), "", f"{count} rows"))

    def _compare(self, connection: Connection, table: Table, expected: list[Row], low: int, high: int | None) -> None:
        """Compare the rows whose first key column is at least ``low`` and below ``high``."""
        key = next(iter(table.primary_key))
        query = select(table).where(key >= low).order_by(*table.primary_key)
        if high is not None:
            query = query.where(key < high)
        found = [tuple(row) for row in connection.execute(query)]
        if found != expected:
            raise _Differs(_first_difference(table, expected, found))
        self._counts[table.name] += len(found)
        hasher = self._hashers[table.name]
        for row in found:
            hasher.update(_encoder.encode(row))


def _first_difference(table: Table, expected: Sequence[Row], found: Sequence[tuple[object, ...]]) -> Difference:
    width = len(table.primary_key)
    for have, want in zip(found, expected, strict=False):
        if have == want:
            continue
        if have[:width] < want[:width]:
            return Difference(str(table.name), _key_text(have[:width]), "unexpected")
        if have[:width] > want[:width]:
            return Difference(str(table.name), _key_text(want[:width]), "missing")
        names = [column.name for column in table.columns]
        name, is_, ought = next((n, a, b) for n, a, b in zip(names, have, want, strict=True) if a != b)
        shown = f"{name} {str(is_)[:_SHOWN_LENGTH_MAX]}, not {str(ought)[:_SHOWN_LENGTH_MAX]}"
        return Difference(str(table.name), _key_text(want[:width]), shown)
    if len(found) > len(expected):
        return Difference(str(table.name), _key_text(found[len(expected)][:width]), "unexpected")
    return Difference(str(table.name), _key_text(expected[len(found)][:width]), "missing")


def _key_text(key: Iterable[object]) -> str:
    return "/".join(str(part) for part in key)
