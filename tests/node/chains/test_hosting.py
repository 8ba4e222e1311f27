"""A node of one member and the chains that were created by vote beside its own: real processes, one node for all.

Each process of a chain takes seconds to start, and the tests follow one another: what one leaves, the next finds.
"""

import os
import signal
import time
from types import SimpleNamespace

import httpx
import pytest

from govchain.model import Code, RefusedError
from govchain.modules.governance.messages import ChainStop
from govchain.node.chains.looking import chain_at_rest, heights_of
from govchain.node.embedded import open_embedded
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.chains import chain_creation, find_chain, list_chains
from govchain.sdk.client import Client
from govchain.sdk.governing import propose
from govchain.storage import DirectoryLayout
from tests.api.events_kit import officer
from tests.node.chains.kit import WAIT_S, anchor, client_of, consecutive_ports, hosted, package_holds, stands, submit
from tests.node.kit import SMALL, copy_chain
from tests.node.up_kit import start

pytestmark = pytest.mark.timeout(600)
CHAIN = "licences-1"


def until(holds, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


class World:
    """A data directory, its node while it runs, and what the tests leave for each other."""

    def __init__(self, path, actor) -> None:
        self.path, self.actor = path, actor
        self.operator = officer(path, "operator").signer
        self.ports = consecutive_ports(9)
        self.genesis = decode_genesis((path / "genesis.json").read_bytes())
        self.fingerprint = fingerprint(self.genesis).hex()
        self.kept = SimpleNamespace()
        self.node = None

    def start(self, *options: str) -> None:
        log = self.path.with_name("node.log")
        self.node = start(self.path, "--chain-ports", str(self.ports), "--reads", "open", *options, log=log)
        assert self.node.url, self.node.said

    def stop(self) -> None:
        if self.node is not None:
            code, said = self.node.end()
            self.node = None
            assert code == 0, said

    @property
    def url(self) -> str:
        return self.node.url

    def chain(self, name: str = CHAIN):
        return hosted(self.url)[name]

    def layout(self, name: str = CHAIN) -> DirectoryLayout:
        return DirectoryLayout(DirectoryLayout(self.path).chains / name)


@pytest.fixture(scope="module")
def world(template, actor, tmp_path_factory):
    made = World(copy_chain(template, tmp_path_factory.mktemp("chains") / "data"), actor)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.requirement("BJ.design.modular.03")
def test_a_chain_that_was_decided_before_the_start_runs_beside_the_node_s_own(world):
    with open_embedded(world.path, options=SMALL) as node:
        client = Client(node.transport, trust=TrustAnchors((world.fingerprint,)), signer=world.operator)
        propose(client, chain_creation(client, CHAIN))
        decided = find_chain(client, CHAIN)
        assert chain_at_rest(world.path, CHAIN, decided.state).state == "absent"
    world.start()
    until(lambda: stands(world.url, CHAIN, "running"), "the chain runs")
    chain = world.chain()
    assert chain.fingerprint == decided.state.fingerprint
    assert chain.address == f"http://127.0.0.1:{world.ports}"
    # What the directory begins with is what the parent proves.
    assert world.layout().genesis.read_bytes() == encode_genesis(decided.state.genesis)
    assert {path.name for path in world.layout().keys.iterdir()} == {"node.pem", "passphrase"}


@pytest.mark.requirement("BJ.design.modular.03")
def test_it_takes_evidence_of_its_own_and_heights_are_independent(world):
    before = heights_of(world.path)
    records = [anchor(world.chain().address, world.actor, CHAIN) for _ in range(3)]
    until(lambda: world.chain().certified_height == world.chain().height >= 3, "its blocks are told")
    assert heights_of(world.path) == before
    world.kept.package = package_holds(world.chain().address, records[0], world.chain().fingerprint)
    world.kept.records = records
    # An envelope for the one is nothing to the other.
    record, code = submit(world.url, world.actor, CHAIN)
    assert code == Code.CHAIN_WRONG
    for one in (record, records[0]):
        assert httpx.get(f"{world.url}/v1/transactions/{one}", trust_env=False, timeout=WAIT_S).status_code == 404


def test_a_chain_whose_process_is_killed_comes_back_and_the_node_goes_on(world):
    pid = int(world.layout().lock.read_text())
    starts = world.chain().starts
    os.kill(pid, signal.SIGKILL)
    anchor(world.url, world.actor, world.genesis.chain)
    until(lambda: world.chain().starts > starts and world.chain().state == "running", "the chain runs again")
    anchor(world.chain().address, world.actor, CHAIN)


def test_its_chains_end_and_begin_with_the_node(world):
    pid, height = int(world.layout().lock.read_text()), heights_of(world.layout().path)
    world.stop()
    assert not os.path.exists(f"/proc/{pid}")
    assert heights_of(world.layout().path) == height
    with open_embedded(world.path, options=SMALL, read_only=True) as node:
        client = Client(node.transport, trust=TrustAnchors((world.fingerprint,)))
        (decided,) = list_chains(client)
        assert chain_at_rest(world.path, CHAIN, decided.state).state == "idle"
    world.start()
    until(lambda: stands(world.url, CHAIN, "running"), "the chain runs again")
    anchor(world.chain().address, world.actor, CHAIN)


@pytest.mark.requirement("BJ.design.modular.03")
def test_another_is_created_while_the_node_runs(world):
    with client_of(world.url, world.fingerprint, world.operator) as client:
        propose(client, chain_creation(client, "permits-1"))
    until(lambda: stands(world.url, "permits-1", "running"), "the second chain runs")
    assert world.chain("permits-1").address == f"http://127.0.0.1:{world.ports + 3}"
    record = anchor(world.chain("permits-1").address, world.actor, "permits-1")
    package_holds(world.chain("permits-1").address, record, world.chain("permits-1").fingerprint)
    assert world.chain("permits-1").fingerprint != world.chain().fingerprint


@pytest.mark.requirement("BJ.design.modular.03")
def test_a_chain_that_is_stopped_takes_nothing_more_and_is_read_as_before(world):
    with client_of(world.url, world.fingerprint, world.operator) as client:
        propose(client, ChainStop(CHAIN))
    until(lambda: stands(world.url, CHAIN, "stopped") and world.chain().address, "the chain is stopped")
    height = world.chain().height
    assert submit(world.chain().address, world.actor, CHAIN)[1] == Code.CHAIN_STOPPED
    ready = httpx.get(f"{world.chain().address}/v1/health/ready", trust_env=False, timeout=WAIT_S)
    assert (ready.status_code, ready.json()["code"]) == (503, "CHAIN_STOPPED")
    assert world.chain().height == world.chain().certified_height == height
    for record in world.kept.records:
        package_holds(world.chain().address, record, world.chain().fingerprint)
    assert stands(world.url, "permits-1", "running")
    # It stays so, and the id is not taken again.
    world.stop()
    world.start()
    until(lambda: stands(world.url, CHAIN, "stopped") and world.chain().address, "stopped after a start, too")
    with client_of(world.url, world.fingerprint, world.operator) as client, pytest.raises(RefusedError) as again:
        propose(client, chain_creation(client, CHAIN))
    assert again.value.code == Code.GOVERNANCE_CHAIN


def test_a_stopped_chain_is_served_only_where_the_operator_wants_it(world):
    world.stop()
    world.start("--chains-stopped", "false")
    until(lambda: stands(world.url, "permits-1", "running") and stands(world.url, CHAIN, "stopped"), "both stand")
    assert (world.chain().address, world.chain().starts) == ("", 0)
    assert world.chain().height == heights_of(world.layout().path)[0] > 0
    with open_embedded(world.layout().path, options=SMALL, read_only=True) as node:
        assert node.transport.receipt(world.kept.records[0])


def test_a_node_without_ports_for_chains_hosts_none_and_says_so(world):
    world.stop()
    world.ports = 0
    world.start()
    until(lambda: stands(world.url, "permits-1", "off"), "no chain is hosted")
    assert world.chain("permits-1").reason == "chain_ports gives it no ports"
    assert world.chain("permits-1").starts == 0
