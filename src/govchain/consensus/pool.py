"""The node's own transaction pool: checked once, bounded, first in first out, with waiters.

Purpose: between ``check_tx`` and ``prepare_proposal`` (ARCHITECTURE decision 3: the engine's mempool is off). It also
remembers prepared transactions by their whole envelope, so that a block's signatures are not verified again.
Rules: bounded by count and bytes; a full pool refuses with a hint when to come back; one id is held once: the same
envelope again joins the waiting, another envelope with the same id is refused. Any thread may use it.
Not here: what may enter a block (``ledger``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from govchain.consensus.ports import CheckResult
from govchain.ledger import Prepared
from govchain.model import Code

__all__ = ["Outcome", "Pool", "PoolLimits", "Ticket", "Waiter"]

#: The hint when nothing was committed yet.
_RETRY_MS_DEFAULT = 200
#: Hints stay within these bounds.
_RETRY_MS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool: transactions, bytes of envelopes, and prepared transactions remembered after they left."""

    transactions_max: int = 50_000
    bytes_max: int = 128 * 1024 * 1024
    remembered_max: int = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a waiting transaction: committed with a receipt at a height, or refused with a code."""

    code: Code
    height: int | None = None
    index: int | None = None
    receipt: bytes | None = None


class Waiter(Protocol):
    """Whoever waits for transactions in the pool; told of them on the engine's thread, so be quick and never raise."""

    def settle_many(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Hear the outcomes at these places: all that became known at once, and each place at most once."""


class Ticket:
    """One submitter's wait for several transactions: outcomes by place, and a call when all are known.

    The engine and the submitter settle places of their own at the same time; the first outcome of a place stays.

    Args:
        count: how many places.
        on_settled: called once, with the ticket, when the last place is settled, on the thread that settled it (the
            engine's, mostly): it must be quick and must not raise. Without places it is called at once.
    """

    __slots__ = ("_event", "_lock", "_missing", "_on_settled", "outcomes")

    def __init__(self, count: int, on_settled: Callable[[Ticket], None] | None = None) -> None:
        """Wait for ``count`` outcomes."""
        self.outcomes: list[Outcome | None] = [None] * count
        self._missing = count
        self._lock = threading.Lock()
        self._event: threading.Event | None = None
        self._on_settled = on_settled
        if not count and on_settled is not None:
            on_settled(self)

    def settle(self, place: int, outcome: Outcome) -> None:
        """Note the outcome at ``place`` (once)."""
        self.settle_many(((place, outcome),))

    def settle_many(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Note outcomes by place (each once)."""
        with self._lock:
            before = self._missing
            for place, outcome in outcomes:
                if self.outcomes[place] is None:
                    self.outcomes[place] = outcome
                    self._missing -= 1
            last = bool(before) and not self._missing
            event = self._event
        if not last:
            return
        if event is not None:
            event.set()
        if self._on_settled is not None:
            self._on_settled(self)

    def wait(self, timeout_s: float | None) -> bool:
        """Whether all outcomes came within the time."""
        with self._lock:
            if not self._missing:
                return True
            event = self._event = self._event or threading.Event()
        return event.wait(timeout_s)


class Pool:
    """See the module."""

    def __init__(self, limits: PoolLimits | None = None) -> None:
        """An empty pool."""
        self.limits = limits or PoolLimits()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._by_id: OrderedDict[bytes, Prepared] = OrderedDict()
        self._by_envelope: dict[bytes, Prepared] = {}
        self._left: OrderedDict[bytes, Prepared] = OrderedDict()
        self._waiting: dict[bytes, list[tuple[Waiter, int]]] = {}
        self._bytes = 0
        self._left_bytes = 0
        self._drain_rate = 0.0
        self._closed = False
        #: Hears, on the thread that adds, of transactions that came to this node itself; must be quick, never raise.
        self.on_arrival: Callable[[Sequence[Prepared]], None] | None = None

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def size_bytes(self) -> int:
        """Bytes of the envelopes held."""
        return self._bytes

    def add_many(
        self,
        results: Sequence[CheckResult],
        waiter: Waiter | None = None,
        places: Sequence[int] | None = None,
        *,
        forwarded: bool = False,
    ) -> list[Code]:
        """Take those of ``results`` that were accepted; answers a code for each, in order.

        Accepted ones are registered with ``waiter`` at ``places`` (default: their order); refused ones are the
        caller's to settle. ``forwarded``: they came from another node, so that they are no arrivals here.
        """
        codes: list[Code] = []
        added: list[Prepared] = []
        limits = self.limits
        with self._lock:
            for place, result in zip(places or range(len(results)), results, strict=True):
                code = result.code
                prepared = result.prepared
                if not code:
                    held = self._by_id.get(prepared.id)
                    if held is not None:
                        code = Code.OK if held.envelope == prepared.envelope else Code.POOL_DUPLICATE
                    elif self._closed:
                        code = Code.NODE_STOPPING
                    elif (
                        len(self._by_id) >= limits.transactions_max
                        or self._bytes + len(prepared.envelope) > limits.bytes_max
                    ):
                        code = Code.POOL_FULL
                    else:
                        self._by_id[prepared.id] = prepared
                        self._by_envelope[prepared.envelope] = prepared
                        self._bytes += len(prepared.envelope)
                        added.append(prepared)
                    if not code and waiter is not None:
                        self._waiting.setdefault(prepared.id, []).append((waiter, place))
                codes.append(code)
            if added:
                self._arrived.notify_all()
        if added and not forwarded and self.on_arrival is not None:
            self.on_arrival(added)
        return codes

    def holds(self, id_: bytes) -> bool:
        """Whether the pool holds a transaction with this id."""
        return id_ in self._by_id

    def candidates(self) -> list[Prepared]:
        """The transactions held, oldest first, without taking them out."""
        with self._lock:
            return list(self._by_id.values())

    def find(self, envelope: bytes) -> Prepared | None:
        """The prepared transaction of exactly this envelope, if the pool holds or remembers it."""
        return self._by_envelope.get(envelope) or self._left.get(envelope)

    def settle(self, outcomes: Iterable[tuple[Prepared, Outcome]], *, committed: bool, seconds: float = 0.0) -> None:
        """Take transactions out and tell their waiters, each once; ``seconds`` since the last block feeds the hint."""
        told: dict[Waiter, list[tuple[int, Outcome]]] = {}
        count = 0
        with self._lock:
            for prepared, outcome in outcomes:
                count += 1
                held = self._by_id.pop(prepared.id, None)
                if held is not None:
                    self._bytes -= len(held.envelope)
                    self._by_envelope.pop(held.envelope, None)
                for waiter, place in self._waiting.pop(prepared.id, ()):
                    told.setdefault(waiter, []).append((place, outcome))
            if committed and seconds > 0:
                rate = count / seconds
                self._drain_rate = rate if not self._drain_rate else 0.8 * self._drain_rate + 0.2 * rate
        for waiter, settled in told.items():
            waiter.settle_many(settled)

    def remember(self, prepared: Iterable[Prepared]) -> None:
        """Keep verified transactions that others proposed, so that executing them needs no second verification.

        Refused ones are not kept, and the oldest make room: a proposer of garbage fills nothing.
        """
        with self._lock:
            for item in prepared:
                if not item.code and item.envelope not in self._left:
                    self._left[item.envelope] = item
                    self._left_bytes += len(item.envelope)
            while len(self._left) > self.limits.remembered_max or self._left_bytes > self.limits.bytes_max:
                envelope, _ = self._left.popitem(last=False)
                self._left_bytes -= len(envelope)

    def forget(self, envelopes: Iterable[bytes]) -> None:
        """Drop remembered transactions once their block is committed."""
        with self._lock:
            for envelope in envelopes:
                if self._left.pop(envelope, None) is not None:
                    self._left_bytes -= len(envelope)

    def wait_for_work(self, timeout_s: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Whether the pool holds anything, waiting up to the time for it, or until :meth:`wake`.

        ``unless`` is asked before waiting: whoever makes it true calls :meth:`wake` afterwards, and no word is lost.
        """
        with self._lock:
            if not self._by_id and not self._closed and not unless():
                self._arrived.wait(timeout_s)
            return bool(self._by_id)

    def wake(self) -> None:
        """Wake whoever waits for work: there is something else to do."""
        with self._lock:
            self._arrived.notify_all()

    def retry_after_ms(self) -> int:
        """When a refused submitter should come back: about the time to drain a tenth of the pool."""
        if not self._drain_rate:
            return _RETRY_MS_DEFAULT
        return min(_RETRY_MS_MAX, max(10, int(100 * len(self._by_id) / self._drain_rate)))

    def close(self) -> None:
        """Take nothing more; wakes whoever waits for work."""
        with self._lock:
            self._closed = True
            self._arrived.notify_all()

    def abandon(self, code: Code) -> None:
        """Take nothing more, let go of everything, and tell every waiter that its transaction was not ordered."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, {}
            self._by_id.clear()
            self._by_envelope.clear()
            self._bytes = 0
            self._arrived.notify_all()
        told: dict[Waiter, list[tuple[int, Outcome]]] = {}
        for waiters in waiting.values():
            for waiter, place in waiters:
                told.setdefault(waiter, []).append((place, Outcome(code)))
        for waiter, settled in told.items():
            waiter.settle_many(settled)
