"""Work that is done again and again beside the node: on request and by a schedule, on one thread of its own.

Purpose: what backups and archiving share. Rules: one run at a time; after a scheduled run that failed the next comes
soon, and the failure is told; a clock that was set back puts nothing off for longer than one period. A run is asked to
end through :meth:`ScheduledRuns.pulse`, which it calls again and again.
Not here: what a run does (``backups``, ``archiving``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from govchain.model import Code, GovChainError, RefusedError, UnavailableError

__all__ = ["RunState", "ScheduledRuns"]

#: A clock that was set is noticed within this time, seconds.
_LOOK_S = 60.0


@dataclass(frozen=True, slots=True)
class RunState:
    """Where the runs stand.

    Attributes:
        running: whether a run was asked for or is under way.
        run: how many runs were begun or asked for since the start.
        error: name of the code with which the last run failed, or empty.
        due: when the next scheduled run is due, ms since 1970; 0: never.
    """

    running: bool
    run: int
    error: str
    due: int


class ScheduledRuns:
    """See the module. :meth:`start` it once, :meth:`stop` it once; any thread may ask.

    Args:
        name: of the thread.
        work: one run, told whether it is a scheduled one; what it raises is told and ends nothing.
        clock: ms since 1970.
        every_ms: from one scheduled run to the next; 0: on request only.
        retry_ms: wait after a scheduled run that failed.
        stop_s: how long stopping waits for what is under way to end.
        busy: the code for who asks while a run was asked for or is under way.
        on_problem: told of each failure: code and reason.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[bool], None],
        clock: Callable[[], int],
        *,
        every_ms: int,
        retry_ms: int,
        stop_s: float,
        busy: Code,
        on_problem: Callable[[Code, str], None],
    ) -> None:
        """Remember the parts; nothing runs yet."""
        self._name = name
        self._work = work
        self._clock = clock
        self._every_ms = every_ms
        self._retry_ms = retry_ms
        self._stop_s = stop_s
        self._busy = busy
        self._on_problem = on_problem
        self._changed = threading.Condition()
        self._asked = False
        self._running = False
        self._stopping = False
        self._run = 0
        self._error = ""
        self._due = 0
        self._thread: threading.Thread | None = None

    def start(self, last: int) -> None:
        """Start the thread; ``last``: when the last scheduled run was, ms since 1970, 0 for never."""
        if self._every_ms:
            now = self._clock()
            # One that seems to come from the future, since a clock was wrong, puts nothing off for longer.
            self._due = max(min(last + self._every_ms, now + self._every_ms), now) if last else now
        self._thread = threading.Thread(target=self._go_on, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what is under way, and the thread. Stopping twice is allowed."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._stop_s)

    def request(self, before: Callable[[], None] = lambda: None) -> RunState:
        """Have a run now; it goes on after the answer. ``before`` is called while none can begin.

        Raises:
            RefusedError: ``busy``. UnavailableError: ``NODE_STOPPING``. What ``before`` raises; then nothing runs.
        """
        with self._changed:
            if self._stopping:
                raise UnavailableError(Code.NODE_STOPPING)
            if self._asked or self._running:
                raise RefusedError(self._busy)
            before()
            self._asked = True
            self._run += 1
            self._changed.notify_all()
            return self._state()

    def state(self) -> RunState:
        """Where the runs stand now."""
        with self._changed:
            return self._state()

    def pulse(self) -> None:
        """For a run, again and again.

        Raises:
            UnavailableError: ``NODE_STOPPING``: the run should end.
        """
        if self._stopping:
            raise UnavailableError(Code.NODE_STOPPING)

    def _state(self) -> RunState:
        return RunState(self._asked or self._running, self._run, self._error, self._due)

    def _go_on(self) -> None:
        while True:
            with self._changed:
                while not (self._stopping or self._asked or self._overdue()):
                    self._changed.wait(self._wait_s())
                if self._stopping:
                    return
                scheduled = not self._asked
                self._run += scheduled
                self._asked, self._running = False, True
            error = self._one(scheduled)
            with self._changed:
                self._running = False
                self._error = error
                if scheduled:
                    self._due = self._clock() + (self._retry_ms if error else self._every_ms)

    def _one(self, scheduled: bool) -> str:
        """One run; the name of the code of what failed, or nothing."""
        try:
            self._work(scheduled)
        except GovChainError as error:
            if not self._stopping:
                self._on_problem(error.code, error.text("en"))
            return error.code.name
        except Exception as error:  # noqa: BLE001 - a run that fails must not end the schedule; it is told
            self._on_problem(Code.INTERNAL, type(error).__name__)
            return Code.INTERNAL.name
        return ""

    def _overdue(self) -> bool:
        if not self._due:
            return False
        now = self._clock()
        self._due = min(self._due, now + self._every_ms)
        return now >= self._due

    def _wait_s(self) -> float | None:
        """Until the next is due."""
        return min(max(self._due - self._clock(), 0) / 1000, _LOOK_S) if self._due else None
