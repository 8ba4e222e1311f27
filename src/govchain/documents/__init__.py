"""Paper: the printable certificate of one evidence record, and reading it back.

See README.md; the form is docs/spec/paper.md.
"""

from __future__ import annotations

from govchain.documents.certificate import paper_title, render_certificate
from govchain.documents.extract import PAPER_STEP, Paper, decode_paper, is_pdf, verify_document, verify_paper
from govchain.documents.form import PAPER_BYTES_MAX, PAPER_FORM, URL_LENGTH_MAX, check_url

__all__ = [
    "PAPER_BYTES_MAX",
    "PAPER_FORM",
    "PAPER_STEP",
    "URL_LENGTH_MAX",
    "Paper",
    "check_url",
    "decode_paper",
    "is_pdf",
    "paper_title",
    "render_certificate",
    "verify_document",
    "verify_paper",
]
