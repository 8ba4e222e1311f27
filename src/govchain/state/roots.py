"""The state root of a block (docs/spec/block.md 4 and 4.1).

Purpose: from a block's sorted writes, ``delta`` (what this block wrote, an RFC 9162 root), ``live`` (what holds now,
the root of a compact sparse tree) and ``root(h) = tagged("govchain/state/1", root(h−1), delta(h), live(h))``.

Rules: pure; the nodes that the sparse tree needs stored come back with the result. The tree is touched only by blocks
that write to a ``live`` namespace; every other carries the previous root on, at no cost.
Not here: proofs (``merkle``, ``proof``), the root over the whole state (``checkpoints``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, cast

import govchain_native as native
from govchain.crypto import Suite
from govchain.merkle import EMPTY_SUBTREE, SparseTree, state_root
from govchain.state.namespaces import NamespaceRegistry
from govchain.state.port import Table, Write

__all__ = [
    "NO_STATE_ROOT",
    "LiveReader",
    "StateRoot",
    "compute_state_root",
    "digest_name_of",
    "receipt_root",
    "transaction_root",
]

#: What stands for the root before genesis.
NO_STATE_ROOT: Final = bytes(32)


class LiveReader(Protocol):
    """Reads the stored nodes of the sparse tree: any store is one."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The node at a position, or ``None``."""
        ...


@dataclass(frozen=True, slots=True)
class StateRoot:
    """The three roots after a block, and what the sparse tree needs stored.

    Attributes:
        root: 32 bytes, committed in the header as ``state_root``.
        delta: 32 bytes, over the block's writes to ``delta`` namespaces.
        live: 32 bytes, over the present values of ``live`` namespaces; zeros when there are none.
        live_node_writes: position to node, ``None`` removes; for ``Table.LIVE``, in the same batch as the writes.
        rooted_writes: how many writes ``delta`` covers; the checkpoint schedule counts them.
    """

    root: bytes
    delta: bytes
    live: bytes
    live_node_writes: Mapping[bytes, bytes | None] = field(default_factory=dict)
    rooted_writes: int = 0


def digest_name_of(suite: Suite) -> Literal["sm3", "sha256"]:
    """The suite's digest as the native kernels name it."""
    return cast(Literal["sm3", "sha256"], suite.digest_name)


def compute_state_root(
    suite: Suite,
    previous_root: bytes,
    writes: Sequence[Write],
    registry: NamespaceRegistry,
    live_reader: LiveReader,
    previous_live: bytes = EMPTY_SUBTREE,
) -> StateRoot:
    """The roots after a block.

    Args:
        suite: the chain's digest.
        previous_root: the state root before the block; :data:`NO_STATE_ROOT` for genesis.
        writes: the block's writes, sorted by key, once per key, as :meth:`govchain.state.Overlay.writes` gives them.
        registry: the chain's namespaces.
        live_reader: the committed nodes of the sparse tree.
        previous_live: ``live`` before the block; of the empty tree for genesis.

    Raises:
        GovChainError: ``INTERNAL`` when a write has no declared namespace.
        UnavailableError: ``STORE_CORRUPT`` when a node of the sparse tree is missing or malformed.
    """
    registry.check_writes(writes)
    rooted = registry.delta_writes(writes)
    delta = native.merkle_root_of_pairs(
        digest_name_of(suite), [key for key, _ in rooted], [value for _, value in rooted]
    )
    live = previous_live
    nodes: dict[bytes, bytes | None] = {}
    present = registry.live_writes(writes)
    if present:
        digest = suite.digest
        changes = {digest(key): None if value is None else digest(value) for key, value in present}
        live, nodes = SparseTree(digest, lambda at: live_reader.get(Table.LIVE, at)).update(changes)
    root = state_root(suite, previous_root, delta, live)
    return StateRoot(root, delta, live, nodes, len(rooted))


def transaction_root(suite: Suite, envelopes: Sequence[bytes]) -> bytes:
    """A header's ``transaction_root``: the RFC 9162 root over the digests of a block's envelopes, in order."""
    name = digest_name_of(suite)
    return native.merkle_root(name, native.digest_many(name, list(envelopes)))


def receipt_root(suite: Suite, receipts: Sequence[bytes]) -> bytes:
    """A header's ``receipt_root``: the RFC 9162 root over a block's receipts, in order."""
    return native.merkle_root(digest_name_of(suite), list(receipts))
