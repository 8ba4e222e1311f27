"""RFC 9162 Merkle trees over any digest: roots, inclusion and consistency, and two append-only accumulators.

Purpose: the plain, readable form of the trees of docs/spec/block.md 4. Leaves and nodes are hashed in different domains
(``D(0x00 ‖ data)``, ``D(0x01 ‖ left ‖ right)``), the tree is split at the largest power of two below its size, and the
empty tree is ``D("")``. Whole trees of many leaves are built natively (``govchain_native.merkle_root``); both agree.

Rules: every function takes the digest first and is pure; ``verify_*`` raises. Not here: sparse trees, storage.

Example:
    >>> import hashlib
    >>> sha256 = lambda data: hashlib.sha256(data).digest()
    >>> leaves = [b"a", b"b", b"c"]
    >>> verify_inclusion(sha256, root(sha256, leaves), b"c", index=2, size=3, path=inclusion_path(sha256, leaves, 2))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from govchain.model import Code, DecodingError, UnavailableError, UsageError, VerificationError

__all__ = [
    "Digest",
    "Frontier",
    "NodeLog",
    "NodeWrite",
    "consistency_path",
    "empty_root",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root",
    "root_from_inclusion",
    "verify_consistency",
    "verify_inclusion",
]

#: A digest function of 32 bytes: SM3 or SHA-256.
Digest = Callable[[bytes], bytes]
#: A node to store: (level, index, hash). Level 0 are the leaves; a node covers 2^level leaves from index << level on.
NodeWrite = tuple[int, int, bytes]
#: Reads a stored node by (level, index); ``None`` when it is missing.
NodeReader = Callable[[int, int], bytes | None]

_HASH_BYTES = 32
#: Leaves of a tree, at most: sizes travel as u64.
_SIZE_MAX = 2**63 - 1


def empty_root(digest: Digest) -> bytes:
    """The root of the tree without leaves: ``D("")`` (RFC 9162 2.1.1)."""
    return digest(b"")


def leaf_hash(digest: Digest, data: bytes) -> bytes:
    """The hash of a leaf with ``data``."""
    return digest(b"\x00" + data)


def node_hash(digest: Digest, left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return digest(b"\x01" + left + right)


def root(digest: Digest, leaves: Sequence[bytes]) -> bytes:
    """The root over ``leaves`` (their data, not their hashes)."""
    return _range_root(digest, leaves, 0, len(leaves)) if leaves else empty_root(digest)


def inclusion_path(digest: Digest, leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings of leaf ``index``, leaf to root (RFC 9162 2.1.3.1).

    Raises:
        UsageError: when there is no such leaf.
    """
    _require(0 <= index < len(leaves), "leaf index")
    return _inclusion(lambda start, end: _range_root(digest, leaves, start, end), index, len(leaves))


