"""The submitter's own directory: what the ledger deliberately does not hold about anchored files.

Purpose: names, relative paths, salts, each item's exact bytes, and the batches' trees, by which a file is found again
and its proof built. It is private: mode 0600, one SQLite file, never sent anywhere.
Rules: one transaction of the ledger is one transaction of SQLite. A record is written as *pending*, with its envelope,
before the envelope is sent: a crash can lose neither salts nor the way to ask what became of it. Refused transactions
are forgotten. Opening refuses files from a newer version.
Not here: proofs (:mod:`govchain.sdk.client`), content: files never enter.

Example::

    with Catalogue.open(path) as catalogue:
        for entry in catalogue.find_digest("66c7…"):
            print(entry.evidence, entry.member, entry.path)
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from govchain.model import Code, GovChainError, UnavailableError
from govchain.sdk.tree import read_path

__all__ = ["SCHEMA_VERSION", "Anchored", "Catalogue", "Entry", "Salted"]

#: Version of the tables; a file with a higher one is refused.
SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE anchored (
  id TEXT PRIMARY KEY, chain TEXT NOT NULL, type TEXT NOT NULL, reference TEXT NOT NULL, count INTEGER NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL, envelope BLOB, height INTEGER, time INTEGER
) WITHOUT ROWID;
CREATE TABLE items (
  evidence TEXT NOT NULL REFERENCES anchored (id) ON DELETE CASCADE, member INTEGER NOT NULL, path TEXT NOT NULL,
  name TEXT NOT NULL, sm3 BLOB NOT NULL, sha256 BLOB NOT NULL, size INTEGER NOT NULL,
  item BLOB NOT NULL, salts BLOB NOT NULL,
  PRIMARY KEY (evidence, member)
) WITHOUT ROWID;
CREATE INDEX items_by_sm3 ON items (sm3);
CREATE INDEX items_by_sha256 ON items (sha256);
CREATE INDEX items_by_name ON items (name);
CREATE TABLE levels (
  evidence TEXT NOT NULL REFERENCES anchored (id) ON DELETE CASCADE, level INTEGER NOT NULL, nodes BLOB NOT NULL,
  PRIMARY KEY (evidence, level)
);
"""

#: How a record that is not a batch numbers its one item in the table.
_ALONE = -1
_HASH_BYTES = 32
#: Hex digits of the shortest abbreviation of an id that is looked up.
_PREFIX_MIN = 6


class Salted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What opens one commitment of an item: the field's name, its salt (hex) and its value."""

    field: str
    salt: str
    value: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """One transaction that anchored something; ``height`` and ``time`` (ms) are None while its fate is unknown."""

    id: str
    chain: str
    type: str
    reference: str
    count: int
    created: int
    expires: int
    envelope: bytes | None = None
    height: int | None = None
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One anchored file: the record that holds it, its leaf (None outside a batch), and what only its owner knows."""

    evidence: str
    member: int | None
    path: str
    name: str
    sm3: str
    sha256: str
    size: int
    item: bytes
    salts: tuple[Salted, ...]

    @property
    def id(self) -> str:
        """How people write it: the record's id, and ``.LEAF`` in a batch."""
        return self.evidence if self.member is None else f"{self.evidence}.{self.member}"


_salts = msgspec.json.Decoder(tuple[Salted, ...])


