"""A batch's whole tree, kept level by level, so that the proof of one file of 100,000 is a dozen look-ups.

Purpose: levels of an RFC 9162 tree whose leaves are known at once. Rules: level 0 are the leaf hashes; a level's last
node without a neighbour rises unchanged, which gives exactly the split at the largest power of two.
Not here: checking a path (``merkle``), where levels are kept (:mod:`govchain.sdk.catalogue`).

Example:
    >>> import hashlib
    >>> sha256 = lambda data: hashlib.sha256(data).digest()
    >>> levels = build_levels(sha256, [b"a", b"b", b"c"])
    >>> [len(level) // 32 for level in levels]
    [3, 2, 1]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from govchain.merkle import Digest, leaf_hash, node_hash
from govchain.model import Code, UsageError

__all__ = ["build_levels", "path_positions", "read_path", "root_of"]

_HASH_BYTES = 32


def build_levels(digest: Digest, leaves: Sequence[bytes]) -> list[bytes]:
    """Every level as one byte string, leaf hashes first, the root last; ``leaves`` are the data.

    Raises:
        UsageError: without any leaf.
    """
    if not leaves:
        raise UsageError(Code.USAGE, reason="a batch needs a member")
    level = [leaf_hash(digest, leaf) for leaf in leaves]
    levels = [b"".join(level)]
    while len(level) > 1:
        above = [node_hash(digest, level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
        levels.append(b"".join(level))
    return levels


def root_of(levels: Sequence[bytes]) -> bytes:
    """The root of a tree in levels."""
    return levels[-1]


def path_positions(index: int, count: int) -> list[tuple[int, int]]:
    """Where the siblings of leaf ``index`` of ``count`` lie, leaf to root, as (level, place)."""
    if not 0 <= index < count:
        raise UsageError(Code.USAGE, reason=f"member {index} of {count}")
    positions = []
    level, place, width = 0, index, count
    while width > 1:
        sibling = place ^ 1
        if sibling < width:
            positions.append((level, sibling))
        level, place, width = level + 1, place >> 1, (width + 1) >> 1
    return positions


def read_path(index: int, count: int, read: Callable[[int, int], bytes]) -> tuple[bytes, ...]:
    """The inclusion path of leaf ``index``; ``read`` gives the node at (level, place)."""
    return tuple(read(level, place) for level, place in path_positions(index, count))
