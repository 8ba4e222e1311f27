"""What the doctor says: findings, each with its place, reason and remedy, and the report that holds them.

Rules: reasons and remedies are sentences of the catalogue, so that both languages say the same. Not here: checking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from govchain.model import Code, GovChainError
from govchain.texts import sentence

__all__ = ["FINDINGS_MAX", "Finding", "Report"]

#: Findings that a report keeps; further ones are counted only.
FINDINGS_MAX = 200
#: Names of findings whose part says nothing about their area.
_MACHINE = {"disk": "disk.low", "cpu": "cpu.few", "memory": "memory.low", "clock": "clock.behind"}
#: What follows from a genesis file of another chain, and would only hide it.
_OF_ANOTHER_GENESIS = frozenset({"headers", "certificates", "keys"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: where, what, and what to do.

    Attributes:
        part: the file (relative to the data directory) or the table.
        code: the result code that fits.
        cause: key of the reason in the catalogue; ``facts`` are its parameters.
        remedy: key of the remedy in the catalogue.
        height: the block, where one is concerned.
    """

    part: str
    code: Code
    cause: str
    remedy: str
    height: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Stable identifier ``AREA.REASON`` for programs (docs/spec/findings.md); it never depends on the language."""
        reason = self.cause.rpartition(".")[2]
        if reason in _MACHINE:
            return _MACHINE[reason]
        area = self.part.partition("/")[0].partition(".")[0]
        reason = reason.lower().replace("_", "-")
        area = "keys" if area == "catalogue" else area
        return f"{area}.{reason.removeprefix(f'{area}-')}"

    @property
    def reason(self) -> str:
        """The reason in English."""
        return self.reason_in("en")

    def reason_in(self, language: str) -> str:
        """The reason in ``language``, without the full stop that some sentences end with."""
        return sentence(self.cause, language, **self.facts).rstrip(".。")


@dataclass(slots=True)
class Report:
    """What was checked and what was found; clean when nothing was."""

    chain: str = ""
    height: int = 0
    checks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(
        self, part: str | Path, code: Code, cause: str, remedy: str, *, height: int | None = None, **facts: object
    ) -> None:
        """Note a finding; ``cause`` and ``remedy`` are the last words of their keys, ``cause`` may be a whole key."""
        cause = cause if "." in cause else f"doctor.reason.{cause}"
        self._note(Finding(str(part), code, cause, f"doctor.remedy.{remedy}", height, facts))

    def add_error(self, part: str | Path, error: GovChainError, remedy: str, *, height: int | None = None) -> None:
        """Note an error of ours as a finding, with its own sentence as the reason."""
        cause = f"code.{error.code.name}"
        self._note(Finding(str(part), error.code, cause, f"doctor.remedy.{remedy}", height, error.params))

    def settle(self) -> None:
        """Leave out what only follows from another finding: a genesis file of another chain explains what it breaks."""
        if any(finding.name == "genesis.other-genesis" for finding in self.findings):
            self.findings = [
                finding
                for finding in self.findings
                if finding.name.partition(".")[0] not in _OF_ANOTHER_GENESIS or finding.cause.endswith(".mode")
            ]

    def _note(self, finding: Finding) -> None:
        if finding in self.findings:
            return
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.dropped += 1
