"""One chain on either driver: the layers above the store cannot tell them apart."""

import random

import pytest

from govchain.crypto import get_suite
from govchain.merkle import EMPTY_SUBTREE, SparseTree, verify_sparse
from govchain.state import (
    NO_STATE_ROOT,
    Batch,
    CheckpointComputation,
    CommittedState,
    MemoryStore,
    Namespace,
    NamespaceRegistry,
    Overlay,
    Table,
    compute_state_root,
    state_key,
)
from govchain.storage import BlockStore, RocksStore
from tests.storage.test_blocks import items_of

SUITE = get_suite("gm")
REGISTRY = NamespaceRegistry(
    [Namespace("a.status", live=True), Namespace("b.record", delta=True), Namespace("c.by_time")]
)


def run_chain(store, heights, restart):
    """Blocks with random writes, some discarded; everything that the layers above see of the store."""
    chance = random.Random(7)
    root, live, seen = NO_STATE_ROOT, EMPTY_SUBTREE, []
    committed, blocks = CommittedState(store), BlockStore(store)
    for height in range(1, heights + 1):
        layer = Overlay(committed)
        for _ in range(chance.randrange(1, 6)):
            transaction = layer.nested()
            for _ in range(chance.randrange(6)):
                key = state_key(chance.choice(["a.status", "b.record", "c.by_time"]), f"{chance.randrange(40):02}")
                seen.append(transaction.get(key))
                transaction.delete(key) if chance.random() < 0.2 else transaction.put(key, b"%d" % chance.randrange(9))
            seen.extend(transaction.scan(b"a.status/", limit=3, reverse=chance.random() < 0.5))
            transaction.commit() if chance.random() < 0.8 else transaction.discard()
        writes = layer.writes()
        result = compute_state_root(SUITE, root, writes, REGISTRY, store, live)
        root, live = result.root, result.live
        batch = Batch()
        blocks.put_block(batch, height, b"{}", items_of(height), [b"receipt"])
        blocks.put_state(batch, writes, result.live_node_writes)
        store.write(batch, durable=True)
        committed.apply(writes)
        seen.append((root, live))
        if height == heights // 2:
            store.checkpoint("half")
            store = restart(store)
            committed, blocks = CommittedState(store), BlockStore(store)
    reader = store.open_checkpoint("half")
    for source in (reader, store):
        computation = CheckpointComputation(SUITE, REGISTRY, source)
        computation.advance(10)
        seen.append(computation.result)
    tree = SparseTree(SUITE.digest, lambda at: store.get(Table.LIVE, at))
    for number in range(40):
        key = state_key("a.status", f"{number:02}")
        value = committed.get(key)
        proof = tree.prove(SUITE.digest(key))
        verify_sparse(SUITE.digest, live, SUITE.digest(key), None if value is None else SUITE.digest(value), proof)
        seen.append(value)
    reader.close()
    seen.append([list(store.scan(table)) for table in Table])
    store.close()
    return seen


@pytest.mark.requirement("BJ.design.loose_coupling.03")
def test_the_layers_above_run_alike_on_both_drivers(tmp_path):
    def restart(store):
        store.close()
        return RocksStore(tmp_path / "store")

    on_disk = run_chain(RocksStore(tmp_path / "store"), 60, restart)
    in_memory = run_chain(MemoryStore(), 60, lambda store: store)
    assert on_disk == in_memory
