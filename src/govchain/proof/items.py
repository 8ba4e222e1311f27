"""The evidence item (one file's digest and what its submitter says of it) and the opening of its commitments.

Purpose: the one schema that the evidence family, the SDK and the package verifier share (evidence-package.md 3.3).
Rules: a datum is public or committed, never both; a private name is null, a private content has null digests and a
commitment ``content`` to the hex SM3. Not here: reading files (``sdk``), the messages that carry items (``modules``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.crypto import Suite, commitment
from govchain.model import Code, VerificationError, encode_struct
from govchain.model.wire import Digest, Milliseconds
from govchain.proof.exact import decode_exact, is_rising

__all__ = [
    "COMMITTED_FIELDS",
    "MEDIA_TYPE_LENGTH_MAX",
    "NAME_LENGTH_MAX",
    "OPENED_LENGTH_MAX",
    "REASONS",
    "REFERENCE_LENGTH_MAX",
    "Capture",
    "Commitment",
    "Item",
    "Opening",
    "Openings",
    "check_item",
    "check_openings",
    "decode_item",
    "encode_item",
    "has_control_characters",
    "item_fault",
    "verify_openings",
]

#: Characters of a public name, at most.
NAME_LENGTH_MAX = 255
#: Characters of a media type, at most, printable ASCII.
MEDIA_TYPE_LENGTH_MAX = 127
#: Characters of a business reference, at most.
REFERENCE_LENGTH_MAX = 128
#: Characters of an opened value, at most.
OPENED_LENGTH_MAX = 4096
#: What a commitment may be about, sorted.
COMMITTED_FIELDS = ("content", "name", "note")
#: Why a record may be superseded or withdrawn.
REASONS = ("duplicate", "error", "expired", "lawful_order", "other")

#: Line ends and directions that could make one line of text look like another.
_CONTROL_RANGES = ((0x00, 0x1F), (0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069))


#: Bytes of the printable ASCII characters.
_PRINTABLE = bytes(range(0x20, 0x7F))


class Capture(Struct, frozen=True, forbid_unknown_fields=True):
    """How and when the submitter took the content, as it says; ``time`` in milliseconds."""

    method: Literal["api", "file", "folder", "other", "screenshot", "stream"]
    time: Milliseconds


class Commitment(Struct, frozen=True, forbid_unknown_fields=True):
    """A salted commitment (block.md 7) to one private field."""

    field: Literal["content", "name", "note"]
    value: Digest


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One evidence item. ``size`` in bytes; ``sm3`` and ``sha256`` of the content, both or neither."""

    capture: Capture
    commitments: Annotated[tuple[Commitment, ...], Meta(max_length=3)]
    media_type: Annotated[str, Meta(max_length=MEDIA_TYPE_LENGTH_MAX)]
    name: Annotated[str, Meta(max_length=NAME_LENGTH_MAX)] | None
    sha256: Digest | None
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    sm3: Digest | None


class Opening(Struct, frozen=True, forbid_unknown_fields=True):
    """Salt (32 bytes) and value that open one commitment."""

    field: Literal["content", "name", "note"]
    salt: Digest
    value: Annotated[str, Meta(max_length=OPENED_LENGTH_MAX)]


class Openings(Struct, frozen=True, forbid_unknown_fields=True):
    """The openings that a package carries for one item, sorted by field."""

    openings: Annotated[tuple[Opening, ...], Meta(min_length=1, max_length=3)]


def has_control_characters(text: str) -> bool:
    """Whether ``text`` holds a control character, a line or paragraph separator, or a mark that turns text around."""
    if is_printable_ascii(text):  # the common case, decided without a loop
        return False
    return any(low <= ord(c) <= high for c in text for low, high in _CONTROL_RANGES)


def is_printable_ascii(text: str) -> bool:
    """Whether every character lies from U+0020 to U+007E; by a table of bytes, which is quick."""
    return text.isascii() and not text.encode("ascii").translate(None, _PRINTABLE)


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
