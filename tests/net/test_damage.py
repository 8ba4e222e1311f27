"""Nodes whose disk is full, whose ledger was deleted, whose state was altered: each says so, and the others go on.

Both engines; one network for each, to which one damage after the other is done. Each begins with a healthy network and
ends with one, mended as the operator's guide says.
"""

import contextlib
import shutil

import msgspec
import pytest

from govchain.crypto import account_address, get_suite
from govchain.model import Code, UnavailableError
from govchain.model.canonical import encode_struct
from govchain.modules.accounts.messages import account_key, decode_account
from govchain.ops import doctor
from govchain.ops.net.looking import probe
from govchain.ops.net.rebuilding import rebuild_node
from govchain.proof.certificates import decode_certificate
from govchain.sdk.transactions import now_ms
from govchain.state import Table
from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.load import Load
from tests.ops.kit import read, write
from tests.storage.faults import small_disk

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]
MIB = 1024 * 1024


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy(net):
    net.healthy()


@contextlib.contextmanager
def on_a_small_disk(net, node, size_bytes):
    """The stopped node's data directory lies on a disk of its own; afterwards where it was, whatever is in it then."""
    data = net.folder.node(node.name).data
    aside = data.with_name("aside")
    data.rename(aside)
    try:
        with small_disk(data, size_bytes):
            shutil.copytree(aside, data, dirs_exist_ok=True)
            shutil.rmtree(aside)
            try:
                yield data
            finally:
                net.stop(node)
                shutil.copytree(data, aside)
    finally:
        data.rmdir()
        aside.rename(data)


def fill(path):
    """A file that takes all the room that is left."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(MIB))


@pytest.mark.requirement("JX.general.reliability.01")
def test_a_full_disk_ends_a_nodes_part_with_words_and_nothing_else(net, capsys):
    first, victim = net.nodes[0], net.nodes[1]
    net.stop(victim)
    with on_a_small_disk(net, victim, 256 * MIB) as data:
        net.start(victim)
        with Load(net, first) as load:
            load.wait_for(3)
            fill(data / "ballast")
            wait_until(lambda: Code.DISK_FULL.name in net.said(victim), "the node says that its disk is full")
            load.wait_for(5)
            net.grows(first, blocks=5)
        # It ends in good order, and with room it goes on from what it has.
        assert net.stop(victim) in ({}, {victim.name: True})
        (data / "ballast").unlink()
        net.start(victim)
        Ledgers(net).agree(load.acknowledged)
    net.healthy()
    Ledgers(net).agree(load.acknowledged)
    with capsys.disabled():
        print("\n" + load.tell(net, "a full disk"))


@pytest.mark.requirement("GD.general.security.05")
def test_deleted_ledger_files_are_reported_and_the_others_give_the_data_back(net, capsys):
    first, victim = net.nodes[0], net.nodes[1]
    data = net.folder.node(victim.name).data
    with Load(net, first, victim) as load:
        load.wait_for(10)
    Ledgers(net).agree(load.acknowledged)
    net.stop(victim)
    gone = sorted((data / "store").glob("*.sst"))
    assert gone
    for file in gone:
        file.unlink()
    with pytest.raises(UnavailableError) as refused:
        net.start(victim)
    assert refused.value.code is Code.NETWORK_NODE
    assert Code.STORE_CORRUPT.name in net.said(victim)
    report = doctor.run(data, now=now_ms())
    assert Code.STORE_CORRUPT in {finding.code for finding in report.findings}
    # The chain goes on meanwhile; the node is made again from what the others have.
    assert net.put(first)
    done = rebuild_node(net.folder, net.file, victim)
    net.file, fresh = done.network, done.node
    with capsys.disabled():
        print(f"\n  {net.file.engine}: {done.seconds:.1f} s until a node without its ledger took part again")
    assert net.has(fresh, [bytes.fromhex(id_) for id_ in load.acknowledged])
    net.healthy()


@pytest.mark.requirement("BJ.function.consensus.02b", "JX.base.consensus.01")
def test_a_node_whose_state_was_altered_halts_with_words_instead_of_voting(net):
    first, victim = net.nodes[0], net.nodes[-1]
    data = net.folder.node(victim.name).data
    officer = net.officer(first)
    suite = get_suite(net.file.suite)
    key = account_key(account_address(suite, net.file.chain, officer.signer.algorithm, officer.signer.public_key))
    net.stop(victim)
    account = decode_account(read(data, Table.STATE, key))
    assert account.status == "active"
    write(data, Table.STATE, key, encode_struct(msgspec.structs.replace(account, status="frozen")))
    net.start(victim)
    # Only now its state is read: it takes for refused what the others have executed.
    (tripped,) = net.put(first)
    wait_until(lambda: Code.NODE_DIVERGED.name in net.said(victim), "the node says that it has another block")
    with probe(victim) as transport:
        wait_until(lambda: transport.network().problem, "it stopped")
        status = transport.network()
    assert status.problem in (Code.NODE_DIVERGED.name, Code.ENGINE_FAILED.name)
    assert not status.running
    assert net.states()[-1] == "halted"
    if net.file.engine == "etcd":  # under bft a member signs a block once the engine's next one has confirmed it
        others = net.nodes[:-1]
        wait_until(lambda: any("signed another block" in net.said(node) for node in others), "the others notice")
    later = net.put(first, 3)
    Ledgers(net).agree([tripped.hex(), *(id_.hex() for id_ in later)], net.nodes[:-1])
    head = net.height(first)
    with net.transport(first) as transport:
        at = transport.transaction(tripped.hex()).height
        blocks = transport.headers(at, head).blocks
    signed = {entry.key for block in blocks for entry in decode_certificate(block.certificate).signatures}
    assert signed
    assert victim.key not in signed
    # What it shows of that block nobody signed: a user takes none of it.
    assert net.certified(victim) < at
    net.kill(victim)
    done = rebuild_node(net.folder, net.file, victim)
    net.file, fresh = done.network, done.node
    assert net.has(fresh, [tripped, *later])
    net.healthy()
