"""Networks of real nodes with real engines: made, used, killed, started again. Some minutes: real processes."""

import httpx
import pytest

from govchain.crypto import get_suite
from govchain.model import Code, RefusedError, UsageError
from govchain.ops.net.layout import load_network
from govchain.ops.net.looking import probe
from govchain.ops.net.membership import add_node, remove_node
from govchain.ops.net.voting import set_voting
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis
from govchain.proof.headers import decode_header, header_identity
from tests.net.kit import network, wait_until

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


@pytest.mark.requirement("BJ.function.consensus.01", "BJ.function.p2p.01", "GD.architecture.consensus.01")
def test_every_node_completes_the_certificate_of_every_block(net):
    net.put(net.nodes[0], 1)
    height = net.same_everywhere()
    wait_until(lambda: all(net.certified(node) >= height for node in net.nodes), "certificates")
    genesis = decode_genesis(net.folder.genesis.read_bytes())
    suite, members = get_suite(genesis.suite), {member.key for member in genesis.members}
    needed = {"cometbft": 3, "etcd": 2}[net.file.engine]
    for node in net.nodes:
        with net.transport(node) as transport:
            (block,) = transport.headers(height, height).blocks
        header, certificate = decode_header(block.header), decode_certificate(block.certificate)
        verify_certificate(suite, header, header_identity(suite, block.header), certificate)
        assert len({entry.key for entry in certificate.signatures} & members) >= needed
        with probe(node) as transport:
            peers = transport.network().peers
        assert [peer.connected for peer in peers] == [True] * (len(net.nodes) - 1)
        assert all(peer.bytes_in > 0 and peer.bytes_out > 0 for peer in peers)


@pytest.mark.requirement("BJ.function.node.05")
def test_each_node_measures_what_it_sends_to_each_other_one(net):
    net.put(net.nodes[0], 1)
    wait_until(lambda: all(net.certified(node) == net.height(node) for node in net.nodes), "certificates")
    for node in net.nodes:
        lines = httpx.get(f"http://127.0.0.1:{node.api}/metrics", trust_env=False, timeout=30).text.splitlines()
        values = dict(line.rsplit(" ", 1) for line in lines if line.startswith("govchain_peer"))
        assert float(values["govchain_peers_connected"]) == len(net.nodes) - 1
        received = {name: float(count) for name, count in values.items() if "_received_bytes_total" in name}
        for other in net.nodes:
            if other != node:
                assert sum(count for name, count in received.items() if f'peer="{other.name}"' in name) > 0
        # Whoever completed a certificate heard of other members' signatures.
        assert sum(count for name, count in received.items() if 'kind="signatures"' in name) > 0


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


@pytest.mark.requirement("BJ.function.node.03a", "BJ.function.node.03b")
def test_a_node_ends_voting_and_begins_again_while_it_follows(net):
    node = net.nodes[2]
    if net.file.engine != "cometbft":
        with pytest.raises(UsageError, match="always take part"):
            set_voting(net.folder, net.file, node, votes=False)
        return
    set_voting(net.folder, net.file, node, votes=False)
    ids = net.put(net.nodes[0], 3)
    net.same_everywhere()
    assert net.has(node, ids)
    with probe(node) as transport:
        status = transport.network()
    assert (status.votes, status.member, status.problem) == (False, True, "")
    # With one more away two of four vote: no quorum, though three nodes run.
    net.kill(net.nodes[3])
    assert net.put(net.nodes[0], 1, timeout_s=4) == []
    set_voting(net.folder, net.file, node, votes=True)
    assert net.put(net.nodes[0], 1)
    net.start(net.nodes[3])
    net.same_everywhere()


def test_a_stop_leaves_nothing_running_and_a_start_goes_on(net):
    before = net.same_everywhere()
    assert net.stop() == {node.name: True for node in net.nodes}
    assert net.processes() == []
    assert net.states() == ["stopped"] * len(net.nodes)
    net.start()
    assert net.put(net.nodes[0], 1)
    assert net.same_everywhere() > before


@pytest.mark.requirement(
    "BJ.function.node.08a",
    "BJ.function.node.08b",
    "BJ.function.node_auth.02",
    "BJ.function.p2p.04a",
    "BJ.function.p2p.04b",
    "GD.general.extensibility.01",
)
def test_a_member_joins_and_another_leaves_by_vote(net):
    before = net.put(net.nodes[0], 3)
    told = []
    net.file, added = add_node(net.folder, net.file, tell=lambda step, name: told.append(step))
    assert told == ["keys", "voted", "follows", "active"]
    assert load_network(net.folder.path) == net.file
    wait_until(lambda: net.has(added, before), "what was there before it came")
    after = net.put(added, 3)
    net.same_everywhere()
    assert net.has(net.nodes[0], after)
    gone = net.nodes[1]
    net.file = remove_node(net.folder, net.file, gone)
    assert net.file.named(gone.name).removed
    present = net.file.present
    last = net.put(added, 3)
    net.same_everywhere(*present)
    assert net.has(present[0], last)
    for node in present:
        with probe(node) as transport:
            status = transport.network()
        assert status.epoch == 2
        assert status.members == len(present)
        assert gone.key not in {peer.key for peer in status.peers}
    assert (net.folder.node(gone.name).data / "format.json").exists()
    # One less would leave a chain that bears no loss: the members may not decide that.
    with pytest.raises(RefusedError) as refused:
        remove_node(net.folder, net.file, present[-2])
    assert refused.value.code is Code.GOVERNANCE_QUORUM
