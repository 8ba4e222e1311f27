"""State keys and stored values of the evidence family."""

from __future__ import annotations

from typing import Literal

import msgspec

from govchain.modules.evidence.messages import Reason
from govchain.state import Namespace

__all__ = [
    "BY_ACCOUNT",
    "BY_DIGEST",
    "BY_REFERENCE",
    "LINK",
    "MARK",
    "RECORD",
    "MarkValue",
    "RecordValue",
    "account_prefix",
    "by_account_key",
    "by_digest_key",
    "by_reference_key",
    "digest_prefix",
    "link_key",
    "link_prefix",
    "mark_key",
    "record_key",
    "reference_prefix",
]

#: Records by evidence id (32 bytes): written once.
RECORD = Namespace("evidence.record", delta=True, live=False)
#: Withdrawn or superseded marks: their absence is what a package proves.
MARK = Namespace("evidence.mark", delta=True, live=True)
#: Look-up: content digest (SM3 or SHA-256) ‖ evidence id.
BY_DIGEST = Namespace("evidence.by_digest", delta=False, live=False)
#: Look-up: account ‖ u64 height ‖ u32 index → evidence id.
BY_ACCOUNT = Namespace("evidence.by_account", delta=False, live=False)
#: Look-up: digest of the reference ‖ u64 height ‖ u32 index → evidence id.
BY_REFERENCE = Namespace("evidence.by_reference", delta=False, live=False)
#: Look-up: evidence id ‖ u64 height ‖ u32 index → id of a later transaction about it.
LINK = Namespace("evidence.link", delta=False, live=False)


class RecordValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record as stored; the item stays in the transaction. ``count`` is the number of leaves, 1 unless a batch."""

    account: str
    count: int
    height: int
    index: int
    kind: Literal["batch", "file", "replacement", "supplement"]
    of: str | None
    organisation: str
    time: int


class MarkValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mark as stored: who set it, by which transaction, why and when (block time)."""

    account: str
    by: str
    kind: Literal["superseded", "withdrawn"]
    organisation: str
    reason: Reason
    time: int


def record_key(evidence: bytes) -> bytes:
    """The state key of a record."""
    return b"evidence.record/" + evidence


def mark_key(evidence: bytes, member: int | None = None) -> bytes:
    """The state key of the mark on a record, or on leaf ``member`` of a batch."""
    return b"evidence.mark/" + evidence + (b"" if member is None else member.to_bytes(4, "big"))


def digest_prefix(digest: bytes) -> bytes:
    """Prefix of the look-up keys of one content digest."""
    return b"evidence.by_digest/" + digest


def by_digest_key(digest: bytes, evidence: bytes) -> bytes:
    """Look-up key from content digest to evidence id."""
    return b"evidence.by_digest/" + digest + evidence


def account_prefix(address: bytes) -> bytes:
    """Prefix of the look-up keys of one submitter."""
    return b"evidence.by_account/" + address


def by_account_key(address: bytes, place: bytes) -> bytes:
    """Look-up key from submitter and place (u64 height ‖ u32 index)."""
    return b"evidence.by_account/" + address + place


def reference_prefix(digest: bytes) -> bytes:
    """Prefix of the look-up keys of one business reference, by its digest."""
    return b"evidence.by_reference/" + digest


def by_reference_key(digest: bytes, place: bytes) -> bytes:
    """Look-up key from a reference's digest and place."""
    return b"evidence.by_reference/" + digest + place


def link_prefix(evidence: bytes) -> bytes:
    """Prefix of the look-up keys of what happened to a record later."""
    return b"evidence.link/" + evidence


def link_key(evidence: bytes, place: bytes) -> bytes:
    """Look-up key from a record to a later transaction about it."""
    return b"evidence.link/" + evidence + place
