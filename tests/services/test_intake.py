"""Intake: many connections, one check, one wake-up for each loop; bounded, and nothing kept for who went away."""

import asyncio
import gc
import threading
import time
import weakref

import pytest

from govchain.consensus.ports import BlockOptions
from govchain.model import Code
from govchain.node.embedded import NodeOptions, open_embedded
from govchain.proof.transactions import decode_receipt
from govchain.services import intake as intake_module
from govchain.services.intake import GATHER_ENVELOPES, Intake, IntakeLimits
from govchain.services.submission import Acknowledgement, Submitter
from tests.node.kit import SMALL, Hands, system_clock, transaction_id, with_pool

WAIT_MS = 20_000


class Gated:
    """A submitter whose check waits until it is let go; counts what it is asked."""

    def __init__(self, submitter):
        self.submitter = submitter
        self.open, self.entered = threading.Event(), threading.Event()
        self.open.set()
        self.batches = []

    def hand_in(self, envelopes, waiter=None, waited=None):
        self.batches.append(len(envelopes))
        self.entered.set()
        assert self.open.wait(WAIT_MS / 1000)
        return self.submitter.hand_in(envelopes, waiter, waited)

    def answer(self, id_, outcome):
        return self.submitter.answer(id_, outcome)

    def id_of(self, envelope):
        return self.submitter.id_of(envelope)

    def retry_after_ms(self):
        return self.submitter.retry_after_ms()


@pytest.fixture
def intake(node):
    intake = Intake(node.submitter)
    yield intake
    intake.close()


@pytest.fixture
def hands(chain):
    """A node that orders nothing by itself."""
    hands = Hands(chain, system_clock().wall())
    yield hands
    hands.close()


@pytest.fixture
def gated(hands):
    gated = Gated(Submitter(hands.application, hands.pool, lambda: None))
    gated.intake = Intake(gated)
    yield gated
    gated.open.set()
    gated.intake.close()


