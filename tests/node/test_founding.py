"""A node's data directory from its keys, genesis and the members' files."""

import json
import shutil

import pytest

from govchain.model import Code, RefusedError, UnavailableError
from govchain.node.embedded import open_embedded
from govchain.node.founding import found_node
from govchain.node.modules import genesis_modules, installed_modules
from govchain.proof.genesis import encode_genesis
from govchain.services.ceremony import assemble_genesis, read_records
from govchain.services.node_keys import NodePlan, create_node_keys
from tests.services.ceremony_kit import NOW, organisation, party

PASSPHRASE = b"open sesame 1"


def plan(number, **changes):
    said = {
        "chain": "city-evidence",
        "organisation": organisation(number),
        "organisation_name": f"Bureau {number}",
        "name": f"node-{number}",
        "peers": f"127.0.0.1:{26700 + number}",
        "engine": f"127.0.0.1:{26600 + number}",
        "now": NOW,
        "accounts": (),
        "passphrase": PASSPHRASE,
    }
    return NodePlan(**{**said, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with keys, the genesis of it and three others, and all files."""
    folder = tmp_path_factory.mktemp("founding")
    created = create_node_keys(folder / "d", plan(0))
    others = [party(number) for number in (1, 2, 3)]
    files = [("own", (folder / "d" / "member.json").read_bytes()), *(one.file for one in others)]
    genesis = assemble_genesis(read_records(files), "bft", genesis_modules(installed_modules()))
    return created, encode_genesis(genesis), files


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made[0].path, tmp_path / "d")
    return tmp_path / "d"


def refusal(*arguments, **more):
    with pytest.raises((RefusedError, UnavailableError)) as caught:
        found_node(*arguments, **more)
    return caught.value.code, str(caught.value.params.get("reason"))


@pytest.mark.requirement("BJ.function.node_auth.01", "GZ.process.install.02")
def test_a_member_s_directory_is_whole_and_reads_as_any(made, folder, monkeypatch):
    created, genesis, files = made
    founded = found_node(folder, genesis, files)
    assert founded.member
    assert founded.record == created.record
    assert len(list((folder / "peers").glob("*.json"))) == 3
    with open_embedded(folder, read_only=True) as node:
        assert node.application.chain.height == 0
        assert node.genesis.rule == "bft"
        assert node.engine.status().problem is Code.DATA_DIRECTORY_READ_ONLY
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", PASSPHRASE.decode())
    with pytest.raises(UnavailableError, match="govchain up") as caught:
        open_embedded(folder)
    assert caught.value.code is Code.ENGINE_MISMATCH
    assert refusal(folder, genesis, files)[0] is Code.DATA_DIRECTORY_EXISTS


def test_its_own_file_need_not_be_given_and_a_later_one_of_another_counts(made, folder):
    _, genesis, files = made
    first = party(1)
    certificate = bytes.fromhex(json.loads(files[1][1])["certificate"])
    later = party(1, signer=first.key, certificate=certificate, issued=NOW + 10_000)
    found_node(folder, genesis, [later.file, *files[1:]])
    stored = json.loads((folder / "peers" / f"{first.record.key[:16]}.json").read_bytes())
    assert stored["issued"] == NOW + 10_000


def test_files_that_do_not_go_together(made, folder):
    _, genesis, files = made
    assert refusal(folder, genesis, files[:3]) == (Code.CEREMONY_REFUSED, "the member file of node-3 is missing")
    foreign = party(7).file
    assert "no member of this genesis" in refusal(folder, genesis, [*files, foreign])[1]
    other_chain = party(1, chain="other-chain").file
    assert "another chain" in refusal(folder, genesis, [*files, other_chain])[1]
    swapped = party(1, certificate=bytes.fromhex(party(8).record.certificate)).file
    assert "another name, organisation or key" in refusal(folder, genesis, [files[0], swapped, *files[2:]])[1]
    assert not (folder / "format.json").exists()
    assert found_node(folder, genesis, files).member


def test_a_node_that_genesis_does_not_name_joins_only_when_it_says_so(made, tmp_path):
    _, genesis, files = made
    create_node_keys(tmp_path / "e", plan(9))
    assert "no member of this genesis" in refusal(tmp_path / "e", genesis, files)[1]
    founded = found_node(tmp_path / "e", genesis, files, join=True)
    assert not founded.member
    create_node_keys(tmp_path / "f", plan(8, chain="other-chain"))
    assert "another chain" in refusal(tmp_path / "f", genesis, files, join=True)[1]


def test_a_folder_without_keys_and_a_genesis_that_is_none(made, tmp_path, folder):
    _, genesis, files = made
    assert refusal(tmp_path / "none", genesis, files)[0] is Code.DATA_DIRECTORY_MISSING
    assert refusal(folder, genesis[:-2], files)[0] is Code.JSON_SYNTAX
