"""Executing stored blocks again, from genesis, into an empty store: the proof that the same blocks give the same state.

Purpose: `doctor` and tests compare identities and every state key; a mismatch names the first height that differs.
Rules: reads the source, writes only the target.
Not here: certificates (``ops.doctor``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from govchain.consensus.application import LedgerApplication
from govchain.consensus.pool import Pool
from govchain.ledger import Machine
from govchain.model import Code
from govchain.proof.headers import decode_header
from govchain.state import Reader, Store, Table
from govchain.storage import BlockReader

__all__ = ["Difference", "Progress", "compare_tables", "replay_blocks"]

#: Called with (done, total) as work goes on.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where source and replay part: a height (or None), a table's name, and what differs."""

    height: int | None
    part: str
    reason: str


def replay_blocks(
    machine: Machine, source: BlockReader, head: int, target: Store, progress: Progress | None = None
) -> Difference | None:
    """Execute blocks 1 to ``head`` of ``source`` into ``target``; the first difference, or None when all agree."""
    application = LedgerApplication(machine, target, Pool(), clock=lambda: 0)
    application.init_chain()
    for height in range(1, head + 1):
        stored = source.header(height)
        if stored is None:
            return Difference(height, "headers", "missing")
        header = decode_header(stored)
        envelopes = list(source.envelopes(height))
        code = application.process_proposal(envelopes, header.time)
        if code or not envelopes:
            return Difference(height, "bodies", (code or Code.BLOCK_INVALID).name)
        application.finalize_block(envelopes, header.time, height)
        application.commit()
        if application.blocks.header(height) != stored:
            return Difference(height, "headers", "the replayed header differs")
        if list(application.blocks.receipts(height)) != list(source.receipts(height)):
            return Difference(height, "receipts", "the replayed receipts differ")
        if progress is not None:
            progress(height, head)
    return None


def compare_tables(one: Reader, other: Reader, table: Table) -> Difference | None:
    """The first key at which a table differs between two stores, or None."""
    left, right = one.scan(table), other.scan(table)
    for first, second in _pairs(left, right):
        if first != second:
            key = (first or second or (b"", b""))[0]
            return Difference(None, table.name.lower(), f"key {key[:64]!r}")
    return None


def _pairs(
    left: Iterator[tuple[bytes, bytes]], right: Iterator[tuple[bytes, bytes]]
) -> Iterator[tuple[tuple[bytes, bytes] | None, tuple[bytes, bytes] | None]]:
    while True:
        first, second = next(left, None), next(right, None)
        if first is None and second is None:
            return
        yield first, second
