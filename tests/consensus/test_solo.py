"""The solo engine: batching, durable before acknowledged, clocks, stopping (ARCHITECTURE decisions 3, 10)."""

from __future__ import annotations

import threading
from itertools import pairwise

import msgspec
import pytest

from govchain.consensus import Engine, PoolLimits
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import CLOCK_JUMP_MS_MAX, BlockOptions, Clock, EngineStatus
from govchain.consensus.solo import SoloEngine
from govchain.model import Code
from govchain.model.wire import Limits
from govchain.services.submission import Submitter
from tests.consensus.kit import PATIENCE_S, FullDisk, Gate, Node, wait_until
from tests.ledger.kit import CREATED, EXPIRES, Kit, put


class Hands:
    """Two clocks that a test moves by hand; time passes on both."""

    def __init__(self):
        self.wall_ms, self.steady_ms = CREATED + 1000, 500

    def clock(self):
        return Clock(lambda: self.wall_ms, lambda: self.steady_ms)

    def advance(self, ms):
        self.wall_ms += ms
        self.steady_ms += ms


class Running:
    """A node with its engine, not started; problems are noted."""

    def __init__(self, kit, store=None, *, options=None, limits=None):
        self.hands = Hands()
        self.node = Node(kit, store, limits=limits, clock=lambda: self.hands.wall_ms)
        self.problems = []
        self.engine = SoloEngine(
            self.node.application,
            self.node.pool,
            self.hands.clock(),
            options,
            OrderingState(on_halt=lambda code, reason: self.problems.append((code, reason))),
        )
        self.submitter = Submitter(self.node.application, self.node.pool, lambda: self.engine.status().problem)

    def submit(self, *envelopes, wait=True, timeout_s=PATIENCE_S):
        return self.submitter.submit(envelopes, wait=wait, timeout_s=timeout_s)

    @property
    def height(self):
        return self.node.application.chain.height


@pytest.fixture
def running(small_kit):
    found = Running(small_kit)
    yield found
    found.engine.stop(drain=False)


def test_one_step_orders_what_the_pool_holds(small_kit, running):
    """Without its thread: nothing to do is no block; everything that fits is one."""
    engine: Engine = running.engine
    assert engine.status() == EngineStatus("solo", running=False, height=0, problem=None)
    assert running.engine.step() is False
    assert running.height == 0
    envelopes = [put(small_kit.department) for _ in range(7)]
    running.node.submit(*envelopes)
    assert running.engine.step() is True
    assert list(running.node.application.blocks.envelopes(1)) == envelopes
    assert running.engine.status().height == 1
    assert running.engine.step() is False


def test_batches_by_size():
    kit = Kit(limits={"block_transactions_max": 4})
    running = Running(kit)
    running.node.submit(*(put(kit.department) for _ in range(10)))
    while running.engine.step():
        running.hands.advance(1)
    headers = [running.node.application.blocks.decoded_header(height) for height in (1, 2, 3)]
    assert [header.transaction_count for header in headers] == [4, 4, 2]
    assert all(before.time < after.time for before, after in pairwise(headers))


def test_batches_by_bytes(small_kit):
    envelopes = [put(small_kit.department) for _ in range(6)]
    running = Running(small_kit, options=BlockOptions(block_bytes_max=2 * max(map(len, envelopes))))
    running.node.submit(*envelopes)
    while running.engine.step():
        pass
    blocks = running.node.application.blocks
    assert [len(blocks.envelopes(height)) for height in (1, 2, 3)] == [2, 2, 2]


def test_every_limit_that_a_chain_may_have_holds(running, monkeypatch):
    asked = []
    monkeypatch.setattr(running.node.application, "prepare_proposal", lambda time, most: asked.append(most) or [])
    assert running.engine.step() is False
    (most,) = asked
    assert msgspec.convert({"block_bytes_max": most}, Limits).block_bytes_max == most
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"block_bytes_max": most + 1}, Limits)


