"""Anchor the rows of an existing database table every night, with a proof for each row on demand.

Nothing of the database changes, and nothing of it leaves: a row becomes canonical JSON, the ledger gets a salted
commitment to its digest (a plain digest of a few columns could be guessed), all new and changed rows of a night one
transaction. The catalogue keeps salts and trees, the state file which record holds which row.

Rules: a row is named by its primary key; it counts as changed when its canonical form differs from the one last
anchored; a night that failed is made up for by the next one, which at worst anchors a row twice.
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy

from govchain.model import GovChainError
from govchain.sdk import (
    CaptureOptions,
    Catalogue,
    Client,
    HttpTransport,
    TrustStore,
    capture_contents,
    content_facts,
    default_trust_path,
    now_ms,
)
from govchain.signers import open_signer, passphrase_source

#: Rows of one transaction, at most.
BATCH_ROWS_MAX = 100_000


def plain(value: object) -> object:
    """A column's value as JSON has it: the same text for the same value, whatever the database."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def canonical(table: str, row: dict[str, Any]) -> bytes:
    """A row's canonical form: columns by name, without blanks, UTF-8."""
    shown = {"row": {name: plain(value) for name, value in row.items()}, "table": table}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def rows_of(url: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Each row's key (the primary key's values as JSON) and canonical form."""
    engine = sqlalchemy.create_engine(url)
    try:
        table = sqlalchemy.Table(name, sqlalchemy.MetaData(), autoload_with=engine)
        keys = list(table.primary_key.columns)
        if not keys:
            sys.exit(f"{name} has no primary key: rows could not be told apart")
        with engine.connect() as connection:
            for row in connection.execute(sqlalchemy.select(table).order_by(*keys)).mappings():
                key = json.dumps([plain(row[column.name]) for column in keys], ensure_ascii=False)
                yield key, canonical(name, dict(row))
    finally:
        engine.dispose()


class State:
    """Which record and leaf hold which row, and its digest then."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS held (source TEXT, key TEXT, sm3 TEXT, evidence TEXT, member INTEGER,"
            " PRIMARY KEY (source, key))"
        )

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def held(self, source: str) -> dict[str, str]:
        """Digests by key."""
        return dict(self.connection.execute("SELECT key, sm3 FROM held WHERE source = ?", (source,)))

    def place(self, source: str, key: str) -> tuple[str, str, int] | None:
        """Digest, record and leaf of a row."""
        found = self.connection.execute(
            "SELECT sm3, evidence, member FROM held WHERE source = ? AND key = ?", (source, key)
        )
        return found.fetchone()

    def hold(self, source: str, evidence: str, rows: list[tuple[str, str]]) -> None:
        """Leaves of a new record, in order."""
        values = [(source, key, sm3, evidence, member) for member, (key, sm3) in enumerate(rows)]
        with self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?, ?)", values)

    def drop(self, source: str, keys: set[str]) -> None:
        """Rows that are no longer in the table."""
        with self.connection:
            self.connection.executemany(
                "DELETE FROM held WHERE source = ? AND key = ?", [(source, key) for key in sorted(keys)]
            )


@dataclass(frozen=True)
class Night:
    """What a night found: counts of rows, and the records that were made."""

    new: list[str]
    changed: list[str]
    gone: list[str]
    same: int
    records: list[str]


def anchor_table(client: Client, state: State, url: str, table: str) -> Night:
    """Anchor the rows that are new or changed since the last night."""
    client.recover()
    before = state.held(table)
    fresh: list[tuple[str, bytes, str]] = []
    new, changed, seen = [], [], set()
    for key, data in rows_of(url, table):
        sm3 = content_facts(data).sm3.hex()
        seen.add(key)
        if before.get(key) != sm3:
            fresh.append((key, data, sm3))
            (changed if key in before else new).append(key)
    records = []
    for first in range(0, len(fresh), BATCH_ROWS_MAX):
        part = fresh[first : first + BATCH_ROWS_MAX]
        taken = capture_contents(
            [(f"{table}.json", data) for _, data, _ in part],
            suite=client.suite,
            now=now_ms(),
            options=CaptureOptions(private_content=True),
        )
        record = client.put_batch(taken.files, reference=table)
        state.hold(table, record.id, [(key, sm3) for key, _, sm3 in part])
        records.append(record.id)
    gone = sorted(set(before) - seen)
    state.drop(table, set(gone))
    return Night(new, changed, gone, len(seen) - len(fresh), records)


def prove_row(client: Client, state: State, url: str, table: str, key: str, folder: Path) -> int:
    """Write the row as it is in the table, and its package; 1 where it is not what was anchored."""
    current = next((data for found, data in rows_of(url, table) if found == key), None)
    place = state.place(table, key)
    if current is None or place is None:
        sys.exit(f"{table} {key}: " + ("no such row" if current is None else "not anchored yet"))
    sm3, evidence, member = place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "row.json").write_bytes(current)
    (folder / "row.gcp").write_bytes(client.export_package(evidence, member, disclose=["content", "name"]))
    changed = content_facts(current).sm3.hex() != sm3
    print(f"{evidence}.{member}" + ("  CHANGED since it was anchored" if changed else ""))
    return int(changed)


def main(arguments: list[str] | None = None) -> int:
    """One night, or the proof of one row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", required=True, help="SQLAlchemy URL: sqlite:///file, postgresql+psycopg://…")
    parser.add_argument("--table", required=True)
    parser.add_argument("--node", required=True, help="URL of the node")
    parser.add_argument("--key", type=Path, required=True, help="key file of your account; its passphrase beside it")
    parser.add_argument("--catalogue", type=Path, required=True, help="file for names and salts; private, keep it")
    parser.add_argument("--state", type=Path, required=True, help="file for which record holds which row; keep it")
    parser.add_argument("--prove", metavar="KEY", help='a row by its primary key as JSON, such as "[17]"')
    parser.add_argument("--to", type=Path, default=Path("proof"), help="folder for row and package")
    given = parser.parse_args(arguments)

    store = TrustStore(default_trust_path())  # what `govchain trust add genesis.json` put there
    with (
        HttpTransport(given.node) as transport,
        Catalogue.open(given.catalogue) as catalogue,
        closing(State(given.state)) as state,
        closing(open_signer(f"file:{given.key}", passphrase_source(given.key.parent))) as signer,
    ):
        client = Client(transport, trust=store.trusted(), signer=signer, catalogue=catalogue, memory=store)
        if given.prove is not None:
            return prove_row(client, state, given.database, given.table, given.prove, given.to)
        night = anchor_table(client, state, given.database, given.table)
    for word, keys in (("changed", night.changed), ("gone", night.gone)):
        for key in keys:
            print(f"{word}: {given.table} {key}")
    print(f"new {len(night.new)}, changed {len(night.changed)}, gone {len(night.gone)}, same {night.same}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GovChainError as error:
        sys.exit(f"{error.code.name}: {error.text('en')}")
