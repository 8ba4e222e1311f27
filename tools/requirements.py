"""Which requirements have a passing test; ``make requirements``.

A test marked ``@pytest.mark.requirement("BJ.…")`` names the entries of ``docs/requirements/requirements.yaml`` that it
shows. Each test run records, for every id, the tests that passed and those that failed in ``.requirements-shown.json``;
this program sets that record against ``docs/requirements/coverage.yaml``, part by part. An id is *shown* when at least
one test of it passed and none failed. Names, markers and tests that never ran count for nothing, and the record of
another commit is dropped as soon as a new run writes.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "COVERAGE",
    "RECORD",
    "REQUIREMENTS",
    "Part",
    "Record",
    "commit_of",
    "known_ids",
    "load_record",
    "main",
    "merge_record",
    "parts",
    "render",
    "unknown_ids",
]

#: The repository's root.
ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "docs" / "requirements" / "requirements.yaml"
COVERAGE = ROOT / "docs" / "requirements" / "coverage.yaml"
#: What test runs leave behind; not committed.
RECORD = ROOT / ".requirements-shown.json"
#: Version of the record's format.
FORMAT = 1


@dataclass
class Record:
    """What the test runs of one commit showed: for each id, the tests that passed and those that failed."""

    commit: str
    passed: dict[str, set[str]] = field(default_factory=dict)
    failed: dict[str, set[str]] = field(default_factory=dict)

    def shown(self, identifier: str) -> bool:
        """Whether some test of ``identifier`` passed and none failed."""
        return bool(self.passed.get(identifier)) and not self.failed.get(identifier)


@dataclass(frozen=True)
class Part:
    """One part of the platform: its ids in the order of the coverage file, and which of them are shown."""

    name: str
    ids: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The ids without a passing test."""
        return tuple(identifier for identifier in self.ids if identifier not in self.shown)


def known_ids(path: Path = REQUIREMENTS) -> frozenset[str]:
    """Every id of the requirements file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return frozenset(entry["id"] for entry in yaml.load(path.read_text("utf-8"), Loader=loader))  # noqa: S506


def unknown_ids(marked: Sequence[str], known: frozenset[str]) -> list[str]:
    """Those of ``marked`` that no requirement has."""
    return [identifier for identifier in marked if identifier not in known]


def commit_of(root: Path = ROOT) -> str:
    """The commit checked out, or the empty string outside a repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def load_record(path: Path = RECORD) -> Record:
    """The record left by test runs; an empty one when there is none or it cannot be read."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if raw["format"] != FORMAT:
            return Record("")
        passed = {identifier: set(tests) for identifier, tests in raw["passed"].items()}
        failed = {identifier: set(tests) for identifier, tests in raw["failed"].items()}
        return Record(str(raw["commit"]), passed, failed)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return Record("")


def merge_record(
    commit: str, passed: Mapping[str, set[str]], failed: Mapping[str, set[str]], path: Path = RECORD
) -> Record:
    """Adds one run's results to the record; a test's latest result replaces its earlier one.

    Results of another commit are dropped. Two runs may end at the same time: the file is replaced whole, under a lock.
    """
    with open(path.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = load_record(path)
        if record.commit != commit:
            record = Record(commit)
        now_passed = {test for tests in passed.values() for test in tests}
        now_failed = {test for tests in failed.values() for test in tests}
        for stored, rerun in ((record.passed, now_failed), (record.failed, now_passed)):
            for identifier in list(stored):
                stored[identifier] -= rerun
        for stored, new in ((record.passed, passed), (record.failed, failed)):
            for identifier, tests in new.items():
                stored.setdefault(identifier, set()).update(tests)
        _write(record, path)
    return record


def _write(record: Record, path: Path) -> None:
    content = {
        "format": FORMAT,
        "commit": record.commit,
        "passed": {identifier: sorted(tests) for identifier, tests in sorted(record.passed.items()) if tests},
        "failed": {identifier: sorted(tests) for identifier, tests in sorted(record.failed.items()) if tests},
    }
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False) as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
    os.replace(file.name, path)


def parts(record: Record, path: Path = COVERAGE) -> list[Part]:
    """Every part of the coverage file, in its order, with what the record shows of it."""
    coverage: dict[str, list[str]] = yaml.safe_load(path.read_text("utf-8"))
    return [
        Part(name, tuple(ids), tuple(identifier for identifier in ids if record.shown(identifier)))
        for name, ids in coverage.items()
    ]


def render(chosen: Sequence[Part], record: Record, *, as_json: bool) -> str:
    """The report as text or JSON."""
    total = sum(len(part.ids) for part in chosen)
    shown = sum(len(part.shown) for part in chosen)
    if as_json:
        content = {
            "commit": record.commit,
            "parts": [
                {
                    "part": part.name,
                    "required": len(part.ids),
                    "shown": {identifier: sorted(record.passed[identifier]) for identifier in part.shown},
                    "missing": list(part.missing),
                }
                for part in chosen
            ],
            "required": total,
            "shown": shown,
        }
        return json.dumps(content, ensure_ascii=False, indent=2)
    lines = []
    for part in chosen:
        lines.append(f"{part.name}: {len(part.shown)} of {len(part.ids)} shown")
        lines += [f"  shown    {identifier}  ({len(record.passed[identifier])} tests)" for identifier in part.shown]
        lines += [
            f"  missing  {identifier}" + ("  (a test of it fails)" if record.failed.get(identifier) else "")
            for identifier in part.missing
        ]
    lines.append(f"total: {shown} of {total} requirements shown, ratio {100 * shown / total:.1f} %")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; exit code 1 for ``--complete`` with something missing, 2 for no record or an unknown part."""
    parser = argparse.ArgumentParser(description="Which requirements have a passing test.")
    parser.add_argument("--part", help="only this part of docs/requirements/coverage.yaml")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--complete", action="store_true", help="fail when something is missing")
    options = parser.parse_args(arguments)
    record = load_record(RECORD)
    chosen = [part for part in parts(record) if options.part in (None, part.name)]
    if not chosen:
        print(f"there is no part {options.part!r} in {COVERAGE.relative_to(ROOT)}", file=sys.stderr)
        return 2
    if not record.commit:
        print("no test run is on record: run `make test` first", file=sys.stderr)
        return 2
    print(render(chosen, record, as_json=options.json))
    if record.commit and record.commit != commit_of():
        print("note: the record is of an earlier commit; run `make test` again", file=sys.stderr)
    return 1 if options.complete and any(part.missing for part in chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
