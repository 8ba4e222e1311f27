"""Taking in transactions from many connections: gathered for a moment, checked as one batch, answered by callback.

Purpose: what servers submit through. Each connection awaits :meth:`Intake.submit` on its event loop; one thread takes
what has come from all of them, runs one check (signatures are verified in native code, outside the interpreter's lock),
and hands it to the pool. Nobody's thread is parked: the engine's thread, once a block is durable, wakes each event loop
once for everything that concerns it.
Rules: gathering lasts at most ``GATHER_MS`` and ends at ``GATHER_ENVELOPES`` or ``GATHER_BYTES``; the queue in front of
it is bounded, and what does not fit is refused at once with POOL_FULL and a hint; what a client sent before it went
away may still be committed, but nothing is kept for the client.
Not here: what may enter the pool (``services.submission``), limits of a request or a client (``api``).

Example::

    intake = Intake(node.submitter)
    answers = await intake.submit([envelope], wait=True, timeout_ms=10_000)
    intake.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from govchain.consensus.pool import Outcome
from govchain.model import Code, GovChainError
from govchain.services.submission import Acknowledgement, Submitter

__all__ = ["GATHER_BYTES", "GATHER_ENVELOPES", "GATHER_MS", "SPREAD_MS", "Intake", "IntakeLimits", "Spreading"]

#: How long the first envelope of a batch waits for others, in ms.
GATHER_MS = 2
#: Envelopes that are checked at once. A request is never split: one with more is a batch of its own.
GATHER_ENVELOPES = 512
#: Bytes of envelopes that are checked at once, in the same way.
GATHER_BYTES = 8 * 1024 * 1024
#: How long a submission that waits for no receipt waits for other nodes to hold it.
SPREAD_MS = 2_000


class Spreading(Protocol):
    """Tells when other nodes hold what was received here; a node without others has none."""

    def copies(self) -> int:
        """How many nodes, this one included, are to hold a transaction before it counts as received."""

    def when_received(self, ids: Sequence[bytes], done: Callable[[int], None], timeout_s: float) -> None:
        """Call ``done`` once, from any thread, with how many nodes hold each of the transactions at least."""


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of the queue in front of the check: envelopes, and bytes of them. An empty queue takes any request."""

    envelopes_max: int = 8_192
    bytes_max: int = 32 * 1024 * 1024


class _Request:
    """One call of ``submit``. Its future belongs to its loop; everything else is guarded as told below.

    ``answers``: by place, None while unknown, and ``ids`` with them: written by the intake's or the engine's thread
    under the batch's lock. ``gone``: set on the loop when nobody waits any more;
    ``late``: when the time was over before that.
    """

    __slots__ = ("answers", "envelopes", "future", "gone", "ids", "late", "loop", "missing", "size", "waits")

    def __init__(self, loop: asyncio.AbstractEventLoop, envelopes: Sequence[bytes], *, waits: bool) -> None:
        self.loop = loop
        self.future: asyncio.Future[list[Acknowledgement]] = loop.create_future()
        self.envelopes = envelopes
        self.size = sum(map(len, envelopes))
        self.waits = waits
        self.gone = False
        self.late = False
        self.missing = len(envelopes)
        self.ids: list[bytes] = []
        self.answers: list[Acknowledgement | None] = []

    def expire(self) -> None:
        """On the loop, when the time is over: what is not known by now timed out.

        "Timed out" says that a transaction may yet be committed: what still waits for its check stays in the queue.
        """
        if not self.future.done():
            self.late = True
            ids = self.ids or [b""] * len(self.envelopes)
            answers = self.answers or [None] * len(ids)
            self.future.set_result(
                [answer or Acknowledgement(id_, Code.TIMED_OUT) for id_, answer in zip(ids, answers, strict=True)]
            )


