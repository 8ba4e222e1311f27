"""Doctor: a clean directory gives no finding, each damage gives its own with the part named, and nothing is changed."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from govchain.ledger import decode_chain_state, encode_chain_state
from govchain.model import Code, UnavailableError
from govchain.node.embedded import open_embedded
from govchain.ops import (
    archive_checks,
    clock_check,
    doctor,
    doctor_machine,
    doctor_network,
    doctor_remote,
    findings,
    ledger_checks,
    replay,
)
from govchain.proof.genesis import decode_genesis
from govchain.proof.genesis import fingerprint as fingerprint_of
from govchain.signers import create_key_file
from govchain.state import Table
from govchain.storage.blocks import CHAIN_STATE_KEY, height_key
from govchain.texts import LANGUAGES, operations, sentence
from tests.node.kit import SMALL, copy_chain, new_actor, system_clock
from tests.ops.kit import BLOCKS, START, build, cut_power, examine, fingerprint, parts, read, write

PASSPHRASE = b"a passphrase for tests"


def the_finding(path, **options):
    (finding,) = examine(path, **options).findings
    return finding


# A clean directory


@pytest.mark.requirement("BJ.function.compute.01a")
def test_a_clean_directory_gives_no_finding_and_is_not_touched(data, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = fingerprint(data)
    calls = []
    report = examine(data, progress=lambda *done: calls.append(done))
    assert report.clean
    assert (report.chain, report.height) == ("node-test", BLOCKS)
    assert calls == [(height, BLOCKS) for height in range(1, BLOCKS + 1)]
    wanted = (
        "genesis keys cpu memory disk settings clock checkpoint files headers certificates bodies receipts roots state"
    )
    assert report.checks == wanted.split()
    assert examine(data, replay=False).clean
    assert fingerprint(data) == before
    assert list(scratch.iterdir()) == []


def test_what_lies_in_the_log_only_is_checked_too(data, actor, tmp_path):
    data = cut_power(data, tmp_path / "cut", actor, 2)
    before = fingerprint(data)
    assert examine(data).height == BLOCKS + 2
    assert examine(data).clean
    assert fingerprint(data) == before


def test_a_large_chain_is_replayed_on_disk_and_the_folder_goes(data, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert examine(data, replay_memory_bytes_max=0).clean
    assert list(scratch.iterdir()) == []
    write(data, Table.RECEIPTS, height_key(2), read(data, Table.RECEIPTS, height_key(1)))
    assert not examine(data, replay_memory_bytes_max=0).clean
    assert list(scratch.iterdir()) == []


def test_a_directory_without_blocks_is_clean(template, tmp_path):
    data = copy_chain(template, tmp_path / "data")
    report = doctor.run(data, now=system_clock().wall(), minima=doctor.Minima(disk_free_bytes=0))
    assert (report.clean, report.height) == (True, 0)


def test_checkpoints_are_looked_for(tmp_path, actor):
    data = build(tmp_path / "data", actor, blocks=8, checkpoint_writes_min=10, checkpoint_delay_blocks=50)
    assert examine(data).clean
    (checkpoint,) = (data / "checkpoints").iterdir()
    shutil.rmtree(checkpoint)
    finding = the_finding(data)
    assert (finding.part, finding.code) == (f"checkpoints/{checkpoint.name}", Code.STORE_CORRUPT)


# Beside a node


def test_it_runs_beside_a_node_under_load(data, actor):
    stop = threading.Event()
    with open_embedded(data, options=SMALL) as node:

        def load():
            while not stop.is_set():
                node.submitter.submit([actor.put() for _ in range(20)], wait=True, timeout_s=30)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            heights = []
            for _ in range(6):
                report = doctor.run(data, now=system_clock().wall() + 10**10, minima=doctor.Minima(disk_free_bytes=0))
                assert report.clean, report.findings
                heights.append(report.height)
        finally:
            stop.set()
            thread.join()
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] >= BLOCKS


def test_the_newest_certificate_may_come_late_while_a_node_runs(data):
    key = height_key(BLOCKS)
    certificate = read(data, Table.CERTIFICATES, key)
    write(data, Table.CERTIFICATES, key, None)
    waits = []

    def node_signs(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            write(data, Table.CERTIFICATES, key, certificate)

    assert examine(data, sleep=node_signs).clean
    assert len(waits) == 2


def test_the_newest_certificate_is_missed_where_no_node_runs_until_one_was_started(data):
    write(data, Table.CERTIFICATES, height_key(BLOCKS), None)
    finding = the_finding(data)
    assert (finding.part, finding.height, finding.remedy) == ("certificates", BLOCKS, "doctor.remedy.start")
    open_embedded(data, options=SMALL).close()
    assert examine(data).clean


# Genesis, keys, disk, clock


def test_another_genesis_is_found(data, tmp_path):
    other = build(tmp_path / "other", new_actor(), blocks=1)
    shutil.copy(other / "genesis.json", data / "genesis.json")
    found = parts(examine(data, replay=False))
    assert ("genesis.json", "GENESIS_INVALID", None) in found
    assert all(part == "genesis.json" for part, _, _ in found), "what follows from it would only hide it"


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b'{"chain": 1}'])
def test_a_genesis_file_that_is_none_is_found(data, content):
    if content is None:
        (data / "genesis.json").unlink()
    else:
        (data / "genesis.json").write_bytes(content)
    finding = the_finding(data)
    assert (finding.part, finding.remedy) == ("genesis.json", "doctor.remedy.genesis")


def test_another_release_checks_everything_but_the_execution(data):
    """Families that genesis pins with another text: said, and blocks, roots and certificates are checked."""
    genesis = msgspec.json.decode((data / "genesis.json").read_bytes())
    genesis["modules"][0]["digest"] = "00" * 32
    (data / "genesis.json").write_bytes(msgspec.json.encode(genesis))
    write(data, Table.BODIES, height_key(3), None)
    report = examine(data)
    assert ("genesis.json", "MODULE_MISSING", None) in parts(report)
    assert ("bodies", "STORE_CORRUPT", 3) in parts(report)
    assert "state" not in report.checks


def test_another_release_is_not_another_chain(actor, tmp_path):
    """A chain whose rules are not installed is still the chain of its genesis file, and its index its own."""
    path = build(tmp_path / "data", actor, blocks=0)
    genesis = decode_genesis((path / "genesis.json").read_bytes())
    pinned = msgspec.structs.replace(genesis.modules[0], digest="00" * 32)
    theirs = msgspec.structs.replace(genesis, modules=(pinned, *genesis.modules[1:]))
    (path / "genesis.json").write_bytes(msgspec.json.encode(theirs))
    chain = decode_chain_state(read(path, Table.META, CHAIN_STATE_KEY))
    moved = msgspec.structs.replace(chain, identity=fingerprint_of(theirs))
    write(path, Table.META, CHAIN_STATE_KEY, encode_chain_state(moved))
    assert [finding.name for finding in examine(path).findings] == ["genesis.module-missing"]


@pytest.mark.parametrize("name", ["keys/department.pem", "keys/node.pem", "keys/passphrase", "catalogue.sqlite3"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_secret_that_others_may_touch_is_found(data, name, mode):
    (data / name).touch()
    (data / name).chmod(mode)
    finding = the_finding(data)
    assert (finding.part, finding.code) == (name, Code.KEY_FILE_PERMISSIONS)
    assert f"{mode:04o}" in finding.reason
    assert "chmod 600" in sentence(finding.remedy, "en")


def test_an_open_folder_of_keys_is_found(data):
    (data / "keys").chmod(0o755)
    assert parts(examine(data)) == [("keys", "KEY_FILE_PERMISSIONS", None)]


def test_a_missing_key_is_found(data):
    (data / "keys" / "node.pem").unlink()
    assert parts(examine(data)) == [("keys/node.pem", "KEY_FILE_INVALID", None)]
    shutil.rmtree(data / "keys")
    assert parts(examine(data)) == [("keys/node.pem", "KEY_FILE_INVALID", None)]


def test_a_damaged_key_and_a_wrong_passphrase_are_found(data, monkeypatch):
    key = data / "keys" / "node.pem"
    sound = key.read_bytes()
    key.write_bytes(sound[:100])
    assert parts(examine(data)) == [("keys/node.pem", "KEY_FILE_INVALID", None)]
    key.write_bytes(sound)
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", "not the right one")
    finding = the_finding(data)
    assert (finding.code, finding.remedy) == (Code.KEY_FILE_PASSPHRASE, "doctor.remedy.passphrase")


def test_the_key_of_nobody_is_found(data, monkeypatch):
    (data / "keys" / "node.pem").unlink()
    create_key_file(data / "keys" / "node.pem", "sm2-sm3", PASSPHRASE)
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", PASSPHRASE.decode())
    finding = the_finding(data)
    assert (finding.part, finding.cause) == ("keys/node.pem", "doctor.reason.no_member")


def test_without_the_passphrase_the_rest_is_checked(data):
    (data / "keys" / "passphrase").unlink()
    assert examine(data).clean


def test_low_disk_is_found(data):
    finding = the_finding(data, minima=doctor.Minima(disk_free_bytes=2**62))
    assert (finding.part, finding.code) == (str(data), Code.DISK_FULL)
    assert str(2**42) in finding.reason


def test_a_clock_behind_the_chain_is_found(data):
    newest = START + BLOCKS * 1000
    assert examine(data, now=newest - 9_000).clean
    finding = the_finding(data, now=newest - 60_000)
    assert (finding.part, finding.code) == ("clock", Code.NODE_CLOCK)
    assert "60 s" in finding.reason


# Directories that are none


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (shutil.rmtree, Code.DATA_DIRECTORY_MISSING),
        (lambda path: (path / "format.json").unlink(), Code.DATA_DIRECTORY_INCOMPLETE),
        (lambda path: shutil.rmtree(path / "store"), Code.DATA_DIRECTORY_INCOMPLETE),
        (lambda path: (path / "format.json").write_text('{"format":"govchain-data/9"}'), Code.DATA_DIRECTORY_NEWER),
    ],
)
def test_what_is_no_directory_of_ours_is_an_error(data, break_it, code):
    break_it(data)
    with pytest.raises(UnavailableError) as refused:
        examine(data)
    assert refused.value.code is code


# What people read


MODULES = (
    archive_checks,
    clock_check,
    doctor,
    doctor_machine,
    doctor_network,
    doctor_remote,
    findings,
    ledger_checks,
    replay,
)


def test_every_sentence_is_used_and_there_in_both_languages():
    sources = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in MODULES).replace(
        'f"entry_{how}"', '"entry_missing" "entry_added" "entry_changed"'
    )
    for key, entry in operations.SENTENCES.items():
        assert tuple(entry) == LANGUAGES
        assert f'"{key.rpartition(".")[2]}"' in sources, key


def test_findings_are_bounded_and_never_twice():
    report = findings.Report()
    for height in [*range(findings.FINDINGS_MAX + 5), 3, 3]:
        report.add("bodies", Code.STORE_CORRUPT, "transaction_root", "restore", height=height)
    assert len(report.findings) == findings.FINDINGS_MAX
    assert report.dropped == 5


def test_a_finding_reads_in_both_languages(data):
    write(data, Table.BODIES, height_key(3), None)
    (finding,) = examine(data).findings
    assert finding.reason == finding.reason_in("en")
    assert "bodies/3" in finding.reason_in("zh")
    assert not finding.reason_in("zh").endswith("。")
    assert "{" not in finding.reason + finding.reason_in("zh")


def test_the_command_exits_with_one_and_says_part_reason_and_remedy(data):
    write(data, Table.BODIES, height_key(3), None)
    command = [sys.executable, "-m", "govchain.cli", "--lang", "zh", "--data", str(data), "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    found = {one["part"]: one for one in msgspec.json.decode(done.stdout)["findings"]}
    assert (found["bodies"]["code"], found["bodies"]["height"]) == ("STORE_CORRUPT", 3)
    assert all("\u4e00" <= one[name][0] <= "\u9fff" for one in found.values() for name in ("reason", "remedy"))