def test_batches_by_time(small_kit):
    """The first transaction lingers for company: those that come meanwhile share its block and its synchronisation."""
    running = Running(small_kit, options=BlockOptions(linger_ms=600))
    envelopes = [put(small_kit.department) for _ in range(5)]
    durable = running.node.store.durable_writes
    running.engine.start()
    tickets = [running.node.submit(envelope)[1] for envelope in envelopes]
    assert all(ticket.wait(PATIENCE_S) for ticket in tickets)
    running.engine.stop()
    assert {outcome.height for ticket in tickets for outcome in ticket.outcomes} == {1}
    assert running.node.store.durable_writes == durable + 1


@pytest.mark.requirement("BJ.function.ledger_app.01")
def test_submitted_committed_acknowledged(small_kit, running):
    running.engine.start()
    assert running.engine.status().running
    good, refused = put(small_kit.department), put(small_kit.accounts[0, "auditor"])
    first, second = running.submit(good, refused)
    assert (first.code, second.code) == (Code.OK, Code.ROLE_MISSING)
    assert first.receipt == running.node.application.receipt(first.id)
    again, _ = running.submit(good, refused)
    assert (again.code, again.receipt) == (Code.REPLAYED, first.receipt)
    running.engine.stop()
    assert not running.engine.status().running


def test_acknowledged_only_when_durable(small_kit):
    """The store is held up in its durable write: until it returns, nobody hears of the block."""
    store = Gate()
    running = Running(small_kit, store)
    running.engine.start()
    store.writes = True
    codes, ticket = running.node.submit(put(small_kit.department))
    assert codes == [Code.OK]
    assert store.waiting.wait(PATIENCE_S)
    assert not ticket.wait(0.1)
    assert running.height == 0
    store.open.set()
    assert ticket.wait(PATIENCE_S)
    assert ticket.outcomes[0].height == running.height == 1
    running.engine.stop()


@pytest.mark.parametrize("jump", [CLOCK_JUMP_MS_MAX + 1, -CLOCK_JUMP_MS_MAX - 1, 10**9, -(10**9)])
def test_a_jump_of_the_clock_stops_the_engine(small_kit, running, jump):
    """It stops saying why; waiters hear it, new submitters too, and no block bears a false time."""
    running.engine.start()
    (first,) = running.submit(put(small_kit.department))
    assert first.code == Code.OK
    running.hands.wall_ms += jump
    (second,) = running.submit(put(small_kit.department))
    wait_until(lambda: running.engine.status().problem is not None, "the engine to notice")
    assert second.code in (Code.NODE_CLOCK, Code.EXPIRED)
    assert running.engine.status() == EngineStatus("solo", running=False, height=1, problem=Code.NODE_CLOCK)
    assert [code for code, _ in running.problems] == [Code.NODE_CLOCK]
    assert str(abs(jump)) in running.problems[0][1]
    assert running.height == 1
    running.hands.wall_ms -= jump
    (third,) = running.submit(put(small_kit.department))
    assert third.code == Code.NODE_CLOCK


def test_a_jump_is_noticed_by_an_idle_engine(small_kit, running):
    running.engine.start()
    running.hands.wall_ms += CLOCK_JUMP_MS_MAX + 1
    wait_until(lambda: running.engine.status().problem is Code.NODE_CLOCK, "the idle engine to look at its clocks")


@pytest.mark.parametrize(("behind", "code"), [(CLOCK_JUMP_MS_MAX, None), (CLOCK_JUMP_MS_MAX + 1, Code.NODE_CLOCK)])
def test_a_clock_behind_the_chain_at_the_start(small_kit, running, behind, code):
    """The clock was set back while the node was down: it starts only where it cannot write a false time for long."""
    running.node.submit(put(small_kit.department))
    assert running.engine.step()
    running.hands.wall_ms -= behind
    running.engine.start()
    assert running.engine.status().problem is code
    if code is None:
        assert running.submit(put(small_kit.department))[0].code == Code.OK
    else:
        assert [found for found, _ in running.problems] == [code]
        assert running.submit(put(small_kit.department))[0].code == code


