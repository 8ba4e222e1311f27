"""The curl session of the department developer's guide, typed word for word; and the two commands that it needs."""

import json
from pathlib import Path

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import new_chain
from tests.cli.typed import commands, lacking, typed
from tools.tidy.tree import ROOT

GUIDE = ROOT / "docs" / "guide" / "department-developer.md"


@pytest.mark.skipif(bool(lacking("curl", "jq")), reason="needs bash, curl and jq")
@pytest.mark.requirement("BJ.function.user.01c", "BJ.function.user.01d", "BJ.function.access.02")
def test_the_session_of_the_guide_word_for_word(tmp_path):
    script = commands(GUIDE, "## Before you start") + "\n" + commands(GUIDE, "### Over HTTP, with curl")
    done = typed(tmp_path, script + "\npwd\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Result: it holds, and the issuer is trusted." in done.stdout
    assert '"OK"' in done.stdout.splitlines()
    folder = Path(done.stdout.splitlines()[-1]).parent
    assert json.loads((folder / "submitted.json").read_text())["submissions"][0]["code"] == "OK"
    assert set(json.loads((folder / "proof.json").read_text())) >= {"body", "receipt", "transaction_path"}
    assert "Traceback" not in (folder / "node.log").read_text()


@pytest.mark.skipif(bool(lacking("curl", "awk")), reason="needs bash, curl and awk")
def test_the_readme_s_service_word_for_word(tmp_path):
    for name, first, service in (
        ("README.md", "## Your first verified proof", "## As a service"),
        ("README.zh-CN.md", "## 第一个经验证的证明", "## 作为服务"),
    ):
        script = commands(ROOT / name, first) + "\n" + commands(ROOT / name, service)
        (tmp_path / name).mkdir()
        done = typed(tmp_path / name, script)
        assert done.returncode == 0, done.stdout + done.stderr
        assert '"certified_height":1' in done.stdout
        assert "Nothing is wrong." in done.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("envelopes"))


@pytest.fixture
def message(shell):
    path = shell.folder.parent / "file.txt"
    path.write_text("content")
    return path


def test_a_signed_file_is_pending_until_somebody_sends_it(shell, message, tmp_path):
    """The record is kept beside the salts at once; the next command that writes sends what nobody has sent."""
    made = shell.run("evidence", "put", message, "-o", tmp_path / "put.envelope", "--json").json
    assert (tmp_path / "put.envelope").stat().st_size == made["bytes"]
    assert shell.run("evidence", "show", made["id"], "--json", expect=1).error["code"] == "NOT_FOUND"
    again = shell.run("evidence", "put", message, "-o", tmp_path / "put.envelope", "--json", expect=2)
    assert again.error["code"] == "USAGE"
    (tmp_path / "other").write_text("other")
    shell.run("evidence", "put", tmp_path / "other")
    assert shell.run("evidence", "show", made["id"], "--json").json["record"]["id"] == made["id"]
    found = shell.run("evidence", "find", message, "--json").json["found"]
    assert [one["record"]["id"] for one in found] == [made["id"]]


def test_a_signed_file_of_many_is_one_batch(shell, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    too_many = shell.run("evidence", "put", folder, "-o", tmp_path / "x", "--batch-size", 2, "--json", expect=2)
    assert too_many.error["code"] == "USAGE"
    made = shell.run("evidence", "put", folder, "-o", tmp_path / "batch.envelope", "--json").json
    assert len(made["id"]) == 64
    assert (tmp_path / "batch.envelope").exists()


def challenge_of(url, account):
    import httpx

    answer = httpx.post(f"{url}/v1/sessions/challenges", json={"account": account, "audience": url}, trust_env=False)
    return answer.json()["challenge"]


def test_a_challenge_is_signed_only_where_it_is_a_login_of_this_key(shell, tmp_path):
    address = shell.run("key", "show", "department", "--json").json["address"]
    other = shell.run("key", "show", "operator", "--json").json["address"]
    path = tmp_path / "challenge"
    with running_node(shell) as url:
        path.write_text(challenge_of(url, address))
        sign = ("key", "sign", shell.folder / "keys" / "department.pem", path, "--challenge", "--json")
        assert len(shell.run(*sign, "--node", url).json["signature"]) == 128
        assert "--node" in shell.run(*sign, expect=2).error["text"]
        refused = shell.user("stranger").run(*sign, "--node", url, expect=1)
        assert refused.error["code"] == "TRUST_MISMATCH"
        elsewhere = path.read_text().replace(url, "http://127.0.0.1:1")
        for text in (challenge_of(url, other), elsewhere, '{"payload":1}'):
            path.write_text(text)
            assert shell.run(*sign, "--node", url, expect=1).error["code"] == "CHALLENGE_INVALID"
