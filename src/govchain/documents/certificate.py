"""What stands on a certificate (存证证书) of one evidence record: everything from a verified package, nothing else.

Purpose: one page or more, in Chinese and English, that say what the attached package proves, of which state as of which
block, what it does not prove, and how to verify it (docs/spec/paper.md).
Rules: the same package and address give the same bytes: no clock, no random id, no other input; dates are block times.
Text from the chain is shown escaped. A record that was withdrawn or superseded says so on every page, in red, as does a
chain whose clock can be moved. Not here: verifying (``proof``), comparing a page (:mod:`govchain.documents.extract`).

Example::

    verified = verify_package(data, trusted=anchors, kinds=installed_kinds())
    pdf = render_certificate(data, verified.facts)
"""

from __future__ import annotations

import re

from govchain.crypto import get_suite
from govchain.documents.codes import qr_rows
from govchain.documents.fonts import load_font
from govchain.documents.form import PAPER_FORM, FormLine, check_url
from govchain.documents.pdf import Attachment, encode_pdf
from govchain.documents.sheet import Row, Sheet
from govchain.model import Code, RefusedError
from govchain.modules.evidence.messages import Capture, Item
from govchain.modules.evidence.messages.claims import ProvedEvidence
from govchain.proof.facts import Organisation, PackageFacts, ProvedClaim
from govchain.proof.page import china_time
from govchain.proof.page import shown as shown_line
from govchain.proof.statement import NOT_PROVED
from govchain.texts import LANGUAGES, sentence

__all__ = ["paper_title", "render_certificate"]

#: Digits of the record's id in the attached file's name.
_NAME_DIGITS = 16
#: Spaces that paper would hide: at either end, and beside another one.
_HIDDEN_SPACES = re.compile("^[ \u3000]+|[ \u3000]+$|[ \u3000]{2,}")
#: From here on a date has five digits in its year, which PDF and XMP do not take (ms since 1970).
_TIME_MAX = 253_402_300_800_000 - 8 * 3_600_000


def paper_title(facts: PackageFacts) -> str:
    """The title of the document: what it is, and of which record."""
    _, _, record = _subject(facts)
    return f"{sentence('paper.title', 'zh')} {sentence('paper.title', 'en')} {record}"


def render_certificate(package: bytes, facts: PackageFacts, *, url: str = "") -> bytes:
    """The certificate's PDF. ``facts`` are what ``package`` was verified to prove; ``url`` is named in the QR code.

    Raises:
        RefusedError: ``PAPER_SUBJECT`` when the package is not about exactly one record.
        UsageError: an address that no certificate may name.
        UnavailableError: ``PAPER_FONT``.
    """
    check_url(url)
    claim, evidence, record = _subject(facts)
    sm3 = get_suite("gm").digest(package).hex()
    name = f"{record[:_NAME_DIGITS]}{record[64:]}.gcp"
    sheet = Sheet(load_font(), footer=(PAPER_FORM, record), banners=_banners(facts, evidence))
    _Certificate(sheet, facts, claim, evidence, record, sm3, name, url).draw()
    created = china_time(facts.time) if facts.time < _TIME_MAX else ""
    return encode_pdf(
        sheet.finish(),
        load_font(),
        line=FormLine(PAPER_FORM, len(package), url),
        attachment=Attachment(name, package, " / ".join(_both("paper.attachment"))),
        title=paper_title(facts),
        created=created,
    )


def _subject(facts: PackageFacts) -> tuple[ProvedClaim, ProvedEvidence, str]:
    """The one claim of the package, its record, and how people write that: the id, and ``.LEAF`` in a batch."""
    if len(facts.claims) != 1:
        raise RefusedError(Code.PAPER_SUBJECT, reason=f"{len(facts.claims)} claims")
    claim = facts.claims[0]
    evidence = claim.subject
    if not isinstance(evidence, ProvedEvidence):
        raise RefusedError(Code.PAPER_SUBJECT, reason=shown(claim.type))
    leaf = "" if evidence.leaf is None else f".{evidence.leaf}"
    return claim, evidence, claim.transaction + leaf


def _banners(facts: PackageFacts, evidence: ProvedEvidence) -> tuple[str, ...]:
    """What must be seen on every page."""
    keys = ["test_clock"] if facts.test_clock else []
    if evidence.status.state != "in_force":
        keys.append(evidence.status.state)
    return tuple(" ".join(_both(f"paper.banner.{key}")) for key in keys)


def _both(key: str, **params: object) -> tuple[str, str]:
    """The sentence in Chinese and in English."""
    chinese, english = (sentence(key, language, **params) for language in LANGUAGES)
    return chinese, english


def _joined(language: str) -> str:
    """What no package proves, as one paragraph: the clauses of the statement without their dashes."""
    clauses = (sentence(f"statement.{key}", language).removeprefix("- ") for key in NOT_PROVED)
    return (" " if language == "en" else "").join(clauses)


def _qr_text(chain: str, record: str, sm3: str, url: str) -> str:
    head = url or "govchain:evidence"
    return f"{head}{'&' if '?' in url else '?'}chain={chain}&record={record}&package={sm3}"