@pytest.mark.parametrize("correction", [CLOCK_JUMP_MS_MAX, -CLOCK_JUMP_MS_MAX, 0])
def test_small_corrections_and_sleep_are_no_jump(small_kit, running, correction):
    """Up to ten seconds either way; and an hour's sleep moves both clocks."""
    running.engine.start()
    assert running.submit(put(small_kit.department))[0].code == Code.OK
    running.hands.wall_ms += correction
    assert running.submit(put(small_kit.department))[0].code == Code.OK
    running.hands.advance(200_000)
    assert running.submit(put(small_kit.department, expires=EXPIRES + 300_000))[0].code == Code.OK
    assert running.engine.status().running
    times = [running.node.application.blocks.decoded_header(height).time for height in (1, 2, 3)]
    assert times[0] < times[1] < times[2]


def test_stop_drains(small_kit):
    """Everything that was taken is ordered before the engine ends; new ones are refused."""
    kit = Kit(limits={"block_transactions_max": 3})
    running = Running(kit)
    codes, ticket = running.node.submit(*(put(kit.department) for _ in range(10)))
    assert codes == [Code.OK] * 10
    running.engine.start()
    running.engine.stop(drain=True)
    assert [outcome.code for outcome in ticket.outcomes] == [Code.OK] * 10
    assert running.height == 4
    assert running.node.submit(put(kit.department))[0] == [Code.NODE_STOPPING]


def test_stop_without_draining(small_kit):
    """The block in work ends; what was not begun is told that the node is stopping."""
    store = Gate()
    running = Running(small_kit, store, options=BlockOptions(linger_ms=0))
    running.engine.start()
    store.writes = True
    _, first = running.node.submit(put(small_kit.department))
    assert store.waiting.wait(PATIENCE_S)
    _, second = running.node.submit(put(small_kit.department))
    stopper = threading.Thread(target=lambda: running.engine.stop(drain=False))
    stopper.start()
    wait_until(lambda: running.node.submit(put(small_kit.department))[0] == [Code.NODE_STOPPING], "closing")
    store.open.set()
    stopper.join(PATIENCE_S)
    assert first.outcomes[0].code == Code.OK
    assert second.outcomes[0].code == Code.NODE_STOPPING
    assert running.height == 1


def test_draining_ends_though_something_waits_for_its_time(small_kit):
    """What is too far ahead never holds up a stop; what came last is still ordered."""
    running = Running(small_kit)
    early = put(small_kit.department, expires=running.hands.wall_ms + 610_000)
    codes, waiting = running.node.submit(early)
    assert codes == [Code.OK]
    running.engine.start()
    wait_until(lambda: running.engine.status().running, "start")
    tickets = [running.node.submit(put(small_kit.department))[1] for _ in range(20)]
    running.engine.stop(drain=True)
    assert {ticket.outcomes[0].code for ticket in tickets} == {Code.OK}
    assert waiting.outcomes[0].code == Code.NODE_STOPPING


def test_what_is_too_early_is_ordered_when_its_time_comes(small_kit, running):
    early = put(small_kit.department, expires=running.hands.wall_ms + 610_000)
    _, ticket = running.node.submit(early)
    running.engine.start()
    assert running.submit(put(small_kit.department))[0].code == Code.OK
    assert not ticket.wait(0)
    running.hands.advance(10_000)
    assert ticket.wait(PATIENCE_S)
    assert ticket.outcomes[0].code == Code.OK


