"""A process that writes blocks until it is killed; it prints a block's height once the block is durable.

Run: ``python -m tests.storage.crash_writer STORE SEED``. Every block is one batch over six tables.
"""

import itertools
import random
import sys
from pathlib import Path

from govchain.state import Batch, Table
from govchain.storage import BlockStore, RocksStore
from tests.storage.test_blocks import items_of

SMALL = 8 * 1024 * 1024


def put(blocks, height, size):
    """The block at ``height``: the same whoever makes it, but for the body's size, which its header tells."""
    batch = Batch()
    items = items_of(height, 1 + size)
    blocks.put_block(batch, height, b"%d" % size, items, [b"receipt %d" % height])
    blocks.put_ids(batch, height, [(item.id, height) for item in items])
    blocks.put_state(batch, [(b"a.b/%d" % height, b"x" * size), (b"a.b/last", b"%d" % height)], {})
    blocks.put_chain_state(batch, b"%d" % height)
    return batch


def check(store, acknowledged):
    """Every acknowledged block is there, every block is whole, and nothing of a later one is; the newest height."""
    blocks = BlockStore(store)
    tip = int(blocks.chain_state() or b"0")
    assert tip >= acknowledged, f"block {acknowledged} was acknowledged, {tip} is the newest"
    assert blocks.tip() == tip
    for height in range(1, tip + 1):
        size = int(blocks.header(height))
        items = items_of(height, 1 + size)
        assert list(blocks.envelopes(height)) == [item.envelope for item in items]
        assert blocks.receipts(height) == (b"receipt %d" % height,)
        assert [id_ for id_, _ in blocks.ids(height)] == [item.id for item in items]
        assert all(blocks.location(item.id) == (height, index) for index, item in enumerate(items))
        assert store.get(Table.STATE, b"a.b/%d" % height) == b"x" * size
    assert store.get(Table.STATE, b"a.b/last") == (b"%d" % tip if tip else None)
    counts = [sum(1 for _ in store.scan(table)) for table in (Table.HEADERS, Table.BODIES, Table.RECEIPTS, Table.IDS)]
    assert counts == [tip] * 4
    assert sum(1 for _ in store.scan(Table.STATE)) == tip + bool(tip)
    return tip


def main():
    chance = random.Random(int(sys.argv[2]))
    store = RocksStore(Path(sys.argv[1]), memory_bytes=SMALL)
    blocks = BlockStore(store)
    first = blocks.tip() + 1
    for height in itertools.count(first):
        durable = chance.random() < 0.3
        store.write(put(blocks, height, chance.choice([0, 1, 20, 200])), durable=durable)
        if not durable and chance.random() < 0.3:
            store.sync()
            durable = True
        if durable:
            print(height, flush=True)
        if chance.random() < 0.02:
            store.drop_checkpoint("c")
            store.checkpoint("c")


if __name__ == "__main__":
    main()
