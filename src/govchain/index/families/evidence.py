"""Evidence (数据存证) as rows.

Tables: ``evidence`` (records with their digests; a record's id is its transaction's), ``evidence_marks`` (withdrawn or
superseded, a record or one leaf of a batch), and the view ``evidence_status`` (every record with what holds now).
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Column, Index, Table

from govchain.index.facts import BlockFacts, TransactionFacts
from govchain.index.projection import Projection
from govchain.index.schema import METADATA, Sink, long_integer, printable, text
from govchain.modules.evidence.messages import Batch, Put, Supersede, Supplement, Withdraw

__all__ = ["EVIDENCE", "EVIDENCE_MARKS", "EVIDENCE_PROJECTION"]

#: Records. ``members`` is 1 unless ``kind`` is ``batch``; ``about`` the record that a supplement or replacement belongs
#: to; ``name``, ``sm3`` and ``sha256`` are null where they are committed and not public; ``root`` is a batch's.
EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("kind", text(), nullable=False),
    Column("members", long_integer(), nullable=False),
    Column("reference", text(), nullable=False),
    Column("organisation", text(), nullable=False),
    Column("account", text(), nullable=False),
    Column("about", text()),
    Column("name", text()),
    Column("media_type", text(), nullable=False),
    Column("size", long_integer(), nullable=False),
    Column("captured", long_integer(), nullable=False),
    Column("method", text(), nullable=False),
    Column("sm3", text()),
    Column("sha256", text()),
    Column("root", text()),
)
Index("evidence_organisation", EVIDENCE.c.organisation, EVIDENCE.c.place)
Index("evidence_account", EVIDENCE.c.account, EVIDENCE.c.place)
for _name, _there in (
    *((name, EVIDENCE.c[name].is_not(None)) for name in ("sm3", "sha256", "root", "about")),
    ("reference", EVIDENCE.c.reference != ""),
):
    Index(f"evidence_{_name}", EVIDENCE.c[_name], EVIDENCE.c.place, sqlite_where=_there, postgresql_where=_there)

#: Marks on records: ``evidence`` is the record's id, ``member`` the leaf of a batch or null for the whole record.
EVIDENCE_MARKS = Table(
    "evidence_marks",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("evidence", text(), nullable=False),
    Column("member", long_integer()),
    Column("kind", text(), nullable=False),
    Column("reason", text(), nullable=False),
    Column("organisation", text(), nullable=False),
    Column("account", text(), nullable=False),
)
Index("evidence_marks_evidence", EVIDENCE_MARKS.c.evidence, EVIDENCE_MARKS.c.place)

_EVIDENCE_STATUS = """
SELECT t.id, t.height, t.position, t.time, e.kind, e.members, e.reference, e.organisation, e.account, e.about, e.name,
  e.media_type, e.size, e.captured, e.method, e.sm3, e.sha256, e.root, e.place,
  COALESCE((SELECT m.kind FROM evidence_marks m WHERE m.evidence = t.id AND m.member IS NULL
    ORDER BY m.place LIMIT 1), 'in_force') AS status
FROM evidence e JOIN transactions t ON t.place = e.place
"""

_put = msgspec.json.Decoder(Put)
_batch = msgspec.json.Decoder(Batch)
_supplement = msgspec.json.Decoder(Supplement)
_supersede = msgspec.json.Decoder(Supersede)
_withdraw = msgspec.json.Decoder(Withdraw)


def _record(
    place: int,
    transaction: TransactionFacts,
    sink: Sink,
    kind: str,
    message: Put | Supplement | Supersede,
    about: str | None = None,
) -> None:
    item = message.subject
    sink["evidence"].append(
        (
            place,
            kind,
            1,
            printable(message.reference),
            transaction.organisation,
            transaction.signers[0].account,
            about,
            None if item.name is None else printable(item.name),
            printable(item.media_type),
            item.size,
            item.capture.time,
            item.capture.method,
            item.sm3,
            item.sha256,
            None,
        )
    )


def _mark(place: int, transaction: TransactionFacts, sink: Sink, kind: str, message: Supersede | Withdraw) -> None:
    sink["evidence_marks"].append(
        (
            place,
            message.evidence,
            message.member,
            kind,
            message.reason,
            transaction.organisation,
            transaction.signers[0].account,
        )
    )


def _anchored(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    _record(place, transaction, sink, "file", _put.decode(transaction.payload))


def _batched(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _batch.decode(transaction.payload)
    sink["evidence"].append(
        (
            place,
            "batch",
            message.count,
            printable(message.reference),
            transaction.organisation,
            transaction.signers[0].account,
            None,
            None,
            "",
            message.total_size,
            message.capture.time,
            message.capture.method,
            None,
            None,
            message.root,
        )
    )


def _supplemented(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _supplement.decode(transaction.payload)
    _record(place, transaction, sink, "supplement", message, message.evidence)


def _superseded(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _supersede.decode(transaction.payload)
    _record(place, transaction, sink, "replacement", message, message.evidence)
    _mark(place, transaction, sink, "superseded", message)


def _withdrawn(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    _mark(place, transaction, sink, "withdrawn", _withdraw.decode(transaction.payload))


#: The evidence family's part of the index.
EVIDENCE_PROJECTION = Projection(
    family="evidence",
    version=1,
    tables=(EVIDENCE, EVIDENCE_MARKS),
    handlers={
        "evidence.put": _anchored,
        "evidence.batch": _batched,
        "evidence.supplement": _supplemented,
        "evidence.supersede": _superseded,
        "evidence.withdraw": _withdrawn,
    },
    views=(("evidence_status", _EVIDENCE_STATUS),),
)
