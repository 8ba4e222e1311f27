"""Reading a certificate back: the package inside, and whether its pages are the ones made from that package.

Purpose: a file that somebody printed, mailed or changed is either the one that :mod:`govchain.documents.certificate`
makes from the package that it carries, byte for byte, or refused.
Rules: nothing is searched, decompressed or interpreted: the third line says how long the package behind it is;
everything else is made again and compared. The caller verifies the package before its page.
Not here: verifying packages (``proof``); other programs' PDF files, whose attachment ``pdfdetach`` takes out.

Example::

    paper = decode_paper(data)
    verified = verify_package(paper.package, trusted=anchors, kinds=installed_kinds())
    verify_paper(data, paper, verified.facts)

:func:`verify_document` does this for a certificate, and takes a package as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

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
from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.proof.claims import ClaimKind
from govchain.proof.exact import decode_exact
from govchain.proof.facts import OriginalFacts, PackageFacts
from govchain.proof.report import STEPS, StepOutcome
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import VerifiedPackage, verify_package

__all__ = ["PAPER_STEP", "Paper", "decode_paper", "is_pdf", "verify_document", "verify_paper"]

#: Number and name of the step that a certificate has beyond those of its package.
PAPER_STEP = (len(STEPS) + 1, "paper")

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
        VerificationError: ``PAPER_CONTAINER``, step 1: no file as certificates are written.
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
        raise VerificationError(Code.PAPER_ALTERED, step=PAPER_STEP[0], reason=error.code.name) from None
    if expected != data:
        raise VerificationError(Code.PAPER_ALTERED, step=PAPER_STEP[0])


def verify_document(
    data: bytes, *, trusted: TrustAnchors, kinds: Mapping[str, ClaimKind], original: OriginalFacts | None = None
) -> tuple[VerifiedPackage, Paper | None]:
    """Check a certificate or a package; the report of a certificate has one step more, :data:`PAPER_STEP`.

    That step's detail is the address on the page, which is not part of what is proved.

    Raises:
        VerificationError: with ``step`` and ``member``. UnavailableError: ``PAPER_FONT``.
    """
    if not is_pdf(data):
        return verify_package(data, trusted=trusted, kinds=kinds, original=original), None
    paper = decode_paper(data)
    verified = verify_package(paper.package, trusted=trusted, kinds=kinds, original=original)
    verify_paper(data, paper, verified.facts)
    step = StepOutcome(*PAPER_STEP, "held", paper.url)
    return replace(verified, report=replace(verified.report, steps=(*verified.report.steps, step))), paper


def _refused(reason: str) -> VerificationError:
    return VerificationError(Code.PAPER_CONTAINER, step=1, reason=reason)
