"""The database behind the index: SQLite by default, PostgreSQL by URL.

Purpose: open it, hand out connections for writing (one at a time, the transaction begun) and for reading (short, with a
time limit), and turn every failure into ``INDEX_UNAVAILABLE``. Rules: the ledger is what is durable, so commits need
not wait for the disk: after a power cut some rows may be missing together with their cursor, and are written again.
A URL's password is never shown. Not here: tables, rows, searches.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from govchain.model import Code, UnavailableError, UsageError

__all__ = ["INDEX_FILE", "QUERY_MS_MAX", "READERS_MAX", "IndexDatabase", "database_url", "names_password"]

#: Name of the index in a data directory, where no URL is given.
INDEX_FILE = "index.sqlite3"
#: How long one search may take, in ms.
QUERY_MS_MAX = 10_000
#: Connections for reading, at most; who comes later waits for one.
READERS_MAX = 8
#: How long to wait for a free connection or SQLite's lock, in seconds.
_WAIT_S = 10
#: How long a connection may take to be made, in seconds.
_CONNECT_S = 5
#: SQLite asks after this many of its steps whether the time is over.
_STEPS = 20_000
#: SQLite's page cache of a connection, in KiB.
_WRITER_CACHE_KIB = 65_536
_READER_CACHE_KIB = 8_192
#: Characters of a database's own message that are shown.
_REASON_LENGTH_MAX = 200
#: A URL's parameter with one of these in its name carries a secret (of PostgreSQL: password, sslpassword and others).
_PASSWORD_WORDS = ("passphrase", "password", "passwd", "pwd", "secret", "token")


def database_url(given: str, directory: Path | None) -> URL:
    """The URL of an index: ``sqlite:///PATH``, ``postgresql://…``, or empty for a file in ``directory``.

    Raises:
        UsageError: another kind of database, or no URL at all.
    """
    if not given:
        if directory is None:
            raise UsageError(Code.USAGE, reason="no index_url")
        return URL.create("sqlite+pysqlite", database=str(directory.absolute() / INDEX_FILE))
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise UsageError(
            Code.USAGE, reason="index_url is no URL: sqlite:///PATH or postgresql://USER@HOST/NAME"
        ) from None
    kind = url.drivername.partition("+")[0]
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+pysqlite")
    raise UsageError(Code.USAGE, reason=f"index_url: {kind}; it may be sqlite:///PATH or postgresql://USER@HOST/NAME")


def names_password(parameter: str) -> bool:
    """Whether the value of a URL's parameter of that name is a password or the like.

    >>> [names_password(name) for name in ("password", "sslpassword", "sslrootcert", "dbname")]
    [True, True, False, False]
    """
    small = parameter.lower()
    return any(word in small for word in _PASSWORD_WORDS)


class IndexDatabase:
    """An opened database; connections are made when they are needed. Safe to use from several threads.

    ``untouched``: an SQLite file that nobody writes to is read without leaving a trace, on a read-only disk too.
    """

    def __init__(self, url: URL, *, untouched: bool = False) -> None:
        """Name the database; nothing is opened yet."""
        self.url = url
        self._untouched = untouched
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._writer = self._engine(writing=True)
        self._reader = self._engine(writing=False)

    @property
    def shown_url(self) -> str:
        """The URL without its password, wherever it stands: before the host, or among the parameters."""
        hidden = {name: "***" for name in self.url.query if names_password(name)}
        return self.url.update_query_dict(hidden).render_as_string(hide_password=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back when an error leaves.

        Raises:
            UnavailableError: ``INDEX_UNAVAILABLE``.
        """
        with _translated(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self, limit_ms: int = QUERY_MS_MAX) -> Iterator[Connection]:
        """A connection that sees one state of the database, and whose statements end after ``limit_ms`` together.

        Raises:
            UnavailableError: ``INDEX_UNAVAILABLE``, also when the time is over.
        """
        with _translated(), self._reader.begin() as connection:
            if self.is_sqlite:
                raw: Any = connection.connection.driver_connection
                deadline = time.monotonic() + limit_ms / 1000
                raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
                try:
                    yield connection
                finally:
                    raw.set_progress_handler(None, 0)
            else:
                connection.execute(text(f"SET LOCAL statement_timeout = {int(limit_ms)}"))
                yield connection

    def close(self) -> None:
        """Close every connection that is not in use; using the database again opens new ones."""
        with suppress(SQLAlchemyError):
            self._writer.dispose()
            self._reader.dispose()

    def _engine(self, *, writing: bool) -> Engine:
        if self.is_sqlite:
            # A reader never makes the file: an empty one would look like an index.
            mode = "rwc" if writing else "ro&immutable=1" if self._untouched else "rw"
            name = f"file:{quote(str(self.url.database))}?mode={mode}"
            engine = create_engine(
                "sqlite+pysqlite://",
                creator=lambda: sqlite3.connect(
                    name,
                    uri=True,
                    timeout=_WAIT_S,
                    isolation_level=None,
                    check_same_thread=False,
                    cached_statements=512,
                ),
                poolclass=QueuePool,
                pool_size=1 if writing else READERS_MAX,
                max_overflow=0,
                pool_timeout=_WAIT_S,
            )
            event.listen(engine, "connect", _prepare_writer if writing else _prepare_reader)
            # The driver's own transactions begin late and end early; ours begin where they are written.
            event.listen(engine, "begin", _begin_immediate if writing else _begin)
            return engine
        options = {"options": f"-c synchronous_commit=off -c timezone=UTC {self.url.query.get('options', '')}".strip()}
        return create_engine(
            self.url,
            pool_size=1 if writing else READERS_MAX,
            max_overflow=0,
            pool_timeout=_WAIT_S,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED" if writing else "REPEATABLE READ",
            connect_args={"connect_timeout": _CONNECT_S, "application_name": "govchain", **options},
        )


def _prepare_writer(connection: Any, _record: Any) -> None:
    _pragmas(connection, "journal_mode=WAL", "synchronous=NORMAL", f"cache_size=-{_WRITER_CACHE_KIB}")


def _prepare_reader(connection: Any, _record: Any) -> None:
    _pragmas(connection, "query_only=ON", f"cache_size=-{_READER_CACHE_KIB}")


def _pragmas(connection: Any, *settings: str) -> None:
    for setting in settings:
        connection.execute(f"PRAGMA {setting}").close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise UnavailableError(Code.INDEX_UNAVAILABLE, reason=_reason(error)) from error


def _reason(error: SQLAlchemyError) -> str:
    """The first line of what the database said; statements and values are not shown."""
    said = getattr(error, "orig", None) or error
    first = str(said).strip().split("\n", 1)[0]
    if first == "interrupted" or "statement timeout" in first:
        return "the search took too long"
    return f"{type(said).__name__}: {first[:_REASON_LENGTH_MAX]}"
