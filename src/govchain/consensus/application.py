"""The application that every engine drives: the ledger's state machine over a store and the node's own pool.

Purpose: the ABCI-shaped calls of :class:`govchain.consensus.ports.Application`, and the reads that services need at
one consistent height.
Rules: nothing is persisted before ``commit``; ``commit`` is one atomic durable batch, after which waiters are told;
the same calls with the same arguments give the same blocks. Threads: one engine thread calls ``prepare_proposal`` to
``commit``; any thread may check and read.
Not here: ordering (``solo/``, ``cometbft/``, ``etcd/``), rules (``ledger``), formats on disk (``storage``).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from govchain.consensus.certifier import Certifier
from govchain.consensus.checkpointing import Checkpointer, checkpoint_name
from govchain.consensus.finality import Finality
from govchain.consensus.pool import Outcome, Pool
from govchain.consensus.ports import CheckResult, EngineUpdate, FinalizedBlock, Info, SnapshotInfo
from govchain.consensus.retaining import Retention
from govchain.consensus.snapshots import SnapshotExchange
from govchain.consensus.verifying import MeasuredVerifier
from govchain.ledger import (
    ChainState,
    ExecutedBlock,
    Machine,
    Prepared,
    ReplayWindow,
    check_proposal,
    check_transaction,
    decode_chain_state,
    encode_chain_state,
    execute_block,
    genesis_writes,
    initial_chain_state,
    limits_in_force,
    next_block_time,
    protocol_at,
    require_protocol,
    select_transactions,
)
from govchain.ledger.chain import NO_ROOT
from govchain.merkle import Frontier, NodeLog
from govchain.model import Code, GovChainError, UnavailableError
from govchain.state import Batch, CommittedState, Store, Write
from govchain.state.checkpoints import CheckpointProgress
from govchain.state.roots import compute_state_root
from govchain.storage import BlockStore
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = ["BlockListener", "BlockPace", "LedgerApplication"]

#: Hears of every committed block, on the engine's thread; must be quick and must not raise.
BlockListener = Callable[[ExecutedBlock], None]


@dataclass(frozen=True, slots=True)
class BlockPace:
    """What the newest block took, in seconds: executing and committing it, and the durable write within that."""

    block_s: float
    write_s: float


class LedgerApplication:
    """See the module.

    Args:
        machine: the chain's fixed part.
        store: opened for writing.
        pool: the node's pool.
        clock: ms since 1970 (wall), for checks before ordering only.
        certifier: signs finality, or None on a node that is no member.
        snapshots: where snapshots lie, or None on a node that neither makes nor takes any.
        read_only: only read what another process may be writing.
    """

    def __init__(
        self,
        machine: Machine,
        store: Store,
        pool: Pool,
        clock: Callable[[], int],
        certifier: Certifier | None = None,
        *,
        snapshots: Path | None = None,
        read_only: bool = False,
    ) -> None:
        """Continue from what the store holds; an empty store waits for :meth:`init_chain`."""
        self.machine = machine
        self.blocks = BlockStore(store)
        self.committed = CommittedState(store)
        self._store = store
        self._pool = pool
        self._clock = clock
        self._read_only = read_only
        self._listeners: list[BlockListener] = []
        self._lock = threading.RLock()
        self.finality = Finality(
            machine.suite, machine.genesis.chain, self.blocks, self._lock, None if read_only else certifier
        )
        self._executed: ExecutedBlock | None = None
        self._passed: ChainState | None = None
        self._last_commit_s = self._begun_s = monotonic()
        #: Of the newest block of this run; a listener finds its own block's here.
        self.pace = BlockPace(0.0, 0.0)
        #: Decodes and verifies, and knows what that cost.
        self.verifying = MeasuredVerifier(machine)
        self._window = ReplayWindow(machine.genesis.limits)
        self._ids_kept: deque[tuple[int, int]] = deque()
        self._checkpointer = Checkpointer(machine, store)
        #: What an external engine may forget.
        self.retention = Retention(store, self.blocks)
        self._snapshots = SnapshotExchange(machine, store, snapshots)
        #: Where snapshots lie, or None.
        self.snapshots_directory = snapshots
        self._directory = machine.directory(self.committed)
        self._chain: ChainState | None = None
        self._history = NodeLog(machine.suite.digest, self.blocks.history_node)
        stored = self.blocks.chain_state()
        if stored is not None:
            self._resume(decode_chain_state(stored))

    # -- reads ---------------------------------------------------------------------------------------------------

    @property
    def chain(self) -> ChainState:
        """The moving facts after the last commit.

        Raises:
            UnavailableError: before :meth:`init_chain`.
        """
        if self._chain is None:
            raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path="", reason="no genesis state")
        return self._chain

    @property
    def certified_height(self) -> int:
        """The newest height with a finality certificate, or 0."""
        return self.finality.certified_height

    @property
    def window_size(self) -> int:
        """Ids in the replay window."""
        return len(self._window)

    @property
    def lock(self) -> threading.RLock:
        """Held during a commit; hold it to read several things of one height."""
        return self._lock

    @property
    def history(self) -> NodeLog:
        """The tree over identities 1 … height."""
        return self._history

    def add_listener(self, listener: BlockListener) -> None:
        """Tell ``listener`` of every block committed from now on."""
        self._listeners.append(listener)

    def receipt(self, transaction: bytes) -> bytes | None:
        """The receipt of a committed transaction."""
        place = self.blocks.location(transaction)
        return None if place is None else self.blocks.receipts(place[0])[place[1]]

    def close(self) -> None:
        """Stop background work; the store stays open."""
        self._checkpointer.close()

    # -- the calls of an engine ----------------------------------------------------------------------------------

    def info(self) -> Info:
        """Where the application stands after the last commit."""
        if self._chain is None:
            return Info(1, 0, 0, b"")
        chain = self._chain
        return Info(
            chain.engine_era, chain.engine_height, chain.height, chain.identity, chain.time, chain.signers_digest
        )

    def init_chain(self) -> bytes:
        """Make the state of genesis, once, durably; answers the genesis fingerprint."""
        if self._chain is not None:
            raise GovChainError(Code.DATA_DIRECTORY_EXISTS, path="")
        machine = self.machine
        writes = genesis_writes(machine)
        root = compute_state_root(machine.suite, NO_ROOT, writes, machine.namespaces, self._store)
        chain = initial_chain_state(
            machine,
            root=root,
            history=Frontier(machine.suite.digest).encode(),
            checkpoint=CheckpointProgress(keys=root.rooted_writes),
        )
        batch = Batch()
        self.blocks.put_state(batch, writes, root.live_node_writes)
        self._put_key_history(batch, 0, writes)
        self.blocks.put_chain_state(batch, encode_chain_state(chain))
        self.blocks.put_signer_set(batch, chain.epoch, chain.signers)
        self._store.write(batch, durable=True)
        self._chain = chain
        self.finality.resume(chain)
        return chain.identity

    def check_tx(self, envelopes: Sequence[bytes]) -> list[CheckResult]:
        """Check envelopes against the newest state; an envelope of the wrong shape is a code, never an exception."""
        prepared = self.verifying.prepare(envelopes)
        chain = self.chain
        height = chain.height + 1
        time = next_block_time(chain, self._clock())
        protocol = protocol_at(self.machine, self.committed, height)
        results: list[CheckResult] = []
        for item in prepared:
            code = check_transaction(
                self.machine,
                item,
                state=self.committed,
                directory=self._directory,
                window=self._window,
                height=height,
                time=time,
                history=self._history_leaf,
                protocol=protocol,
            )
            results.append(CheckResult(code, item))
        return results

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        """Envelopes for the next block from the pool; what can never enter leaves the pool with its code."""
        if not len(self._pool):
            return []
        require_protocol(self.machine, self.committed, self.chain.height + 1)
        selection = select_transactions(
            self.machine,
            self._pool.in_turn(),
            self._directory,
            self._window,
            next_block_time(self.chain, time),
            bytes_max,
            limits_in_force(self.machine, self.committed),
        )
        if selection.refused:
            self._pool.settle(((item, Outcome(code)) for item, code in selection.refused), committed=False)
        return [item.envelope for item in selection.chosen]

    def process_proposal(self, envelopes: Sequence[bytes], time: int) -> Code:
        """OK when a block of these envelopes may follow; an empty one always may."""
        if not envelopes:
            return Code.OK
        require_protocol(self.machine, self.committed, self.chain.height + 1)
        transactions = self._prepared(envelopes)
        return check_proposal(
            self.machine,
            transactions,
            self._directory,
            self._window,
            next_block_time(self.chain, time),
            limits_in_force(self.machine, self.committed),
        )

    def finalize_block(self, envelopes: Sequence[bytes], time: int, engine_height: int) -> FinalizedBlock:
        """Execute the decided block in memory; an empty engine block changes nothing but the engine's height."""
        self._begun_s = monotonic()
        chain = self.chain
        self.finality.engine_block()
        if not envelopes:
            self._executed = None
            self._passed = _with_engine_height(chain, engine_height)
            return FinalizedBlock(chain.identity, None, ())
        transactions = self._prepared(envelopes)
        block = execute_block(
            self.machine,
            chain,
            self.committed,
            self._store,
            transactions,
            next_block_time(chain, time),
            completed=self._checkpointer.completed_for(chain),
            engine_height=engine_height,
            history=self._history_leaf,
        )
        self._executed, self._passed = block, None
        updates = tuple(EngineUpdate(one.engine_key, one.power) for one in block.updates)
        return FinalizedBlock(block.identity, block.chain.height, block.codes, updates)

    def commit(self) -> int:
        """Persist the executed block durably, certify it, tell waiters and listeners."""
        block = self._executed
        if block is None:
            passed = self._passed or self.chain
            batch = Batch()
            self.blocks.put_chain_state(batch, encode_chain_state(passed))
            with self._lock:
                self._store.write(batch, durable=True)
            self._chain, self._passed = passed, None
            return self.retention.retain_from(passed.engine_height)
        with self._lock:
            following = block.chain
            ids = [(prepared.id, prepared.body.expires) for prepared in block.transactions]
            batch = Batch()
            self.blocks.put_block(batch, block.chain.height, block.header_bytes, block.transactions, block.receipts)
            self.blocks.put_ids(batch, block.chain.height, ids)
            self._drop_old_ids(batch, block.chain.height, following.time)
            self.blocks.put_state(batch, block.writes, block.state_root.live_node_writes)
            self._put_key_history(batch, following.height, block.writes)
            self.blocks.put_history(batch, self._history.append(block.identity))
            self.blocks.put_chain_state(batch, encode_chain_state(following))
            if following.epoch != self.chain.epoch:
                self.blocks.put_signer_set(batch, following.epoch, following.signers)
            self._checkpointer.put_progress(batch)
            self.retention.put(batch, following.height, following.engine_height)
            write_s = monotonic()
            try:
                self._store.write(batch, durable=True)
            except BaseException:
                self._open_history(self.chain.height)  # what was appended is not there
                self._load_window(self.chain)
                raise
            done_s = monotonic()
            self.pace = BlockPace(done_s - self._begun_s, done_s - write_s)
            self.committed.apply(block.writes)
            self._window.commit(ids, following.time)
            self._chain = following
            self._executed = None
        try:
            self.finality.committed(block)
            self._checkpointer.after_commit(following)
        finally:
            self._tell(block)  # the block is durable, whatever failed after it
        return self.retention.retain_from(following.engine_height)

    def list_snapshots(self) -> list[SnapshotInfo]:
        """Snapshots that others may fetch."""
        return self._snapshots.list()

    def make_snapshot(self) -> SnapshotInfo | None:
        """Make a snapshot of the last checkpoint whose root a header carries; None when there is none yet."""
        last = self.chain.checkpoint.last
        if not last:
            return None
        carrier = self.blocks.decoded_header(last + self.machine.genesis.limits.checkpoint_delay_blocks)
        if carrier.checkpoint is None or carrier.checkpoint.height != last:
            raise UnavailableError(Code.STORE_CORRUPT, path="headers", reason=f"checkpoint {last}")
        oldest = self.blocks.header_time(last) - self._window.span_ms
        root, keys = bytes.fromhex(carrier.checkpoint.root), self.chain.checkpoint.keys
        return self._snapshots.make(checkpoint_name(last), oldest, root, keys)

    def load_snapshot_chunk(self, height: int, index: int) -> bytes:
        """One chunk of a snapshot."""
        return self._snapshots.chunk(height, index)

    def offer_snapshot(self, snapshot: SnapshotInfo, trust: SnapshotTrust) -> Code:
        """OK when the snapshot is worth fetching; only an application without blocks takes one."""
        if self._chain is not None and (self._chain.height or self._chain.engine_height):
            return Code.DATA_DIRECTORY_EXISTS
        return self._snapshots.offer(snapshot, trust)

    def abandon_snapshot(self) -> None:
        """Give up the snapshot that was offered; nothing of it is left."""
        self._snapshots.abandon()

    def keep_snapshots(self, count: int) -> None:
        """Remove all but the newest ``count`` snapshots."""
        self._snapshots.keep(count)

    def apply_snapshot_chunk(self, index: int, chunk: bytes) -> Code:
        """Take one chunk; after the last, continue from the snapshot."""
        code, finished = self._snapshots.apply(index, chunk)
        if finished:
            stored = self.blocks.chain_state()
            assert stored is not None  # an installed snapshot carries the moving facts
            self.committed.clear()
            self._resume(decode_chain_state(stored))
        return code

    # -- inside --------------------------------------------------------------------------------------------------

    def _history_leaf(self, height: int) -> bytes | None:
        """The leaf of a committed block's identity in the tree over identities; None for a block that is not there."""
        return self.blocks.history_node(0, height - 1) if 0 < height <= self.chain.height else None

    def _prepared(self, envelopes: Sequence[bytes]) -> list[Prepared]:
        """Prepared transactions for envelopes, verifying only those that this node has not verified before."""
        found = [self._pool.find(envelope) for envelope in envelopes]
        missing = [envelope for envelope, item in zip(envelopes, found, strict=True) if item is None]
        fresh = iter(self.verifying.prepare(missing)) if missing else iter(())
        self.verifying.count_known(len(envelopes) - len(missing))
        result = [next(fresh) if item is None else item for item in found]
        if missing:
            self._pool.remember(result)
        return result

    def _tell(self, block: ExecutedBlock) -> None:
        now = monotonic()
        seconds, self._last_commit_s = now - self._last_commit_s, now
        height = block.chain.height
        self._pool.settle(
            (
                (prepared, Outcome(code, height, index, receipt))
                for index, (prepared, code, receipt) in enumerate(
                    zip(block.transactions, block.codes, block.receipts, strict=True)
                )
            ),
            committed=True,
            seconds=seconds,
        )
        self._pool.forget(prepared.envelope for prepared in block.transactions)
        for listener in self._listeners:
            listener(block)

    def _resume(self, chain: ChainState) -> None:
        """Take up a stored chain: its history, the replay window, and certificates that a crash left out."""
        self._chain = chain
        self._open_history(chain.height)
        if self._history.frontier.encode() != chain.history:
            raise UnavailableError(Code.STORE_CORRUPT, path="history", reason="frontier")
        first = self.blocks.decoded_header(1).previous if self.blocks.header(1) else ""
        own = self.machine.fingerprint
        if (first and first != own.hex()) or (not chain.height and chain.identity != own):
            raise UnavailableError(Code.GENESIS_INVALID, path="genesis.json", reason="the store is another chain's")
        self._load_window(chain)
        if not self._read_only and self.blocks.signer_set(chain.epoch) is None:  # a snapshot, or an earlier release
            batch = Batch()
            self.blocks.put_signer_set(batch, chain.epoch, chain.signers)
            self._store.write(batch, durable=False)
        self.finality.resume(chain)
        if not self._read_only:
            self._checkpointer.resume(chain)

    def _open_history(self, height: int) -> None:
        """Open the tree over identities as the store has it."""
        self._history = NodeLog(self.machine.suite.digest, self.blocks.history_node, height)

    def _load_window(self, chain: ChainState) -> None:
        """Rebuild the replay window from the ids of the blocks that it still covers."""
        window = ReplayWindow(self.machine.genesis.limits)
        oldest = chain.time - window.span_ms
        self._ids_kept.clear()
        height = chain.height
        while height > 0 and (stored := self.blocks.ids(height)):
            # After a snapshot the ids are here and their headers are not: then the block counts as the newest.
            time = self.blocks.header_time(height) if self.blocks.header(height) else chain.time
            self._ids_kept.appendleft((height, time))
            height -= 1
            if time <= oldest:
                continue  # left by a crash before a commit dropped it; the next one does
            window.restore(stored, chain.time)
        self._window = window

    def _put_key_history(self, batch: Batch, height: int, writes: Sequence[Write]) -> None:
        registry = self.machine.namespaces
        self.blocks.put_key_history(batch, height, registry.live_writes(writes), registry.delta_only_writes(writes))

    def _drop_old_ids(self, batch: Batch, height: int, time: int) -> None:
        """Forget on disk, too, the ids of blocks that the window no longer covers at ``time``."""
        kept = self._ids_kept
        kept.append((height, time))
        while kept[0][1] <= time - self._window.span_ms:
            old, _ = kept.popleft()
            self.blocks.drop_ids(batch, old, old)


def _with_engine_height(chain: ChainState, engine_height: int) -> ChainState:
    return msgspec.structs.replace(chain, engine_height=engine_height)
