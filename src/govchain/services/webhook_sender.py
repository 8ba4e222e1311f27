"""Sending webhooks: each in order, at least once, with patience, in a thread that nothing else waits for.

Purpose: for each webhook one task reads the feed from where it stands, puts events into a delivery, writes it down, and
tries until the target takes it or the attempts are used up. Rules: one delivery of a webhook at a time, the next only
when it is delivered or a dead letter; each webhook has a task and at most one connection of its own, so that a slow or
dead target delays its own deliveries and nobody else's; their number is bounded by the number of webhooks. A block's
commit does the same small work whatever the number of webhooks. What is sent is written down first, so that an end of
the process at any moment leaves nothing out; it may repeat. An account that is frozen is sent nothing while it is.
Not here: registration (``services.webhooks``), the connection (``services.webhook_targets``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.modules.port import AccountFacts
from govchain.sdk.webhooks import (
    HEADER_ATTEMPT,
    HEADER_DELIVERY,
    HEADER_NODE_KEY,
    HEADER_NODE_SIGNATURE,
    HEADER_SIGNATURE,
    HEADER_TIMESTAMP,
    HEADER_WEBHOOK,
    node_message,
    secret_signature,
)
from govchain.services.events import START, EventCursor, EventFeed, FeedEvent
from govchain.services.webhook_store import DEAD_LETTERS_MAX, DeliveryRecord, WebhookRecord, WebhookStore
from govchain.services.webhook_targets import AttemptFailed, TargetPolicy, post

__all__ = ["Attempt", "NodeSigner", "SenderOptions", "WebhookSender", "back_off_ms", "message_body"]

#: Events of one delivery, and bytes of them, at most; one event alone may be larger.
EVENTS_PER_DELIVERY_MAX: Final = 100
EVENT_BYTES_PER_DELIVERY_MAX: Final = 256 * 1024
#: Pages without a wanted event that are read before the webhook's record is looked at again.
_PAGES_PER_LOOK: Final = 20
#: Blocks without a wanted event after which the place is written down; fewer are read again after a restart.
_BLOCKS_PER_NOTE: Final = 100
#: How long a task with nothing to do waits before it looks again on its own, in seconds.
_LOOK_S: Final = 30.0

_log = logging.getLogger("govchain.webhooks")
_T = TypeVar("_T")


class NodeSigner(Protocol):
    """The node's own key."""

    @property
    def algorithm(self) -> str:
        """Name of the signature algorithm."""

    @property
    def public_key(self) -> bytes:
        """The public key, as genesis lists the member's."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""


class Accounts(Protocol):
    """Where committed accounts are looked up."""

    def account(self, address: bytes) -> AccountFacts | None:
        """The account at that address now."""


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """Patience. Times in ms.

    Attributes:
        attempts_max: attempts of a delivery before it is a dead letter.
        attempt_ms_max: time limit of one attempt.
        first_ms: wait after the first failure; each further one doubles it.
        longest_ms: longest wait.
        gather_ms: how long news of blocks is gathered, so that many small blocks make few messages.
    """

    attempts_max: int = 16
    attempt_ms_max: int = 10_000
    first_ms: int = 1_000
    longest_ms: int = 3_600_000
    gather_ms: int = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one attempt: ``outcome`` is a word of docs/spec/webhooks.md 5, ``status`` 0 where none came."""

    outcome: str
    status: int
    elapsed_ms: int


def back_off_ms(options: SenderOptions, failures: int, random: float) -> int:
    """The wait after so many failures in a row: doubled each time, bounded, and spread over its upper half.

    ``random`` lies in [0, 1): targets that failed together are not tried again together.

    >>> [back_off_ms(SenderOptions(), failures, 0.0) for failures in (1, 2, 3, 30)]
    [500, 1000, 2000, 1800000]
    """
    wait = min(options.longest_ms, options.first_ms << min(failures - 1, 40))
    return wait // 2 + int(wait / 2 * random)


