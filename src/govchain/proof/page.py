"""How a statement shows values: times, text from the chain, and the page that lines are written on.

Purpose: what the frame of a statement and every kind of claim write with, so that all of them show alike.
Rules: text that came from the chain is shown with control characters escaped, so that it never makes a line of its own.
Not here: which lines there are (:mod:`govchain.proof.statement`, the kinds of claim).

Example:
    >>> china_time(0)
    '1970-01-01T08:00:00.000+08:00'
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from govchain.proof.organisations import Organisation
from govchain.texts import sentence

__all__ = ["StatementPage", "china_time", "shown"]

#: What text from the chain never shows as it is (evidence-package.md 5).
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_DAY_MS = 86_400_000
_CHINA_OFFSET_MS = 8 * 3_600_000


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


class StatementPage:
    """Lines of one statement in one language (``zh`` or ``en``)."""

    def __init__(self, language: str) -> None:
        """An empty page."""
        self.language = language
        self._lines: list[str] = []

    def text(self) -> str:
        """All lines, each ended."""
        return "".join(line + "\n" for line in self._lines)

    def gap(self) -> None:
        """An empty line."""
        self._lines.append("")

    def line(self, key: str, **params: object) -> None:
        """A line in the catalogue's words for ``statement.KEY``; text among ``params`` is for the caller to show."""
        self._lines.append(self.words(key, **params))

    def say(self, words: Mapping[str, str], **params: object) -> None:
        """A line in words of the caller's own, by language; every text among ``params`` is shown.

        For kinds of claim from other packages, whose words are not in the catalogue.
        """
        values = {name: shown(value) if isinstance(value, str) else value for name, value in params.items()}
        self._lines.append(words[self.language].format(**values))

    def words(self, key: str, **params: object) -> str:
        """The catalogue's words for ``statement.KEY``."""
        return sentence(f"statement.{key}", self.language, **params)

    def organisation(self, organisation: Organisation | None) -> str:
        """An organisation with the name that genesis gives it, its code alone, or that it is unknown."""
        if organisation is None:
            return self.words("organisation.unknown")
        if not organisation.name:
            return shown(organisation.code)
        return self.words("organisation.named", name=shown(organisation.name), code=shown(organisation.code))
