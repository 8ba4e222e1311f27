"""The pool: bounded, first in first out, one id once, everyone told (ARCHITECTURE decision 3)."""

import threading

import pytest

from govchain.consensus import CheckResult, Outcome, Pool, PoolLimits, Ticket
from govchain.model import Code
from tests.consensus.kit import PATIENCE_S, results
from tests.ledger.kit import make, make_body, put, put_payload, sign


@pytest.fixture
def envelopes(small_kit):
    return [put(small_kit.department) for _ in range(6)]


def test_first_in_first_out(small_kit, envelopes):
    pool = Pool()
    assert pool.add_many(results(small_kit, *envelopes)) == [Code.OK] * 6
    assert [prepared.envelope for prepared in pool.candidates()] == envelopes
    assert len(pool) == 6
    assert pool.size_bytes == sum(map(len, envelopes))


def test_what_was_refused_stays_outside(small_kit, envelopes):
    pool = Pool()
    checked = results(small_kit, *envelopes)
    refused = CheckResult(Code.ROLE_MISSING, checked[0].prepared)
    assert pool.add_many([refused, checked[1]]) == [Code.ROLE_MISSING, Code.OK]
    assert len(pool) == 1


def test_bound_by_count(small_kit, envelopes):
    pool = Pool(PoolLimits(transactions_max=4))
    assert pool.add_many(results(small_kit, *envelopes)) == [Code.OK] * 4 + [Code.POOL_FULL] * 2
    assert len(pool) == 4
    taken = pool.candidates()[:1]
    pool.settle(((prepared, Outcome(Code.OK, 1)) for prepared in taken), committed=True, seconds=0.1)
    assert pool.add_many(results(small_kit, envelopes[4])) == [Code.OK]


def test_bound_by_bytes(small_kit, envelopes):
    pool = Pool(PoolLimits(bytes_max=sum(map(len, envelopes[:3]))))
    assert pool.add_many(results(small_kit, *envelopes)) == [Code.OK] * 3 + [Code.POOL_FULL] * 3
    assert pool.size_bytes <= pool.limits.bytes_max


def test_the_same_envelope_again_waits_along(small_kit, envelopes):
    pool, first, second = Pool(), Ticket(1), Ticket(1)
    assert pool.add_many(results(small_kit, envelopes[0]), first) == [Code.OK]
    assert pool.add_many(results(small_kit, envelopes[0]), second) == [Code.OK]
    assert len(pool) == 1
    (prepared,) = pool.candidates()
    outcome = Outcome(Code.OK, 3, 0, b"receipt")
    pool.settle([(prepared, outcome)], committed=True, seconds=1)
    assert first.outcomes == second.outcomes == [outcome]
    assert (len(pool), pool.size_bytes) == (0, 0)


def test_another_envelope_of_the_same_id(small_kit):
    """A second valid signature over the body: not held twice, and told apart."""
    body = make_body("evidence.put", put_payload(), small_kit.department)
    one, other = sign(body, small_kit.department), sign(body, small_kit.department)
    pool, ticket = Pool(), Ticket(2)
    assert pool.add_many(results(small_kit, one, other), ticket) == [Code.OK, Code.POOL_DUPLICATE]
    assert [prepared.envelope for prepared in pool.candidates()] == [one]
    # Another proposer ordered the other envelope: whoever waits for the id hears of it.
    (committed,) = results(small_kit, other)
    pool.settle([(committed.prepared, Outcome(Code.OK, 9))], committed=True, seconds=1)
    assert ticket.outcomes[0] == Outcome(Code.OK, 9)
    assert (len(pool), pool.size_bytes) == (0, 0)
    assert pool.find(one) is None


def test_tickets_by_place(small_kit, envelopes):
    """Places need not be the order: a submitter leaves out what it refused itself."""
    pool, ticket = Pool(), Ticket(3)
    pool.add_many(results(small_kit, *envelopes[:2]), ticket, places=[2, 0])
    ticket.settle(1, Outcome(Code.EXPIRED))
    assert not ticket.wait(0)
    for height, prepared in enumerate(pool.candidates(), 1):
        pool.settle([(prepared, Outcome(Code.OK, height))], committed=True, seconds=1)
    assert ticket.wait(0)
    assert ticket.outcomes == [Outcome(Code.OK, 2), Outcome(Code.EXPIRED), Outcome(Code.OK, 1)]
    ticket.settle(1, Outcome(Code.OK))  # the first outcome stays
    assert ticket.outcomes[1] == Outcome(Code.EXPIRED)
    assert Ticket(0).wait(0)


