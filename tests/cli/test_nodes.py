"""The same commands on a data directory and on its node, a real `govchain up`; logins, profiles, watching."""

import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import Shell, new_chain

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A data directory with two records, one withdrawn."""
    made = new_chain(tmp_path_factory.mktemp("nodes"))
    outside = made.folder.parent
    for name in ("one", "two"):
        (outside / name).write_text(name)
        made.run("evidence", "put", outside / name, "-r", f"ref-{name}")
    record = made.run("evidence", "find", "-r", "ref-two", "--json").json["found"][0]["id"]
    made.run("evidence", "withdraw", record)
    return made


@pytest.fixture(scope="module")
def url(chain):
    with running_node(chain) as listening:
        yield listening


@pytest.fixture(scope="module")
def remote(chain, url, tmp_path_factory):
    """Another user's shell outside the directory, who trusts the chain and is logged in, with copies of the keys."""
    folder = tmp_path_factory.mktemp("remote")
    (folder / "work").mkdir()
    shell = Remote(Shell(folder / "work", folder / "home"), url)
    keys = folder / "home" / "govchain" / "keys"
    keys.mkdir(parents=True)
    for name in ("department.pem", "operator.pem", "passphrase"):
        (keys / name).write_bytes((chain.folder / "keys" / name).read_bytes())
        (keys / name).chmod(0o600)
    shell.run("genesis", "show", "--export", "genesis.json")
    shell.run("trust", "add", "genesis.json")
    shell.run("login", "--key", "department")
    return shell


class Remote:
    """A shell whose every command names the node."""

    def __init__(self, shell, url):
        self.shell, self.url, self.folder = shell, url, shell.folder

    def run(self, *arguments, **options):
        return self.shell.run("--node", self.url, *arguments, **options)

    @property
    def sessions(self):
        return self.shell.home / "govchain" / "sessions"


@pytest.mark.requirement(
    "BJ.function.access.01a",
    "BJ.function.access.01b",
    "BJ.function.access.01c",
    "BJ.function.access.01d",
    "BJ.function.access.01e",
)
def test_every_reading_command_says_the_same_of_both(chain, remote):
    blocks = chain.run("block", "list", "--json").json["blocks"]
    record = chain.run("evidence", "find", "-r", "ref-two", "--json").json["found"][0]["id"]
    account = chain.run("account", "list", "--json").json["accounts"][0]
    for call in (
        ["block", "list"],
        ["block", "list", "--before", 3, "--limit", 1],
        ["block", "show", blocks[0]["header"]["height"]],
        ["tx", "show", record],
        ["account", "list"],
        ["account", "show", account["address"]],
        ["account", "show", account["label"]],
        ["genesis", "show"],
        ["evidence", "history", record],
        ["evidence", "find", record],
    ):
        here, there = chain.run(*call, "--json").json, remote.run(*call, "--json").json
        for one in here.get("found", ()):
            one["catalogue"] = None  # names are the submitter's own
        assert here == there, call
    here, there = chain.run("chain", "status", "--json").json, remote.run("chain", "status", "--json").json
    assert (there["path"], there["node"]) == (None, remote.url)
    assert {**here, "path": None, "node": None} == {**there, "path": None, "node": None}


def test_what_is_not_there_has_the_same_code_of_both(chain, remote):
    for call in (
        ["block", "show", 10_000],
        ["tx", "show", "ab" * 32],
        ["tx", "show", "xyz"],
        ["account", "show", "ab" * 20],
        ["account", "show", "nobody"],
        ["evidence", "show", "ab" * 32],
        ["evidence", "show", "abcdef12"],
        ["evidence", "find", "no such file"],
        ["evidence", "find", "-r", "nothing"],
        ["evidence", "find", "--account", "xyz"],
        ["evidence", "history", "ab" * 32],
    ):
        here, there = (shell.run(*call, "--json", expect=None) for shell in (chain, remote))
        assert (there.code, there.error["code"]) == (here.code, here.error["code"]), call