async def reached(condition):
    """Until another thread brought ``condition`` about."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while not condition():  # noqa: ASYNC110 - what is awaited happens on other threads
            await asyncio.sleep(0.002)


@pytest.mark.requirement("BJ.function.business.03")
def test_a_thousand_at_once_and_one_bad_among_them(node, actor):
    """Each connection hears of its own transaction; the bad one hurts nobody; few checks, few wake-ups."""
    gated = Gated(node.submitter)
    intake = Intake(gated)
    envelopes = [actor.put() for _ in range(1_000)]
    bad = bytearray(envelopes[617])
    bad[-1] ^= 1
    envelopes[617] = bytes(bad)

    async def run():
        loop, wakes = asyncio.get_running_loop(), []
        call = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *args: (wakes.append(args[0]), call(*args))[1]
        answers = await asyncio.gather(
            *(intake.submit([envelope], wait=True, timeout_ms=WAIT_MS) for envelope in envelopes)
        )
        return answers, wakes

    answers, wakes = asyncio.run(run())
    intake.close()
    for number, (answer,) in enumerate(answers):
        if number == 617:
            assert (answer.code, answer.receipt) == (Code.SIGNATURE_INVALID, None)
        else:
            assert answer.id == transaction_id(envelopes[number])
            receipt = decode_receipt(answer.receipt)
            assert (answer.code, receipt.code, receipt.transaction) == (Code.OK, 0, answer.id.hex())
    assert sum(gated.batches) == 1_000
    assert max(gated.batches) <= GATHER_ENVELOPES
    assert len(gated.batches) <= 20
    blocks = node.application.chain.height
    assert len(wakes) <= len(gated.batches) * (blocks + 1)
    assert sum(len(node.application.blocks.envelopes(height)) for height in range(1, blocks + 1)) == 999


def test_many_in_one_request_and_nothing_at_all(intake, actor):
    envelopes = [actor.put() for _ in range(5)]

    async def run():
        assert await intake.submit([], wait=True) == []
        return await intake.submit([*envelopes, b"junk"], wait=True, timeout_ms=WAIT_MS)

    answers = asyncio.run(run())
    assert [answer.id for answer in answers[:5]] == [transaction_id(envelope) for envelope in envelopes]
    assert all(answer.receipt for answer in answers[:5])
    assert 100 <= answers[5].code < 200


def test_a_request_of_more_than_a_batch_is_taken_whole(intake, actor):
    envelope = actor.put()

    async def run():
        return await intake.submit([envelope] * (GATHER_ENVELOPES + 3), wait=True, timeout_ms=WAIT_MS)

    answers = asyncio.run(run())
    assert len(answers) == GATHER_ENVELOPES + 3
    assert len({answer.receipt for answer in answers}) == 1


def test_waiting_and_not_waiting_in_one_batch(hands, gated, actor):
    """Who does not wait is answered when it was received; who waits, when the block is durable."""
    first, second, third = (actor.put(now=hands.now) for _ in range(3))

    async def run():
        received = asyncio.create_task(gated.intake.submit([first], wait=False))
        waiting = asyncio.create_task(gated.intake.submit([second, third], wait=True, timeout_ms=WAIT_MS))
        (answer,) = await received
        assert (answer.id, answer.code, answer.receipt) == (transaction_id(first), Code.OK, None)
        await reached(lambda: len(hands.pool) == 3)
        assert not waiting.done()
        await asyncio.to_thread(hands.engine.step)
        return await waiting

    answers = asyncio.run(run())
    assert [decode_receipt(answer.receipt).transaction for answer in answers] == [
        transaction_id(envelope).hex() for envelope in (second, third)
    ]
    assert gated.batches == [3]


@pytest.mark.requirement("BJ.compatibility.interoperability.02c")
def test_the_same_envelope_twice_at_once(hands, gated, actor):
    """One transaction, one receipt, both told; sent again after its block, the same receipt as REPLAYED."""
    envelope = actor.put(now=hands.now)

    async def run():
        tasks = [asyncio.create_task(gated.intake.submit([envelope], wait=True, timeout_ms=WAIT_MS)) for _ in range(2)]
        await reached(lambda: len(hands.pool) == 1)
        await asyncio.to_thread(hands.engine.step)
        both = [await task for task in tasks]
        return [*both, await gated.intake.submit([envelope, envelope], wait=True, timeout_ms=WAIT_MS)]

    (one,), (other,), again = asyncio.run(run())
    assert one == other
    assert one.receipt == hands.application.receipt(one.id)
    assert [(answer.code, answer.receipt) for answer in again] == [(Code.REPLAYED, one.receipt)] * 2


def test_a_full_queue_refuses_at_once_with_a_hint(hands, actor):
    gated = Gated(Submitter(hands.application, hands.pool, lambda: None))
    intake = Intake(gated, IntakeLimits(envelopes_max=4))
    envelopes = [actor.put(now=hands.now) for _ in range(7)]

    async def run():
        gated.open.clear()
        first = asyncio.create_task(intake.submit([envelopes[0]], wait=False))
        await reached(gated.entered.is_set)
        # The check is under way and the queue is empty again: it takes four, and no more.
        tasks = [asyncio.create_task(intake.submit([envelope], wait=False)) for envelope in envelopes[1:5]]
        await asyncio.sleep(0)
        assert intake.queued == 4
        start = time.monotonic()
        refused = await intake.submit(envelopes[5:], wait=True, timeout_ms=WAIT_MS)
        assert time.monotonic() - start < 1
        gated.open.set()
        taken = await asyncio.gather(first, *tasks)
        return refused, taken, await intake.submit([envelopes[5]], wait=False)

    refused, taken, later = asyncio.run(run())
    intake.close()
    assert [answer.code for answer in refused] == [Code.POOL_FULL] * 2
    assert all(10 <= answer.retry_after_ms <= 10_000 for answer in refused)
    assert [answer.code for (answer,) in taken] == [Code.OK] * 5
    assert later[0].code == Code.OK
    assert intake.queued == 0


def test_a_full_queue_by_bytes_and_an_empty_one_that_takes_any_request(hands, actor):
    envelopes = [actor.put(now=hands.now) for _ in range(3)]
    gated = Gated(Submitter(hands.application, hands.pool, lambda: None))
    intake = Intake(gated, IntakeLimits(bytes_max=len(envelopes[0]) + 10))

    async def run():
        gated.open.clear()
        first = asyncio.create_task(intake.submit(envelopes, wait=False))
        await reached(gated.entered.is_set)
        second = asyncio.create_task(intake.submit([b"junk"], wait=False))
        await asyncio.sleep(0)
        third = await intake.submit(envelopes, wait=False)
        gated.open.set()
        return await first, await second, third

    first, second, third = asyncio.run(run())
    intake.close()
    assert [answer.code for answer in first] == [Code.OK] * 3
    assert 100 <= second[0].code < 200
    assert [answer.code for answer in third] == [Code.POOL_FULL] * 3


def test_a_full_pool_answers_pool_full(chain, actor):
    options = NodeOptions(pool=with_pool(transactions_max=2).pool, blocks=BlockOptions(linger_ms=500))
    with open_embedded(chain, options=options) as node:
        intake = Intake(node.submitter)
        answers = asyncio.run(intake.submit([actor.put() for _ in range(4)], wait=True, timeout_ms=WAIT_MS))
        intake.close()
    assert [answer.code for answer in answers] == [Code.OK] * 2 + [Code.POOL_FULL] * 2
    assert all(answer.receipt for answer in answers[:2])
    assert all(answer.retry_after_ms for answer in answers[2:])


def test_when_the_time_is_over_what_is_known_is_told(hands, gated, actor):
    """Those still open are TIMED_OUT with their ids, the refused ones keep their code, and they may yet commit."""
    envelope = actor.put(now=hands.now)

    async def run():
        start = time.monotonic()
        answers = await gated.intake.submit([b"junk", envelope], wait=True, timeout_ms=100)
        assert 0.05 < time.monotonic() - start < 5
        return answers

    junk, open_ = asyncio.run(run())
    assert 100 <= junk.code < 200
    assert open_ == Acknowledgement(transaction_id(envelope), Code.TIMED_OUT)
    assert hands.engine.step()
    assert hands.application.receipt(open_.id) is not None


def test_the_time_may_be_over_before_the_check(hands, gated, actor):
    envelopes = [actor.put(now=hands.now) for _ in range(2)]

    async def run():
        gated.open.clear()
        first = asyncio.create_task(gated.intake.submit([envelopes[0]], wait=True, timeout_ms=30))
        await reached(gated.entered.is_set)
        second = await gated.intake.submit([envelopes[1]], wait=True, timeout_ms=30)
        answers = [*(await first), *second]
        gated.open.set()
        return answers

    answers = asyncio.run(run())
    assert answers == [Acknowledgement(transaction_id(envelope), Code.TIMED_OUT) for envelope in envelopes]
    gated.intake.close()
    assert len(hands.pool) == 2  # "timed out" is no refusal: both are in hand, and may yet be committed


def test_a_client_that_goes_away_leaves_nothing(hands, gated, actor):
    """Cancelled in the queue: never handed in. Cancelled while waiting: its request is forgotten with its block."""
    envelopes = [actor.put(now=hands.now) for _ in range(3)]

    async def run():
        gated.open.clear()
        checked = asyncio.create_task(gated.intake.submit([envelopes[0]], wait=True, timeout_ms=WAIT_MS))
        await reached(gated.entered.is_set)
        queued = asyncio.create_task(gated.intake.submit([envelopes[1]], wait=True, timeout_ms=WAIT_MS))
        stays = asyncio.create_task(gated.intake.submit([envelopes[2]], wait=True, timeout_ms=WAIT_MS))
        await reached(lambda: gated.intake.queued == 2)
        futures = [weakref.ref(task) for task in (checked, queued)]
        queued.cancel()
        await asyncio.sleep(0)
        gated.open.set()
        await reached(lambda: len(hands.pool) == 2)
        checked.cancel()
        for task in (checked, queued):
            with pytest.raises(asyncio.CancelledError):
                await task
        del checked, queued, task
        await asyncio.to_thread(hands.engine.step)
        assert (await stays)[0].receipt
        await asyncio.sleep(0)
        gc.collect()
        return [future() for future in futures]

    assert asyncio.run(run()) == [None, None]
    requests = [thing for thing in gc.get_objects() if isinstance(thing, intake_module._Request)]
    assert not [request for request in requests if request.gone and request.envelopes]
    assert sorted(hands.application.blocks.envelopes(1)) == sorted([envelopes[0], envelopes[2]])
    assert not hands.pool._waiting


def test_closing_while_some_wait(hands, gated, actor):
    """What is queued is handed in, nothing more is taken, and stopping the engine answers who waits."""
    first, second = (actor.put(now=hands.now) for _ in range(2))

    async def run():
        gated.open.clear()
        tasks = [asyncio.create_task(gated.intake.submit([first], wait=True, timeout_ms=WAIT_MS))]
        await reached(gated.entered.is_set)
        tasks.append(asyncio.create_task(gated.intake.submit([second], wait=True, timeout_ms=WAIT_MS)))
        await asyncio.sleep(0)
        gated.intake.drain()
        assert (await gated.intake.submit([first], wait=True))[0].code == Code.NODE_STOPPING
        gated.open.set()
        await asyncio.to_thread(gated.intake.close)
        assert len(hands.pool) == 2
        assert not any(task.done() for task in tasks)
        await asyncio.to_thread(hands.engine.stop, drain=False)
        return [answer for task in tasks for answer in await task]

    answers = asyncio.run(run())
    assert [answer.code for answer in answers] == [Code.NODE_STOPPING] * 2
    assert [answer.id for answer in answers] == [transaction_id(envelope) for envelope in (first, second)]
    gated.intake.close()


def test_a_loop_that_is_gone_stops_nobody(hands, gated, actor):
    """The engine's thread meets a closed loop: the block counts, and others are answered."""
    envelope = actor.put(now=hands.now)

    async def leave():
        task = asyncio.create_task(gated.intake.submit([envelope], wait=True, timeout_ms=WAIT_MS))
        await reached(lambda: len(hands.pool) == 1)
        asyncio.get_running_loop().stop()
        await task

    with pytest.raises(RuntimeError):
        asyncio.run(leave())
    other = asyncio.new_event_loop()
    task = other.create_task(gated.intake.submit([actor.put(now=hands.now)], wait=False))
    (answer,) = other.run_until_complete(task)
    assert answer.code == Code.OK
    assert hands.engine.step()
    assert len(hands.application.blocks.envelopes(1)) == 2
    other.close()


