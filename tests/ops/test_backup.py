"""Backups: made while a node writes, restored to identical blocks, and refused for every defect by its own name."""

import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from govchain.model import Code, GovChainError
from govchain.model.canonical import encode_canonical
from govchain.node.embedded import open_embedded
from govchain.ops import backup
from govchain.sdk.catalogue import Catalogue
from govchain.state import Table
from govchain.storage import BlockReader, DataDirectory, DirectoryLayout
from govchain.storage.backup_checks import (
    BACKUP_FORMAT,
    MANIFEST_FILE,
    decode_backup_manifest,
    file_entry,
    verify_backup_files,
)
from govchain.storage.backups import list_backups, write_backup
from govchain.storage.blocks import height_key
from tests.node.kit import SMALL, new_actor, system_clock
from tests.ops.kit import BLOCKS, NOW, build, examine, fingerprint, flip, grow, write

MIB = 1024 * 1024


def identities(path, last=None):
    """Every header, receipt and certificate of the chain in ``path``."""
    with DataDirectory(path, read_only=True) as directory:
        store = directory.open_reader()
        try:
            blocks = BlockReader(store)
            heights = range(1, (blocks.tip() if last is None else last) + 1)
            return [(blocks.header(n), blocks.receipts(n), blocks.certificate(n)) for n in heights]
        finally:
            store.close()


@pytest.fixture(scope="module")
def made(pristine, tmp_path_factory):
    """A backup of the chain of eight blocks, with keys; never to be changed."""
    return backup.create_backup(pristine, tmp_path_factory.mktemp("backups"), now=NOW, with_keys=True)


@pytest.fixture
def copied(made, tmp_path):
    """A copy of it to damage."""
    return Path(shutil.copytree(made.path, tmp_path / "copied"))


def refused(path, target, **options):
    """The error with which verifying and restoring both refuse; nothing is left at ``target``."""
    codes = set()
    for work in (
        lambda: backup.verify_backup(path, **options),
        lambda: backup.restore_backup(path, target, **options),
    ):
        with pytest.raises(GovChainError) as caught:
            work()
        codes.add(caught.value.code)
    assert not target.exists()
    assert [entry for entry in target.parent.iterdir() if entry.name.startswith(f".{target.name}")] == []
    (code,) = codes
    return code


def rewrite(path, change):
    """Change the manifest as somebody would who can write it."""
    document = json.loads((path / MANIFEST_FILE).read_bytes())
    change(document)
    (path / MANIFEST_FILE).write_bytes(encode_canonical(document))


def seal(path):
    """A manifest that fits what now lies there."""
    names = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file() and one.name != MANIFEST_FILE)

    def change(document):
        entries = [file_entry(path / name, name) for name in names]
        document["files"] = [{"path": one.path, "size": one.size, "sm3": one.sm3} for one in entries]

    rewrite(path, change)


# Making and restoring


def test_what_is_restored_is_the_same_chain(pristine, made, tmp_path):
    assert made.manifest.format == BACKUP_FORMAT
    assert (made.manifest.chain, made.manifest.height) == ("node-test", BLOCKS)
    assert backup.verify_backup(made.path).digest == made.digest
    restored = backup.restore_backup(made.path, tmp_path / "restored")
    assert (restored.height, restored.identity, restored.keys) == (BLOCKS, made.manifest.identity, True)
    assert identities(tmp_path / "restored") == identities(pristine)


def test_a_restored_directory_is_clean_and_goes_on(made, actor, tmp_path, monkeypatch, pristine):
    monkeypatch.setenv("GOVCHAIN_PASSPHRASE", (pristine / "keys" / "passphrase").read_text().strip())
    path = backup.restore_backup(made.path, tmp_path / "restored").path
    assert examine(path).clean
    assert not (path / "keys" / "passphrase").exists()
    grow(path, actor, 2)
    report = examine(path)
    assert (report.clean, report.height) == (True, BLOCKS + 2)


@pytest.mark.requirement("BJ.reliability.recoverability.01")
@pytest.mark.parametrize("height", [0, 1, 5, BLOCKS])
def test_any_height_is_restored_as_the_chain_was_then(pristine, made, tmp_path, height):
    restored = backup.restore_backup(made.path, tmp_path / "restored", height=height)
    assert restored.height == height
    assert identities(tmp_path / "restored") == identities(pristine, height)
    assert len(identities(pristine, height)) == height
    report = examine(tmp_path / "restored")
    assert (report.clean, report.height) == (True, height)


def test_a_height_that_is_not_in_it(made, tmp_path):
    for height in (-1, BLOCKS + 1):
        with pytest.raises(GovChainError) as caught:
            backup.restore_backup(made.path, tmp_path / "restored", height=height)
        assert caught.value.code is Code.USAGE
    assert not (tmp_path / "restored").exists()


