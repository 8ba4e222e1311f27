"""A node that joins: by the engine's blocks, and by a snapshot that the engine brings and the node checks."""

import socket
import threading

import pytest

from govchain.consensus.cometbft.rpc import EngineRpc
from tests.consensus.cometbft.kit import Network, wait_until

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
    """Four members with a few checkpoints behind them, and three nodes that join later."""
    made = Network(tmp_path_factory.mktemp("joining"), 7, LIMITS, joining=3, options=OPTIONS)
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
