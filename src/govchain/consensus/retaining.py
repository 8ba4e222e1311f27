"""From which height on an external engine must keep its own blocks: what ``commit`` answers.

Purpose: an engine may drop what the ledger has pruned, and nothing earlier. Ledger height is not engine height
(ARCHITECTURE decision 2), so every ``MARK_BLOCKS`` blocks the engine's height is noted beside the block; of pruned
blocks the highest such note says what the engine may forget.
Rules: an engine keeps ``ENGINE_BLOCKS_KEPT`` blocks of its own in any case, since evidence of double votes may be as
old; without a note it keeps everything. Nothing here depends on the state: members may differ in what they keep.
Not here: pruning (``storage.pruning``), when it happens (``services.archiving``).
"""

from __future__ import annotations

from typing import Final

from govchain.state import Batch, Store, Table
from govchain.storage.blocks import BlockReader, height_key

__all__ = ["ENGINE_BLOCKS_KEPT", "MARK_BLOCKS", "Retention"]

#: Ledger blocks from one note to the next.
MARK_BLOCKS: Final = 100
#: Engine blocks that stay in any case: as old as evidence may be (``consensus.cometbft.genesis``).
ENGINE_BLOCKS_KEPT: Final = 100_000

_PREFIX: Final = b"engine/"


class Retention:
    """See the module. The engine's thread notes and asks; any thread may tell that blocks were pruned."""

    def __init__(self, store: Store, blocks: BlockReader) -> None:
        """Continue from the notes in ``store``."""
        self._store = store
        self._blocks = blocks
        self._noted = 0
        self.pruned()

    def put(self, batch: Batch, height: int, engine_height: int) -> None:
        """Note the engine's height of block ``height``, where one is due."""
        if height % MARK_BLOCKS == 0:
            batch.put(Table.META, _PREFIX + height_key(height), height_key(engine_height))

    def pruned(self) -> None:
        """Blocks were pruned: look at the notes again."""
        end = _PREFIX + height_key(self._blocks.pruned() + 2)
        for _, value in self._store.scan(Table.META, _PREFIX, end, reverse=True, limit=1):
            self._noted = int.from_bytes(value, "big")

    def retain_from(self, engine_height: int) -> int:
        """The engine's lowest height that must stay, when it is at ``engine_height``; 0: all of them."""
        return max(0, min(self._noted, engine_height - ENGINE_BLOCKS_KEPT))
