"""The transactions that the noticeboard family takes. Unknown fields are refused; every limit is stated here."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from govchain.model.wire import Digest, Milliseconds

__all__ = ["SLOTS", "Pin", "TakeDown", "Unpin"]

#: Notices on one board, at most.
SLOTS = 100

#: A place on the board.
Slot = Annotated[int, Meta(ge=0, lt=SLOTS)]


class Pin(Struct, frozen=True, forbid_unknown_fields=True):
    """``noticeboard.pin``: puts a notice on the own organisation's board, in place of what is in the slot.

    ``sm3`` is the digest of the notice's text, ``until`` when it lapses (ms).
    """

    slot: Slot
    sm3: Digest
    subject: Annotated[str, Meta(min_length=1, max_length=128)]
    until: Milliseconds


class Unpin(Struct, frozen=True, forbid_unknown_fields=True):
    """``noticeboard.unpin``: clears a slot of the own organisation's board; a clear one stays clear."""

    slot: Slot


class TakeDown(Struct, frozen=True, forbid_unknown_fields=True):
    """``noticeboard.take_down``: a supervisor clears a slot of any organisation's board."""

    organisation: Annotated[str, Meta(min_length=18, max_length=18)]
    slot: Slot
