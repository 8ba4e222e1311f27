"""`govchain backup`: on a directory, at a node, and what it says."""

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import Shell, new_chain


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    shell = new_chain(tmp_path_factory.mktemp("backup"))
    (shell.folder.parent / "a.txt").write_text("a")
    shell.run("evidence", "put", "../a.txt")
    return shell


def test_create_list_verify_restore_on_a_directory(shell):
    made = shell.run("backup", "create", "--to", "../kept", "--with-keys", "--json").json
    assert (made["height"], made["keys"], made["kind"]) == (1, True, "requested")
    listed = shell.run("backup", "list", "../kept", "--json").json["backups"]
    assert [one["digest"] for one in listed] == [made["digest"]]
    shown = shell.run("backup", "list", "../kept").out
    assert made["name"] in shown
    assert "made on request" in shown
    verified = shell.run("backup", "verify", made["path"], "--fingerprint", made["fingerprint"], "--json").json
    assert (verified["executed"], verified["identity"]) == (True, made["identity"])
    assert not shell.run("backup", "verify", made["path"], "--quick", "--json").json["executed"]
    restored = shell.run("backup", "restore", made["path"], "../restored", "--json").json
    assert (restored["height"], restored["identity"]) == (1, made["identity"])
    passphrase = (shell.folder / "keys" / "passphrase").read_text().strip()
    there = Shell(shell.folder.parent / "restored", shell.home)
    assert there.run("doctor", "--json", GOVCHAIN_PASSPHRASE=passphrase).json["clean"]
    assert there.run("evidence", "find", "../a.txt", "--json").json["found"]
    again = shell.run("backup", "restore", made["path"], "../restored", expect=1, language="zh")
    assert "DATA_DIRECTORY_EXISTS" in again.err
    below = shell.run("backup", "restore", made["path"], "../below", "--height", "0", "--json").json
    assert below["height"] == 0


def test_the_settings_of_the_node_may_lie_elsewhere(shell, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(f'backup_dir = "{tmp_path / "kept"}"\n')
    made = shell.run("backup", "create", "--config", file, "--json").json
    assert made["path"] == str(tmp_path / "kept" / made["name"])
    listed = shell.run("backup", "list", "--config", file, "--json").json["backups"]
    assert [one["name"] for one in listed] == [made["name"]]
    for command in ("create", "list"):
        refused = shell.run("--node", "http://127.0.0.1:9", "backup", command, "--config", file, "--json", expect=2)
        assert refused.error["code"] == "USAGE"


def test_what_a_node_does_not_heed_is_refused(shell, tmp_path):
    """An option that would be dropped without a word; none of these asks the node."""
    at = ("--node", "http://127.0.0.1:9", "--json")
    for words in (
        ("backup", "list", tmp_path),
        ("doctor", "--config", tmp_path / "none.toml"),
        ("doctor", "--cpu-min", "1"),
        ("doctor", "--memory-min", "0"),
        ("doctor", "--disk-min", "1024"),
    ):
        assert shell.run(*words, *at, expect=2).error["code"] == "USAGE"
    # A folder on the command line comes before a node of the environment.
    assert shell.run("backup", "list", tmp_path, "--json", GOVCHAIN_NODE="http://127.0.0.1:9").json["backups"] == []
    found = shell.run("doctor", "--config", tmp_path / "none.toml", "--disk-min", "0", "--json", expect=1).json
    assert [finding["name"] for finding in found["findings"]] == ["settings.file-unreadable"]


def test_refusals_have_their_code_and_exit_code(shell):
    made = shell.run("backup", "create", "--to", "../altered", "--json").json
    place = shell.folder / made["path"]
    genesis = place / "genesis.json"
    genesis.chmod(0o600)
    genesis.write_bytes(genesis.read_bytes() + b" ")
    for command in (("verify", place), ("restore", place, "../never")):
        error = shell.run("backup", *command, "--json", expect=1).error
        assert error["code"] == "BACKUP_ALTERED"
        assert "genesis.json" in error["text"]
    assert shell.run("backup", "verify", "../nothing", "--json", expect=5).error["code"] == "DATA_DIRECTORY_MISSING"
    assert shell.run("backup", "create", "--json", expect=2).error["code"] == "USAGE"
    (place / "manifest.json").unlink()
    shown = shell.run("backup", "list", "../altered").out
    assert "BACKUP_INCOMPLETE" in shown


def test_the_running_node_makes_its_own(shell):
    with running_node(shell, "--backup-dir", str(shell.folder.parent / "by-node")) as url:
        error = shell.run("backup", "create", "--to", "../x", "--json", expect=5).error
        assert error["code"] == "DATA_DIRECTORY_LOCKED"
        assert "--node" in error["hint"]
        at = ("--node", url, "--json")
        assert shell.run("backup", "create", *at, expect=1).error["code"] == "SESSION_REQUIRED"
        shell.run("login", "--key", str(shell.folder / "keys" / "operator.pem"), *at)
        made = shell.run("backup", "create", *at).json
        assert made["height"] == 1
        listed = shell.run("backup", "list", *at).json
        assert [one["name"] for one in listed["backups"]] == [made["name"]]
        assert made["name"] in shell.run("backup", "list", "--node", url).out
        assert shell.run("backup", "create", "--with-keys", *at, expect=2).error["code"] == "USAGE"
    place = shell.folder.parent / "by-node" / made["name"]
    restored = shell.run("backup", "restore", str(place), "../from-node")
    assert "node.pem" in restored.err
    assert "1" in restored.out


def test_the_doctor_of_a_node_and_its_minima(shell):
    with running_node(shell) as url:
        report = shell.run("doctor", "--node", url, "--json").json
        assert (report["clean"], report["height"], report["node"]) == (True, 1, url)
        assert report["checks"] == ["live", "ready", "clock", "network", "headers", "version", "index"]
        assert "headers" in shell.run("doctor", "--node", url).out
        stranger = shell.user("stranger").run("doctor", "--node", url, "--json", expect=1).json
        assert [finding["name"] for finding in stranger["findings"]] == ["headers.trust-mismatch"]
    gone = shell.run("doctor", "--node", url, "--json", expect=1).json
    assert [finding["name"] for finding in gone["findings"]] == ["live.node-unreachable"]
    small = shell.run("doctor", "--cpu-min", "100000", "--memory-min", str(2**40), "--json", expect=1).json
    assert {finding["name"] for finding in small["findings"]} == {"cpu.few", "memory.low"}
    assert "[cpu.few]" in shell.run("doctor", "--cpu-min", "100000", expect=1, LC_ALL="zh_CN.UTF-8").out
