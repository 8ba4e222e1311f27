"""What an engine may forget: nothing before the ledger was pruned, and never what evidence may still concern."""

import threading

from govchain.consensus.retaining import ENGINE_BLOCKS_KEPT, MARK_BLOCKS, Retention
from govchain.state import Batch, MemoryStore
from govchain.storage import BlockStore
from govchain.storage.pruning import prune_blocks
from tests.consensus.kit import Node
from tests.ledger.kit import Kit
from tests.storage.archive_kit import archive, found, grow, trusted


def prune(store, height):
    batch = Batch()
    BlockStore(store).put_pruned(batch, height)
    store.write(batch, durable=True)


def test_an_engine_keeps_everything_until_blocks_are_pruned():
    store = MemoryStore()
    retention = Retention(store, BlockStore(store))
    batch = Batch()
    for height in range(1, 501):
        retention.put(batch, height, 1_000_000 + 3 * height)  # an engine has blocks that the ledger has not
    store.write(batch, durable=True)
    assert len(batch) == 500 // MARK_BLOCKS
    assert retention.retain_from(2_000_000) == 0
    prune(store, 250)
    assert retention.retain_from(2_000_000) == 0
    retention.pruned()
    # The highest note of a block that is pruned, or the first that is not.
    assert retention.retain_from(2_000_000) == 1_000_600
    assert Retention(store, BlockStore(store)).retain_from(2_000_000) == 1_000_600
    prune(store, 299)
    retention.pruned()
    assert retention.retain_from(2_000_000) == 1_000_900
    # Evidence of double votes may be as old as this.
    assert retention.retain_from(1_000_900 + ENGINE_BLOCKS_KEPT - 1) == 1_000_899
    assert retention.retain_from(5) == 0


def test_a_commit_answers_it(tmp_path):
    kit = Kit(limits={"expiry_ms_max": 30_000})
    node = grow(Node(kit), MARK_BLOCKS + 60)
    archive(tmp_path, node)
    application = node.application
    assert application.commit() == 0
    genesis = trusted(kit).genesis[0]
    prune_blocks(node.store, found(tmp_path), MARK_BLOCKS + 20, lock=threading.Lock(), genesis=genesis)
    application.retention.pruned()
    assert application.commit() == 0  # far fewer engine blocks than evidence may be old
    assert application.retention.retain_from(ENGINE_BLOCKS_KEPT + 10_000) == MARK_BLOCKS
    application.close()