def test_back_pressure(small_kit):
    """A full pool refuses with a hint; once blocks drain it, it takes again."""
    store = Gate()
    running = Running(small_kit, store, limits=PoolLimits(transactions_max=3), options=BlockOptions(linger_ms=0))
    running.engine.start()
    store.writes = True
    answers = running.submit(*(put(small_kit.department) for _ in range(3)), wait=False)
    assert [answer.code for answer in answers] == [Code.OK] * 3
    (full,) = running.submit(put(small_kit.department), wait=False)
    assert full.code == Code.POOL_FULL
    assert 10 <= full.retry_after_ms <= 10_000
    (known,) = running.submit(put(small_kit.department), wait=True, timeout_s=0.01)
    assert known.code == Code.POOL_FULL
    store.open.set()
    wait_until(lambda: not len(running.node.pool), "the pool to drain")
    assert running.submit(put(small_kit.department))[0].code == Code.OK
    running.engine.stop()


def test_waiting_is_bounded(small_kit, running):
    """The engine is not running: the answer is that no receipt came in time; the transaction may still commit."""
    envelope = put(small_kit.department)
    (answer,) = running.submit(envelope, timeout_s=0.01)
    assert (answer.code, answer.receipt) == (Code.TIMED_OUT, None)
    assert running.engine.step()
    (answer,) = running.submit(envelope)
    assert (answer.code, answer.receipt is not None) == (Code.REPLAYED, True)


def test_a_full_disk(small_kit):
    """The engine stops saying so; nothing is acknowledged that is not durable; later everything goes on."""
    store = FullDisk()
    running = Running(small_kit, store)
    store.room = 3
    running.engine.start()
    answers = [running.submit(put(small_kit.department))[0] for _ in range(6)]
    assert [answer.code for answer in answers] == [Code.OK] * 3 + [Code.DISK_FULL] * 3
    assert [code for code, _ in running.problems] == [Code.DISK_FULL]
    assert running.height == 3
    running.engine.stop()
    store.room = None
    node = running.node.again()
    for answer in answers[:3]:
        assert node.application.receipt(answer.id) == answer.receipt
    assert node.application.receipt(answers[3].id) is None
    assert node.verify_certificates() == 3


class Odd:
    """An application whose commit fails by mistake."""

    def __init__(self, application):
        self.application = application

    def __getattr__(self, name):
        return getattr(self.application, name)

    def commit(self):
        raise ZeroDivisionError


def test_a_mistake_stops_the_engine_and_is_told(small_kit):
    running = Running(small_kit)
    engine = SoloEngine(
        Odd(running.node.application), running.node.pool, running.hands.clock(), None,
        OrderingState(on_halt=lambda code, reason: running.problems.append((code, reason))),
    )  # fmt: skip
    engine.start()
    _, ticket = running.node.submit(put(small_kit.department))
    assert ticket.wait(PATIENCE_S)
    assert ticket.outcomes[0].code == Code.INTERNAL
    engine.stop()
    assert engine.status().problem == Code.INTERNAL
    assert "ZeroDivisionError" in running.problems[0][1]


def test_an_engine_continues_at_its_height(small_kit, running):
    running.node.submit(put(small_kit.department))
    assert running.engine.step()
    node = running.node.again()
    engine = SoloEngine(node.application, node.pool, running.hands.clock())
    assert engine.status().height == 1
    node.submit(put(small_kit.department))
    assert engine.step()
    assert (engine.status().height, node.application.info().engine_height) == (2, 2)


def test_many_submitters(small_kit, running):
    """Eight threads, each transaction acknowledged once with its own receipt, in blocks that share synchronisations."""
    running.engine.start()
    answers = []

    def submit():
        for _ in range(10):
            answers.extend(running.submit(*(put(small_kit.department) for _ in range(3))))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [answer.code for answer in answers] == [Code.OK] * 240
    for answer in answers:
        assert running.node.application.receipt(answer.id) == answer.receipt
    assert len({answer.id for answer in answers}) == 240
    assert running.node.store.durable_writes == running.height + 1 < 240
    assert running.node.verify_certificates() == running.height
