"""A node that joins: by the engine's blocks, and by a snapshot that the engine brings and the node checks."""

import socket
import threading

import pytest

from govchain.consensus import LedgerApplication, Pool
from govchain.consensus.cometbft.rpc import EngineRpc
from govchain.consensus.cometbft.state_sync import StateSyncPlanner, read_joined, write_joined
from govchain.consensus.ports import SnapshotInfo
from govchain.crypto import BatchVerifier
from govchain.ledger import build_machine
from govchain.model import Code, UnavailableError
from govchain.storage import RocksStore, SnapshotReader
from govchain.storage.snapshot_checks import SnapshotTrust
from tests.consensus.cometbft.kit import Network, now_ms, wait_until
from tests.consensus.member_child import MODULES

pytestmark = pytest.mark.net
LIMITS = {"checkpoint_writes_min": 40, "checkpoint_delay_blocks": 2}
OPTIONS = {"timeout_propose_ms": 1_500, "wait_ms": 200}


class Tunnel:
    """A port of loopback that leads to an engine's RPC: in earnest the route between nodes carries this."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = EngineRpc(self.path).connect()
            self.open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    @staticmethod
    def pump(source, target):
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        for each in self.open:
            each.close()


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Four members with a few checkpoints behind them, and four nodes that join later."""
    made = Network(tmp_path_factory.mktemp("joining"), 8, LIMITS, joining=4, options=OPTIONS)
    for member in made.members[:4]:
        member.start()
    for _ in range(12):
        made.commit(*made.puts(10), members=made.members[:4])
    yield made
    made.stop()


def made_snapshot(net):
    """A snapshot on every member, and what vouches for it."""
    found = []

    def make():
        found[:] = [member.ask("snapshot", "snapshot") for member in net.members[:4]]
        return all(found) and len({each["height"] for each in found}) == 1

    wait_until(make, "a checkpoint that a header carries")
    return found[0]


def test_a_new_node_replays_the_blocks_and_follows(net):
    joiner = net[4]
    joiner.start()
    facts = net.agree([*net.members[:4], joiner], least=12)
    assert facts[-1]["problem"] is None
    height = net.commit(net.put(), members=net.members[:4])[0]["height"]
    net.agree([*net.members[:4], joiner], least=height)
    assert len(net[0].facts()["validators"]) == 4


def state_sync(net, snapshot):
    tunnels = [Tunnel(net[number].folder / "engine" / "rpc.sock") for number in (0, 1)]
    rpc = EngineRpc(net[0].folder / "engine" / "rpc.sock")
    trusted = rpc.header_hash(snapshot["engine_height"])
    told = {
        "servers": [each.address for each in tunnels],
        "height": snapshot["engine_height"],
        "hash": trusted.hex(),
    }
    return tunnels, told


def test_a_new_node_takes_a_snapshot_and_goes_on_from_there(net):
    snapshot = made_snapshot(net)
    assert snapshot["height"] > 1
    tunnels, told = state_sync(net, snapshot)
    joiner = net[5]
    joiner.tell(state_sync=told, trust=snapshot)
    try:
        joiner.start()
        wait_until(lambda: joiner.facts()["height"] >= snapshot["height"], "the snapshot", 120)
        height = net.commit(*net.puts(5), members=net.members[:4])[-1]["height"]
        wait_until(lambda: joiner.facts()["height"] >= height, "the blocks after it")
    finally:
        for each in tunnels:
            each.close()
    facts, other = joiner.facts(), net[0].facts()
    assert facts["identities"] == other["identities"][-len(facts["identities"]) :]
    assert 0 < len(facts["identities"]) < other["height"]  # what lies before the snapshot is not here
    assert facts["problem"] is None
    joiner.stop()
    joiner.start()  # and it is a node like any other
    height = net.commit(net.put(), members=net.members[:4])[-1]["height"]
    wait_until(lambda: joiner.facts()["height"] >= height, "after a restart")


def test_a_snapshot_that_is_not_the_trusted_one_is_refused(net):
    snapshot = made_snapshot(net)
    tunnels, told = state_sync(net, snapshot)
    joiner = net[6]
    joiner.tell(state_sync=told, trust=snapshot | {"root": "00" * 32})
    try:
        joiner.start()
        wait_until(lambda: any("refused a snapshot" in text for text in joiner.said("notice")), "the refusal", 120)
        assert joiner.facts()["height"] == 0
    finally:
        joiner.stop()
        for each in tunnels:
            each.close()


