"""A node joins a network that runs, by snapshot; leaves it by vote, and says so. Real processes; some minutes."""

import signal

import pytest

from govchain.model import Code
from govchain.node.opening import open_node
from govchain.ops.doctor import run as doctor
from govchain.ops.net.layout import NetworkFile
from govchain.ops.net.looking import identities, probe
from govchain.ops.net.membership import add_node, remove_node
from govchain.ops.net.rebuilding import rebuild_node
from govchain.proof.certificates import decode_certificate
from govchain.sdk.transactions import now_ms
from tests.net.kit import network, wait_until

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

LIMITS = {"checkpoint_writes_min": 60, "checkpoint_delay_blocks": 4}


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param, limits=LIMITS) as running:
        yield running


def _snapshots(net, node) -> list[int]:
    folder = net.folder.node(node.name).data / "snapshots"
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []


def _log(net, node) -> str:
    return net.folder.node(node.name).log.read_text("utf-8", "replace")


def test_a_node_joins_by_snapshot_becomes_a_member_and_leaves(net):
    first = net.nodes[0]
    needed = 2 if net.file.engine == "cometbft" else 1
    ids: list[bytes] = []
    common: list[int] = []
    while not common and len(ids) < 300:
        ids += net.put(first, 10)
        made = [_snapshots(net, node) for node in net.nodes]
        common = [height for height in made[0] if sum(height in one for one in made) > needed]
    assert common, "no snapshot"
    for _ in range(6):  # the block that carries its root is certified by now
        net.put(first, 2)
    net.same_everywhere()

    # 1. It joins by snapshot, follows, is ready, signs.
    net.file, entry = add_node(net.folder, net.file)
    joiner = next(node for node in net.nodes if node.name == entry.name)
    assert "joined at block" in _log(net, joiner), _log(net, joiner)[-3000:]
    height = net.height(first)
    wait_until(lambda: net.height(joiner) >= height, "the newest block")
    here = identities(joiner, net.file.suite, 1, height)
    there = identities(first, net.file.suite, 1, height)
    assert here == {number: there[number] for number in here}
    # Before the snapshot there is block 1, and what changed the signer set, alone.
    begun = min(set(here) - {1})
    assert begun >= max(common) > 2
    assert set(here) == {1, *range(begun, height + 1)}
    fresh = net.put(joiner, 3)
    wait_until(lambda: net.has(first, fresh), "what the joiner took")
    with probe(joiner) as transport:
        status = transport.network()
    assert (status.member, status.members, status.problem) == (True, len(net.nodes), "")

    # 2. Killed and started again, it goes on from what it has.
    net.kill(joiner, number=signal.SIGKILL)
    more = net.put(first, 3)
    net.start(joiner)
    wait_until(lambda: net.has(joiner, more), "the blocks meanwhile")

    # 3. Its directory is whole, though it has no blocks from before the snapshot.
    report = doctor(net.folder.node(joiner.name).data, now=now_ms())
    ledger = [
        finding for finding in report.findings if finding.part in ("headers", "bodies", "receipts", "state", "meta")
    ]
    assert not ledger, ledger

    # 4. Voted out, it stops following, says so, and keeps what it has.
    before = net.height(joiner)
    net.file = remove_node(net.folder, net.file, joiner)
    assert isinstance(net.file, NetworkFile)
    data = net.folder.node(joiner.name).data
    with open_node(data, read_only=True) as node:
        assert node.application.chain.height >= before
        assert node.application.receipt(fresh[0]) is not None
    later = net.put(first, 3)
    assert net.has(first, later)
    problems = []
    with open_node(data, on_problem=lambda code, reason: problems.append(code)) as node:
        assert problems == [Code.NODE_REMOVED]
        status = node.transport.status()
        assert (status.node_state, status.node_problem) == ("halted", "NODE_REMOVED")
        assert before < status.height < net.height(first)


@pytest.mark.requirement("GD.technical.reliability.02")
def test_a_destroyed_node_is_made_again_with_new_keys(net, capsys):
    first, lost = net.nodes[0], net.nodes[1]
    net.kill(lost)
    net.put(first, 3)
    net.file, fresh, seconds = rebuild_node(net.folder, net.file, lost)
    assert fresh.key != lost.key
    signed = net.put(first, 3)
    wait_until(lambda: net.has(fresh, signed), "the newest blocks")

    def in_certificate() -> bool:
        """A certificate stands with the first quorum of signatures: the new key is not in each, but must be in some."""
        net.put(first, 1)
        height = net.height(first)
        for node in (fresh, first):
            with net.transport(node) as transport:
                blocks = transport.headers(height, height).blocks
            for block in blocks:
                if block.certificate and fresh.key in {
                    entry.key for entry in decode_certificate(block.certificate).signatures
                }:
                    return True
        return False

    wait_until(in_certificate, "a certificate that the new key signed")
    with capsys.disabled():
        print(f"\n  a destroyed node ({net.file.engine}) made again, until it takes part: {seconds:.1f} s")
