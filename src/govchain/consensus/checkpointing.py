"""Taking checkpoints beside the ledger: the background work behind ``state.checkpoints``' schedule.

Purpose: at the heights that the schedule names, keep the store's contents (links, not copies), compute the root over
the whole rooted state in a thread, and have it ready for the header that must carry it; that block's execution waits.
Rules: a checkpoint is taken before the next block is executed, so that a crash loses none: at a restart it is there,
or the head is still its height and it is taken then. Progress is kept in the block batches.
Not here: the schedule and the root (``state.checkpoints``), snapshots for joiners (``storage.snapshots``).
"""

from __future__ import annotations

import threading

from govchain.ledger import ChainState, Machine
from govchain.model import Code, UnavailableError
from govchain.state import Batch, Store, Table
from govchain.state.checkpoints import CheckpointComputation, CheckpointRoot, due

__all__ = ["Checkpointer", "checkpoint_name"]

#: Where the progress of a computation lies in ``Table.META``: ``u64 height ‖ token``.
_TOKEN_KEY = b"checkpoint-token"
#: Chunks hashed between two looks at the stop flag.
_CHUNKS = 8


def checkpoint_name(height: int) -> str:
    """Name of the store's checkpoint of the state after block ``height``."""
    return f"height-{height}"


class Checkpointer:
    """See the module. One engine thread calls it; it owns one background thread while a root is being computed."""

    def __init__(self, machine: Machine, store: Store) -> None:
        """Work on ``store`` for the chain of ``machine``."""
        self._machine = machine
        self._store = store
        self._limits = machine.genesis.limits
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._height = 0
        self._token: bytes | None = None
        self._result: CheckpointRoot | None = None
        self._error: BaseException | None = None

    def resume(self, chain: ChainState) -> None:
        """Go on after a restart: take the checkpoint if the crash came first, then compute where it was left."""
        outstanding = chain.checkpoint.outstanding
        if not outstanding:
            return
        name = checkpoint_name(outstanding)
        if name not in self._store.checkpoints():
            if chain.height != outstanding:
                raise UnavailableError(Code.STORE_CORRUPT, path=name, reason="checkpoint missing")
            self._store.checkpoint(name)
        saved = self._store.get(Table.META, _TOKEN_KEY)
        token = saved[8:] if saved is not None and int.from_bytes(saved[:8], "big") == outstanding else None
        self._start(outstanding, token)

    def completed_for(self, chain: ChainState) -> CheckpointRoot | None:
        """The root that the block after ``chain`` must carry, waiting for it; None where none is due."""
        if not due(chain.checkpoint, self._limits, chain.height + 1):
            return None
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise UnavailableError(Code.STORE_CORRUPT, path=checkpoint_name(self._height), reason="checkpoint root")
        return self._result

    def put_progress(self, batch: Batch) -> None:
        """Add the computation's progress to a block's batch."""
        token = self._token
        if token:
            batch.put(Table.META, _TOKEN_KEY, self._height.to_bytes(8, "big") + token)

    def after_commit(self, chain: ChainState) -> None:
        """Take the checkpoint that the schedule names for the block just committed, and drop those before the last."""
        progress = chain.checkpoint
        if progress.outstanding == chain.height:
            self._store.checkpoint(checkpoint_name(chain.height))
            self._start(chain.height, None)
        elif progress.last and progress.last == self._height:
            self._token = None
        if progress.last and progress.last + self._limits.checkpoint_delay_blocks == chain.height:
            keep = (checkpoint_name(progress.last), checkpoint_name(progress.outstanding))
            for name in self._store.checkpoints():
                if name.startswith("height-") and name not in keep:
                    self._store.drop_checkpoint(name)

    def close(self) -> None:
        """Stop computing; the next start goes on from the last committed progress."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _start(self, height: int, token: bytes | None) -> None:
        self._height, self._token, self._result, self._error = height, token or b"", None, None
        self._thread = threading.Thread(target=self._compute, args=(height, token), name="checkpoint", daemon=True)
        self._thread.start()

    def _compute(self, height: int, token: bytes | None) -> None:
        try:
            reader = self._store.open_checkpoint(checkpoint_name(height))
            try:
                work = CheckpointComputation(self._machine.suite, self._machine.namespaces, reader, token or None)
                while not work.advance(_CHUNKS):
                    self._token = work.token()
                    if self._stop.is_set():
                        return
                self._result = work.result
            finally:
                reader.close()
        except BaseException as error:  # noqa: BLE001 - kept for the engine's thread, which raises it
            self._error = error
