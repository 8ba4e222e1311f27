"""An external engine's process: started, watched, started again, stopped, and its last words when it dies.

Purpose: what every external engine needs of an operating system, in one place (``cometbft/``, ``etcd/``).
Rules: the process dies with this one, also when this one is killed (``PR_SET_PDEATHSIG`` on Linux); what it prints goes
to a log file of bounded size with one older file beside it; a process that ends is started again after a pause that
doubles, and given up after ``restarts_max`` ends in a row, each within ``healthy_after_s`` of its start. Clocks are
monotonic seconds. Threads: any thread may call; one thread reads the output, another watches.
Not here: what a health check asks (handed in), where the program is (:mod:`govchain.consensus.engine_binary`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO, Final

from govchain.model import Code, GovChainError
from govchain.peers.repeats import Repeats

__all__ = ["LogFile", "ProcessPlan", "SupervisedProcess"]

#: What the child runs before it becomes the program: it asks the kernel (Linux, prctl(2): PR_SET_PDEATHSIG is 1,
#: SIGKILL 9) to be killed when the thread that made it ends, and leaves if that came first. It is a program of its own
#: and no function between fork and exec, which may not be used beside threads.
_DIE_WITH_PARENT: Final = """
import ctypes, os, sys
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl is not None:
    prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
