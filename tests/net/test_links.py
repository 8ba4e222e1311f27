"""Faults of the ways between nodes: cut, held up, altered, slow. Real nodes, engines, proxies; some minutes."""

from __future__ import annotations

import time

import pytest

from tests.net.kit import wait_until
from tests.net.ledgers import Ledgers
from tests.net.links import linked_network
from tests.net.load import Load
from tests.net.proxy import ROUTES, Fault
from tests.node.kit import transaction_id

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

#: How long it takes to see that nothing happens, in seconds.
NOTHING_S = 4
SLOW = Fault(delay_s=0.1, bytes_s=12_000)


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    """One network for all; each test begins with a healthy one, and heals what it broke."""
    with linked_network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def ledgers(net):
    return Ledgers(net)


@pytest.fixture(autouse=True)
def _healthy(net):
    net.healthy()
    yield
    net.links.heal()


def names(nodes):
    return [node.name for node in nodes]


def hexes(ids):
    return [id.hex() for id in ids]


@pytest.mark.requirement(
    "BJ.function.consensus.02a", "BJ.function.consensus.03", "GZ.general.distribution.01", "BJ.function.p2p.01"
)
def test_one_that_is_cut_off_records_nothing_and_catches_up(net, ledgers):
    *others, alone = net.nodes
    net.links.set(Fault(refuse=True), [alone.name])
    before = net.height(alone)
    waiting = net.officer(alone).put()
    assert net.submit(alone, [waiting], timeout_s=NOTHING_S) == []
    kept = [id for node in others for id in net.put(node, 2)]
    assert net.height(alone) == before
    net.same_everywhere(*others)
    net.links.heal()
    kept.append(transaction_id(waiting))
    wait_until(lambda: net.has(others[0], kept), "what waited")
    ledgers.agree(hexes(kept))


@pytest.mark.requirement("BJ.function.consensus.02a", "BJ.design.security.02", "GD.architecture.consensus.01")
def test_without_a_quorum_on_any_side_nothing_is_written_and_all_go_on_when_healed(net, ledgers):
    """Nothing passes, and no connection ends: what a broken way looks like at first."""
    first, second, *rest = net.nodes
    if len(net.nodes) == 4:
        net.links.set(Fault(hold=True), names([first, second]))
    else:  # of three, each alone
        for node in net.nodes:
            net.links.set(Fault(hold=True), [node.name])
    time.sleep(1)  # what was on its way has arrived
    heights = [net.height(node) for node in net.nodes]
    waiting = {node: net.officer(node).put() for node in (first, rest[0])}
    for node, envelope in waiting.items():
        assert net.submit(node, [envelope], timeout_s=NOTHING_S) == []
    assert [net.height(node) for node in net.nodes] == heights
    net.links.heal()
    for node, envelope in waiting.items():
        wait_until(lambda node=node, envelope=envelope: net.has(node, [transaction_id(envelope)]), "what waited")
    ledgers.agree(hexes(map(transaction_id, waiting.values())))
    assert net.height(first) > max(heights)


@pytest.mark.requirement("GD.architecture.network.01")
def test_where_one_way_is_cut_messages_take_another(net, ledgers):
    """CometBFT's members pass on what they hear. Raft's hear their leader alone: whoever is cut from it waits."""
    first, second, third, *_ = net.nodes
    net.links.set(Fault(refuse=True), [first.name], [second.name])
    kept = net.put(third, 2)
    if net.file.engine == "cometbft":
        kept += net.put(first, 2) + net.put(second, 2)
        assert len(kept) == 6
        net.same_everywhere()
        assert all(net.has(node, kept) for node in net.nodes)
    assert kept
    wait_until(lambda: net.links.count("refused", second.name), "a way that was refused")
    net.links.heal()
    ledgers.agree(hexes(kept))


@pytest.mark.requirement("GD.architecture.network.04", "BJ.function.p2p.02")
def test_altered_bytes_are_refused_and_the_chain_goes_on(net, ledgers):
    *others, last = net.nodes
    links = net.links
    before = {route: links.count("connected", last.name, route) for route in ROUTES}
    links.set(Fault(alter=6), [last.name])
    kept = []

    def seen() -> bool:
        kept.extend(net.put(others[0], 2))
        # An end that sees one altered byte ends the connection and begins another.
        again = {route: links.count("connected", last.name, route) - before[route] for route in ROUTES}
        return min(again.values()) >= 3 and min(links.count("altered", last.name, route) for route in ROUTES) >= 3

    wait_until(seen, "connections that ended for altered bytes")
    net.same_everywhere(*others)
    links.heal()
    ledgers.agree(hexes(kept))


@pytest.mark.requirement("GD.architecture.network.03")
def test_connections_that_end_in_the_middle_of_messages_lose_nothing(net, ledgers):
    first, *_, last = net.nodes
    net.links.set(Fault(cut=30_000), names(net.nodes), routes=["peers"])
    net.links.set(Fault(cut=60_000), [last.name], routes=["engine"])
    before = {route: net.links.count("cut", route=route) for route in ROUTES}
    with Load(net, first) as load:
        wait_until(lambda: all(net.links.count("cut", route=route) >= before[route] + 3 for route in ROUTES), "cuts")
        load.wait_for(20)
    net.links.heal()
    ledgers.agree(load.acknowledged)


def commit_rate(net, node):
    """Commit 200 records of the node's; their bytes a second, their ids."""
    begun = time.monotonic()
    ids = [id for _ in range(4) for id in net.put(node, 50)]
    return len(ids) * len(net.officer(node).put()) / (time.monotonic() - begun), ids


@pytest.mark.requirement("BJ.compatibility.interoperability.02b", "BJ.portability.adaptability.06")
def test_one_whose_ways_are_slow_costs_turns_and_follows(net, ledgers, capsys):
    """Its turns to propose cost the others time, their blocks do not wait for it; it follows, slow as its ways are."""
    *others, slow = net.nodes
    usual, _ = commit_rate(net, others[0])
    net.links.set(SLOW, [slow.name])
    begun, before = time.monotonic(), net.height(slow)
    rate, ids = commit_rate(net, others[0])
    behind = net.height(others[0]) - net.height(slow)
    wait_until(lambda: net.height(slow) > before, "the slow one follows")
    wait_until(lambda: net.has(slow, ids[-1:]), "the slow one has all of it", 200)
    with capsys.disabled():
        print(
            f"\n  {net.file.engine}, ways of {SLOW.bytes_s / 1000:.0f} kB/s, {SLOW.delay_s * 1000:.0f} ms to one node:"
            f" the others committed {rate / 1000:.0f} kB/s, before {usual / 1000:.0f};"
            f" it was {behind} blocks behind, and had all after {time.monotonic() - begun:.1f} s"
        )
    assert behind > 0
    assert rate * 50 > usual
    net.links.heal()
    ledgers.agree(hexes(ids))
