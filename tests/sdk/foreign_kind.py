"""A kind of claim as another package would offer it: what notices a chain holds; none of its words are ours."""

from __future__ import annotations

from dataclasses import dataclass

from govchain.model import Code, UsageError, VerificationError, decode_strict
from govchain.proof.claims import ClaimMembers

__all__ = ["KIND", "NoticeKind"]

_WORDS = {"en": "Notice: {title}", "zh": "公告：{title}"}


@dataclass(frozen=True)
class Notice:
    """What was proved: a notice with this title."""

    title: str
    ended = None
    remarks = ()

    def tell(self, page):
        page.say(_WORDS, title=self.title)

    def compare(self, original):
        return None

    def describe(self):
        return {"title": self.title}


class NoticeKind:
    """A transaction of type ``notice.post`` is a notice with the title in its payload."""

    states_status = False
    has_leaves = False

    def __init__(self, name="notice"):
        self.name = name

    def members(self, claim):
        return ClaimMembers()

    def verify_type(self, body, receipt):
        if body.type != "notice.post":
            raise VerificationError(Code.TRANSACTION_PROOF, reason="no notice")

    def read(self, reading):
        title = decode_strict(bytes(reading.body.payload), dict).get("title")
        if not isinstance(title, str):
            raise UsageError(Code.USAGE, reason="no title")
        return title

    def status_keys(self, reading, found):
        return ()

    def conclude(self, reading, found, status):
        return Notice(found)


KIND = NoticeKind()
FIELD = NoticeKind("height")
TWICE = NoticeKind("evidence")
SPACED = NoticeKind("a b")
NONE = object()
