"""Whole nodes die, freeze and come back under load: nothing acknowledged is lost, no node has another chain.

Both engines; one network for each, to which one fault after the other is done. Each begins with a healthy network.
"""

import pytest

from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.load import Load
from tests.node.kit import transaction_id

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def ledgers(net):
    return Ledgers(net)


@pytest.fixture(autouse=True)
def _healthy(net):
    net.healthy()


@pytest.mark.requirement(
    "BJ.function.consensus.03",
    "BJ.compatibility.interoperability.02b",
    "BJ.compliance.record.04b",
    "GD.technical.reliability.01",
)
def test_a_node_killed_under_load_comes_back_after_ten_blocks(net, ledgers):
    first, victim = net.nodes[0], net.nodes[1]
    with Load(net, first, net.nodes[2]) as load:
        load.wait_for(10)
        net.kill(victim)
        net.grows(first, blocks=10)
        load.wait_for(10)
        net.start(victim)
        wait_until(lambda: net.height(victim) >= net.height(first) - 2, "it caught up")
        load.wait_for(10)
    ledgers.agree(load.acknowledged)


@pytest.mark.requirement("BJ.function.consensus.02a", "BJ.compliance.record.01")
def test_without_a_quorum_nothing_is_written_and_it_goes_on_by_itself(net, ledgers):
    first, *rest = net.nodes
    with Load(net, first) as load:
        load.wait_for(5)
        net.kill(*rest[:2])
        # What is handed in now can be in no block that a quorum had agreed on before.
        waiting = net.officer(first).put()
        assert net.submit(first, [waiting], timeout_s=4) == []
        before, acknowledged = net.height(first), len(load.acknowledged)
        assert net.put(first, timeout_s=3) == []
        assert net.height(first) == before
        assert len(load.acknowledged) == acknowledged
        net.start(*rest[:2])
        load.wait_for(5)
    kept = transaction_id(waiting).hex()
    wait_until(lambda: all(net.has(node, [bytes.fromhex(kept)]) for node in net.nodes), "what waited is on the chain")
    ledgers.agree([*load.acknowledged, kept])


@pytest.mark.requirement("GD.technical.performance.05", "GD.technical.reliability.01")
def test_all_killed_at_once_lose_nothing(net, ledgers):
    with Load(net, *net.nodes) as load:
        load.wait_for(10)
        net.kill(*net.nodes)
    assert net.states() == ["stopped"] * len(net.nodes)
    wait_until(lambda: net.processes() == [], "the engines' end")
    net.start()
    assert net.put(net.nodes[0], 1)
    ledgers.agree(load.acknowledged)
