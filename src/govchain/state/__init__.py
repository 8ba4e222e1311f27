"""State: the store port, namespaces, layers of writes, state roots, the checkpoint schedule.

Purpose: what a block reads and writes, and what is proved about it. Rules: below the line: no files, clock, randomness,
floats or unordered iteration. Not here: drivers that keep things on disk (``govchain.storage``), the rules themselves
(``govchain.modules``).
"""

from govchain.state.memory import MemoryStore
from govchain.state.namespaces import Namespace, NamespaceRegistry, split_key, state_key
from govchain.state.overlay import CommittedState, Overlay, StateReader
from govchain.state.port import Batch, CheckpointReader, Pair, Reader, Store, Table, Write

__all__ = [
    "Batch",
    "CheckpointReader",
    "CommittedState",
    "MemoryStore",
    "Namespace",
    "NamespaceRegistry",
    "Overlay",
    "Pair",
    "Reader",
    "StateReader",
    "Store",
    "Table",
    "Write",
    "split_key",
    "state_key",
]
