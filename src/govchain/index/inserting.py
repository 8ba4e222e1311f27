"""Many rows in few statements, the fastest way that each database has.

Purpose: PostgreSQL takes rows by COPY; SQLite by INSERT with many rows of values, prepared once for each size. Why not
one execution for each row: the driver lets go of Python's lock and takes it back for each, and beside busy threads each
return costs up to a whole switching interval. Not here: which rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import OperationalError

from govchain.index.schema import Row

__all__ = ["insert_rows"]

#: Rows of one SQLite statement, largest first; the rest goes by the next size.
_SIZES = (256, 32, 4, 1)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add ``rows``, which have all columns of ``table`` in its order."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
        return
    start = 0
    for size in _SIZES:
        statement = _statement(table, size)
        while len(rows) - start >= size:
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(rows[start : start + size])))
            start += size


@lru_cache(maxsize=256)
def _statement(table: Table, rows: int) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    row = f"({', '.join('?' * len(table.columns))})"
    return f'INSERT INTO "{table.name}" ({names}) VALUES {", ".join([row] * rows)}'  # noqa: S608 - names of our own


def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    statement = f'COPY "{table.name}" ({names}) FROM STDIN'
    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(statement, None, error) from error
