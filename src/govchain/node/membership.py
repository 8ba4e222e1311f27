"""What becomes of a node whose member was voted out: it signs the last block that is its own to sign, and stops.

Purpose: the other members let a removed one's connections go, so that it could not follow; rather than stand still it
says so. Its data stay, and are served for reading.
Rules: the engine ends some engine blocks after the vote, since a removed member's votes count until the change has
taken hold (CometBFT: two blocks), or after ``WAIT_S`` where none come. A node that starts when it is out already starts
neither peers nor engine.
Not here: the vote (``modules.governance``), invited nodes, which follow like others.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

from govchain.consensus import LedgerApplication
from govchain.consensus.ordering import OrderingState
from govchain.ledger import ExecutedBlock
from govchain.model import Code
from govchain.modules.governance import views

__all__ = ["MembershipWatch", "is_removed"]

#: Engine blocks after the vote, and how long they are waited for.
_BLOCKS: Final = 3
WAIT_S: Final = 10.0
_LOOK_S: Final = 0.1


def is_removed(application: LedgerApplication, key: bytes) -> bool:
    """Whether the ledger says that the member with this key was voted out."""
    if not application.machine.governed or not key:
        return False
    found = views.member(application.committed, key.hex())
    return found is not None and found.status == "removed"


class MembershipWatch:
    """See the module.

    Args:
        application: whose blocks are heard.
        key: this node's member key.
        state: the node's, halted with NODE_REMOVED on a thread of this watch.
    """

    def __init__(self, application: LedgerApplication, key: bytes, state: OrderingState) -> None:
        """Hears of every block from now on."""
        self._application = application
        self._key = key
        self._state = state
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        application.add_listener(self._block_committed)

    def stop(self) -> None:
        """The node ends by itself."""
        self._stop.set()

    def _block_committed(self, block: ExecutedBlock) -> None:
        changed = block.header.next_signers != block.header.signers
        if not changed or self._thread is not None or not is_removed(self._application, self._key):
            return
        height, engine_height = block.header.height, block.chain.engine_height
        self._thread = threading.Thread(
            target=self._leave, args=(height, engine_height), name="membership-end", daemon=True
        )
        self._thread.start()

    def _leave(self, height: int, engine_height: int) -> None:
        until = monotonic() + WAIT_S
        while monotonic() < until and self._application.info().engine_height < engine_height + _BLOCKS:
            if self._stop.wait(_LOOK_S):
                return
        self._state.halt(Code.NODE_REMOVED, f"block {height}")
