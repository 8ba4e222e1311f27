"""Who keeps copies of what comes to a node: another one each minute, and nobody who does not acknowledge."""

import pytest

from govchain.consensus.exchange import ForwardingOptions
from govchain.consensus.exchange.forwarding import KEEPERS_S, Forwarder
from tests.consensus.exchange.kit import Counter, members, wait_until
from tests.ledger.kit import CHAIN, put
from tests.peers.kit import now_ms


class Hand:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def keepers():
    """A forwarder by hand beside a running member, the clock of it, and the three others in the order of keys."""
    with members(4) as (first, *others):
        hand = Hand()
        forwarder = Forwarder(
            CHAIN, first.key, first.application, first.pool, first.network, now_ms, ForwardingOptions(2), hand
        )
        for other in others:
            forwarder.connected(other.key, 1)

        def pass_on(*envelopes):
            first.submit(*envelopes)
            prepared = [item for item in first.pool.candidates() if item.envelope in envelopes]
            forwarder.arrived(prepared)
            forwarder.turn()
            return [item.id for item in prepared]

        yield pass_on, forwarder, hand, others


def test_who_keeps_copies_changes(keepers):
    """No single member is trusted with everything that comes to a node."""
    pass_on, _, hand, others = keepers
    kept = []
    for number in range(4):
        envelope = put(others[0].kit.department)
        pass_on(envelope)
        wait_until(lambda envelope=envelope: any(other.has(envelope) for other in others), "a copy")
        kept.append([other.has(envelope) for other in others].index(True))
        hand.now += KEEPERS_S - (0.5 if number == 3 else 0)
    assert kept == [0, 1, 2, 0]


def test_who_does_not_acknowledge_gives_way_to_the_next(keepers):
    pass_on, forwarder, hand, (second, third, fourth) = keepers
    second.network.stop()
    wait_until(lambda: second.key not in third.network.connected(CHAIN), "its end")
    envelopes = [put(third.kit.department) for _ in range(3)]
    ids = pass_on(*envelopes)

    def copied():
        hand.now += 0.1
        forwarder.turn()
        return third.has(*envelopes)

    wait_until(copied, "another one's copies")
    heard = Counter()
    forwarder.when_received(ids, heard, 30)
    wait_until(lambda: forwarder.turn() or heard.value == 2, "what it acknowledged")
    assert len(fourth.pool) == 0
