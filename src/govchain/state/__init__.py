"""State: the store port, namespaces, layers of writes, state roots, the checkpoint schedule.

Purpose: what a block reads and writes, and what is proved about it. Rules: below the line: no files, clock, randomness,
floats or unordered iteration. Not here: drivers that keep things on disk (``govchain.storage``), the rules themselves
(``govchain.modules``).
"""

from govchain.state.checkpoints import CheckpointComputation, CheckpointProgress, CheckpointRoot, CheckpointTree
from govchain.state.memory import MemoryStore
from govchain.state.namespaces import Namespace, NamespaceRegistry, split_key, state_key
from govchain.state.overlay import CommittedState, Overlay, StateReader
from govchain.state.port import Batch, CheckpointReader, Pair, Reader, Store, Table, Write
from govchain.state.roots import NO_STATE_ROOT, StateRoot, compute_state_root

__all__ = [
    "NO_STATE_ROOT",
    "Batch",
    "CheckpointComputation",
    "CheckpointProgress",
    "CheckpointReader",
    "CheckpointRoot",
    "CheckpointTree",
    "CommittedState",
    "MemoryStore",
    "Namespace",
    "NamespaceRegistry",
    "Overlay",
    "Pair",
    "Reader",
    "StateReader",
    "StateRoot",
    "Store",
    "Table",
    "Write",
    "compute_state_root",
    "split_key",
    "state_key",
]
