"""The supervisor of an external process: restarts, giving up, stopping, dying together, its log."""

import os
import signal
import subprocess
import sys
import threading
from time import monotonic, sleep

import pytest

from govchain.consensus.processes import LogFile, ProcessPlan, SupervisedProcess
from govchain.model import Code, UnavailableError

PATIENCE_S = 20.0


class Watched:
    """A supervised shell script, and what its supervisor reported."""

    def __init__(self, folder, script, **plan):
        self.failures = []
        self.failed = threading.Event()
        self.pids = []
        self.started = threading.Condition()
        defaults = {"pause_s": 0.01, "pause_s_max": 0.05, "watch_s": 0.05, "stop_s": 5.0}
        self.log = folder / "process.log"
        self.process = SupervisedProcess(
            ProcessPlan("a-process", ["/bin/sh", "-c", script], self.log, folder, **(defaults | plan)),
            self.on_failed,
            self.on_started,
        )

    def on_failed(self, code, reason):
        self.failures.append((code, reason))
        self.failed.set()

    def on_started(self, pid):
        with self.started:
            self.pids.append(pid)
            self.started.notify_all()

    def wait_for_starts(self, count):
        with self.started:
            assert self.started.wait_for(lambda: len(self.pids) >= count, PATIENCE_S)


@pytest.fixture
def watched(tmp_path):
    made = []

    def make(script, **plan):
        made.append(Watched(tmp_path, script, **plan))
        made[-1].process.start()
        return made[-1]

    yield make
    for each in made:
        each.process.stop()


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition):
    limit = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < limit
        sleep(0.01)


def test_a_process_that_ends_is_started_again_and_given_up_with_its_last_words(watched):
    one = watched("echo the disk is gone; exit 3", restarts_max=3)
    assert one.failed.wait(PATIENCE_S)
    assert one.failures == [(Code.ENGINE_FAILED, "ended with code 3; the disk is gone")]
    assert len(one.pids) == one.process.starts == 4
    assert one.process.failed == "ended with code 3; the disk is gone"
    text = one.log.read_text("utf-8")
    assert text.count("the disk is gone") == text.count("-- a-process: ended with code 3") == 4


def test_a_killed_process_comes_back(watched):
    one = watched("exec sleep 60")
    one.wait_for_starts(1)
    os.kill(one.pids[0], signal.SIGKILL)
    one.wait_for_starts(2)
    assert one.process.pid == one.pids[1]
    assert not one.failures
    one.process.stop()
    assert not lives(one.pids[1])


def test_a_run_that_lasted_forgives_earlier_ends(watched):
    one = watched("exit 1", restarts_max=2, healthy_after_s=0.0)
    one.wait_for_starts(6)
    assert not one.failed.is_set()


def test_a_line_that_says_the_end_kills_what_still_lives(watched):
    one = watched(
        "echo CONSENSUS FAILURE; exec sleep 60",
        restarts_max=0,
        fatal=lambda line: "it can do no more" if "CONSENSUS FAILURE" in line else None,
    )
    assert one.failed.wait(PATIENCE_S)
    assert one.failures == [(Code.ENGINE_FAILED, "it can do no more; CONSENSUS FAILURE")]
    assert not lives(one.pids[0])


def test_the_line_that_says_why_is_told_though_others_follow(watched):
    one = watched(
        "echo panic: the store is lost; echo at main.go:1; echo at main.go:2; exit 2",
        restarts_max=0,
        cause=lambda line: line.startswith("panic:"),
    )
    assert one.failed.wait(PATIENCE_S)
    assert one.failures == [(Code.ENGINE_FAILED, "ended with code 2; panic: the store is lost")]


def test_what_comes_before_each_start_may_refuse_it(watched):
    calls = []

    def before():
        calls.append(len(calls))
        if len(calls) == 3:
            raise UnavailableError(Code.DISK_FULL)

    one = watched("exit 1", before=before)
    assert one.failed.wait(PATIENCE_S)
    assert one.failures[0][0] == Code.DISK_FULL
    assert (len(calls), len(one.pids)) == (3, 2)


def test_a_restart_that_is_asked_for_kills_and_starts(watched):
    one = watched("exec sleep 60")
    one.wait_for_starts(1)
    one.process.restart("its height stood still")
    one.wait_for_starts(2)
    assert not lives(one.pids[0])
    assert "its height stood still" in one.log.read_text("utf-8")
    assert one.process.failed is None


def test_one_that_does_not_answer_is_killed(watched):
    one = watched("exec sleep 60", restarts_max=0, healthy=lambda: False, unhealthy_s_max=0.1)
    assert one.failed.wait(PATIENCE_S)
    assert "did not answer" in one.failures[0][1]
    assert not lives(one.pids[0])


@pytest.mark.parametrize("stopped", [False, True])
def test_a_stop_ends_it_even_when_it_ignores_or_was_suspended(watched, stopped):
    one = watched("exec sleep 60" if stopped else "trap '' TERM; echo ready; while :; do sleep 0.05; done", stop_s=0.3)
    one.wait_for_starts(1)
    if stopped:
        os.kill(one.pids[0], signal.SIGSTOP)
    else:
        wait_until(lambda: "ready" in one.process.last_words())
    one.process.stop()
    assert not lives(one.pids[0])
    assert one.process.pid is None
    assert not one.failures


def test_it_dies_with_the_process_that_watches_it(tmp_path):
    script = f"""
import pathlib, sys, threading
from govchain.consensus.processes import ProcessPlan, SupervisedProcess
here = pathlib.Path({str(tmp_path)!r})
plan = ProcessPlan("a", ["/bin/sh", "-c", "echo $$; exec sleep 60"], here / "log", here)
one = SupervisedProcess(plan, print)
one.start()
while not one.last_words():
    threading.Event().wait(0.01)
print(one.last_words(), flush=True)
threading.Event().wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path, text=True)
    with parent:
        child = int(parent.stdout.readline())
        assert lives(child)
        parent.kill()
    wait_until(lambda: not lives(child))


def test_the_log_is_bounded_and_keeps_the_newest(tmp_path):
    path = tmp_path / "log"
    log = LogFile(path, 1_000)
    for number in range(500):
        log.write(f"line {number:04}\n".encode())
    log.close()
    older = path.with_name("log.1")
    assert path.stat().st_size <= 1_000
    assert older.stat().st_size <= 1_000
    lines = (older.read_text("utf-8") + path.read_text("utf-8")).splitlines()
    assert lines == [f"line {number:04}" for number in range(500 - len(lines), 500)]
    assert len(lines) >= 100


def test_a_log_on_a_disk_that_is_full_loses_lines_and_nothing_else():
    from pathlib import Path

    log = LogFile(Path("/dev/full"), 1_000)
    log.write(b"lost\n")
    log.close()


def test_lines_that_strangers_can_cause_are_counted_and_not_written(watched):
    """Nobody pushes out of the log what matters by connecting again and again; the rest is written as it comes."""
    script = "i=0; while [ $i -lt 300 ]; do echo rejected $i; i=$((i+1)); done; echo what matters; sleep 60"
    run = watched(script, common=lambda line: "rejected" if "rejected" in line else "")
    wait = threading.Event()
    end = monotonic() + PATIENCE_S
    while monotonic() < end and not (run.log.exists() and b"what matters" in run.log.read_bytes()):
        wait.wait(0.01)
    lines = run.log.read_text("utf-8").splitlines()
    assert lines == ["rejected 0", "what matters"]
    assert run.process.last_words() == "rejected 0\nwhat matters"