def test_hint_when_to_come_back(small_kit, envelopes):
    """Before anything was drained a default; then about a tenth of the time that draining takes, within bounds."""
    pool = Pool()
    assert pool.retry_after_ms() == 200
    checked = results(small_kit, *envelopes)
    pool.add_many(checked)
    pool.settle([(checked[0].prepared, Outcome(Code.OK, 1))], committed=True, seconds=1.0)
    assert pool.retry_after_ms() == 500  # five at one each second
    slow = Pool()
    slow.add_many(checked)
    slow.settle([(checked[0].prepared, Outcome(Code.OK, 1))], committed=True, seconds=1000.0)
    assert slow.retry_after_ms() == 10_000
    quick = Pool()
    quick.add_many(checked)
    quick.settle([(checked[0].prepared, Outcome(Code.OK, 1))], committed=True, seconds=0.0001)
    assert quick.retry_after_ms() == 10


def test_closing_takes_nothing_more(small_kit, envelopes):
    pool, ticket = Pool(), Ticket(2)
    pool.add_many(results(small_kit, envelopes[0]), ticket)
    pool.close()
    assert pool.add_many(results(small_kit, envelopes[1])) == [Code.NODE_STOPPING]
    assert pool.add_many(results(small_kit, envelopes[0]), ticket, [1]) == [Code.OK]  # it is still being ordered
    assert len(pool) == 1
    pool.abandon(Code.NODE_CLOCK)
    assert ticket.outcomes == [Outcome(Code.NODE_CLOCK)] * 2


def test_after_abandoning_nobody_waits_in_vain(small_kit, envelopes):
    """What was held is let go: sent again it is refused, rather than registered for an outcome that never comes."""
    pool = Pool()
    pool.add_many(results(small_kit, envelopes[0]))
    pool.abandon(Code.DISK_FULL)
    assert (len(pool), pool.size_bytes, pool.candidates()) == (0, 0, [])
    assert pool.add_many(results(small_kit, envelopes[0]), Ticket(1)) == [Code.NODE_STOPPING]


def test_remembered_transactions_are_bounded(small_kit, envelopes):
    """Verified once: found again by the whole envelope, the oldest forgotten first, garbage never kept."""
    pool = Pool(PoolLimits(remembered_max=3))
    checked = [result.prepared for result in results(small_kit, *envelopes)]
    pool.remember(checked)
    assert [pool.find(envelope) is not None for envelope in envelopes] == [False] * 3 + [True] * 3
    assert pool.find(envelopes[5]) is checked[5]
    pool.forget(envelopes[4:])
    assert [pool.find(envelope) is not None for envelope in envelopes[3:]] == [True, False, False]
    assert len(pool) == 0
    bad = results(small_kit, envelopes[0][:-1])[0].prepared
    pool.remember([bad])
    assert pool.find(bad.envelope) is None
    tight = Pool(PoolLimits(bytes_max=len(envelopes[0]) * 2))
    tight.remember(checked)
    assert sum(tight.find(envelope) is not None for envelope in envelopes) == 2


def test_waiting_for_work(small_kit, envelopes):
    pool = Pool()
    assert pool.wait_for_work(0) is False
    found = []
    waiter = threading.Thread(target=lambda: found.append(pool.wait_for_work(PATIENCE_S)))
    waiter.start()
    pool.add_many(results(small_kit, envelopes[0]))
    waiter.join(PATIENCE_S)
    assert found == [True]
    assert pool.wait_for_work(0) is True
    closing = Pool()
    waiter = threading.Thread(target=lambda: found.append(closing.wait_for_work(PATIENCE_S)))
    waiter.start()
    closing.close()
    waiter.join(PATIENCE_S)
    assert found == [True, False]


