"""The memory twin keeps the contract of the store port."""

import pytest
from hypothesis import settings

from govchain.state import Batch, MemoryStore, Table
from tests.state.store_contract import StoreContract
from tests.state.store_machine import StoreMachine


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class MemoryMachine(StoreMachine):
    def open(self):
        return MemoryStore()


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(max_examples=60, deadline=None)


def test_counts_how_often_durability_was_asked_for():
    store = MemoryStore()
    store.write(Batch(), durable=True)
    store.write(Batch(), durable=False)
    store.sync()
    assert (store.durable_writes, store.syncs) == (1, 1)


def test_scan_after_removal_and_return_of_a_key():
    store = MemoryStore()
    for operations in ([(b"b", b"1"), (b"a", b"1")], [(b"b", None)], [(b"c", b"1"), (b"b", b"2")]):
        batch = Batch()
        batch.extend(Table.STATE, operations)
        store.write(batch, durable=False)
        list(store.scan(Table.STATE))
    assert list(store.scan(Table.STATE)) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"1")]
