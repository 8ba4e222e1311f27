"""Writing blocks into the index, exactly once.

Purpose: the rows of some blocks and the cursor behind them are one SQL transaction: all there or none. Rules: the
cursor is read again, and locked, in each transaction, so that two nodes that share a database, or a rebuild beside a
node, write each block once; an index of another chain, of other tables or of another history is refused and never
touched, but by :meth:`IndexWriter.clear`. Not here: where blocks come from and when (``services.indexing``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, bindparam, insert, inspect, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from govchain.index.database import IndexDatabase
from govchain.index.facts import BlockFacts, GenesisFacts
from govchain.index.inserting import insert_rows
from govchain.index.rows import ActivitySums, Projector, activity_rows, versions
from govchain.index.schema import ACTIVITY, CURSOR, FACTS, FORMAT
from govchain.model import Code, UnavailableError

__all__ = ["Cursor", "IndexWriter", "read_cursor", "read_facts"]

#: PostgreSQL's advisory lock while tables are made; any fixed number.
_LOCK = 0x676F76636861696E


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an index is: ``height`` is the last block whose rows are there (0: none), ``identity`` its own (hex).

    ``time`` is that block's time in ms, ``transactions`` how many the index holds, ``first_height`` the first block
    that it was fed: 1, unless its node began from a snapshot.
    """

    first_height: int
    height: int
    identity: str
    time: int
    transactions: int


def read_cursor(connection: Connection, *, lock: bool = False) -> Cursor | None:
    """The cursor, or None where the index was not made yet; with ``lock`` nobody else moves it in this transaction."""
    query = select(CURSOR.c.first_height, CURSOR.c.height, CURSOR.c.identity, CURSOR.c.time, CURSOR.c.transactions)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else Cursor(*row)


def read_facts(connection: Connection) -> dict[str, str]:
    """The index's own facts: format, chain, fingerprint, projections, cursor_key."""
    return {str(row.name): str(row.value) for row in connection.execute(select(FACTS))}


class IndexWriter:
    """See the module. One thread at a time.

    Args:
        database: where to.
        genesis: the chain, and what it starts with.
        projector: the tables and what fills them.
        cursor_key: a fresh secret (hex) for continuations, kept where the index is made new.
    """

    def __init__(
        self, database: IndexDatabase, genesis: GenesisFacts, projector: Projector, cursor_key: Callable[[], str]
    ) -> None:
        """Remember the parts; nothing is opened yet."""
        self._database = database
        self._genesis = genesis
        self._projector = projector
        self._cursor_key = cursor_key

    def prepare(self, first_height: int = 1) -> Cursor:
        """Make the tables where there are none, and refuse what is not this chain's; the cursor.

        Raises:
            UnavailableError: ``INDEX_FOREIGN``, ``INDEX_UNAVAILABLE``.
        """
        with self._database.writing() as connection:
            if not self._database.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if not inspect(connection).has_table(FACTS.name):
                self._create(connection, first_height)
            self._verify(read_facts(connection))
            return _present(read_cursor(connection))

    def apply(self, blocks: Sequence[BlockFacts]) -> Cursor:
        """Add the blocks that the index does not have yet, in order; the cursor behind them.

        Raises:
            UnavailableError: ``INDEX_FOREIGN`` when they do not follow what is there; ``INDEX_UNAVAILABLE``.
        """
        with self._database.writing() as connection:
            cursor = _present(read_cursor(connection, lock=True))
            fresh = [block for block in blocks if block.height > cursor.height]
            if not fresh:
                return cursor
            expected = cursor.height + 1 if cursor.height else cursor.first_height
            if fresh[0].height != expected:
                return cursor  # somebody made the index anew meanwhile; the caller goes on from there
            begins = not cursor.height and cursor.first_height > 1
            if not begins and fresh[0].previous != cursor.identity:
                raise self.foreign(f"block {cursor.height} is {cursor.identity}, not {fresh[0].previous}")
            sink = self._projector.new_sink()
            sums: ActivitySums = {}
            for block in fresh:
                self._projector.block_rows(block, sink, sums)
            for table in self._projector.tables:
                insert_rows(connection, table, sink[table.name])
            self._add_activity(connection, sums)
            last = fresh[-1]
            moved = Cursor(
                cursor.first_height,
                last.height,
                last.identity,
                last.time,
                cursor.transactions + sum(len(block.transactions) for block in fresh),
            )
            connection.execute(
                update(CURSOR).values(
                    height=moved.height, identity=moved.identity, time=moved.time, transactions=moved.transactions
                )
            )
            return moved

    def clear(self, first_height: int = 1) -> Cursor:
        """Throw everything away, whatever chain it was of, and make the tables anew; the cursor."""
        with self._database.writing() as connection:
            if not self._database.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            for projection in self._projector.projections:
                for name, _ in projection.views:
                    connection.execute(text(f'DROP VIEW IF EXISTS "{name}"'))
            for table in self._tables():
                connection.execute(text(f'DROP TABLE IF EXISTS "{table.name}"'))
            self._create(connection, first_height)
            return _present(read_cursor(connection))

    def foreign(self, reason: str) -> UnavailableError:
        """The error that refuses this index."""
        return UnavailableError(Code.INDEX_FOREIGN, url=self._database.shown_url, reason=reason)

    def _tables(self) -> tuple[Table, ...]:
        return (*self._projector.tables, ACTIVITY, CURSOR, FACTS)

    def _create(self, connection: Connection, first_height: int) -> None:
        for table in self._tables():
            table.create(connection)
        for projection in self._projector.projections:
            for name, query in projection.views:
                connection.execute(text(f'CREATE VIEW "{name}" AS {query}'))
        genesis = self._genesis
        facts = {
            "chain": genesis.chain,
            "cursor_key": self._cursor_key(),
            "fingerprint": genesis.fingerprint,
            "format": str(FORMAT),
            "projections": versions(self._projector.projections),
        }
        connection.execute(insert(FACTS), [{"name": name, "value": value} for name, value in facts.items()])
        sink = self._projector.new_sink()
        self._projector.genesis_rows(genesis, sink)
        for table in self._projector.tables:
            insert_rows(connection, table, sink[table.name])
        connection.execute(
            insert(CURSOR).values(
                only=1, first_height=first_height, height=0, identity=genesis.fingerprint, time=0, transactions=0
            )
        )

    def _verify(self, facts: dict[str, str]) -> None:
        wanted = {
            "fingerprint": self._genesis.fingerprint,
            "format": str(FORMAT),
            "projections": versions(self._projector.projections),
        }
        for name, value in wanted.items():
            have = facts.get(name, "")
            if have != value:
                raise self.foreign(f"{name} {have}, not {value}")

    def _add_activity(self, connection: Connection, sums: ActivitySums) -> None:
        names = [column.name for column in ACTIVITY.columns]
        rows = [dict(zip(names, row, strict=True)) for row in activity_rows(sums)]
        dialect = sqlite if self._database.is_sqlite else postgresql
        statement = dialect.insert(ACTIVITY).values({name: bindparam(name) for name in names})
        added = {name: ACTIVITY.c[name] + statement.excluded[name] for name in ("transactions", "bytes")}
        connection.execute(statement.on_conflict_do_update(index_elements=list(ACTIVITY.primary_key), set_=added), rows)


def _present(cursor: Cursor | None) -> Cursor:
    if cursor is None:
        raise UnavailableError(Code.INDEX_UNAVAILABLE, reason="index_cursor is empty; make the index anew")
    return cursor