class _Certificate:
    """The parts of one certificate, from top to bottom."""

    def __init__(
        self,
        sheet: Sheet,
        facts: PackageFacts,
        claim: ProvedClaim,
        evidence: ProvedEvidence,
        record: str,
        sm3: str,
        name: str,
        url: str,
    ) -> None:
        self._sheet = sheet
        self._facts = facts
        self._claim = claim
        self._evidence = evidence
        self._record = record
        self._sm3 = sm3
        self._name = name
        self._url = url

    def draw(self) -> None:
        sheet, claim = self._sheet, self._claim
        sheet.title(*_both("paper.title"))
        item = self._evidence.item
        key = "paper.statement_private" if item is not None and item.sm3 is None else "paper.statement"
        time = china_time(claim.time)
        sheet.statement(*_both(key, time=time, chain=self._facts.chain, height=claim.height))
        self._part("subject", self._about_subject())
        if self._evidence.batch is not None and item is not None:
            self._part("batch", self._about_batch())
        self._part("ledger", self._about_ledger())
        self._part("submitter", self._about_submitter())
        self._part("status", self._about_status())
        sheet.part(*_both("paper.part.not_proved"))
        sheet.sentence(*(_joined(language) for language in LANGUAGES))
        sheet.part(*_both("paper.part.verify"), squares=True)
        sheet.beside_squares(
            qr_rows(_qr_text(self._facts.chain, self._record, self._sm3, self._url)),
            [_both("paper.verify.one", name=self._name), _both("paper.verify.two"), _both("paper.verify.three")],
        )
        self._rows([_row("package", self._sm3)])
        if self._url:
            self._rows([_row("url", self._url), Row(("", ""), _both("paper.value.url"))])

    def _part(self, name: str, rows: list[Row]) -> None:
        self._sheet.part(*_both(f"paper.part.{name}"))
        self._rows(rows)

    def _rows(self, rows: list[Row]) -> None:
        for row in rows:
            self._sheet.row(row)

    def _about_subject(self) -> list[Row]:
        evidence = self._evidence
        rows = [_row("record", self._record)]
        if evidence.item is not None:
            rows += self._about_item(evidence.item)
        elif evidence.batch is not None:
            batch = evidence.batch
            rows += [
                _row("items", str(batch.count)),
                _row("total_size", *_both("paper.value.bytes", size=batch.total_size)),
                _row("root", batch.root),
                _captured(batch.capture),
            ]
        if evidence.reference:
            rows.append(_row("reference", shown(evidence.reference)))
        relation = evidence.relation
        if relation is not None:
            label = "supplements" if relation.reason is None else "supersedes"
            leaf = "" if relation.leaf is None else f".{relation.leaf}"
            rows.append(_row(label, relation.evidence + leaf))
            if relation.reason is not None:
                rows.append(_row("reason", *_both(f"statement.reason.{relation.reason}")))
        for opening in evidence.openings:
            chinese, english = _both(f"statement.field.{opening.field}")
            rows.append(_row("opened", f"{chinese} / {english}: {shown(opening.value)}"))
        return rows

    def _about_item(self, item: Item) -> list[Row]:
        name = _both("paper.value.name_private") if item.name is None else (shown(item.name),)
        rows = [_row("name", *name), _row("size", *_both("paper.value.bytes", size=item.size))]
        if item.sm3 is None or item.sha256 is None:
            rows.append(_row("content", *_both("paper.value.content_private")))
        else:
            rows += [_row("sm3", item.sm3), _row("sha256", item.sha256)]
        if item.media_type:
            rows.append(_row("media_type", shown(item.media_type)))
        return [*rows, _captured(item.capture)]

    def _about_batch(self) -> list[Row]:
        batch, leaf = self._evidence.batch, self._evidence.leaf
        assert batch is not None
        assert leaf is not None
        return [
            _row("place", *_both("paper.value.place", place=leaf + 1, count=batch.count)),
            _row("root", batch.root),
        ]

    def _about_ledger(self) -> list[Row]:
        claim = self._claim
        place = _both("paper.value.height", height=claim.height, place=claim.index + 1, count=claim.count)
        return [
            _row("chain", self._facts.chain),
            _row("genesis", self._facts.genesis),
            _row("height", *place),
            _row("time", china_time(claim.time)),
            _row("transaction", claim.transaction),
        ]

    def _about_submitter(self) -> list[Row]:
        rows = [_row("organisation", *_organisation(self._claim.organisation))]
        return rows + [_row("account", account) for account in self._claim.accounts]

    def _about_status(self) -> list[Row]:
        status = self._evidence.status
        ended = status.state != "in_force"
        rows = [
            Row(_both("paper.label.state"), _both(f"paper.value.state.{status.state}"), warning=ended),
            _row("as_of", *_both("paper.value.as_of", height=status.height, time=china_time(status.time))),
        ]
        mark = status.mark
        if mark is not None:
            rows += [
                _row("marked", mark.by),
                _row("marked_time", china_time(mark.time)),
                _row("marked_by", *_organisation(status.organisation)),
                _row("marking_account", mark.account),
                _row("reason", *_both(f"statement.reason.{mark.reason}")),
            ]
        if self._evidence.item is None:
            rows.append(Row(("", ""), _both("statement.batch_status")))
        return rows


def shown(text: str) -> str:
    """``text`` from the chain on one line, with what is hidden on paper escaped: as statements do, and spaces, too."""
    return _HIDDEN_SPACES.sub(lambda found: "".join(f"\\u{ord(c):04x}" for c in found.group()), shown_line(text))


def _row(label: str, *value: str) -> Row:
    return Row(_both(f"paper.label.{label}"), value)


def _captured(capture: Capture) -> Row:
    chinese, english = _both(f"statement.method.{capture.method}")
    return _row("captured", f"{chinese} / {english}, {china_time(capture.time)}")


def _organisation(organisation: Organisation | None) -> tuple[str, ...]:
    if organisation is None:
        return _both("statement.organisation.unknown")
    if not organisation.name:
        return (shown(organisation.code),)
    return (f"{shown(organisation.name)}（{shown(organisation.code)}）",)