def test_many_threads(small_kit):
    """Submitters on four threads, some with the same envelopes, and a drainer: each is settled once and for all."""
    envelopes = [put(small_kit.department) for _ in range(400)]
    checked = results(small_kit, *envelopes)
    pool = Pool(PoolLimits(transactions_max=150))
    tickets, done = [], threading.Event()

    def submit(start):
        for at in range(start, start + 300, 10):
            part = checked[at % 400 : at % 400 + 10]
            ticket = Ticket(len(part))
            codes = pool.add_many(part, ticket)
            for place, code in enumerate(codes):
                if code:
                    ticket.settle(place, Outcome(code))
            tickets.append(ticket)

    def drain():
        while not done.is_set() or len(pool):
            pool.wait_for_work(0.01)
            taken = pool.candidates()[:37]
            pool.settle(((item, Outcome(Code.OK, 1)) for item in taken), committed=True, seconds=0.01)

    submitters = [threading.Thread(target=submit, args=(start,)) for start in (0, 100, 200, 300)]
    drainer = threading.Thread(target=drain)
    for thread in (drainer, *submitters):
        thread.start()
    for thread in submitters:
        thread.join(PATIENCE_S)
    done.set()
    drainer.join(PATIENCE_S)
    assert len(tickets) == 120
    assert all(ticket.wait(PATIENCE_S) for ticket in tickets)
    codes = {outcome.code for ticket in tickets for outcome in ticket.outcomes}
    assert codes <= {Code.OK, Code.POOL_FULL}
    assert (len(pool), pool.size_bytes) == (0, 0)


def test_a_ticket_calls_once_when_all_is_settled(small_kit, envelopes):
    """On the thread that settles the last place; a wait that begins later or earlier ends as well."""
    called = []
    ticket = Ticket(3, called.append)
    pool = Pool()
    pool.add_many(results(small_kit, *envelopes[:2]), ticket)
    waited = []
    waiter = threading.Thread(target=lambda: waited.append(ticket.wait(PATIENCE_S)))
    waiter.start()
    pool.settle(((item, Outcome(Code.OK, 1)) for item in pool.candidates()), committed=True, seconds=1)
    assert called == []
    ticket.settle(1, Outcome(Code.EXPIRED))  # a place that is settled already
    assert called == []
    ticket.settle(2, Outcome(Code.POOL_FULL))
    ticket.settle(2, Outcome(Code.OK))
    waiter.join(PATIENCE_S)
    assert (called, waited, ticket.wait(0)) == ([ticket], [True], True)
    assert [outcome.code for outcome in ticket.outcomes] == [Code.OK, Code.OK, Code.POOL_FULL]
    nothing = []
    Ticket(0, nothing.append)
    assert len(nothing) == 1


def test_whoever_waits_is_told_once_for_a_block(small_kit, envelopes):
    """All places that a block settles come in one call for each waiter; abandoning does the same."""

    class Listener:
        def __init__(self):
            self.calls = []

        def settle_many(self, outcomes):
            self.calls.append([(place, outcome.code) for place, outcome in outcomes])

    pool, one, other = Pool(), Listener(), Listener()
    pool.add_many(results(small_kit, *envelopes[:4]), one)
    pool.add_many(results(small_kit, *envelopes[2:]), other, [7, 8, 9, 10])
    held = pool.candidates()
    pool.settle(((item, Outcome(Code.OK, 1)) for item in held[:3]), committed=True, seconds=1)
    assert one.calls == [[(0, Code.OK), (1, Code.OK), (2, Code.OK)]]
    assert other.calls == [[(7, Code.OK)]]
    pool.abandon(Code.NODE_STOPPING)
    assert one.calls[1:] == [[(3, Code.NODE_STOPPING)]]
    assert other.calls[1:] == [[(8, Code.NODE_STOPPING), (9, Code.NODE_STOPPING), (10, Code.NODE_STOPPING)]]


ONE, TWO = b"\x01" * 64, b"\x02" * 64


def many(kit, count, size=0):
    """Envelopes of the department; ``size``: characters of the reference."""
    payload = {**put_payload(), "reference": "x" * size}
    return [make("evidence.put", payload, kit.department) for _ in range(count)]


