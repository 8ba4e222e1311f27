"""Layers of writes and the read cache, against plain dictionaries."""

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from govchain.model import UsageError
from govchain.state import Batch, CommittedState, MemoryStore, Overlay, Table
from govchain.state.ordered import OrderedKeys, prefix_end
from govchain.state.overlay import CACHE_VALUE_BYTES_MAX

KEYS = st.one_of(
    st.sampled_from([b"a.b/", b"a.b/1", b"a.b/12", b"a.b/2", b"a.c/1", b"\xff", b"\xff\xff", b""]),
    st.binary(max_size=3),
)
VALUES = st.binary(max_size=4)


class OverlayMachine(RuleBasedStateMachine):
    """A stack of layers over a store, and a stack of dictionaries that say what it must show."""

    def __init__(self):
        super().__init__()
        self.store = MemoryStore()
        self.committed = CommittedState(self.store, cache_entries_max=4)
        self.layers = [Overlay(self.committed)]
        self.models = [{}]
        self.durable = {}
        self.written = [{}]

    def model(self):
        return self.models[-1]

    @rule(key=KEYS, value=VALUES)
    def put(self, key, value):
        self.layers[-1].put(key, value)
        self.model()[key] = value
        self.written[-1][key] = value

    @rule(key=KEYS)
    def delete(self, key):
        self.layers[-1].delete(key)
        self.model().pop(key, None)
        self.written[-1][key] = None

    @rule(writes=st.dictionaries(KEYS, st.none() | VALUES, max_size=4))
    def update(self, writes):
        self.layers[-1].update(writes.items())
        self.written[-1].update(writes)
        for key, value in writes.items():
            if value is None:
                self.model().pop(key, None)
            else:
                self.model()[key] = value

    @rule(key=KEYS)
    def get(self, key):
        assert self.layers[-1].get(key) == self.model().get(key)

    @rule(
        prefix=KEYS,
        start=st.none() | KEYS,
        end=st.none() | KEYS,
        reverse=st.booleans(),
        limit=st.none() | st.integers(0, 3),
    )
    def scan(self, prefix, start, end, reverse, limit):
        found = list(self.layers[-1].scan(prefix, start, end, reverse=reverse, limit=limit))
        wanted = sorted(
            (key, value)
            for key, value in self.model().items()
            if key.startswith(prefix) and (start is None or key >= start) and (end is None or key < end)
        )
        if reverse:
            wanted.reverse()
        assert found == wanted[:limit]

    @precondition(lambda self: len(self.layers) < 4)
    @rule()
    def nest(self):
        self.layers.append(self.layers[-1].nested())
        self.models.append(dict(self.model()))
        self.written.append({})

    @precondition(lambda self: len(self.layers) > 1)
    @rule()
    def commit(self):
        self.layers.pop().commit()
        model, written = self.models.pop(), self.written.pop()
        self.models[-1] = model
        self.written[-1].update(written)

    @precondition(lambda self: len(self.layers) > 1)
    @rule()
    def discard(self):
        layer = self.layers.pop()
        layer.discard()
        assert (len(layer), layer.writes()) == (0, [])
        self.models.pop()
        self.written.pop()

    @precondition(lambda self: len(self.layers) == 1)
    @rule()
    def commit_block(self):
        writes = self.layers[0].writes()
        batch = Batch()
        batch.extend(Table.STATE, writes)
        self.store.write(batch, durable=True)
        self.committed.apply(writes)
        self.durable = dict(self.model())
        self.layers, self.written = [Overlay(self.committed)], [{}]

    @rule(key=KEYS)
    def committed_shows_what_was_written(self, key):
        assert self.committed.get(key) == self.durable.get(key)

    @rule()
    def clear_cache(self):
        self.committed.clear()

    @invariant()
    def writes_are_sorted_and_once_per_key(self):
        for layer, written in zip(self.layers, self.written, strict=True):
            assert layer.writes() == sorted(written.items())
            assert len(layer) == len(written)


