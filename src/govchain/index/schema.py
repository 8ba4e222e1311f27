"""The tables that every chain's index has (docs/spec/index.md).

Purpose: blocks, transactions, signers, events, counts for each minute; the index's own facts and its cursor.
Rules: every row but those of ``index_facts``, ``index_cursor`` and ``activity`` belongs to the place that made it, its
first key column, and is never changed. Texts are compared byte by byte on every database; times are ms since 1970 UTC;
identifiers, keys and digests are lower-case hex. Not here: the families' tables (:mod:`govchain.index.families`).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

__all__ = [
    "ACTIVITY",
    "BLOCKS",
    "CORE_TABLES",
    "CURSOR",
    "EVENTS",
    "FACTS",
    "FORMAT",
    "METADATA",
    "SIGNERS",
    "TRANSACTIONS",
    "Row",
    "Sink",
    "Value",
    "long_integer",
    "printable",
    "text",
]

#: The version of these tables. An index of another version is refused, and made again by ``govchain index rebuild``.
FORMAT = 1

#: A value of a row.
Value = int | str | None
#: A row: the values of all columns in the table's order.
Row = tuple[Value, ...]
#: Where projections put rows: table name to the rows that are to be added.
Sink = Mapping[str, list[Row]]

METADATA = MetaData()


def long_integer() -> TypeEngine[int]:
    """64 bits; on SQLite the type that a row is found by fastest."""
    return BigInteger().with_variant(Integer(), "sqlite")


def text() -> TypeEngine[str]:
    """Text that is compared and sorted byte by byte, whatever the database's locale."""
    return Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def printable(value: str) -> str:
    r"""``value`` as every database takes it: PostgreSQL has no U+0000, and UTF-8 no lone surrogates.

    >>> printable("a\0b") == "a\ufffdb"
    True
    """
    if value.isascii() and "\0" not in value:
        return value
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)


#: Facts of the index itself: format, chain, fingerprint, projections, cursor_key.
FACTS = Table(
    "index_facts",
    METADATA,
    Column("name", text(), primary_key=True),
    Column("value", text(), nullable=False),
)

#: One row: the last block whose rows are here, 0 before the first, and how many transactions there are up to it.
CURSOR = Table(
    "index_cursor",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("first_height", long_integer(), nullable=False),
    Column("height", long_integer(), nullable=False),
    Column("identity", text(), nullable=False),
    Column("time", long_integer(), nullable=False),
    Column("transactions", long_integer(), nullable=False),
)

#: Blocks. ``bytes`` is the size of all envelopes, ``failed`` how many receipts carry another code than 0.
BLOCKS = Table(
    "blocks",
    METADATA,
    Column("height", long_integer(), primary_key=True, autoincrement=False),
    Column("identity", text(), nullable=False),
    Column("time", long_integer(), nullable=False),
    Column("epoch", long_integer(), nullable=False),
    Column("transactions", long_integer(), nullable=False),
    Column("failed", long_integer(), nullable=False),
    Column("bytes", long_integer(), nullable=False),
    Index("blocks_time", "time", unique=True),
)

#: Transactions. ``sender`` is the first signer, ``organisation`` its organisation, ``reference`` the message's
#: business reference (empty where it has none).
TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("id", text(), nullable=False),
    Column("height", long_integer(), nullable=False),
    Column("position", long_integer(), nullable=False),
    Column("time", long_integer(), nullable=False),
    Column("type", text(), nullable=False),
    Column("version", long_integer(), nullable=False),
    Column("code", long_integer(), nullable=False),
    Column("sender", text(), nullable=False),
    Column("organisation", text(), nullable=False),
    Column("reference", text(), nullable=False),
    Column("bytes", long_integer(), nullable=False),
)
Index("transactions_id", TRANSACTIONS.c.id, unique=True)
Index("transactions_type", TRANSACTIONS.c.type, TRANSACTIONS.c.place)
Index("transactions_organisation", TRANSACTIONS.c.organisation, TRANSACTIONS.c.place)
Index(
    "transactions_reference",
    TRANSACTIONS.c.reference,
    TRANSACTIONS.c.place,
    sqlite_where=TRANSACTIONS.c.reference != "",
    postgresql_where=TRANSACTIONS.c.reference != "",
)
Index(
    "transactions_code",
    TRANSACTIONS.c.code,
    TRANSACTIONS.c.place,
    sqlite_where=TRANSACTIONS.c.code != 0,
    postgresql_where=TRANSACTIONS.c.code != 0,
)

#: Every signer of every transaction; the sender has position 0.
SIGNERS = Table(
    "signers",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("position", long_integer(), primary_key=True, autoincrement=False),
    Column("account", text(), nullable=False),
    Column("algorithm", text(), nullable=False),
    sqlite_with_rowid=False,
)
Index("signers_account", SIGNERS.c.account, SIGNERS.c.position, SIGNERS.c.place)

#: Events in the order of their receipt; ``data`` is JSON.
EVENTS = Table(
    "events",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("position", long_integer(), primary_key=True, autoincrement=False),
    Column("type", text(), nullable=False),
    Column("version", long_integer(), nullable=False),
    Column("organisation", text(), nullable=False),
    Column("reference", text(), nullable=False),
    Column("data", text(), nullable=False),
    sqlite_with_rowid=False,
)
Index("events_type", EVENTS.c.type, EVENTS.c.place)
Index(
    "events_reference",
    EVENTS.c.reference,
    EVENTS.c.place,
    sqlite_where=EVENTS.c.reference != "",
    postgresql_where=EVENTS.c.reference != "",
)

#: How many transactions of one kind a minute had: what charts are drawn from. ``minute`` is its first ms.
ACTIVITY = Table(
    "activity",
    METADATA,
    Column("minute", long_integer(), primary_key=True, autoincrement=False),
    Column("type", text(), primary_key=True),
    Column("organisation", text(), primary_key=True),
    Column("code", long_integer(), primary_key=True, autoincrement=False),
    Column("transactions", long_integer(), nullable=False),
    Column("bytes", long_integer(), nullable=False),
    sqlite_with_rowid=False,
)

#: The tables whose rows the blocks alone decide, in the order in which a check compares them.
CORE_TABLES = (BLOCKS, TRANSACTIONS, SIGNERS, EVENTS)
