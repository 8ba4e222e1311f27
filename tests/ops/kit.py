"""A chain of several blocks to damage, and the ways to damage it."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from pathlib import Path

from govchain.node.embedded import open_embedded
from govchain.ops import doctor
from govchain.state import Batch, Table
from govchain.storage import RocksStore
from tests.node.kit import SMALL, Actor, Hands, copy_chain, make_chain

#: When the chain of these tests was made, and each of its blocks a second after the other.
START = 1_790_000_000_000
#: Later than every block.
NOW = START + 3_600_000
BLOCKS = 8


def build(path: Path, actor: Actor, *, blocks: int = BLOCKS, **limits: int) -> Path:
    """A chain with ``blocks`` blocks of one to three transactions, all in table files."""
    make_chain(path, actor, now=START, **limits)
    grow(path, actor, blocks)
    open_embedded(path, options=SMALL).close()  # opening again writes the log into table files
    return path


def grow(path: Path, actor: Actor, blocks: int) -> None:
    hands = Hands(path, START)
    hands.now = max(START, hands.application.chain.time)
    for number in range(blocks):
        hands.block(
            *(actor.put(reference=f"case-{number}", now=hands.now + 1000) for _ in range(number % 3 + 1)),
            at=hands.now + 1000,
        )
    hands.close()


def cut_power(path: Path, target: Path, actor: Actor, blocks: int) -> Path:
    """A copy of the directory after further blocks, taken while its node had them in memory and in the log only."""
    hands = Hands(path, START)
    hands.now = hands.application.chain.time
    for _ in range(blocks):
        hands.block(actor.put(now=hands.now + 1000), at=hands.now + 1000)
    copy_chain(path, target)
    hands.close()
    return target


def examine(path: Path, **options) -> doctor.Report:
    return doctor.run(
        path, **{"now": NOW, "minima": doctor.Minima(disk_free_bytes=0), "sleep": lambda seconds: None, **options}
    )


def parts(report: doctor.Report) -> list[tuple[str, str, int | None]]:
    return [(finding.part, finding.code.name, finding.height) for finding in report.findings]


@contextmanager
def opened(path: Path):
    """The store itself, past everything that keeps a node from writing nonsense."""
    store = RocksStore(path / "store", checkpoints=path / "checkpoints")
    try:
        yield store
    finally:
        store.close()


def write(path: Path, table: Table, key: bytes, value: bytes | None) -> None:
    with opened(path) as store:
        batch = Batch()
        if value is None:
            batch.delete(table, key)
        else:
            batch.put(table, key, value)
        store.write(batch, durable=True)


def read(path: Path, table: Table, key: bytes) -> bytes:
    with opened(path) as store:
        value = store.get(table, key)
        assert value is not None
        return value


def flip(file: Path, at: int, bit: int = 1) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= bit
    file.write_bytes(data)


def fingerprint(path: Path) -> dict[str, tuple[object, ...]]:
    """Every file and folder below ``path`` with its mode, owner, size, time of change and contents."""
    found = {}
    for entry in [path, *sorted(path.rglob("*"))]:
        facts = os.lstat(entry)
        content = hashlib.sha256(entry.read_bytes()).hexdigest() if entry.is_file() else ""
        found[str(entry.relative_to(path))] = (
            facts.st_mode, facts.st_uid, facts.st_ino, facts.st_size, facts.st_mtime_ns, content,
        )  # fmt: skip
    return found
