"""Checkpoints: when one is taken, when its root is due, and the root over the whole state (docs/spec/block.md 4, 5).

Purpose: a schedule that every node computes alike from committed counters, and a computation that goes through the
rooted namespaces of a checkpoint in key order, in pieces, so that it can run beside the ledger, stop at any time and go
on after a crash.

Rules:

* After block h, a checkpoint of it is taken when none is outstanding and the rooted writes since the last one reach
  max(``checkpoint_writes_min``, keys / 4), ``keys`` being what the last checkpoint counted: so the work for checkpoints
  stays in proportion to the writes, however large the state is.
* The header of block h + ``checkpoint_delay_blocks`` carries its root, and no other header carries one.
* The root is the RFC 9162 root over every key of the rooted namespaces, sorted.

Not here: taking and keeping checkpoints, threads (``consensus``), sending them (``govchain.storage.snapshots``).

Example:
    >>> from govchain.model.wire import Limits
    >>> limits = Limits(checkpoint_writes_min=100, checkpoint_delay_blocks=5)
    >>> progress = advance(CheckpointProgress(keys=10), limits, height=7, rooted_writes=120)
    >>> progress.outstanding, due(progress, limits, height=11), due(progress, limits, height=12)
    (7, 0, 7)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

import govchain_native as native
from govchain.crypto import Suite
from govchain.merkle import Frontier, leaf_hash
from govchain.model import Code, GovChainError, UnavailableError
from govchain.model.wire import Limits
from govchain.state.namespaces import NamespaceRegistry
from govchain.state.ordered import prefix_end
from govchain.state.port import Pair, Reader, Table
from govchain.state.roots import digest_name_of

__all__ = [
    "CHUNK_KEYS",
    "CheckpointComputation",
    "CheckpointProgress",
    "CheckpointRoot",
    "CheckpointTree",
    "advance",
    "due",
    "plain_checkpoint_root",
]

#: Keys that are hashed at once: a power of two, so that each full chunk is a complete subtree.
CHUNK_KEYS: Final = 4096

_Count = Annotated[int, Meta(ge=0)]


class CheckpointProgress(Struct, frozen=True, forbid_unknown_fields=True):
    """The committed counters of the schedule, after a block.

    Attributes:
        keys: keys of the rooted namespaces as the last completed checkpoint counted them; of genesis before the first.
        writes: writes to rooted namespaces since the last checkpoint was taken.
        outstanding: height of the checkpoint whose root is not in a header yet, or 0.
        last: height of the last checkpoint whose root is in a header, or 0.
    """

    keys: _Count = 0
    writes: _Count = 0
    outstanding: _Count = 0
    last: _Count = 0


class CheckpointRoot(Struct, frozen=True, forbid_unknown_fields=True):
    """The result of a computation: the root (32 bytes) over ``keys`` keys."""

    root: bytes
    keys: _Count


def due(progress: CheckpointProgress, limits: Limits, height: int) -> int:
    """The height of the checkpoint whose root the header of block ``height`` must carry, or 0.

    Args:
        progress: the counters after block ``height`` - 1.
        limits: the chain's limits.
        height: the block to be made.
    """
    taken = progress.outstanding
    return taken if taken and height == taken + limits.checkpoint_delay_blocks else 0


def advance(
    progress: CheckpointProgress,
    limits: Limits,
    height: int,
    rooted_writes: int,
    completed: CheckpointRoot | None = None,
) -> CheckpointProgress:
    """The counters after block ``height``. A checkpoint is to be taken now when ``outstanding`` became ``height``.

    Args:
        progress: the counters before the block.
        limits: the chain's limits.
        height: the block.
        rooted_writes: its writes to rooted namespaces (:attr:`govchain.state.roots.StateRoot.rooted_writes`).
        completed: the checkpoint whose root the block's header carries; given exactly when one is due.

    Raises:
        GovChainError: ``INTERNAL`` when ``completed`` is given or missing against the schedule.
    """
    taken = due(progress, limits, height)
    if bool(taken) != (completed is not None):
        raise GovChainError(Code.INTERNAL, reason=f"checkpoint root at height {height}")
    keys, last, outstanding = progress.keys, progress.last, progress.outstanding
    if completed is not None:
        keys, last, outstanding = completed.keys, taken, 0
    writes = progress.writes + rooted_writes
    if not outstanding and writes >= max(limits.checkpoint_writes_min, keys // 4):
        outstanding, writes = height, 0
    return CheckpointProgress(keys=keys, writes=writes, outstanding=outstanding, last=last)


class CheckpointTree:
    """The RFC 9162 tree over rooted pairs that come in key order.

    Full chunks of :data:`CHUNK_KEYS` pairs are hashed natively and enter a :class:`~govchain.merkle.Frontier` as
    complete subtrees; the last, ragged one comes with :meth:`result`. Memory: one chunk.

    Args:
        suite: the chain's digest.
        frontier: of the full chunks that are hashed already.
    """

    def __init__(self, suite: Suite, frontier: Frontier | None = None) -> None:
        self._suite = suite
        self._frontier = Frontier(suite.digest) if frontier is None else frontier
        self._pairs: list[Pair] = []

    @property
    def keys(self) -> int:
        """Pairs so far."""
        return self._frontier.size * CHUNK_KEYS + len(self._pairs)

    @property
    def frontier(self) -> Frontier:
        """Of the full chunks; each of its leaves is one."""
        return self._frontier

    def push(self, pairs: Iterable[Pair]) -> None:
        """Add pairs that follow those before in key order."""
        self._pairs.extend(pairs)
        while len(self._pairs) >= CHUNK_KEYS:
            self._frontier = self._frontier.append_hash(self._chunk_root(self._pairs[:CHUNK_KEYS]))
            del self._pairs[:CHUNK_KEYS]

    def result(self) -> CheckpointRoot:
        """The root over all pairs so far."""
        if not self._pairs:
            return CheckpointRoot(self._frontier.root(), self.keys)
        # A ragged last chunk takes the place of one more complete subtree: every split of the tree that lies above
        # the chunks is at a multiple of a chunk.
        root = self._frontier.append_hash(self._chunk_root(self._pairs)).root()
        return CheckpointRoot(root, self.keys)

    def _chunk_root(self, pairs: list[Pair]) -> bytes:
        name = digest_name_of(self._suite)
        return native.merkle_root_of_pairs(name, [key for key, _ in pairs], [value for _, value in pairs])


class _Token(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """How far a computation came: the last key that is hashed, how many there were, and the tree's right edge."""

    version: int
    after: bytes
    keys: _Count
    frontier: bytes


