"""What three members and their etcd survive: dead leaders and majorities, pauses, laggards, tampering, full disks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading

import msgspec
import pytest

from govchain.consensus.etcd import KeeperLimits
from govchain.consensus.etcd.client import EtcdError, put
from govchain.consensus.etcd.records import Tip, encode_content, encode_record
from govchain.ledger import decode_chain_state, encode_chain_state
from govchain.model import Code
from govchain.node.astray import AstrayWatch
from govchain.state import Batch
from tests.consensus.etcd.kit import TUNING, Net, RaftKit
from tests.consensus.kit import PATIENCE_S, wait_until

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """For the tests that leave it whole; each takes up what the one before left behind."""
    with Net(tmp_path_factory.mktemp("net")) as found:
        found.nodes[0].put()
        yield found


def test_strangers_leave_one_line_in_the_log(tmp_path):
    """Whoever connects to etcd's port without a member's key, however often, pushes nothing out of its log."""
    with Net(tmp_path, kit=RaftKit(1)) as net:
        (node,) = net.nodes
        node.put()
        log = node.options.folder / "etcd.log"
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", node.kit.ports[0]), 10) as stranger:
                stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait_until(lambda: b"rejected connection" in log.read_bytes(), "the line")
        node.put()
        said = log.read_text("utf-8")
        assert said.count("rejected connection") == 1 + said.count("were left out") <= 3


@pytest.fixture
def own_net(tmp_path):
    """For a test that ends it."""
    with Net(tmp_path) as found:
        found.nodes[0].put()
        yield found


class Load:
    """Submits through one member until told to stop; waits for each batch. Afterwards: what was acknowledged."""

    def __init__(self, node):
        self.node, self.acknowledged, self.failures = node, [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            records = [self.node.record() for _ in range(3)]
            codes, ticket = self.node.submit(*records)
            if any(codes) or not ticket.wait(PATIENCE_S):
                self.failures.append(codes)
                continue
            for record, outcome in zip(records, ticket.outcomes, strict=True):
                assert outcome.code == Code.OK
                self.acknowledged.append((record, outcome.height))

    def wait_more(self, count):
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, "progress")

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.acknowledged


def assert_kept(net, acknowledged):
    """Every acknowledged transaction is in the block that was named, on every member."""
    for node in net.nodes:
        for record, height in acknowledged:
            assert record in node.application.blocks.envelopes(height)


@pytest.mark.requirement("BJ.function.consensus.03", "GD.technical.performance.05")
def test_the_leader_dies_under_load(net):
    """kill -9 of the leading etcd: another leads, the dead one is started again, nothing acknowledged is lost."""
    load = Load(net.nodes[0])
    leader = net.leader()
    term = leader.client.state().term
    wait_until(lambda: len(load.acknowledged) > 20, "load")
    old = leader.kill_engine()
    others = [node for node in net.nodes if node is not leader]
    wait_until(lambda: others[0].client.state().term > term and others[0].client.state().leader, "a new leader")
    load.wait_more(20)
    acknowledged = load.stop()
    wait_until(lambda: leader.pid not in (None, old), "a new process")
    net.settle()
    assert_kept(net, acknowledged)
    assert all(node.problems == [] for node in net.nodes)


def test_each_engine_process_dies_in_turn(net):
    """Also the process of the member that submits; what it had in work is settled by reading the tip."""
    load = Load(net.nodes[1])
    for number in (1, 2, 1, 0):
        net.nodes[number].kill_engine()
        load.wait_more(10)
    acknowledged = load.stop()
    assert load.failures == []
    net.settle()
    assert_kept(net, acknowledged)
    heights = [height for _, height in acknowledged]
    assert heights == sorted(heights)


@pytest.mark.requirement("BJ.function.consensus.02a")
def test_two_of_three_die_and_come_back(net):
    """No progress without a majority, the reason in words, nothing lost; on by itself when they are back."""
    net.settle()
    for number in (1, 2):
        net.nodes[number].kill_engine()
        net.nodes[number].stop()
    survivor = net.nodes[0]
    height = survivor.height
    codes, ticket = survivor.submit(survivor.record())
    assert codes == [Code.OK]
    survivor.wait_problem(Code.ENGINE_UNREACHABLE)
    assert not ticket.wait(1.0)
    assert (survivor.height, survivor.problems) == (height, [])
    assert survivor.engine.status().running
    assert survivor.notices[-1][0] == Code.ENGINE_UNREACHABLE
    net.again(1)
    assert ticket.wait(PATIENCE_S)
    assert ticket.outcomes[0].code == Code.OK
    net.again(2)
    net.settle()
    survivor.wait_problem(None)


def test_one_alone_says_who_is_missing(net):
    wait_until(lambda: net.nodes[0].engine.status().peers == 2, "beacons")
    net.nodes[2].stop()
    wait_until(lambda: net.nodes[0].engine.status().validators_missing == ("node-2",), "the name")
    assert net.nodes[0].put() == [Code.OK]
    net.again(2)
    net.settle()


def test_a_paused_process_wakes_late(net):
    """SIGSTOP of the leading etcd for longer than an election, under load."""
    leader = net.leader()
    load = Load(next(node for node in net.nodes if node is not leader))
    os.kill(leader.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: net.nodes[(leader.number + 1) % 3].client.state().leader != 0, "a leader")
        load.wait_more(20)
    finally:
        os.kill(leader.pid, signal.SIGCONT)
    load.wait_more(20)
    acknowledged = load.stop()
    net.settle()
    assert_kept(net, acknowledged)
    assert leader.put() == [Code.OK]


@pytest.mark.requirement("BJ.function.consensus.02a")
def test_a_proposer_that_wakes_late_changes_nothing(net):
    """It read the tip, slept while others ordered on and old keys were cleared, and appends after what it read."""
    node = net.nodes[0]
    at = node.log.tip()
    record = node.record_after(at, b"late")
    for _ in range(8):
        net.nodes[1].put()
    node.log.clear(0)
    node.client.compact(node.log.tip().revision)
    assert node.client.get(node.keys.block(at.height + 1)) is None  # the key that it wants to make is free again
    assert node.log.append(at, record, b"late") is None
    # Not even with the newest revision and the old value, or the other way round.
    now = node.log.tip()
    assert node.log.append(changed(at, revision=now.revision), record, b"late") is None
    assert node.log.append(changed(now, revision=at.revision), record, b"late") is None
    assert node.client.get(node.keys.block(at.height + 1)) is None
    assert node.put() == [Code.OK]
    net.settle()


def changed(state, **changes):
    """A tip's state with something else in it."""
    return type(state)(**{"tip": state.tip, "value": state.value, "revision": state.revision, **changes})


