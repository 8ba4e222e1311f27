"""Subscriptions to events: told as blocks are committed, at least once, from any cursor on.

Purpose: one task of the event loop reads each new block once and hands what each filter wants to all who wait for it.
Rules: the node's commit does the same small work whatever the number of subscribers: it sets a flag and wakes the loop.
What a filter wants of a block is found once for all subscribers of that filter. A subscriber's buffer is bounded; one
that does not keep up reads from the block store at its own pace until it has caught up, so that nobody waits for it and
nothing is lost. All methods belong to one event loop; only :meth:`Subscriptions.block_committed` comes from another
thread.
Not here: what goes over a connection (``api.routers.events``), who may subscribe.

Example::

    subscription = subscriptions.subscribe(EventFilter.of(["evidence.*"]), cursor)
    with subscription:
        while (delivery := await subscription.next(timeout_s=15)) is not None:
            ...  # delivery.events may be empty: then only the cursor moved on
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from govchain.model import Code, GovChainError, UnavailableError
from govchain.services.events import BlockEvents, EventCursor, EventFeed, EventFilter, FeedEvent

__all__ = ["ADDRESS_OWNER", "BUFFER_EVENTS_MAX", "Delivery", "Subscription", "Subscriptions"]

_log = logging.getLogger("govchain.events")

#: Begins the name of an owner that is no session but an address, where a node's reads are open to all.
ADDRESS_OWNER: Final = "address:"
#: Events that wait for one subscriber before it is sent to the block store instead.
BUFFER_EVENTS_MAX: Final = 1_000
#: Events of one delivery, at most.
DELIVERY_EVENTS_MAX: Final = 200
#: Blocks that the pump reads in one go.
_PUMP_BLOCKS: Final = 16
#: Reads from the block store by subscribers that catch up, at the same time.
_CATCHING_UP_MAX: Final = 2
#: How often it is looked whether who subscribed still may, in seconds.
CHECK_S: Final = 2.0
#: How long the pump waits before it looks again when the store could not be read, in seconds.
RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came: events in order, perhaps none, and the cursor behind them."""

    events: tuple[FeedEvent, ...]
    cursor: EventCursor


class _Group:
    """The subscribers of one filter that keep up."""

    __slots__ = ("members", "wanted")

    def __init__(self, wanted: EventFilter) -> None:
        self.wanted = wanted
        self.members: set[Subscription] = set()


