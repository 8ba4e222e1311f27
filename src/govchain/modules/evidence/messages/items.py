"""The evidence item: one file's digest and what its submitter says of it (evidence-package.md 3.3).

Purpose: the one schema that rules, SDK and package verifier share.
Rules: a datum is public or committed, never both; a private name is null, a private content has null digests and a
commitment ``content`` to the hex SM3. Not here: reading files (``sdk``), the payloads that carry items, openings.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from govchain.model import Code, encode_struct
from govchain.model.printable import has_control_characters, is_printable_ascii
from govchain.model.wire import Digest, Milliseconds
from govchain.proof.exact import decode_exact, is_rising

__all__ = [
    "COMMITTED_FIELDS",
    "MEDIA_TYPE_LENGTH_MAX",
    "NAME_LENGTH_MAX",
    "SIZE_MAX",
    "Capture",
    "CaptureMethod",
    "Commitment",
    "CommittedField",
    "Item",
    "check_item",
    "decode_item",
    "encode_item",
    "item_fault",
]

#: Characters of a public name, at most.
NAME_LENGTH_MAX = 255
#: Characters of a media type, at most, printable ASCII.
MEDIA_TYPE_LENGTH_MAX = 127
#: Bytes of one content, or of a batch's contents together, at most: what JSON integers reach.
SIZE_MAX = 2**53 - 1
#: What a commitment may be about.
CommittedField = Literal["content", "name", "note"]
#: The same as values, sorted.
COMMITTED_FIELDS: tuple[str, ...] = get_args(CommittedField)


#: How content is come by.
CaptureMethod = Literal["api", "file", "folder", "other", "screenshot", "stream"]


class Capture(Struct, frozen=True, forbid_unknown_fields=True):
    """How and when the submitter took the content, as it says; ``time`` in milliseconds."""

    method: CaptureMethod
    time: Milliseconds


class Commitment(Struct, frozen=True, forbid_unknown_fields=True):
    """A salted commitment (block.md 7) to one private field."""

    field: CommittedField
    value: Digest


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One evidence item. ``size`` in bytes; ``sm3`` and ``sha256`` of the content, both or neither."""

    capture: Capture
    commitments: Annotated[tuple[Commitment, ...], Meta(max_length=3)]
    media_type: Annotated[str, Meta(max_length=MEDIA_TYPE_LENGTH_MAX)]
    name: Annotated[str, Meta(max_length=NAME_LENGTH_MAX)] | None
    sha256: Digest | None
    size: Annotated[int, Meta(ge=0, le=SIZE_MAX)]
    sm3: Digest | None


def item_fault(item: Item) -> str:
    """The reason why ``item`` breaks a rule of its fields, or an empty string."""
    fields = [entry.field for entry in item.commitments]
    if not is_rising(fields):
        return "order of commitments"
    if not is_printable_ascii(item.media_type):
        return "media_type"
    if item.name is not None and (not item.name or has_control_characters(item.name)):
        return "name"
    if item.name is not None and "name" in fields:
        return "name is public and committed"
    if (item.sm3 is None) != (item.sha256 is None):
        return "one digest without the other"
    if (item.sm3 is None) != ("content" in fields):
        return "content is either public or committed"
    return ""


def check_item(item: Item) -> Code:
    """``OK``, or ``EVIDENCE_ITEM`` when a rule of the fields is broken (:func:`item_fault` says which)."""
    return Code.EVIDENCE_ITEM if item_fault(item) else Code.OK


def encode_item(item: Item) -> bytes:
    """Canonical JSON of an item: the data of its leaf in a batch."""
    return encode_struct(item)


def decode_item(data: bytes) -> Item:
    """Read an item; its field rules are for :func:`check_item`.

    Raises:
        DecodingError: anything but the canonical encoding of an item.
    """
    return decode_exact(data, Item)
