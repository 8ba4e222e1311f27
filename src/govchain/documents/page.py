r"""Pages: text, lines and squares at fixed places, and how text is broken into lines.

Purpose: a small layout that gives the same places everywhere: all lengths are integers, in thousandths of a point.
Rules: what the font does not show is written escaped (``\u`` and hex digits), so that nothing on paper is invisible.
Not here: what is written (:mod:`govchain.documents.certificate`), the file (:mod:`govchain.documents.pdf`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from govchain.documents.fonts import UNITS_PER_EM, Font

__all__ = ["BLACK", "GREY", "PAGE_HEIGHT", "PAGE_WIDTH", "RED", "Page", "Rectangle", "Text", "Typesetter"]

#: Width and height of A4, in thousandths of a point.
PAGE_WIDTH, PAGE_HEIGHT = 595_276, 841_890
#: Colours: red, green and blue in percent.
Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
GREY: Colour = (38, 38, 38)
RED: Colour = (75, 0, 0)

#: What must not begin a line, and what must not end one.
_CLOSING = frozenset("，。、；：？！）》」』】”’%,.;:?!)]}")
_OPENING = frozenset("（《「『【“‘([{")
#: From here on characters are broken anywhere, as in Chinese text.
_WIDE_FIRST = 0x2E80


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text: left end and base line from the page's top left, size in thousandths of a point."""

    x: int
    y: int
    size: int
    colour: Colour
    text: str


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle: its top left, width and height."""

    x: int
    y: int
    width: int
    height: int
    colour: Colour


@dataclass(slots=True)
class Page:
    """What stands on one page."""

    marks: list[Text | Rectangle] = field(default_factory=list)

    def box(self, x: int, y: int, width: int, height: int, line: int, colour: Colour) -> None:
        """Draw a frame, ``line`` thick, inside the given rectangle."""
        self.marks += [
            Rectangle(x, y, width, line, colour),
            Rectangle(x, y + height - line, width, line, colour),
            Rectangle(x, y, line, height, colour),
            Rectangle(x + width - line, y, line, height, colour),
        ]


class Typesetter:
    """Measures and breaks text in one font."""

    def __init__(self, font: Font) -> None:
        """Set text in ``font``."""
        self._font = font

    def visible(self, text: str) -> str:
        r"""``text`` with what the font does not show as ``\u`` and four hex digits, or ``\U`` and eight."""
        return "".join(c if self._font.glyph(c) is not None else _escaped(c) for c in text)

    def width(self, text: str, size: int) -> int:
        """The length of a visible ``text`` on one line."""
        units = 0
        for character in text:
            glyph = self._font.glyph(character)
            assert glyph is not None  # visible() came first
            units += glyph.width
        return units * size // UNITS_PER_EM

    def lines(self, text: str, size: int, width: int) -> list[str]:
        """``text``, made visible and broken into lines of at most ``width``; at least one."""
        lines: list[str] = []
        line = ""
        for word in _words(self.visible(text)):
            if self.width(line + word.rstrip(" "), size) <= width:
                line += word
                continue
            if line:
                lines.append(line.rstrip(" "))
            line = word.lstrip(" ")
            while self.width(line.rstrip(" "), size) > width:
                fits = self._fitting(line, size, width)
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line.rstrip(" "))
        return lines

    def _fitting(self, text: str, size: int, width: int) -> int:
        """How many characters of a word that is too long fit on a line; at least one."""
        count = 1
        while count < len(text) and self.width(text[: count + 1], size) <= width:
            count += 1
        return count


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _words(text: str) -> Sequence[str]:
    """``text`` in pieces between which a line may be broken; spaces belong to the piece before them."""
    pieces: list[str] = []
    for character in text:
        if not pieces or _may_break(pieces[-1][-1], character):
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in _CLOSING or before in _OPENING:
        return False
    return before == " " or ord(before) >= _WIDE_FIRST or ord(after) >= _WIDE_FIRST
