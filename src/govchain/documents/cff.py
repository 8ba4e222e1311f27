"""A font file with just the characters of one document, in the Compact Font Format (Adobe notes 5176 and 5177).

Purpose: the same outlines give the same bytes, whatever library read them. Ids of characters are 1, 2, …, as given.
Rules: no hints, no subroutines: fonts on paper need neither. Not here: reading fonts (:mod:`govchain.documents.fonts`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from govchain.documents.fonts import Glyph

__all__ = ["FONT_BOX", "encode_cff"]

#: Bounding box of the font in its units (its own ``head`` table).
FONT_BOX = (-1002, -1048, 2928, 1808)
#: Width that is left out of a character's program.
_WIDTH_USUAL = 1000
#: Numbers that an operator of a character's program may take, at most.
_ARGUMENTS_MAX = 48
#: Number of the first string that is not one of the standard ones.
_STRING_FIRST = 391
_NOTDEF = Glyph(_WIDTH_USUAL, ())
_OPERATORS = {"m": 21, "l": 5, "c": 8}
_END_OF_GLYPH = bytes([14])


def encode_cff(name: str, glyphs: Sequence[Glyph]) -> bytes:
    """The font named ``name`` whose character ``i`` + 1 is ``glyphs[i]``; 0 is an empty one."""
    programs = [_program(glyph) for glyph in (_NOTDEF, *glyphs)]
    count = len(programs)
    head = bytes([1, 0, 4, 4]) + _index([name.encode("ascii")])
    strings = _index([b"Adobe", b"Identity"]) + _index([])
    # Offsets have one length whatever they are, so that the directory's own length is known before they are.
    length = len(head) + len(_index([_directory(count, 0, 0, 0, 0)])) + len(strings)
    charset = struct.pack(">BHH", 2, 1, max(0, count - 2))
    select = struct.pack(">BHHBH", 3, 1, 0, 0, count)
    drawn = _index(programs)
    private = _long(_WIDTH_USUAL) + bytes([20]) + _long(0) + bytes([21])
    charset_at = length
    select_at = charset_at + len(charset)
    drawn_at = select_at + len(select)
    private_at = drawn_at + len(drawn)
    fonts_at = private_at + len(private)
    fonts = _index([_long(len(private)) + _long(private_at) + bytes([18])])
    directory = _index([_directory(count, charset_at, select_at, drawn_at, fonts_at)])
    return b"".join((head, directory, strings, charset, select, drawn, private, fonts))


def _directory(count: int, charset: int, select: int, drawn: int, fonts: int) -> bytes:
    """The top dictionary: registry, bounding box, and where the tables are."""
    return b"".join(
        (
            *(_long(value) for value in (_STRING_FIRST, _STRING_FIRST + 1, 0)),
            bytes([12, 30]),
            *(_long(value) for value in FONT_BOX),
            bytes([5]),
            _long(count) + bytes([12, 34]),
            _long(charset) + bytes([15]),
            _long(select) + bytes([12, 37]),
            _long(drawn) + bytes([17]),
            _long(fonts) + bytes([12, 36]),
        )
    )


def _program(glyph: Glyph) -> bytes:
    """A character's drawing program: its width unless usual, then moves, lines and curves, each relative."""
    out = bytearray()
    pending: list[int] = []
    kind = ""
    x = y = 0
    width = [] if glyph.width == _WIDTH_USUAL else [glyph.width]
    for segment, points in glyph.outline:
        steps: list[int] = []
        for at in range(0, len(points), 2):
            steps += [points[at] - x, points[at + 1] - y]
            x, y = points[at], points[at + 1]
        if pending and (segment != kind or segment == "m" or len(pending) + len(steps) > _ARGUMENTS_MAX):
            out += _operation(pending, kind)
            pending = []
        kind = segment
        pending += width + steps
        width = []
    if pending:
        out += _operation(pending, kind)
    for value in width:
        out += _number(value)
    return bytes(out) + _END_OF_GLYPH


def _operation(arguments: Sequence[int], kind: str) -> bytes:
    return b"".join(map(_number, arguments)) + bytes([_OPERATORS[kind]])


def _number(value: int) -> bytes:
    """A number of a drawing program, in its shortest form."""
    if -107 <= value <= 107:
        return bytes([value + 139])
    if 108 <= value <= 1131:
        return bytes([247 + ((value - 108) >> 8), (value - 108) & 0xFF])
    if -1131 <= value <= -108:
        return bytes([251 + ((-value - 108) >> 8), (-value - 108) & 0xFF])
    return struct.pack(">Bh", 28, value)


def _long(value: int) -> bytes:
    """A number of a dictionary, in five bytes."""
    return struct.pack(">Bi", 29, value)


def _index(items: Sequence[bytes]) -> bytes:
    """A table of byte strings."""
    if not items:
        return bytes(2)
    offsets = [1]
    for item in items:
        offsets.append(offsets[-1] + len(item))
    size = (offsets[-1].bit_length() + 7) // 8
    table = b"".join(offset.to_bytes(size, "big") for offset in offsets)
    return struct.pack(">HB", len(items), size) + table + b"".join(items)
