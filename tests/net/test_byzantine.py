"""A member that misbehaves in its certificates, as a real node among honest ones: noticed, proved, and harmless."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from govchain.crypto import get_suite
from govchain.model import Code, GovChainError
from govchain.modules.governance.messages import MemberAdd, MemberRemove
from govchain.ops.net.desks import decide
from govchain.ops.net.layout import NodeEntry
from govchain.ops.net.looking import probe
from govchain.proof.certificates import decode_certificate
from govchain.proof.equivocation import verify_equivocation
from tests.modules.governing import new_member
from tests.net.kit import Net, network, wait_until
from tests.net.ledgers import Ledgers

pytestmark = [pytest.mark.net, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["cometbft", "etcd"])
def net(request, tmp_path_factory):
    """One network for all faults; each begins with a healthy one."""
    with network(tmp_path_factory.mktemp(request.param) / "n", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def ledgers(net):
    return Ledgers(net)


@pytest.fixture(autouse=True)
def _healthy(net):
    net.healthy()


@contextlib.contextmanager
def misbehaving(net: Net, node: NodeEntry, fault: str):
    """In place of ``node`` one with that fault; afterwards it is stopped."""
    net.stop(node)
    place = net.folder.node(node.name)
    output = place.folder / f"{fault}.log"
    with output.open("wb") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.net.byzantine_child", str(place.data), fault],
            cwd=place.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: b"ready" in output.read_bytes() or child.poll() is not None, f"{fault}: ready")
            assert child.poll() is None, output.read_text("utf-8", "replace")
            yield output
            assert child.poll() is None, output.read_text("utf-8", "replace")
        finally:
            child.terminate()
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def certificates(net: Net, node: NodeEntry, first: int, last: int):
    with net.transport(node) as transport:
        blocks = transport.headers(first, last).blocks
    return [decode_certificate(block.certificate) for block in blocks]


@pytest.mark.requirement("JX.base.consensus.01", "BJ.design.security.02")
def test_a_member_that_signs_two_blocks_of_one_height_is_proved_to_do_so(net, ledgers):
    *honest, bad = net.nodes
    with misbehaving(net, bad, "equivocates"):
        kept = [id.hex() for node in honest for id in net.put(node, 2)]
        folders = [net.folder.node(node.name).data / "equivocations" for node in honest]
        wait_until(lambda: all(any(folder.glob("*.json")) for folder in folders), "a proof at every honest node")
        kept += [id.hex() for id in net.put(honest[0], 2)]
        ledgers.agree(kept, nodes=honest)
        assert net.states()[: len(honest)] == ["ready"] * len(honest)
    for node, folder in zip(honest, folders, strict=True):
        assert f"member {bad.key[:16]} signed two blocks of height" in net.said(node)
        for file in folder.glob("*.json"):
            proof = verify_equivocation(get_suite(net.file.suite), file.read_bytes())
            assert (proof.key, proof.chain) == (bad.key, net.file.chain)
    # Whoever has the file and the genesis, and nothing else, sees whose key it was.
    command = [sys.executable, "-m", "govchain.cli", "--json", "verify", str(next(folders[0].glob("*.json")))]
    said = subprocess.run(
        [*command, "--trust", str(net.folder.genesis)], capture_output=True, timeout=120, check=True, text=True
    )
    told = json.loads(said.stdout)
    assert (told["result"], told["member"]) == ("equivocation", bad.name)
    # Honest again, it is one of them as before.
    net.healthy()
    ledgers.agree(kept)


@pytest.mark.requirement("JX.base.consensus.01", "BJ.design.security.02")
@pytest.mark.parametrize("fault", ["silent", "garbage"])
def test_without_a_members_signatures_the_others_certify_every_block(net, ledgers, fault):
    *honest, bad = net.nodes
    with misbehaving(net, bad, fault) as output:
        before = net.height(honest[0])
        kept = [id.hex() for node in honest for id in net.put(node, 2)]
        height = ledgers.agree(kept, nodes=honest)
        assert height > before
        for node in honest:
            signed = {entry.key for each in certificates(net, node, before + 1, height) for entry in each.signatures}
            assert signed == {each.key for each in honest}
        assert b"problem" not in output.read_bytes()


@pytest.mark.requirement("JX.base.consensus.01", "BJ.function.node_auth.02")
def test_a_vote_for_a_key_that_is_used_or_nobodys_changes_nothing(net):
    """Engines stop at an update that names a key twice or one that is not there: no vote may lead to one."""
    first, second = net.nodes[0], net.nodes[1]
    rule = net.genesis.rule
    used = next(member for member in net.genesis.members if member.key == second.key)

    def add(**changes) -> MemberAdd:
        fresh = new_member(rule)
        told = {"engine_key": fresh.engine_key, "key": fresh.key, "tls": fresh.tls} | changes
        return MemberAdd(name="another", organisation=first.organisation, **told)

    def code(change) -> Code:
        with pytest.raises(GovChainError) as refused:
            decide(net.folder, net.nodes, change, "not to be")
        return refused.value.code

    sets = {node.name: epoch(node) for node in net.nodes}
    assert code(add(key=used.key)) is Code.GOVERNANCE_KEY_USED
    assert code(add(tls=used.tls)) is Code.GOVERNANCE_KEY_USED
    if rule == "bft":
        assert code(add(engine_key=used.engine_key)) is Code.GOVERNANCE_KEY_USED
    assert code(MemberRemove(key=new_member(rule).key)) is Code.GOVERNANCE_MEMBER_UNKNOWN
    # Keys that nobody holds: the members may invite them, and without their own word they sign nothing.
    nobody = add()
    decide(net.folder, net.nodes, nobody, "an invitation that nobody takes up")
    decide(net.folder, net.nodes, MemberRemove(key=nobody.key), "taken back")
    for node in net.nodes:
        assert net.put(node)
    net.same_everywhere()
    assert {node.name: epoch(node) for node in net.nodes} == sets


def epoch(node: NodeEntry) -> tuple[int, int]:
    with probe(node) as transport:
        status = transport.network()
    return status.epoch, status.members
