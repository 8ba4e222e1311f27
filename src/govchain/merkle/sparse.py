"""The compact sparse Merkle tree of ``live`` (docs/spec/block.md 4): what holds now, and what does not exist.

Purpose: a tree over 256-bit paths in which the empty subtree is 32 zero bytes, a subtree with one key *is* that key's
leaf, and any other is a branch. The root depends on the present keys and values alone, never on the order of changes.

A node is stored as its preimage, 65 bytes: leaf ``0x00 ‖ path ‖ value digest``, branch ``0x01 ‖ left ‖ right``;
its hash is the digest of that. Nodes are addressed by position (depth and prefix), so that a store holds the present
version only; proofs are made at the version that is stored.

Rules: nothing is written here; :meth:`SparseTree.update` answers the writes. Not here: which keys enter the tree.

Example:
    >>> import hashlib
    >>> sha256 = lambda data: hashlib.sha256(data).digest()
    >>> store = {}
    >>> tree = SparseTree(sha256, store.get)
    >>> root, writes = tree.update({sha256(b"key"): sha256(b"value")})
    >>> store.update(writes)
    >>> verify_sparse(sha256, root, sha256(b"key"), sha256(b"value"), tree.prove(sha256(b"key")))
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from govchain.merkle.rfc9162 import Digest
from govchain.model import Code, UnavailableError, UsageError, VerificationError

__all__ = ["DEPTH_MAX", "EMPTY_SUBTREE", "SparseProof", "SparseTree", "position", "sparse_root", "verify_sparse"]

#: Hash of a subtree without keys: 32 zero bytes.
EMPTY_SUBTREE = bytes(32)
#: Bits of a path, and siblings of a proof at most.
DEPTH_MAX = 256

_LEAF = 0
_BRANCH = 1
_RECORD_BYTES = 65

#: Reads a stored node by position; ``None`` when the subtree is empty or hangs below a single leaf.
NodeReader = Callable[[bytes], bytes | None]
_Items = list[tuple[bytes, bytes]]
_Changes = list[tuple[bytes, bytes | None]]
_Writes = dict[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class SparseProof:
    """Presence or absence of one path.

    ``siblings`` run from the root down (at most 256). ``value_digest`` is the leaf's, or ``None`` when the path is
    absent; then ``other`` is the single leaf (path, value digest) in its place, or ``None`` when the place is empty.
    """

    siblings: tuple[bytes, ...]
    value_digest: bytes | None
    other: tuple[bytes, bytes] | None = None


def position(depth: int, path: bytes) -> bytes:
    """Where the node at ``depth`` on the way to ``path`` is stored: ``u16 depth ‖ prefix``, spare bits zero."""
    whole, bits = depth >> 3, depth & 7
    if not bits:
        return depth.to_bytes(2, "big") + path[:whole]
    return depth.to_bytes(2, "big") + path[:whole] + bytes((path[whole] & (0xFF00 >> bits & 0xFF),))


def sparse_root(digest: Digest, items: Mapping[bytes, bytes]) -> bytes:
    """The root over ``items`` (path to value digest), from nothing and storing nothing."""
    _check_paths(items.items())
    record = _build(digest, 0, sorted(items.items()), {})
    return EMPTY_SUBTREE if record is None else digest(record)


def verify_sparse(digest: Digest, root: bytes, path: bytes, value_digest: bytes | None, proof: SparseProof) -> None:
    """Raise unless ``path`` holds ``value_digest`` (``None``: is absent) in the tree with ``root``.

    Raises:
        VerificationError: with ``reason`` naming what is wrong.
    """
    if len(path) * 8 != DEPTH_MAX or len(proof.siblings) > DEPTH_MAX:
        raise _broken("length")
    if any(len(sibling) != len(EMPTY_SUBTREE) for sibling in proof.siblings):
        raise _broken("length")
    if proof.value_digest != value_digest or (value_digest is not None and proof.other is not None):
        raise _broken("value")
    depth = len(proof.siblings)
    if value_digest is not None:
        node = _leaf_hash(digest, path, value_digest)
    elif proof.other is None:
        node = EMPTY_SUBTREE
    else:
        other_path, other_value = proof.other
        if other_path == path or position(depth, other_path + b"\0") != position(depth, path + b"\0"):
            raise _broken("other path")
        node = _leaf_hash(digest, other_path, other_value)
    for level in reversed(range(depth)):
        sibling = proof.siblings[level]
        pair = sibling + node if _bit(path, level) else node + sibling
        node = digest(b"\x01" + pair)
    if node != root:
        raise _broken("root")


class _Pass:
    """One batched update: what was read by position, and what is to be written."""

    __slots__ = ("seen", "writes")

    def __init__(self) -> None:
        self.seen: _Writes = {}
        self.writes: _Writes = {}


class SparseTree:
    """The tree that a node reader holds, at its present version. Reads only; the caller stores what it is told."""

    def __init__(self, digest: Digest, read: NodeReader) -> None:
        """Use ``read`` for every node; the root's position is ``position(0, b"")``."""
        self._digest = digest
        self._read = read

    def root(self) -> bytes:
        """The root as stored."""
        record = self._load(position(0, b""))
        return EMPTY_SUBTREE if record is None else self._digest(record)

    def get(self, path: bytes) -> bytes | None:
        """The value digest at ``path``, or ``None``."""
        return self.prove(path).value_digest

    def update(self, changes: Mapping[bytes, bytes | None]) -> tuple[bytes, _Writes]:
        """The root after ``changes`` (path to value digest, ``None`` removes), and the node writes that lead there.

        One pass: every node on the way is read once and written at most once; a write of ``None`` removes the node.
        Changes that alter nothing give no write.

        Raises:
            UsageError: a path or value digest that is not 32 bytes.
        """
        if not changes:
            return self.root(), {}
        _check_paths(changes.items())
        batch = _Pass()
        record = self._apply(0, sorted(changes.items()), batch)
        root = EMPTY_SUBTREE if record is None else self._digest(record)
        return root, {at: written for at, written in batch.writes.items() if written != batch.seen.get(at)}

    def prove(self, path: bytes) -> SparseProof:
        """The proof that ``path`` holds what it holds, or nothing, under the present root."""
        _check_paths(((path, None),))
        siblings: list[bytes] = []
        for depth in range(DEPTH_MAX + 1):
            record = self._load(position(depth, path))
            if record is None:
                return SparseProof(tuple(siblings), None)
            if record[0] == _LEAF:
                if record[1:33] == path:
                    return SparseProof(tuple(siblings), record[33:])
                return SparseProof(tuple(siblings), None, (record[1:33], record[33:]))
            left, right = record[1:33], record[33:]
            child, sibling = (right, left) if _bit(path, depth) else (left, right)
            siblings.append(sibling)
            if child == EMPTY_SUBTREE:
                return SparseProof(tuple(siblings), None)
        raise UnavailableError(Code.STORE_CORRUPT, reason="sparse tree below its last bit")

    def _apply(self, depth: int, changes: _Changes, batch: _Pass) -> bytes | None:
        """Change the subtree at ``depth`` that all ``changes`` (sorted, never none) lie in; its new record."""
        at = position(depth, changes[0][0])
        record = batch.seen[at] = self._load(at)
        if record is None or record[0] == _LEAF:
            present = {} if record is None else {record[1:33]: record[33:]}
            for path, value in changes:
                if value is None:
                    present.pop(path, None)
                else:
                    present[path] = value
            result = _build(self._digest, depth, sorted(present.items()), batch.writes)
        else:
            result = self._apply_branch(depth, record, changes, batch)
        batch.writes[at] = result
        return result

    def _apply_branch(self, depth: int, record: bytes, changes: _Changes, batch: _Pass) -> bytes | None:
        """The new record of the branch ``record``: each side that changes is done once, a lone leaf rises."""
        near = changes[0][0]
        middle = _first_right(changes, depth)
        hashes = [record[1:33], record[33:]]
        children: list[bytes | None] = [None, None]
        for side, part in enumerate((changes[:middle], changes[middle:])):
            if not part:
                continue
            if hashes[side] == EMPTY_SUBTREE:
                items = [(path, value) for path, value in part if value is not None]
                child = _build(self._digest, depth + 1, items, batch.writes)
                batch.writes[position(depth + 1, part[0][0])] = child
            else:
                child = self._apply(depth + 1, part, batch)
            children[side] = child
            hashes[side] = EMPTY_SUBTREE if child is None else self._digest(child)
        if EMPTY_SUBTREE not in hashes:
            return b"\x01" + hashes[0] + hashes[1]
        if hashes[0] == hashes[1]:
            return None
        side = 0 if hashes[1] == EMPTY_SUBTREE else 1
        at = position(depth + 1, _with_bit(near, depth, side))
        child = children[side]
        if child is None:
            child = batch.seen[at] = self._load(at)
        if child is None:
            raise UnavailableError(Code.STORE_CORRUPT, reason="sparse tree node missing")
        if child[0] == _BRANCH:
            return b"\x01" + hashes[0] + hashes[1]
        batch.writes[at] = None
        return child

    def _load(self, at: bytes) -> bytes | None:
        record = self._read(at)
        if record is not None and (len(record) != _RECORD_BYTES or record[0] not in (_LEAF, _BRANCH)):
            raise UnavailableError(Code.STORE_CORRUPT, reason="sparse tree node")
        return record


