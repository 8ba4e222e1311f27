"""Executing stored blocks again, from genesis, into an empty store: the proof that the same blocks give the same state.

Purpose: ``doctor`` and tests compare identities, receipts and every key; a mismatch names the first height or key that
differs, and how.
Rules: reads the source, writes only the target.
Not here: certificates and roots (``ops.ledger_checks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from govchain.consensus.application import LedgerApplication
from govchain.consensus.pool import Pool
from govchain.ledger import ChainState, Machine
from govchain.model import Code
from govchain.proof.headers import decode_header
from govchain.state import Pair, Reader, Store, Table
from govchain.storage import BlockReader

__all__ = ["COMPARED_TABLES", "Difference", "Progress", "compare_chain_states", "compare_tables", "replay_blocks"]

#: Called with (done, total) as work goes on.
Progress = Callable[[int, int], None]
#: The tables that executing the blocks fills, besides those that are compared block by block.
COMPARED_TABLES = (Table.STATE, Table.LIVE, Table.TRANSACTIONS, Table.HISTORY, Table.IDS, Table.KEY_HISTORY)
#: Fields of the moving facts that are the engine's own business.
_ENGINE_FIELDS = frozenset({"engine_era", "engine_height"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Where source and replay part: a height (or None), a table's name, and how: a reason with its facts."""

    height: int | None
    part: str
    reason: str
    facts: Mapping[str, object] = field(default_factory=dict)


def replay_blocks(
    machine: Machine, source: BlockReader, head: int, target: Store, progress: Progress | None = None
) -> tuple[Difference | None, ChainState]:
    """Execute blocks 1 to ``head`` of ``source`` into ``target``.

    Returns:
        The first difference, or None when all agree; and the moving facts that were reached.
    """
    application = LedgerApplication(machine, target, Pool(), clock=lambda: 0)
    try:
        application.init_chain()
        for height in range(1, head + 1):
            difference = _replay_one(application, source, height)
            if difference is not None:
                return difference, application.chain
            if progress is not None:
                progress(height, head)
        return None, application.chain
    finally:
        application.close()


def _replay_one(application: LedgerApplication, source: BlockReader, height: int) -> Difference | None:
    stored = source.header(height)
    if stored is None:
        return Difference(height, "headers", "missing")
    header = decode_header(stored)
    envelopes = list(source.envelopes(height))
    code = application.process_proposal(envelopes, header.time)
    if code or not envelopes:
        return Difference(height, "bodies", "refused", {"code": (code or Code.BLOCK_INVALID).name})
    application.finalize_block(envelopes, header.time, height)
    application.commit()
    again = application.blocks.header(height)
    if again != stored:
        made, kept = (msgspec.to_builtins(decode_header(data)) for data in (again or b"", stored))
        names = ", ".join(sorted(name for name in kept if kept[name] != made.get(name)))
        return Difference(height, "headers", "replayed_header", {"fields": names})
    if application.blocks.receipts(height) != source.receipts(height):
        return Difference(height, "receipts", "replayed_receipts")
    return None


def compare_tables(stored: Reader, replayed: Reader, table: Table) -> Difference | None:
    """How a table differs from the replayed one: the number of keys and the first of them; None when it does not."""
    count = 0
    first: tuple[str, bytes] | None = None
    for how, key in _differences(stored.scan(table), replayed.scan(table)):
        count += 1
        first = first or (how, key)
    if first is None:
        return None
    how, key = first
    return Difference(None, table.name.lower(), f"entry_{how}", {"count": count, "key": _key_text(table, key)})


def compare_chain_states(stored: ChainState, replayed: ChainState) -> Difference | None:
    """How the moving facts differ from the replayed ones, leaving out the engine's own height."""
    names = [
        name
        for name in stored.__struct_fields__
        if name not in _ENGINE_FIELDS and getattr(stored, name) != getattr(replayed, name)
    ]
    return Difference(None, "meta", "chain_state", {"fields": ", ".join(names)}) if names else None


def _differences(stored: Iterator[Pair], replayed: Iterator[Pair]) -> Iterator[tuple[str, bytes]]:
    """Each key at which two sorted runs differ, and how the stored one does."""
    left, right = next(stored, None), next(replayed, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None
            yield "added", left[0]
            left = next(stored, None)
        elif left is None or right[0] < left[0]:
            yield "missing", right[0]
            right = next(replayed, None)
        else:
            if left[1] != right[1]:
                yield "changed", left[0]
            left, right = next(stored, None), next(replayed, None)


def _key_text(table: Table, key: bytes) -> str:
    """A key for people: a state key's namespace in words, everything else in hex."""
    namespace, slash, rest = key.partition(b"/")
    if table is Table.STATE and slash and namespace.isascii():
        return f"{namespace.decode()}/{rest[:32].hex()}"
    return key[:32].hex()
