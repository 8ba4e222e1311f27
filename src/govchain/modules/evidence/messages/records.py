"""What a transaction made, read from its payload, and what its marks say; for readers only, no part of the rules.

Purpose: one reading of payloads for the package verifier and the SDK. Not here: whether the transaction is in a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from govchain.model import Code, DecodingError
from govchain.model.decoders import json_decoder
from govchain.model.wire import Body
from govchain.modules.evidence.messages.items import Capture, Item
from govchain.modules.evidence.messages.payloads import Batch, Put, Supersede, Supplement
from govchain.modules.evidence.messages.values import MarkValue
from govchain.proof.exact import decode_exact

__all__ = ["EVIDENCE_TYPES", "BatchFacts", "RecordFacts", "Relation", "decode_mark", "first_mark", "read_record"]

_SCHEMAS: dict[str, type[Put | Supplement | Supersede | Batch]] = {
    "evidence.batch": Batch,
    "evidence.put": Put,
    "evidence.supersede": Supersede,
    "evidence.supplement": Supplement,
}
#: Types of transactions that make a record, sorted; each in version 1.
EVIDENCE_TYPES = tuple(sorted(_SCHEMAS))


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """A batch: number of leaves, total bytes, root (hex), and how its submitter says that it was taken."""

    count: int
    total_size: int
    root: str
    capture: Capture


@dataclass(frozen=True, slots=True)
class Relation:
    """The earlier record (and leaf) that this one supplements, or supersedes for a reason."""

    evidence: str
    leaf: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """A record as its transaction's payload tells it: one item, or a batch."""

    reference: str
    item: Item | None
    batch: BatchFacts | None
    relation: Relation | None


def read_record(body: Body) -> RecordFacts:
    """The record that ``body`` (of one of :data:`EVIDENCE_TYPES`) makes.

    Raises:
        DecodingError: ``PAYLOAD_SHAPE``.
    """
    try:
        payload = json_decoder(_SCHEMAS[body.type]).decode(body.payload)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DecodingError(Code.PAYLOAD_SHAPE, reason=str(error)) from None
    if isinstance(payload, Batch):
        batch = BatchFacts(payload.count, payload.total_size, payload.root, payload.capture)
        return RecordFacts(payload.reference, None, batch, None)
    relation = None
    if isinstance(payload, Supersede):
        relation = Relation(payload.evidence, payload.member, payload.reason)
    elif isinstance(payload, Supplement):
        relation = Relation(payload.evidence, None, None)
    return RecordFacts(payload.reference, payload.subject, None, relation)


def decode_mark(data: bytes) -> MarkValue:
    """Read a mark.

    Raises:
        DecodingError: anything but the canonical encoding of a mark.
    """
    return decode_exact(data, MarkValue)


def first_mark(values: Sequence[bytes | None]) -> MarkValue | None:
    """The mark that decides, among the values of ``mark_keys`` in their order; None while the record stands.

    Raises:
        DecodingError: a value that is no mark.
    """
    value = next((value for value in values if value is not None), None)
    return None if value is None else decode_mark(value)
