"""What a snapshot must satisfy, checked chunk by chunk in one pass.

Purpose: from a trusted header of the snapshot's height and the checkpoint root that a later trusted header carries,
decide whether the entries are the state of that height. Rules: pure but for what the caller feeds in; nothing is
installed here. Memory: one level of the ``live`` tree and one of the history tree.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from govchain.crypto import Suite
from govchain.merkle import DEPTH_MAX, EMPTY_SUBTREE, Frontier, leaf_hash, node_hash, position, state_root
from govchain.model import Code, GovChainError, VerificationError
from govchain.proof.headers import decode_header, header_identity
from govchain.state import CheckpointTree, NamespaceRegistry, Table
from govchain.storage.blocks import CHAIN_STATE_KEY, height_key, history_key

__all__ = ["SnapshotTrust", "SnapshotVerifier", "read_entries"]

_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")
_ID_BYTES = 40
_NODE_BYTES = 32
_RECORD_BYTES = 65
_TABLES = {
    int(table): table
    for table in (
        Table.STATE,
        Table.LIVE,
        Table.HEADERS,
        Table.CERTIFICATES,
        Table.IDS,
        Table.HISTORY,
        Table.META,
    )
}


@dataclass(frozen=True, slots=True)
class SnapshotTrust:
    """What the caller has verified already: the certified header at the snapshot's height, and the checkpoint root.

    Attributes:
        chain: chain id.
        height: the checkpoint's height.
        header: the header's bytes at that height.
        checkpoint_root: what a certified later header carries for that height, 32 bytes.
    """

    chain: str
    height: int
    header: bytes
    checkpoint_root: bytes


def read_entries(data: bytes, member: str) -> Iterator[tuple[Table, bytes, bytes]]:
    """The entries of a chunk.

    Raises:
        VerificationError: ``STORE_CORRUPT``, step 3: cut short, or a table that a snapshot does not hold.
    """
    offset, end = 0, len(data)
    while offset < end:
        if offset + _HEAD.size > end:
            raise _broken(3, member, "cut short")
        number, length = _HEAD.unpack_from(data, offset)
        offset += _HEAD.size
        key = data[offset : offset + length]
        offset += length
        if offset + _LENGTH.size > end:
            raise _broken(3, member, "cut short")
        (size,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        value = data[offset : offset + size]
        offset += size
        if offset > end:
            raise _broken(3, member, "cut short")
        table = _TABLES.get(number)
        if table is None:
            raise _broken(3, member, "table")
        yield table, key, value


class SnapshotVerifier:
    """Checks the entries of a snapshot; feed every chunk in order with :meth:`add`, then call :meth:`finish`.

    Steps (1 and 2 are :func:`govchain.storage.snapshots.verify_snapshot`'s):

    3. Entries are whole, in strictly ascending order of table and key, and of the tables that belong there.
    4. Every state key has a declared namespace; the root over the rooted ones is the checkpoint root.
    5. The nodes of ``live`` are exactly those under the live root, and the three roots make the header's state root.
    6. There is one header, the trusted one, and at most one certificate, of the same height.
    7. Ids are of heights up to the snapshot's; the history's nodes are exactly those of that many identities, and agree
       with the header's ``history`` and identity.
    8. The moving facts are there, and nothing else in their table.

    Args:
        suite: the chain's digest.
        registry: the chain's namespaces.
        trust: what is known already.
        previous_state_root: as the manifest gives it.
        delta_root: as the manifest gives it.
        live_root: as the manifest gives it.
    """

    def __init__(
        self,
        suite: Suite,
        registry: NamespaceRegistry,
        trust: SnapshotTrust,
        *,
        previous_state_root: bytes,
        delta_root: bytes,
        live_root: bytes,
    ) -> None:
        self._suite = suite
        self._registry = registry
        self._trust = trust
        self._header = decode_header(trust.header)
        self._identity = header_identity(suite, trust.header)
        root = state_root(suite, previous_state_root, delta_root, live_root)
        if root.hex() != self._header.state_root:
            raise _broken(5, "manifest.json", "state root")
        self._member = ""
        self._last: tuple[int, bytes] = (-1, b"")
        self._counts = dict.fromkeys(_TABLES.values(), 0)
        self._tree = CheckpointTree(suite)
        # Nodes of the live tree that must come, in the order of their positions, which is breadth first.
        self._awaited: deque[tuple[bytes, bytes]] = deque()
        if live_root != EMPTY_SUBTREE:
            self._awaited.append((position(0, b""), live_root))
        self._level = 0
        self._above: bytearray = bytearray()  # nodes of the level below the one that is being read
        self._nodes: bytearray = bytearray()
        self._peaks: list[bytes] = []

    def add(self, chunk: bytes, member: str) -> int:
        """Check one chunk; how many entries it holds.

        Raises:
            VerificationError: ``STORE_CORRUPT`` with the step and the chunk's name.
        """
        self._member = member
        count = 0
        for table, key, value in read_entries(chunk, member):
            if (int(table), key) <= self._last:
                raise self._wrong(3, "order")
            self._last = (int(table), key)
            self._entry(table, key, value)
            self._counts[table] += 1
            count += 1
        return count

    def finish(self) -> int:
        """Check what only the end can show; how many keys the checkpoint root covers.

        Raises:
            VerificationError: ``STORE_CORRUPT`` with the step.
        """
        result = self._tree.result()
        if result.root != self._trust.checkpoint_root:
            raise self._wrong(4, "checkpoint root")
        if self._awaited:
            raise self._wrong(5, "live node missing")
        if not self._counts[Table.HEADERS]:
            raise self._wrong(6, "header missing")
        self._finish_history()
        if not self._counts[Table.META]:
            raise self._wrong(8, "moving facts missing")
        return result.keys

    def _entry(self, table: Table, key: bytes, value: bytes) -> None:
        tip = height_key(self._trust.height)
        if table is Table.STATE:
            self._state(key, value)
        elif table is Table.LIVE:
            self._live(key, value)
        elif table is Table.HEADERS:
            if key != tip or value != self._trust.header:
                raise self._wrong(6, "header")
        elif table is Table.CERTIFICATES:
            if key != tip:
                raise self._wrong(6, "certificate")
        elif table is Table.IDS:
            if len(key) != len(tip) or key > tip or len(value) % _ID_BYTES:
                raise self._wrong(7, "ids")
        elif table is Table.HISTORY:
            self._history(key, value)
        elif key != CHAIN_STATE_KEY:
            raise self._wrong(8, "meta key")

    def _state(self, key: bytes, value: bytes) -> None:
        try:
            namespace = self._registry.of(key)
        except GovChainError:
            raise self._wrong(4, "namespace") from None
        if namespace.rooted:
            self._tree.push([(key, value)])

    def _live(self, at: bytes, record: bytes) -> None:
        if not self._awaited or len(record) != _RECORD_BYTES:
            raise self._wrong(5, "live node")
        awaited, node = self._awaited.popleft()
        if at != awaited or self._suite.digest(record) != node:
            raise self._wrong(5, "live node")
        if record[0] == 0:
            return
        depth = int.from_bytes(at[:2], "big")
        if depth >= DEPTH_MAX:
            raise self._wrong(5, "live node")
        path = bytearray(at[2:] + b"\0")
        for child in (record[1:33], record[33:]):
            if child != EMPTY_SUBTREE:
                self._awaited.append((position(depth + 1, bytes(path)), child))
            path[depth >> 3] |= 0x80 >> (depth & 7)

    def _history(self, key: bytes, node: bytes) -> None:
        height = self._trust.height
        index = len(self._nodes) // _NODE_BYTES
        if index == height >> self._level and index:
            self._end_level()
            index = 0
        if key != history_key(self._level, index) or len(node) != _NODE_BYTES or not height >> self._level:
            raise self._wrong(7, "history node")
        if self._level:
            start = 2 * index * _NODE_BYTES
            pair = self._above[start : start + 2 * _NODE_BYTES]
            left, right = bytes(pair[:_NODE_BYTES]), bytes(pair[_NODE_BYTES:])
            if node_hash(self._suite.digest, left, right) != node:
                raise self._wrong(7, "history node")
        elif index == height - 1 and node != leaf_hash(self._suite.digest, self._identity):
            raise self._wrong(7, "identity")
        self._nodes += node

    def _end_level(self) -> None:
        """Keep the peak that the tree of all earlier identities has at this level, and go one up."""
        earlier = self._trust.height - 1
        if earlier >> self._level & 1:
            start = ((earlier >> self._level) - 1) * _NODE_BYTES
            self._peaks.append(bytes(self._nodes[start : start + _NODE_BYTES]))
        self._above, self._nodes = self._nodes, bytearray()
        self._level += 1

    def _finish_history(self) -> None:
        height = self._trust.height
        if len(self._nodes) // _NODE_BYTES != height >> self._level or height >> self._level != 1:
            raise self._wrong(7, "history incomplete")
        self._end_level()
        root = Frontier(self._suite.digest, height - 1, tuple(reversed(self._peaks))).root()
        if root.hex() != self._header.history:
            raise self._wrong(7, "history root")

    def _wrong(self, step: int, reason: str) -> VerificationError:
        return _broken(step, self._member, reason)


def _broken(step: int, member: str, reason: str) -> VerificationError:
    return VerificationError(Code.STORE_CORRUPT, step=step, member=member, path=member, reason=reason)
