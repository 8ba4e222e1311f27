"""Model time and the network between replicas and clients: everything that happens is an event with a moment.

Purpose: one thread runs the events in order of their moments; with one seed the order is always the same. The network
delays, drops, duplicates, reorders and parts what is sent, as long as its faults last.
Not here: what a message means (``replica``).
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

#: Events of one run, at most: a run that needs more goes round in circles.
EVENTS_MAX = 400_000


class Schedule:
    """Events by moment (ms of model time); those of one moment happen in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now = 0
        self.count = 0
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._next = 0

    def after(self, delay_ms: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let ``action`` happen after ``delay_ms``."""
        self._next += 1
        heapq.heappush(self._events, (self.now + max(0, int(delay_ms)), self._next, action, arguments))

    def run_until(self, moment: int, done: Callable[[], bool] = lambda: False) -> bool:
        """Run the events up to ``moment``; whether ``done`` came true after one."""
        while self._events and self._events[0][0] <= moment:
            self.now, _, action, arguments = heapq.heappop(self._events)
            self.count += 1
            assert self.count < EVENTS_MAX, "too many events"
            action(*arguments)
            if done():
                return True
        self.now = moment
        return False


@dataclass
class Faults:
    """How bad the network is: greatest delay (ms), and the chances that a message is lost or comes twice."""

    delay_ms_max: int = 40
    drop: float = 0.0
    duplicate: float = 0.0


class Network:
    """Carries messages between named places; delays of their own are what brings them out of order."""

    def __init__(self, schedule: Schedule, dice: random.Random, faults: Faults) -> None:
        self.faults = faults
        self.muted: tuple[str, ...] = ()  # kinds of messages that are lost, whatever the dice say
        self.sent = 0
        self.lost = 0
        self._schedule = schedule
        self._dice = dice
        self._places: dict[Hashable, Callable[..., None]] = {}
        self._sides: dict[Hashable, int] = {}

    def join(self, place: Hashable, receive: Callable[..., None]) -> None:
        """``receive(source, kind, *content)`` hears what is sent to ``place``."""
        self._places[place] = receive

    def part(self, sides: dict[Hashable, int]) -> None:
        """Only places of one side reach each other; who is on no side reaches all. No sides: healed."""
        self._sides = sides

    def reaches(self, one: Hashable, other: Hashable) -> bool:
        """Whether no partition lies between two places."""
        sides = self._sides
        return one not in sides or other not in sides or sides[one] == sides[other]

    def heal(self) -> None:
        """No faults from now on."""
        self.faults = Faults()
        self._sides = {}

    def send(self, source: Hashable, target: Hashable, kind: str, *content: Any) -> None:
        """Send a message; what happens to it is decided now, but a partition also stops what is on its way."""
        faults, dice = self.faults, self._dice
        self.sent += 1
        copies = 2 if faults.duplicate and dice.random() < faults.duplicate else 1
        for _ in range(copies):
            if kind in self.muted or (faults.drop and dice.random() < faults.drop):
                self.lost += 1
                continue
            # Most messages are quick; the slow ones are overtaken by later ones.
            bound = faults.delay_ms_max if dice.random() < 0.2 else min(faults.delay_ms_max, 40)
            self._schedule.after(dice.randint(1, bound), self._deliver, source, target, kind, content)

    def _deliver(self, source: Hashable, target: Hashable, kind: str, content: tuple[Any, ...]) -> None:
        if self.reaches(source, target):
            self._places[target](source, kind, *content)
        else:
            self.lost += 1
