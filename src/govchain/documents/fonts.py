"""Outlines and widths of the one font that certificates are drawn with.

Purpose: the shapes of single characters, with those of mainland China where the font has several, as integers.
Rules: the font is exactly the one named here, since a page must come out the same for ever; only its outlines are
taken, which no library's version changes. Not here: writing a font (:mod:`govchain.documents.cff`), layout.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Any

from govchain.model import Code, UnavailableError

__all__ = ["FONT_NAME", "FONT_SHA256", "UNITS_PER_EM", "Font", "Glyph", "Segment", "load_font"]

#: PostScript name of the font.
FONT_NAME = "NotoSansCJKtc-Regular"
#: SHA-256 of the font's file, version 1.004.
FONT_SHA256 = "f57e46120a3dd025ac993801981849622405d1359b32093b1f046490f7885711"
#: Font units in an em.
UNITS_PER_EM = 1000
_PACKAGE = "cvttf_NotoSansCJK_Regular"
_FILE = "NotoSansCJKtc-Regular.otf"
#: OpenType's names of the writing system and of the language whose shapes are meant.
_SCRIPT, _LANGUAGE = "hani", "ZHS "
#: Characters that may be blank; any other without an outline would be invisible on paper.
_BLANK = " \u3000"

#: A part of an outline: one point (``m``, ``l``) or three (``c``) in font units, ``y`` upwards.
Segment = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character's shape: advance width and outline in font units."""

    width: int
    outline: tuple[Segment, ...]


class Font:
    """The font, its characters read as they are asked for."""

    def __init__(self, data: bytes) -> None:
        """Open the font file ``data``."""
        from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy, only for paper

        font = TTFont(BytesIO(data), lazy=True)
        self._characters: dict[int, str] = font.getBestCmap()
        self._widths: Any = font["hmtx"]
        self._outlines: Any = font["CFF "].cff.topDictIndex[0].CharStrings
        self._local = _local_shapes(font)
        self._glyphs: dict[str, Glyph | None] = {}

    def glyph(self, character: str) -> Glyph | None:
        """The shape of one character, or None when the font has none that can be seen."""
        if character not in self._glyphs:
            self._glyphs[character] = self._read(character)
        return self._glyphs[character]

    def _read(self, character: str) -> Glyph | None:
        name = self._characters.get(ord(character))
        if name is None:
            return None
        name = self._local.get(name, name)
        pen = _Pen()
        self._outlines[name].draw(pen)
        if not pen.segments and character not in _BLANK:
            return None
        return Glyph(int(self._widths[name][0]), tuple(pen.segments))


@cache
def load_font() -> Font:
    """The font of every certificate, read once in a process.

    Raises:
        UnavailableError: ``PAPER_FONT``: not installed, or not the one that :data:`FONT_SHA256` names.
    """
    try:
        data = resources.files(_PACKAGE).joinpath(_FILE).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise UnavailableError(Code.PAPER_FONT, reason=type(error).__name__) from None
    if hashlib.sha256(data).hexdigest() != FONT_SHA256:
        raise UnavailableError(Code.PAPER_FONT, reason="SHA-256")
    return Font(data)


class _Pen:
    """Collects an outline in absolute integers; closing lines are implied."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - the library's protocol
        """Begin a contour."""
        self._add("m", point)

    def lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        """Add a line."""
        self._add("l", point)

    def curveTo(self, *points: tuple[float, float]) -> None:  # noqa: N802
        """Add a cubic curve."""
        self._add("c", *points)

    def closePath(self) -> None:  # noqa: N802
        """End a contour."""

    def endPath(self) -> None:  # noqa: N802
        """End a contour."""

    def _add(self, kind: str, *points: tuple[float, float]) -> None:
        self.segments.append((kind, tuple(round(value) for point in points for value in point)))


def _local_shapes(font: Any) -> dict[str, str]:
    """Glyph name to glyph name, where mainland China writes a character otherwise (feature ``locl``)."""
    table = font["GSUB"].table
    script = next(record.Script for record in table.ScriptList.ScriptRecord if record.ScriptTag == _SCRIPT)
    language = next(record.LangSys for record in script.LangSysRecord if record.LangSysTag == _LANGUAGE)
    shapes: dict[str, str] = {}
    for index in language.FeatureIndex:
        record = table.FeatureList.FeatureRecord[index]
        if record.FeatureTag != "locl":
            continue
        for lookup in record.Feature.LookupListIndex:
            for part in table.LookupList.Lookup[lookup].SubTable:
                shapes |= getattr(getattr(part, "ExtSubTable", part), "mapping", {})
    return shapes
