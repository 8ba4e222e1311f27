"""RFC 9162 trees and the compact sparse Merkle tree, with their proofs (docs/spec/block.md 4).

Purpose: pure functions over a digest, and trees whose nodes the caller stores. Rules: ``verify_*`` raises
``VerificationError`` with a ``reason``; whoever knows what is being proved gives it its own code, step and member.
Not here: which data become leaves (``state``, ``proof``, ``ledger``), stores, batch hashing (the native kernels).

Example:
    >>> import hashlib
    >>> tree = Frontier(lambda data: hashlib.sha256(data).digest()).append(b"one")
    >>> tree.size
    1
"""

from govchain.merkle.rfc9162 import (
    Digest,
    Frontier,
    NodeLog,
    NodeWrite,
    consistency_path,
    empty_root,
    inclusion_path,
    leaf_hash,
    node_hash,
    root,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from govchain.merkle.sparse import (
    DEPTH_MAX,
    EMPTY_SUBTREE,
    SparseProof,
    SparseTree,
    position,
    sparse_root,
    verify_sparse,
)
from govchain.merkle.state import STATE_DOMAIN, state_root

__all__ = [
    "DEPTH_MAX",
    "EMPTY_SUBTREE",
    "STATE_DOMAIN",
    "Digest",
    "Frontier",
    "NodeLog",
    "NodeWrite",
    "SparseProof",
    "SparseTree",
    "consistency_path",
    "empty_root",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "position",
    "root",
    "root_from_inclusion",
    "sparse_root",
    "state_root",
    "verify_consistency",
    "verify_inclusion",
    "verify_sparse",
]
