"""One member over a real CometBFT: commits, idles, survives kills of the engine and of everything."""

import random
import time

import pytest

from tests.consensus.cometbft.kit import wait_until
from tests.ledger.kit import id_of

pytestmark = pytest.mark.net


def test_transactions_are_committed_and_idle_blocks_change_nothing(network):
    net = network(1)
    one = net[0]
    outcomes = one.commit(*net.puts(50))
    assert {each["code"] for each in outcomes} == {"OK"}
    assert one.commit(net.put())[0]["height"] > outcomes[-1]["height"]
    before = one.facts()
    assert (before["running"], before["problem"], before["starts"]) == (True, None, 1)
    wait_until(lambda: one.facts()["engine_height"] >= before["engine_height"] + 3, "idle engine blocks")
    after = one.facts()
    assert (after["height"], after["app_hash"]) == (before["height"], before["app_hash"])
    assert after["times"] == sorted(set(after["times"]))
    # PrepareProposal waits for work: about one engine block a second, not as many as the processor gives.
    begun, height = time.monotonic(), after["engine_height"]
    wait_until(lambda: one.facts()["engine_height"] >= height + 2, "two more")
    assert time.monotonic() - begun > 0.9


def test_kills_of_the_engine_and_of_everything_lose_nothing_that_was_acknowledged(network):
    net = network(1)
    one = net[0]
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    acknowledged = {}
    for turn in range(6):
        envelopes = net.puts(20)
        places = one.submit(*envelopes)
        time.sleep(chance.uniform(0.0, 0.3))  # the moment of the kill is what is tried
        if turn % 2:
            one.kill()
            for place, envelope in zip(places, envelopes, strict=True):
                if one.outcomes.get(place, {}).get("height"):
                    acknowledged[id_of(envelope)] = one.outcomes[place]
            one.start()
        else:
            killed = one.kill_engine()
            # The process, and with it the pool, lives on: everything is committed by the engine's successor.
            for envelope, outcome in zip(envelopes, one.settled(places), strict=True):
                assert outcome["height"], outcome
                acknowledged[id_of(envelope)] = outcome
            wait_until(lambda: one.facts()["pid"] not in (None, killed), "its successor")  # noqa: B023 - at once
    one.commit(net.put())
    assert len(acknowledged) >= 60
    assert None not in one.ask("receipts", "receipts", ids=[id.hex() for id in acknowledged])
    facts = one.facts()
    assert len(facts["identities"]) == len(set(facts["identities"])) == facts["height"]
    assert facts["problem"] is None
