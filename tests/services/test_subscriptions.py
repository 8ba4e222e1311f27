"""Subscriptions: at least once, in order, from any cursor, however slow; constant work for a commit; nothing left."""

import asyncio
import tracemalloc
from types import SimpleNamespace

import pytest

from govchain.model import Code, UnavailableError, UsageError, encode_canonical
from govchain.services import subscriptions as rules
from govchain.services.events import START, EventCursor, EventFeed, EventFilter
from govchain.services.subscriptions import Subscriptions

WAIT_S = 60
ALL = EventFilter()


class Growing:
    """A ledger that grows by hand: each block holds one transaction with events of the types that it is given."""

    def __init__(self):
        self.chain = self.blocks = self
        self.machine = SimpleNamespace(genesis=SimpleNamespace(chain="growing"))
        self.stored = []
        self.reads = 0
        self.broken = False
        self.listeners = []

    @property
    def height(self):
        return len(self.stored)

    def oldest(self):
        return 1

    def receipts(self, height):
        self.reads += 1
        if self.broken:
            raise UnavailableError(Code.STORE_CORRUPT, path="x", reason="y")
        return self.stored[height - 1]

    def add(self, *types, reference="r"):
        events = [
            {"data": {}, "organisation": "o", "reference": reference, "type": kind, "version": 1} for kind in types
        ]
        body = {"code": 0, "events": events, "height": self.height + 1, "index": 0, "transaction": "00" * 32}
        self.stored.append((encode_canonical({**body, "version": 1}),))
        for listener in self.listeners:
            listener(None)


@pytest.fixture
def ledger():
    return Growing()


def run(ledger, use, *, cache_bytes_max=2**20, **options):
    """Run ``use(hub)`` in a loop of its own, and see that nothing of the hub is left."""

    async def main():
        hub = Subscriptions(EventFeed(ledger, cache_bytes_max=cache_bytes_max), **options)
        ledger.listeners.append(hub.block_committed)
        try:
            return await asyncio.wait_for(use(hub), WAIT_S * 3)
        finally:
            hub.close()
            await asyncio.sleep(0)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.done()]
            assert not [task for task in left if "event" in task.get_name() and not task.cancelling()]

    return asyncio.run(main())


async def take(subscription, count):
    """The cursors of that many events."""
    found = []
    while len(found) < count:
        delivery = await subscription.next(WAIT_S)
        assert delivery is not None
        assert delivery.events, f"only {len(found)} came"
        found += [event.cursor.text for event in delivery.events]
    assert len(found) == count
    return found


def places(first, last):
    return [f"{height}.0.0" for height in range(first, last + 1)]


def test_without_a_cursor_it_begins_now(ledger):
    ledger.add("a.b")

    async def use(hub):
        with hub.subscribe(ALL) as subscription:
            ledger.add("a.b")
            ledger.add("a.c")
            assert await take(subscription, 2) == ["2.0.0", "3.0.0"]
            assert subscription.live

    run(ledger, use)


def test_from_a_cursor_it_tells_what_was_and_goes_on_with_what_comes(ledger):
    for _ in range(700):
        ledger.add("a.b")

    async def use(hub):
        with hub.subscribe(ALL, START) as subscription:
            assert await take(subscription, 700) == places(1, 700)
            for _ in range(5):
                ledger.add("a.b")
            assert await take(subscription, 5) == places(701, 705)
            assert subscription.live
        with hub.subscribe(ALL, EventCursor(703, 0, 0)) as again:
            assert await take(again, 2) == places(704, 705)

    run(ledger, use)


def test_while_blocks_come_all_the_time_nothing_is_lost_or_repeated(ledger):
    """Subscribers join at any moment, from the start and from now, while another task makes blocks."""

    async def use(hub):
        async def make():
            for _ in range(300):
                ledger.add("a.b")
                await asyncio.sleep(0)

        async def follow(cursor):
            with hub.subscribe(ALL, cursor) as subscription:
                begun = subscription.cursor.height
                assert await take(subscription, 300 - begun) == places(begun + 1, 300)

        making = asyncio.create_task(make())
        following = []
        for number in range(40):
            following.append(asyncio.create_task(follow(START if number % 2 else None)))
            await asyncio.sleep(0.001)
        await asyncio.gather(making, *following)
        assert len(hub) == 0

    run(ledger, use)


def test_only_what_is_wanted_comes_and_the_cursor_moves_on_all_the_same(ledger):
    async def use(hub):
        with hub.subscribe(EventFilter.of(["a.*"])) as one, hub.subscribe(EventFilter.of(["b.c"])) as other:
            ledger.add("a.x", "b.c", "a.y")
            assert await take(one, 2) == ["1.0.0", "1.0.2"]
            assert await take(other, 1) == ["1.0.1"]
            ledger.add("z.z")
            ledger.add("z.z")
            await take_place(hub, 3)
            quiet = await other.next(0)
            assert (quiet.events, quiet.cursor.text) == ((), "3.0.0")
            assert one.cursor.text == other.cursor.text == "3.0.0"

    run(ledger, use)


