"""What an engine calls a snapshot, and what a node does: translating an offer that comes from another engine.

Purpose: an engine's snapshot carries our manifest as its metadata and is named by the engine's height; ours is named by
the ledger's height.
Rules: nothing of an offer is believed. The manifest only names a ledger height; what the snapshot is checked against is
asked of the node, which answers from headers that it has verified.
Not here: the format and its checks (``storage.snapshots``), fetching (the engine), making snapshots (``consensus``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from govchain.consensus.cometbft.protos import abci_pb2 as abci
from govchain.consensus.ports import SnapshotInfo
from govchain.storage.snapshot_checks import SnapshotTrust
from govchain.storage.snapshots import Manifest

__all__ = ["SNAPSHOT_FORMAT", "read_offer"]

#: The engine's number for ``govchain-snapshot/1``.
SNAPSHOT_FORMAT: Final = 1


def read_offer(
    offered: abci.Snapshot, trust: Callable[[int], SnapshotTrust | None] | None
) -> tuple[SnapshotInfo, SnapshotTrust] | None:
    """The offer in our words and what to check it against; None where it is of no use."""
    if trust is None or offered.format != SNAPSHOT_FORMAT:
        return None
    if hashlib.sha256(offered.metadata).digest() != offered.hash:
        return None
    try:
        manifest = msgspec.json.decode(offered.metadata, type=Manifest)
    except msgspec.DecodeError:
        return None
    if len(manifest.chunks) != offered.chunks:
        return None
    trusted = trust(manifest.height)
    if trusted is None:
        return None
    root = bytes.fromhex(manifest.checkpoint_root)
    return SnapshotInfo(manifest.height, offered.chunks, root, offered.metadata, offered.height), trusted
