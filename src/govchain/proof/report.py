"""The report of one verification: each step's outcome, what was proved, what was not, and the exit code.

Not here: printing it (``cli``); what is proved comes from :mod:`govchain.proof.facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from govchain.proof.facts import PackageFacts
from govchain.proof.statement import NOT_PROVED
from govchain.proof.trust import TrustVerdict

__all__ = [
    "EXIT_ENDED",
    "EXIT_TRUSTED",
    "EXIT_UNTRUSTED",
    "STEPS",
    "OriginalFacts",
    "StepOutcome",
    "VerificationReport",
    "make_report",
]

#: Names of the verification steps, by number from 1 (evidence-package.md 4).
STEPS = (
    "container",
    "manifest",
    "genesis",
    "headers",
    "certificates",
    "history",
    "transactions",
    "evidence",
    "status",
    "statement",
    "original",
    "trust",
)
#: Exit code of a package that holds, of a trusted issuer, and says of no record that it was withdrawn or superseded.
EXIT_TRUSTED = 0
#: Exit code of a consistent package whose issuer is not trusted.
EXIT_UNTRUSTED = 3
#: Exit code of a trusted package with a record that was withdrawn or superseded.
EXIT_ENDED = 4


@dataclass(frozen=True, slots=True)
class OriginalFacts:
    """Size in bytes and digests (hex) of a file that is said to be the original."""

    size: int
    sm3: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step ended: ``held``, ``skipped`` (nothing to check) or, for trust alone, ``untrusted``."""

    number: int
    name: str
    outcome: Literal["held", "skipped", "untrusted"]
    detail: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What a verification found. ``not_proved`` are keys of the catalogue, below ``statement.``."""

    steps: tuple[StepOutcome, ...]
    facts: PackageFacts
    trust: TrustVerdict
    not_proved: tuple[str, ...]
    exit_code: int

    @property
    def in_force(self) -> bool | None:
        """Whether no claimed record was withdrawn or superseded at its status block; ``None`` when none is claimed."""
        return _in_force(self.facts)


def make_report(facts: PackageFacts, trust: TrustVerdict, *, original_given: bool) -> VerificationReport:
    """The report of a package whose steps 1 to 11 held."""
    records = [claim for claim in facts.claims if claim.evidence is not None]
    details = {
        "certificates": f"as of block {facts.height}",
        "transactions": f"{len(facts.claims)} claims",
        "evidence": f"{len(records)} records",
    }
    skipped = {"evidence": not records, "status": not records, "original": not original_given}
    steps: list[StepOutcome] = []
    for number, name in enumerate(STEPS, 1):
        if name == "trust":
            outcome = StepOutcome(number, name, "held" if trust.trusted else "untrusted", trust.by or trust.reason)
        else:
            done: Literal["held", "skipped"] = "skipped" if skipped.get(name, False) else "held"
            outcome = StepOutcome(number, name, done, details.get(name, ""))
        steps.append(outcome)
    ended = EXIT_ENDED if _in_force(facts) is False else EXIT_TRUSTED
    exit_code = ended if trust.trusted else EXIT_UNTRUSTED
    return VerificationReport(tuple(steps), facts, trust, NOT_PROVED, exit_code)


def _in_force(facts: PackageFacts) -> bool | None:
    states = [claim.evidence.status.state for claim in facts.claims if claim.evidence is not None]
    return all(state == "in_force" for state in states) if states else None
