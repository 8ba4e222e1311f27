"""The form of a certificate's file: its version, its limits, and the line at its beginning that says what was drawn.

Purpose: what writing and reading share (docs/spec/paper.md). Not here: drawing, the rest of the file.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from govchain.model import Code, UsageError, encode_struct
from govchain.proof.archive import FILE_BYTES_MAX

__all__ = [
    "FORM_LINE_BYTES_MAX",
    "HEADER",
    "MARK",
    "PAPER_BYTES_MAX",
    "PAPER_FORM",
    "URL_LENGTH_MAX",
    "FormLine",
    "check_url",
    "encode_form_line",
    "package_prefix",
]

#: Name and version of the form: what stands where on the page, and how the file is written.
PAPER_FORM: Final = "govchain-paper/1"
#: Characters of the address that a certificate names, at most.
URL_LENGTH_MAX = 200
#: Bytes of the line that says what was drawn, at most.
FORM_LINE_BYTES_MAX = 512
#: Bytes of a certificate's file, at most: the largest package, and pages around it.
PAPER_BYTES_MAX = FILE_BYTES_MAX + 8 * 1024 * 1024
#: How the file begins: PDF 1.7, and the comment that shows that it is binary.
HEADER = b"%PDF-1.7\n%\xe6\x94\xbf\xe9\x93\xbe\n"
#: How the line begins that says what was drawn.
MARK = b"%" + PAPER_FORM.encode() + b" "

_ADDRESS_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&()*+,;=%")


class FormLine(Struct, frozen=True, forbid_unknown_fields=True):
    """What a certificate was drawn from beside its package. ``package`` is the package's length in bytes."""

    form: Literal["govchain-paper/1"]
    package: Annotated[int, Meta(ge=1, le=FILE_BYTES_MAX)]
    url: Annotated[str, Meta(max_length=URL_LENGTH_MAX)]


def check_url(url: str) -> None:
    """Refuse an address that no certificate may name; the empty text stands for none.

    Raises:
        UsageError: not ``http://`` or ``https://``, too long, or not plain ASCII without a fragment.
    """
    if not url:
        return
    plain = len(url) <= URL_LENGTH_MAX and _ADDRESS_CHARACTERS.issuperset(url)
    if not plain or not url.startswith(("https://", "http://")):
        raise UsageError(Code.USAGE, reason=f"address: http or https, at most {URL_LENGTH_MAX} plain characters")


def encode_form_line(line: FormLine) -> bytes:
    """The comment of the file that carries ``line``."""
    return MARK + encode_struct(line) + b"\n"


def package_prefix(length: int) -> bytes:
    """What stands between the comments and a package of ``length`` bytes: the head of the attached file's object."""
    return (
        b"1 0 obj\n<< /Type /EmbeddedFile /Subtype /application#2Fzip /Length %d /Params << /Size %d >> >>\nstream\n"
        % (length, length)
    )
