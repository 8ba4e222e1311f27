"""Members change again and again under load; what was proved before and after the changes leads to one genesis.

Rules: real processes, so minutes on a busy machine; three changes for each engine, and ten with the marker ``long``.
"""

import subprocess
import sys

import pytest

from govchain.ops.net.looking import probe
from govchain.ops.net.membership import add_node, remove_node
from govchain.proof.verify import verify_package
from govchain.sdk.capture import capture_contents
from govchain.sdk.client import Client
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.transactions import now_ms
from tests.net.kit import network, wait_until
from tests.net.ledgers import Ledgers
from tests.net.load import Load
from tools.tidy.tree import ROOT

pytestmark = [pytest.mark.net, pytest.mark.timeout(1_800)]

_LONG = pytest.mark.long
CASES = [
    pytest.param("cometbft", 3),
    pytest.param("etcd", 3, marks=_LONG),
    pytest.param("cometbft", 10, marks=_LONG),
    pytest.param("etcd", 10, marks=_LONG),
]


def anchored(net, node, content):
    """A record that the node's department anchors at its own node; its id and its package."""
    with net.transport(node, retries=3) as transport:
        client = Client(transport, trust=net.trust, signer=net.officer(node).signer)
        client.login()
        (file,) = capture_contents([("licence.txt", content)], suite=client.suite, now=now_ms()).files
        record = client.put_file(file)
        return record.id, client.export_package(record.id)


def change(net, number):
    """A member comes, and then the one that has been there longest goes, but for the first."""
    if number % 2 == 0:
        net.file, _ = add_node(net.folder, net.file)
    else:
        net.file = remove_node(net.folder, net.file, net.present[1])


@pytest.mark.requirement("BJ.function.node.08a", "BJ.function.node.08b", "GD.general.extensibility.01")
@pytest.mark.parametrize(("engine", "changes"), CASES)
def test_packages_from_before_and_after_lead_to_the_same_genesis(tmp_path, engine, changes, capsys):
    with network(tmp_path / "n", engine) as net:
        first = net.nodes[0]
        packages = [anchored(net, first, b"before")]
        with Load(net, first, first) as load:
            load.wait_for(2)
            for number in range(changes):
                change(net, number)
                load.wait_for(2)
            count = len(load.acknowledged)
        newest = net.present[-1]
        # 1. Each change is an epoch of its own, and every node has the same members.
        for node in net.present:
            with probe(node) as transport:
                wait_until(lambda way=transport: way.network().epoch == changes, f"{node.name} has every change")
                status = transport.network()
            assert status.members == len(net.present)
            assert status.member
        assert {node.name for node in net.nodes} - {node.name for node in net.present} == {
            f"node-{number}" for number in range(1, 1 + changes // 2)
        }
        # 2. Nothing that was acknowledged is lost, and every block follows from the genesis.
        height = Ledgers(net).agree(load.acknowledged)
        # 3. A member that genesis does not name proves what came after, and what was there before it came.
        packages.append(anchored(net, newest, b"after"))
        with net.transport(newest) as transport:
            client = Client(transport, trust=net.trust, signer=net.officer(newest).signer)
            client.login()
            packages.append((packages[0][0], client.export_package(packages[0][0])))
    # 4. The network is gone; all packages hold by the genesis alone, for two programs that share nothing.
    assert newest.name not in {one.name for one in net.genesis.members}
    for number, (record, package) in enumerate(packages):
        verified = verify_package(package, trusted=net.trust, kinds=installed_kinds())
        assert verified.report.exit_code == 0, record
        path = tmp_path / f"{number}.gcp"
        path.write_bytes(package)
        tool = [sys.executable, ROOT / "tools" / "verify_package.py", path, "--trust", net.folder.genesis]
        alone = subprocess.run(tool, capture_output=True, check=False, text=True, timeout=120)
        assert alone.returncode == 0, alone.stdout + alone.stderr
    with capsys.disabled():
        told = f"{changes} changes of members under load, {count} records acknowledged, {height} blocks"
        print(f"\n  {engine}: {told}; packages of {[len(data) for _, data in packages]} bytes")
