"""The doctor, backups and uninstalling in the directory of a node among others."""

import shutil

import pytest

from govchain.node.founding import found_node
from govchain.node.modules import genesis_modules, installed_modules
from govchain.ops import backup as backups
from govchain.ops import doctor
from govchain.ops.uninstall import survey
from govchain.proof.genesis import encode_genesis
from govchain.sdk.transactions import now_ms
from govchain.services.ceremony import assemble_genesis, read_records
from govchain.services.node_keys import NodePlan, create_node_keys
from govchain.storage import DirectoryLayout
from tests.services.ceremony_kit import NOW, organisation, party


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    path = tmp_path_factory.mktemp("doctor") / "d"
    plan = NodePlan(
        chain="city-evidence",
        organisation=organisation(0),
        organisation_name="Bureau 0",
        name="node-0",
        peers="127.0.0.1:26700",
        engine="127.0.0.1:26656",
        now=NOW,
        accounts=(),
    )
    create_node_keys(path, plan)
    files = [("own", (path / "member.json").read_bytes()), *(party(number).file for number in (1, 2, 3))]
    genesis = assemble_genesis(read_records(files), "bft", genesis_modules(installed_modules()))
    found_node(path, encode_genesis(genesis), files)
    return path


@pytest.fixture
def path(founded, tmp_path):
    return shutil.copytree(founded, tmp_path / "d")


@pytest.fixture
def engines(tmp_path):
    """A folder with a program of the engine's name."""
    folder = tmp_path / "engines"
    folder.mkdir()
    (folder / "cometbft").write_text("#!/bin/sh\n")
    (folder / "cometbft").chmod(0o755)
    return {"GOVCHAIN_ENGINES": str(folder), "PATH": ""}


def names(path, environment):
    report = doctor.run(path, now=now_ms(), environment=environment)
    assert "members" in report.checks
    return sorted(finding.name for finding in report.findings if finding.name.partition(".")[0] != "disk")


def test_a_sound_node_has_nothing_to_tell(path, engines):
    assert names(path, engines) == []


def test_what_is_missing_or_altered_is_named(path, engines, tmp_path):
    assert names(path, {"GOVCHAIN_ENGINES": str(tmp_path), "PATH": ""}) == ["engine.missing"]
    other = next((path / "peers").glob("*.json"))
    whole = other.read_bytes()
    other.write_bytes(whole.replace(b"node-", b"evil-"))
    assert names(path, engines) == ["peers.ceremony-refused"]
    shutil.rmtree(path / "peers")
    assert names(path, engines) == ["peers.unknown"]
    key = path / "engine" / "config" / "node_key.json"
    key.unlink()
    assert "engine.data-directory-incomplete" in names(path, engines)
    (path / "member.json").write_bytes(b"{}")
    assert names(path, engines) == ["member.data-directory-incomplete"]


def test_engine_keys_of_another_node_are_noticed(path, engines, tmp_path):
    plan = NodePlan("city-evidence", organisation(5), "B", "n", "127.0.0.1:1", "127.0.0.1:2", NOW, accounts=())
    create_node_keys(tmp_path / "e", plan)
    shutil.rmtree(path / "engine")
    shutil.copytree(tmp_path / "e" / "engine", path / "engine")
    assert names(path, engines) == ["engine.other"]


def test_a_backup_has_the_member_files_and_nothing_of_the_engine(path, tmp_path):
    made = backups.create_backup(path, tmp_path / "backups", now=now_ms(), with_keys=True)
    inside = sorted(file.path for file in made.manifest.files if not file.path.startswith("store/"))
    own = DirectoryLayout(path)
    assert inside == sorted(
        [
            "genesis.json",
            "member.json",
            *(f"peers/{file.name}" for file in own.peers.iterdir()),
            "keys/node.pem",
            "keys/tls.pem",
            "keys/tls.crt",
        ]
    )
    restored = backups.restore_backup(made.path, tmp_path / "r").path
    assert (restored / "member.json").read_bytes() == own.member_record.read_bytes()
    assert len(list((restored / "peers").iterdir())) == 3
    assert not (restored / "engine").exists()


def test_everything_inside_is_known(path):
    found = survey(path, path.parent / "home", {}, ())
    assert [left.place for left in found.found if left.inside and left.kind == "other"] == []
