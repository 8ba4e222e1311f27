"""What an engine calls a snapshot, and what a node does: translating an offer that comes from another engine.

Purpose: an engine's snapshot carries our manifest as its metadata and is named by the engine's height; ours is named by
the ledger's height.
A *marker* is a snapshot without contents, of the same heights: by it the engine of a node takes up whose ledger is
there already (``state_sync``).
Rules: nothing of an offer is believed. The manifest only names a ledger height; what the snapshot is checked against is
asked of the node, which answers from headers that it has verified.
Not here: the format and its checks (``storage.snapshots``), fetching (the engine), making snapshots (``consensus``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from govchain.consensus.cometbft.protos import abci_pb2 as abci
from govchain.consensus.ports import SnapshotInfo
from govchain.model.decoders import json_decoder
from govchain.storage.snapshot_checks import SnapshotTrust
from govchain.storage.snapshots import Manifest

__all__ = ["MARKER_CHUNK", "MARKER_FORMAT", "SNAPSHOT_FORMAT", "is_marker", "markers", "read_offer"]

#: The engine's number for ``govchain-snapshot/1``.
SNAPSHOT_FORMAT: Final = 1
#: The engine's number for a marker: above the other, so that the engine tries it first at the same height.
MARKER_FORMAT: Final = 2
#: The one chunk of a marker: the engine takes none that is empty.
MARKER_CHUNK: Final = b"\x01"


def read_offer(
    offered: abci.Snapshot, trust: Callable[[int], SnapshotTrust | None] | None
) -> tuple[SnapshotInfo, SnapshotTrust] | None:
    """The offer in our words and what to check it against; None where it is of no use."""
    if trust is None or offered.format != SNAPSHOT_FORMAT:
        return None
    if hashlib.sha256(offered.metadata).digest() != offered.hash:
        return None
    try:
        manifest = json_decoder(Manifest).decode(offered.metadata)
    except msgspec.DecodeError:
        return None
    if len(manifest.chunks) != offered.chunks:
        return None
    trusted = trust(manifest.height)
    if trusted is None:
        return None
    root = bytes.fromhex(manifest.checkpoint_root)
    return SnapshotInfo(manifest.height, offered.chunks, root, offered.metadata, offered.height), trusted


def markers(snapshots: Sequence[SnapshotInfo]) -> list[abci.Snapshot]:
    """A marker for each snapshot of a block that this engine era made."""
    return [
        abci.Snapshot(height=each.engine_height, format=MARKER_FORMAT, chunks=1, hash=_marker_hash(each.engine_height))
        for each in snapshots
        if each.engine_height
    ]


def is_marker(offered: abci.Snapshot, engine_height: int) -> bool:
    """Whether the offer is the marker of that engine height, above 0."""
    told = (offered.format, offered.chunks, offered.height, offered.hash)
    return bool(engine_height) and told == (MARKER_FORMAT, 1, engine_height, _marker_hash(engine_height))


def _marker_hash(engine_height: int) -> bytes:
    return hashlib.sha256(b"marker" + engine_height.to_bytes(8, "big")).digest()