async def take_place(hub, height):
    while hub.place.height < height:  # noqa: ASYNC110 - the hub tells nobody of a block without events
        await asyncio.sleep(0.001)


def test_silence_ends_with_an_empty_delivery(ledger):
    async def use(hub):
        with hub.subscribe(ALL) as subscription:
            delivery = await subscription.next(0.01)
            assert (delivery.events, delivery.cursor) == ((), START)

    run(ledger, use)


def test_a_slow_subscriber_reads_from_the_store_and_holds_nobody_up(ledger):
    async def use(hub):
        with hub.subscribe(ALL) as slow, hub.subscribe(ALL) as quick:
            total = rules.BUFFER_EVENTS_MAX * 2
            quick_found = []
            for step in range(total):
                ledger.add("a.b")
                if step % 50 == 49:
                    quick_found += await take(quick, 50)
            assert quick_found == places(1, total)
            assert not slow.live
            assert await take(slow, total) == places(1, total)
            ledger.add("a.b")
            assert await take(slow, 1) == [f"{total + 1}.0.0"]
            assert slow.live

    run(ledger, use)


def test_one_block_with_more_than_a_buffer_holds(ledger):
    async def use(hub):
        with hub.subscribe(ALL) as subscription:
            ledger.add(*["a.b"] * (rules.BUFFER_EVENTS_MAX + 500))
            ledger.add("a.b")
            expected = [f"1.0.{index}" for index in range(rules.BUFFER_EVENTS_MAX + 500)]
            assert await take(subscription, len(expected) + 1) == [*expected, "2.0.0"]

    run(ledger, use)


def test_a_block_is_read_once_for_all(ledger):
    async def use(hub):
        everyone = [hub.subscribe(ALL) for _ in range(200)]
        before = ledger.reads
        for _ in range(3):
            ledger.add("a.b")
        found = await asyncio.gather(*(take(one, 3) for one in everyone))
        assert {tuple(one) for one in found} == {tuple(places(1, 3))}
        assert ledger.reads - before == 3

    run(ledger, use)


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(self, *args, **options):
        self.woken += 1
        return super().call_soon_threadsafe(*args, **options)


@pytest.mark.parametrize("subscribers", [0, 1, 1_000])
def test_a_commit_does_the_same_work_whatever_the_number_of_subscribers(ledger, subscribers):
    """The listener wakes the loop once, however many blocks come before it runs; without subscribers it does not."""

    async def main():
        hub = Subscriptions(EventFeed(ledger))
        ledger.listeners.append(hub.block_committed)
        hub.start()
        everyone = [hub.subscribe(ALL) for _ in range(subscribers)]
        loop = asyncio.get_running_loop()
        before = loop.woken
        for _ in range(50):
            ledger.add("a.b")
        assert loop.woken - before == min(subscribers, 1)
        for one in everyone[:3]:
            assert await take(one, 50) == places(1, 50)
        hub.close()

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(main())


def test_a_damaged_store_is_told_to_who_reads_it_and_the_pump_goes_on(ledger):
    ledger.add("a.b")
    ledger.add("a.b")

    async def use(hub):
        with hub.subscribe(ALL, START) as behind, hub.subscribe(ALL) as live:
            ledger.broken = True
            with pytest.raises(UnavailableError):
                await behind.next(WAIT_S)
            ledger.add("a.b")
            await asyncio.sleep(0.03)
            ledger.broken = False
            assert await take(live, 1) == ["3.0.0"]

    run(ledger, use, cache_bytes_max=1, retry_s=0.01)


def test_closing_wakes_who_waits(ledger):
    async def use(hub):
        subscription = hub.subscribe(ALL)
        waiting = asyncio.create_task(subscription.next(WAIT_S))
        await asyncio.sleep(0)
        reason = UnavailableError(Code.NODE_STOPPING)
        subscription.close(reason)
        assert await waiting is None
        assert subscription.ended is reason
        assert await subscription.next(0) is None
        subscription.close()
        assert len(hub) == 0

    run(ledger, use)


def test_a_waiter_that_is_cancelled_leaves_nothing_behind(ledger):
    async def use(hub):
        async def follow(cursor):
            with hub.subscribe(ALL, cursor) as subscription:
                while True:
                    await subscription.next(WAIT_S)

        tasks = [asyncio.create_task(follow(cursor)) for cursor in (None, START) * 50]
        ledger.add("a.b")
        await asyncio.sleep(0.02)
        assert len(hub) == 100
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(hub) == 0
        before = ledger.reads
        ledger.add("a.b")
        await asyncio.sleep(0.01)
        assert ledger.reads == before  # nobody is told any more

    run(ledger, use)


