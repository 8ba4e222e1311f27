"""Openings of the commitments of an item (evidence-package.md 3.5); for readers only, no part of the rules.

Not here: making salts (``sdk``), the commitment itself (``crypto``).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from govchain.crypto import Suite, commitment
from govchain.model import Code, VerificationError
from govchain.model.wire import Digest
from govchain.modules.evidence.messages.items import CommittedField, Item
from govchain.proof.exact import is_rising

__all__ = ["OPENED_LENGTH_MAX", "Opening", "Openings", "check_openings", "verify_openings"]

#: Characters of an opened value, at most.
OPENED_LENGTH_MAX = 4096


class Opening(Struct, frozen=True, forbid_unknown_fields=True):
    """Salt (32 bytes) and value that open one commitment."""

    field: CommittedField
    salt: Digest
    value: Annotated[str, Meta(max_length=OPENED_LENGTH_MAX)]


class Openings(Struct, frozen=True, forbid_unknown_fields=True):
    """The openings that a package carries for one item, sorted by field."""

    openings: Annotated[tuple[Opening, ...], Meta(min_length=1, max_length=3)]


def check_openings(suite: Suite, item: Item, openings: Openings) -> str:
    """The reason why ``openings`` do not open commitments of ``item``, or an empty string."""
    fields = [opening.field for opening in openings.openings]
    if not is_rising(fields):
        return "order of openings"
    committed = {entry.field: entry.value for entry in item.commitments}
    for opening in openings.openings:
        value = commitment(suite, bytes.fromhex(opening.salt), opening.field, opening.value)
        if committed.get(opening.field) != value.hex():
            return opening.field
    return ""


def verify_openings(suite: Suite, item: Item, openings: Openings) -> None:
    """Raise ``OPENING_INVALID`` unless each opening opens a commitment of ``item``."""
    fault = check_openings(suite, item, openings)
    if fault:
        raise VerificationError(Code.OPENING_INVALID, reason=fault)
