"""A network grows while programs use it: a member, an application; each node's state is seen at every other; delays.

One network on CometBFT. About a minute on two free cores.
"""

import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from govchain.ops.net.looking import probe
from govchain.ops.net.membership import add_node, remove_node
from govchain.sdk.client import Client
from govchain.signers import open_signer, passphrase_source
from tests.net.kit import network, wait_until
from tests.net.load import Load
from tests.node.kit import new_actor

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

#: The business load of the delay test: records a second at each of four nodes, each in a request of its own.
RECORDS_PER_S = 10
LOAD_S = 5.0
#: What that business asks: nineteen of twenty blocks are at every node within so long after the first has them.
DELAY_P95_S = 2.0
_LOOK_S = 0.02


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with network(tmp_path_factory.mktemp("growing") / "n", "cometbft") as running:
        yield running


class Arrivals:
    """When each node was first seen to have each block, by one clock; a look every 20 ms at each node."""

    def __init__(self, net):
        self.seen = defaultdict(dict)
        self._net, self._over = net, threading.Event()
        self._first = net.same_everywhere()
        self._threads = [threading.Thread(target=self._watch, args=(node,), daemon=True) for node in net.present]

    def _watch(self, node):
        known = self._first
        with probe(node) as transport:
            while not self._over.wait(_LOOK_S):
                height = transport.status().height
                for new in range(known + 1, height + 1):
                    self.seen[new][node.name] = time.monotonic()
                known = max(known, height)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def delays(self):
        """Seconds from the first to the last node, for each block that all have."""
        whole = [times.values() for _, times in sorted(self.seen.items()) if len(times) == len(self._net.present)]
        return [max(times) - min(times) for times in whole]


@pytest.mark.requirement("BJ.compatibility.interoperability.02a")
def test_each_block_is_at_every_node_soon_after_the_first(net, capsys):
    count = int(RECORDS_PER_S * LOAD_S)
    envelopes = {node: [net.officer(node).put() for _ in range(count)] for node in net.present}

    def hand_in(node):
        with net.transport(node) as transport:
            for number, envelope in enumerate(envelopes[node]):
                time.sleep(max(0.0, start + number / RECORDS_PER_S - time.monotonic()))  # by the clock
                transport.submit([envelope], wait=False)

    with Arrivals(net) as arrivals, ThreadPoolExecutor(len(net.present)) as pool:
        start = time.monotonic()
        list(pool.map(hand_in, net.present))
        rate = count * len(net.present) / (time.monotonic() - start)
        height = net.same_everywhere()
        wait_until(lambda: len(arrivals.seen[height]) == len(net.present), "the newest block was seen everywhere")
    delays = sorted(arrivals.delays())
    assert len(delays) >= 3
    p95 = delays[min(len(delays) - 1, int(0.95 * len(delays)))]
    with capsys.disabled():
        middle = delays[len(delays) // 2]
        print(
            f"\n  {rate:.0f} records a second, {len(delays)} blocks; first to last node {middle:.3f} s, p95 {p95:.3f} s"
        )
    assert rate >= 0.5 * RECORDS_PER_S * len(net.present), "it was not the load that is stated"
    assert p95 < DELAY_P95_S


def standing(net, of):
    """How each other present node that runs sees a node: whether it is a member, and connected."""
    found = {}
    for node in net.present:
        if node == of:
            continue
        with probe(node) as transport:
            status = transport.network()
        known = {peer.key: peer.connected for peer in status.peers}
        found[node.name] = (of.key in known, known.get(of.key, False), status.members)
    return set(found.values())


@pytest.mark.requirement("JX.base.node.01", "JX.general.extensibility.01", "GD.general.extensibility.01")
def test_a_member_and_an_application_are_added_while_programs_go_on(net):
    first = net.present[0]
    with Load(net, first, net.present[2], retries=10) as load:
        load.wait_for(3)
        net.file, added = add_node(net.folder, net.file)
        wait_until(lambda: standing(net, added) == {(True, True, 5)}, "every node sees a fifth member, connected")
        load.wait_for(3)
        # A new application: an account of its own, registered while the network runs, that hands in at the new member.
        application = new_actor(net.file.chain)
        keys = net.folder.node(added.name).data / "keys"
        operator = open_signer(f"file:{keys / 'operator.pem'}", passphrase_source(keys))
        with net.transport(added, retries=10) as transport:
            client = Client(transport, trust=net.trust, signer=operator)
            client.register(algorithm="sm2-sm3", key=application.key, label="licences", roles=("department",))
        ids = net.submit(added, [application.put() for _ in range(3)])
        assert len(ids) == 3
        operator.close()
        load.wait_for(3)
        net.stop(added)
        wait_until(lambda: standing(net, added) == {(True, False, 5)}, "every node sees that it was stopped")
        load.wait_for(3)
        net.start(added)
        wait_until(lambda: standing(net, added) == {(True, True, 5)}, "and that it is back")
        net.file = remove_node(net.folder, net.file, added)
        wait_until(lambda: standing(net, added) == {(False, False, 4)}, "and that it is no member any more")
        load.wait_for(3)
    net.same_everywhere(*net.present)
    for node in net.present:
        assert net.has(node, [*ids, *(bytes.fromhex(one) for one in load.acknowledged)])
