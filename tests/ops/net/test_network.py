"""Networks of real nodes with real engines: made, used, killed, started again. Some minutes: real processes."""

import pytest

from govchain.ops.net.looking import probe
from tests.ops.net.kit import Load, network, wait_until

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.mark.requirement(
    "BJ.function.node.02",
    "BJ.function.node.07",
    "BJ.function.consensus.01",
    "BJ.function.ledger.02",
    "BJ.function.ledger.04",
    "BJ.compliance.record.04b",
    "BJ.compliance.record.04c",
    "BJ.function.storage.01a",
    "BJ.function.visual.02a",
)
def test_what_one_node_takes_every_node_has(net):
    assert net.states() == ["ready"] * len(net.nodes)
    for node in net.nodes:
        ids = net.put(node, 20)
        assert len(ids) == 20
        height = net.same_everywhere()
        assert height > 0
        for other in net.nodes:
            assert net.has(other, ids)


@pytest.mark.requirement("BJ.function.node.01", "BJ.function.storage.02")
def test_each_node_tells_how_it_stands(net):
    for node in net.nodes:
        with probe(node) as transport:
            status = transport.network()
        assert status.name == node.name
        assert status.key == node.key
        assert status.engine == net.file.engine
        assert status.running
        assert status.member
        assert status.members == len(net.nodes)
        assert status.quorum == {"cometbft": 3, "etcd": 2}[net.file.engine]
        assert status.problem == ""


@pytest.mark.requirement("BJ.function.consensus.03", "GD.technical.reliability.01", "GD.technical.reliability.02")
def test_a_node_killed_under_load_comes_back_and_nothing_is_lost(net):
    first, victim = net.nodes[0], net.nodes[1]
    with Load(net, first) as load:
        load.wait_for(20)
        net.kill(victim)
        before = net.height(first)
        load.wait_for(30)
        assert net.height(first) > before
        net.start(victim)
        load.wait_for(20)
    assert net.has(first, load.acknowledged)
    net.same_everywhere()
    assert net.has(victim, load.acknowledged)


@pytest.mark.requirement("BJ.function.consensus.02a", "BJ.compliance.record.01")
def test_without_a_quorum_nothing_is_written_and_it_goes_on_by_itself(net):
    first, *rest = net.nodes
    kept = net.put(first, 5)
    net.same_everywhere()
    net.kill(*rest[:2])
    before = net.height(first)
    waiting = net.officer(first).put()
    assert net.submit(first, [waiting], timeout_s=4) == []
    assert net.height(first) == before
    net.start(*rest[:2])
    assert net.put(first, 1)
    net.same_everywhere()
    for node in net.nodes:
        assert net.has(node, kept)


@pytest.mark.requirement("GD.technical.performance.05", "JX.general.reliability.01")
def test_all_killed_at_once_lose_nothing(net):
    first = net.nodes[0]
    with Load(net, net.nodes[-1]) as load:
        load.wait_for(20)
        net.kill(*net.nodes)
    assert net.states() == ["stopped"] * len(net.nodes)
    wait_until(lambda: net.processes() == [], "the engines' end")
    net.start()
    assert net.put(first, 1)
    net.same_everywhere()
    for node in net.nodes:
        assert net.has(node, load.acknowledged)


def test_a_stop_leaves_nothing_running_and_a_start_goes_on(net):
    before = net.same_everywhere()
    assert net.stop() == {node.name: True for node in net.nodes}
    assert net.processes() == []
    assert net.states() == ["stopped"] * len(net.nodes)
    net.start()
    assert net.put(net.nodes[0], 1)
    assert net.same_everywhere() > before
