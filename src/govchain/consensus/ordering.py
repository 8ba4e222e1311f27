"""Whether a node orders, and the one reason why not: a small state machine that the node's parts share.

Purpose: readiness, refusals, metrics and whoever asks read one answer. Who finds a reason (an engine, the watch over
members' signatures, the watch over the membership) says it here and keeps none of its own.

Rules::

    phase      start     wait      resume    halt    close
    starting   ordering  waiting   -         halted  closed
    ordering   -         waiting   -         halted  closed
    waiting    -         waiting   ordering  halted  closed
    halted     -         -         -         halted  closed
    reading    -         -         -         -       closed
    closed     -         -         -         -       -

``waiting`` ends by itself, ``halted`` never. Several parts may wait; it is over when the last goes on. Of several
reasons the one of the highest rank is told, of equal ones the first: a node that the members voted out is out, whatever
else its engine says; a majority that is away explains least. Whoever listens is told each change once, on the thread
that brought it, after it took effect, and must neither block nor raise.
Not here: ending anything (engines listen and end themselves), words for people (``texts``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from govchain.model import Code

__all__ = ["TRANSITIONS", "Event", "OrderingState", "Phase", "Standing"]


class Phase(StrEnum):
    """What a node does about ordering; see the module."""

    STARTING = "starting"
    ORDERING = "ordering"
    WAITING = "waiting"
    HALTED = "halted"
    READING = "reading"
    CLOSED = "closed"


class Event(StrEnum):
    """What moves it; ``RESUME`` is that the last part that waited goes on."""

    START = "start"
    WAIT = "wait"
    RESUME = "resume"
    HALT = "halt"
    CLOSE = "close"


#: From a phase, by an event, to the next phase; what does not stand here changes nothing.
TRANSITIONS: Final[Mapping[tuple[Phase, Event], Phase]] = MappingProxyType(
    {
        (Phase.STARTING, Event.START): Phase.ORDERING,
        (Phase.STARTING, Event.WAIT): Phase.WAITING,
        (Phase.STARTING, Event.HALT): Phase.HALTED,
        (Phase.STARTING, Event.CLOSE): Phase.CLOSED,
        (Phase.ORDERING, Event.WAIT): Phase.WAITING,
        (Phase.ORDERING, Event.HALT): Phase.HALTED,
        (Phase.ORDERING, Event.CLOSE): Phase.CLOSED,
        (Phase.WAITING, Event.WAIT): Phase.WAITING,
        (Phase.WAITING, Event.RESUME): Phase.ORDERING,
        (Phase.WAITING, Event.HALT): Phase.HALTED,
        (Phase.WAITING, Event.CLOSE): Phase.CLOSED,
        (Phase.HALTED, Event.HALT): Phase.HALTED,
        (Phase.HALTED, Event.CLOSE): Phase.CLOSED,
        (Phase.READING, Event.CLOSE): Phase.CLOSED,
    }
)

#: How much a reason explains; all others 2.
_RANKS: Final[Mapping[Code, int]] = MappingProxyType(
    {Code.ENGINE_UNREACHABLE: 0, Code.NODE_CLOCK: 1, Code.NODE_DIVERGED: 3, Code.NODE_REMOVED: 4}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the node stands: ``code`` and ``reason`` say why it does not order; ``since``: when that began, wall ms.

    ``code`` is None while it orders or has not begun. After closing it is that of a halt, else NODE_STOPPING.
    """

    phase: Phase
    code: Code | None = None
    reason: str = ""
    since: int = 0

    @property
    def orders(self) -> bool:
        """Whether transactions are ordered here."""
        return self.phase is Phase.ORDERING


class OrderingState:
    """See the module; any thread may use it.

    Args:
        wall: UTC in ms, for :attr:`Standing.since`.
        reading: the node only reads, and never orders.
        on_halt: hears code and reason of each halt; as listeners do.
    """

    def __init__(
        self,
        wall: Callable[[], int] = lambda: 0,
        *,
        reading: bool = False,
        on_halt: Callable[[Code, str], None] | None = None,
    ) -> None:
        """Nothing was started, or nothing ever will be."""
        self._wall = wall
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Standing], None]] = []
        self._waits: dict[str, tuple[Code, str]] = {}
        phase, code = (Phase.READING, Code.DATA_DIRECTORY_READ_ONLY) if reading else (Phase.STARTING, None)
        self._standing = Standing(phase, code, since=wall())
        self._on_halt = on_halt

    def add_listener(self, listener: Callable[[Standing], None]) -> None:
        """Tell ``listener`` of every change from now on."""
        self._listeners.append(listener)

    @property
    def standing(self) -> Standing:
        """Where the node stands now."""
        return self._standing

    @property
    def problem(self) -> Code | None:
        """Why nothing is ordered here, if nothing is."""
        return self._standing.code

    @property
    def halted(self) -> Code | None:
        """Why this node orders nothing any more, where it was halted."""
        return self._standing.code if self._standing.phase is Phase.HALTED else None

    def start(self) -> None:
        """Ordering begins."""
        with self._lock:
            after = self._step(Event.START)
        self._tell(after)

    def wait(self, part: str, code: Code, reason: str) -> bool:
        """``part`` cannot go on for now; its latest reason counts. Whether that code is news of it."""
        with self._lock:
            known = self._waits.get(part)
            self._waits[part] = (code, reason)
            after = self._step(Event.WAIT, *self._waiting())
        self._tell(after)
        return known is None or known[0] != code

    def resume(self, part: str) -> None:
        """``part`` goes on."""
        with self._lock:
            if self._waits.pop(part, None) is None:
                return
            after = self._step(Event.WAIT, *self._waiting()) if self._waits else self._step(Event.RESUME)
        self._tell(after)

    def halt(self, code: Code, reason: str) -> None:
        """This node orders nothing any more before it is started again."""
        with self._lock:
            after = self._step(Event.HALT, code, reason)
        self._tell(after)

    def close(self) -> None:
        """The node ends."""
        with self._lock:
            before = self._standing
            kept = (before.code, before.reason) if before.phase is Phase.HALTED else (Code.NODE_STOPPING, "")
            after = self._step(Event.CLOSE, *kept)
        self._tell(after)

    def _waiting(self) -> tuple[Code, str]:
        """The reason that explains most of those that wait."""
        return max(self._waits.values(), key=lambda wait: _rank(wait[0]))

    def _step(self, event: Event, code: Code | None = None, reason: str = "") -> Standing | None:
        """Move, under the lock; where the node stands then, or None where nothing changed."""
        before = self._standing
        phase = TRANSITIONS.get((before.phase, event))
        if phase is None:
            return None
        if event is Event.WAIT and (phase, code) == (before.phase, before.code):
            self._standing = replace(before, reason=reason)  # the same in other words, which is no change
            return None
        if before.phase is Phase.HALTED and event is Event.HALT and _rank(code) <= _rank(before.code):
            return None
        since = before.since if before.phase is phase else self._wall()
        self._standing = Standing(phase, code, reason, since)
        return self._standing

    def _tell(self, after: Standing | None) -> None:
        if after is None:
            return
        for listener in tuple(self._listeners):
            listener(after)
        if self._on_halt is not None and after.phase is Phase.HALTED and after.code is not None:
            self._on_halt(after.code, after.reason)


def _rank(code: Code | None) -> int:
    return -1 if code is None else _RANKS.get(code, 2)
