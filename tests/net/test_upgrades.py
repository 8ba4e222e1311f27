"""Four nodes are upgraded one by one under load, and one goes back with its data; a newer directory is left as it is.

The later release is this source with another version and one layer changed, run as processes of its own. Two minutes on
two free cores.
"""

import hashlib
import json
import os
import subprocess
import sys
import time

import httpx
import pytest

from govchain import __version__
from govchain.consensus.engine_binary import find_engine
from govchain.model import Code
from govchain.node.embedded import create_chain
from govchain.ops.backup import create_backup, restore_backup, verify_backup
from govchain.sdk.transactions import now_ms
from govchain.services.chains import ChainOptions
from govchain.signers import open_signer, passphrase_source
from tests.api.events_kit import Officer
from tests.net.kit import WAIT_S, network
from tests.net.load import Load
from tests.net.newer import NEWER, TITLE, make_newer
from tests.node import up_kit

pytestmark = [pytest.mark.net, pytest.mark.timeout(900)]

#: The time that docs/guide/operator.md gives for a rolling upgrade of four nodes, seconds.
AGREED_S = 600


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    return make_newer(tmp_path_factory.mktemp("release"))


def govchain(*arguments, newer=None, home):
    """A command of this release or of the later one; exit code and its JSON."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GOVCHAIN_") or "ENGINES" in name}
    own.pop("PYTHONPATH", None)
    own |= {"GOVCHAIN_HOME": str(home)} | ({"PYTHONPATH": str(newer)} if newer else {})
    done = subprocess.run(
        [sys.executable, "-m", "govchain.cli", "--json", *map(str, arguments)],
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


def version(net, node):
    with net.transport(node) as transport:
        return transport.status().node_version


def title(node):
    return httpx.get(f"{node.url}/v1/openapi.json", timeout=WAIT_S, trust_env=False).json()["info"]["title"]


@pytest.mark.long
@pytest.mark.requirement(
    "BJ.maintainability.modifiability.04",
    "BJ.maintainability.modifiability.06",
    "BJ.baas.separation.02",
    "BJ.design.loose_coupling.04",
    "GD.general.extensibility.02",
    "GD.technical.maintainability.04",
)
def test_a_rolling_upgrade_under_load_and_one_node_back(tmp_path, newer, monkeypatch, capsys):
    # The later release lies elsewhere, without engines beside it.
    monkeypatch.setenv("GOVCHAIN_ENGINES", str(find_engine("cometbft", os.environ).parent))
    with network(tmp_path / "net", "cometbft") as net:
        for node in net.present:
            net.put(node, 2)
        before = net.same_everywhere()
        seconds = []
        # Programs that were written against this release: neither they nor their calls change, whatever the nodes run.
        with Load(net, *net.present, retries=10) as load:
            for node in net.present:
                load.wait_for(4)
                place, began = net.folder.node(node.name), time.monotonic()
                assert net.stop(node) == {node.name: True}
                backup = create_backup(place.data, tmp_path / "backups" / node.name, now=now_ms(), with_keys=True)
                verify_backup(backup.path)
                _, found = govchain("--data", place.data, "doctor", newer=newer, home=place.home)
                # The new version verifies the whole old chain; signatures of the newest blocks may still be due.
                assert {one["name"] for one in found["findings"]} <= {"certificates.certificate-behind"}, found
                assert found["height"] >= before
                monkeypatch.setenv("PYTHONPATH", str(newer))
                net.start(node)
                monkeypatch.delenv("PYTHONPATH")
                seconds.append(time.monotonic() - began)
                assert (version(net, node), title(node)) == (NEWER, TITLE)
            load.wait_for(8)
        height = net.same_everywhere()
        assert height > before
        for node in net.present:
            assert net.has(node, [bytes.fromhex(one) for one in load.acknowledged]), "acknowledged by any, held by all"
            code, found = govchain("--node", node.url, "doctor", newer=newer, home=net.folder.node(node.name).home)
            assert (code, found["findings"]) == (0, [])
        assert sum(seconds) < AGREED_S
        # Back again: what the node committed as the newer one is there, and it goes on.
        node = net.present[-1]
        net.stop(node)
        place = net.folder.node(node.name)
        _, found = govchain("--data", place.data, "doctor", home=place.home)
        assert {one["name"] for one in found["findings"]} <= {"certificates.certificate-behind"}, found
        net.start(node)
        assert (version(net, node), title(node)) == (__version__, "GovChain (政链)")
        assert net.put(node, 3)
        assert net.same_everywhere() > height
        with capsys.disabled():
            told = ", ".join(f"{one:.1f}" for one in seconds)
            print(
                f"\n  upgrade of each node, with its backup and check: {told} s; slowest call: {load.slowest_s:.1f} s"
            )


def tree(path):
    """Every file of a directory with its digest, but for the lock."""
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != "lock"
    }


def department(data, chain):
    keys = data / "keys"
    return Officer(b"", chain, open_signer(f"file:{keys / 'department.pem'}", passphrase_source(keys)))


def put(node, officer, count):
    headers = {"content-type": "application/vnd.govchain.envelope"}
    with node.client() as client:
        for _ in range(count):
            answer = client.post("/v1/transactions?wait=committed", headers=headers, content=officer.put())
            assert answer.status_code < 300, answer.text
        return client.get("/v1/chain").json()["height"]


def version_of(node):
    with node.client() as client:
        return client.get("/v1/chain").json()["node_version"]


@pytest.mark.requirement("BJ.maintainability.modifiability.06")
def test_a_directory_of_a_newer_format_is_refused_untouched_and_the_backup_goes_on(tmp_path, newer):
    """What an operator of a node alone does when the newer release wrote its own format: back up, go back, restore."""
    data, home = tmp_path / "data", tmp_path / "home"
    create_chain(data, ChainOptions(now=now_ms(), chain="upgraded"))
    officer = department(data, "upgraded")
    with up_kit.running(data) as node:
        height = put(node, officer, 3)
    backup = create_backup(data, tmp_path / "backups", now=now_ms(), with_keys=True)
    with up_kit.running(data, env={"PYTHONPATH": str(newer)}) as node:
        assert version_of(node) == NEWER
        assert put(node, officer, 2) == height + 2
    # No release has another format yet: the mark that a later one would leave.
    (data / "format.json").write_text('{"format":"govchain-data/3"}')
    before = tree(data)
    for arguments in (("up", data), ("--data", data, "doctor"), ("--data", data, "chain", "status")):
        code, told = govchain(*arguments, home=home)
        assert (code, told["error"]["code"]) == (5, Code.DATA_DIRECTORY_NEWER.name), told
    assert tree(data) == before
    restored = restore_backup(backup.path, tmp_path / "restored")
    assert restored.height == height
    passphrase = (data / "keys" / "passphrase").read_bytes()
    (tmp_path / "restored" / "keys" / "passphrase").write_bytes(passphrase)
    (tmp_path / "restored" / "keys" / "passphrase").chmod(0o600)
    with up_kit.running(tmp_path / "restored") as node:
        assert version_of(node) == __version__
        assert put(node, officer, 1) == height + 1