@pytest.mark.requirement("BJ.function.access.02", "BJ.function.user.01d")
def test_a_department_anchors_and_proves_through_a_node(remote, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        (folder / f"文件{number}.txt").write_text(f"node {number}")
    batch = remote.run("evidence", "put", folder, "-r", "node-1", "--key", "department", "--json").json["id"]
    (found,) = remote.run("evidence", "find", folder / "文件1.txt", "--json").json["found"]
    assert (found["id"], found["catalogue"]["name"]) == (f"{batch}.1", "文件1.txt")
    package = tmp_path / "leaf.gcp"
    remote.run("evidence", "export", f"{batch[:12]}.1", "-o", package)
    assert remote.shell.run("verify", package, "--original", folder / "文件1.txt").code == 0
    more = tmp_path / "more.txt"
    more.write_text("more")
    one = remote.run("evidence", "put", more, "--key", "department", "--json").json["id"]
    remote.run("evidence", "supplement", one, more, "--key", "department")
    remote.run("evidence", "supersede", one, more, "--key", "department", "--reason", "expired")
    assert remote.run("evidence", "show", one, "--json").json["status"]["state"] == "superseded"
    remote.run("evidence", "withdraw", f"{batch}.2", "--key", "department")
    assert "withdrawn" in remote.run("evidence", "show", f"{batch}.2").out
    catalogues = list((remote.shell.home / "govchain" / "chains").glob("*/catalogue.sqlite3"))
    assert len(catalogues) == 1
    assert stat.S_IMODE(catalogues[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(catalogues[0].parent.parent.stat().st_mode) == 0o700


def test_an_administrator_manages_accounts_through_a_node(remote):
    remote.run("key", "new", "window", GOVCHAIN_PASSPHRASE="window words")
    with_key = {"GOVCHAIN_PASSPHRASE": ""}
    made = remote.run(
        "account", "register", _public(remote, "window"), "--label", "窗口", "--key", "operator", "--json"
    )
    assert made.json["label"] == "窗口"
    assert remote.run("account", "freeze", "窗口", "--key", "operator", "--json", **with_key).json["status"] == "frozen"
    assert remote.run("account", "show", "窗口", "--json").json["status"] == "frozen"
    assert remote.run("account", "unfreeze", "窗口", "--key", "operator", "--json").json["status"] == "active"


def test_a_key_for_work_on_a_node_lies_in_the_user_s_own_folder(remote):
    told = remote.run("key", "new", "counter", "--json", GOVCHAIN_PASSPHRASE="counter words").json
    assert told["key"] == str(remote.shell.home / "govchain" / "keys" / "counter.pem")
    assert len(told["address"]) == 40
    assert remote.run("key", "show", told["public_key"], "--json").json["address"] == told["address"]


def _public(remote, name):
    return remote.run("key", "show", name, "--json", GOVCHAIN_PASSPHRASE="window words").json["public_key"]


class TestLogin:
    def test_lists_need_a_session_and_single_things_do_not(self, chain, url, tmp_path):
        shell = Remote(Shell(chain.folder.parent, tmp_path / "home"), url)
        shell.run("trust", "add", chain.folder / "genesis.json")
        assert shell.run("block", "show", 1).code == 0
        error = shell.run("account", "list", "--json", expect=None).error
        assert error["code"] == "SESSION_REQUIRED"
        assert "govchain login" in error["text"]
        told = shell.run("login", "--key", chain.folder / "keys" / "department.pem", "--json").json
        (file,) = shell.sessions.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert told["token_file"] == str(file)
        token = json.loads(file.read_bytes())["token"]
        assert token not in json.dumps(told)
        assert shell.run("account", "list").code == 0
        assert shell.run("logout", "--json").json == {"node": url, "ended": True, "removed": True}
        assert list(shell.sessions.iterdir()) == []
        assert shell.run("account", "list", "--json", expect=None).error["code"] == "SESSION_REQUIRED"
        assert shell.run("logout", "--json").json == {"node": url, "ended": False, "removed": False}
        # The node has ended it, too: the token is no good any more.
        file.write_text(json.dumps({"url": url, "account": told["account"], "token": token, "expires": 2**50}))
        file.chmod(0o600)
        assert shell.run("account", "list", "--json", expect=None).error["code"] == "SESSION_INVALID"

    def test_a_token_that_others_may_read_or_that_was_altered_is_not_used(self, remote):
        (file,) = remote.sessions.iterdir()
        good = file.read_bytes()
        try:
            file.chmod(0o644)
            assert remote.run("account", "list", "--json", expect=1).error["code"] == "KEY_FILE_PERMISSIONS"
            file.chmod(0o600)
            for bad in (b"", b"{}", b"\xff", b"x" * 100_000, good.replace(b'"token"', b'"tokem"')):
                file.write_bytes(bad)
                assert remote.run("account", "list", "--json", expect=None).code in (1, 2)
        finally:
            file.write_bytes(good)
            file.chmod(0o600)
        assert remote.run("account", "list").code == 0

    def test_a_token_goes_to_its_own_node_only(self, remote):
        (file,) = remote.sessions.iterdir()
        good = file.read_bytes()
        try:
            file.write_bytes(good.replace(remote.url.encode(), b"http://127.0.0.1:1"))
            assert remote.run("account", "list", "--json", expect=None).error["code"] == "SESSION_REQUIRED"
        finally:
            file.write_bytes(good)

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ([], "USAGE"),
            (["--key", "nobody"], "FILE_UNREADABLE"),
            (["--key", "department", "--account", "ab" * 20], "CHALLENGE_INVALID"),
            (["--key", "department", "--account", "xyz"], "REQUEST_SHAPE"),
        ],
    )
    def test_who_may_not_log_in(self, remote, options, code):
        assert remote.run("login", *options, "--json", expect=None).error["code"] == code

    def test_a_directory_is_no_node(self, chain):
        for command in ("login", "logout"):
            assert chain.run(command, "--json", expect=2).error["code"] == "USAGE"
        assert chain.run("--node", "http://127.0.0.1:1", "doctor", "--json", expect=None).code != 0


class TestTrust:
    def test_a_chain_that_is_not_trusted_is_not_used_and_the_way_to_it_is_named(self, chain, url, tmp_path):
        shell = Shell(tmp_path, tmp_path / "home")
        error = shell.run("--node", url, "chain", "status", "--json", expect=1).error
        assert error["code"] == "TRUST_MISMATCH"
        assert f"govchain --node {url} genesis show --export genesis.json" in error["hint"]
        assert "package" not in error["text"] + error["hint"]
        chinese = Shell(tmp_path, tmp_path / "home", "zh_CN.UTF-8").run("--node", url, "chain", "status", expect=1)
        assert "证据包" not in chinese.err
        shell.run("--node", url, "genesis", "show", "--export", "genesis.json")
        assert (tmp_path / "genesis.json").read_bytes() == (chain.folder / "genesis.json").read_bytes()
        assert shell.run("--node", url, "genesis", "show", "--export", "genesis.json", "--json", expect=2).code == 2
        shell.run("trust", "add", "genesis.json")
        assert shell.run("--node", url, "chain", "status").code == 0

    def test_the_hint_for_a_directory_names_its_file(self, chain, tmp_path):
        shell = Shell(tmp_path, tmp_path / "home")
        error = shell.run("--data", chain.folder, "chain", "status", "--json", expect=1).error
        assert f"govchain trust add {chain.folder / 'genesis.json'}" in error["hint"]

    def test_a_wrong_fingerprint_gets_no_advice_to_trust(self, chain):
        error = chain.run("genesis", "verify", "genesis.json", "--fingerprint", "0" * 64, "--json", expect=1).error
        assert (error["code"], error["hint"]) == ("TRUST_MISMATCH", "")


class TestUnreachable:
    @pytest.mark.parametrize("command", [["chain", "status"], ["account", "list"], ["genesis", "show"], ["watch"]])
    def test_no_node_there(self, remote, command):
        said = remote.shell.run("--node", "http://127.0.0.1:1", *command, "--json", expect=5).error
        assert said["code"] == "NODE_UNREACHABLE"

    def test_nothing_is_written_down_for_a_node_that_cannot_be_reached(self, remote, tmp_path):
        (tmp_path / "f").write_text("never")
        said = remote.shell.run(
            "--node", "http://127.0.0.1:1", "evidence", "put", tmp_path / "f", "--key", "department", "--json", expect=5
        )
        assert said.error["code"] == "NODE_UNREACHABLE"
        assert remote.run("evidence", "find", tmp_path / "f", "--json", expect=1).error["code"] == "NOT_FOUND"

    @pytest.mark.parametrize("bad", ["", "nonsense", "ftp://x", "http://", "http://u:p@127.0.0.1", "http://x?y", "a b"])
    def test_a_malformed_url(self, remote, bad):
        if bad:
            assert remote.shell.run("--node", bad, "chain", "status", "--json", expect=2).error["code"] == "USAGE"
        else:
            assert remote.shell.run("--node", bad, "chain", "status", "--json", expect=5).error["code"] == (
                "DATA_DIRECTORY_MISSING"
            )

    def test_a_server_that_is_no_node(self, remote, tmp_path):
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            port = re.search(r"port (\d+)", server.stdout.readline())[1]
            said = remote.shell.run("--node", f"http://127.0.0.1:{port}", "chain", "status", "--json", expect=None)
            assert said.code in (1, 5)
            assert said.error["code"] in ("ANSWER_UNUSABLE", "NODE_UNREACHABLE", "NOT_FOUND", "ROUTE_UNKNOWN")
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


class TestProfiles:
    def test_a_profile_in_use_names_node_key_and_language(self, remote, chain):
        shell = remote.shell
        shell.run("profile", "set", "city", "--url", remote.url, "--key", "department", "--language", "zh")
        try:
            assert shell.run("--profile", "city", "chain", "status", "--json").json["node"] == remote.url
            shell.run("profile", "use", "city")
            assert CHINESE.search(shell.run("block", "list").out)
            assert shell.run("--lang", "en", "block", "list").out.startswith("height")
            # A login belongs to the profile; the key comes from it.
            assert shell.run("account", "list", "--json", expect=None).error["code"] == "SESSION_REQUIRED"
            shell.run("login")
            assert shell.run("account", "list").code == 0
            (shell.folder / "by-profile").write_text("profile")
            shell.run("evidence", "put", "by-profile")
            # What is named comes first, also a directory.
            assert shell.run("--data", chain.folder, "chain", "status", "--json").json["path"] == str(chain.folder)
            assert shell.run("chain", "status", "--json", GOVCHAIN_DATA=str(chain.folder)).json["node"] is None
            shell.run("profile", "remove", "city")
            assert len(list(remote.sessions.iterdir())) == 1
            assert shell.run("chain", "status", "--json", expect=5).error["code"] == "DATA_DIRECTORY_MISSING"
        finally:
            shell.run("profile", "use")
            shell.run("profile", "remove", "city", expect=None)

    def test_the_environment_may_name_a_node_or_a_profile(self, remote):
        assert remote.shell.run("chain", "status", "--json", GOVCHAIN_NODE=remote.url).json["node"] == remote.url
        said = remote.shell.run("chain", "status", "--json", GOVCHAIN_PROFILE="none", expect=1)
        assert said.error["code"] == "NOT_FOUND"

    def test_signing_without_a_key_says_where_one_comes_from(self, remote):
        (remote.folder / "unsigned").write_text("x")
        error = remote.run("evidence", "put", "unsigned", "--json", expect=2).error
        assert "--key" in error["text"]


class TestWatch:
    @pytest.mark.parametrize("place", ["node", "directory"])
    def test_blocks_that_are_there_one_json_line_each(self, chain, remote, place):
        shell = remote if place == "node" else chain
        said = [json.loads(row) for row in shell.run("watch", "--from", 1, "--blocks", 3, "--json").out.splitlines()]
        blocks = chain.run("block", "list", "--before", 4, "--json").json["blocks"]
        assert [(one["height"], one["identity"]) for one in said] == [
            (block["header"]["height"], block["identity"]) for block in reversed(blocks)
        ]
        assert all(one["certified_height"] >= one["height"] for one in said)
        assert said[0]["transactions_per_second"] == 0.0

    def test_blocks_as_they_come(self, remote):
        process = subprocess.Popen(
            [sys.executable, "-m", "govchain.cli", "--node", remote.url, "watch", "--blocks", "1", "--interval", "50"],
            cwd=remote.folder,
            env=remote.shell.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            height = remote.run("chain", "status", "--json").json["height"]
            number = 0
            while not select.select([process.stdout], [], [], 0.05)[0]:
                # It may not have begun to look yet: one block more, until one is seen.
                number += 1
                (remote.folder / "watched").write_text(f"{time.time_ns()} {number}")
                remote.run("evidence", "put", "watched", "--key", "department")
            (row,) = process.communicate(timeout=30)[0].splitlines()
            assert int(row.split()[0]) > height
            assert process.returncode == 0
        finally:
            process.kill()
            process.communicate()

    @pytest.mark.parametrize("width", [80, 140])
    def test_a_live_table_on_a_terminal(self, remote, width):
        reader, writer = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "govchain.cli", "--node", remote.url, "watch", "--from", "1", "--blocks", "2"],
            cwd=remote.folder,
            env=remote.shell.environment(TERM="xterm", COLUMNS=str(width), LINES="40"),
            stdout=writer,
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        said = b""
        try:
            while select.select([reader], [], [], 30)[0]:
                try:
                    said += os.read(reader, 65_536)
                except OSError:
                    break  # the terminal's other end is closed
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
            os.close(reader)
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode())
        assert "certified height" in text
        identity = remote.run("block", "list", "--before", 2, "--json").json["blocks"][0]["identity"]
        assert (identity in text) == (width > 100)
        assert identity in text or identity[:8] not in text

    @pytest.mark.parametrize("options", [["--blocks", "-1"], ["--interval", "1"], ["--from", "x"]])
    def test_wrong_calls(self, chain, options):
        assert chain.run("watch", *options, "--json", expect=2).error["code"] == "USAGE"
