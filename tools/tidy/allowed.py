"""Exceptions from the tidy rules: ``allowed.toml`` beside this file, each entry with its reason.

An entry without a reason, or one that no longer excuses anything, is itself a finding.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from tools.tidy.finding import Finding

__all__ = ["Excuse", "apply", "parse"]

#: Where the entries are.
FILE = "tools/tidy/allowed.toml"
#: Shortest reason, in characters, that can be a reason.
REASON_CHARACTERS_MIN = 20


@dataclass(frozen=True)
class Excuse:
    """One excuse: a file, a rule, what breaks it there, and why that is right."""

    path: str
    rule: str
    what: str
    reason: str


def parse(text: str) -> list[Excuse]:
    """Reads the entries.

    Raises:
        ValueError: An entry has other keys than ``path``, ``rule``, ``what`` and ``reason``, or no proper reason.
    """
    entries = []
    for raw in tomllib.loads(text).get("allow", []):
        if set(raw) != {"path", "rule", "what", "reason"}:
            raise ValueError(f"{FILE}: an entry has the keys {sorted(raw)}")
        entry = Excuse(**raw)
        if len(entry.reason) < REASON_CHARACTERS_MIN:
            raise ValueError(f"{FILE}: no reason for {entry.rule} in {entry.path}")
        entries.append(entry)
    return entries


def apply(findings: list[Finding], entries: list[Excuse]) -> list[Finding]:
    """The findings that no entry excuses, and one for each entry that excuses nothing."""
    used: set[Excuse] = set()
    left = []
    for finding in findings:
        excuses = [e for e in entries if (e.path, e.rule, e.what) == (finding.path, finding.rule, finding.what)]
        used.update(excuses)
        if not excuses:
            left.append(finding)
    for entry in entries:
        if entry not in used:
            text = f"the exception for {entry.rule} {entry.what!r} in {entry.path} excuses nothing any more"
            left.append(Finding(FILE, 0, "stale", entry.what, text))
    return left