def test_those_that_were_given_up_are_counted_and_no_others(ledger):
    async def use(hub):
        kept, given_up = hub.subscribe(ALL), hub.subscribe(ALL)
        assert hub.dropped == 0
        given_up.drop()
        given_up.close()
        kept.close()
        assert (hub.dropped, len(hub)) == (1, 0)

    run(ledger, use)


def test_the_number_of_subscribers_is_limited(ledger):
    async def use(hub):
        first = hub.subscribe(ALL)
        hub.subscribe(ALL)
        with pytest.raises(UnavailableError) as refused:
            hub.subscribe(ALL)
        assert refused.value.code is Code.STREAMS_TOO_MANY
        first.close()
        hub.subscribe(ALL)

    run(ledger, use, subscribers_max=2)


class Sessions:
    """Owners that may read until they are ended."""

    def __init__(self):
        self.ended = set()
        self.checks = 0

    def check(self, owner):
        self.checks += 1
        if owner in self.ended:
            raise UnavailableError(Code.SESSION_INVALID)


def test_an_owner_that_may_no_longer_read_gets_nothing_more(ledger):
    """Not even what was waiting for it, though nobody looked yet; others of the same filter go on."""
    sessions = Sessions()

    async def use(hub):
        one, two = (hub.subscribe(ALL, owner="ended") for _ in range(2))
        behind = hub.subscribe(ALL, START, owner="ended")
        other = hub.subscribe(ALL, owner="other")
        ledger.add("a.b")
        assert await take(one, 1) == ["1.0.0"]
        sessions.ended.add("ended")
        ledger.add("a.b")
        assert [await each.next(WAIT_S) for each in (behind, one, two)] == [None] * 3
        assert {each.ended.code for each in (one, two, behind)} == {Code.SESSION_INVALID}
        assert await take(other, 2) == places(1, 2)
        assert len(hub) == 1

    run(ledger, use, check=sessions.check, check_s=60)


def test_an_idle_owner_is_checked_now_and_then(ledger):
    sessions = Sessions()

    async def use(hub):
        subscription = hub.subscribe(ALL, owner="ended")
        hub.subscribe(ALL, owner="other")
        waiting = asyncio.create_task(subscription.next(WAIT_S))
        await asyncio.sleep(0)
        sessions.ended.add("ended")
        assert await waiting is None
        assert len(hub) == 1

    run(ledger, use, check=sessions.check, check_s=0.005)


def test_one_owner_may_have_so_many_and_others_as_many_again(ledger):
    async def use(hub):
        first = hub.subscribe(ALL, owner="one")
        hub.subscribe(ALL, owner="one")
        with pytest.raises(UnavailableError) as refused:
            hub.subscribe(ALL, owner="one")
        assert (refused.value.code, refused.value.params["count_max"]) == (Code.STREAMS_TOO_MANY, 2)
        hub.subscribe(ALL, owner="two")
        first.close()
        hub.subscribe(ALL, owner="one")

    run(ledger, use, per_owner=2)


def test_a_node_that_stops_ends_all_and_takes_none(ledger):
    async def use(hub):
        everyone = [hub.subscribe(ALL) for _ in range(5)]
        waiting = [asyncio.create_task(one.next(WAIT_S)) for one in everyone]
        await asyncio.sleep(0)
        hub.close()
        assert await asyncio.gather(*waiting) == [None] * 5
        assert {one.ended.code for one in everyone} == {Code.NODE_STOPPING}
        with pytest.raises(UnavailableError):
            hub.subscribe(ALL)

    run(ledger, use)


@pytest.mark.parametrize("cursor", [EventCursor(2, 0, 0), EventCursor(10**15, 0, 0)])
def test_a_cursor_from_the_future_is_refused(ledger, cursor):
    ledger.add("a.b")

    async def use(hub):
        with pytest.raises(UsageError) as refused:
            hub.subscribe(ALL, cursor)
        assert refused.value.code is Code.CURSOR_INVALID
        assert len(hub) == 0

    run(ledger, use)


def test_a_listener_after_the_loop_is_closed_does_no_harm(ledger):
    async def main():
        hub = Subscriptions(EventFeed(ledger))
        hub.subscribe(ALL)
        return hub

    hub = asyncio.run(main())
    for _ in range(3):
        hub.block_committed()
    assert len(hub) == 1


def test_an_idle_subscriber_costs_little(ledger):
    """The hub's own share of the 50 MiB that 1,000 idle subscribers may cost a server (docs/adr/0014)."""

    async def use(hub):
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tasks = [asyncio.create_task(take(hub.subscribe(EventFilter.of(["never.told"])), 1)) for _ in range(1_000)]
            await asyncio.sleep(0)
            for _ in range(20):
                ledger.add("a.b")
            await take_place(hub, 20)
            cost = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert cost < 6 * 1024 * 1024
        ledger.add("never.told")
        assert await asyncio.gather(*tasks) == [["21.0.0"]] * 1_000

    run(ledger, use)