SMALL = KeeperLimits(keep_bytes=8_000, beacon_ms=500, compact_revisions=50)


def test_a_laggard_fetches_what_was_cleared(tmp_path):
    """Old blocks go whoever lags; the member that was away takes them, certified, from another's store."""
    with Net(tmp_path, limits=SMALL) as net:
        net.nodes[0].put()
        net.settle()
        away = net.nodes[2]
        away.stop()
        for _ in range(30):
            net.nodes[0].put(2)
        node = net.nodes[0]
        first = node.keys.block(away.height + 1)
        wait_until(lambda: node.client.get(first) is None, "clearing")
        back = net.again(2)
        net.settle()
        assert back.application.blocks.certificate(away.height + 1) is not None
        assert back.put() == [Code.OK]
        net.settle()
        left = node.client.scan(node.keys.chunks, node.keys.chunks[:-1] + b"0", limit=1000, keys_only=True)
        assert len(left) < 30
        assert {each.application.info().engine_height for each in net.nodes} == {net.nodes[0].height}


def test_a_laggard_without_anyone_to_ask_waits(tmp_path):
    """It says what is lacking, executes nothing out of order, and goes on when it can be had."""
    with Net(tmp_path, limits=SMALL) as net:
        net.nodes[0].put()
        net.settle()
        away = net.nodes[2]
        height = away.height
        away.stop()
        for _ in range(30):
            net.nodes[0].put(2)
        node = net.nodes[0]
        wait_until(lambda: node.client.get(node.keys.block(height + 1)) is None, "clearing")
        alone = net.again(2, source=False)
        alone.wait_problem(Code.ENGINE_UNREACHABLE)
        assert alone.notices[-1][1] == f"ledger block {height + 1}"
        assert alone.height == height
        alone.stop()
        net.again(2)
        net.settle()


@pytest.mark.parametrize("newest", [False, True], ids=["older", "newest"])
@pytest.mark.parametrize("what", ["chunk", "record"])
@pytest.mark.requirement("BJ.function.consensus.02b", "GD.architecture.network.04")
def test_a_tampered_block_is_not_executed(net, what, newest):
    """A chunk or a record that someone overwrote: who has executed it goes on; a laggard takes the true one."""
    net.settle()
    away = net.nodes[2]
    height = away.height
    away.stop()
    node = net.nodes[0]
    node.put()
    if not newest:
        node.put(2)
    at = node.client.get(node.keys.block(height + 1))
    record = node.log.blocks(height + 1, node.log.tip(), 8, local=False)[0].record
    if what == "chunk":
        name = node.keys.chunk(height + 1, 0, record.chunks[0])
        node.client.put(name, encode_content([node.record()]))
    else:
        altered = msgspec.structs.replace(record, time=record.time + 1)
        assert encode_record(altered) != at.value
        node.client.put(node.keys.block(height + 1), encode_record(altered))
    alone = net.again(2, source=False)
    alone.wait_problem(Code.ENGINE_ALTERED, Code.ENGINE_UNREACHABLE)
    assert alone.height == height
    alone.stop()
    net.again(2)
    net.settle()
    assert node.put() == [Code.OK]
    net.settle()


