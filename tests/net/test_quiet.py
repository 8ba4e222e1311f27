"""A network that has nothing to do, and one that was away: few engine blocks, no ledger block, times in order."""

from __future__ import annotations

import time

import httpx
import psutil
import pytest

from govchain.ops.net.looking import probe
from govchain.proof.headers import decode_header
from govchain.sdk.transactions import now_ms
from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.links import processes_of

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

#: The first block after a pause is at most so much older than its making.
LATE_MS = 10_000


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    """One network for all; each test begins with a healthy one."""
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy(net):
    net.healthy()


def engine_heights(net):
    found = []
    for node in net.nodes:
        with probe(node) as transport:
            found.append(transport.network().engine_height)
    return found


def cpu_s(net):
    """Processor time of all nodes and engines."""
    times = [psutil.Process(pid).cpu_times() for node in net.nodes for pid in processes_of(net.folder, node)]
    return sum(each.user + each.system for each in times)


def times(net, node):
    """The times of all its blocks, from 1 on."""
    height, found = net.height(node), []
    with net.transport(node) as transport:
        while len(found) < height:
            blocks = transport.headers(len(found) + 1, min(height, len(found) + 100)).blocks
            found += [decode_header(block.header).time for block in blocks]
    return found


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.long)])
def test_an_idle_network_makes_no_ledger_block_and_few_engine_blocks(net, seconds, capsys):
    ledger = [net.height(node) for node in net.nodes]
    before, used, begun = max(engine_heights(net)), cpu_s(net), time.monotonic()
    time.sleep(seconds)  # what happens by itself in this time is the question
    made, took = max(engine_heights(net)) - before, time.monotonic() - begun
    share = (cpu_s(net) - used) / took
    with capsys.disabled():
        print(
            f"\n  {net.file.engine}, idle for {took:.0f} s: {made / took:.2f} engine blocks a second,"
            f" {share:.2f} of a core for all nodes and engines"
        )
    assert made / took <= 2
    if seconds == 60 and net.file.engine == "cometbft":
        assert share <= 0.15
    assert [net.height(node) for node in net.nodes] == ledger


@pytest.mark.requirement("BJ.function.timing.04")
@pytest.mark.parametrize("seconds", [7, pytest.param(20, marks=pytest.mark.long)])
def test_after_a_pause_of_all_times_are_in_order_and_present(net, seconds):
    """An engine may give a block the time of the votes before it: the first after a pause would lie in the past."""
    first = net.nodes[0]
    before = net.same_everywhere()
    assert net.stop() == {node.name: True for node in net.nodes}
    stopped = now_ms()
    time.sleep(seconds)  # longer than the lag from which a proposer of CometBFT proposes nothing
    net.start()
    begun = now_ms()
    kept = [id.hex() for node in net.nodes for id in net.put(node, 1)]
    Ledgers(net).agree(kept)
    found = times(net, first)
    assert len(found) > before
    assert found == sorted(set(found))
    assert found[before - 1] <= stopped
    assert found[before] >= begun - LATE_MS
    assert found[before] > found[before - 1] + 1000 * seconds
    assert found[-1] <= now_ms() + 1000


@pytest.mark.requirement("BJ.function.p2p.03")
def test_each_node_measures_how_long_messages_were_on_the_way(net, capsys):
    """Each says how many transactions and signatures came from others, and how long they took."""

    def measured(node, what, kind):
        lines = httpx.get(f"http://127.0.0.1:{node.api}/metrics", trust_env=False, timeout=30).text.splitlines()
        told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("govchain_propagat"))
        return float(told.get(f'{what}{{kind="{kind}"}}', 0))

    count, seconds = "govchain_propagated_total", "govchain_propagation_seconds_total"
    for kind in ("signatures", "transactions"):
        before = {node: (measured(node, count, kind), measured(node, seconds, kind)) for node in net.nodes}

        def heard(kind=kind, before=before):
            for node in net.nodes:
                net.put(node, 5)
            return all(measured(node, count, kind) > before[node][0] for node in net.nodes)

        wait_until(heard, f"every node has heard of {kind}")
        came = sum(measured(node, count, kind) - before[node][0] for node in net.nodes)
        took = sum(measured(node, seconds, kind) - before[node][1] for node in net.nodes)
        with capsys.disabled():
            print(f"\n  {net.file.engine}: {came:.0f} {kind} came, {1000 * took / came:.1f} ms on the way on average")
        assert 0 <= took / came < 5


@pytest.mark.requirement("GD.architecture.network.02", "BJ.compatibility.interoperability.02a")
def test_a_record_is_soon_at_every_node(net, capsys):
    """From handing it in at one node to its receipt at all; and from the first node's receipt to the last one's."""
    whole, spread = [], []
    for number in range(8):
        node = net.nodes[number % len(net.nodes)]
        begun = time.monotonic()
        ids = net.put(node)
        first = time.monotonic()
        wait_until(lambda ids=ids: all(net.has(other, ids) for other in net.nodes), "it is everywhere")
        spread.append(time.monotonic() - first)
        whole.append(time.monotonic() - begun)
    with capsys.disabled():
        print(
            f"\n  {net.file.engine}: a record at every node after {1000 * sorted(whole)[4]:.0f} ms (median of 8),"
            f" the last node {1000 * sorted(spread)[4]:.0f} ms after the first"
        )
    assert sorted(whole)[4] < LATE_MS / 1000
