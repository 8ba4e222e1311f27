"""Which of many events that a stranger can cause are written down: the first, then one in a while, with the count.

Purpose: nobody who may not even connect shall fill a log, or push out of it what matters.
Rules: bounded; pure, the time is handed in. Not here: where lines go.
"""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["KINDS_MAX", "Repeats"]

#: Kinds of events that are told apart, at most; more count as one.
KINDS_MAX: Final = 64


class Repeats:
    """See the module; any thread may use it. ``every_s``: seconds between two events of one kind that are told."""

    def __init__(self, every_s: float) -> None:
        """Nothing happened yet."""
        self._every_s = every_s
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}  # when one was told, and how many were not since

    def told(self, kind: str, now_s: float) -> int | None:
        """An event of ``kind`` happened.

        Returns:
            None when it is not to be told; else how many before it were not.
        """
        with self._lock:
            if kind not in self._kinds and len(self._kinds) >= KINDS_MAX:
                kind = ""
            last = self._kinds.get(kind)
            if last is not None and now_s - last[0] < self._every_s:
                self._kinds[kind] = (last[0], last[1] + 1)
                return None
            self._kinds[kind] = (now_s, 0)
            return 0 if last is None else last[1]
