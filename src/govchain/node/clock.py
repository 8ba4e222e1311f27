"""Whether the node's clock is right: compared with time servers and, where there are some, with peers.

Purpose: :func:`combine_offsets` says what several opinions together are worth; :class:`ClockWatch` asks the servers of
the settings every minute and keeps the answer for the log, the metrics, ``/v1/health/ready`` and the doctor. Rules: the
clock is never set from here, nor does a block's time depend on what servers say: block time is at least the previous
one + 1 ms whatever the clock does, and an engine whose clock jumps stops (``consensus``). An offset counts only when
more than half of all who are asked agree on it, so that a minority that lies or is silent moves nothing; with one or
two servers each must agree. Not here: the protocol (``node.sntp``).

Example::

    watch = ClockWatch(time_servers(["ntp.example.gov.cn"]), drift_ms_max=1000, random=secrets.token_bytes)
    watch.check().offset_ms
"""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from govchain.node.sntp import ServerAnswer, TimeServer, ask_servers

__all__ = ["AGREE_MS", "CHECK_S", "ClockStatus", "ClockWatch", "combine_offsets"]

#: Opinions that are at most this far from their median agree with it, in ms.
AGREE_MS: Final = 500
#: Seconds between two checks; servers that send a kiss of death rest for :data:`_RATE_CHECKS` of them, or for good.
CHECK_S: Final = 64.0
_RATE_CHECKS: Final = 16
_FOR_EVER: Final = ("DENY", "RSTR")

_log = logging.getLogger("govchain.node.clock")


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """What is known about the clock.

    Attributes:
        offset_ms: how far the others are ahead of our clock; None while too few agree.
        agreeing: how many agree.
        asked: how many there are.
        drifting: whether the offset is larger than the operator allows.
        outcomes: what came of asking each server, by its name.
    """

    offset_ms: int | None = None
    agreeing: int = 0
    asked: int = 0
    drifting: bool = False
    outcomes: dict[str, str] = field(default_factory=dict)


def combine_offsets(offsets: Sequence[float], asked: int, agree_ms: float = AGREE_MS) -> tuple[int | None, int]:
    """The offset in ms on which more than half of ``asked`` agree, and how many; None without such a majority.

    ``offsets`` are the opinions that came, in ms: of time servers, or of peers.

    >>> combine_offsets([3, 5, 90_000], 3)
    (4, 2)
    >>> combine_offsets([3, 90_000], 3)
    (None, 1)
    """
    if not offsets:
        return None, 0
    # The largest set of opinions that lie close together; of equal ones the one nearest to the median of all.
    middle = statistics.median(offsets)
    ordered = sorted(offsets)
    best: list[float] = []
    for first in range(len(ordered)):
        near = [value for value in ordered[first:] if value - ordered[first] <= agree_ms]
        closer = len(near) == len(best) and abs(statistics.median(near) - middle) < abs(
            statistics.median(best) - middle
        )
        if len(near) > len(best) or closer:
            best = near
    if len(best) * 2 <= asked:
        return None, len(best)
    return round(statistics.median(best)), len(best)


class ClockWatch:
    """Compares the clock with time servers; see the module.

    Args:
        servers: whom to ask; not empty.
        drift_ms_max: an offset beyond this is drift.
        random: that many random bytes.
        on_change: told of each new status whose ``drifting`` differs from before, or that is known where none was.
        ask: asks servers; another than the network's in no place but measurements.
        timeout_s: how long servers may take.
        check_s: seconds between two checks.
    """

    def __init__(
        self,
        servers: Sequence[TimeServer],
        drift_ms_max: int,
        random: Callable[[int], bytes],
        on_change: Callable[[ClockStatus], None] | None = None,
        ask: Callable[..., list[ServerAnswer]] = ask_servers,
        timeout_s: float = 2.0,
        check_s: float = CHECK_S,
    ) -> None:
        self._servers = tuple(servers)
        self._drift_ms_max = drift_ms_max
        self._random = random
        self._on_change = on_change
        self._ask = ask
        self._timeout_s = timeout_s
        self._check_s = check_s
        self._resting: dict[TimeServer, float] = {}
        self._status: ClockStatus | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> ClockStatus | None:
        """What the last check found; None before the first."""
        return self._status

    def check(self) -> ClockStatus:
        """Ask the servers now, but for those that rest."""
        now_s = time.monotonic()
        asked = [server for server in self._servers if self._resting.get(server, 0.0) <= now_s]
        answers = self._ask(asked, self._random, self._timeout_s)
        for answer in answers:
            if answer.outcome == "kiss-of-death":
                rest_s = float("inf") if answer.kiss in _FOR_EVER else _RATE_CHECKS * CHECK_S
                self._resting[answer.server] = now_s + rest_s
        outcomes = {str(server): "resting" for server in self._servers}
        outcomes |= {str(answer.server): answer.outcome for answer in answers}
        offsets = [answer.offset_ms for answer in answers if answer.outcome == "answered"]
        offset_ms, agreeing = combine_offsets(offsets, len(self._servers))
        drifting = offset_ms is not None and abs(offset_ms) > self._drift_ms_max
        status = ClockStatus(offset_ms, agreeing, len(self._servers), drifting, outcomes)
        before, self._status = self._status, status
        known = before is not None and before.offset_ms is not None
        changed = before is None or before.drifting != drifting or known != (offset_ms is not None)
        if changed and self._on_change is not None:
            self._on_change(status)
        return status

    def start(self) -> None:
        """Check now and then again and again, in a thread of its own; a check that fails is logged."""
        self._thread = threading.Thread(target=self._run, name="clock-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a check under way is not waited for longer than it may take."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._timeout_s + 1)

    def _run(self) -> None:
        while True:
            try:
                self.check()
            except Exception:  # noqa: BLE001 - one check fails, the next may not
                # What was known is no longer; the next check that succeeds is a change, and told as one.
                self._status = None
                _log.exception("the clock could not be checked")
            if self._stopping.wait(self._check_s):
                return