#: A line of output longer than this is cut.
_LINE_BYTES_MAX: Final = 64 * 1024
#: Seconds between two lines of one kind that strangers can cause.
_COMMON_S: Final = 10.0
#: Lines kept in memory for the last words.
_LAST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What to run and how to watch it.

    Attributes:
        name: for messages and thread names.
        command: program and arguments.
        log: the file that its output goes to; one older file lies beside it as ``<name>.1``.
        directory: where it runs.
        environment: all of its environment.
        descriptors: open files that it inherits under the same numbers.
        before: called on the watching thread before each start, the first included; what it raises ends the watch, and
            the process is given up (with the code of an error of ours).
        healthy: answers within a second whether the process does its work; asked every ``watch_s``. None: not asked.
        fatal: a look at each line of output; text means the process can do no more work though it lives, and why.
        cause: a look at each line of output; whether it says why a process that ends does so. The newest such line of a
            run, else its last line, is told when the process is given up.
        common: a look at each line; text is the kind of a line that strangers can cause as often as they like. Of each
            kind one line in ten seconds is written, with how many were not.
        log_bytes_max: when the log file is that large it becomes the older one.
        restarts_max: ends in a row before it is given up.
        healthy_after_s: a run that lasts this long forgives earlier ends.
        pause_s, pause_s_max: the pause before a new start, doubled each time, at most.
        unhealthy_s_max: how long ``healthy`` may say no before the process is killed and started again.
        stop_s: how long a stop waits after SIGTERM before SIGKILL.
        watch_s: between two looks.
    """

    name: str
    command: Sequence[str]
    log: Path
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: Sequence[int] = ()
    before: Callable[[], None] | None = None
    healthy: Callable[[], bool] | None = None
    fatal: Callable[[str], str | None] | None = None
    cause: Callable[[str], bool] | None = None
    common: Callable[[str], str] | None = None
    log_bytes_max: int = 8 * 1024 * 1024
    restarts_max: int = 5
    healthy_after_s: float = 30.0
    pause_s: float = 0.2
    pause_s_max: float = 5.0
    unhealthy_s_max: float = 60.0
    stop_s: float = 10.0
    watch_s: float = 0.5


class LogFile:
    """A log of bounded size: ``path`` and, once that is full, the one before it as ``<path>.1``.

    A disk that is full loses lines, never the process that writes them.
    """

    def __init__(self, path: Path, bytes_max: int) -> None:
        """Append to ``path``; each file holds about ``bytes_max`` bytes."""
        self._path = path
        self._bytes_max = bytes_max
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, line: bytes) -> None:
        """Append one line; a line that cannot be written is lost."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
                self._size = self._file.tell()
            if self._size + len(line) > self._bytes_max and self._size:
                self._file.close()
                self._file = None
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._file = self._path.open("ab", buffering=0)
                self._size = 0
            self._size += self._file.write(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class SupervisedProcess:
    """See the module.

    Args:
        plan: what to run.
        on_failed: called once, on the watching thread, when the process is given up: the code and its last words.
        on_started: called on the watching thread after each start, the first included, with the process id.
    """

    def __init__(
        self,
        plan: ProcessPlan,
        on_failed: Callable[[Code, str], None],
        on_started: Callable[[int], None] | None = None,
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._plan = plan
        self._on_failed = on_failed
        self._on_started = on_started
        self._log = LogFile(plan.log, plan.log_bytes_max)
        self._stop = threading.Event()
        self._wake = threading.Event()  # the process ended, said something fatal, or shall stop
        self._ended = threading.Event()  # the process closed its output
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._fatal = ""
        self._cause = ""
        self._failed: str | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The process's id while it lives."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def starts(self) -> int:
        """How often it was started in this run."""
        return self._starts

    @property
    def failed(self) -> str | None:
        """Why the process was given up; None while it is not."""
        return self._failed

    def start(self) -> None:
        """Start the process and watch it, on a thread of its own; answers at once.

        The thread that starts the process lives as long as the process, since the kernel's word to the child comes
        when the thread that made it ends.
        """
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name=f"{self._plan.name}-watch", daemon=True)
            self._watcher.start()

    def stop(self) -> None:
        """End the process, first by asking (SIGTERM), after ``stop_s`` by force; waits for its end."""
        self._stop.set()
        self._wake.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()

    def restart(self, reason: str) -> None:
        """Kill the process and start it again; counts as an end of its own."""
        self._fatal = self._fatal or reason
        self._wake.set()

    def last_words(self) -> str:
        """The newest lines of output, in one text."""
        return "\n".join(tuple(self._last))

    # -- the watching thread -----------------------------------------------------------------------------------

    def _watch(self) -> None:
        plan = self._plan
        ends, pause = 0, plan.pause_s
        try:
            while not self._stop.is_set():
                if plan.before is not None:
                    plan.before()
                began = monotonic()
                reason = self._one_run()
                if self._stop.is_set():
                    return
                if monotonic() - began >= plan.healthy_after_s:
                    ends, pause = 0, plan.pause_s
                ends += 1
                self._log.write(f"-- {plan.name}: {reason}\n".encode())
                if ends > plan.restarts_max:
                    self._give_up(reason)
                    return
                self._stop.wait(pause)
                pause = min(pause * 2, plan.pause_s_max)
        except GovChainError as error:  # what comes before a start says that there is none to be
            self._give_up(str(error), error.code)
        except Exception as error:  # noqa: BLE001 - it cannot even be started, for whatever reason
            self._give_up(f"{type(error).__name__}: {error}")
        finally:
            self._log.close()

    def _give_up(self, reason: str, code: Code = Code.ENGINE_FAILED) -> None:
        said = self._cause or next((line for line in reversed(self._last) if line.strip()), "")
        self._failed = f"{reason}; {said}" if said and said not in reason else reason
        self._on_failed(code, self._failed)

    def _one_run(self) -> str:
        """Run the process to its end; answers why it ended."""
        plan = self._plan
        self._fatal = self._cause = ""
        process = subprocess.Popen(  # noqa: S603 - the engine's own program with our arguments
            [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *plan.command],
            cwd=plan.directory,
            env=dict(plan.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(plan.descriptors),
        )
        self._process = process
        self._starts += 1
        self._ended = threading.Event()
        self._wake.clear()
        if self._stop.is_set():
            self._wake.set()
        arguments = (process, self._ended)
        reader = threading.Thread(target=self._read, args=arguments, name=f"{plan.name}-output", daemon=True)
        reader.start()
        if self._on_started is not None:
            self._on_started(process.pid)
        killed = self._attend(process)
        reader.join(plan.stop_s)
        code = process.returncode
        if self._fatal:
            return self._fatal
        if killed:
            return killed
        return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def _attend(self, process: subprocess.Popen[bytes]) -> str:
        """Until the process ends; why it was killed, or empty."""
        plan = self._plan
        seen_well = monotonic()
        while process.poll() is None:
            if self._stop.is_set():
                self._end(process)
                return "stopped"
            if self._fatal:
                self._end(process)
                return self._fatal
            if plan.healthy is not None:
                if plan.healthy():
                    seen_well = monotonic()
                elif monotonic() - seen_well > plan.unhealthy_s_max:
                    self._end(process)
                    return f"did not answer for {int(monotonic() - seen_well)} s"
            self._wake.wait(plan.watch_s)
            if self._ended.is_set():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(plan.watch_s)
        return ""

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """SIGTERM (and SIGCONT, for a process that someone stopped), then SIGKILL."""
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(self._plan.stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read(self, process: subprocess.Popen[bytes], ended: threading.Event) -> None:
        assert process.stdout is not None  # it was asked for
        plan, look = self._plan, self._plan.fatal
        repeats = Repeats(_COMMON_S)
        with process.stdout as output:
            while line := output.readline(_LINE_BYTES_MAX):
                text = line.decode("utf-8", "replace").rstrip()
                kind = "" if plan.common is None else plan.common(text)
                if kind:
                    left_out = repeats.told(kind, monotonic())
                    if left_out is None:
                        continue
                    if left_out:
                        self._log.write(f"-- {plan.name}: {left_out} lines like the next one were left out\n".encode())
                self._log.write(line)
                self._last.append(text)
                if plan.cause is not None and plan.cause(text):
                    self._cause = text
                if look is not None and not self._fatal and (said := look(text)):
                    self._fatal = said
                    self._wake.set()
        ended.set()
        self._wake.set()
