"""From blocks to rows: the tables of every chain, and each transaction handed to its family's projection.

Purpose: one pure function for writing and for checking. Rules: rows come in the order of their keys; the same blocks
give the same rows on every machine and database. Not here: writing (:mod:`govchain.index.writer`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Table

from govchain.index.facts import POSITION_BITS, BlockFacts, GenesisFacts
from govchain.index.projection import Projection, TransactionRows
from govchain.index.schema import CORE_TABLES, Row, Sink, printable

__all__ = ["ActivityKey", "ActivitySums", "Projector", "activity_rows", "minute_of", "versions"]

#: Minute (its first ms), type, organisation, result code.
ActivityKey = tuple[int, str, str, int]
#: Transactions and bytes for each key.
ActivitySums = dict[ActivityKey, tuple[int, int]]

_MINUTE_MS = 60_000
#: Characters of a business reference that are indexed; no family takes a longer one.
_REFERENCE_LENGTH_MAX = 128


class _Mention(Struct):
    """What messages with a business reference have in common."""

    reference: str = ""


_mention = msgspec.json.Decoder(_Mention)
_encoder = msgspec.json.Encoder(order="sorted")


def minute_of(time: int) -> int:
    """The first ms of the minute of ``time``; minutes are the same in every zone of whole minutes.

    >>> minute_of(119_999)
    60000
    """
    return time - time % _MINUTE_MS


class Projector:
    """Turns blocks into rows for these projections."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        """Collect the tables and handlers of ``projections``."""
        self.projections = tuple(projections)
        #: Every table whose rows belong to a place, in the order in which they are written.
        self.tables: tuple[Table, ...] = (
            *CORE_TABLES,
            *(table for projection in projections for table in projection.tables),
        )
        self._handlers: dict[str, TransactionRows] = {
            kind: handler for projection in projections for kind, handler in projection.handlers.items()
        }

    def new_sink(self) -> dict[str, list[Row]]:
        """An empty list for each table."""
        return {table.name: [] for table in self.tables}

    def genesis_rows(self, genesis: GenesisFacts, sink: Sink) -> None:
        """Put the rows of what exists before the first block."""
        for projection in self.projections:
            projection.genesis(genesis, sink)

    def block_rows(self, block: BlockFacts, sink: Sink, sums: ActivitySums) -> None:
        """Put the rows of ``block``, and add its transactions to the sums of their minute."""
        height, time, minute = block.height, block.time, minute_of(block.time)
        transactions, signers, events = sink["transactions"], sink["signers"], sink["events"]
        failed = size = 0
        for position, entry in enumerate(block.transactions):
            place = (height << POSITION_BITS) + position
            kind, code, organisation = entry.type, entry.code, entry.organisation
            size += entry.size
            key = (minute, kind, organisation, code)
            count, total = sums.get(key, (0, 0))
            sums[key] = (count + 1, total + entry.size)
            transactions.append(
                (
                    place,
                    entry.id,
                    height,
                    position,
                    time,
                    kind,
                    entry.version,
                    code,
                    entry.signers[0].account,
                    organisation,
                    _reference(entry.payload),
                    entry.size,
                )
            )
            for number, signer in enumerate(entry.signers):
                signers.append((place, number, signer.account, signer.algorithm))
            if code:
                failed += 1
                continue
            for number, event in enumerate(entry.events):
                events.append(
                    (
                        place,
                        number,
                        printable(event.type),
                        event.version,
                        printable(event.organisation),
                        printable(event.reference),
                        _encoder.encode(event.data).decode(),
                    )
                )
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(place, block, entry, sink)
        sink["blocks"].append((height, block.identity, time, block.epoch, len(block.transactions), failed, size))


def versions(projections: Sequence[Projection]) -> str:
    """The projections of an index as one text, to compare: ``accounts/1 evidence/1``."""
    return " ".join(f"{projection.family}/{projection.version}" for projection in projections)


def activity_rows(sums: Mapping[ActivityKey, tuple[int, int]]) -> list[Row]:
    """The sums as rows of ``activity``, in key order."""
    return [(*key, *sums[key]) for key in sorted(sums)]


def _reference(payload: msgspec.Raw) -> str:
    """The business reference of a message; empty where it has none that is one printable line."""
    try:
        reference = _mention.decode(payload).reference
    except msgspec.MsgspecError:
        return ""  # a failed transaction may carry anything
    return reference if len(reference) <= _REFERENCE_LENGTH_MAX and reference.isprintable() else ""
