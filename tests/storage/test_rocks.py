"""The RocksDB driver keeps the contract of the store port, over restarts too."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from govchain.model import Code, UnavailableError
from govchain.state import Table
from govchain.storage import RocksReader, RocksStore
from tests.state.store_contract import StoreContract, fill, write
from tests.state.store_machine import StoreMachine

SMALL = 8 * 1024 * 1024


class TestRocksStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
        yield store
        store.close()


class RocksMachine(StoreMachine):
    def open(self):
        self.place = Path(tempfile.mkdtemp(prefix="govchain-test-"))
        return RocksStore(self.place / "store", memory_bytes=SMALL)

    def reopen(self):
        self.store.close()
        self.store = RocksStore(self.place / "store", memory_bytes=SMALL)

    def teardown(self):
        super().teardown()
        shutil.rmtree(self.place)


TestRocksMachine = RocksMachine.TestCase
TestRocksMachine.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


@pytest.mark.parametrize("durable", [False, True])
def test_contents_are_there_after_reopening(path, durable):
    store = RocksStore(path, memory_bytes=SMALL)
    write(store, *((table, b"k", table.name.encode()) for table in Table), durable=durable)
    store.checkpoint("one")
    store.close()
    store = RocksStore(path, memory_bytes=SMALL)
    assert [store.get(table, b"k") for table in Table] == [table.name.encode() for table in Table]
    assert store.checkpoints() == ("one",)
    store.close()


def test_a_second_writer_is_refused(path):
    store = RocksStore(path, memory_bytes=SMALL)
    with pytest.raises(UnavailableError) as locked:
        RocksStore(path, memory_bytes=SMALL)
    assert locked.value.code is Code.DATA_DIRECTORY_LOCKED
    store.close()


def test_an_open_scan_does_not_keep_a_closed_store_locked(path):
    store = RocksStore(path, memory_bytes=SMALL)
    fill(store, Table.STATE, [b"a", b"b"])
    scan = store.scan(Table.STATE)
    assert next(scan) == (b"a", b"va")
    store.close()
    RocksStore(path, memory_bytes=SMALL).close()
    assert list(scan) == []


def test_a_reader_sees_the_moment_of_its_opening_while_a_writer_goes_on(path):
    store = RocksStore(path, memory_bytes=SMALL)
    fill(store, Table.STATE, [b"%05d" % i for i in range(2000)])
    reader = RocksReader(path, memory_bytes=SMALL)
    for round_number in range(20):
        fill(store, Table.STATE, [b"x%d-%05d" % (round_number, i) for i in range(5000)])
    store.checkpoint("flushed")
    assert len(list(reader.scan(Table.STATE))) == 2000
    assert reader.get(Table.STATE, b"00001") == b"v00001"
    reader.close()
    assert len(list(store.scan(Table.STATE))) == 102_000
    store.close()


def test_there_is_nothing_to_read_where_no_store_is(tmp_path):
    with pytest.raises(UnavailableError) as missing:
        RocksReader(tmp_path / "nothing")
    assert missing.value.code is Code.DATA_DIRECTORY_MISSING
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_of_checkpoints_is_swept(path, tmp_path):
    store = RocksStore(path, checkpoints=tmp_path / "cp", memory_bytes=SMALL)
    store.checkpoint("good")
    store.close()
    for left in ("half.tmp", ".dropped-old"):
        (tmp_path / "cp" / left).mkdir()
        (tmp_path / "cp" / left / "CURRENT").write_text("x")
    store = RocksStore(path, checkpoints=tmp_path / "cp", memory_bytes=SMALL)
    assert sorted(entry.name for entry in (tmp_path / "cp").iterdir()) == ["good"]
    assert store.checkpoints() == ("good",)
    store.close()


def test_a_checkpoint_can_become_a_store(path, tmp_path):
    store = RocksStore(path, checkpoints=tmp_path / "cp", memory_bytes=SMALL)
    fill(store, Table.STATE, [b"%04d" % i for i in range(3000)])
    store.checkpoint("one")
    fill(store, Table.STATE, [b"later"])
    store.close()
    store = RocksStore(tmp_path / "cp" / "one", memory_bytes=SMALL)
    assert sum(1 for _ in store.scan(Table.STATE)) == 3000
    write(store, (Table.STATE, b"more", b"v"), durable=True)
    store.close()
