"""The main job from an empty folder, as the README tells it."""

import re
import shutil

import pytest

from tests.cli.support import Shell, new_shell

ID = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """`init`, `put`, `find`, `export` with nothing but defaults."""
    shell = new_shell(tmp_path_factory.mktemp("acceptance"))
    (shell.folder / "file.txt").write_text("合同\n", encoding="utf-8")
    made = shell.run("init", "d")
    inside = Shell(shell.folder / "d", shell.home)
    put = inside.run("evidence", "put", "../file.txt")
    found = inside.run("evidence", "find", "../file.txt")
    (evidence,) = set(ID.findall(found.out))
    exported = inside.run("evidence", "export", evidence, "-o", "p.gcp")
    return inside, {"init": made, "put": put, "find": found, "id": evidence, "export": exported}


@pytest.mark.requirement("BJ.baas.general.03", "BJ.function.user.01a", "GZ.process.install.01")
def test_defaults_lead_from_an_empty_folder_to_a_stored_record(session):
    shell, said = session
    assert "Next: cd d && govchain evidence put FILE" in said["init"].out
    assert said["id"] in said["put"].out
    status = shell.run("chain", "status", "--json").json
    assert (status["height"], status["certified_height"], status["verified"]) == (1, 1, True)


def test_each_step_says_what_to_do_next(session):
    _, said = session
    assert f"govchain evidence export {said['id']}" in said["put"].out
    assert "govchain verify p.gcp --original FILE" in said["export"].out


@pytest.mark.requirement("GD.function.evidence.01", "BJ.compliance.collect.04b")
def test_the_package_verifies_and_one_changed_byte_of_the_file_is_refused(session, tmp_path):
    shell, _ = session
    good = shell.run("verify", "p.gcp", "--original", "../file.txt")
    assert "Result: it holds, and the issuer is trusted." in good.out
    changed = tmp_path / "changed.txt"
    data = bytearray((shell.folder.parent / "file.txt").read_bytes())
    data[0] ^= 1
    changed.write_bytes(data)
    bad = shell.run("verify", "p.gcp", "--original", changed, expect=1)
    assert "SM3 differs" in bad.err
    assert "SHA-256 differs" in bad.err
    assert "size differs" not in bad.err
    told = shell.run("verify", "p.gcp", "--original", changed, "--json", expect=1).json
    assert (told["error"]["step"], told["error"]["code"]) == (11, "ORIGINAL_DIFFERS")
    assert told["differences"][0]["differs"] == ["sm3", "sha256"]
    changed.write_bytes(bytes(data) + b"more")
    told = shell.run("verify", "p.gcp", "--original", changed, "--json", expect=1).json
    assert told["differences"][0]["differs"] == ["size", "sm3", "sha256"]


def test_the_steps_are_numbered_and_named(session):
    shell, _ = session
    told = shell.run("verify", "p.gcp", "--json").json
    assert [step["number"] for step in told["steps"]] == list(range(1, 13))
    assert [step["name"] for step in told["steps"]][:3] == ["container", "manifest", "genesis"]
    assert {step["name"]: step["outcome"] for step in told["steps"]}["original"] == "skipped"
    assert told["facts"]["claims"][0]["transaction"]
    assert len(told["not_proved"]) == 4


def test_elsewhere_the_same_package_is_consistent_but_not_trusted(session):
    shell, _ = session
    stranger = shell.user("stranger")
    answer = stranger.run("verify", "p.gcp", "--original", "../file.txt", expect=3)
    assert "issuer NOT trusted" in answer.out
    assert stranger.run("verify", "p.gcp", "--json", expect=3).json["result"] == "untrusted"
    assert stranger.run("verify", "p.gcp", "--trust", "genesis.json").code == 0
    assert stranger.run("verify", "p.gcp", expect=3).code == 3
    stranger.run("trust", "add", "genesis.json")
    assert stranger.run("verify", "p.gcp").code == 0
    fingerprint = stranger.run("trust", "list", "--json").json["anchors"][0]["fingerprint"]
    stranger.run("trust", "remove", fingerprint[:12])
    assert stranger.run("verify", "p.gcp", expect=3).code == 3


def test_verifying_needs_neither_node_nor_directory(session, tmp_path):
    shell, _ = session
    shutil.copy(shell.folder / "p.gcp", tmp_path)
    (tmp_path / "empty").mkdir()
    assert shell.run("verify", tmp_path / "p.gcp", at=tmp_path / "empty").code == 0


def test_a_flipped_byte_of_the_package_is_refused_and_says_where(session, tmp_path):
    shell, _ = session
    data = (shell.folder / "p.gcp").read_bytes()
    seen = set()
    for at in (60, 200, len(data) // 2, len(data) - 3000, len(data) - 10):
        changed = bytearray(data)
        changed[at] ^= 1
        path = tmp_path / "changed.gcp"
        path.write_bytes(changed)
        told = shell.run("verify", path, "--json", expect=1).json
        assert told["result"] == "refused"
        assert told["error"]["step"] == 1
        seen.add(told["error"]["member"])
    assert len(seen) > 2


def test_a_withdrawn_record_still_verifies_with_its_own_exit_code(session, tmp_path):
    shell, _ = session
    path = tmp_path / "other.txt"
    path.write_text("other")
    record = shell.run("evidence", "put", path, "--json").json["id"]
    shell.run("evidence", "withdraw", record, "--reason", "duplicate")
    package = tmp_path / "w.gcp"
    shell.run("evidence", "export", record, "-o", package)
    answer = shell.run("verify", package, "--original", path, expect=4)
    assert "withdrawn" in answer.out
    assert shell.run("verify", package, "--json", expect=4).json["result"] == "ended"
    assert shell.user("nobody").run("verify", package, expect=3).code == 3


def test_chinese_says_the_same(session):
    shell, said = session
    chinese = Shell(shell.folder, shell.home, "zh_CN.UTF-8")
    assert "结论：成立，且签发方可信。" in chinese.run("verify", "p.gcp").out
    assert "文件存证" in chinese.run("evidence", "show", said["id"]).out
    assert "文件存证" in shell.run("evidence", "show", said["id"], "--lang", "zh").out
    assert "错误：" in chinese.run("evidence", "show", "ab" * 32, expect=1).err
    english = chinese.run("verify", "p.gcp", "--lang", "en")
    assert "Result: it holds" in english.out


def test_an_existing_package_is_not_overwritten_by_accident(session):
    shell, said = session
    refused = shell.run("evidence", "export", said["id"], "-o", "p.gcp", expect=2)
    assert "--force" in refused.err
    shell.run("evidence", "export", said["id"], "-o", "p.gcp", "--force")
