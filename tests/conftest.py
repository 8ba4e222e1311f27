"""For every test: the marker ``requirement`` and the record of what passing tests show (tools/requirements.py)."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tools.requirements import RECORD, commit_of, known_ids, merge_record, unknown_ids

MARKER = "requirement"

# A busy machine is not a wrong answer: no deadlines for hypothesis. pytest's own time limit stays.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requirements-record", default=None, help="where to record what tests show; 'none' for nowhere")


def pytest_configure(config: pytest.Config) -> None:
    # In a parallel run the first process hears every report; the others only run tests.
    destination = "none" if hasattr(config, "workerinput") else config.getoption("--requirements-record")
    config.pluginmanager.register(RequirementRecorder(destination), "requirement-recorder")


def encodable(text: str) -> str:
    """``text`` with what no UTF-8 has, such as parts of names that are none, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In a parallel run reports travel as UTF-8 from one process to the other; what they quote may be none."""
    report = yield
    report.sections = [(encodable(name), encodable(text)) for name, text in report.sections]
    if report.longrepr is not None and not isinstance(report.longrepr, tuple):
        told = str(report.longrepr)
        if encodable(told) != told:
            report.longrepr = encodable(told)
    return report


class RequirementRecorder:
    """Refuses unknown ids at collection; records each id's passed and failed tests at the end of the run."""

    def __init__(self, destination: str | None) -> None:
        self.destination = destination
        self.ids: dict[str, tuple[str, ...]] = {}
        self.outcomes: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        marked = {item: [*item.iter_markers(MARKER)] for item in items}
        if not any(marked.values()):
            return
        known = known_ids()
        for item, marks in marked.items():
            ids = tuple(dict.fromkeys(identifier for mark in marks for identifier in mark.args))
            if any(not mark.args or mark.kwargs for mark in marks):
                raise pytest.UsageError(f"{item.nodeid}: requirement() takes one id or more, and nothing else")
            unknown = unknown_ids(ids, known)
            if unknown:
                raise pytest.UsageError(f"{item.nodeid}: no such requirement: {', '.join(map(str, unknown))}")
            if ids:
                # Travels with the item's reports, also from the processes of a parallel run.
                item.user_properties.append((MARKER, ids))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ids = dict(report.user_properties).get(MARKER)
        if ids:
            self.ids[report.nodeid] = tuple(map(str, ids))
            # An expected failure is reported as skipped; a test counts only when its call passed.
            self.outcomes[report.nodeid].append(f"{report.when}:{report.outcome}")

    def pytest_sessionfinish(self) -> None:
        if self.destination == "none" or not self.outcomes:
            return
        # The same test on another interpreter is another witness.
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        passed: dict[str, set[str]] = defaultdict(set)
        failed: dict[str, set[str]] = defaultdict(set)
        for nodeid, outcomes in self.outcomes.items():
            if any(outcome.endswith(":failed") for outcome in outcomes):
                target = failed
            elif "call:passed" in outcomes:
                target = passed
            else:
                continue
            for identifier in self.ids[nodeid]:
                target[identifier].add(f"{nodeid} ({version})")
        merge_record(commit_of(), passed, failed, Path(self.destination) if self.destination else RECORD)
