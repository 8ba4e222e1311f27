"""Stored values of the evidence family that outsiders read, and their state keys.

A record is written once. A mark is in ``live``: its absence is what a package proves of a record that stands
(evidence-package.md 3.4). Not here: look-up keys, which prove nothing (``keys``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.model.wire import Address, Digest, Milliseconds
from govchain.modules.evidence.messages.payloads import Reason

__all__ = [
    "MARK_NAMESPACE",
    "RECORD_NAMESPACE",
    "MarkValue",
    "RecordValue",
    "mark_key",
    "mark_keys",
    "record_key",
]

#: Namespace of records by evidence id (32 bytes).
RECORD_NAMESPACE = "evidence.record"
#: Namespace of withdrawn or superseded marks.
MARK_NAMESPACE = "evidence.mark"

_RECORD_PREFIX = f"{RECORD_NAMESPACE}/".encode()
_MARK_PREFIX = f"{MARK_NAMESPACE}/".encode()
#: Characters of a 统一社会信用代码.
_CREDIT_CODE_LENGTH = 18


class RecordValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A record as stored; the item stays in the transaction. ``count`` is the number of leaves, 1 unless a batch."""

    account: str
    count: int
    height: int
    index: int
    kind: Literal["batch", "file", "replacement", "supplement"]
    of: str | None
    organisation: str
    time: int


class MarkValue(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a record no longer stands: ``by`` is the transaction that says so, ``time`` its block's (ms)."""

    account: Address
    by: Digest
    kind: Literal["superseded", "withdrawn"]
    organisation: Annotated[str, Meta(min_length=_CREDIT_CODE_LENGTH, max_length=_CREDIT_CODE_LENGTH)]
    reason: Reason
    time: Milliseconds


def record_key(evidence: bytes) -> bytes:
    """The state key of a record; ``evidence`` is its id's 32 bytes."""
    return _RECORD_PREFIX + evidence


def mark_key(evidence: bytes, leaf: int | None = None) -> bytes:
    """The state key of the mark on a record, or on one leaf of a batch."""
    return _MARK_PREFIX + evidence + (b"" if leaf is None else leaf.to_bytes(4, "big"))


def mark_keys(evidence: bytes, leaf: int | None) -> tuple[bytes, ...]:
    """The keys that decide the status of a record or a leaf, in order: the record's, then that of its leaf."""
    return (mark_key(evidence),) if leaf is None else (mark_key(evidence), mark_key(evidence, leaf))
