"""State keys and stored values of the noticeboard family."""

from __future__ import annotations

import msgspec

from govchain.state import Namespace

__all__ = ["NOTICE", "NoticeValue", "board_prefix", "notice_key"]

#: Notices by organisation (18 characters) and slot. ``live``: anyone can prove what hangs there now, and what does not.
NOTICE = Namespace("noticeboard.notice", live=True)


class NoticeValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A notice as stored. Fields are in alphabetical order, so that encoding gives canonical JSON."""

    account: str
    sm3: str
    subject: str
    time: int
    until: int


def board_prefix(organisation: str) -> bytes:
    """What the keys of one organisation's board start with."""
    return NOTICE.prefix + organisation.encode()


def notice_key(organisation: str, slot: int) -> bytes:
    """The state key of a slot: one byte after the organisation, so that a board is in the order of its slots."""
    return board_prefix(organisation) + bytes((slot,))