class _Batch:
    """Requests that are checked together; hears from the pool what becomes of their envelopes.

    Places count through the envelopes of all requests. The pool may tell before the check's own answers are noted:
    such outcomes are kept until then.
    """

    __slots__ = ("_early", "_lock", "_places", "_submitter")

    def __init__(self, submitter: Submitter) -> None:
        self._submitter = submitter
        self._lock = threading.Lock()
        self._early: list[tuple[int, Outcome]] | None = []
        self._places: list[tuple[_Request, int]] = []

    def run(self, requests: list[_Request]) -> None:
        """Check and hand in the requests; tell their loops what is known at once."""
        requests.sort(key=lambda request: not request.waits)
        waited = sum(len(request.envelopes) for request in requests if request.waits)
        envelopes = [envelope for request in requests for envelope in request.envelopes]
        try:
            answers = self._submitter.hand_in(envelopes, self if waited else None, waited)
        except GovChainError as error:
            answers = [Acknowledgement(b"", error.code)] * len(envelopes)
        except Exception:  # noqa: BLE001 - whatever it was, nobody is left waiting and the next batch is taken
            answers = [Acknowledgement(b"", Code.INTERNAL)] * len(envelopes)
        finished: list[_Request] = []
        with self._lock:
            start = 0
            for request in requests:
                count = len(request.envelopes)
                own = answers[start : start + count]
                start += count
                request.ids = [answer.id for answer in own]
                request.envelopes = ()
                if request.waits:
                    request.answers = [None if answer.waits else answer for answer in own]
                    request.missing = request.answers.count(None)
                    self._places += [(request, place) for place in range(count)]
                else:
                    request.answers, request.missing = list(own), 0
                if not request.missing:
                    finished.append(request)
            early, self._early = self._early, None
            finished += self._settle(early or ())
        _deliver(finished)

    def settle_many(self, outcomes: Sequence[tuple[int, Outcome]]) -> None:
        """Hear from the pool, on the engine's thread."""
        with self._lock:
            if self._early is not None:
                self._early.extend(outcomes)
                return
            finished = self._settle(outcomes)
        _deliver(finished)

    def _settle(self, outcomes: Sequence[tuple[int, Outcome]]) -> list[_Request]:
        """Note outcomes; the requests that lack nothing now."""
        finished: list[_Request] = []
        for number, outcome in outcomes:
            request, place = self._places[number]
            if request.gone or request.answers[place] is not None:
                continue
            request.answers[place] = self._submitter.answer(request.ids[place], outcome)
            request.missing -= 1
            if not request.missing:
                finished.append(request)
        return finished


def _deliver(requests: list[_Request]) -> None:
    """Wake each event loop once for all of its requests."""
    loops: dict[asyncio.AbstractEventLoop, list[_Request]] = {}
    for request in requests:
        loops.setdefault(request.loop, []).append(request)
    for loop, own in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it everybody who waited there
            loop.call_soon_threadsafe(_finish, own)


def _finish(requests: list[_Request]) -> None:
    """On the loop: hand out the answers."""
    for request in requests:
        if not request.future.done():
            request.future.set_result(request.answers)  # type: ignore[arg-type]  # nothing is missing, so no None