class Subscription:
    """One subscriber; made by :meth:`Subscriptions.subscribe`, ended by :meth:`close` or by leaving its ``with``."""

    __slots__ = ("_buffer", "_closed", "_group", "_hub", "_place", "_waiter", "_wanted", "ended", "owner")

    def __init__(self, hub: Subscriptions, wanted: EventFilter, place: EventCursor, owner: str) -> None:
        self._hub = hub
        self.owner = owner
        self._wanted = wanted
        #: What was given out, or, with an empty buffer, read without finding anything.
        self._place = place
        self._buffer: deque[FeedEvent] | None = None
        self._group: _Group | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        #: Why the hub ended it, or None.
        self.ended: GovChainError | None = None

    @property
    def wanted(self) -> EventFilter:
        """What it asked for."""
        return self._wanted

    @property
    def live(self) -> bool:
        """Whether it keeps up, and is told of new blocks; otherwise it reads from the block store."""
        return self._group is not None

    @property
    def cursor(self) -> EventCursor:
        """Where to go on after what was given out."""
        if self._group is not None and not self._buffer:
            return max(self._place, self._hub.place)
        return self._place

    async def next(self, timeout_s: float) -> Delivery | None:
        """The next events; a delivery without events when the time is over; None once it has ended.

        Raises:
            UnavailableError: the store cannot be read.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not self._closed:
            if self._buffer and self._hub.allowed(self):
                return self._from_buffer(self._buffer)
            if self._group is None:
                delivery = await self._read()
                if delivery is not None:
                    return delivery
                continue
            remaining = deadline - loop.time()
            if remaining <= 0:
                self._place = self.cursor
                return Delivery((), self._place)
            await self._wait(loop, remaining)
        return None

    def close(self, reason: GovChainError | None = None) -> None:
        """End it; whoever waits for it is woken. Closing twice is allowed."""
        if not self._closed:
            self._closed = True
            self.ended = reason
            self._hub.forget(self)
            self._leave()
            self._buffer = None
            self._wake()

    def drop(self) -> None:
        """Count it as one that was given up: its client does not read."""
        self._hub.dropped += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- for the hub ---------------------------------------------------------------------------------------------

    def offer(self, height: int, events: tuple[FeedEvent, ...]) -> None:
        """Take events of block ``height``; one that has too many waiting leaves the group and reads from the store."""
        if height <= self._place.height:
            return  # read from the store before it joined
        if self._buffer is None:
            self._buffer = deque()
        if len(self._buffer) + len(events) > BUFFER_EVENTS_MAX:
            # What waits is given out first; reading goes on behind it, or where it stood before this block.
            if not self._buffer:
                self._place = max(self._place, self._hub.place)
            self._leave()
        else:
            self._buffer.extend(events)
        self._wake()

    # -- inside --------------------------------------------------------------------------------------------------

    def _from_buffer(self, buffer: deque[FeedEvent]) -> Delivery:
        events = tuple(buffer.popleft() for _ in range(min(len(buffer), DELIVERY_EVENTS_MAX)))
        self._place = events[-1].cursor
        if not buffer:
            self._buffer = None  # an idle subscriber holds nothing
        return Delivery(events, self._place)

    async def _read(self) -> Delivery | None:
        """One page from the store; None where nothing was found, with the place moved on or the group joined."""
        hub = self._hub
        async with hub.catching_up:
            page = await asyncio.to_thread(hub.feed.page, self._wanted, self._place, DELIVERY_EVENTS_MAX)
        if self._over() or not self._hub.allowed(self):
            return None
        self._place = page.cursor
        if not page.more:
            hub.join(self, page.height)
        return Delivery(page.events, page.cursor) if page.events else None

    def _over(self) -> bool:
        return self._closed

    async def _wait(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(timeout_s, _settle, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None:
            _settle(self._waiter)

    def enter(self, group: _Group) -> None:
        """Be told of blocks from now on."""
        self._group = group
        group.members.add(self)

    def _leave(self) -> None:
        if self._group is not None:
            self._hub.left(self._group, self)
            self._group = None


def _settle(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Subscriptions:
    """The hub; see the module.

    Args:
        feed: where events are read.
        subscribers_max: how many there may be at once.
        per_owner: how many of one owner, such as a session.
        check: told an owner before it gets anything, and now and then; raises when it may no longer read.
        check_s: how often owners are checked.
        retry_s: how long the pump waits before it looks again when the store could not be read.
    """

    def __init__(
        self,
        feed: EventFeed,
        *,
        subscribers_max: int = 2_000,
        per_owner: int = 16,
        check: Callable[[str], object] | None = None,
        check_s: float = CHECK_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self.feed = feed
        self._subscribers_max = subscribers_max
        self._per_owner = per_owner
        self._check = check
        self._check_s = check_s
        self._retry_s = retry_s
        self._owners: dict[str, set[Subscription]] = {}
        self.catching_up = asyncio.Semaphore(_CATCHING_UP_MAX)
        #: Subscribers that were given up because their clients did not read.
        self.dropped = 0
        #: The last place that the pump handed on.
        self.place = EventCursor(0, 0, 0)
        self._groups: dict[EventFilter, _Group] = {}
        self._all: set[Subscription] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump_task: asyncio.Task[None] | None = None
        self._check_task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._woken = False
        self._stopped = False

    def __len__(self) -> int:
        return len(self._all)

    def start(self) -> None:
        """Begin on the running event loop; further calls do nothing."""
        if self._pump_task is None and not self._stopped:
            self._loop = asyncio.get_running_loop()
            self._pump_task = self._loop.create_task(self._pump(), name="event-pump")
            if self._check is not None:
                self._check_task = self._loop.create_task(self._check_owners(), name="event-owners")

    def block_committed(self, block: object = None) -> None:
        """Hear of a committed block: the application's listener. Constant work, never raises, any thread."""
        del block
        if not self._groups:
            return  # nobody waits; whoever joins later looks at the height first
        with self._lock:
            if self._woken or self._loop is None:
                return
            self._woken = True
            loop = self._loop
        with contextlib.suppress(RuntimeError):  # the loop is closed: the node is stopping
            loop.call_soon_threadsafe(self._wake)

    def subscribe(self, wanted: EventFilter, cursor: EventCursor | None = None, *, owner: str = "") -> Subscription:
        """A subscription of ``owner`` (empty: nobody's, never checked) from ``cursor`` on; None begins after now.

        Raises:
            UsageError: ``CURSOR_INVALID``.
            UnavailableError: ``STREAMS_TOO_MANY``, ``NODE_STOPPING``.
        """
        if self._stopped:
            raise UnavailableError(Code.NODE_STOPPING)
        if len(self._all) >= self._subscribers_max:
            raise UnavailableError(Code.STREAMS_TOO_MANY, count_max=self._subscribers_max)
        if owner and len(self._owners.get(owner, ())) >= self._per_owner:
            raise UnavailableError(Code.STREAMS_TOO_MANY, count_max=self._per_owner)
        place = self.feed.head() if cursor is None else cursor
        self.feed.check_cursor(place)
        self.start()
        subscription = Subscription(self, wanted, place, owner)
        self._all.add(subscription)
        if owner:
            self._owners.setdefault(owner, set()).add(subscription)
        if cursor is None:
            self.join(subscription, place.height)
        return subscription

    def close(self, reason: GovChainError | None = None) -> None:
        """End every subscription and the pump; nobody may subscribe afterwards."""
        self._stopped = True
        for subscription in list(self._all):
            subscription.close(reason or UnavailableError(Code.NODE_STOPPING))
        for task in (self._pump_task, self._check_task):
            if task is not None:
                task.cancel()
        self._pump_task = self._check_task = None

    # -- for subscriptions ---------------------------------------------------------------------------------------

    def join(self, subscription: Subscription, height: int) -> None:
        """Let a subscriber that has read up to ``height`` hear of the blocks after it; not where it must read on."""
        if not self._groups:
            self.place = max(self.place, subscription.cursor)  # nobody waited, so the pump stood still
        if height < self.place.height:
            return  # the pump has handed on a block that the subscriber has not read
        group = self._groups.get(subscription.wanted)
        if group is None:
            group = self._groups[subscription.wanted] = _Group(subscription.wanted)
        subscription.enter(group)
        # A block that came between reading and joining woke nobody.
        self._news.set()

    def left(self, group: _Group, subscription: Subscription) -> None:
        """A subscriber keeps up no longer, or is gone."""
        group.members.discard(subscription)
        if not group.members and self._groups.get(group.wanted) is group:
            del self._groups[group.wanted]

    def forget(self, subscription: Subscription) -> None:
        """A subscriber is gone."""
        self._all.discard(subscription)
        own = self._owners.get(subscription.owner)
        if own is not None:
            own.discard(subscription)
            if not own:
                del self._owners[subscription.owner]

    def allowed(self, subscription: Subscription) -> bool:
        """Whether its owner may still read; if not, all that the owner has are ended."""
        return not subscription.owner or self._owner_allowed(subscription.owner)

    # -- inside --------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        with self._lock:
            self._woken = False
        self._news.set()

    def _owner_allowed(self, owner: str) -> bool:
        if self._check is None:
            return True
        try:
            self._check(owner)
        except GovChainError as error:
            for subscription in list(self._owners.get(owner, ())):
                subscription.close(error)
            return False
        return True

    async def _check_owners(self) -> None:
        while True:
            await asyncio.sleep(self._check_s)
            for owner in list(self._owners):
                self._owner_allowed(owner)

    async def _pump(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._hand_on()
            except Exception:  # noqa: BLE001 - whatever it was, the pump goes on; it is in the log
                # The store cannot be read now. Nothing is lost: the place stays, and the next try reads the same.
                _log.exception("events of block %d cannot be read", self.place.height + 1)
                await asyncio.sleep(self._retry_s)
                self._news.set()

    async def _hand_on(self) -> None:
        while self._groups:
            first, last = self.place.height + 1, self.feed.height
            if first > last:
                return
            blocks = await asyncio.to_thread(self._read_blocks, first, min(last, first + _PUMP_BLOCKS - 1))
            for block in blocks:
                if block.height > self.place.height:  # all may have left and others joined further on meanwhile
                    self._publish(block)

    def _read_blocks(self, first: int, last: int) -> list[BlockEvents]:
        return [self.feed.block(height) for height in range(first, last + 1)]

    def _publish(self, block: BlockEvents) -> None:
        if block.events:
            for group in list(self._groups.values()):
                chosen = group.wanted.select(block.events)
                if chosen:
                    for subscription in list(group.members):
                        subscription.offer(block.height, chosen)
        self.place = block.end
