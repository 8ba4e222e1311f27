"""Reads of the evidence family."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from govchain.modules.evidence.keys import account_prefix, digest_prefix, link_prefix, reference_prefix
from govchain.modules.evidence.messages import MarkValue, RecordValue, mark_key, record_key
from govchain.modules.port import StateView

__all__ = ["find_by_account", "find_by_digest", "find_by_reference", "history", "mark", "record"]

_record_decoder = msgspec.json.Decoder(RecordValue)
_mark_decoder = msgspec.json.Decoder(MarkValue)


def record(state: StateView, evidence: bytes) -> RecordValue | None:
    """The record with that id."""
    value = state.get(record_key(evidence))
    return None if value is None else _record_decoder.decode(value)


def mark(state: StateView, evidence: bytes, leaf: int | None = None) -> MarkValue | None:
    """The mark on a record; for a leaf of a batch the batch's own mark comes first."""
    value = state.get(mark_key(evidence))
    if value is None and leaf is not None:
        value = state.get(mark_key(evidence, leaf))
    return None if value is None else _mark_decoder.decode(value)


def find_by_digest(state: StateView, digest: bytes) -> Iterator[bytes]:
    """Ids of records of an item with that SM3 or SHA-256 digest, in id order."""
    prefix = digest_prefix(digest)
    for key, _ in state.scan(prefix):
        yield key[len(prefix) :]


def find_by_account(state: StateView, address: bytes) -> Iterator[bytes]:
    """Ids of records that an account made, oldest first."""
    for _, value in state.scan(account_prefix(address)):
        yield value


def find_by_reference(state: StateView, reference_digest: bytes) -> Iterator[bytes]:
    """Ids of records with a business reference, by its digest, oldest first."""
    for _, value in state.scan(reference_prefix(reference_digest)):
        yield value


def history(state: StateView, evidence: bytes) -> Iterator[bytes]:
    """Ids of later transactions about a record (supplements and marks), oldest first."""
    for _, value in state.scan(link_prefix(evidence)):
        yield value
