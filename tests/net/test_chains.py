"""Several chains on the nodes of one network: created by vote, used, restarted, stopped; real nodes, real engines."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from govchain.crypto import get_suite
from govchain.model import Code
from govchain.modules.governance.messages import ChainStop
from govchain.node.chains.looking import heights_of
from govchain.ops.net.desks import decide
from govchain.ops.net.layout import NodeEntry
from govchain.ops.net.looking import probe
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import decode_header, header_identity
from govchain.sdk.chains import DecidedChain, chain_creation, find_chain
from govchain.sdk.http import HttpTransport
from govchain.storage import DirectoryLayout
from tests.net.kit import Net, network, running_processes, wait_until
from tests.node.chains.kit import anchor, client_of, package_holds, submit

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]
CHAIN = "licences-1"
WAIT_S = 240


@pytest.fixture(scope="module", params=["etcd", "cometbft"])
def net(request, tmp_path_factory):
    settings = {"index": False, "reads": "open"}
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param, settings=settings) as running:
        yield running


def hosted(node: NodeEntry, chain: str = CHAIN):
    with probe(node) as transport:
        return next((one for one in transport.chains().chains if one.chain == chain), None)


def stand(nodes: Sequence[NodeEntry], state: str, chain: str = CHAIN) -> bool:
    found = [hosted(node, chain) for node in nodes]
    return all(one is not None and one.state == state for one in found)


def create(net: Net, voters: Sequence[NodeEntry], chain: str) -> DecidedChain:
    with client_of(f"http://127.0.0.1:{voters[0].api}", net.trust.genesis[0]) as client:
        decide(net.folder, voters, chain_creation(client, chain), "a chain of its own")
        return find_chain(client, chain)


def layout(net: Net, node: NodeEntry, chain: str = CHAIN) -> DirectoryLayout:
    return DirectoryLayout(net.folder.node(node.name).data / "chains" / chain)


def running_in(folder: Path) -> list[str]:
    """What runs in ``folder`` or below it."""
    return [line for _, place, line in running_processes() if place.is_relative_to(folder)]


def put(net: Net, node: NodeEntry, chain: str = CHAIN) -> str:
    return anchor(hosted(node, chain).address, net.officer(node), chain)


def height_of(url: str) -> tuple[int, int]:
    with HttpTransport(url, retries=0) as transport:
        status = transport.status()
    return status.height, status.certified_height


def same_everywhere(net: Net, chain: str = CHAIN) -> int:
    """Every node has the same blocks, each with a certificate that holds; the height."""
    urls = [hosted(node, chain).address for node in net.nodes]
    height = max(height_of(url)[0] for url in urls)
    wait_until(lambda: all(height_of(url) == (height, height) for url in urls), "the same height", WAIT_S)
    genesis = decode_genesis(layout(net, net.nodes[0], chain).genesis.read_bytes())
    suite, keys, found = get_suite(genesis.suite), {one.key for one in genesis.members}, []
    for url in urls:
        with HttpTransport(url, retries=0) as transport:
            blocks = transport.headers(1, height).blocks
        for block in blocks:
            header, certificate = decode_header(block.header), decode_certificate(block.certificate)
            verify_certificate(suite, header, header_identity(suite, block.header), certificate)
            assert {one.key for one in certificate.signatures} <= keys
        found.append([block.header for block in blocks])
    assert found == found[:1] * len(urls)
    return height


@pytest.mark.requirement("GD.general.extensibility.01", "BJ.design.modular.03")
def test_a_chain_begins_on_every_node_after_the_vote(net):
    first = net.nodes[0]
    before = net.height(first)
    decided = create(net, net.nodes, CHAIN)
    wait_until(lambda: stand(net.nodes, "running"), "the chain runs everywhere", WAIT_S)
    begun = {layout(net, node).genesis.read_bytes() for node in net.nodes}
    assert {fingerprint(decode_genesis(data)).hex() for data in begun} == {decided.state.fingerprint}
    assert [one.key for one in decided.state.genesis.members] == sorted(node.key for node in net.nodes)
    assert len({hosted(node).address for node in net.nodes}) == len(net.nodes)
    assert net.height(first) > before
    assert net.put(first, 1)  # service went on


@pytest.mark.requirement("GD.general.extensibility.01", "BJ.function.ledger.02", "BJ.function.ledger.04")
def test_evidence_on_it_is_everywhere_and_verifies_from_its_genesis(net):
    before = net.height(net.nodes[0])
    records = [put(net, node) for node in net.nodes]
    assert same_everywhere(net) >= 1
    assert net.height(net.nodes[0]) == before  # what happens there is nothing to the other chain
    for node in net.nodes:
        here = hosted(node)
        package_holds(here.address, records[0], here.fingerprint)


def test_it_begins_again_with_its_nodes(net):
    height = same_everywhere(net)
    node = net.nodes[-1]
    net.kill(node)
    wait_until(lambda: not running_in(layout(net, node).path), "the chain's processes die with the node")
    record = put(net, net.nodes[0])  # the others go on: a quorum without it
    net.start(node)
    wait_until(lambda: stand([node], "running"), "the chain runs again", WAIT_S)
    assert same_everywhere(net) > height
    package_holds(hosted(node).address, record, hosted(node).fingerprint)
    assert put(net, node)


@pytest.mark.requirement("BJ.design.modular.03")
def test_it_is_stopped_by_vote_and_stays_readable_everywhere(net):
    record = put(net, net.nodes[0])
    decide(net.folder, net.nodes, ChainStop(chain=CHAIN), "it has done its work")
    wait_until(lambda: stand(net.nodes, "stopped"), "the chain is stopped everywhere", WAIT_S)
    wait_until(lambda: all(hosted(node).address for node in net.nodes), "its data are served", WAIT_S)
    height = same_everywhere(net)
    for node in net.nodes:
        here = hosted(node)
        assert submit(here.address, net.officer(node), CHAIN)[1] == Code.CHAIN_STOPPED
        package_holds(here.address, record, here.fingerprint)
        assert heights_of(layout(net, node).path) == (height, height)
        assert len(running_in(layout(net, node).path)) == 1  # that which reads
        assert running_in(layout(net, node).engine) == []
    assert net.put(net.nodes[0], 1)
    net.same_everywhere()


def test_a_chain_that_is_decided_while_a_member_is_away(net):
    """etcd begins with all founders or, without care, as two clusters; CometBFT goes on without one."""
    chain, away, others = "permits-1", net.nodes[-1], net.nodes[:-1]
    net.stop(away)
    create(net, others, chain)
    if net.file.engine == "etcd":
        wait_until(lambda: stand(others, "waiting", chain), "they wait for the one that is away", WAIT_S)
        assert all(away.name in hosted(node, chain).reason for node in others)
    else:
        wait_until(lambda: stand(others, "running", chain), "a quorum begins", WAIT_S)
        assert put(net, others[0], chain)
    net.start(away)
    wait_until(lambda: stand(net.nodes, "running", chain), "it runs everywhere", WAIT_S)
    for node in net.nodes:
        assert put(net, node, chain)
    same_everywhere(net, chain)
    assert stand(net.nodes, "stopped")  # the other one
