"""Every engine with every suite and every index database: a record is anchored, found, exported and verified twice.

Rules: real processes; two members of a network share one chain, each with its own kind of database. Takes about ten
seconds for each engine and suite on two free cores.
"""

import contextlib
import subprocess
import sys

import pytest

from govchain.node.embedded import create_chain
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFolder
from govchain.ops.net.processes import start_nodes, stop_nodes
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.proof.verify import verify_package
from govchain.sdk.capture import capture_contents
from govchain.sdk.client import Client
from govchain.sdk.http import HttpTransport
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.transactions import now_ms
from govchain.sdk.transport import EvidenceQuery
from govchain.services.chains import ChainOptions
from govchain.services.configurations import settings_file
from govchain.signers import open_signer, passphrase_source
from govchain.storage import DirectoryLayout
from tests.index.databases import postgres  # noqa: F401 - a fixture
from tests.net.kit import wait_until
from tests.node.up_kit import running
from tools.tidy.tree import ROOT

DATABASES = ("sqlite", "postgresql")
SUITES = ("gm", "international")


@contextlib.contextmanager
def opened(url, data):
    """A client at ``url`` that trusts the directory's genesis and signs with its department's key."""
    layout = DirectoryLayout(data)
    trust = TrustAnchors((fingerprint(decode_genesis(layout.genesis.read_bytes())).hex(),))
    signer = open_signer(f"file:{layout.keys / 'department.pem'}", passphrase_source(layout.keys))
    with HttpTransport(url) as transport:
        yield Client(transport, trust=trust, signer=signer), trust
    signer.close()


def smoke(url, data, suite, folder):
    """What a department does in its first hour."""
    with opened(url, data) as (client, trust):
        assert client.genesis.suite == suite
        content = f"{url} {suite}".encode()
        (file,) = capture_contents([("licence.txt", content)], suite=client.suite, now=now_ms()).files
        record = client.put_file(file, reference="case-2026-1")
        query = EvidenceQuery(reference="case-2026-1", account=client.account)
        wait_until(lambda: record.id in [found.record.id for found in client.find(query)], "the index has the record")
        assert [found.record.id for found in client.find_digest(client.suite.digest(content).hex())] == [record.id]
        package = client.export_package(record.id)
    report = verify_package(package, trusted=trust, kinds=installed_kinds()).report
    assert report.exit_code == 0
    path = folder / f"{suite}.gcp"
    path.write_bytes(package)
    tool = [sys.executable, ROOT / "tools" / "verify_package.py", path, "--trust", DirectoryLayout(data).genesis]
    second = subprocess.run(tool, capture_output=True, check=False, text=True, timeout=120)
    assert second.returncode == 0, second.stdout + second.stderr
    return record.id


def index_url(database, request):
    return "" if database == "sqlite" else request.getfixturevalue("postgres").create()


def check_database(data, database):
    """The index really lies where it was sent."""
    assert DirectoryLayout(data).index.exists() == (database == "sqlite")


@pytest.mark.net
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.requirement("BJ.design.compatibility.01")
def test_a_node_alone(tmp_path, suite, database, request):
    data = tmp_path / "data"
    create_chain(data, ChainOptions(now=now_ms(), suite=suite))
    values = {"GOVCHAIN_READS": "open", "GOVCHAIN_INDEX_URL": index_url(database, request)}
    with running(data, env={name: value for name, value in values.items() if value}) as node:
        smoke(node.url, data, suite, tmp_path)
        check_database(data, database)


@pytest.mark.net
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("engine", ["cometbft", "etcd"])
@pytest.mark.requirement("BJ.design.compatibility.01")
def test_a_network_whose_members_keep_their_indexes_in_different_databases(tmp_path, engine, suite, request):
    folder = NetworkFolder(tmp_path / "net")
    network = create_network(folder.path, NetworkPlan(now=now_ms(), engine=engine, validators=2, suite=suite))
    places = [folder.node(node.name).data for node in network.nodes]
    for node, data, database in zip(network.nodes, places, DATABASES, strict=True):
        settings = {"listen": f"127.0.0.1:{node.api}", "reads": "open"}
        url = index_url(database, request)
        DirectoryLayout(data).settings.write_bytes(settings_file(settings | ({"index_url": url} if url else {})))
    try:
        start_nodes(folder, network.nodes)
        ids = [smoke(node.url, data, suite, tmp_path) for node, data in zip(network.nodes, places, strict=True)]
        for node, data, database in zip(network.nodes, places, DATABASES, strict=True):
            check_database(data, database)
            with opened(node.url, data) as (client, _):
                # The two departments are of different organisations: each node shows both.
                wait_until(
                    lambda client=client: (
                        {found.id for found in client.find(EvidenceQuery(reference="case-2026-1"))} == set(ids)
                    ),
                    "each index has what either node took",
                )
    finally:
        stop_nodes(folder, network.nodes, timeout_s=20)
