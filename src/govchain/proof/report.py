"""The report of one verification: each step's outcome, what was proved, what was not, and the exit code.

Not here: printing it (``cli``); what is proved comes from :mod:`govchain.proof.facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from govchain.proof.facts import OriginalFacts, PackageFacts, ProvedClaim
from govchain.proof.statement import NOT_PROVED
from govchain.proof.trust import TrustVerdict

__all__ = [
    "EXIT_ENDED",
    "EXIT_TRUSTED",
    "EXIT_UNTRUSTED",
    "STEPS",
    "FinalityFacts",
    "OriginalFacts",
    "StepOutcome",
    "VerificationReport",
    "describe_facts",
    "describe_report",
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
#: Exit code of a package that holds, of a trusted issuer, in which nothing claimed has ended.
EXIT_TRUSTED = 0
#: Exit code of a consistent package whose issuer is not trusted.
EXIT_UNTRUSTED = 3
#: Exit code of a trusted package with something claimed that has ended: a record withdrawn or superseded, for one.
EXIT_ENDED = 4


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """How one step ended: ``held``, ``skipped`` (nothing to check) or, for trust alone, ``untrusted``."""

    number: int
    name: str
    outcome: Literal["held", "skipped", "untrusted"]
    detail: str


@dataclass(frozen=True, slots=True)
class FinalityFacts:
    """Who made the package's last block final: the quorum ``rule`` (solo, raft, bft) of its signer set.

    ``signed`` of ``members`` signed, ``needed`` would have done; ``changes`` of the set lie between genesis and there.
    """

    rule: str
    members: int
    needed: int
    signed: int
    changes: int


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What a verification found. ``not_proved`` are keys of the catalogue, below ``statement.``."""

    steps: tuple[StepOutcome, ...]
    facts: PackageFacts
    finality: FinalityFacts
    trust: TrustVerdict
    not_proved: tuple[str, ...]
    exit_code: int

    @property
    def in_force(self) -> bool | None:
        """Whether nothing claimed had ended at its status block; ``None`` when no claim states a status."""
        return _in_force(self.facts)


def make_report(
    facts: PackageFacts, finality: FinalityFacts, trust: TrustVerdict, *, original_given: bool
) -> VerificationReport:
    """The report of a package whose steps 1 to 11 held."""
    records = [claim for claim in facts.claims if claim.subject is not None]
    in_force = _in_force(facts)
    details = {
        "certificates": f"as of block {facts.height}; {finality.rule}: {finality.signed} of {finality.members} signed,"
        f" {finality.needed} needed; {finality.changes} changes of members",
        "transactions": f"{len(facts.claims)} claims",
        "evidence": f"{len(records)} records",
    }
    skipped = {"evidence": not records, "status": in_force is None, "original": not original_given}
    steps: list[StepOutcome] = []
    for number, name in enumerate(STEPS, 1):
        if name == "trust":
            outcome = StepOutcome(number, name, "held" if trust.trusted else "untrusted", trust.by or trust.reason)
        else:
            done: Literal["held", "skipped"] = "skipped" if skipped.get(name, False) else "held"
            outcome = StepOutcome(number, name, done, details.get(name, ""))
        steps.append(outcome)
    ended = EXIT_ENDED if in_force is False else EXIT_TRUSTED
    exit_code = ended if trust.trusted else EXIT_UNTRUSTED
    return VerificationReport(tuple(steps), facts, finality, trust, NOT_PROVED, exit_code)


def describe_facts(facts: PackageFacts) -> dict[str, Any]:
    """What was proved, for programs: values that JSON can hold; each claim's kind adds its own part under its name."""
    claims = []
    for claim in facts.claims:
        about = {
            field: msgspec.to_builtins(getattr(claim, field)) for field in ProvedClaim.__slots__ if field != "subject"
        }
        if claim.subject is not None:
            about[claim.kind] = claim.subject.describe()
        claims.append(about)
    return {
        "chain": facts.chain,
        "genesis": facts.genesis,
        "test_clock": facts.test_clock,
        "height": facts.height,
        "time": facts.time,
        "claims": claims,
    }


def describe_report(report: VerificationReport) -> dict[str, Any]:
    """The report for programs, what was proved as :func:`describe_facts` gives it."""
    return {
        "steps": msgspec.to_builtins(report.steps),
        "facts": describe_facts(report.facts),
        "finality": msgspec.to_builtins(report.finality),
        "trust": msgspec.to_builtins(report.trust),
        "not_proved": list(report.not_proved),
        "exit_code": report.exit_code,
    }


def _in_force(facts: PackageFacts) -> bool | None:
    ended = [claim.subject.ended for claim in facts.claims if claim.subject is not None]
    stated = [one for one in ended if one is not None]
    return not any(stated) if stated else None
