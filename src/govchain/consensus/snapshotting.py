"""When a node makes snapshots for others: after each checkpoint, or seldom, and how many are kept.

Purpose: a background thread that is woken by committed blocks, makes the snapshot of the newest checkpoint whose root a
header carries, and removes all but the newest few.
Rules: one at a time, beside the ledger; a fault is told and tried again with the next block; a node that closes leaves
nothing half made (a snapshot appears whole). Snapshots lie on the disk as long as they are among the newest.
Not here: their format (``storage.snapshots``), serving them (``joining.serving``), checkpoints (``checkpointing``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.ledger import ExecutedBlock
from govchain.model import Code, GovChainError

__all__ = ["SNAPSHOTS_KEPT", "SnapshotSchedule"]

#: Snapshots that a node keeps: a joiner that began with one may still need it while the next is there.
SNAPSHOTS_KEPT: Final = 3


class SnapshotSchedule:
    """See the module.

    Args:
        application: the node's; this hears of its blocks.
        blocks: at least so many blocks lie between two snapshots; 1: after each checkpoint; 0: none is made.
        on_problem: hears the code and reason of one that could not be made.
        kept: how many are kept.
    """

    def __init__(
        self,
        application: LedgerApplication,
        blocks: int,
        on_problem: Callable[[Code, str], None],
        kept: int = SNAPSHOTS_KEPT,
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._application = application
        self._blocks = blocks
        self._on_problem = on_problem
        self._kept = kept
        self._due = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        #: Height of the newest snapshot, or 0.
        self.newest = 0

    def start(self) -> None:
        """Look at what is there, and make what is due; nothing where none is to be made."""
        if not self._blocks:
            return
        self.newest = max((info.height for info in self._application.list_snapshots()), default=0)
        self._application.add_listener(self._block_committed)
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
        self._thread.start()
        self._due.set()

    def stop(self) -> None:
        """Make no more; waits for one in work."""
        self._stopping = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _block_committed(self, block: ExecutedBlock) -> None:
        if self._is_due(block.chain.checkpoint.last):
            self._due.set()

    def _is_due(self, checkpoint: int) -> bool:
        return checkpoint - self.newest >= self._blocks

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._stopping:
                return
            try:
                self._make()
            except GovChainError as error:
                self._on_problem(error.code, error.reason())
            except OSError as error:
                self._on_problem(Code.FILE_UNREADABLE, error.strerror or str(error))

    def _make(self) -> None:
        application = self._application
        if application.info().app_hash == b"" or not self._is_due(application.chain.checkpoint.last):
            return
        made = application.make_snapshot()
        if made is not None:
            self.newest = made.height
            application.keep_snapshots(self._kept)