def test_checkpoints_that_are_due_come_back(actor, tmp_path):
    """A chain whose next headers must carry a checkpoint's root goes on after it was restored."""
    data = build(tmp_path / "data", actor, blocks=8, checkpoint_writes_min=10, checkpoint_delay_blocks=4)
    made = backup.create_backup(data, tmp_path / "backups", now=NOW, with_keys=True)
    restored = backup.restore_backup(made.path, tmp_path / "restored").path
    shutil.copy(data / "keys" / "passphrase", restored / "keys")
    for path in (data, restored):
        grow(path, actor, 6)
        assert examine(path).clean


@pytest.mark.requirement("BJ.reliability.recoverability.02")
def test_every_file_that_has_to_be_backed_up_is_in_it(pristine, actor, tmp_path):
    """Valid items divided by those that need backup is one: ledger, genesis, settings, salts, webhooks."""
    data = Path(shutil.copytree(pristine, tmp_path / "data"))
    (data / "node.toml").write_text('listen = "127.0.0.1:0"\n')
    Catalogue.open(data / "catalogue.sqlite3").close()
    with sqlite3.connect(data / "webhooks.sqlite3") as webhooks:
        webhooks.execute("CREATE TABLE about (name TEXT)")
    webhooks.close()
    with sqlite3.connect(data / "index.sqlite3") as index:
        index.execute("CREATE TABLE derived (name TEXT)")
    index.close()
    made = backup.create_backup(data, tmp_path / "backups", now=NOW)
    restored = backup.restore_backup(made.path, tmp_path / "restored").path
    needed = ["genesis.json", "node.toml", "catalogue.sqlite3", "webhooks.sqlite3"]
    assert {file.path for file in made.manifest.files if "/" not in file.path} == set(needed)
    assert (restored / "node.toml").read_bytes() == (data / "node.toml").read_bytes()
    for name in needed[2:]:
        with sqlite3.connect(restored / name) as one, sqlite3.connect(data / name) as other:
            assert list(one.iterdump()) == list(other.iterdump())
    valid = sum((restored / name).exists() for name in needed) + len(identities(restored))
    assert valid / (len(needed) + len(identities(data))) == 1.0
    below = backup.restore_backup(made.path, tmp_path / "below", height=3).path
    assert not (below / "webhooks.sqlite3").exists()
    assert all(stat_mode(made.path / file.path) == 0o600 for file in made.manifest.files)


def stat_mode(path):
    return path.stat().st_mode & 0o777


