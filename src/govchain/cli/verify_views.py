"""How a verification looks: steps, what was proved, trust, what was not proved."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from govchain.cli.output import line, say, table
from govchain.cli.session import session, t
from govchain.model import Code, VerificationError
from govchain.proof.archive import is_member_name
from govchain.proof.report import STEPS, VerificationReport, describe_facts
from govchain.proof.statement import render_statement

__all__ = ["damaged_member", "refused_json", "report_json", "show_refused", "show_report"]

#: A certificate's page is looked at after its package (documents.PAPER_STEP).
_STEPS = (*STEPS, "paper")
_RESULTS = {0: "trusted", 3: "untrusted", 4: "ended"}


def report_json(report: VerificationReport) -> dict[str, Any]:
    """The report for programs."""
    return {
        "result": _RESULTS[report.exit_code],
        "exit_code": report.exit_code,
        "steps": [_step(s.number, s.name, s.outcome, s.detail) for s in report.steps],
        "facts": describe_facts(report.facts),
        "finality": msgspec.to_builtins(report.finality),
        "trust": {**msgspec.to_builtins(report.trust), "notes": _notes(report)},
        "in_force": report.in_force,
        "not_proved": [t(f"statement.{key}") for key in report.not_proved],
    }


def damaged_member(data: bytes) -> str:
    """The first member of a damaged archive whose bytes are not those that it was made with, if that can be told."""
    name = _damaged_entry(data)
    return name if is_member_name(name) else ""


def _damaged_entry(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                # Packages never compress: nothing is inflated here.
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(data):
                    return member.filename
                try:
                    archive.read(member)
                except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
                    return member.filename
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError):
        return ""
    return ""


def refused_json(
    error: VerificationError, differences: Sequence[dict[str, Any]], package: VerificationReport | None = None
) -> dict[str, Any]:
    """A refusal for programs: where it failed and why; ``package`` is the report where only the page is refused."""
    held = [_step(*row) for row in _before(error, package)]
    failed = [_step(error.step, _STEPS[error.step - 1], "refused", _reason(error))] if error.step else []
    return {
        "result": "refused",
        "exit_code": error.exit_code,
        "steps": held + failed,
        "differences": list(differences),
        "error": {
            "code": error.code.name,
            "number": int(error.code),
            "text": error.text(session().language),
            "step": error.step,
            "member": error.member,
            "params": {key: value for key, value in error.params.items() if value not in (None, "", 0)},
        },
    }


def show_report(report: VerificationReport, language: str) -> None:
    """The report for people."""
    _steps([(s.number, s.name, s.outcome, _detail(s.name, report)) for s in report.steps])
    print()
    for row in render_statement(report.facts, language).splitlines():
        line(row)
    print()
    fingerprint = report.facts.genesis
    if report.trust.trusted:
        line(t("verify.trusted", by=_trusted_by(report), fingerprint=fingerprint))
        for note in _notes(report):
            line(note)
    else:
        line(t(f"verify.{report.trust.cause}", fingerprint=fingerprint, height=report.trust.height))
    line(t(f"verify.result.{_RESULTS[report.exit_code]}"))
    if report.in_force is None:
        line(t("verify.no_status"))
    for remark in dict.fromkeys(key for one in report.facts.claims if one.subject for key in one.subject.remarks):
        line(t(remark))


def show_refused(
    error: VerificationError,
    differences: Sequence[dict[str, Any]],
    file: Path,
    package: VerificationReport | None = None,
) -> None:
    """A refusal for people: the steps before, the one that failed, and what differs; see :func:`refused_json`."""
    rows = [
        (number, name, outcome, _detail(name, package) if package else "")
        for number, name, outcome, _ in _before(error, package)
    ]
    if error.step:
        rows.append((error.step, _STEPS[error.step - 1], "refused", _reason(error)))
    _steps(rows)
    say(t("verify.refused", file=file, step=error.step, member=error.member, text=error.text(session().language)))
    for one in differences:
        name = one["transaction"] if one["member"] is None else f"{one['transaction']}.{one['member']}"
        if one["content_private"]:
            say(t("verify.content_private", id=name))
        for field in one["differs"]:
            say(
                t(
                    "verify.differs",
                    field=t(f"label.{field}"),
                    recorded=one["recorded"][field],
                    original=one["original"][field],
                )
            )


def _before(error: VerificationError, package: VerificationReport | None) -> list[tuple[int, str, str, str]]:
    """The steps before the one that failed: number, name, outcome, detail."""
    if package is not None:
        return [(step.number, step.name, step.outcome, step.detail) for step in package.steps]
    return [(number, name, "held", "") for number, name in enumerate(_STEPS, 1) if number < error.step]


def _detail(name: str, report: VerificationReport) -> str:
    """What a step that held has to say, in the user's language."""
    if name == "certificates":
        facts: dict[str, Any] = msgspec.to_builtins(report.finality)
        return t("verify.detail.certificates", height=report.facts.height, **facts)
    if name == "transactions":
        return t("verify.detail.transactions", count=len(report.facts.claims))
    if name == "evidence":
        return t("verify.detail.evidence", count=sum(claim.subject is not None for claim in report.facts.claims))
    if name == "trust":
        trust = report.trust
        return _trusted_by(report) if trust.trusted else t(f"verify.detail.{trust.cause}", height=trust.height)
    if name == "paper":
        return t("verify.detail.paper", url=report.steps[-1].detail)
    return ""


def _trusted_by(report: VerificationReport) -> str:
    """What vouches for the issuer, in the user's language: a genesis file, or a header with its height."""
    kind, _, height = report.trust.by.partition(" ")
    return " ".join(part for part in (t(f"trust.kind.{kind}"), height) if part)


def _notes(report: VerificationReport) -> list[str]:
    """Trusted blocks of which the package says nothing."""
    return [t("verify.note", height=height) for height in report.trust.unshown]


def _steps(rows: Sequence[tuple[int, str, str, str]]) -> None:
    table(
        ["step", "check", "outcome", "detail"],
        [(number, t(f"step.{name}"), t(f"outcome.{outcome}"), detail) for number, name, outcome, detail in rows],
        prose=True,
    )


def _step(number: int, name: str, outcome: str, detail: str) -> dict[str, Any]:
    return {"number": number, "name": name, "outcome": outcome, "detail": detail}


def _reason(error: VerificationError) -> str:
    parts = [Code(error.code).name, error.member, error.reason(session().language)]
    return ": ".join(part for part in parts if part)