class Catalogue:
    """The open directory. Use it as a context manager, or :meth:`close` it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Take over an open connection; see :meth:`open`."""
        self._connection = connection
        self._lock = threading.RLock()
        self.path = path

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Catalogue:
        """Open the directory at ``path``; made (mode 0600) when absent, unless ``read_only``.

        Raises:
            UnavailableError: ``DATA_DIRECTORY_NEWER``, ``DATA_DIRECTORY_READ_ONLY``, ``DISK_FULL``, ``STORE_CORRUPT``.
        """
        with _translated(path):
            if read_only:
                if not path.exists():
                    return cls(_connect(":memory:", create=True), path)
                return cls(_connect_reader(path), path)
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            except OSError as error:
                raise UnavailableError(
                    Code.DATA_DIRECTORY_READ_ONLY, path=str(path), reason=os.strerror(error.errno or 0)
                ) from None
            return cls(_connect(str(path), create=False), path)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # Writing

    def remember(self, anchored: Anchored, entries: Iterable[Entry], levels: Sequence[bytes] = ()) -> None:
        """Write a record and all its items at once, or nothing."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO anchored VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    anchored.id,
                    anchored.chain,
                    anchored.type,
                    anchored.reference,
                    anchored.count,
                    anchored.created,
                    anchored.expires,
                    anchored.envelope,
                    anchored.height,
                    anchored.time,
                ),
            )
            connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, entries))
            connection.executemany(
                "INSERT INTO levels VALUES (?, ?, ?)", ((anchored.id, n, nodes) for n, nodes in enumerate(levels))
            )

    def settle(self, evidence: str, *, height: int, time: int) -> None:
        """Note that a pending record was committed in block ``height`` at ``time`` (ms)."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE anchored SET height = ?, time = ?, envelope = NULL WHERE id = ?", (height, time, evidence)
            )

    def forget(self, evidence: str) -> None:
        """Remove a pending record that was refused or has expired."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM anchored WHERE id = ? AND height IS NULL", (evidence,))

    # Reading

    def anchored(self, evidence: str) -> Anchored | None:
        """The record with that id."""
        with self._alone():
            row = self._connection.execute("SELECT * FROM anchored WHERE id = ?", (evidence,)).fetchone()
        return None if row is None else Anchored(*row)

    def pending(self) -> list[Anchored]:
        """Records whose fate is unknown, oldest first."""
        with self._alone():
            rows = self._connection.execute(
                "SELECT * FROM anchored WHERE height IS NULL ORDER BY created, id"
            ).fetchall()
        return [Anchored(*row) for row in rows]

    def entry(self, evidence: str, member: int | None = None) -> Entry | None:
        """One item of a record."""
        found = self._entries("evidence = ? AND member = ?", (evidence, _ALONE if member is None else member))
        return next(iter(found), None)

    def entries(self, evidence: str) -> list[Entry]:
        """All items of a record, in leaf order."""
        return self._entries("evidence = ?", (evidence,))

    def find_digest(self, digest: str) -> list[Entry]:
        """Items whose content has that SM3 or SHA-256 digest (hex)."""
        raw = bytes.fromhex(digest)
        found = self._entries("sm3 = ?", (raw,))
        return found + [entry for entry in self._entries("sha256 = ?", (raw,)) if entry not in found]

    def find_name(self, name: str) -> list[Entry]:
        """Items with that file name, or that path below what was anchored."""
        return self._entries("name = ?", (name.rsplit("/", 1)[-1],), path=name if "/" in name else None)

    def resolve(self, prefix: str) -> list[str]:
        """Ids that start with ``prefix``, at most ten; none for fewer than six digits."""
        if len(prefix) < _PREFIX_MIN:
            return []
        with self._alone():
            rows = self._connection.execute(
                "SELECT id FROM anchored WHERE id >= ? AND id < ? ORDER BY id LIMIT 10", (prefix, prefix + "g")
            ).fetchall()
        return [row[0] for row in rows]

    def member_path(self, evidence: str, member: int, count: int) -> tuple[bytes, ...]:
        """The inclusion path of one leaf of a batch, from the kept tree.

        Raises:
            UnavailableError: ``STORE_CORRUPT`` when the tree is not there.
        """

        def read(level: int, place: int) -> bytes:
            row = self._connection.execute(
                "SELECT substr(nodes, ?, ?) FROM levels WHERE evidence = ? AND level = ?",
                (place * _HASH_BYTES + 1, _HASH_BYTES, evidence, level),
            ).fetchone()
            if row is None or len(row[0]) != _HASH_BYTES:
                raise UnavailableError(Code.STORE_CORRUPT, path=str(self.path), reason=f"tree of {evidence}")
            return bytes(row[0])

        with self._alone():
            return read_path(member, count, read)

    def _entries(self, where: str, values: tuple[object, ...], *, path: str | None = None) -> list[Entry]:
        # ``where`` is one of the literals above, never input.
        with self._alone():
            rows = self._connection.execute(
                f"SELECT * FROM items WHERE {where} ORDER BY evidence, member",  # noqa: S608
                values,
            ).fetchall()
        found = [_entry(row) for row in rows]
        return found if path is None else [entry for entry in found if entry.path.endswith(path)]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time, with the database's errors as ours."""
        with self._lock, _translated(self.path):
            yield

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._alone():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _connect(name: str, *, create: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(name, isolation_level=None, timeout=10, check_same_thread=False)
    if not create:
        _check_version(connection, Path(name))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    """Open for reading, also where nothing at all may be written (then only if no log is left to be read with it)."""
    log = path.with_name(path.name + "-wal")
    modes = ["mode=ro"] if log.exists() and log.stat().st_size else ["mode=ro", "immutable=1"]
    for mode in modes:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            _check_version(connection, path)
        except sqlite3.OperationalError:
            connection.close()
            if mode == modes[-1]:
                raise
        else:
            return connection
    raise AssertionError("unreachable")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        connection.close()
        raise UnavailableError(
            Code.DATA_DIRECTORY_NEWER, path=str(path), found=version, supported=SCHEMA_VERSION, reason="catalogue"
        )


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        entry.evidence,
        _ALONE if entry.member is None else entry.member,
        entry.path,
        entry.name,
        bytes.fromhex(entry.sm3),
        bytes.fromhex(entry.sha256),
        entry.size,
        entry.item,
        msgspec.json.encode(entry.salts),
    )


def _entry(row: tuple[str, int, str, str, bytes, bytes, int, bytes, bytes]) -> Entry:
    evidence, member, path, name, sm3, sha256, size, item, salts = row
    leaf = None if member == _ALONE else member
    return Entry(evidence, leaf, path, name, sm3.hex(), sha256.hex(), size, item, _salts.decode(salts))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from None


def _error(path: Path, error: sqlite3.Error) -> GovChainError:
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        return UnavailableError(Code.DATA_DIRECTORY_READ_ONLY, path=str(path), reason=name)
    if name == "SQLITE_FULL":
        return UnavailableError(Code.DISK_FULL, path=str(path), reason=name)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return UnavailableError(Code.DATA_DIRECTORY_LOCKED, path=str(path), reason=name)
    return UnavailableError(Code.STORE_CORRUPT, path=str(path), reason=f"{name}: {error}")
