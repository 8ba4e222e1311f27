"""A node joins a network that runs, by snapshot; leaves it by vote, and says so. Real processes; some minutes."""

import contextlib
import json
import shutil
import signal
import threading

import pytest

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.modules.governance.messages import ParameterChange
from govchain.node.opening import open_node
from govchain.ops.doctor import run as doctor
from govchain.ops.net.desks import decide
from govchain.ops.net.layout import NetworkFile, load_network
from govchain.ops.net.looking import identities, probe
from govchain.ops.net.membership import add_node, remove_node
from govchain.ops.net.processes import start_nodes
from govchain.ops.net.rebuilding import rebuild_node
from govchain.ops.renewing import renew_engine
from govchain.sdk.transactions import now_ms
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout
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
def test_a_destroyed_node_is_made_again_with_new_keys_and_its_organisation_votes(net, capsys):
    """Twice, then with nothing left but the accounts' keys; timed until a block carries the new signature."""
    first, lost, keys = net.nodes[0], net.nodes[1], []
    old = DirectoryLayout(net.folder.node(lost.name).data).node_key.read_bytes()
    for times in range(2):
        net.kill(lost)
        net.put(first, 3)
        if times:
            shutil.rmtree(net.folder.node(lost.name).data)
        with writing(net, first):
            done = rebuild_node(net.folder, net.file, lost)
        net.file, lost = done.network, done.node
        keys.append(lost.key)
        assert done.signed > 0
        assert load_network(net.folder.path).named(lost.name) == lost
        signed = net.put(first, 3)
        net.same_everywhere(*net.present)
        assert net.has(lost, signed)
        with capsys.disabled():
            print(f"\n  a destroyed node ({net.file.engine}) made again, until it votes: {done.seconds:.1f} s")
    assert len({*keys, net.genesis.members[0].key}) == 3
    # Its organisation proposes, and votes, with the account that it had all along.
    others = [node for node in net.present if node.name != lost.name]
    decide(net.folder, [lost, *others], ParameterChange("checkpoint_writes_min", 61), "it has its voice")
    decide(net.folder, [*others, lost], ParameterChange("checkpoint_writes_min", 62), "and its vote")
    # Nothing of the lost node is left, and nothing opens it.
    place = net.folder.node(lost.name)
    kept = ["auditor.pem", "department.pem", "operator.pem", "passphrase", "supervisor.pem"]
    assert sorted(path.name for path in place.accounts.iterdir()) == kept
    assert place.accounts == place.kept_accounts
    assert not [path for path in place.folder.rglob("*.pem") if path.read_bytes() == old]
    with pytest.raises(GovChainError):
        open_key_file(DirectoryLayout(place.data).node_key, passphrase_source(place.accounts))


def test_with_too_few_organisations_nothing_is_begun(net):
    """What would have to be voted is not begun where it cannot be decided: network.json names no node that is none."""
    before, files = net.folder.file.read_bytes(), sorted(net.folder.members.iterdir())
    away = net.present[1:3]
    net.stop(*away)
    for act in (
        lambda: add_node(net.folder, net.file),
        lambda: remove_node(net.folder, net.file, net.present[-1]),
        lambda: rebuild_node(net.folder, net.file, net.present[-1]),
    ):
        with pytest.raises(UnavailableError) as refused:
            act()
        assert refused.value.code is Code.NETWORK_NODE
    assert net.folder.file.read_bytes() == before
    assert sorted(net.folder.members.iterdir()) == files
    net.healthy()


def test_a_join_that_was_broken_off_is_taken_up_where_it_stopped(net):
    """The keys were made and both votes carried out, then it failed: the next call goes on with the same node."""
    told = []

    def fail(step, name):
        told.append((step, name))
        if step == "voted":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_node(net.folder, net.file, tell=fail)
    assert load_network(net.folder.path) == net.file
    key = json.loads((net.folder.members / f"{told[0][1]}.json").read_bytes())["key"]
    net.file, entry = add_node(net.folder, net.file, tell=lambda step, name: told.append((step, name)))
    assert {name for _, name in told} == {entry.name}
    assert (entry.key, entry in load_network(net.folder.path).present) == (key, True)
    ids = net.put(entry, 2)
    net.same_everywhere(*net.present)
    assert net.has(net.nodes[0], ids)
    net.file = remove_node(net.folder, net.file, entry)


def test_a_member_whose_etcd_lost_its_data_is_let_in_again_by_another_operator(net):
    first, lost = net.nodes[0], net.nodes[2]
    here = net.folder.node(first.name).data
    if net.file.engine != "etcd":
        with pytest.raises(UsageError):
            renew_engine(here, lost.name)
        return
    with pytest.raises(UsageError, match="its etcd runs"):
        renew_engine(here, lost.name)
    with pytest.raises(RefusedError):
        renew_engine(here, "nobody")
    net.kill(lost)
    shutil.rmtree(net.folder.node(lost.name).data / "engine")
    net.put(first, 2)
    start_nodes(net.folder, [lost], wait=False)
    wait_until(lambda: "another member must renew it" in _log(net, lost), "that it waits")
    assert renew_engine(here, lost.name).key == lost.key
    net.healthy()


@contextlib.contextmanager
def writing(net, node):
    """Somebody anchors at the node meanwhile, so that there are blocks to sign."""
    stop = threading.Event()

    def write():
        while not stop.wait(0.2):
            with contextlib.suppress(GovChainError):
                net.put(node, 1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
