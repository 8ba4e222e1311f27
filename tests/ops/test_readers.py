"""Readers beside a writer that flushes all the time: each sees one moment, whole, and nothing crashes."""

import os
import threading

import pytest

from govchain.model import Code, UnavailableError
from govchain.state import Batch, Table
from govchain.storage import RocksReader, RocksStore
from tests.storage.faults import read_only_mount

SMALL = 8 * 1024 * 1024


def write_pair(store, number, size):
    """One batch: the number in one table, and a record under it in another."""
    batch = Batch()
    batch.put(Table.META, b"newest", b"%010d" % number)
    batch.put(Table.BODIES, number.to_bytes(8, "big"), os.urandom(size))
    batch.put(Table.TRANSACTIONS, os.urandom(32), bytes(12))
    store.write(batch, durable=True)


def check_view(path):
    """The newest number, with every record up to it and none above."""
    reader = RocksReader(path, memory_bytes=SMALL)
    try:
        newest = int(reader.get(Table.META, b"newest"))
        numbers = [int.from_bytes(key, "big") for key, _ in reader.scan(Table.BODIES)]
        assert numbers == list(range(newest + 1))
        assert sum(1 for _ in reader.scan(Table.TRANSACTIONS)) == newest + 1
        return newest
    finally:
        reader.close()


def test_a_reader_opens_while_several_logs_are_alive(tmp_path):
    """One table fills its memory again and again, so that its logs end, while another's content still lies in them."""
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    for number in range(60):
        write_pair(store, number, 100_000)
        if number % 5 == 0:
            assert check_view(tmp_path / "store") == number
    assert len(list((tmp_path / "store").glob("*.log"))) >= 1
    store.close()


def test_every_reader_sees_one_moment_while_a_writer_is_busy(tmp_path):
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    write_pair(store, 0, 10)
    stop = threading.Event()
    written = [0]

    def busy():
        number = 1
        while not stop.is_set():
            write_pair(store, number, 60_000)
            written[0] = number
            number += 1

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        views = []
        for _ in range(25):
            acknowledged = written[0]
            views.append(check_view(tmp_path / "store"))
            assert views[-1] >= acknowledged  # what was durable before the opening is seen
    finally:
        stop.set()
        thread.join()
        store.close()
    assert views == sorted(views)
    assert views[-1] > views[0]


def test_a_reader_writes_nothing_and_works_where_nothing_can_be_written(tmp_path):
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    write_pair(store, 0, 10)
    store.close()
    before = {entry.name: entry.stat().st_mtime_ns for entry in (tmp_path / "store").iterdir()}
    assert check_view(tmp_path / "store") == 0
    assert {entry.name: entry.stat().st_mtime_ns for entry in (tmp_path / "store").iterdir()} == before
    with read_only_mount(tmp_path / "store"):
        assert check_view(tmp_path / "store") == 0


def test_a_reader_notices_a_log_that_lost_what_was_durable(tmp_path):
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    for number in range(5):
        write_pair(store, number, 1000)
    (log,) = (tmp_path / "store").glob("*.log")
    content = log.read_bytes()
    log.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnavailableError) as damaged:
        RocksReader(tmp_path / "store", memory_bytes=SMALL)
    assert damaged.value.code is Code.STORE_CORRUPT
    log.write_bytes(content)
    assert check_view(tmp_path / "store") == 4
    store.close()