def test_another_node_has_its_share_and_no_more(small_kit):
    pool = Pool(PoolLimits(transactions_max=12))
    first = many(small_kit, 5)
    assert pool.add_many(results(small_kit, *first), origin=ONE) == [Code.OK] * 3 + [Code.POOL_SHARE] * 2
    assert pool.room(ONE)[0] == 0
    assert pool.add_many(results(small_kit, *many(small_kit, 3)), origin=TWO) == [Code.OK] * 3
    # Who is at this node itself has all that is left.
    assert pool.add_many(results(small_kit, *many(small_kit, 7))) == [Code.OK] * 6 + [Code.POOL_FULL]
    assert pool.room(b"\x03" * 64)[0] == 0
    # What leaves makes room, for whom it was charged to.
    gone = [item for item in pool.candidates() if item.envelope in first[:2]]
    pool.settle(((item, Outcome(Code.OK, 1)) for item in gone), committed=True, seconds=1)
    assert pool.add_many(results(small_kit, *first[2:]), origin=ONE) == [Code.OK] * 3
    assert pool.add_many(results(small_kit, *many(small_kit, 1)), origin=TWO) == [Code.POOL_FULL]


def test_a_share_is_of_bytes_too_and_one_is_always_taken(small_kit):
    envelopes = many(small_kit, 3)
    size = len(envelopes[0])
    pool = Pool(PoolLimits(bytes_max=8 * size + 100))
    assert pool.add_many(results(small_kit, *envelopes), origin=ONE) == [Code.OK, Code.OK, Code.POOL_SHARE]
    narrow = Pool(PoolLimits(transactions_max=3, bytes_max=2 * size + 100))
    assert narrow.room(ONE)[0] == 1
    assert narrow.add_many(results(small_kit, *envelopes[:2]), origin=ONE) == [Code.OK, Code.POOL_SHARE]
    assert narrow.add_many(results(small_kit, envelopes[2])) == [Code.OK]


def test_a_block_is_filled_from_all_origins_in_turn_by_bytes(small_kit):
    pool = Pool()
    flood, others, own = many(small_kit, 40), many(small_kit, 5), many(small_kit, 5)
    pool.add_many(results(small_kit, *flood), origin=ONE)
    pool.add_many(results(small_kit, *others), origin=TWO)
    pool.add_many(results(small_kit, *own))
    turn = [item.envelope for item in pool.in_turn()]
    assert sorted(turn) == sorted([*flood, *others, *own])
    # The flood came first, and has a third of the first fifteen places.
    assert set(turn[:15]) == {*flood[:5], *others, *own}
    for each in (flood, others, own):
        assert [envelope for envelope in turn if envelope in each] == each
    assert [item.envelope for item in pool.candidates()] == [*flood, *others, *own]


def test_whoever_sends_large_ones_gets_no_more_bytes(small_kit):
    pool = Pool()
    large, small = many(small_kit, 20, 100), many(small_kit, 60)
    pool.add_many(results(small_kit, *large), origin=ONE)
    pool.add_many(results(small_kit, *small), origin=TWO)
    given = {ONE: 0, TWO: 0}
    for item in list(pool.in_turn())[:30]:
        given[ONE if item.envelope in large else TWO] += len(item.envelope)
    assert abs(given[ONE] - given[TWO]) <= max(map(len, large))


def test_who_begins_changes_so_that_the_smallest_block_shuts_out_nobody(small_kit):
    pool = Pool()
    for origin in (b"", ONE, TWO):
        pool.add_many(results(small_kit, *many(small_kit, 2)), origin=origin)
    assert len({next(pool.in_turn()).envelope for _ in range(3)}) == 3


def test_nobody_holds_others_back_by_passing_them_on_first(small_kit):
    pool, flood, honest = Pool(), many(small_kit, 20), many(small_kit, 1)
    pool.add_many(results(small_kit, *flood, *honest), origin=ONE)
    assert [item.envelope for item in pool.in_turn()][-1] == honest[0]
    pool.claim(honest, TWO)
    assert honest[0] in [item.envelope for item in pool.in_turn()][:2]
    assert len(pool) == 21
    again = many(small_kit, 1)
    pool.add_many(results(small_kit, *again), origin=ONE)
    assert pool.add_many(results(small_kit, *again)) == [Code.OK]
    assert again[0] in [item.envelope for item in pool.in_turn()][:3]
    # Back to the one in front of whom it stood it does not go.
    pool.claim([*honest, *again], ONE)
    assert {*honest, *again} <= set([item.envelope for item in pool.in_turn()][:3])
    for item in pool.candidates():
        pool.settle([(item, Outcome(Code.OK, 1))], committed=True, seconds=1)
    assert list(pool.in_turn()) == []