class Intake:
    """See the module. Made with its thread running; :meth:`close` ends it.

    Args:
        submitter: checks and hands to the pool.
        limits: of the queue.
        spreading: to other nodes, or None: then what this node holds is received.
    """

    def __init__(
        self, submitter: Submitter, limits: IntakeLimits | None = None, spreading: Spreading | None = None
    ) -> None:
        self._spreading = spreading
        self._submitter = submitter
        self._limits = limits or IntakeLimits()
        self._lock = threading.Lock()
        self._queue: deque[_Request] = deque()
        self._envelopes = 0
        self._bytes = 0
        self._work = threading.Event()  # something is queued, or the end has come
        self._enough = threading.Event()  # a whole batch is queued, or nothing more will come
        self._draining = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Envelopes that wait for their check."""
        return self._envelopes

    async def submit(
        self, envelopes: Sequence[bytes], *, wait: bool, timeout_ms: int = 30_000
    ) -> list[Acknowledgement]:
        """One answer for each envelope, in order; with ``wait`` once all of them are durable or refused.

        After ``timeout_ms`` of waiting, those that are still open are answered TIMED_OUT; they may yet be committed.
        Without ``wait`` the same is answered for what too few nodes hold after ``SPREAD_MS``.
        Cancelling is allowed at any time.
        """
        if not envelopes:
            return []
        loop = asyncio.get_running_loop()
        request = _Request(loop, envelopes, waits=wait)
        code = self._enqueue(request)
        if code:
            hint = self._submitter.retry_after_ms() if code == Code.POOL_FULL else None
            return [Acknowledgement(b"", code, retry_after_ms=hint)] * len(envelopes)
        timer = loop.call_later(timeout_ms / 1000, request.expire) if wait else None
        try:
            answers = await request.future
            if request.late:
                answers = [
                    answer if answer.id else replace(answer, id=self._submitter.id_of(envelope))
                    for answer, envelope in zip(answers, envelopes, strict=True)
                ]
            return answers if wait else await self._spread(answers)
        finally:
            # Whoever went away is forgotten; who was told "timed out" before the check is handed in all the same.
            request.gone = not request.late or bool(request.ids)
            if timer is not None:
                timer.cancel()

    async def _spread(self, answers: list[Acknowledgement]) -> list[Acknowledgement]:
        """The same answers once enough nodes hold what was received; else what may be lost is told as TIMED_OUT."""
        spreading = self._spreading
        ids = [answer.id for answer in answers if answer.waits]
        wanted = 1 if spreading is None or not ids else spreading.copies()
        if spreading is None or wanted < 2:
            return answers
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[int] = loop.create_future()

        def tell(count: int) -> None:
            if not heard.done():
                heard.set_result(count)

        def done(count: int) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(tell, count)

        spreading.when_received(ids, done, SPREAD_MS / 1000)
        if await heard >= wanted:
            return answers
        return [replace(answer, code=Code.TIMED_OUT) if answer.waits else answer for answer in answers]

    def drain(self) -> None:
        """Take nothing more: from now on ``submit`` answers NODE_STOPPING. What is queued goes on; answers at once."""
        self._draining = True

    def close(self) -> None:
        """Drain, hand in what is queued, end the thread. Closing twice is allowed.

        Whoever waits for a block goes on waiting: stopping the engine answers them.
        """
        with self._lock:
            self._draining = self._closing = True
            self._work.set()
            self._enough.set()
        self._thread.join()

    def _enqueue(self, request: _Request) -> Code:
        count, size, limits = len(request.envelopes), request.size, self._limits
        with self._lock:
            if self._draining:
                return Code.NODE_STOPPING
            if self._queue and (
                self._envelopes + count > limits.envelopes_max or self._bytes + size > limits.bytes_max
            ):
                return Code.POOL_FULL
            self._queue.append(request)
            self._envelopes += count
            self._bytes += size
            if len(self._queue) == 1:
                self._work.set()
            if self._envelopes >= GATHER_ENVELOPES and not self._enough.is_set():
                self._enough.set()
        return Code.OK

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._enough.wait(GATHER_MS / 1000)
            requests = self._take()
            if requests:
                _Batch(self._submitter).run(requests)
            elif self._closing:
                return

    def _take(self) -> list[_Request]:
        """The requests of the next batch, without those that nobody waits for any more."""
        taken: list[_Request] = []
        envelopes = size = 0
        with self._lock:
            while self._queue:
                first = self._queue[0]
                fits = envelopes + len(first.envelopes) <= GATHER_ENVELOPES and size + first.size <= GATHER_BYTES
                if taken and not fits:
                    break
                self._queue.popleft()
                self._envelopes -= len(first.envelopes)
                self._bytes -= first.size
                if not first.gone:
                    taken.append(first)
                    envelopes += len(first.envelopes)
                    size += first.size
            if not self._closing:
                if not self._queue:
                    self._work.clear()
                if self._envelopes < GATHER_ENVELOPES:
                    self._enough.clear()
        return taken
