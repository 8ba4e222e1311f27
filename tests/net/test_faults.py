"""Whole nodes die, freeze and come back under load: nothing acknowledged is lost, no node has another chain.

Both engines; one network for each, to which one fault after the other is done. Each begins with a healthy network.
"""

import os
import random
import subprocess
import sys
import time

import pytest

from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process
from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.load import Load
from tests.node.kit import transaction_id

LONG = os.environ.get("GOVCHAIN_TEST_LONG") == "1"
#: Further attempts of the SDK that bridge the restart of a node on a busy machine: pauses of two minutes in all.
PATIENT = 40
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
    "GD.technical.performance.05",
    "GD.technical.reliability.01",
    "JX.general.reliability.01",
)
def test_a_node_killed_under_load_comes_back_after_ten_blocks(net, ledgers, capsys):
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
    with capsys.disabled():
        print("\n" + load.tell(net, "a node killed and started again"))


def missing(node):
    with probe(node) as transport:
        return transport.network().missing


@pytest.mark.requirement("BJ.function.consensus.02a", "BJ.compliance.record.01")
def test_without_a_quorum_nothing_is_written_who_is_missing_is_said_and_it_goes_on_by_itself(net, ledgers):
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
        away = tuple(node.name for node in rest[:2])
        wait_until(lambda: missing(first) == away, "the node names whose votes it waits for")
        command = [sys.executable, "-m", "govchain.cli", "--lang", "en", "net", "status", str(net.folder.path)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        assert f"{first.name} has transactions waiting, and no vote yet of: {', '.join(away)}" in told
        wait_until(lambda: net.states()[0] == "waiting", "its state says so")
        net.start(*rest[:2])
        load.wait_for(5)
    kept = transaction_id(waiting).hex()
    wait_until(lambda: all(net.has(node, [bytes.fromhex(kept)]) for node in net.nodes), "what waited is on the chain")
    ledgers.agree([*load.acknowledged, kept])


@pytest.mark.requirement("BJ.compliance.record.04a", "GD.technical.reliability.01")
def test_all_killed_at_once_lose_nothing(net, ledgers):
    with Load(net, *net.nodes) as load:
        load.wait_for(10)
        net.kill(*net.nodes)
    assert net.states() == ["stopped"] * len(net.nodes)
    wait_until(lambda: net.processes() == [], "the engines' end")
    net.start()
    assert net.put(net.nodes[0], 1)
    ledgers.agree(load.acknowledged)


def test_engines_and_nodes_killed_at_random_moments(net, ledgers, capsys):
    """An engine alone comes back by the node's doing; a node takes its engine with it, and both are started again."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    done = []
    with capsys.disabled():
        print(f"\n  {net.file.engine}: seed {seed}")
    with Load(net, *net.nodes) as load:
        load.wait_for(5)
        for kind in ["engine", "node"] * (10 if LONG else 2):
            victim = chance.choice(net.nodes)
            done.append((kind, victim.name))
            time.sleep(chance.uniform(0, 1.5))  # the moment, not something to wait for
            engine = net.engine_pid(victim)
            if kind == "engine":
                engine = net.kill_engine(victim)
                wait_until(
                    lambda victim=victim, engine=engine: net.engine_pid(victim) not in (None, engine), "an engine"
                )
            else:
                net.kill(victim)
                wait_until(lambda victim=victim: net.engine_pid(victim) is None, "its engine ends with it")
                time.sleep(chance.uniform(0, 1.5))
                net.start(victim)
            load.wait_for(3)
    assert all(net.engine_pid(node) for node in net.nodes), done
    net.healthy()
    ledgers.agree(load.acknowledged)


SECONDS = [pytest.param(6), pytest.param(30, marks=pytest.mark.long)]


@pytest.mark.requirement("JX.general.reliability.01")
@pytest.mark.parametrize("seconds", SECONDS)
def test_a_frozen_node_holds_up_nobody_and_follows_afterwards(net, ledgers, seconds, capsys):
    first, victim = net.nodes[0], net.nodes[1]
    with Load(net, first) as load:
        load.wait_for(3)
        with net.frozen(victim):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                net.grows(first, blocks=2)
                load.wait_for(1)
        wait_until(lambda: net.height(victim) >= net.height(first) - 2, "it caught up")
        load.wait_for(3)
    ledgers.agree(load.acknowledged)
    with capsys.disabled():
        print("\n" + load.tell(net, f"a node cut off for {seconds} s"))
    assert net.states() == ["ready"] * len(net.nodes)


@pytest.mark.parametrize("seconds", SECONDS)
def test_two_frozen_nodes_stop_the_chain_and_it_goes_on_by_itself(net, ledgers, seconds):
    first, *rest = net.nodes
    with Load(net, first) as load:
        load.wait_for(3)
        with net.frozen(*rest[:2]):
            waiting = net.officer(first).put()
            assert net.submit(first, [waiting], timeout_s=seconds / 2) == []
            before = net.height(first)
            assert net.put(first, timeout_s=seconds / 2) == []
            assert net.height(first) == before
        load.wait_for(3)
    ledgers.agree([*load.acknowledged, transaction_id(waiting).hex()])
    assert net.states() == ["ready"] * len(net.nodes)


@pytest.mark.requirement("BJ.function.node.02", "BJ.function.storage.01b")
def test_every_submission_succeeds_while_all_nodes_are_restarted_one_by_one(net, ledgers, capsys):
    with Load(net, *net.nodes, retries=PATIENT) as load:
        load.wait_for(5)
        for node in net.nodes:
            reached = net.height(node)
            assert net.stop(node) == {node.name: True}
            assert find_process(net.folder.node(node.name)) is None
            net.start(node)
            assert find_process(net.folder.node(node.name)) is not None
            other = next(one for one in net.nodes if one != node)
            wait_until(lambda node=node, other=other: net.height(node) >= net.height(other) - 2, "it caught up")
            assert net.height(node) > reached
            load.wait_for(5)
    assert not load.not_now
    ledgers.agree(load.acknowledged)
    with capsys.disabled():
        print("\n" + load.tell(net, "all restarted one by one"))
