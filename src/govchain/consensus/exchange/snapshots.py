"""Snapshots between nodes: served and fetched in parts, each chunk checked against its manifest before the next.

Rules: a manifest is only what a peer says; a chunk with its size and digest is what the manifest says; whether the
whole is the chain's is decided when it is installed, against a trusted header (``application.offer_snapshot``). Parts
are bounded. Not here: making and installing (``consensus.snapshots``), where trust comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.consensus.exchange.messages import SnapshotPart, SnapshotRow, decode_message, encode_message
from govchain.consensus.ports import SnapshotInfo
from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.model.canonical import SIZE_MAX
from govchain.peers import Kind, PeerNetwork
from govchain.proof.exact import decode_exact
from govchain.storage.snapshots import Manifest

__all__ = ["PART_BYTES", "OfferedSnapshot", "SnapshotFetcher", "SnapshotServer"]

#: Bytes of one part, at most.
PART_BYTES: Final = 4 * 1024 * 1024
#: Snapshots that one answer lists, at most.
_LISTED_MAX: Final = 16
_ASK_S: Final = 30.0


class SnapshotServer:
    """Answers other nodes from ``application``'s snapshots."""

    def __init__(self, application: LedgerApplication) -> None:
        """Serve what ``application`` offers."""
        self._application = application
        self._chunk: tuple[int, int, bytes] = (0, 0, b"")

    def answer(self, body: bytes) -> bytes:
        """The list of snapshots, or a part of one.

        Raises:
            DecodingError: ``PEER_PROTOCOL``.
            GovChainError: ``NOT_FOUND``.
        """
        asked = decode_message(body, SnapshotPart)
        if not asked.height:
            rows = [
                SnapshotRow(one.height, one.chunks, one.root, len(one.manifest))
                for one in self._application.list_snapshots()[:_LISTED_MAX]
            ]
            return encode_message(rows)
        data = self._content(asked.height, asked.index)
        return data[asked.offset : asked.offset + min(asked.size, PART_BYTES)]

    def _content(self, height: int, index: int) -> bytes:
        if index < 0:
            for one in self._application.list_snapshots():
                if one.height == height:
                    return one.manifest
            raise RefusedError(Code.NOT_FOUND, reason=f"snapshot {height}")
        kept = self._chunk  # parts of one chunk are asked for one after the other
        if kept[:2] == (height, index) and kept[2]:
            return kept[2]
        data = self._application.load_snapshot_chunk(height, index)
        self._chunk = (height, index, data)
        return data


@dataclass(frozen=True, slots=True)
class OfferedSnapshot:
    """A snapshot and the peers that have it with the same manifest."""

    info: SnapshotInfo
    manifest: Manifest
    peers: tuple[bytes, ...]


class SnapshotFetcher:
    """Asks other nodes for snapshots.

    Args:
        chain: its id.
        application: of the chain; its suite checks chunks.
        network: carries.
    """

    def __init__(self, chain: str, application: LedgerApplication, network: PeerNetwork) -> None:
        self._chain = chain
        self._suite = application.machine.suite
        self._network = network

    def offered(self) -> list[OfferedSnapshot]:
        """What the connected peers offer, newest first; those with the same manifest are one."""
        found: dict[bytes, OfferedSnapshot] = {}
        for peer in self._network.connected(self._chain):
            try:
                data = self._ask(peer, SnapshotPart(0, 0, 0, 0))
                for row in decode_message(data, tuple[SnapshotRow, ...])[:_LISTED_MAX]:
                    self._note(found, peer, row)
            except GovChainError:
                continue
        return sorted(found.values(), key=lambda one: -one.info.height)

    def fetch_chunk(self, snapshot: OfferedSnapshot, index: int) -> bytes:
        """Chunk ``index``, of the size and digest that the manifest names, from whichever peer has it.

        Raises:
            UnavailableError: ``NODE_UNREACHABLE`` when nobody gives it.
        """
        facts = snapshot.manifest.chunks[index]
        connected = self._network.connected(self._chain)
        peers = [peer for peer in snapshot.peers if peer in connected]
        start = index % max(1, len(peers))
        for peer in peers[start:] + peers[:start]:
            try:
                data = self._whole(peer, snapshot.info.height, index, facts.bytes)
            except GovChainError:
                continue
            if len(data) == facts.bytes and self._suite.digest(data).hex() == facts.digest:
                return data
        raise UnavailableError(Code.NODE_UNREACHABLE, reason=f"snapshot {snapshot.info.height}, chunk {index}")

    def _note(self, found: dict[bytes, OfferedSnapshot], peer: bytes, row: SnapshotRow) -> None:
        if not 0 < row.manifest_bytes <= SIZE_MAX:
            return
        data = self._whole(peer, row.height, -1, row.manifest_bytes)
        known = found.get(data)
        if known is not None:
            found[data] = OfferedSnapshot(known.info, known.manifest, (*known.peers, peer))
            return
        manifest = decode_exact(data, Manifest)
        if (manifest.chain, manifest.height) != (self._chain, row.height):
            return
        root = bytes.fromhex(manifest.checkpoint_root)
        info = SnapshotInfo(manifest.height, len(manifest.chunks), root, data)
        found[data] = OfferedSnapshot(info, manifest, (peer,))

    def _whole(self, peer: bytes, height: int, index: int, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._ask(peer, SnapshotPart(height, index, len(data), min(PART_BYTES, size - len(data))))
            if not part or len(data) + len(part) > size:
                break
            data += part
        return bytes(data)

    def _ask(self, peer: bytes, part: SnapshotPart) -> bytes:
        return self._network.request(self._chain, peer, Kind.SNAPSHOT, encode_message(part), _ASK_S)
