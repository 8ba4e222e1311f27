"""`govchain uninstall` lists everything and removes nothing unasked; running touches only its own paths."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from govchain.ops.uninstall import survey
from tests.cli.nodes import running_node
from tests.cli.support import new_chain
from tests.ops.kit import fingerprint


@pytest.fixture
def shell(tmp_path):
    return new_chain(tmp_path)


def kinds(answer):
    return {entry["kind"] for entry in answer["left"]}


@pytest.mark.requirement("BJ.portability.installability.03")
def test_it_lists_what_is_there_and_changes_nothing(shell, tmp_path):
    (shell.folder / "notes.txt").write_text("mine")
    backups = tmp_path / "kept"
    shell.run("backup", "create", "--to", str(backups))
    (shell.folder / "node.toml").write_text(f'backup_dir = "{backups}"\n')
    (tmp_path / "a.txt").write_text("a")
    shell.run("evidence", "put", "../../a.txt")
    with running_node(shell) as url:
        shell.run("profile", "set", "here", "--url", url, "--key", str(shell.folder / "keys" / "operator.pem"))
        shell.run("login", "--profile", "here")
    before = fingerprint(shell.folder), fingerprint(shell.home)
    answer = shell.run("uninstall", ".", "--json").json
    assert (fingerprint(shell.folder), fingerprint(shell.home)) == before
    wanted = "data keys records settings other backups trust profiles sessions program index webhooks"
    assert kinds(answer) >= set(wanted.split())
    assert answer["purged"] is False
    listed = {Path(entry["place"]).name for entry in answer["left"] if entry["inside"]}
    assert listed == {entry.name for entry in shell.folder.iterdir()}
    assert "--purge test-chain" in shell.run("uninstall", ".").out
    assert "--purge test-chain" in shell.run("uninstall", ".", "--lang", "zh").out


@pytest.mark.requirement("BJ.portability.installability.03")
def test_only_the_chain_s_id_removes_it_and_only_what_is_ours(shell, tmp_path):
    (shell.folder / "notes.txt").write_text("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (shell.folder / "snapshots").rmdir()
    (shell.folder / "snapshots").symlink_to(outside)
    before = fingerprint(shell.folder)
    for typed in ("another-chain", "TEST-CHAIN", "yes"):
        assert shell.run("uninstall", ".", "--purge", typed, "--json", expect=2).error["code"] == "USAGE"
    assert fingerprint(shell.folder) == before
    answer = shell.run("uninstall", ".", "--purge", "test-chain", "--json").json
    assert [entry.name for entry in shell.folder.iterdir()] == ["notes.txt"]
    assert (outside / "kept").read_text() == "kept"
    assert {"other", "trust", "program"} <= kinds(answer)
    assert not kinds(answer) & {"data", "keys"}
    assert shell.run("uninstall", ".", "--json", expect=5).error["code"] == "DATA_DIRECTORY_MISSING"


def test_a_directory_in_use_is_kept_and_a_half_removed_one_taken_up_again(shell):
    with running_node(shell):
        refused = shell.run("uninstall", ".", "--purge", "test-chain", "--json", expect=5)
        assert refused.error["code"] == "DATA_DIRECTORY_LOCKED"
    (shell.folder / "format.json").unlink()
    shell.run("uninstall", str(shell.folder), "--purge", "test-chain", at=shell.home)
    assert not shell.folder.exists()


def test_units_and_a_database_elsewhere_are_listed_without_its_password(shell, tmp_path):
    units = tmp_path / "units"
    units.mkdir()
    (units / "govchain.service").write_text("[Service]\n")
    (units / "other.service").write_text("[Service]\n")
    (shell.folder / "node.toml").write_text('index_url = "postgresql://someone:secret@db.example.gov.cn/govchain"\n')
    found = survey(shell.folder, shell.home, {}, [units]).found
    (tmp_path / "etc.toml").write_text(f'backup_dir = "{units}"\n')
    named = survey(shell.folder, shell.home, {}, [], tmp_path / "etc.toml").found
    assert [one.place for one in named if one.kind == "backups"] == [str(units)]
    assert [one.place for one in found if one.kind == "units"] == [str(units / "govchain.service")]
    (index,) = [one.place for one in found if one.kind == "index"]
    assert index == "postgresql://someone@db.example.gov.cn/govchain"


def test_settings_that_cannot_be_read_are_told(shell, tmp_path):
    """What they name outside is then not listed: that is said, and a file that was named has to be there."""
    assert shell.run("uninstall", ".", "--json").json["unread"] is None
    missing = shell.run("uninstall", ".", "--config", tmp_path / "none.toml", "--json", expect=5)
    assert missing.error["code"] == "FILE_UNREADABLE"
    (tmp_path / "wrong.toml").write_text("backup_dirr = 1\n")
    assert shell.run("uninstall", ".", "--config", tmp_path / "wrong.toml", "--json", expect=2).error["code"] == "USAGE"
    (shell.folder / "node.toml").write_text("backup_dirr = 1\n")
    assert "backup_dirr" in shell.run("uninstall", ".", "--json").json["unread"]
    for language in ("en", "zh"):
        told = shell.run("uninstall", ".", "--lang", language)
        assert "backup_dirr" in told.err
        assert "node.toml" in told.out
    shell.run("uninstall", ".", "--purge", "test-chain")
    assert not shell.folder.exists()


#: System calls that change the file system, with the paths that they name.
CHANGES = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,symlink,symlinkat,link,linkat,"
MODES = "chmod,fchmodat,chown,fchownat,truncate,mknod,mknodat,utimensat,setxattr,bind"
QUOTED = re.compile(r'"((?:[^"\\\\]|\\\\.)*)"')


def changed_paths(trace, folder):
    """Absolute paths that the traced system calls would write to, make or remove."""
    found = set()
    for row in trace.read_text("utf-8", "replace").splitlines():
        call = re.search(r"(\w+)\(", row)
        if call is None or "= -1" in row:
            continue
        if call[1] in ("open", "openat") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", row):
            continue
        found |= {os.path.normpath(folder / name) for name in QUOTED.findall(row)}
    return found


@pytest.mark.requirement("BJ.portability.installability.04")
def test_running_touches_only_its_own_paths(shell, tmp_path):
    """The system's own record of making a chain, anchoring, backing up, checking and serving."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("no strace here")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "a.txt").write_text("a")
    environment = {"TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
    commands = [
        ["init", "second"],
        ["evidence", "put", "../../a.txt"],
        ["backup", "create", "--to", str(tmp_path / "kept")],
        ["doctor", "--disk-min", "0", "--memory-min", "0"],
        ["up", ".", "--listen", "127.0.0.1:0"],
    ]
    tracing = [strace, "-f", "-s", "4096", "-e", f"trace={CHANGES}{MODES}"]
    changed = set()
    for number, command in enumerate(commands):
        trace = tmp_path / f"trace-{number}"
        process = subprocess.Popen(
            [*tracing, "-o", str(trace), sys.executable, "-m", "govchain.cli", *command],
            cwd=shell.folder, env=shell.environment(**environment), stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        if command[0] == "up":
            assert "http://127.0.0.1" in process.stdout.readline()
            os.killpg(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, (command, out)
        changed |= changed_paths(trace, shell.folder)
    own = {path for path in changed if Path(path).is_relative_to(tmp_path)}
    assert {os.path.normpath(shell.folder / name) for name in ("second", "lock", "index.sqlite3")} <= own
    # A thread's name is no file, and a terminal no disk.
    elsewhere = {path for path in changed - own if not path.startswith(("/proc/self/", "/dev/null", "/dev/tty"))}
    assert elsewhere == set()
    assert list(scratch.iterdir()) == []


def test_the_survey_reads_a_directory_whatever_its_index_is(shell):
    with sqlite3.connect(shell.folder / "index.sqlite3") as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    assert any(one.kind == "index" and one.inside for one in survey(shell.folder, shell.home, {}, []).found)
