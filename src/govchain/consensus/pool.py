"""The node's own transaction pool: checked once, bounded, first in first out, with waiters.

Purpose: between ``check_tx`` and ``prepare_proposal`` (ARCHITECTURE decision 3: the engine's mempool is off). It also
remembers prepared transactions by their whole envelope, so that a block's signatures are not verified again.
Rules: bounded by count and bytes; a full pool refuses with a hint when to come back; one id is held once: the same
envelope again joins the waiting, another envelope with the same id is refused. What another node forwarded is charged
to that node, which has a share of the pool and no more; and a block is filled from all origins in turn, by bytes, so
that nobody's flood keeps the others out. There is no share for each account: whoever floods can make accounts, and a
department that anchors its night's records is no flood. Any thread may use it.
Not here: what may enter a block (``ledger``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
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
    """Bounds of the pool: transactions, bytes of envelopes, and prepared transactions remembered after they left.

    ``share_percent``: of the first two, what one other node may fill with what it forwards; one transaction always.
    """

    transactions_max: int = 50_000
    bytes_max: int = 128 * 1024 * 1024
    remembered_max: int = 20_000
    share_percent: int = 25


@dataclass(slots=True)
class _Origin:
    """What came from one node, oldest first, and its bytes."""

    held: dict[bytes, Prepared] = field(default_factory=dict)
    size: int = 0


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
        self._origins: dict[bytes, _Origin] = {}
        self._origin_of: dict[bytes, bytes] = {}
        self._turn = 0
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
        origin: bytes = b"",
    ) -> list[Code]:
        """Take those of ``results`` that were accepted; answers a code for each, in order.

        Accepted ones are registered with ``waiter`` at ``places`` (default: their order); refused ones are the
        caller's to settle. ``origin``: the node that forwarded them, by its member key; they are charged to it, and
        are no arrivals here.
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
                        if not code:
                            self._move(held, origin)
                    elif self._closed:
                        code = Code.NODE_STOPPING
                    elif (
                        len(self._by_id) >= limits.transactions_max
                        or self._bytes + len(prepared.envelope) > limits.bytes_max
                    ):
                        code = Code.POOL_FULL
                    elif origin and not self._has_room(origin, len(prepared.envelope)):
                        code = Code.POOL_SHARE
                    else:
                        self._by_id[prepared.id] = prepared
                        self._charge(prepared, origin)
                        self._by_envelope[prepared.envelope] = prepared
                        self._bytes += len(prepared.envelope)
                        added.append(prepared)
                    if not code and waiter is not None:
                        self._waiting.setdefault(prepared.id, []).append((waiter, place))
                codes.append(code)
            if added:
                self._arrived.notify_all()
        if added and not origin and self.on_arrival is not None:
            self.on_arrival(added)
        return codes

    def holds(self, id_: bytes) -> bool:
        """Whether the pool holds a transaction with this id."""
        return id_ in self._by_id

    def candidates(self) -> list[Prepared]:
        """The transactions held, oldest first, without taking them out."""
        with self._lock:
            return list(self._by_id.values())

    def room(self, origin: bytes) -> tuple[int, int]:
        """How many transactions and bytes another node may still forward now: what is more need not be checked."""
        limits, one = self.limits, self._origins.get(origin)
        held, size = (0, 0) if one is None else (len(one.held), one.size)
        count = limits.transactions_max * limits.share_percent // 100 - held
        free = limits.bytes_max * limits.share_percent // 100 - size
        if one is None:  # one is always taken
            count, free = max(count, 1), max(free, limits.bytes_max)
        return min(count, limits.transactions_max - len(self._by_id)), min(free, limits.bytes_max - self._bytes)

    def in_turn(self) -> Iterator[Prepared]:
        """The transactions held, for a block: of all origins the one next of which least bytes were given so far.

        Each origin's stay in the order in which they came.
        """
        with self._lock:
            self._turn += 1
            queues = [list(one.held.values()) for _, one in sorted(self._origins.items())]
        if len(queues) < 2:
            return iter(queues[0] if queues else ())
        return _merged(queues, self._turn)

    def claim(self, envelopes: Iterable[bytes], origin: bytes) -> None:
        """Another node forwarded these, too: what is here is charged to it where it holds less than who is charged.

        So nobody holds others' transactions back by being the first to pass them on.
        """
        with self._lock:
            for envelope in envelopes:
                held = self._by_envelope.get(envelope)
                if held is not None:
                    self._move(held, origin)

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
                    self._discharge(held)
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
            self._origins.clear()
            self._origin_of.clear()
            self._bytes = 0
            self._arrived.notify_all()
        told: dict[Waiter, list[tuple[int, Outcome]]] = {}
        for waiters in waiting.values():
            for waiter, place in waiters:
                told.setdefault(waiter, []).append((place, Outcome(code)))
        for waiter, settled in told.items():
            waiter.settle_many(settled)

    # -- inside: under the lock ----------------------------------------------------------------------------------

    def _has_room(self, origin: bytes, size: int) -> bool:
        one = self._origins.get(origin)
        if one is None:
            return True
        count_max = self.limits.transactions_max * self.limits.share_percent // 100
        bytes_max = self.limits.bytes_max * self.limits.share_percent // 100
        return len(one.held) < count_max and one.size + size <= bytes_max

    def _charge(self, prepared: Prepared, origin: bytes) -> None:
        one = self._origins.setdefault(origin, _Origin())
        one.held[prepared.id] = prepared
        one.size += len(prepared.envelope)
        self._origin_of[prepared.id] = origin

    def _discharge(self, prepared: Prepared) -> None:
        origin = self._origin_of.pop(prepared.id)
        one = self._origins[origin]
        del one.held[prepared.id]
        one.size -= len(prepared.envelope)
        if not one.held:
            del self._origins[origin]

    def _move(self, prepared: Prepared, origin: bytes) -> None:
        """Charge another origin where it holds less, and has room."""
        charged, size = self._origins[self._origin_of[prepared.id]], len(prepared.envelope)
        other = self._origins.get(origin)
        if other is charged or (other is not None and other.size + size >= charged.size):
            return
        if not origin or self._has_room(origin, size):
            self._discharge(prepared)
            self._charge(prepared, origin)


def _merged(queues: Sequence[Sequence[Prepared]], turn: int) -> Iterator[Prepared]:
    """From several queues, always the next of the one that gave least bytes; ``turn`` says who begins."""
    heap: list[tuple[int, int, Prepared, Iterator[Prepared]]] = []
    for place, queue in enumerate(queues):
        rest = iter(queue)
        heap.append((0, (place + turn) % len(queues), next(rest), rest))
    heapify(heap)
    while heap:
        given, place, prepared, rest = heap[0]
        yield prepared
        following = next(rest, None)
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (given + len(prepared.envelope), place, following, rest))
