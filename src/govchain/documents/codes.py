"""QR codes (ISO/IEC 18004) of fixed shape: byte mode, error correction M, a mask that is always the same.

Purpose: the same text gives the same squares with every version of the library; readers take any mask.
Not here: what the text says (:mod:`govchain.documents.certificate`).
"""

from __future__ import annotations

import segno

from govchain.model import Code, UsageError

__all__ = ["TEXT_BYTES_MAX", "qr_rows"]

#: Bytes that each version from 1 on takes in byte mode with error correction M (ISO/IEC 18004, table 7).
_CAPACITY = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666)
#: Bytes of a text, at most: more would make squares too small for paper.
TEXT_BYTES_MAX = _CAPACITY[-1]
_MASK = 4


def qr_rows(text: str) -> tuple[bytes, ...]:
    """The squares of the code for an ASCII ``text``: a row of bytes each, 1 for black, without the quiet zone.

    Raises:
        UsageError: not ASCII, or longer than :data:`TEXT_BYTES_MAX`.
    """
    if not text.isascii() or len(text) > TEXT_BYTES_MAX:
        raise UsageError(Code.USAGE, reason=f"QR code: at most {TEXT_BYTES_MAX} ASCII characters")
    version = next(number for number, size in enumerate(_CAPACITY, 1) if len(text) <= size)
    drawn = segno.make_qr(text, error="m", version=version, mode="byte", mask=_MASK, boost_error=False)
    return tuple(bytes(row) for row in drawn.matrix)
