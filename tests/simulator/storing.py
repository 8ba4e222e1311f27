"""A memory store that dies at a write boundary and keeps what a disk would have kept.

Purpose: crashes just before or just after the n-th write, of whatever kind. Rules: a batch is there whole or not at
all; what was durable stays; of the batches that were not, a crash loses a suffix (the contract of ``state.port``).
"""

from __future__ import annotations

import random

from govchain.state import Batch, MemoryStore, Table


class Crash(BaseException):
    """The process is gone at this place; no handler of the application may live on."""


class CrashStore(MemoryStore):
    """See the module.

    Attributes:
        writes: boundaries passed so far: batches and checkpoints.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self._fuse: tuple[int, bool] | None = None
        self._undo: list[Batch] = []

    def arm(self, writes: int, *, after: bool) -> None:
        """Die at the ``writes``-th boundary from now (1 is the next one), before or after it."""
        self._fuse = (self.writes + writes, after)

    @property
    def armed(self) -> bool:
        """Whether a crash is waiting."""
        return self._fuse is not None

    def disarm(self) -> None:
        """Live on."""
        self._fuse = None

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply the batch, or die."""
        after = self._boundary()
        if durable:
            self._undo.clear()
        else:
            self._undo.append(self._inverse(batch))
        super().write(batch, durable=durable)
        self._die(after)

    def checkpoint(self, name: str) -> None:
        """Take the checkpoint, or die."""
        after = self._boundary()
        super().checkpoint(name)
        self._die(after)

    def sync(self) -> None:
        """Make everything durable."""
        self._undo.clear()
        super().sync()

    def lose(self, dice: random.Random) -> int:
        """What the crash took: a suffix of the batches that were not durable; how many."""
        keep = dice.randint(0, len(self._undo))
        lost = self._undo[keep:]
        for inverse in reversed(lost):
            super().write(inverse, durable=False)
        self._undo.clear()
        return len(lost)

    def _boundary(self) -> bool:
        """Count; die when it is before this write, otherwise say whether it is after it."""
        self.writes += 1
        if self._fuse is None or self.writes < self._fuse[0]:
            return False
        _, after = self._fuse
        self._fuse = None
        self._die(not after)
        return after

    def _die(self, now: bool) -> None:
        if now:
            raise Crash

    def _inverse(self, batch: Batch) -> Batch:
        """What takes the batch back."""
        inverse = Batch()
        for table in Table:
            for key in dict(batch.operations(table)):
                before = self.get(table, key)
                if before is None:
                    inverse.delete(table, key)
                else:
                    inverse.put(table, key, before)
        return inverse
