"""Reading a certificate back: the package inside, and whether its pages are the ones made from that package.

Purpose: a file that somebody printed, mailed or changed is either the one that :mod:`govchain.documents.certificate`
makes from the package that it carries, byte for byte, or refused.
Rules: nothing is searched, decompressed or interpreted: the third line says how long the package behind it is;
everything else is made again and compared. The caller verifies the package before its page.
Not here: verifying packages (``proof``); other programs' PDF files, whose attachment ``pdfdetach`` takes out.

Example::

    paper = decode_paper(data)
    verified = verify_package(paper.package, trusted=anchors)
    verify_paper(data, paper, verified.facts)
"""

from __future__ import annotations

from dataclasses import dataclass

from govchain.documents.certificate import render_certificate
from govchain.documents.form import (
    FORM_LINE_BYTES_MAX,
    HEADER,
    MARK,
    PAPER_BYTES_MAX,
    FormLine,
    check_url,
    encode_form_line,
    package_prefix,
)
from govchain.model import Code, DecodingError, RefusedError, UsageError, VerificationError
from govchain.proof.exact import decode_exact
from govchain.proof.facts import PackageFacts

__all__ = ["Paper", "decode_paper", "is_pdf", "verify_paper"]

#: Bytes that a file is looked at to tell a PDF from a package.
_SNIFFED = b"%PDF-"


@dataclass(frozen=True, slots=True)
class Paper:
    """What a certificate's file holds before anything is verified: a package, and the address printed on the page."""

    package: bytes
    url: str


def is_pdf(data: bytes) -> bool:
    """Whether ``data`` begins as a PDF does."""
    return data.startswith(_SNIFFED)


def decode_paper(data: bytes) -> Paper:
    """The package inside a certificate; unverified, and the pages unread.

    Raises:
        DecodingError: ``PAPER_CONTAINER``: no file as certificates are written.
    """
    if len(data) > PAPER_BYTES_MAX:
        raise _refused("size")
    if not data.startswith(HEADER + MARK):
        raise _refused("not written by this system, or written again by another program")
    start = len(HEADER) + len(MARK)
    end = data.find(b"\n", start, start + FORM_LINE_BYTES_MAX)
    if end < 0:
        raise _refused("first lines")
    try:
        line = decode_exact(data[start:end], FormLine)
        check_url(line.url)
    except (RefusedError, UsageError):
        raise _refused("first lines") from None
    prefix = package_prefix(line.package)
    at = len(HEADER) + len(encode_form_line(line))
    if data[at : at + len(prefix)] != prefix:
        raise _refused("attached file")
    at += len(prefix)
    if at + line.package > len(data):
        raise _refused("cut off")
    return Paper(data[at : at + line.package], line.url)


def verify_paper(data: bytes, paper: Paper, facts: PackageFacts) -> None:
    """Raise unless ``data`` is the certificate of ``paper``, whose package was verified to prove ``facts``.

    Raises:
        VerificationError: ``PAPER_ALTERED``.
        UnavailableError: ``PAPER_FONT``: the page cannot be drawn here.
    """
    try:
        expected = render_certificate(paper.package, facts, url=paper.url)
    except RefusedError as error:
        # No certificate is ever drawn for such a package.
        raise VerificationError(Code.PAPER_ALTERED, reason=error.code.name) from None
    if expected != data:
        raise VerificationError(Code.PAPER_ALTERED)


def _refused(reason: str) -> DecodingError:
    return DecodingError(Code.PAPER_CONTAINER, reason=reason)
