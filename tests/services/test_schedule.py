"""Runs on request and by schedule: one at a time, failures told, the schedule going on whatever a run does."""

import threading

import pytest

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.services.schedule import ScheduledRuns
from tests.services.test_archiving import until

HOUR = 3_600_000


class Bench:
    """Runs that wait until they are let go; the clock is set by hand."""

    def __init__(self, every_ms=0):
        self.now = 1_000_000_000
        self.begun, self.problems = [], []
        self.go, self.fails = threading.Event(), None
        self.runs = ScheduledRuns(
            "test-runs",
            self.work,
            lambda: self.now,
            every_ms=every_ms,
            retry_ms=60_000,
            stop_s=20,
            busy=Code.BACKUP_RUNNING,
            on_problem=lambda code, reason: self.problems.append(code),
        )

    def work(self, scheduled):
        self.begun.append(scheduled)
        while not self.go.wait(0.01):
            self.runs.pulse()
        if self.fails is not None:
            raise self.fails

    def idle(self, run):
        until(lambda: self.runs.state().run == run and not self.runs.state().running)


@pytest.fixture
def bench():
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1]

    yield make
    for one in made:
        one.runs.stop()


def test_one_at_a_time_and_none_after_the_end(bench):
    part = bench()
    part.runs.start(0)
    assert part.runs.request().running
    with pytest.raises(RefusedError) as busy:
        part.runs.request()
    assert busy.value.code is Code.BACKUP_RUNNING
    until(lambda: part.begun == [False])
    part.runs.stop()  # the run hears of it by its pulse
    assert part.problems == []
    with pytest.raises(UnavailableError) as ended:
        part.runs.request()
    assert ended.value.code is Code.NODE_STOPPING
    part.runs.stop()


def test_what_comes_before_a_request_may_refuse_it(bench):
    part = bench()
    part.runs.start(0)

    def refuse():
        raise UnavailableError(Code.FILE_UNREADABLE, path="x", reason="gone")

    with pytest.raises(UnavailableError):
        part.runs.request(refuse)
    assert (part.runs.state().running, part.runs.state().run, part.begun) == (False, 0, [])


@pytest.mark.parametrize(
    ("fault", "code"),
    [(GovChainError(Code.DISK_FULL, path="x"), Code.DISK_FULL), (ZeroDivisionError(), Code.INTERNAL)],
    ids=["told", "unforeseen"],
)
def test_a_run_that_fails_is_told_and_the_next_comes_soon(bench, fault, code):
    part = bench(every_ms=HOUR)
    part.fails = fault
    part.go.set()
    part.runs.start(0)  # never before: due now
    part.idle(1)
    assert (part.begun, part.problems, part.runs.state().error) == ([True], [code], code.name)
    assert part.runs.state().due == part.now + 60_000
    part.fails = None
    part.now += 60_000
    part.runs.request()  # wakes the thread, which is not due by the steady clock
    until(lambda: not part.runs.state().running and part.runs.state().error == "")


@pytest.mark.parametrize(("ago", "wait"), [(0, HOUR), (HOUR // 2, HOUR // 2), (2 * HOUR, 0), (-9 * HOUR, HOUR)])
def test_a_start_counts_from_the_last_one(bench, ago, wait):
    """A last one from the future, since a clock was wrong, puts nothing off for longer than one period."""
    part = bench(every_ms=HOUR)
    part.go.set()
    part.runs.start(part.now - ago)
    if wait:
        assert (part.runs.state().due, part.begun) == (part.now + wait, [])
    else:
        part.idle(1)
        assert part.runs.state().due == part.now + HOUR
