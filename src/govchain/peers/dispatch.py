"""Handlers run on threads of their own, so that checking a batch of signatures never holds up the connections.

Rules: what goes through one lane is handled in order, one after the other; lanes take turns on a fixed number of
threads. Not here: how much may wait (:mod:`govchain.peers.connection` stops reading).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

__all__ = ["LANES", "Dispatcher", "Lane"]

#: Lanes of one peer: small messages, transactions, requests, the tunnel.
LANES: Final = 4

#: Calls of one lane before the next lane has its turn.
_TURN: Final = 16


class Lane:
    """Calls that are made one after the other."""

    __slots__ = ("calls", "running")

    def __init__(self) -> None:
        """Empty."""
        self.calls: deque[Callable[[], None]] = deque()
        self.running = False


class Dispatcher:
    """See the module. Calls must not raise."""

    def __init__(self, threads: int) -> None:
        """Run at most ``threads`` lanes at once."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="peers")
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, lane: Lane, call: Callable[[], None]) -> None:
        """Make ``call`` behind what the lane holds; nothing once closed."""
        with self._lock:
            if self._closed:
                return
            lane.calls.append(call)
            if not lane.running:
                lane.running = True
                self._executor.submit(self._run, lane)

    def close(self) -> None:
        """Make no further calls, and wait for those that are running."""
        with self._lock:
            self._closed = True
        self._executor.shutdown(cancel_futures=True)

    def _run(self, lane: Lane) -> None:
        for _ in range(_TURN):
            with self._lock:
                if self._closed or not lane.calls:
                    lane.running = False
                    return
                call = lane.calls.popleft()
            call()
        with self._lock:
            if self._closed or not lane.calls:
                lane.running = False
                return
            self._executor.submit(self._run, lane)
