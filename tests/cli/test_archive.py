"""`govchain archive`: made, listed, verified anywhere, mounted, and what pruning leaves; in both languages."""

import pytest

from tests.cli.support import Shell, new_chain
from tests.node.kit import Hands, make_chain, new_actor

START = 1_750_000_000_000
#: A block every twenty seconds: the replay window covers the last thirty.
BLOCKS = 45


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A chain of some blocks; the newest are of today, so that the replay window covers only these."""
    shell = new_chain(tmp_path_factory.mktemp("archive"))
    (shell.folder.parent / "a.txt").write_text("a")
    for number in range(3):
        (shell.folder.parent / f"{number}.txt").write_text(f"{number}")
        shell.run("evidence", "put", f"../{number}.txt")
    return shell


@pytest.fixture
def old(tmp_path, shell):
    """A chain that is longer than the replay window."""
    actor = new_actor()
    folder = make_chain(tmp_path / "data", actor, now=START)
    hands = Hands(folder, START)
    for number in range(1, BLOCKS + 1):
        now = START + number * 20_000
        hands.block(actor.put(now=now), at=now)
    hands.close()
    there = Shell(folder, shell.home)
    there.run("trust", "add", folder / "genesis.json")
    return there


def test_create_list_verify(shell, tmp_path):
    made = shell.run("archive", "create", "--to", "../kept", "--height", "2", "--json").json["archives"]
    assert [(one["first"], one["last"]) for one in made] == [(1, 2)]
    assert "archive-000000000003-000000000003.gca" in shell.run("archive", "create", "--to", "../kept").out
    assert shell.run("archive", "create", "--to", "../kept", "--json").json["archives"] == []
    assert "没有尚未归档的区块" in shell.run("--lang", "zh", "archive", "create", "--to", "../kept").out
    listed = shell.run("archive", "list", "../kept", "--json").json["archives"]
    assert [one["last"] for one in listed] == [2, 3]
    assert all(len(one["digest"]) == 64 for one in listed)
    assert listed[0]["digest"] in shell.run("archive", "list", "../kept").out
    verified = shell.run("archive", "verify", "../kept", "--json").json
    assert (verified["trusted"], verified["trusted_by"], verified["last"]) == (True, "genesis", 3)
    assert verified["fingerprint"] == listed[0]["fingerprint"]
    assert "受信任" in shell.run("--lang", "zh", "archive", "verify", "../kept").out
    assert shell.run("archive", "verify", "../kept", "--fingerprint", "00" * 32, "--json", expect=1).error["code"] == (
        "ARCHIVE_FOREIGN"
    )


def test_verifying_needs_no_directory_and_says_when_nobody_vouches(shell, tmp_path):
    shell.run("archive", "create", "--to", tmp_path / "kept", "--blocks", "1")
    elsewhere = Shell(tmp_path, tmp_path / "home")
    untrusted = elsewhere.run("archive", "verify", tmp_path / "kept", "--json", expect=3).json
    assert (untrusted["holds"], untrusted["trusted"]) == (True, False)
    assert "no trusted genesis" in elsewhere.run("archive", "verify", tmp_path / "kept", expect=3).out
    genesis = shell.folder / "genesis.json"
    trusted = elsewhere.run("archive", "verify", tmp_path / "kept", "--trust", genesis, "--json").json
    assert trusted["trusted_by"] == "genesis"
    # A file in the middle alone is vouched for by a node that has its blocks.
    one = tmp_path / "kept" / "archive-000000000002-000000000002.gca"
    assert shell.run("archive", "verify", one, "--json", expect=3).json["first"] == 2
    assert shell.run("--data", shell.folder, "archive", "verify", one, "--json").json["trusted_by"] == "node"
    one.unlink()
    missing = elsewhere.run("archive", "verify", tmp_path / "kept", "--json", expect=1).error
    assert missing["code"] == "ARCHIVE_GAP"
    assert "blocks 2 to 2 missing" in missing["text"]
    assert "区块 2 至 2" in elsewhere.run("--lang", "zh", "archive", "verify", tmp_path / "kept", expect=1).err
    (tmp_path / "empty").mkdir()
    assert elsewhere.run("archive", "verify", tmp_path / "empty", "--json", expect=1).error["code"] == "NOT_FOUND"


def test_prune_names_what_is_gone_and_mount_brings_it_back(old):
    old.run("archive", "create", "--to", "../kept", "--blocks", "20")
    refused = old.run("archive", "prune", "--to", "../kept", "--keep", "0", "--json", expect=2)
    assert refused.error["code"] == "USAGE"
    pruned = old.run("archive", "prune", "--to", "../kept", "--keep", "4", "--json").json
    assert (pruned["first"], pruned["last"], pruned["blocks"]) == (1, pruned["limit"], pruned["limit"])
    assert pruned["limit"] >= 1
    assert old.run("archive", "prune", "--to", "../kept", "--keep", "4", "--json").json["blocks"] == 0
    gone = old.run("block", "show", "1", "--json", expect=1).error
    assert gone["code"] == "BLOCK_ARCHIVED"
    assert "archive-000000000001-000000000020.gca" in gone["text"]
    assert "archive-000000000001-000000000020.gca" in old.run("--lang", "zh", "block", "show", "1", expect=1).err
    mounted = old.run("archive", "mount", "../kept", "--json").json["archives"]
    assert [one["first"] for one in mounted] == [1, 21, 41]
    assert old.run("block", "show", "1", "--json").json
    listed = old.run("archive", "list", "../kept", "--json").json
    assert len(listed["mounted"]) == 3
    assert old.run("doctor", "--json").json["clean"]
    old.run("archive", "unmount", "../kept")
    assert old.run("block", "show", "1", "--json", expect=1).error["code"] == "BLOCK_ARCHIVED"
    assert old.run("archive", "unmount", "../kept", "--json", expect=1).error["code"] == "NOT_FOUND"
    assert old.run("doctor", "--json").json["clean"]


def test_nothing_foreign_is_mounted(old, shell):
    shell.run("archive", "create", "--to", old.folder.parent / "foreign")
    refused = old.run("archive", "mount", "../foreign", "--json", expect=1).error
    assert refused["code"] == "ARCHIVE_FOREIGN"
    assert not (old.folder / "mounts.json").exists()
    refused = old.run("archive", "prune", "--to", "../foreign", "--keep", "2", "--json").json
    assert refused["blocks"] == 0


def test_what_does_not_fit(shell, tmp_path):
    assert shell.run("archive", "create", "--json", expect=2).error["code"] == "USAGE"
    assert shell.run("archive", "create", "--to", "archives", "--json", expect=2).error["code"] == "USAGE"
    assert shell.run("archive", "list", tmp_path / "none", "--json", expect=5).error["code"] == "FILE_UNREADABLE"
    assert shell.run("--node", "http://127.0.0.1:9", "archive", "create", "--json", expect=2).error["code"] == "USAGE"
    settings = tmp_path / "settings.toml"
    settings.write_text(f'archive_to = "{tmp_path / "kept"}"\n')
    assert shell.run("archive", "create", "--config", settings, "--json").json["path"] == str(tmp_path / "kept")
    assert len(shell.run("archive", "list", "--config", settings, "--json").json["archives"]) == 1