TestOverlayMachine = OverlayMachine.TestCase
TestOverlayMachine.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def store_with(**values):
    store, batch = MemoryStore(), Batch()
    for key, value in values.items():
        batch.put(Table.STATE, key.encode(), value)
    store.write(batch, durable=True)
    return store


def test_the_block_layer_is_not_committed_into_committed_state():
    with pytest.raises(UsageError):
        Overlay(CommittedState(MemoryStore())).commit()


def test_a_layer_can_be_used_again_after_commit():
    block = Overlay(CommittedState(store_with(a=b"1")))
    layer = block.nested()
    layer.put(b"b", b"2")
    layer.commit()
    assert layer.get(b"b") == b"2"
    layer.delete(b"b")
    layer.commit()
    assert block.writes() == [(b"b", None)]


def test_a_scan_is_not_disturbed_by_writes_during_it():
    layer = Overlay(CommittedState(store_with(a=b"1", c=b"3")))
    layer.put(b"b", b"2")
    seen = []
    for key, value in layer.scan(b""):
        seen.append((key, value))
        layer.put(b"bb", b"new")
        layer.delete(b"c")
    assert seen == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def test_hot_values_are_read_from_the_store_once():
    committed = CommittedState(store_with(a=b"1"))
    assert [committed.get(b"a") for _ in range(100)] == [b"1"] * 100
    assert committed.misses == 1


def test_the_cache_is_bounded_in_entries_and_value_size():
    values = {f"k{i:05}": b"v" for i in range(100)}
    committed = CommittedState(store_with(**values, big=bytes(CACHE_VALUE_BYTES_MAX + 1)), cache_entries_max=10)
    for _ in range(5):
        for key in values:
            committed.get(key.encode())
            committed.get(b"big")
        committed.apply([])
        young, old = committed._generations
        assert len(young) + len(old) <= 20
        assert b"big" not in young
        assert b"big" not in old


def test_what_is_still_read_survives_a_change_of_generations():
    committed = CommittedState(store_with(**{f"k{i}": b"v" for i in range(50)}), cache_entries_max=5)
    committed.get(b"k0")
    for number in range(1, 50):
        committed.get(b"k%d" % number)
        committed.get(b"k0")
        committed.apply([])
    before = committed.misses
    committed.get(b"k0")
    assert committed.misses == before


def test_a_slow_reader_cannot_leave_an_old_value_behind():
    store = store_with(a=b"old")
    arrived, go_on = threading.Event(), threading.Event()

    class SlowReader:
        """Reads, then waits before it answers, as a thread that lost its turn would."""

        def get(self, table, key):
            value = store.get(table, key)
            arrived.set()
            go_on.wait(10)
            return value

    committed = CommittedState(SlowReader())
    found = []
    thread = threading.Thread(target=lambda: found.append(committed.get(b"a")))
    thread.start()
    arrived.wait(10)
    batch = Batch()
    batch.put(Table.STATE, b"a", b"new")
    store.write(batch, durable=True)
    committed.apply([(b"a", b"new")])
    go_on.set()
    thread.join()
    assert found == [b"old"]
    assert committed.get(b"a") == b"new"


@pytest.mark.parametrize(
    ("prefix", "end"),
    [(b"", None), (b"a", b"b"), (b"a\xff", b"b"), (b"\xff\xff", None), (b"\xfe\xff\xff", b"\xff"), (b"a/", b"a0")],
)
def test_prefix_end(prefix, end):
    assert prefix_end(prefix) == end


def test_ordered_keys_merge_what_is_new():
    values, order = {}, OrderedKeys()
    for number in (5, 3, 9, 1, 7, 2):
        values[bytes([number])] = None
        assert list(order.between(values, b"", None)) == sorted(values)
        assert list(order.between(values, b"\x03", b"\x08", reverse=True)) == sorted(
            (key for key in values if b"\x03" <= key < b"\x08"), reverse=True
        )
