"""A full disk: refused with DISK_FULL, nothing half-written, and once there is room the store opens again."""

import contextlib
import subprocess
import sys

import pytest

from govchain.model import Code, UnavailableError
from govchain.state import Batch, Table
from govchain.storage import DataDirectory, RocksStore, create_directory
from tests.storage.crash_writer import SMALL, check, put
from tests.storage.faults import small_disk

MIB = 1024 * 1024


def fill_up(store, limit=400):
    """Durable blocks until one is refused; the last height that was acknowledged, and the code of the refusal."""
    from govchain.storage import BlockStore

    blocks = BlockStore(store)
    acknowledged = blocks.tip()
    for _ in range(limit):
        try:
            store.write(put(blocks, acknowledged + 1, 800), durable=True)
        except UnavailableError as full:
            return acknowledged, full.code
        acknowledged += 1
    return acknowledged, Code.OK  # it never filled up: the callers fail


def test_a_full_disk_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", 24 * MIB) as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(8 * MIB))
        store = RocksStore(disk / "store", memory_bytes=SMALL)
        acknowledged, code = fill_up(store)
        assert code is Code.DISK_FULL
        assert acknowledged > 10
        # Closed to writing until it is opened again, open to reading.
        with pytest.raises(UnavailableError) as refused:
            store.write(Batch(), durable=True)
        assert refused.value.code is Code.DISK_FULL
        with pytest.raises(UnavailableError):
            store.sync()
        assert store.get(Table.STATE, b"a.b/%d" % acknowledged) is not None
        store.close()
        with contextlib.suppress(UnavailableError):
            RocksStore(disk / "store", memory_bytes=SMALL).close()  # as long as it is full, this may fail as well
        ballast.unlink()
        store = RocksStore(disk / "store", memory_bytes=SMALL)
        tip = check(store, acknowledged)
        assert tip <= acknowledged + 1  # the refused batch is there whole or not at all
        more, code = fill_up(store)  # it takes new blocks, until it is full again
        assert more > tip
        assert code is Code.DISK_FULL
        store.close()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from govchain.storage import RocksStore
from tests.storage.test_full_disk import SMALL, fill_up
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
store = RocksStore(Path(sys.argv[1]), memory_bytes=SMALL)
height, code = fill_up(store)
print(height, int(code), flush=True)
store.close()
"""


def test_a_file_size_limit_is_like_a_full_disk(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    acknowledged, code = done.stdout.split()
    assert int(code) == Code.DISK_FULL
    assert int(acknowledged) > 1
    check(store, int(acknowledged))
    store.close()


def test_a_directory_is_not_half_made_on_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk", MIB) as disk:

        def create():
            with create_directory(disk / "d") as building:
                (building / "fits").write_bytes(bytes(MIB // 2))
                RocksStore(building / "store", memory_bytes=SMALL).close()
                with (building / "too large").open("wb") as file:
                    file.write(bytes(2 * MIB))

        with pytest.raises((OSError, UnavailableError)):
            create()
        assert list(disk.iterdir()) == []
        with create_directory(disk / "d"):
            pass
        DataDirectory(disk / "d").close()
