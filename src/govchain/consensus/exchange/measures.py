"""How long messages were on the way: counts in fixed classes of milliseconds, for metrics.

Rules: the sender's clock says when; where clocks differ a negative time counts as zero. Any thread may note and read.
Not here: what a metric is called (``node``).
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

__all__ = ["PROPAGATION_MS", "Propagation", "PropagationMeter"]

#: Upper bounds of the classes; a last class holds what took longer.
PROPAGATION_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


@dataclass(frozen=True, slots=True)
class Propagation:
    """``counts`` by class of :data:`PROPAGATION_MS` and one more; ``total_ms`` of all, ``most_ms`` of the slowest."""

    counts: tuple[int, ...]
    total_ms: int
    most_ms: int

    @property
    def count(self) -> int:
        """How many were measured."""
        return sum(self.counts)


class PropagationMeter:
    """See the module."""

    def __init__(self) -> None:
        """Nothing measured."""
        self._lock = threading.Lock()
        self._counts = [0] * (len(PROPAGATION_MS) + 1)
        self._total_ms = 0
        self._most_ms = 0

    def note(self, taken_ms: int, count: int = 1) -> None:
        """``count`` things were on the way for ``taken_ms``."""
        taken_ms = max(0, taken_ms)
        with self._lock:
            self._counts[bisect_left(PROPAGATION_MS, taken_ms)] += count
            self._total_ms += taken_ms * count
            self._most_ms = max(self._most_ms, taken_ms)

    def read(self) -> Propagation:
        """What was measured since the start."""
        with self._lock:
            return Propagation(tuple(self._counts), self._total_ms, self._most_ms)