def _build(digest: Digest, depth: int, items: _Items, writes: _Writes) -> bytes | None:
    """The record of the subtree at ``depth`` with exactly ``items`` (sorted); its descendants go into ``writes``."""
    if not items:
        return None
    if len(items) == 1:
        return b"\x00" + items[0][0] + items[0][1]
    middle = _first_right(items, depth)
    record = b"\x01"
    for part in (items[:middle], items[middle:]):
        child = _build(digest, depth + 1, part, writes)
        if child is None:
            record += EMPTY_SUBTREE
        else:
            writes[position(depth + 1, part[0][0])] = child
            record += digest(child)
    return record


def _first_right(items: list[tuple[bytes, bytes]] | _Changes, depth: int) -> int:
    """How many of ``items`` (sorted, equal above ``depth``) have bit 0 there."""
    return bisect_left(items, True, key=lambda item: bool(_bit(item[0], depth)))


def _bit(path: bytes, depth: int) -> int:
    return path[depth >> 3] >> (7 - (depth & 7)) & 1


def _with_bit(path: bytes, depth: int, bit: int) -> bytes:
    """``path`` with the bit at ``depth`` set to ``bit``; only the bits down to it matter."""
    byte, mask = depth >> 3, 0x80 >> (depth & 7)
    return path[:byte] + bytes((path[byte] | mask if bit else path[byte] & ~mask,)) + path[byte + 1 :]


def _leaf_hash(digest: Digest, path: bytes, value_digest: bytes) -> bytes:
    if len(path) != 32 or len(value_digest) != 32:
        raise _broken("length")
    return digest(b"\x00" + path + value_digest)


def _check_paths(changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    for path, value in changes:
        if len(path) * 8 != DEPTH_MAX or (value is not None and len(value) != 32):
            raise UsageError(Code.USAGE, reason="a path and a value digest are 32 bytes each")


def _broken(reason: str) -> VerificationError:
    return VerificationError(Code.STATUS_PROOF, reason=reason)
