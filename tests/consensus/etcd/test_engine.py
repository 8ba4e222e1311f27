"""Three members, three etcd processes: order, certificates, restarts, clocks, blocks of every size."""

from __future__ import annotations

import threading

import pytest

from govchain.consensus import Engine
from govchain.consensus.etcd.records import encode_content
from govchain.model import Code
from govchain.proof.certificates import decode_certificate, verify_certificate
from tests.consensus.etcd.kit import Hands, Net, RaftKit
from tests.consensus.kit import PATIENCE_S, wait_until

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One network for the tests that leave it whole."""
    with Net(tmp_path_factory.mktemp("net")) as net:
        net.nodes[0].put()
        yield net


@pytest.mark.requirement(
    "BJ.function.consensus.01",
    "BJ.function.ledger.02",
    "BJ.function.ledger.04",
    "GD.architecture.consensus.01",
    "JX.base.consensus.01",
)
def test_any_member_orders_and_all_execute(shared):
    for node in shared.nodes:
        assert node.put(3) == [Code.OK] * 3
    shared.settle()
    assert all(node.notices == [] and node.problems == [] for node in shared.nodes)


def test_every_block_gets_the_certificate_of_a_majority(shared):
    shared.nodes[1].put(2)
    shared.settle()
    for node in shared.nodes:
        node.wait_certificates()
        for height, identity in enumerate(node.identities(), 1):
            certificate = decode_certificate(node.application.blocks.certificate(height))
            header = node.application.blocks.decoded_header(height)
            verify_certificate(shared.kit.machine.suite, header, identity, certificate)
            assert len(certificate.signatures) >= 2


def test_all_members_at_once(shared):
    """Everything that anybody submits is ordered once, whoever was first each time."""
    before = shared.nodes[0].height
    tickets = []

    def submit(node):
        for _ in range(10):
            codes, ticket = node.submit(*(node.record() for _ in range(5)))
            assert codes == [Code.OK] * 5
            tickets.append(ticket)

    threads = [threading.Thread(target=submit, args=(node,)) for node in shared.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ticket in tickets:
        assert ticket.wait(PATIENCE_S)
        assert {outcome.code for outcome in ticket.outcomes} == {Code.OK}
    shared.settle()
    blocks = shared.nodes[0].application.blocks
    seen = [each for height in range(before + 1, shared.nodes[0].height + 1) for each in blocks.envelopes(height)]
    assert len(seen) == len(set(seen)) == 150


def test_nobody_is_left_behind_by_a_busy_proposer(shared):
    """One member always holds more; another's transaction, which nobody forwards, is ordered all the same."""
    busy, other = shared.nodes[0], shared.nodes[2]
    stop = threading.Event()

    def load():
        while not stop.is_set():
            if len(busy.pool) < 200:
                busy.submit(*(busy.record() for _ in range(20)))
            else:
                stop.wait(0.005)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        wait_until(lambda: len(busy.pool) >= 50, "load")
        assert other.put() == [Code.OK]
        assert other.put() == [Code.OK]
    finally:
        stop.set()
        thread.join()
    wait_until(lambda: not len(busy.pool), "the rest")
    shared.settle()


def test_times_rise_and_are_the_proposers(shared):
    for node in shared.nodes:
        node.put()
    shared.settle()
    blocks = shared.nodes[2].application.blocks
    times = [blocks.header_time(height) for height in range(1, shared.nodes[2].height + 1)]
    assert times == sorted(set(times))


def test_status_says_who_is_there(shared):
    engine: Engine = shared.nodes[0].engine
    wait_until(lambda: engine.status().peers == 2, "beacons")
    status = engine.status()
    assert (status.name, status.running, status.problem, status.validators_missing) == ("etcd", True, None, ())
    assert status.round >= 2
    assert status.proposer in {"node-0", "node-1", "node-2"}
    assert status.height == shared.nodes[0].application.info().engine_height


def test_an_idle_network_orders_nothing(shared):
    shared.settle()
    height, engine_height = shared.nodes[0].height, shared.nodes[0].engine.status().height
    assert not threading.Event().wait(1.5)
    assert {node.height for node in shared.nodes} == {height}
    assert {node.engine.status().height for node in shared.nodes} == {engine_height}


