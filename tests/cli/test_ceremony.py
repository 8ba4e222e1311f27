"""The genesis ceremony as its members type it: each in a folder and with a home of its own."""

import json
import shutil

import pytest

from tests.cli.support import new_shell
from tests.services.ceremony_kit import organisation


def keys(shell, number, *options, chain="city-evidence", expect=0):
    return shell.run(
        "node", "keys", f"n{number}", "--chain", chain, "--organisation", organisation(number),
        "--organisation-name", f"局{number}", "--peers", f"10.0.0.{number}:26700",
        "--engine", f"10.0.0.{number}:26656", *options, expect=expect, at=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ceremony(tmp_path_factory):
    """A shell in whose folder two members made their keys and put a genesis together."""
    shell = new_shell(tmp_path_factory.mktemp("ceremony"))
    for number in (1, 2):
        keys(shell, number, "--name", f"node-{number}")
    shell.run("genesis", "assemble", "n1/member.json", "n2/member.json", "--rule", "bft")
    return shell


@pytest.mark.requirement("BJ.function.node_auth.01", "GZ.process.install.02")
def test_from_keys_to_a_data_directory(ceremony, tmp_path):
    shell = ceremony
    signed = [shell.run("--data", f"n{number}", "genesis", "sign", "genesis.json", "--json").json for number in (1, 2)]
    files = [entry["path"] for entry in signed]
    assert len({entry["fingerprint"] for entry in signed}) == 1
    report = shell.run("genesis", "verify", "genesis.json", *files, "--json").json
    assert report["complete"]
    assert (report["quorum"], report["may_fail"]) == (2, 0)
    said = shell.run("genesis", "verify", "genesis.json", *files).out
    assert "2 members; 2 must sign each block" in said
    assert "To bear the loss of one, BFT takes four members" in said
    assert "Every member signed." in said
    chinese = shell.run("--lang", "zh", "genesis", "verify", "genesis.json", *files).out
    assert "全部成员均已签署" in chinese
    assert "局1" in chinese
    made = shell.run("node", "init", "n1", "genesis.json", "n1/member.json", "n2/member.json", "--json").json
    assert made["member"]
    assert made["fingerprint"] == report["fingerprint"]
    status = shell.run("--data", "n1", "chain", "status", "--json").json
    assert status["height"] == 0
    refused = shell.run("--data", "n1", "evidence", "put", "genesis.json", expect=5)
    assert "govchain up" in refused.err


def test_the_same_files_in_another_order(ceremony):
    ceremony.run("genesis", "assemble", "n2/member.json", "n1/member.json", "--rule", "bft", "-o", "again.json")
    assert (ceremony.folder / "again.json").read_bytes() == (ceremony.folder / "genesis.json").read_bytes()
    taken = ceremony.run("genesis", "assemble", "n1/member.json", "--rule", "bft", "-o", "again.json", expect=2)
    assert "again.json" in taken.err


def test_what_is_missing_or_false_is_named_and_the_exit_code_says_so(ceremony):
    shell = ceremony
    shell.run("--data", "n1", "genesis", "sign", "genesis.json", "-o", "s1.json", "--force")
    nobody = shell.run("genesis", "verify", "genesis.json", "--json", expect=1)
    document = json.loads(nobody.out[: nobody.out.index("\n}\n") + 3])
    assert sorted(document["missing"]) == ["node-1", "node-2"]
    one = shell.run("genesis", "verify", "genesis.json", "s1.json", expect=1)
    assert "The signature of node-2" in one.out
    assert "missing: node-2" in one.err
    signature = json.loads((shell.folder / "s1.json").read_bytes())
    last = signature["signature"]
    signature["signature"] = last[:-1] + ("0" if last[-1] != "0" else "1")
    (shell.folder / "bad.json").write_text(json.dumps(signature, separators=(",", ":"), sort_keys=True))
    bad = shell.run("genesis", "verify", "genesis.json", "s1.json", "bad.json", expect=1)
    assert "bad.json is no valid signature: the signature is not valid" in bad.out
    chinese = shell.run("--lang", "zh", "genesis", "verify", "genesis.json", "s1.json", "bad.json", expect=1)
    assert "签名无效" in chinese.out
    assert "尚缺" in chinese.out


def test_bad_calls(ceremony):
    shell = ceremony
    assert "bft or raft" in shell.run("genesis", "assemble", "n1/member.json", "--rule", "solo", expect=2).err
    assert (
        "the file of node-1 was given twice"
        in shell.run(
            "genesis", "assemble", "n1/member.json", "n1/member.json", "--rule", "bft", "-o", "x.json", expect=1
        ).err
    )
    limit = ("genesis", "assemble", "n1/member.json", "--rule", "bft", "-o", "x.json", "--limit")
    assert "block_bytes_max" in shell.run(*limit, "nothing=1", expect=2).err
    assert "is none" in shell.run(*limit, "block_bytes_max=big", expect=2).err
    assert "--data" in shell.run("genesis", "sign", "genesis.json", expect=2).err
    assert "chain id" in keys(shell, 3, chain="NO", expect=2).err
    assert keys(shell, 1, expect=1).err
    changed = shell.folder / "changed.json"
    shutil.copy(shell.folder / "n1" / "member.json", changed)
    changed.write_bytes(changed.read_bytes().replace(b"node-1", b"node-9"))
    refused = shell.run("genesis", "assemble", "changed.json", "--rule", "bft", "-o", "x.json", expect=1)
    assert "not a member file as its member signed it" in refused.err
    chinese = shell.run("--lang", "zh", "genesis", "assemble", "changed.json", "--rule", "bft", "-o", "x", expect=1)
    assert "不是其成员签名的成员文件" in chinese.err
    assert not (shell.folder / "x.json").exists()


def test_a_genesis_of_one_node_needs_no_signatures(ceremony):
    ceremony.run("init", "solo")
    ceremony.run("genesis", "verify", "solo/genesis.json")
