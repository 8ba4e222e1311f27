"""The look of a certificate: title, sentences, rows of label and value, squares, footers, page after page.

Purpose: flows parts from top to bottom over as many pages as they need. Lengths are in thousandths of a point.
Not here: which parts there are (:mod:`govchain.documents.certificate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from govchain.documents.fonts import Font
from govchain.documents.page import BLACK, GREY, PAGE_HEIGHT, PAGE_WIDTH, RED, Colour, Page, Rectangle, Text, Typesetter
from govchain.texts import LANGUAGES, sentence

__all__ = ["Row", "Sheet"]

_MARGIN = 56_000
_TEXT_WIDTH = PAGE_WIDTH - 2 * _MARGIN
_LABEL_WIDTH = 132_000
_VALUE_X = _MARGIN + _LABEL_WIDTH
_VALUE_WIDTH = _TEXT_WIDTH - _LABEL_WIDTH
_TOP = 44_000
_BOTTOM = PAGE_HEIGHT - 58_000
_FRAME = 28_000
_QR_WIDTH = 106_000
#: Light squares around a QR code that the standard asks for.
_QR_QUIET = 4
_TITLE, _SUBTITLE, _BANNER = 26_000, 11_000, 14_000
_BODY, _VALUE, _SMALL, _TINY, _PART = 10_000, 9_000, 7_500, 6_500, 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """A label in both languages, and a value: one text, or one in each language. ``warning``: in red."""

    label: tuple[str, str]
    value: tuple[str, ...]
    warning: bool = False


class Sheet:
    """Pages as they fill up; ``footer`` (form, record) and ``banners`` stand on every one."""

    def __init__(self, font: Font, *, footer: tuple[str, str], banners: Sequence[str]) -> None:
        """Begin with an empty page."""
        self._set = Typesetter(font)
        self._footer = footer
        self._banners = tuple(banners)
        self._pages: list[Page] = []
        self._y = 0
        self._new_page()

    def finish(self) -> list[Page]:
        """The pages, numbered."""
        for number, page in enumerate(self._pages, 1):
            self._draw_footer(page, number)
        return self._pages

    def title(self, chinese: str, english: str) -> None:
        """The title, centred."""
        self._y += 8_000
        self._centred(chinese, _TITLE, BLACK)
        self._centred(english, _SUBTITLE, GREY)
        self._y += 6_000

    def statement(self, chinese: str, english: str) -> None:
        """The sentence that the certificate is about."""
        self._paragraph(chinese, _BODY, BLACK, _MARGIN, _TEXT_WIDTH)
        self._y += 2_000
        self._paragraph(english, _SMALL, GREY, _MARGIN, _TEXT_WIDTH)

    def part(self, chinese: str, english: str, *, squares: bool = False) -> None:
        """A heading; it stays on one page with what follows, also where that is a QR code (``squares``)."""
        self._room(40_000 + (_QR_WIDTH if squares else 0))
        self._y += 6_500
        self._line(f"{chinese}  {english}", _PART, BLACK, _MARGIN)
        self._page.marks.append(Rectangle(_MARGIN, self._y + 1_500, _TEXT_WIDTH, 500, GREY))
        self._y += 4_000

    def sentence(self, chinese: str, english: str) -> None:
        """A sentence in both languages, small."""
        for text, colour in ((chinese, BLACK), (english, GREY)):
            self._paragraph(text, _SMALL, colour, _MARGIN, _TEXT_WIDTH)

    def row(self, row: Row) -> None:
        """A label in both languages, and its value beside it; a value in two languages takes one line where it fits."""
        self._room(_step(_VALUE))
        self._label(*row.label)
        colour = RED if row.warning else BLACK
        texts = row.value
        if len(texts) > 1 and len(self._set.lines(" / ".join(texts), _VALUE, _VALUE_WIDTH)) == 1:
            texts = (" / ".join(texts),)
        for number, text in enumerate(texts):
            size, shade = (_SMALL, GREY) if number and not row.warning else (_VALUE, colour)
            self._paragraph(text, size, shade, _VALUE_X, _VALUE_WIDTH)
        self._y += 1_500

    def beside_squares(self, rows: Sequence[bytes], sentences: Sequence[tuple[str, str]]) -> None:
        """Sentences with a QR code on their right."""
        self._room(_QR_WIDTH + 6_000)
        top, page = self._y, len(self._pages)
        self._squares(rows, PAGE_WIDTH - _MARGIN - _QR_WIDTH, top + 2_000)
        width = _TEXT_WIDTH - _QR_WIDTH - 10_000
        for pair in sentences:
            for text, colour in zip(pair, (BLACK, GREY), strict=True):
                self._paragraph(text, _SMALL, colour, _MARGIN, width)
            self._y += 2_000
        if page == len(self._pages):
            self._y = max(self._y, top + _QR_WIDTH + 4_000)

    # The steps behind

    @property
    def _page(self) -> Page:
        return self._pages[-1]

    def _new_page(self) -> None:
        page = Page()
        page.box(_FRAME, _FRAME, PAGE_WIDTH - 2 * _FRAME, PAGE_HEIGHT - 2 * _FRAME, 900, GREY)
        self._pages.append(page)
        self._y = _TOP - 8_000
        for banner in self._banners:
            height = _step(_BANNER) + 6_000
            page.box(_MARGIN, self._y, _TEXT_WIDTH, height, 1_500, RED)
            self._y += 2_000
            self._centred(banner, _BANNER, RED)
            self._y += 8_000

    def _room(self, height: int) -> None:
        """Go to a new page unless ``height`` fits on this one."""
        if self._y + height > _BOTTOM:
            self._new_page()

    def _line(self, text: str, size: int, colour: Colour, x: int) -> None:
        """One line below the last; the base line lies nine tenths of the size below its top."""
        step = _step(size)
        if text:
            self._page.marks.append(Text(x, self._y + size, size, colour, text))
        self._y += step

    def _centred(self, text: str, size: int, colour: Colour) -> None:
        for part in self._set.lines(text, size, _TEXT_WIDTH):
            self._line(part, size, colour, (PAGE_WIDTH - self._set.width(part, size)) // 2)

    def _paragraph(self, text: str, size: int, colour: Colour, x: int, width: int) -> None:
        for part in self._set.lines(text, size, width):
            self._room(_step(size))
            self._line(part, size, colour, x)

    def _label(self, chinese: str, english: str) -> None:
        """Both languages on one line, which stays the current one."""
        x = _MARGIN
        for text, size, colour in ((chinese, _VALUE, BLACK), (english, _TINY, GREY)):
            if text:
                self._page.marks.append(Text(x, self._y + _VALUE, size, colour, self._set.visible(text)))
                x += self._set.width(text, size) + 4_000

    def _squares(self, rows: Sequence[bytes], x: int, y: int) -> None:
        """The squares of a QR code, those beside each other as one rectangle."""
        count = len(rows) + 2 * _QR_QUIET
        side = _QR_WIDTH // count
        x += (_QR_WIDTH - side * count) // 2 + side * _QR_QUIET
        y += (_QR_WIDTH - side * count) // 2 + side * _QR_QUIET
        for line, row in enumerate(rows):
            start = 0
            while (start := row.find(1, start)) >= 0:
                end = row.find(0, start)
                end = len(row) if end < 0 else end
                self._page.marks.append(Rectangle(x + start * side, y + line * side, (end - start) * side, side, BLACK))
                start = end

    def _draw_footer(self, page: Page, number: int) -> None:
        words = (sentence("paper.footer", language, page=number, pages=len(self._pages)) for language in LANGUAGES)
        right = self._set.visible("  ".join(words))
        left = self._set.visible("  ".join(self._footer))
        y = PAGE_HEIGHT - 40_000
        page.marks.append(Rectangle(_MARGIN, y - 11_000, _TEXT_WIDTH, 400, GREY))
        page.marks.append(Text(_MARGIN, y, _TINY, GREY, left))
        page.marks.append(Text(PAGE_WIDTH - _MARGIN - self._set.width(right, _TINY), y, _TINY, GREY, right))


def _step(size: int) -> int:
    """From one line to the next."""
    return size * 135 // 100
