"""Namespaces and look-up keys of the evidence family; stored values and public keys lie with the messages."""

from __future__ import annotations

from govchain.modules.evidence.messages import MARK_NAMESPACE, RECORD_NAMESPACE
from govchain.state import Namespace

__all__ = [
    "BY_ACCOUNT",
    "BY_DIGEST",
    "BY_REFERENCE",
    "LINK",
    "MARK",
    "RECORD",
    "account_prefix",
    "by_account_key",
    "by_digest_key",
    "by_reference_key",
    "digest_prefix",
    "link_key",
    "link_prefix",
    "reference_prefix",
]

#: Records by evidence id (32 bytes): written once.
RECORD = Namespace(RECORD_NAMESPACE, delta=True, live=False)
#: Withdrawn or superseded marks: their absence is what a package proves.
MARK = Namespace(MARK_NAMESPACE, delta=True, live=True)
#: Look-up: content digest (SM3 or SHA-256) ‖ evidence id.
BY_DIGEST = Namespace("evidence.by_digest", delta=False, live=False)
#: Look-up: account ‖ u64 height ‖ u32 index → evidence id.
BY_ACCOUNT = Namespace("evidence.by_account", delta=False, live=False)
#: Look-up: digest of the reference ‖ u64 height ‖ u32 index → evidence id.
BY_REFERENCE = Namespace("evidence.by_reference", delta=False, live=False)
#: Look-up: evidence id ‖ u64 height ‖ u32 index → id of a later transaction about it.
LINK = Namespace("evidence.link", delta=False, live=False)


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