def consistency_path(digest: Digest, leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    """The nodes that show the tree of the first ``old`` leaves to be a prefix of this one (RFC 9162 2.1.4.1).

    Raises:
        UsageError: unless 0 < old <= number of leaves.
    """
    _require(0 < old <= len(leaves), "old size")
    return _consistency(lambda start, end: _range_root(digest, leaves, start, end), old, len(leaves))


def root_from_inclusion(digest: Digest, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that ``path`` gives for the data ``leaf`` at ``index`` of ``size`` leaves (RFC 9162 2.1.3.2).

    Raises:
        VerificationError: index out of range, a wrong number of siblings, or a sibling that is not 32 bytes.
    """
    if not 0 <= index < size <= _SIZE_MAX:
        raise _broken("index")
    _check_hashes(path)
    node, first, last, used = leaf_hash(digest, leaf), index, size - 1, 0
    while last:
        if first & 1 or first < last:
            if used == len(path):
                raise _broken("path length")
            sibling = path[used]
            node = node_hash(digest, sibling, node) if first & 1 else node_hash(digest, node, sibling)
            used += 1
        first, last = first >> 1, last >> 1
    if used != len(path):
        raise _broken("path length")
    return node


def verify_inclusion(
    digest: Digest, expected_root: bytes, leaf: bytes, *, index: int, size: int, path: Sequence[bytes]
) -> None:
    """Raise unless ``leaf`` is at ``index`` of the ``size`` leaves under ``expected_root``."""
    if root_from_inclusion(digest, leaf, index, size, path) != expected_root:
        raise _broken("root")


def verify_consistency(
    digest: Digest, *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise unless the tree of ``old_size`` leaves is a prefix of that of ``new_size`` (RFC 9162 2.1.4.2).

    Everything is consistent with the empty tree, whose root and empty path are checked all the same.
    """
    if not 0 <= old_size <= new_size <= _SIZE_MAX:
        raise _broken("size")
    _check_hashes(path)
    if old_size in (0, new_size):
        if path:
            raise _broken("path length")
        if old_root != (new_root if old_size == new_size else empty_root(digest)):
            raise _broken("old root")
        if new_size == 0 and new_root != empty_root(digest):
            raise _broken("new root")
        return
    nodes = list(path)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise _broken("path length")
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_node = new_node = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise _broken("path length")
        if first & 1 or first == last:
            old_node = node_hash(digest, node, old_node)
            new_node = node_hash(digest, node, new_node)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new_node = node_hash(digest, new_node, node)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise _broken("path length")
    if old_node != old_root:
        raise _broken("old root")
    if new_node != new_root:
        raise _broken("new root")


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a growing tree: enough to append and to tell the root, in O(log n) memory.

    ``nodes`` are the roots of the complete subtrees that the size's binary digits name, largest first. Values never
    change: :meth:`append` gives a new one.
    """

    digest: Digest = field(compare=False, repr=False)
    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """This tree with one more leaf (its data)."""
        return self.append_hash(leaf_hash(self.digest, leaf))

    def append_hash(self, node: bytes) -> Frontier:
        """This tree with one more leaf, given by its hash."""
        nodes, size = self.nodes, self.size
        while size & 1:
            node, nodes, size = node_hash(self.digest, nodes[-1], node), nodes[:-1], size >> 1
        return Frontier(self.digest, self.size + 1, (*nodes, node))

    def root(self) -> bytes:
        """The root of the tree as it is."""
        if not self.nodes:
            return empty_root(self.digest)
        result = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            result = node_hash(self.digest, node, result)
        return result

    def encode(self) -> bytes:
        """``u64 size ‖ nodes``."""
        return self.size.to_bytes(8, "big") + b"".join(self.nodes)

    @classmethod
    def decode(cls, digest: Digest, data: bytes) -> Frontier:
        """Read what :meth:`encode` wrote.

        Raises:
            DecodingError: when length and size disagree.
        """
        size = int.from_bytes(data[:8], "big")
        if len(data) < 8 or size > _SIZE_MAX or len(data) != 8 + _HASH_BYTES * size.bit_count():
            raise DecodingError(Code.STORE_CORRUPT, reason="frontier")
        nodes = tuple(data[i : i + _HASH_BYTES] for i in range(8, len(data), _HASH_BYTES))
        return cls(digest, size, nodes)


class NodeLog:
    """A growing tree whose complete-subtree nodes are stored by the caller: proofs at any past size cost O(log n).

    :meth:`append` answers the nodes to store; ``read`` gives them back. The log keeps only its frontier, so that the
    nodes of the latest appends must be stored (or be visible to ``read``) before a proof needs them.
    """

    def __init__(self, digest: Digest, read: NodeReader, size: int = 0) -> None:
        """Open the log of ``size`` leaves that ``read`` gives; raises ``UnavailableError`` when a node is missing."""
        _require(0 <= size <= _SIZE_MAX, "size")
        self._digest = digest
        self._read = read
        nodes: list[bytes] = []
        start = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                nodes.append(self._node(level, start >> level))
                start += 1 << level
        self._frontier = Frontier(digest, size, tuple(nodes))

    @property
    def size(self) -> int:
        """Leaves appended so far."""
        return self._frontier.size

    @property
    def frontier(self) -> Frontier:
        """The right edge as it is now."""
        return self._frontier

    def root(self) -> bytes:
        """The root over all leaves."""
        return self._frontier.root()

    def append(self, leaf: bytes) -> list[NodeWrite]:
        """Add one leaf (its data); the answer lists the nodes that became complete, for the caller to store."""
        index, node, nodes = self._frontier.size, leaf_hash(self._digest, leaf), self._frontier.nodes
        level = 0
        writes = [(0, index, node)]
        while index & 1:
            node, nodes = node_hash(self._digest, nodes[-1], node), nodes[:-1]
            level, index = level + 1, index >> 1
            writes.append((level, index, node))
        self._frontier = Frontier(self._digest, self._frontier.size + 1, (*nodes, node))
        return writes

    def root_at(self, size: int) -> bytes:
        """The root over the first ``size`` leaves."""
        _require(0 <= size <= self.size, "size")
        return self._range(0, size) if size else empty_root(self._digest)

    def inclusion_path(self, index: int, size: int) -> tuple[bytes, ...]:
        """The path of leaf ``index`` in the tree of the first ``size`` leaves."""
        _require(0 <= index < size <= self.size, "leaf index")
        return _inclusion(self._range, index, size)

    def consistency_path(self, old: int, new: int) -> tuple[bytes, ...]:
        """The path that shows the first ``old`` leaves to be a prefix of the first ``new``."""
        _require(0 < old <= new <= self.size, "old size")
        return _consistency(self._range, old, new)

    def _range(self, start: int, end: int) -> bytes:
        """Root of leaves [start, end), a subtree of some RFC 9162 tree: complete ones are read, ragged ones folded."""
        size = end - start
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self._node(level, start >> level)
        middle = start + _split(size)
        return node_hash(self._digest, self._range(start, middle), self._range(middle, end))

    def _node(self, level: int, index: int) -> bytes:
        node = self._read(level, index)
        if node is None or len(node) != _HASH_BYTES:
            raise UnavailableError(Code.STORE_CORRUPT, reason=f"history node {level}/{index}")
        return node


def _split(size: int) -> int:
    """The largest power of two below ``size`` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_root(digest: Digest, leaves: Sequence[bytes], start: int, end: int) -> bytes:
    if end - start == 1:
        return leaf_hash(digest, leaves[start])
    middle = start + _split(end - start)
    return node_hash(digest, _range_root(digest, leaves, start, middle), _range_root(digest, leaves, middle, end))


def _inclusion(range_root: Callable[[int, int], bytes], index: int, size: int) -> tuple[bytes, ...]:
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(middle, end))
            end = middle
        else:
            path.append(range_root(start, middle))
            start = middle
    return tuple(reversed(path))


def _consistency(range_root: Callable[[int, int], bytes], old: int, new: int) -> tuple[bytes, ...]:
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while start + old != end:
        middle = start + _split(end - start)
        if start + old <= middle:
            path.append(range_root(middle, end))
            end = middle
        else:
            path.append(range_root(start, middle))
            old, start, whole = old - (middle - start), middle, False
    if not whole:
        path.append(range_root(start, end))
    return tuple(reversed(path))


def _check_hashes(path: Sequence[bytes]) -> None:
    if any(len(node) != _HASH_BYTES for node in path):
        raise _broken("node length")


def _broken(reason: str) -> VerificationError:
    """A proof that does not hold; whoever knows which proof it is gives it its own code."""
    return VerificationError(Code.MEMBER_PROOF, reason=reason)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise UsageError(Code.USAGE, reason=what)
