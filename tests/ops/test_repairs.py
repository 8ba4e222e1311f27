"""The operator's guide, word for word: backup and restore, five repairs on real faults, and moving a node.

Every command is a process of its own, as an operator starts it, and so this takes more than a minute.
"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from govchain.sdk.catalogue import Anchored, Catalogue
from govchain.signers import create_key_file
from tests.node.kit import copy_chain
from tests.ops.kit import build, flip, grow
from tests.services.tls_kit import Authority
from tests.storage.faults import small_disk
from tools.check_docs import shell_lines
from tools.tidy.tree import ROOT

GUIDE = (ROOT / "docs" / "guide" / "operator.md").read_text("utf-8")
MIB = 1024 * 1024


def section(heading):
    """The commands under a heading, up to the next of its level, one script for each block."""
    level = heading.split(" ", 1)[0]
    text = GUIDE.split(f"\n{heading}", 1)[1].split("\n", 1)[1]
    text = text.split(f"\n{level} ", 1)[0]
    text = text.split("\n## ", 1)[0]
    parts = text.split("```sh\n")[1:]
    return ["\n".join(line for _, line in shell_lines("```sh\n" + part.split("```", 1)[0] + "```\n")) for part in parts]


class Machine:
    """A folder with the data directory ``d``, its user's home, and the program on the path."""

    def __init__(self, folder, home, passphrase):
        self.folder, self.home, self.passphrase = folder, home, passphrase
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "govchain"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m govchain.cli "$@"\n')
        program.chmod(0o755)

    def run(self, script, *, expect=0):
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=kept
            | {
                "PATH": f"{self.home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.home),
                "PYTHONPATH": str(ROOT),
                "GOVCHAIN_PASSPHRASE": self.passphrase,
                "GOVCHAIN_HOME": str(self.home / "govchain"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert expect is None or done.returncode == expect, (script, done.stdout + done.stderr)
        return done.stdout

    def findings(self, data="d"):
        found = json.loads(self.run(f"govchain --data {data} --json doctor", expect=None))["findings"]
        return {finding["name"] for finding in found}

    def identity(self, data="d"):
        return json.loads(self.run(f"govchain --data {data} --json block list"))["blocks"][0]["identity"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory, actor):
    """A folder as the guide has it: ``d`` without its passphrase, ``backups`` with one backup, and the passphrase."""
    folder = tmp_path_factory.mktemp("kept")
    build(folder / "d", actor, blocks=4)
    passphrase = (folder / "d" / "keys" / "passphrase").read_text().strip()
    (folder / "d" / "keys" / "passphrase").unlink()
    machine = Machine(folder, tmp_path_factory.mktemp("home"), passphrase)
    machine.run("govchain trust add d/genesis.json\n" + section("## Back up and restore")[0])
    return machine


@pytest.fixture
def machine(kept, tmp_path):
    folder = copy_chain(kept.folder, tmp_path / "work")
    one = Machine(folder, tmp_path / "home", kept.passphrase)
    one.run("govchain trust add d/genesis.json")
    assert one.findings() == set()
    return one


def repaired(machine, name, heading, block=0):
    """The fault is found by its name; the commands as written; nothing is found any more."""
    found = machine.findings()
    assert any(one.startswith(name) for one in found), found
    script = section(heading)[block]
    assert "govchain" in script
    machine.run(script)
    assert machine.findings() == set()
    count = len([line for line in script.splitlines() if line.strip()])
    print(f"{heading}: {count} commands")


FIVE = "BJ.maintainability.modifiability.05"


@pytest.mark.requirement(FIVE)
def test_a_lost_index(machine):
    (machine.folder / "d" / "index.sqlite3").write_bytes(b"no database" * 1000)
    repaired(machine, "index.", "### 1.")


@pytest.mark.requirement(FIVE, "BJ.reliability.recoverability.01")
def test_a_damaged_store(machine):
    before = machine.identity()
    for file in (machine.folder / "d" / "store").glob("*.sst"):
        flip(file, 100)
    # Open, and so as a crash leaves it: what was written last lies in the file beside it.
    with Catalogue.open(machine.folder / "d" / "catalogue.sqlite3") as catalogue:
        catalogue.remember(Anchored("ab" * 32, "demo", "evidence.put", "", 1, 1, 2), [])
        repaired(machine, "store.corrupt", "### 2.")
    assert machine.identity() == before
    with closing(sqlite3.connect(machine.folder / "d" / "catalogue.sqlite3")) as kept:
        assert kept.execute("SELECT id FROM anchored").fetchall() == [("ab" * 32,)]


@pytest.mark.requirement(FIVE)
def test_an_open_key_and_a_forgotten_passphrase(machine):
    key = machine.folder / "d" / "keys" / "node.pem"
    key.chmod(0o644)
    repaired(machine, "keys.mode", "### 3.")
    sound = key.read_bytes()
    key.unlink()
    create_key_file(key, "sm2-sm3", b"a passphrase that nobody remembers")
    repaired(machine, "keys.key-file-passphrase", "### 3.", 1)
    assert key.read_bytes() == sound


@pytest.mark.requirement(FIVE)
def test_a_full_disk(kept, tmp_path):
    with small_disk(tmp_path / "disk", 48 * MIB) as disk:
        one = Machine(copy_chain(kept.folder, disk / "work"), tmp_path / "home", kept.passphrase)
        one.run("govchain trust add d/genesis.json\necho hello > hello.txt\nmkdir d.damaged")
        room = os.statvfs(disk)
        (one.folder / "d.damaged" / "old").write_bytes(bytes(room.f_bavail * room.f_frsize - 64 * 1024))
        anchored = "govchain --data d evidence put hello.txt --key d/keys/operator.pem"
        one.run(anchored, expect=5)
        script = section("### 4.")[0]
        assert "doctor" in script
        # A disk of this size is small for the doctor whatever is on it.
        one.run(script.replace("doctor", "doctor --disk-min 8"))
        one.run(anchored.replace("--key d/keys/operator.pem", "--key d/keys/department.pem"))


@pytest.mark.requirement(FIVE)
def test_an_expired_certificate(machine):
    certificate, key = Authority(machine.home).issue("localhost", begins_days=-9, ends_days=-2)
    (machine.folder / "tls.pem").write_bytes(certificate.read_bytes())
    (machine.folder / "tls.key").write_bytes(key.read_bytes())
    (machine.folder / "d" / "node.toml").write_text(
        f'tls_certificate = "{machine.folder}/tls.pem"\ntls_key = "{machine.folder}/tls.key"\n'
    )
    repaired(machine, "tls.expired", "### 5.")


def test_tls_and_restoring_as_written(machine):
    machine.run(section("### TLS")[0])
    assert machine.findings() == set()
    (_, restore) = section("## Back up and restore")
    machine.run(restore)
    machine.run(section("## Uninstall")[0])


@pytest.mark.requirement("BJ.portability.adaptability.08")
def test_a_node_is_moved_with_the_guide_alone(machine, actor, tmp_path):
    """Another home, another folder; only the archive, the fingerprint and the passphrase are carried over."""
    passphrase = machine.folder / "d" / "keys" / "passphrase"
    passphrase.write_text(machine.passphrase + "\n")
    passphrase.chmod(0o600)
    grow(machine.folder / "d", actor, 2)
    passphrase.unlink()
    before = machine.identity()
    leaving, arriving = section("## Move a node to another machine")
    machine.run(leaving)
    there = tmp_path / "there"
    there.mkdir()
    other = Machine(there, tmp_path / "other-home", machine.passphrase)
    for name in ("transfer.tar.gz", "fingerprint.txt"):
        (there / name).write_bytes((machine.folder / name).read_bytes())
    other.run(arriving)
    assert other.identity("moved") == before
    assert other.findings("moved") == set()
    other.run("echo hello > hello.txt\ngovchain --data moved evidence put hello.txt")
    # An archive of another chain is not taken for this one.
    (there / "fingerprint.txt").write_text("00" * 32 + "\n")
    other.run("govchain backup restore arrived/* elsewhere --fingerprint $(cat fingerprint.txt)", expect=1)
    assert not Path(there / "elsewhere").exists()
