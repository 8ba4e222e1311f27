"""Transactions between nodes: to whoever is about to propose, and to the nodes that keep copies.

Purpose: a transaction reaches the next proposer once, and one that was *received by k nodes* survives the death of k −
1 of them (ARCHITECTURE decision 3). A node that announces a block is an inviting one: it gets what came to this node
itself, and new arrivals at once, until it has as many bytes as it can use or the block of that height is here. The
k − 1 nodes after this one in the order of keys get every arrival, beginning with another one every ``KEEPERS_S``
seconds, so that no single one is trusted with everything; who does not acknowledge gives way to the next. Transactions
of others are passed on when their own node is gone, or has had time enough. Rules: what a peer has acknowledged is not
sent to it again while it runs; what a peer has not acknowledged is bounded; what a peer says of itself changes nothing
for others; a batch is checked as one; a peer that sends what no honest node has checked is not heard for a while.
Not here: connections, the pool's bounds, what may enter a block.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.consensus.exchange.backlog import Backlog, Entry
from govchain.consensus.exchange.measures import PropagationMeter
from govchain.consensus.messages import Preparing, TransactionsMessage, decode_message, encode_message
from govchain.consensus.pool import Pool
from govchain.ledger import ExecutedBlock, Prepared
from govchain.model import Code, UnavailableError
from govchain.peers import Kind, PeerNetwork

__all__ = ["FRAME_BYTES", "KEEPERS_S", "Forwarder", "ForwardingOptions"]

#: Bytes of envelopes in one message, unless a single one is larger.
FRAME_BYTES: Final = 512 * 1024
#: Seconds after which other nodes keep copies.
KEEPERS_S: Final = 60.0
#: On a way that keeps breaking messages get smaller, down to this.
_FRAME_BYTES_MIN: Final = 32 * 1024
#: Messages that one peer has not acknowledged, at most.
_FRAMES_IN_FLIGHT: Final = 8
#: How long a peer may take to acknowledge, in seconds.
_ACKNOWLEDGE_S: Final = 10.0
#: How long an announcement holds when no other follows, in seconds.
_INVITED_S: Final = 5.0
#: Seconds between two looks at what waits for its time.
_LOOK_S: Final = 0.25
#: Envelopes without a valid signature or form that one peer may send before it is not heard for ``_DEAF_S``.
_OFFENCES_MAX: Final = 100
_DEAF_S: Final = 10.0
_OFFENCE: Final = range(100, 236)
#: Codes of a peer whose pool, or this node's share of it, is full; and how long it is left alone then, in seconds.
_NO_ROOM: Final = (Code.POOL_FULL, Code.POOL_SHARE)
_NO_ROOM_S: Final = 1.0


def _nobody_hears(_code: Code, _reason: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ForwardingOptions:
    """``copies``: nodes that are to have each transaction, this one included.

    ``patience_ms``: for which other nodes' transactions are left to the node that they came to.
    """

    copies: int = 1
    patience_ms: int = 2_000


@dataclass(slots=True)
class _Target:
    """How far one connected peer has come; ``invited_until`` on the steady clock.

    ``failed``: the newest batch was not acknowledged.
    """

    key: bytes
    own: int = 0
    others: int = 0
    in_flight: int = 0
    wanted: int = 0
    engine_height: int = 0
    invited_until: float = 0.0
    keeps_copies: bool = False
    failed: bool = False
    rests_until: float = 0.0


@dataclass(slots=True)
class _Watch:
    """Somebody who waits until transactions have enough copies."""

    copies: int
    done: Callable[[int], None]
    deadline: float
    open: dict[bytes, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    """Entries that go to one peer, and where it stood before."""

    target: _Target
    entries: list[Entry]
    own: int
    others: int
    size: int


class Forwarder:
    """See the module. Any thread may call; one thread of its own sends.

    Args:
        chain: its id.
        own_key: this node's member key.
        application: checks what comes.
        pool: holds it.
        network: carries it.
        clock: ms since 1970.
        options: how many copies, how patient.
        steady: seconds of a clock that never jumps.
        on_problem: hears of faults that stop nothing.
    """

    def __init__(
        self,
        chain: str,
        own_key: bytes,
        application: LedgerApplication,
        pool: Pool,
        network: PeerNetwork,
        clock: Callable[[], int],
        options: ForwardingOptions,
        steady: Callable[[], float] = monotonic,
        on_problem: Callable[[Code, str], None] = _nobody_hears,
    ) -> None:
        self.meter = PropagationMeter()
        self._chain = chain
        self._own_key = own_key
        self._application = application
        self._pool = pool
        self._network = network
        self._clock = clock
        self._steady = steady
        self._options = options
        self._on_problem = on_problem
        self._changed = threading.Condition()
        self._own = Backlog(pool.holds)
        self._others = Backlog(pool.holds)
        self._targets: dict[bytes, _Target] = {}
        self._begun = steady()
        self._keepers_turn = 0
        self._answers: deque[tuple[_Batch, bytes | None]] = deque()
        self._watches: list[_Watch] = []
        self._runs: dict[bytes, int] = {}
        self._frame_bytes: dict[bytes, int] = {}
        self._offences: dict[bytes, int] = {}
        self._deaf_until: dict[bytes, float] = {}
        self._stopping = False
        self._work = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send; what the pool holds already counts as arrived."""
        self._pool.on_arrival = self.arrived
        self.arrived(self._pool.candidates())
        self._thread = threading.Thread(target=self._run, name="exchange-forward", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; whoever waits for copies is told how many there are."""
        self._pool.on_arrival = None
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._changed:
            watches, self._watches = self._watches, []
        for watch in watches:
            watch.done(_fewest(watch))

    # -- what is told --------------------------------------------------------------------------------------------

    def arrived(self, transactions: Sequence[Prepared]) -> None:
        """Transactions came to this node itself."""
        with self._changed:
            self._own.add(transactions, self._clock(), b"")
            self._wake()

    def connected(self, peer: bytes, run: int) -> None:
        """A peer can be sent to; in another ``run`` than before it has nothing yet."""
        with self._changed:
            if self._runs.get(peer) != run:
                self._runs[peer] = run
                self._own.forget_holder(peer)
                self._others.forget_holder(peer)
            self._targets.setdefault(peer, _Target(peer))
            self._choose_keepers()
            self._wake()

    def disconnected(self, peer: bytes) -> None:
        """A peer cannot be sent to; others keep the copies."""
        with self._changed:
            self._targets.pop(peer, None)
            self._choose_keepers()
            self._wake()

    def invited(self, peer: bytes, message: Preparing) -> None:
        """A peer is about to propose."""
        with self._changed:
            target = self._targets.get(peer)
            if target is None:
                return
            target.engine_height = message.height
            target.wanted = message.bytes_max
            target.invited_until = self._steady() + _INVITED_S
            self._wake()

    def block_committed(self, block: ExecutedBlock) -> None:
        """What is in a block is with everybody."""
        if self._watches:
            with self._changed:
                finished = self._settle([prepared.id for prepared in block.transactions])
            for watch in finished:
                watch.done(watch.copies)

    def when_received(self, ids: Sequence[bytes], done: Callable[[int], None], timeout_s: float) -> None:
        """Call ``done`` once: when each transaction has its copies, or, when the time is over, with how few one has.

        ``done`` runs on a thread of the exchange, or at once on the caller's; it must be quick and must not raise. What
        is in no pool any more counts as everywhere.
        """
        watch = _Watch(self._options.copies, done, self._steady() + timeout_s)
        with self._changed:
            for id_ in ids:
                entry = self._own.find(id_) or self._others.find(id_)
                if entry is not None and self._pool.holds(id_) and 1 + len(entry.holders) < watch.copies:
                    watch.open[id_] = entry
            if watch.open and not self._stopping:
                self._watches.append(watch)
                return
        done(_fewest(watch))

    def wait_received(self, ids: Sequence[bytes], timeout_s: float) -> int:
        """As :meth:`when_received`, waiting: how many nodes have each of the transactions at least."""
        heard: Future[int] = Future()
        self.when_received(ids, heard.set_result, timeout_s)
        return heard.result()

    # -- receiving -----------------------------------------------------------------------------------------------

    def take(self, peer: bytes, body: bytes) -> bytes:
        """Check what a peer sent and hand it to the pool; a code of two bytes for each envelope.

        Raises:
            DecodingError: ``PEER_PROTOCOL``.
            UnavailableError: ``RATE_LIMITED`` for a peer that sent too much that nobody may have checked.
        """
        if self._steady() < self._deaf_until.get(peer, 0.0):
            raise UnavailableError(Code.RATE_LIMITED)
        message = decode_message(body, TransactionsMessage)
        envelopes = message.envelopes
        self.meter.note(self._clock() - message.sent, len(envelopes))
        find = self._pool.find
        codes: list[int] = [Code.OK] * len(envelopes)
        fresh = [place for place, envelope in enumerate(envelopes) if find(envelope) is None]
        if len(fresh) < len(envelopes):
            self._pool.claim(envelopes, peer)
        fresh = self._within_room(peer, envelopes, fresh, codes)
        if fresh:
            results = self._application.check_tx([envelopes[place] for place in fresh])
            added: list[Prepared] = []
            for place, result, code in zip(fresh, results, self._pool.add_many(results, origin=peer), strict=True):
                if code == Code.OK:
                    added.append(result.prepared)
                elif code != Code.REPLAYED:  # what was committed is with everybody
                    codes[place] = code
            if added:
                with self._changed:
                    self._others.add([item for item in added if self._own.find(item.id) is None], self._clock(), peer)
            self._judge(peer, codes)
        return struct.pack(f">{len(codes)}H", *codes)

    def _within_room(self, peer: bytes, envelopes: Sequence[bytes], fresh: list[int], codes: list[int]) -> list[int]:
        """Those of the ``fresh`` places that the pool has room for; the others get their code, and cost no check."""
        count, size = self._pool.room(peer)
        kept: list[int] = []
        for place in fresh:
            size -= len(envelopes[place])
            if len(kept) >= count or size < 0:
                codes[place] = Code.POOL_SHARE
            else:
                kept.append(place)
        return kept

    def _judge(self, peer: bytes, codes: Sequence[int]) -> None:
        """Count what no honest node sends on: bad forms and bad signatures."""
        offences = sum(code in _OFFENCE for code in codes if code)
        if offences:
            count = self._offences.get(peer, 0) + offences
            if count > _OFFENCES_MAX:
                count = 0
                self._deaf_until[peer] = self._steady() + _DEAF_S
            self._offences[peer] = count

    # -- sending -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._work and not self._answers and not self._stopping:
                    self._changed.wait(_LOOK_S)
                if self._stopping:
                    return
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next turn may do better
                self._on_problem(Code.INTERNAL, f"{type(error).__name__}: {error}")

    def turn(self) -> None:
        """Take what was answered, send what can be sent: one turn of the thread, and of tests without one."""
        with self._changed:
            self._work = False
            finished = self._take_answers()
            finished += self._expire()
            turn = int((self._steady() - self._begun) // KEEPERS_S)
            if turn != self._keepers_turn:
                self._keepers_turn = turn
                self._choose_keepers()
            batches = self._batches()
            self._compact()
        for watch in finished:
            watch.done(_fewest(watch) if watch.open else watch.copies)
        for batch in batches:
            self._send(batch)

    def _wake(self) -> None:
        self._work = True
        self._changed.notify_all()

    def _batches(self) -> list[_Batch]:
        """What can be sent now: one batch for each peer that has room, those that invite first. Under the lock."""
        now = self._steady()
        engine_height = self._application.info().engine_height
        found: list[_Batch] = []
        for target in sorted(self._targets.values(), key=lambda one: one.invited_until <= now):
            if target.rests_until > now:
                continue
            invites = target.invited_until > now and target.wanted > 0 and target.engine_height > engine_height
            room = _FRAMES_IN_FLIGHT * self._frame_bytes.get(target.key, FRAME_BYTES)
            while (invites or target.keeps_copies) and target.in_flight < room:
                batch = self._batch(target, invites=invites)
                if batch is None:
                    break
                found.append(batch)
                invites = invites and target.wanted > 0
        return found

    def _batch(self, target: _Target, *, invites: bool) -> _Batch | None:
        own, others = target.own, target.others
        frame = self._frame_bytes.get(target.key, FRAME_BYTES)
        room = min(frame, target.wanted) if invites and not target.keeps_copies else frame
        entries, target.own = self._own.after(own, room, target.key)
        size = _size(entries)
        if invites and size < room and len(self._others):
            more, target.others = self._others.after(others, room - size, target.key, self._is_due)
            entries = entries + more
            size = _size(entries)
        if not entries:
            return None
        target.in_flight += size
        target.wanted -= size
        return _Batch(target, entries, own, others, size)

    def _is_due(self, entry: Entry) -> bool:
        """Whether another node's transaction is passed on: its node is gone, or has had time enough."""
        return entry.origin not in self._targets or self._clock() - entry.arrived_ms >= self._options.patience_ms

    def _send(self, batch: _Batch) -> None:
        message = TransactionsMessage(self._clock(), tuple(entry.prepared.envelope for entry in batch.entries))
        body = encode_message(message)
        future = self._network.ask(self._chain, batch.target.key, Kind.TRANSACTIONS, body, _ACKNOWLEDGE_S)

        def answered(done: Future[bytes]) -> None:
            answer = None if done.cancelled() or done.exception() is not None else done.result()
            with self._changed:
                self._answers.append((batch, answer))
                self._changed.notify_all()

        future.add_done_callback(answered)

    def _take_answers(self) -> list[_Watch]:
        """Note who has copies; what was not acknowledged is sent again. Under the lock; the watches that are done."""
        settled: list[bytes] = []
        while self._answers:
            batch, answer = self._answers.popleft()
            target = batch.target
            target.in_flight -= batch.size
            frame = self._frame_bytes.get(target.key, FRAME_BYTES)
            if answer is None or len(answer) != 2 * len(batch.entries):
                target.own, target.others = min(target.own, batch.own), min(target.others, batch.others)
                target.wanted += batch.size
                target.rests_until = self._steady() + _LOOK_S
                self._note(target, failed=True)
                self._frame_bytes[target.key] = max(frame // 2, _FRAME_BYTES_MIN)
                continue
            self._frame_bytes[target.key] = min(2 * frame, FRAME_BYTES)
            self._note(target, failed=False)
            codes = struct.unpack(f">{len(batch.entries)}H", answer)
            for entry, code in zip(batch.entries, codes, strict=True):
                if code in _NO_ROOM:  # it comes again, when there may be some: this node may never propose itself
                    if entry.origin:
                        target.others = min(target.others, entry.place - 1)
                    else:
                        target.own = min(target.own, entry.place - 1)
                    target.wanted += len(entry.prepared.envelope)
                    target.rests_until = self._steady() + _NO_ROOM_S
                    self._frame_bytes[target.key] = _FRAME_BYTES_MIN
                if code == Code.OK and target.key not in entry.holders:
                    entry.holders.append(target.key)
                    if 1 + len(entry.holders) >= self._options.copies:
                        settled.append(entry.prepared.id)
        return self._settle(settled) if settled and self._watches else []

    def _settle(self, ids: Sequence[bytes]) -> list[_Watch]:
        """Take transactions out of the watches; those that wait for nothing more. Under the lock."""
        finished: list[_Watch] = []
        for watch in self._watches:
            for id_ in ids:
                watch.open.pop(id_, None)
            if not watch.open:
                finished.append(watch)
        if finished:
            self._watches = [watch for watch in self._watches if watch.open]
        return finished

    def _expire(self) -> list[_Watch]:
        now = self._steady()
        late = [watch for watch in self._watches if watch.deadline <= now]
        if late:
            self._watches = [watch for watch in self._watches if watch.deadline > now]
        return late

    def _compact(self) -> None:
        held = len(self._pool)
        for backlog in (self._own, self._others):
            backlog.compact(held)

    def _note(self, target: _Target, *, failed: bool) -> None:
        """Note how the newest batch to a peer ended. Under the lock."""
        if target.failed != failed:
            target.failed = failed
            self._choose_keepers()

    def _choose_keepers(self) -> None:
        """The peers that keep copies: those after this node in the order of keys, around the end. Under the lock.

        Each turn begins one further; those that did not acknowledge come last.
        """
        order = sorted(self._targets, key=lambda key: (key <= self._own_key, key))
        first = self._keepers_turn % max(1, len(order))
        order = order[first:] + order[:first]
        order.sort(key=lambda key: self._targets[key].failed)
        for place, key in enumerate(order):
            self._targets[key].keeps_copies = place < self._options.copies - 1


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.prepared.envelope) for entry in entries)


def _fewest(watch: _Watch) -> int:
    """How many nodes have the transaction that the fewest have; enough when none is open."""
    return min((1 + len(entry.holders) for entry in watch.open.values()), default=watch.copies)