def install(net, joiner, snapshot):
    """What joining by snapshot does before the engine starts: the ledger is at the snapshot's block."""
    digests = {module.name: "00" * 32 for module in MODULES}
    machine = build_machine(net.genesis, MODULES, digests, BatchVerifier(memory_limit_bytes=8 * 1024 * 1024))
    made = SnapshotReader(net[0].folder / "snapshots" / str(snapshot["height"]), machine.suite)
    manifest = (net[0].folder / "snapshots" / str(snapshot["height"]) / "manifest.json").read_bytes()
    root = bytes.fromhex(snapshot["root"])
    trust = SnapshotTrust(net.genesis.chain, snapshot["height"], bytes.fromhex(snapshot["header"]), root)
    store = RocksStore(joiner.folder / "ledger")
    application = LedgerApplication(machine, store, Pool(), now_ms, snapshots=joiner.folder / "snapshots")
    info = SnapshotInfo(snapshot["height"], len(made), root, manifest, snapshot["engine_height"])
    write_joined(joiner.folder / "engine", snapshot["engine_height"])
    assert application.offer_snapshot(info, trust) == Code.OK
    for index in range(len(made)):
        assert application.apply_snapshot_chunk(index, made.chunk(index)) == Code.OK
    identity = application.info().app_hash
    assert application.info().engine_height == snapshot["engine_height"]
    application.close()
    store.close()
    return identity


def test_the_engine_takes_up_where_a_snapshot_put_the_ledger(net):
    """Killed while it takes up, it begins again; and a node that is there already needs no snapshot's contents."""
    snapshot = made_snapshot(net)
    joiner = net[7]
    identity = install(net, joiner, snapshot)
    tunnels, rpc = [], [EngineRpc(net[number].folder / "engine" / "rpc.sock") for number in range(4)]

    def tunnel(member):
        tunnels.append(Tunnel(net[member[0]].folder / "engine" / "rpc.sock"))
        return tunnels[-1].address

    def ask(member, body):
        answer = rpc[member[0]].question(body)
        if answer is None or member == b"\x02":
            raise UnavailableError(Code.NODE_UNREACHABLE)
        return answer.replace(b'"hash":"', b'"hash":"00') if member == b"\x01" else answer  # one lies, one is silent

    members = [bytes([number]) for number in range(4)]
    planner = StateSyncPlanner(lambda: members, ask, tunnel, lambda: 2, threading.Event(), 30.0)
    with pytest.raises(UnavailableError) as caught:  # nobody has a header with another identity
        StateSyncPlanner(lambda: members, ask, tunnel, lambda: 2, threading.Event(), 0.0).plan(
            snapshot["engine_height"], bytes(32)
        )
    assert caught.value.code is Code.ENGINE_UNREACHABLE
    plan = planner.plan(snapshot["engine_height"], identity)
    assert plan.trust_hash == rpc[0].header_hash(snapshot["engine_height"] + 1)
    told = {"servers": list(plan.rpc_servers), "height": plan.trust_height, "hash": plan.trust_hash.hex()}
    joiner.tell(take_up=told)
    try:
        joiner.start()
        wait_until(lambda: joiner.facts()["starts"], "the engine's start")
        joiner.kill()
        assert read_joined(joiner.folder / "engine") == snapshot["engine_height"]
        joiner.start()
        wait_until(lambda: joiner.facts()["height"] > snapshot["height"], "blocks after the snapshot", 120)
        height = net.commit(*net.puts(5), members=net.members[:4])[-1]["height"]
        wait_until(lambda: joiner.facts()["height"] >= height, "the newest blocks")
    finally:
        for each in tunnels:
            each.close()
    facts, other = joiner.facts(), net[0].facts()
    assert facts["identities"] == other["identities"][-len(facts["identities"]) :]
    assert facts["problem"] is None
    joiner.stop()
    joiner.tell(take_up=None)
    joiner.start()
    height = net.commit(net.put(), members=net.members[:4])[-1]["height"]
    wait_until(lambda: joiner.facts()["height"] >= height, "after a restart")
    assert not read_joined(joiner.folder / "engine")
