"""The contract of :class:`govchain.state.Store`: a driver's test subclasses it and gives a ``store`` fixture."""

import threading

import pytest

from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.state import Batch, CheckpointReader, Reader, Store, Table


def write(store, *operations, durable=False):
    """One batch of (table, key, value) operations; a value of None deletes."""
    batch = Batch()
    for table, key, value in operations:
        if value is None:
            batch.delete(table, key)
        else:
            batch.put(table, key, value)
    store.write(batch, durable=durable)


def fill(store, table, keys):
    write(store, *((table, key, b"v" + key) for key in keys))


KEYS = [b"", b"\x00", b"\x00\x00", b"a", b"a\x00", b"aa", b"a\xff", b"b", b"\xff", b"\xff\xff"]


class StoreContract:
    """What a store does, whatever it is made of."""

    def test_is_a_store(self, store):
        assert isinstance(store, Store)
        assert isinstance(store, Reader)

    def test_absent_key_is_none(self, store):
        assert store.get(Table.STATE, b"nothing") is None
        assert store.get_many(Table.STATE, [b"x", b"y"]) == [None, None]
        assert list(store.scan(Table.STATE)) == []

    @pytest.mark.parametrize("table", list(Table))
    def test_put_get_delete_in_every_table(self, store, table):
        write(store, (table, b"key", b"value"))
        assert [other for other in Table if store.get(other, b"key") is not None] == [table]
        write(store, (table, b"key", None))
        assert store.get(table, b"key") is None

    def test_empty_key_and_empty_value_are_like_others(self, store):
        write(store, (Table.LIVE, b"", b"root"), (Table.LIVE, b"k", b""))
        assert store.get(Table.LIVE, b"") == b"root"
        assert store.get(Table.LIVE, b"k") == b""
        assert list(store.scan(Table.LIVE)) == [(b"", b"root"), (b"k", b"")]

    def test_get_many_keeps_order_and_repeats(self, store):
        fill(store, Table.STATE, [b"1", b"2"])
        assert store.get_many(Table.STATE, [b"2", b"x", b"1", b"2"]) == [b"v2", None, b"v1", b"v2"]
        assert store.get_many(Table.STATE, []) == []

    def test_later_operation_on_a_key_counts(self, store):
        write(store, (Table.META, b"k", b"1"), (Table.META, b"k", b"2"))
        assert store.get(Table.META, b"k") == b"2"
        write(store, (Table.META, b"k", b"3"), (Table.META, b"k", None))
        assert store.get(Table.META, b"k") is None
        write(store, (Table.META, b"k", None), (Table.META, b"k", b"4"))
        assert store.get(Table.META, b"k") == b"4"

    def test_deleting_an_absent_key_is_nothing(self, store):
        write(store, (Table.META, b"k", None))
        assert list(store.scan(Table.META)) == []

    def test_an_empty_batch_is_nothing(self, store):
        store.write(Batch(), durable=True)
        assert all(list(store.scan(table)) == [] for table in Table)

    def test_a_batch_can_be_cleared_and_used_again(self, store):
        batch = Batch()
        batch.extend(Table.STATE, [(b"a", b"1"), (b"b", None)])
        assert len(batch) == 2
        store.write(batch, durable=False)
        batch.clear()
        assert (len(batch), batch.tables()) == (0, ())
        batch.put(Table.STATE, b"c", b"3")
        store.write(batch, durable=False)
        assert list(store.scan(Table.STATE)) == [(b"a", b"1"), (b"c", b"3")]

    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("limit", [None, 0, 1, 3, 100])
    def test_scan_bounds_equal_a_sorted_list(self, store, reverse, limit):
        fill(store, Table.STATE, reversed(KEYS))
        fill(store, Table.BODIES, [b"a", b"zz"])
        for start in KEYS:
            for end in [*KEYS, None]:
                wanted = [key for key in sorted(KEYS) if start <= key and (end is None or key < end)]
                if reverse:
                    wanted.reverse()
                found = list(store.scan(Table.STATE, start, end, reverse=reverse, limit=limit))
                assert found == [(key, b"v" + key) for key in wanted[:limit]], (start, end)

    def test_scan_sees_the_moment_of_the_call(self, store):
        fill(store, Table.STATE, [b"a", b"b", b"d"])
        forwards, backwards = store.scan(Table.STATE), store.scan(Table.STATE, reverse=True)
        write(store, (Table.STATE, b"a", b"new"), (Table.STATE, b"b", None), (Table.STATE, b"c", b"new"))
        assert [key for key, _ in forwards] == [b"a", b"b", b"d"]
        assert list(backwards) == [(b"d", b"vd"), (b"b", b"vb"), (b"a", b"va")]
        assert [key for key, _ in store.scan(Table.STATE)] == [b"a", b"c", b"d"]

    def test_a_scan_may_be_left_unfinished(self, store):
        fill(store, Table.STATE, KEYS)
        assert next(store.scan(Table.STATE))[0] == b""

    def test_large_values(self, store):
        large = bytes(range(256)) * 65_536  # 16 MiB
        write(store, (Table.BODIES, b"1", large), (Table.BODIES, b"2", b"small"), durable=True)
        assert store.get(Table.BODIES, b"1") == large
        assert [len(value) for _, value in store.scan(Table.BODIES)] == [len(large), 5]

    def test_long_keys(self, store):
        key = b"k" * 70_000
        write(store, (Table.STATE, key, b"v"))
        assert store.get(Table.STATE, key) == b"v"

    def test_durable_and_sync_keep_contents(self, store):
        write(store, (Table.STATE, b"a", b"1"), durable=False)
        store.sync()
        store.sync()
        write(store, (Table.STATE, b"b", b"2"), durable=True)
        assert store.get_many(Table.STATE, [b"a", b"b"]) == [b"1", b"2"]

    def test_threads_read_while_one_writes(self, store):
        fill(store, Table.STATE, [b"%03d" % i for i in range(200)])
        failures = []
        done = threading.Event()

        def read():
            try:
                while not done.is_set():
                    assert store.get(Table.STATE, b"100")[:1] == b"v"
                    assert len(list(store.scan(Table.STATE, b"000", b"050"))) == 50
            except Exception as error:  # noqa: BLE001 - carried to the main thread
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(100):
            write(store, (Table.STATE, b"100", b"v%d" % number), (Table.STATE, b"x%d" % number, b"v"))
        done.set()
        for thread in threads:
            thread.join()
        assert failures == []

    def test_a_checkpoint_does_not_change(self, store):
        fill(store, Table.STATE, KEYS)
        write(store, (Table.META, b"tip", b"1"))
        store.checkpoint("at-1")
        write(store, (Table.STATE, b"a", b"changed"), (Table.STATE, b"b", None), (Table.META, b"tip", b"2"))
        reader = store.open_checkpoint("at-1")
        assert isinstance(reader, CheckpointReader)
        assert [key for key, _ in reader.scan(Table.STATE)] == KEYS
        assert [key for key, _ in reader.scan(Table.STATE, reverse=True, limit=2)] == [b"\xff\xff", b"\xff"]
        assert reader.get(Table.META, b"tip") == b"1"
        assert reader.get_many(Table.STATE, [b"a", b"b", b"zzz"]) == [b"va", b"vb", None]
        assert store.get(Table.META, b"tip") == b"2"
        reader.close()
        reader.close()

    def test_checkpoints_are_listed_and_dropped(self, store):
        assert store.checkpoints() == ()
        store.checkpoint("b-2")
        store.checkpoint("a-1")
        assert store.checkpoints() == ("a-1", "b-2")
        store.drop_checkpoint("b-2")
        store.drop_checkpoint("b-2")
        assert store.checkpoints() == ("a-1",)
        with pytest.raises(UnavailableError) as missing:
            store.open_checkpoint("b-2")
        assert missing.value.code is Code.DATA_DIRECTORY_MISSING

    def test_a_checkpoint_name_is_taken_once(self, store):
        store.checkpoint("one")
        with pytest.raises(RefusedError) as taken:
            store.checkpoint("one")
        assert taken.value.code is Code.DATA_DIRECTORY_EXISTS

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a.b", "a b", "名", "x" * 65])
    def test_a_checkpoint_name_is_no_path(self, store, name):
        for call in (store.checkpoint, store.open_checkpoint, store.drop_checkpoint):
            with pytest.raises(UsageError):
                call(name)

    def test_size_is_told(self, store):
        before = store.approximate_size()
        write(store, (Table.BODIES, b"1", bytes(1_000_000)), durable=True)
        assert store.approximate_size() - before > 100_000

    def test_closing_twice_is_allowed(self, store):
        store.close()
        store.close()
