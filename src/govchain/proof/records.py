"""The payloads of transactions that make an evidence record, as a verifier reads them (evidence-package.md 3.3).

Not here: the family's own messages and rules (``modules/evidence``), which may bound more.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.model import Code, DecodingError
from govchain.model.wire import Body, Digest
from govchain.proof.facts import ProvedBatch, Relation
from govchain.proof.items import REFERENCE_LENGTH_MAX, Capture, Item

__all__ = ["EVIDENCE_TYPES", "EvidenceRecord", "read_record"]

_Reference = Annotated[str, Meta(max_length=REFERENCE_LENGTH_MAX)]
_Count = Annotated[int, Meta(ge=1, le=100_000)]
_Member = Annotated[int, Meta(ge=0, lt=100_000)] | None


class _Put(Struct, frozen=True, forbid_unknown_fields=True):
    reference: _Reference
    subject: Item


class _Supplement(Struct, frozen=True, forbid_unknown_fields=True):
    evidence: Digest
    reference: _Reference
    subject: Item


class _Supersede(Struct, frozen=True, forbid_unknown_fields=True):
    evidence: Digest
    member: _Member
    reason: Literal["duplicate", "error", "expired", "lawful_order", "other"]
    reference: _Reference
    subject: Item


class _Batch(Struct, frozen=True, forbid_unknown_fields=True):
    capture: Capture
    count: _Count
    reference: _Reference
    root: Digest
    total_size: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class EvidenceRecord(Struct, frozen=True):
    """A record as its transaction's payload tells it; ``batch`` has no leaf yet."""

    reference: str
    item: Item | None
    batch: ProvedBatch | None
    relation: Relation | None


_SCHEMAS: dict[str, type[_Put | _Supplement | _Supersede | _Batch]] = {
    "evidence.batch": _Batch,
    "evidence.put": _Put,
    "evidence.supersede": _Supersede,
    "evidence.supplement": _Supplement,
}
#: Types of transactions that make a record, sorted; each in version 1.
EVIDENCE_TYPES = tuple(sorted(_SCHEMAS))


def read_record(body: Body) -> EvidenceRecord:
    """The record that ``body`` (of one of :data:`EVIDENCE_TYPES`) makes.

    Raises:
        DecodingError: ``PAYLOAD_SHAPE``.
    """
    try:
        payload = msgspec.json.decode(body.payload, type=_SCHEMAS[body.type])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DecodingError(Code.PAYLOAD_SHAPE, reason=str(error)) from None
    if isinstance(payload, _Batch):
        batch = ProvedBatch(payload.count, payload.total_size, payload.root, None, payload.capture)
        return EvidenceRecord(payload.reference, None, batch, None)
    if isinstance(payload, _Supersede):
        relation = Relation(payload.evidence, payload.member, payload.reason)
        return EvidenceRecord(payload.reference, payload.subject, None, relation)
    if isinstance(payload, _Supplement):
        return EvidenceRecord(payload.reference, payload.subject, None, Relation(payload.evidence, None, None))
    return EvidenceRecord(payload.reference, payload.subject, None, None)