def test_keys_are_left_out_unless_asked_for_and_plain_ones_always(data, tmp_path):
    (data / "keys" / "plain.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (data / "keys" / "linked.pem").symlink_to(data / "keys" / "node.pem")
    without = backup.create_backup(data, tmp_path / "without", now=NOW)
    assert not any(file.path.startswith("keys") for file in without.manifest.files)
    assert not backup.restore_backup(without.path, tmp_path / "restored").keys
    with_keys = backup.create_backup(data, tmp_path / "with", now=NOW, with_keys=True)
    names = {file.path for file in with_keys.manifest.files if file.path.startswith("keys")}
    assert "keys/node.pem" in names
    assert not names & {"keys/passphrase", "keys/plain.pem", "keys/linked.pem"}


@pytest.mark.requirement("BJ.reliability.recoverability.01", "BJ.reliability.recoverability.02")
def test_a_backup_under_write_load_restores_to_identical_blocks(chain, actor, tmp_path):
    stop = threading.Event()
    heights = []
    with open_embedded(chain, options=SMALL) as node:

        def load():
            while not stop.is_set():
                node.submitter.submit([actor.put() for _ in range(20)], wait=True, timeout_s=30)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            while node.application.chain.height < 3:
                stop.wait(0.01)
            made = []
            for _ in range(3):
                heights.append(node.application.chain.height)
                made.append(
                    write_backup(
                        tmp_path / "backups", node.directory, node.store, created=system_clock().wall(), software="test"
                    )
                )
        finally:
            stop.set()
            thread.join()
    for before, one in zip(heights, made, strict=True):
        assert one.manifest.height >= before
        target = tmp_path / one.path.name
        assert backup.restore_backup(one.path, target).height == one.manifest.height
        theirs, own = identities(target), identities(chain, one.manifest.height)
        assert [part[:2] for part in theirs] == [part[:2] for part in own]
        # The newest block's certificate may not have been written at that moment; all others are the same.
        assert [part[2] for part in theirs[:-1]] == [part[2] for part in own[:-1]]
    assert list((chain / "checkpoints").iterdir()) == []


def test_a_node_that_runs_keeps_others_from_its_directory(chain, tmp_path):
    with open_embedded(chain, options=SMALL), pytest.raises(GovChainError) as caught:
        backup.create_backup(chain, tmp_path / "backups", now=NOW)
    assert caught.value.code is Code.DATA_DIRECTORY_LOCKED
    assert not (tmp_path / "backups").exists()


def test_it_is_restored_only_where_nothing_is(made, data, tmp_path):
    for occupied in (data, made.path):
        before = fingerprint(occupied)
        with pytest.raises(GovChainError) as caught:
            backup.restore_backup(made.path, occupied)
        assert caught.value.code is Code.DATA_DIRECTORY_EXISTS
        assert fingerprint(occupied) == before
    (tmp_path / "empty").mkdir()
    assert backup.restore_backup(made.path, tmp_path / "empty").height == BLOCKS


def test_verifying_and_restoring_change_nothing_in_the_backup(made, tmp_path):
    before = fingerprint(made.path)
    backup.verify_backup(made.path, replay_memory_bytes_max=0)
    backup.restore_backup(made.path, tmp_path / "restored")
    assert fingerprint(made.path) == before


def test_a_backup_is_no_data_directory(made):
    with pytest.raises(GovChainError) as caught:
        DataDirectory(made.path)
    assert caught.value.code is Code.DATA_DIRECTORY_INCOMPLETE


def test_backups_inside_the_data_directory_are_refused(data):
    with pytest.raises(GovChainError) as caught:
        backup.create_backup(data, data / "backups", now=NOW)
    assert caught.value.code is Code.USAGE


# Defects, each by its own name


def largest(path):
    return max((path / "store").glob("*.sst"), key=lambda entry: entry.stat().st_size)


@pytest.mark.parametrize("name", ["genesis.json", "store/CURRENT", "keys/node.pem"])
def test_a_changed_byte_anywhere_is_found(copied, tmp_path, name):
    flip(copied / name, 5)
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_ALTERED


def test_each_file_is_compared(made, tmp_path):
    for file in made.manifest.files:
        if not file.size:
            continue
        copied = Path(shutil.copytree(made.path, tmp_path / "one"))
        flip(copied / file.path, file.size // 2)
        with pytest.raises(GovChainError) as caught:
            verify_backup_files(copied)
        assert (caught.value.code, caught.value.params["path"]) == (Code.BACKUP_ALTERED, file.path)
        shutil.rmtree(copied)


def test_truncated_missing_and_additional_files(copied, tmp_path):
    target = tmp_path / "restored"
    whole = largest(copied).read_bytes()
    largest(copied).write_bytes(whole[:-1])
    assert refused(copied, target) is Code.BACKUP_INCOMPLETE
    largest(copied).write_bytes(whole + b"x")
    assert refused(copied, target) is Code.BACKUP_ALTERED
    largest(copied).write_bytes(whole)
    verify_backup_files(copied)
    (copied / "store" / "999999.sst").write_bytes(whole)
    assert refused(copied, target) is Code.BACKUP_ALTERED
    (copied / "store" / "999999.sst").unlink()
    largest(copied).unlink()
    assert refused(copied, target) is Code.BACKUP_INCOMPLETE


def test_a_torn_backup_is_none(copied, tmp_path):
    """What a crash leaves before the manifest is written, or of the manifest."""
    data = (copied / MANIFEST_FILE).read_bytes()
    (copied / MANIFEST_FILE).unlink()
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_INCOMPLETE
    for length in (0, 1, len(data) // 2, len(data) - 1):
        (copied / MANIFEST_FILE).write_bytes(data[:length])
        assert refused(copied, tmp_path / "restored") is Code.BACKUP_MANIFEST
    (found,) = list_backups(copied.parent)
    assert (found.backup, found.error.code) == (None, Code.BACKUP_MANIFEST)


@pytest.mark.parametrize(
    "path",
    ["../genesis.json", "/etc/passwd", "store/../../x", "keys//x", "store/.hidden", "a/b", "", ".", "store/a\\b", "é"],
)
def test_paths_that_lead_elsewhere(copied, tmp_path, path):
    rewrite(copied, lambda document: document["files"][0].update(path=path))
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_MANIFEST


@pytest.mark.parametrize(
    "name",
    [
        "lock",
        "format.json",
        "index.sqlite3",
        "node.log",
        "keys/passphrase",
        "keys/node.pem.txt",
        "keys/" + "k" * 125 + ".pem",
    ],
)
def test_only_what_belongs_to_a_chain_may_be_in_it(copied, tmp_path, name):
    """Whatever fits the manifest byte by byte: a lock, a passphrase, a format file are never taken into a directory."""
    verify_backup_files(copied)
    (copied / name).write_text("x")
    seal(copied)
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_MANIFEST
    (copied / name).rename(copied / "keys" / ("k" * 124 + ".pem"))
    seal(copied)
    assert backup.verify_backup(copied).manifest.keys


def test_what_cannot_be_written_is_told_as_what_it_is(made, tmp_path):
    """Not every failure is a full disk: here the folder to write into is gone."""
    with pytest.raises(GovChainError) as caught:
        backup._copy_beside(made, DirectoryLayout(tmp_path / "gone"), webhooks=True)
    assert caught.value.code is Code.FILE_UNWRITABLE
    assert str(tmp_path / "gone") in caught.value.params["path"]


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(height=-1),
        lambda document: document.update(height="8"),
        lambda document: document.update(more=1),
        lambda document: document.pop("identity"),
        lambda document: document.update(kind="other"),
        lambda document: document["files"].append(document["files"][0]),
        lambda document: document["files"].reverse(),
        lambda document: document.update(files=[]),
        lambda document: document.update(format="another/1"),
    ],
)
def test_manifests_that_are_none(copied, tmp_path, change):
    rewrite(copied, change)
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_MANIFEST


def test_manifests_of_later_versions(copied, tmp_path):
    rewrite(copied, lambda document: document.update(format="govchain-backup/2", unheard_of=True))
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_NEWER
    rewrite(
        copied, lambda document: document.update(format=BACKUP_FORMAT, data_format=99) or document.pop("unheard_of")
    )
    assert refused(copied, tmp_path / "restored") is Code.BACKUP_NEWER


def test_links_and_special_files(copied, tmp_path):
    target = tmp_path / "restored"
    file = largest(copied)
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert refused(copied, target) is Code.BACKUP_LINK
    file.unlink()
    os.mkfifo(file)
    assert refused(copied, target) is Code.BACKUP_LINK
    file.unlink()
    shutil.move(tmp_path / "elsewhere", file)
    shutil.move(copied / "store", tmp_path / "store")
    (copied / "store").symlink_to(tmp_path / "store")
    assert refused(copied, target) is Code.BACKUP_LINK
    (tmp_path / "link").symlink_to(copied)
    assert refused(tmp_path / "link", target) is Code.BACKUP_LINK


def test_the_backup_of_another_chain(made, copied, tmp_path):
    other = build(tmp_path / "other", new_actor(), blocks=2)
    target = tmp_path / "restored"
    assert refused(copied, target, genesis="00" * 32) is Code.BACKUP_FOREIGN
    assert backup.verify_backup(copied, genesis=made.manifest.genesis.upper()).digest == made.digest
    shutil.copy(other / "genesis.json", copied)
    seal(copied)
    assert refused(copied, target) is Code.BACKUP_FOREIGN
    theirs = backup.create_backup(other, tmp_path / "theirs", now=NOW)
    shutil.copy(theirs.path / "genesis.json", copied)
    rewrite(copied, lambda document: document.update(genesis=theirs.manifest.genesis))
    seal(copied)
    assert refused(copied, target) is Code.BACKUP_FOREIGN


def test_blocks_that_were_rewritten_with_a_manifest_to_match(pristine, tmp_path):
    """Whoever can write the store and the manifest still cannot make blocks that the members did not sign."""
    target = tmp_path / "restored"
    data = Path(shutil.copytree(pristine, tmp_path / "data"))
    with DataDirectory(data, read_only=True) as directory:
        store = directory.open_reader()
        body = BlockReader(store)._reader.get(Table.BODIES, height_key(2))
        certificate = BlockReader(store).certificate(2)
        store.close()
    write(data, Table.BODIES, height_key(3), body)
    made = backup.create_backup(data, tmp_path / "bodies", now=NOW)
    assert refused(made.path, target) is Code.BACKUP_DIFFERS
    data = Path(shutil.copytree(pristine, tmp_path / "data-2"))
    write(data, Table.CERTIFICATES, height_key(3), certificate)
    made = backup.create_backup(data, tmp_path / "certificates", now=NOW)
    assert refused(made.path, target) is Code.CERTIFICATE_INVALID
    write(data, Table.CERTIFICATES, height_key(3), None)
    made = backup.create_backup(data, tmp_path / "certificates", now=NOW)
    assert refused(made.path, target) is Code.BACKUP_DIFFERS
    rewrite(made.path, lambda document: document.update(height=7))
    assert refused(made.path, target) is Code.BACKUP_DIFFERS


def test_bytes_that_are_no_manifest():
    for data in (b"", b"{}", b"[]", b"\xff", b'{"format":1}', b'{"format":"govchain-backup/0"}'):
        with pytest.raises(GovChainError) as caught:
            decode_backup_manifest(data)
        assert caught.value.code is Code.BACKUP_MANIFEST
