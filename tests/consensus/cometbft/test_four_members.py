"""Four members, each a process with an engine of its own: one ledger, through kills, pauses and absences."""

import os
import signal
import time

import pytest

from tests.consensus.cometbft.kit import Network, now_ms, wait_until
from tests.ledger.kit import id_of

pytestmark = pytest.mark.net
#: An absent proposer costs less time than in earnest.
OPTIONS = {"timeout_propose_ms": 1_500}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """One network for the file; every test leaves all four running."""
    made = Network(tmp_path_factory.mktemp("four"), 4, options=OPTIONS)
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def healthy(net):
    yield
    for member in net.members:
        if member.process.poll() is not None:
            member.start()
    net.commit(net.put())
    assert {each["problem"] for each in net.agree()} == {None}


def engine_heights(net):
    return [member.facts()["engine_height"] for member in net.members]


@pytest.mark.requirement("GD.architecture.consensus.01")
def test_all_make_the_same_blocks(net):
    outcomes = net.commit(*net.puts(200))
    assert {each["code"] for each in outcomes} == {"OK"}
    facts = net.agree(least=1)
    assert facts[0]["identities"][-1] == facts[0]["app_hash"]
    assert {tuple(map(tuple, each["validators"])) for each in facts} == {tuple(map(tuple, facts[0]["validators"]))}
    assert [power for _, power in facts[0]["validators"]] == [1] * 4
    wait_until(lambda: {each.facts()["peers"] for each in net.members} == {3}, "three peers each")
    assert {each["proposer"] for each in facts} <= {"node-0", "node-1", "node-2", "node-3"}


def test_a_transaction_that_one_member_holds_is_committed_by_all(net):
    outcome = net[2].commit(net.put())[0]
    assert net.agree(least=outcome["height"])


def test_an_idle_network_makes_no_ledger_block_and_few_engine_blocks(net):
    before = net.agree()
    begun = time.monotonic()
    start = max(engine_heights(net))
    wait_until(lambda: min(engine_heights(net)) >= start + 4, "idle engine blocks")
    took = time.monotonic() - begun
    after = net.agree()
    assert (max(engine_heights(net)) - start) / took <= 2
    assert [(each["height"], each["app_hash"]) for each in after] == [
        (each["height"], each["app_hash"]) for each in before
    ]


@pytest.mark.requirement("BJ.function.consensus.03")
def test_one_that_was_killed_under_load_catches_up(net):
    lost = net[3]
    others = net.members[:3]
    lost.kill()
    height = net.agree(others)[0]["height"]
    acknowledged = [net.commit(*net.puts(5), members=others)[-1] for _ in range(10)]
    assert acknowledged[-1]["height"] >= height + 10
    wait_until(lambda: "node-3" in others[0].facts()["missing"], "others say who is missing")
    lost.start()
    net.agree(least=acknowledged[-1]["height"])


def test_without_a_quorum_nothing_moves_and_nothing_is_lost(net):
    net[0].kill()
    net[1].kill()
    left = net.members[2:]
    places = left[0].submit(*net.puts(3))
    wait_until(lambda: set(left[0].facts()["missing"]) >= {"node-0", "node-1"}, "it says whom it waits for")
    stood = [each.facts()["height"] for each in left]
    time.sleep(2)  # that nothing happens takes time to see
    assert [each.facts()["height"] for each in left] == stood
    for each in left:
        wait_until(lambda each=each: each.facts()["problem"] == "ENGINE_UNREACHABLE", "it says that no block comes")
    assert [each.facts()["running"] for each in left] == [True, True]
    net[0].start()
    net[1].start()
    assert all(each["height"] for each in left[0].settled(places))
    net.agree(least=max(stood) + 1)