def test_garbage_among_the_keys(net):
    """Keys of no form, beacons that are none, a record and chunks ahead of the tip: no member minds."""
    node = net.nodes[0]
    net.settle()
    height = node.log.tip().height
    for key, value in (
        (node.keys.beacons + b"zz", b"\xff"),
        (node.keys.beacons + b"00" * 33, b"\x93\x01\x02\xc3"),
        (node.keys.signals + b"other", b"x"),
        (node.keys.blocks + b"not a height", b"x"),
        (node.keys.block(height + 1), b"garbage"),
        (node.keys.block(height + 9), b"garbage"),
        (node.keys.chunk(height + 1, 0, bytes(32)), b"garbage"),
        (b"elsewhere", b"x" * 1000),
    ):
        node.client.put(key, value)
    for each in net.nodes:
        assert each.put() == [Code.OK]
    net.settle()
    assert all(each.problems == [] for each in net.nodes)


@pytest.mark.parametrize("value", [b"garbage", encode_record(Tip(2**40, bytes(32), 0))], ids=["garbage", "false"])
def test_a_tampered_tip_stops_the_members(own_net, value):
    """The one key that decides what follows: whoever overwrites it is noticed, and nothing is executed."""
    for _ in range(3):
        own_net.nodes[0].put()
    own_net.settle()
    height = own_net.nodes[0].height
    own_net.nodes[0].client.put(own_net.nodes[0].keys.tip, value)
    for node in own_net.nodes:
        node.submit(node.record())
        node.wait_problem(Code.ENGINE_ALTERED, Code.ENGINE_MISMATCH)
        assert node.height == height


def test_an_order_that_was_put_back_stops_the_members(own_net):
    """etcd's data of yesterday under the ledger of today."""
    own_net.settle()
    node = own_net.nodes[0]
    early = node.client.get(node.keys.tip)
    for _ in range(3):
        node.put()
    own_net.settle()
    node.client.txn([], [put(node.keys.tip, early.value)])
    wait_until(lambda: node.problems != [], "the problem")
    assert node.problems[0][0] == Code.ENGINE_MISMATCH
    assert not node.engine.status().running


def fill_etcd(client):
    for number in range(40):
        client.put(b"foreign/%d" % number, os.urandom(1024 * 1024))


def fill_disk(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))


def test_a_member_whose_state_was_altered_halts(own_net, tmp_path):
    """It signs what it computed; the majority's signatures say otherwise; it stops, and the others go on."""
    own_net.settle()
    node = own_net.nodes[2]
    node.stop()
    blocks = node.application.blocks
    chain = decode_chain_state(blocks.chain_state())
    batch = Batch()
    blocks.put_chain_state(batch, encode_chain_state(msgspec.structs.replace(chain, state_root=bytes(32))))
    node.store.write(batch, durable=True)
    astray = own_net.again(2, start=False)
    notices: list[str] = []
    watch = AstrayWatch(astray.state, tmp_path / "equivocations", notices.append)
    astray.application.finality.disagreements.watch = watch
    astray.engine.start()
    own_net.nodes[0].put()
    wait_until(lambda: astray.state.halted is Code.NODE_DIVERGED, "the halt")
    wait_until(lambda: not astray.engine.status().running, "the end")
    wait_until(lambda: astray.pid is None, "the end of its etcd")
    assert {"signed another block" in each for each in notices} == {True}  # and nobody signed two
    assert own_net.nodes[1].put() == [Code.OK]
    own_net.settle(nodes=own_net.nodes[:2])
    for each in own_net.nodes[:2]:
        each.wait_certificates()


def test_the_quota_is_used_up_and_freed(tmp_path):
    """Foreign data fills etcd: the members say so; once it is gone they go on by themselves, and nothing is lost."""
    quota = 24 * 1024 * 1024
    tuning = type(TUNING)(heartbeat_ms=50, election_ms=500, call_s=3.0, quota_bytes=quota)
    limits = KeeperLimits(beacon_ms=500, quota_bytes=quota)
    with Net(tmp_path, limits=limits, tuning=tuning) as net:
        node = net.nodes[0]
        node.put()
        net.settle()
        with pytest.raises(EtcdError, match="space"):
            fill_etcd(node.client)
        for each in net.nodes:
            each.wait_problem(Code.ENGINE_FULL)
        assert {code for code, _ in node.notices} == {Code.ENGINE_FULL}
        _, ticket = node.submit(node.record())
        node.client.txn([], [{"request_delete_range": {"key": b"foreign/", "range_end": b"foreign0"}}])
        assert ticket.wait(PATIENCE_S), node.engine.status()
        assert ticket.outcomes[0].code == Code.OK
        net.settle()
        for each in net.nodes:
            each.wait_problem(None)


def test_the_disk_of_one_is_full(tmp_path):
    """A small tmpfs under one member's engine: it leaves, says why, and the others go on."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "node-2"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "none", str(place)], check=False)
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with Net(tmp_path) as net:
            node = net.nodes[2]
            node.put()
            filler = place / "filler"
            with pytest.raises(OSError, match="No space"):
                fill_disk(filler)
            load = Load(net.nodes[0])
            wait_until(lambda: node.problems != [], "the problem", patience_s=60)
            assert node.problems[0][0] == Code.DISK_FULL
            acknowledged = load.stop()
            assert load.failures == []
            assert not node.engine.status().running
            assert node.pid is None
            node.stop()
            filler.unlink()
            net.again(2)
            net.settle()
            assert_kept(net, acknowledged)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
