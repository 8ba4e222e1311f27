"""The statement in plain Chinese and English, made from what was proved and from nothing else (evidence-package.md 6).

Purpose: words that nobody can alter, since every verifier writes them again. The same facts give the same bytes.
Rules: text that came from the chain is shown with control characters escaped, so that it never makes a line of its own.
Not here: trust, the original file, and the report of one verification; they are not facts of the package.

Example:
    >>> china_time(0)
    '1970-01-01T08:00:00.000+08:00'
"""

from __future__ import annotations

import re

from govchain.proof.facts import Organisation, PackageFacts, ProvedClaim, ProvedEvidence, ProvedStatus
from govchain.proof.items import Capture, Item
from govchain.texts import LANGUAGES, sentence

__all__ = ["NOT_PROVED", "china_time", "render_statement", "render_statements", "shown"]

#: Catalogue keys of what no package proves, in their order.
NOT_PROVED = ("not_proved.truth", "not_proved.person", "not_proved.later", "not_proved.keys")

#: What text from the chain never shows as it is (evidence-package.md 5).
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_DAY_MS = 86_400_000
_CHINA_OFFSET_MS = 8 * 3_600_000


def render_statements(facts: PackageFacts) -> dict[str, str]:
    """The statement in every language, by language."""
    return {language: render_statement(facts, language) for language in LANGUAGES}


def render_statement(facts: PackageFacts, language: str) -> str:
    """The statement in ``language`` (``zh`` or ``en``)."""
    page = _Page(language)
    page.line("title")
    page.line("chain", chain=facts.chain)
    page.line("genesis", genesis=facts.genesis)
    if facts.test_clock:
        page.line("test_clock")
    page.line("as_of", height=facts.height, time=china_time(facts.time))
    page.line("claims", count=len(facts.claims))
    for number, claim in enumerate(facts.claims, 1):
        page.gap()
        page.line("claim", number=number)
        page.claim(claim)
    page.gap()
    page.line("not_proved.title")
    for key in NOT_PROVED:
        page.line(key)
    return page.text()


def china_time(milliseconds: int) -> str:
    """RFC 3339 with +08:00 and milliseconds, for every time that a header may carry, without a calendar library."""
    days, rest = divmod(milliseconds + _CHINA_OFFSET_MS, _DAY_MS)
    seconds, millis = divmod(rest, 1000)
    year, month, day = _civil_date(days)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millis:03d}+08:00"


def shown(text: str) -> str:
    r"""``text`` on one line, nothing in it hidden: a backslash doubled, what nobody sees as ``\u`` and four hex digits.

    Control, direction and tag characters and those without width; beyond U+FFFF ``\U`` and eight digits.
    """
    return _HIDDEN.sub(_escaped, text.replace("\\", "\\\\"))


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _civil_date(days: int) -> tuple[int, int, int]:
    """Year, month, day of the Gregorian calendar, ``days`` after 1970-01-01 (months counted from March)."""
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return era * 400 + year_of_era + (month <= 2), month, day


class _Page:
    """Lines of one statement in one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._lines: list[str] = []

    def text(self) -> str:
        return "".join(line + "\n" for line in self._lines)

    def gap(self) -> None:
        self._lines.append("")

    def line(self, key: str, **params: object) -> None:
        self._lines.append(self._words(key, **params))

    def claim(self, claim: ProvedClaim) -> None:
        self.line("transaction", transaction=claim.transaction)
        self.line("type", type=shown(claim.type), version=claim.version)
        time = china_time(claim.time)
        self.line("committed", height=claim.height, time=time, place=claim.index + 1, count=claim.count)
        self.line("code", code=claim.code)
        self.line("organisation", organisation=self._organisation(claim.organisation))
        for account in claim.accounts:
            self.line("account", account=account)
        if claim.evidence is not None:
            self._evidence(claim.evidence)

    def _evidence(self, evidence: ProvedEvidence) -> None:
        if evidence.reference:
            self.line("reference", reference=shown(evidence.reference))
        batch = evidence.batch
        if batch is not None:
            self.line("batch", count=batch.count, size=batch.total_size, root=batch.root)
            if batch.member is None:
                self._captured(batch.capture)
            else:
                self.line("member", place=batch.member + 1, count=batch.count)
        relation = evidence.relation
        if relation is not None and relation.reason is None:
            self.line("supplements", evidence=relation.evidence)
        elif relation is not None:
            if relation.member is None:
                self.line("supersedes", evidence=relation.evidence)
            else:
                self.line("supersedes_member", evidence=relation.evidence, place=relation.member + 1)
            self.line("reason", reason=self._words(f"reason.{relation.reason}"))
        if evidence.item is not None:
            self._item(evidence.item)
        for opening in evidence.openings:
            self.line("opened", field=self._words(f"field.{opening.field}"), value=shown(opening.value))
        self._status(evidence.status)
        if batch is not None and batch.member is None:
            self.line("batch_status")

    def _item(self, item: Item) -> None:
        if item.name is None:
            self.line("name_private")
        else:
            self.line("name", name=shown(item.name))
        self.line("size", size=item.size)
        if item.sm3 is None:
            self.line("content_private")
        else:
            self.line("sm3", sm3=item.sm3)
            self.line("sha256", sha256=item.sha256)
        self.line("media_type", media_type=shown(item.media_type))
        self._captured(item.capture)

    def _captured(self, capture: Capture) -> None:
        self.line("captured", method=self._words(f"method.{capture.method}"), time=china_time(capture.time))

    def _status(self, status: ProvedStatus) -> None:
        self.line(f"status.{status.state}", height=status.height, time=china_time(status.time))
        mark = status.mark
        if mark is not None:
            self.line("marked", transaction=mark.by, time=china_time(mark.time))
            self.line("marked_by", organisation=self._organisation(status.organisation), account=mark.account)
            self.line("reason", reason=self._words(f"reason.{mark.reason}"))

    def _organisation(self, organisation: Organisation | None) -> str:
        if organisation is None:
            return self._words("organisation.unknown")
        if not organisation.name:
            return shown(organisation.code)
        return self._words("organisation.named", name=shown(organisation.name), code=shown(organisation.code))

    def _words(self, key: str, **params: object) -> str:
        return sentence(f"statement.{key}", self._language, **params)
