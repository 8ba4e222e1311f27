"""A folder of backups: full disks, killed processes, two at once; what is listed and what is removed."""

import subprocess
import sys

import pytest

from govchain.model import Code, GovChainError
from govchain.ops import backup
from govchain.storage import DataDirectory
from govchain.storage.backup_checks import MANIFEST_FILE
from govchain.storage.backups import list_backups, prune_backups, write_backup
from tests.ops.kit import NOW, START, examine
from tests.storage.faults import small_disk

MIB = 1024 * 1024


def test_a_full_disk_leaves_no_half_backup(data, tmp_path):
    with small_disk(tmp_path / "disk", MIB) as disk:
        first = backup.create_backup(data, disk / "backups", now=NOW)
        (disk / "ballast").write_bytes(bytes(800 * 1024))
        with pytest.raises(GovChainError) as caught:
            backup.create_backup(data, disk / "backups", now=NOW)
        assert caught.value.code is Code.DISK_FULL
        assert [entry.name for entry in (disk / "backups").iterdir() if entry.is_dir()] == [first.path.name]
        with pytest.raises(GovChainError) as caught:
            backup.restore_backup(first.path, disk / "restored")
        assert caught.value.code is Code.DISK_FULL
        assert sorted(entry.name for entry in disk.iterdir()) == ["backups", "ballast"]
        (disk / "ballast").unlink()
        backup.verify_backup(backup.create_backup(data, disk / "backups", now=NOW).path)


def test_what_a_crash_left_is_swept_and_never_listed(data, tmp_path):
    root = tmp_path / "backups"
    (root / ".making" / "store").mkdir(parents=True)
    (root / ".making" / MANIFEST_FILE).write_text("{}")
    assert list_backups(root) == []
    made = backup.create_backup(data, root, now=NOW)
    assert [one.path for one in list_backups(root)] == [made.path]
    assert not (root / ".making").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from govchain.storage import DataDirectory
from govchain.storage.backups import write_backup
data, root, files = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def pulse():
    global files
    files -= 1
    if not files:
        os.kill(os.getpid(), signal.SIGKILL)
with DataDirectory(data) as directory:
    store = directory.open_store()
    write_backup(root, directory, store, created=1, software="test", pulse=pulse)
"""


def test_a_process_that_is_killed_leaves_no_backup_and_a_sound_directory(data, tmp_path):
    root = tmp_path / "backups"
    for files in (1, 9):
        done = subprocess.run([sys.executable, "-c", KILLED, str(data), str(root), str(files)], check=False)
        assert done.returncode == -9
        assert (root / ".making").is_dir()
        assert list_backups(root) == []
    made = backup.create_backup(data, root, now=NOW)
    assert [entry.name for entry in root.iterdir() if entry.is_dir()] == [made.path.name]
    assert list((data / "checkpoints").iterdir()) == []
    assert examine(data).clean
    backup.verify_backup(made.path)


def test_two_at_once_are_refused_and_names_are_never_reused(data, tmp_path):
    root = tmp_path / "backups"
    with DataDirectory(data) as directory:
        store = directory.open_store()

        def meanwhile():
            with pytest.raises(GovChainError) as caught:
                write_backup(root, directory, store, created=NOW, software="test")
            assert caught.value.code is Code.BACKUP_RUNNING

        first = write_backup(root, directory, store, created=NOW, software="test", pulse=meanwhile)
        second = write_backup(root, directory, store, created=NOW, software="test")
        store.close()
    assert first.path != second.path
    assert len(list_backups(root)) == 2


def test_only_the_oldest_scheduled_ones_of_this_chain_go(data, tmp_path):
    root = tmp_path / "backups"
    with DataDirectory(data) as directory:
        store = directory.open_store()
        scheduled = [
            write_backup(root, directory, store, created=START + number, software="test", scheduled=True)
            for number in range(4)
        ]
        asked = write_backup(root, directory, store, created=START, software="test")
        store.close()
    (root / "notes").mkdir()
    own = asked.manifest.genesis
    assert prune_backups(root, "00" * 32, 1) == []
    assert prune_backups(root, own, 2) == [one.path for one in scheduled[:2]]
    assert prune_backups(root, own, 2) == []
    left = {entry.name for entry in root.iterdir() if not entry.name.startswith(".")}
    assert left == {"notes", asked.path.name, *(one.path.name for one in scheduled[2:])}