@pytest.mark.requirement("GD.technical.reliability.01")
def test_all_killed_at_once_go_on_where_they_were(net):
    envelopes = net.puts(20)
    acknowledged_ids = [id_of(each).hex() for each in envelopes]
    acknowledged = net.commit(*envelopes)[-1]
    identities = net.agree(least=acknowledged["height"])[0]["identities"]
    for member in net.members:
        member.submit(*net.puts(20))  # at work when it ends
    for member in net.members:
        member.process.kill()
    for member in net.members:
        member.process.wait()
    for member in net.members:
        member.start()
    assert net.commit(net.put())[0]["height"] > acknowledged["height"]
    assert net.agree()[0]["identities"][: len(identities)] == identities
    for member in net.members:
        assert None not in member.ask("receipts", "receipts", ids=acknowledged_ids)


def test_after_a_pause_of_all_times_are_in_order_and_present(net):
    """The engine's block time is that of the votes before it: the first block after a pause lies in the past."""
    before = net.agree()[0]
    for member in net.members:
        member.stop()
    time.sleep(7)  # more than the lag from which a proposer proposes nothing
    for member in net.members:
        member.start()
    begun = now_ms()
    outcome = net.commit(net.put())[0]
    facts = net.agree(least=outcome["height"])[0]
    assert facts["times"][before["height"]] > before["times"][-1] + 7_000
    assert facts["times"][outcome["height"] - 1] >= begun - 5_000


def test_a_suspended_engine_is_outrun_and_catches_up(net):
    pid = net[1].facts()["pid"]
    os.kill(pid, signal.SIGSTOP)
    others = [net[0], net[2], net[3]]
    try:
        height = net.commit(*net.puts(5), members=others)[-1]["height"]
        for _ in range(4):
            height = net.commit(net.put(), members=others)[-1]["height"]
        assert net[1].facts()["height"] < height
    finally:
        os.kill(pid, signal.SIGCONT)
    net.agree(least=height)
    assert net[1].facts()["starts"] == 1
    assert net[1].facts()["pid"] == pid


def test_a_suspended_member_is_outrun_and_catches_up(net):
    member = net[2]
    member.process.send_signal(signal.SIGSTOP)
    others = [net[0], net[1], net[3]]
    try:
        height = 0
        for _ in range(4):
            height = net.commit(net.put(), members=others)[-1]["height"]
    finally:
        member.process.send_signal(signal.SIGCONT)
    net.agree(least=height)


def test_an_engine_that_is_killed_comes_back_alone(net):
    killed = net[0].kill_engine()
    outcome = net.commit(net.put())[0]
    facts = net.agree(least=outcome["height"])[0]
    assert facts["pid"] not in (None, killed)
    assert facts["starts"] >= 2


def test_a_member_ends_voting_while_it_follows_and_begins_again(net):
    member, others = net[3], net.members[:3]
    net[3].ask("vote", "votes", votes=False)
    height = net.commit(*net.puts(3), members=others)[-1]["height"]
    wait_until(lambda: "node-3" in net[0].facts()["missing"], "its votes are missing")
    net.agree(least=height)
    assert member.facts()["pid"]
    assert member.process.poll() is None
    net[3].ask("vote", "votes", votes=True)
    wait_until(lambda: "node-3" not in net[0].facts()["missing"], "it votes again")


@pytest.mark.requirement("BJ.function.consensus.02a")
def test_one_that_is_alone_records_nothing(net):
    alone, others = net[1], [net[0], net[2], net[3]]
    before = net.agree()[0]
    for member in others:
        member.process.send_signal(signal.SIGSTOP)
        os.kill(member.engine, signal.SIGSTOP)
    try:
        places = alone.submit(*net.puts(3))
        # At least two: some may have voted in this round before they were cut off.
        wait_until(lambda: len(alone.facts()["missing"]) >= 2, "it waits for the others")
        time.sleep(1)  # that nothing happens takes time to see
        assert (alone.facts()["height"], alone.facts()["app_hash"]) == (before["height"], before["app_hash"])
        assert not [place for place in places if place in alone.outcomes]
    finally:
        for member in others:
            os.kill(member.engine, signal.SIGCONT)
            member.process.send_signal(signal.SIGCONT)
    assert all(each["height"] for each in alone.settled(places))
