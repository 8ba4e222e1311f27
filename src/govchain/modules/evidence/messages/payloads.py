"""The transactions that the evidence family (数据存证) takes, with every bound (docs/spec/transactions.md)."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from govchain.model.wire import Digest
from govchain.modules.evidence.messages.items import SIZE_MAX, Capture, Item

__all__ = [
    "LEAVES_MAX",
    "REASONS",
    "REFERENCE_LENGTH_MAX",
    "Batch",
    "Put",
    "Reason",
    "Supersede",
    "Supplement",
    "Withdraw",
]

#: Files that one batch may anchor, each a leaf of its tree.
LEAVES_MAX = 100_000
#: Characters of a business reference, at most.
REFERENCE_LENGTH_MAX = 128
#: Why a record was withdrawn or superseded.
Reason = Literal["duplicate", "error", "expired", "lawful_order", "other"]
#: The same as values.
REASONS: tuple[str, ...] = get_args(Reason)

#: A business reference: public, never personal.
_Reference = Annotated[str, Meta(max_length=REFERENCE_LENGTH_MAX)]
#: The leaf of a batch that is meant, or null for the record itself. Payloads call it ``member``.
_Leaf = Annotated[int, Meta(ge=0, lt=LEAVES_MAX)] | None


class Put(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.put``: anchors one item."""

    reference: _Reference
    subject: Item


class Batch(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.batch``: anchors up to 100,000 items by the root of an RFC 9162 tree over their canonical JSON.

    ``total_size`` in bytes.
    """

    capture: Capture
    count: Annotated[int, Meta(ge=1, le=LEAVES_MAX)]
    reference: _Reference
    root: Digest
    total_size: Annotated[int, Meta(ge=0, le=SIZE_MAX)]


class Supplement(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.supplement``: adds an item to an earlier record."""

    evidence: Digest
    reference: _Reference
    subject: Item


class Supersede(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.supersede``: anchors a new item that takes an earlier record's place."""

    evidence: Digest
    member: _Leaf
    reason: Reason
    reference: _Reference
    subject: Item


class Withdraw(Struct, frozen=True, forbid_unknown_fields=True):
    """``evidence.withdraw``: marks a record as withdrawn; nothing is deleted."""

    evidence: Digest
    member: _Leaf
    reason: Reason