@pytest.mark.requirement("BJ.compliance.record.01")
def test_a_block_that_may_not_be_is_passed_over_by_all(shared):
    """A member orders garbage, a replay, nothing: no ledger block, the same for everyone, and the chain goes on."""
    node = shared.nodes[0]
    node.put()
    shared.settle()
    old = node.application.blocks.envelopes(node.height)
    height = node.height
    for content in (b"\xff" * 50, encode_content([b"garbage"]), encode_content(old), encode_content([])):
        at = node.log.tip()
        assert node.log.append(at, node.record_after(at, content), content) is not None
    assert shared.nodes[1].put() == [Code.OK]
    shared.settle(height + 1)
    assert {each.height for each in shared.nodes} == {height + 1}
    assert {each.application.info().engine_height for each in shared.nodes} == {height + 5}
    for each in shared.nodes:
        assert [code for code, _ in each.notices] == [Code.BLOCK_INVALID] * 4
        assert "passed over" in each.notices[0][1]
        each.notices.clear()


def test_what_was_sent_before_is_refused_everywhere(shared):
    record = shared.nodes[0].record()
    _, ticket = shared.nodes[0].submit(record)
    assert ticket.wait(PATIENCE_S)
    shared.settle()
    for node in shared.nodes:
        assert node.submit(record)[0] == [Code.REPLAYED]


def test_a_stop_orders_what_the_pool_holds(shared):
    node = shared.nodes[2]
    codes, ticket = node.submit(*(node.record() for _ in range(20)))
    node.engine.stop(drain=True)
    assert codes == [Code.OK] * 20
    assert [outcome.code for outcome in ticket.outcomes] == [Code.OK] * 20
    assert node.submit(node.record())[0] == [Code.NODE_STOPPING]
    assert not node.engine.status().running
    node.stop()
    shared.again(2).put()
    shared.settle()


@pytest.mark.requirement("BJ.compliance.record.04c")
def test_a_member_that_was_away_catches_up(shared):
    shared.nodes[1].stop()
    for _ in range(5):
        shared.nodes[0].put(2)
    shared.again(1)
    shared.settle()
    assert shared.nodes[1].put() == [Code.OK]


@pytest.mark.requirement("BJ.function.timing.04")
def test_a_clock_that_jumps_stops_proposing_and_still_follows(shared):
    node = shared.nodes[0]
    node.hands.ahead_ms = 3_600_000
    wait_until(lambda: node.problems != [], "the problem")
    assert node.problems[0][0] == Code.NODE_CLOCK
    assert "moved by" in node.problems[0][1]
    assert node.engine.status().problem == Code.NODE_CLOCK
    shared.nodes[1].put(3)
    shared.settle()
    newest = shared.nodes[1].application.info().time
    assert newest < shared.nodes[1].hands.wall() + 1_000
    node.stop()
    shared.again(0)
    shared.settle()


def test_a_clock_that_was_wrong_from_the_start_never_proposes(shared):
    """The others' beacons say so, before its first block; what the others order it executes."""
    shared.nodes[2].stop()
    hands = Hands()
    hands.ahead_ms = 7_200_000
    wrong = shared.again(2, hands=hands)
    wrong.submit(wrong.record())
    wait_until(lambda: wrong.problems != [], "the problem")
    assert wrong.problems[0][0] == Code.NODE_CLOCK
    assert "members' clocks" in wrong.problems[0][1]
    shared.nodes[0].put(2)
    shared.settle()
    assert [node.problems for node in shared.nodes[:2]] == [[], []]
    wrong.stop()
    shared.again(2)
    shared.settle()


def test_large_blocks_go_in_chunks(tmp_path):
    """More than one request of etcd takes: chunks first, and every member has the same block."""
    kit = RaftKit(limits={"block_bytes_max": 8 * 1024 * 1024})
    with Net(tmp_path, kit=kit, linger_ms=400, block_bytes_max=8 * 1024 * 1024) as net:
        net.nodes[0].put()
        node = net.nodes[1]
        envelopes = [node.record() for _ in range(4_000)]
        codes, ticket = node.submit(*envelopes)
        assert codes == [Code.OK] * len(envelopes)
        assert ticket.wait(PATIENCE_S)
        net.settle()
        blocks = net.nodes[2].application.blocks
        largest = max(sum(map(len, blocks.envelopes(height))) for height in range(1, net.nodes[2].height + 1))
        assert largest > 2 * 1024 * 1024
