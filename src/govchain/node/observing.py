"""What a node tells about itself while it runs: log, metrics, clock and machine put together.

Purpose: :class:`Observation` hears of requests and blocks, looks at the machine, the index and the webhooks every few
seconds in a thread of its own, and has the log say what an operator should know. Rules: looking may wait for a disk or
a database; requests and blocks are told without waiting. What lasts is said once when it begins and once when it ends.
Not here: the log (``node.logs``), names and values of metrics (``node.metrics``), the clock (``node.clock``).
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from typing import Any, Final

from govchain.model import Code, GovChainError
from govchain.node.clock import ClockStatus, ClockWatch
from govchain.node.host import HostSample, Sampler
from govchain.node.metrics import Metrics, MetricSources
from govchain.node.opening import Node
from govchain.node.resources import DISK_BYTES_WANTED
from govchain.node.settings import Settings
from govchain.node.sntp import time_servers
from govchain.services.indexing import IndexFollower
from govchain.services.observing import Answered
from govchain.texts import sentence

__all__ = ["INDEX_LAG_BLOCKS", "LOOK_S", "Observation", "build_clock"]

#: Seconds between two looks at the machine and the parts.
LOOK_S: Final = 5.0
#: Blocks behind the ledger at which the log says that the index lags; at a tenth of them it has caught up.
INDEX_LAG_BLOCKS: Final = 1_000

_log = logging.getLogger("govchain.node")


def build_clock(settings: Settings) -> ClockWatch | None:
    """The clock's watch over the servers of the settings, not started; None without servers.

    Raises:
        UsageError: ``USAGE`` for a server that is none.
    """
    servers = time_servers(settings.list("ntp_servers"))
    if not servers:
        return None
    limit_ms = settings.integer("clock_drift_ms_max")
    return ClockWatch(servers, limit_ms, secrets.token_bytes, lambda status: tell_clock(status, limit_ms))


def tell_clock(status: ClockStatus, limit_ms: int) -> None:
    """Have the log say how the clock is, after a change."""
    facts = {"offset_ms": status.offset_ms, "agreeing": status.agreeing, "asked": status.asked}
    if status.drifting:
        text = sentence(f"code.{Code.CLOCK_DRIFT.name}", "en", offset_ms=status.offset_ms, limit_ms=limit_ms)
        _log.error("clock drift: %s", text, extra={**facts, "code": Code.CLOCK_DRIFT.name})
    elif status.offset_ms is None:
        outcomes = [f"{server} {outcome}" for server, outcome in status.outcomes.items()]
        _log.warning("clock unknown: too few time servers agree", extra={**facts, "servers": outcomes})
    else:
        _log.info("clock agrees with its time servers", extra=facts)


class Observation:
    """See the module. An ``Observer`` of requests and a listener of blocks; :meth:`start` it, :meth:`stop` it.

    Args:
        sources: what metrics are made of; its ``host`` and ``deliveries`` are set here.
        deliveries: webhooks' deliveries by state, from their file; None without webhooks.
        index_lag_blocks: blocks behind the ledger at which the log says that the index lags.
    """

    def __init__(
        self,
        node: Node,
        sources: MetricSources,
        deliveries: Callable[[], dict[str, int]] | None = None,
        index_lag_blocks: int = INDEX_LAG_BLOCKS,
    ) -> None:
        self._sources = sources
        self._count_deliveries = deliveries
        self._sampler = Sampler(node.directory.path)
        self._host: HostSample | None = None
        self._deliveries: dict[str, int] | None = None
        sources.host = lambda: self._host
        sources.deliveries = lambda: self._deliveries
        self.metrics = Metrics(sources)
        self._logs = sources.logs
        self._index_lag_blocks = index_lag_blocks
        self._lagging = False
        self._disk_low = False
        self._unseen: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def sample(self) -> HostSample | None:
        """The last look at the machine; None before the first, and where that failed."""
        return self._host

    def began(self) -> None:
        """A request began."""
        self.metrics.began()

    def answered(self, answered: Answered) -> None:
        """A request ended."""
        self.metrics.answered(answered)
        if self._logs is not None:
            self._logs.answered(answered)

    def health(self) -> dict[str, Any]:
        """What ``/v1/health/ready`` says beside the height: the clock, where it is compared, and what is not seen."""
        status = None if self._sources.clock is None else self._sources.clock.status
        told: dict[str, Any] = {"unseen": list(self._unseen)} if self._unseen else {}
        if status is not None:
            known = {"offset_ms": status.offset_ms, "drifting": status.drifting, "agreeing": status.agreeing}
            told["clock"] = {**known, "asked": status.asked}
        return told

    def start(self) -> None:
        """Look once, then every :data:`LOOK_S` seconds."""
        self._thread = threading.Thread(target=self._run, name="observation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(LOOK_S)

    def look(self) -> None:
        """Take samples, and say what changed."""
        # Where a look fails, the last one is not told any longer: old figures would hide what is wrong.
        try:
            self._host = self._sampler.take()
        except OSError as error:
            self._host = None
            self._tell_unseen("machine", {"reason": error.strerror or type(error).__name__})
        else:
            self._tell_unseen("machine", None)
            self._tell_disk(self._host.disk_free)
        if self._count_deliveries is not None:
            try:
                self._deliveries = self._count_deliveries()
            except GovChainError as error:
                self._deliveries = None
                self._tell_unseen("webhooks", {"code": error.code.name})
            else:
                self._tell_unseen("webhooks", None)
        if self._sources.index is not None:
            self._tell_index(self._sources.index)

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception:  # noqa: BLE001 - one look fails, the next may not
                _log.exception("the node could not be looked at")
            if self._stopping.wait(LOOK_S):
                return

    def _tell_unseen(self, part: str, facts: dict[str, Any] | None) -> None:
        """``part`` could not be looked at, for a reason; None where it could."""
        if facts is not None and part not in self._unseen:
            self._unseen = (*self._unseen, part)
            _log.error("%s cannot be looked at", part, extra=facts)
        elif facts is None and part in self._unseen:
            self._unseen = tuple(name for name in self._unseen if name != part)
            _log.info("%s can be looked at again", part)

    def _tell_disk(self, free: int) -> None:
        low = free < DISK_BYTES_WANTED
        if low != self._disk_low:
            self._disk_low = low
            facts = {"free_mib": free // 2**20, "wanted_mib": DISK_BYTES_WANTED // 2**20}
            if low:
                _log.warning("disk nearly full", extra={**facts, "code": Code.RESOURCE_DISK.name})
            else:
                _log.info("disk has room again", extra=facts)

    def _tell_index(self, index: IndexFollower) -> None:
        status = index.status()
        facts = {"lag": status.lag, "indexed_height": status.indexed_height, "state": status.state}
        if not self._lagging and status.lag >= self._index_lag_blocks:
            self._lagging = True
            _log.warning("index lags behind the ledger", extra=facts)
        elif self._lagging and status.lag <= self._index_lag_blocks // 10:
            self._lagging = False
            _log.info("index has caught up", extra=facts)