_token_decoder = msgspec.msgpack.Decoder(_Token)
_TOKEN_VERSION = 1


class CheckpointComputation:
    """The root over the rooted namespaces of one checkpoint, computed in pieces of :data:`CHUNK_KEYS` keys.

    Args:
        suite: the chain's digest.
        registry: the chain's namespaces.
        reader: the checkpoint; it must not change between calls.
        token: from :meth:`token` of an earlier computation over the same checkpoint, to go on from there.

    Raises:
        UnavailableError: ``STORE_CORRUPT`` for a malformed token.
    """

    def __init__(self, suite: Suite, registry: NamespaceRegistry, reader: Reader, token: bytes | None = None) -> None:
        self._prefixes = tuple(namespace.prefix for namespace in registry.rooted())
        self._reader = reader
        self._after = b""
        self._result: CheckpointRoot | None = None
        self._tree = CheckpointTree(suite)
        if token is not None:
            self._after, self._tree = _resume(suite, token)

    @property
    def keys(self) -> int:
        """Keys hashed so far; a progress display's numerator."""
        return self._tree.keys

    @property
    def result(self) -> CheckpointRoot | None:
        """The root, once :meth:`advance` answered that it is done."""
        return self._result

    def advance(self, chunks: int = 1) -> bool:
        """Hash up to ``chunks`` more chunks; whether the computation is done. Stop between calls whenever you like."""
        for _ in range(chunks):
            if self._result is not None:
                break
            pairs = self._next_pairs()
            self._tree.push(pairs)
            if len(pairs) < CHUNK_KEYS:
                self._result = self._tree.result()
            else:
                self._after = pairs[-1][0]
        return self._result is not None

    def token(self) -> bytes:
        """How far it came, for another computation to go on from; meaningless once it is done."""
        frontier = self._tree.frontier
        return msgspec.msgpack.encode(
            _Token(_TOKEN_VERSION, self._after, frontier.size * CHUNK_KEYS, frontier.encode())
        )

    def _next_pairs(self) -> list[Pair]:
        pairs: list[Pair] = []
        for prefix in self._prefixes:
            end = prefix_end(prefix)
            if end is not None and end <= self._after:
                continue
            # The key after x, in bytewise order, is x ‖ 0x00.
            start = max(prefix, self._after + b"\x00") if self._after else prefix
            room = CHUNK_KEYS - len(pairs)
            pairs.extend(self._reader.scan(Table.STATE, start, end, limit=room))
            if len(pairs) == CHUNK_KEYS:
                break
        return pairs


def _resume(suite: Suite, token: bytes) -> tuple[bytes, CheckpointTree]:
    try:
        saved = _token_decoder.decode(token)
        frontier = Frontier.decode(suite.digest, saved.frontier)
    except (msgspec.MsgspecError, GovChainError):
        raise UnavailableError(Code.STORE_CORRUPT, path="", reason="checkpoint token") from None
    if saved.version != _TOKEN_VERSION or saved.keys != frontier.size * CHUNK_KEYS:
        raise UnavailableError(Code.STORE_CORRUPT, path="", reason="checkpoint token")
    return saved.after, CheckpointTree(suite, frontier)


def plain_checkpoint_root(suite: Suite, registry: NamespaceRegistry, reader: Reader) -> CheckpointRoot:
    """The slow, plain twin: every pair a leaf of one tree, written down as the specification says."""
    frontier = Frontier(suite.digest)
    for key, value in reader.scan(Table.STATE):
        if registry.of(key).rooted:
            leaf = len(key).to_bytes(4, "big") + key + b"\x01" + value
            frontier = frontier.append_hash(leaf_hash(suite.digest, leaf))
    return CheckpointRoot(frontier.root(), frontier.size)
