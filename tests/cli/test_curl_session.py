"""The curl session of the department developer's guide, typed word for word; and the two commands that it needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import new_chain
from tools.check_docs import shell_lines
from tools.tidy.tree import ROOT

GUIDE = ROOT / "docs" / "guide" / "department-developer.md"
TOOLS = ("bash", "curl", "jq")
needs_tools = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs bash, curl and jq")


def lines(heading):
    """The command lines below a heading, up to the next one of its level or above."""
    text = GUIDE.read_text("utf-8")
    level = heading.partition(" ")[0]
    part = text.split(f"\n{heading}\n", 1)[1]
    for above in range(2, len(level) + 1):
        part = part.split("\n" + "#" * above + " ", 1)[0]
    return "\n".join(line for _, line in shell_lines(part))


@needs_tools
@pytest.mark.requirement("BJ.function.user.01c", "BJ.function.user.01d", "BJ.function.access.02")
def test_the_session_of_the_guide_word_for_word(tmp_path):
    for name in ("empty", "home", "bin"):
        (tmp_path / name).mkdir()
    # What `source .venv/bin/activate` does, for the interpreter that runs this test.
    (tmp_path / "bin" / "govchain").write_text(f'#!/bin/sh\nexec {sys.executable} -m govchain.cli "$@"\n')
    (tmp_path / "bin" / "govchain").chmod(0o755)
    before = "\n".join(line for line in lines("## Before you start").splitlines() if "activate" not in line)
    script = before + "\n" + lines("### Over HTTP, with curl") + "\npwd\n"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path / "empty",
        env={"PATH": f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path / "home")}
        | {"LC_ALL": "C.UTF-8", "TMPDIR": str(tmp_path / "empty")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Result: it holds, and the issuer is trusted." in done.stdout
    assert '"OK"' in done.stdout.splitlines()
    folder = Path(done.stdout.splitlines()[-1]).parent
    assert json.loads((folder / "submitted.json").read_text())["submissions"][0]["code"] == "OK"
    assert set(json.loads((folder / "proof.json").read_text())) >= {"body", "receipt", "transaction_path"}
    assert "Traceback" not in (folder / "node.log").read_text()


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
        for text in (challenge_of(url, other), elsewhere, "", "{}", '{"payload":1}', "\xff"):
            path.write_text(text, encoding="latin-1")
            assert shell.run(*sign, "--node", url, expect=1).error["code"] == "CHALLENGE_INVALID"