def message_body(chain: str, webhook: str, delivery: str, cursor: str, events: list[FeedEvent]) -> bytes:
    """The body of a message: canonical JSON of {chain, cursor, delivery, events, webhook}.

    The chain's and the webhook's names, cursors and numbers need no escapes.
    """
    told = b",".join(event.json for event in events)
    head = f'{{"chain":"{chain}","cursor":"{cursor}","delivery":"{delivery}","events":['
    return head.encode() + told + f'],"webhook":"{webhook}"}}'.encode()


class WebhookSender:
    """See the module.

    Args:
        store: registrations and deliveries.
        feed: events of committed blocks.
        policy: where messages may go.
        accounts: committed accounts.
        signer: the node's key, or None where messages carry the secret's signature only.
        clock: wall time in ms.
        random: a number in [0, 1).
        options: patience.
    """

    def __init__(
        self,
        store: WebhookStore,
        feed: EventFeed,
        policy: TargetPolicy,
        accounts: Accounts,
        signer: NodeSigner | None,
        clock: Callable[[], int],
        random: Callable[[], float],
        options: SenderOptions | None = None,
    ) -> None:
        self._store = store
        self._feed = feed
        self._policy = policy
        self._accounts = accounts
        self._signer = signer
        self._clock = clock
        self._random = random
        self._options = options or SenderOptions()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        #: How far each has read; the store is told only now and then where nothing was wanted.
        self._places: dict[str, EventCursor] = {}
        self._lock = threading.Lock()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send, in a thread of its own; goes on where the last run ended.

        Raises:
            UnavailableError: the store cannot be read; nothing is left running.
        """
        if self._thread is None:
            self._ready.clear()
            self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="webhooks", daemon=True)
            self._thread.start()
            self._ready.wait()
            try:
                for webhook in self._store.webhooks():
                    self._call(self._refresh, webhook.id)
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Break off what is under way, which is sent again at the next start, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._call(self._stop)
            thread.join()

    # -- from other threads --------------------------------------------------------------------------------------

    def block_committed(self, block: object = None) -> None:
        """Hear of a committed block: the application's listener. Constant work, never raises, any thread."""
        del block
        with self._lock:
            if self._woken or self._loop is None:
                return
            self._woken = True
        self._call(self._gather)

    def changed(self, webhook: str) -> None:
        """Hear that a webhook was added, changed, removed, or has a dead letter to send again."""
        self._call(self._refresh, webhook)

    async def ping(self, webhook: WebhookRecord) -> Attempt:
        """Send a message without events now, once, whatever else is under way; await it from any loop.

        Raises:
            UnavailableError: ``NODE_STOPPING``. GovChainError: the node cannot sign it.
        """
        return await self._elsewhere(self._ping(webhook))

    async def check_reachable(self, url: str) -> None:
        """Look up the address of a new target, where that is quick.

        Raises:
            UsageError: ``REQUEST_SHAPE``. RefusedError: ``WEBHOOK_TARGET`` where the address is not allowed.
        """
        target = self._policy.check_url(url)
        try:
            async with asyncio.timeout(self._options.attempt_ms_max / 1000):
                await self._policy.resolve(target)
        except AttemptFailed as failure:
            if failure.outcome == "refused-address":
                raise RefusedError(Code.WEBHOOK_TARGET, reason="the address is not public") from None
        except TimeoutError:
            pass  # a target that cannot be found now is found, or not, when there is something to send

    # -- the thread ----------------------------------------------------------------------------------------------

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()
        await self._stopping.wait()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, function: Callable[..., object], *values: object) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the node is stopping
                self._loop.call_soon_threadsafe(function, *values)

    async def _elsewhere(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._loop is None or self._thread is None:
            work.close()
            raise UnavailableError(Code.NODE_STOPPING)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _stop(self) -> None:
        if self._stopping is not None:
            self._stopping.set()

    def _gather(self) -> None:
        assert self._loop is not None
        self._loop.call_later(self._options.gather_ms / 1000, self._tell_all)

    def _tell_all(self) -> None:
        with self._lock:
            self._woken = False
        for news in self._news.values():
            news.set()

    def _refresh(self, webhook: str) -> None:
        """Start the task of a webhook that has none, or wake the one that it has: it looks at its own record."""
        task = self._tasks.get(webhook)
        if task is not None and not task.done():
            self._news[webhook].set()
            return
        self._news[webhook] = asyncio.Event()
        assert self._loop is not None
        self._tasks[webhook] = self._loop.create_task(self._work(webhook), name=f"webhook-{webhook}")

    async def _work(self, webhook: str) -> None:
        """One webhook's task: until it is removed or paused."""
        try:
            while await self._step(webhook):
                pass
        except Exception:  # noqa: BLE001 - whatever it was, the others go on, and so does this one after a while
            # A store that cannot be read or written, for one: what is to be sent is written down.
            _log.exception("webhook %s", webhook)
            await asyncio.sleep(self._options.first_ms / 1000)
        finally:
            if self._tasks.get(webhook) is asyncio.current_task():
                del self._tasks[webhook], self._news[webhook]
                self._places.pop(webhook, None)
                if self._stopping is not None and not self._stopping.is_set() and self._loop is not None:
                    self._loop.call_later(0, self._resume, webhook)

    def _resume(self, webhook: str) -> None:
        """Start the task again where the webhook is still to be sent to: it may have changed as the task ended."""
        assert self._loop is not None
        try:
            record = self._store.webhook(webhook)
        except Exception as error:  # noqa: BLE001 - whatever it was, it may be over in a while
            _log.warning("webhook %s cannot be read: %s", webhook, error)
            if not (isinstance(error, GovChainError) and error.code is Code.NODE_STOPPING):
                self._loop.call_later(self._options.first_ms / 1000, self._resume, webhook)
            return
        if record is not None and record.state == "active":
            self._refresh(webhook)

    async def _step(self, webhook: str) -> bool:
        """Do what is next for a webhook; False when there is nothing more to do for it, ever, as things are."""
        self._news[webhook].clear()
        record = self._store.webhook(webhook)
        if record is None or record.state != "active":
            return False
        facts = self._accounts.account(bytes.fromhex(record.account))
        if facts is None or not facts.active:
            await self._wait(webhook, _LOOK_S)
            return True
        again = self._store.next_in(webhook, "again")
        if again is not None:
            await self._send_again(record, again)
            return True
        pending = self._store.next_in(webhook, "pending")
        if pending is None:
            return await self._prepare(record)
        wait_ms = min(pending.due - self._clock(), self._options.longest_ms)
        if wait_ms > 0:
            await self._wait(webhook, wait_ms / 1000)
        else:
            await self._send(record, pending)
        return True

    async def _wait(self, webhook: str, timeout_s: float) -> None:
        """Until there is news of the webhook or of blocks, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news[webhook].wait()

    async def _prepare(self, record: WebhookRecord) -> bool:
        """Put the next wanted events into a delivery; where there are none, wait for blocks."""
        written = EventCursor.parse(record.cursor)
        cursor, more = max(written, self._places.get(record.id, START)), True
        for _ in range(_PAGES_PER_LOOK):
            try:
                page = self._feed.page(record.wanted, cursor, EVENTS_PER_DELIVERY_MAX)
            except GovChainError as error:
                if error.code is not Code.CURSOR_INVALID:
                    raise
                # The ledger is shorter than what was sent: it was restored from a backup. Its owner has to look.
                self._store.pause(record.id, "cursor")
                return False
            if page.events:
                events = _bounded(page.events)
                place = page.cursor if len(events) == len(page.events) else events[-1].cursor
                self._begin(record, events, place)
                return True
            cursor = self._places[record.id] = page.cursor
            more = page.more
            if not more:
                break
            await asyncio.sleep(0)
        if cursor.height - written.height > _BLOCKS_PER_NOTE:
            self._store.move(record.id, cursor.text)
        if not more:
            await self._wait(record.id, _LOOK_S)
        return True

    def _begin(self, record: WebhookRecord, events: list[FeedEvent], place: EventCursor) -> None:
        now = self._clock()
        number = record.number + 1
        delivery = DeliveryRecord(
            webhook=record.id,
            number=number,
            state="pending",
            first=events[0].cursor.text,
            last=events[-1].cursor.text,
            events=len(events),
            body=message_body(self._feed.chain, record.id, f"{record.id}.{number}", place.text, events),
            attempts=0,
            created=now,
            changed=now,
            due=now,
            status=0,
            outcome="",
        )
        self._store.begin(delivery, place.text)

    async def _send(self, record: WebhookRecord, delivery: DeliveryRecord) -> None:
        attempt = await self._attempt(record, delivery.id, delivery.body, delivery.attempts + 1)
        done = self._noted(delivery, attempt)
        if attempt.outcome == "delivered":
            self._store.note(replace(done, state="delivered"))
        elif done.attempts < self._options.attempts_max:
            due = self._clock() + back_off_ms(self._options, done.attempts, self._random())
            self._store.note(replace(done, due=due))
        else:
            self._store.note(replace(done, state="dead"))
            told = {"delivery": delivery.id, "attempts": done.attempts, "outcome": attempt.outcome}
            _log.warning("webhook dead letter", extra={"webhook": record.id, **told})
            if record.on_failure == "pause":
                self._store.pause(record.id, "failed")
            elif self._store.dead_letters(record.id) >= DEAD_LETTERS_MAX:
                self._store.pause(record.id, "dead-letters")

    async def _send_again(self, record: WebhookRecord, delivery: DeliveryRecord) -> None:
        """A dead letter once more: one attempt, out of order, since what came after it may be delivered already."""
        attempt = await self._attempt(record, delivery.id, delivery.body, delivery.attempts + 1)
        state = "delivered" if attempt.outcome == "delivered" else "dead"
        self._store.note(replace(self._noted(delivery, attempt), state=state))

    def _noted(self, delivery: DeliveryRecord, attempt: Attempt) -> DeliveryRecord:
        return replace(
            delivery,
            attempts=delivery.attempts + 1,
            changed=self._clock(),
            status=attempt.status,
            outcome=attempt.outcome,
        )

    async def _ping(self, record: WebhookRecord) -> Attempt:
        delivery = f"{record.id}.0"
        body = message_body(self._feed.chain, record.id, delivery, record.cursor or START.text, [])
        return await self._attempt(record, delivery, body, 1)

    async def _attempt(self, record: WebhookRecord, delivery: str, body: bytes, number: int) -> Attempt:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        # What the node cannot sign it does not send: that is its own fault, and no attempt at the target.
        headers = self._headers(record, delivery, body, number)
        try:
            target = self._policy.check_url(record.url)  # the operator may have changed what is allowed
        except GovChainError:
            return Attempt("refused-address", 0, 0)
        try:
            status = await post(self._policy, target, headers, body, limit_s=self._options.attempt_ms_max / 1000)
            outcome = "delivered"
        except AttemptFailed as failure:
            outcome, status = failure.outcome, failure.status
        return Attempt(outcome, status, int((loop.time() - began_s) * 1000))

    def _headers(self, record: WebhookRecord, delivery: str, body: bytes, number: int) -> dict[str, str]:
        now = self._clock()
        headers = {
            HEADER_WEBHOOK: record.id,
            HEADER_DELIVERY: delivery,
            HEADER_ATTEMPT: str(number),
            HEADER_TIMESTAMP: str(now),
            HEADER_SIGNATURE: secret_signature(record.secret, now, body),
        }
        if self._signer is not None:
            signature = self._signer.sign(node_message(now, body))
            headers[HEADER_NODE_SIGNATURE] = f"{self._signer.algorithm}={signature.hex()}"
            headers[HEADER_NODE_KEY] = self._signer.public_key.hex()
        return headers


def _bounded(events: tuple[FeedEvent, ...]) -> list[FeedEvent]:
    """As many of ``events`` as one message may hold, at least one."""
    chosen: list[FeedEvent] = []
    size = 0
    for event in events:
        size += len(event.json)
        if chosen and size > EVENT_BYTES_PER_DELIVERY_MAX:
            break
        chosen.append(event)
    return chosen
