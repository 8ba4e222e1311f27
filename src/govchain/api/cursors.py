"""Cursors of lists: opaque to clients, bound to the question that they continue.

Purpose: a cursor carries what the service needs to go on and a mark over that and the question; given to another
question, or changed, it is ``CURSOR_INVALID``. The mark is no secret: a cursor gives nobody more than a page number
would; it keeps mistakes from looking like answers. Not here: what a service's own cursor means.
"""

from __future__ import annotations

import base64
from typing import Final

from govchain.crypto import get_suite
from govchain.model import Code, UsageError

__all__ = ["CURSOR_CHARACTERS_MAX", "open_cursor", "seal_cursor"]

#: Characters of a cursor, at most.
CURSOR_CHARACTERS_MAX: Final = 512
_DOMAIN: Final = "govchain/cursor/1"
_MARK_BYTES: Final = 8


def seal_cursor(inner: str | None, *question: object) -> str | None:
    """The cursor for clients, where the service said ``inner``; None at the end of a list."""
    if inner is None:
        return None
    data = inner.encode()
    return base64.urlsafe_b64encode(_mark(data, question) + data).rstrip(b"=").decode()


def open_cursor(cursor: str | None, *question: object) -> str | None:
    """What the service said; None for none.

    Raises:
        UsageError: ``CURSOR_INVALID``.
    """
    if cursor is None:
        return None
    try:
        if len(cursor) > CURSOR_CHARACTERS_MAX:
            raise ValueError
        data = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        inner = data[_MARK_BYTES:].decode()
        if seal_cursor(inner, *question) != cursor:
            raise ValueError
    except (ValueError, UnicodeError):
        raise UsageError(Code.CURSOR_INVALID, reason="changed, or of another question") from None
    return inner


def _mark(data: bytes, question: tuple[object, ...]) -> bytes:
    texts = [b"" if part is None else str(part).encode("utf-8", "surrogatepass") for part in question]
    return get_suite().tagged(_DOMAIN, data, *texts)[:_MARK_BYTES]