def test_two_loops_are_woken_each_for_its_own(node, actor):
    intake = Intake(node.submitter)
    answers = {}

    def client(name):
        async def run():
            return await asyncio.gather(
                *(intake.submit([actor.put()], wait=True, timeout_ms=WAIT_MS) for _ in range(20))
            )

        answers[name] = asyncio.run(run())

    threads = [threading.Thread(target=client, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    intake.close()
    assert all(answer.receipt for name in "ab" for (answer,) in answers[name])


def test_a_check_that_fails_by_mistake_is_answered_and_the_next_one_works(hands, gated, actor):
    broken = gated.submitter.hand_in

    def fail(*_args):
        gated.submitter.hand_in = broken
        raise ZeroDivisionError

    gated.submitter.hand_in = fail

    async def run():
        first = await gated.intake.submit([b"a", b"b"], wait=True, timeout_ms=WAIT_MS)
        return first, await gated.intake.submit([actor.put(now=hands.now)], wait=False)

    first, second = asyncio.run(run())
    assert first == [Acknowledgement(b"", Code.INTERNAL)] * 2
    assert second[0].code == Code.OK


def test_a_node_that_stopped_says_why(chain, actor):
    node = open_embedded(chain, options=SMALL)
    intake = Intake(node.submitter)
    node.engine.stop()
    answers = asyncio.run(intake.submit([actor.put(), b"junk"], wait=True, timeout_ms=WAIT_MS))
    assert answers[0].code == Code.NODE_STOPPING
    assert 100 <= answers[1].code < 200
    intake.close()
    intake.close()
    node.close()


class Others:
    """Other nodes, of which as many hold a transaction as the test says; they tell from a thread of their own."""

    def __init__(self, wanted, holding):
        self.wanted, self.holding = wanted, holding
        self.asked = []

    def copies(self):
        return self.wanted

    def when_received(self, ids, done, timeout_s):
        self.asked.append((list(ids), timeout_s))
        threading.Thread(target=done, args=(self.holding,)).start()


@pytest.mark.requirement("GD.architecture.network.02")
@pytest.mark.parametrize(("wanted", "holding", "code"), [(1, 0, Code.OK), (2, 2, Code.OK), (3, 2, Code.TIMED_OUT)])
def test_received_means_that_as_many_nodes_as_agreed_hold_it(hands, actor, wanted, holding, code):
    others = Others(wanted, holding)
    intake = Intake(Submitter(hands.application, hands.pool, lambda: None), spreading=others)
    good, bad = actor.put(now=hands.now), b"\x00"
    try:
        taken, refused = asyncio.run(intake.submit([good, bad], wait=False))
    finally:
        intake.close()
    assert taken.code is code
    assert refused.code is Code.ENVELOPE_MALFORMED
    # Only what was taken is asked about, and only where others are to hold it; it is ordered all the same.
    assert [ids for ids, _ in others.asked] == ([[taken.id]] if wanted > 1 else [])
    assert hands.engine.step()


def test_who_waits_for_a_receipt_waits_for_no_other_node(node, actor):
    others = Others(5, 0)
    intake = Intake(node.submitter, spreading=others)
    try:
        (answer,) = asyncio.run(intake.submit([actor.put()], wait=True, timeout_ms=WAIT_MS))
    finally:
        intake.close()
    assert answer.receipt
    assert others.asked == []
