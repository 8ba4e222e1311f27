"""The transactions that the evidence family (数据存证) takes (docs/spec/transactions.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.model.wire import Digest
from govchain.proof.items import Capture, Item

__all__ = ["MEMBERS_MAX", "Batch", "Put", "Reason", "Supersede", "Supplement", "Withdraw"]

#: Files that one batch may anchor.
MEMBERS_MAX = 100_000

#: A business reference: public, never personal.
Reference = Annotated[str, Meta(max_length=128)]
#: Why a record was withdrawn or superseded.
Reason = Literal["error", "duplicate", "lawful_order", "expired", "other"]
#: The leaf of a batch that is meant, or null for the record itself.
Member = Annotated[int, Meta(ge=0, lt=MEMBERS_MAX)] | None


class Put(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.put``: anchors one item."""

    reference: Reference
    subject: Item


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.batch``: anchors up to 100,000 items by the root of an RFC 9162 tree over their canonical JSON."""

    capture: Capture
    count: Annotated[int, Meta(ge=1, le=MEMBERS_MAX)]
    reference: Reference
    root: Digest
    total_size: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Supplement(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.supplement``: adds an item to an earlier record."""

    evidence: Digest
    reference: Reference
    subject: Item


class Supersede(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.supersede``: anchors a new item that takes an earlier record's place."""

    evidence: Digest
    member: Member
    reason: Reason
    reference: Reference
    subject: Item


class Withdraw(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.withdraw``: marks a record as withdrawn; nothing is deleted."""

    evidence: Digest
    member: Member
    reason: Reason
