"""Storage: what the ledger keeps on disk. The RocksDB driver, the data directory, blocks, snapshots.

Purpose: everything durable of one chain. Above the line: it does I/O; it decides nothing. Not here: the store port and
its memory twin (``state``), the rules (``ledger``).
"""

from govchain.storage.blocks import CHAIN_STATE_KEY, BlockReader, BlockStore, KeyWriteKind, StoredTransaction
from govchain.storage.directory import (
    FORMAT_VERSION,
    DataDirectory,
    DirectoryLayout,
    complete_directory,
    create_directory,
    inspect_directory,
)
from govchain.storage.rocks import RocksReader, RocksStore
from govchain.storage.rocks_options import MEMORY_BYTES
from govchain.storage.snapshot_checks import SnapshotTrust, SnapshotVerifier
from govchain.storage.snapshots import (
    Manifest,
    SnapshotFacts,
    SnapshotReader,
    install_snapshot,
    verify_snapshot,
    write_snapshot,
)

__all__ = [
    "CHAIN_STATE_KEY",
    "FORMAT_VERSION",
    "MEMORY_BYTES",
    "BlockReader",
    "BlockStore",
    "DataDirectory",
    "DirectoryLayout",
    "KeyWriteKind",
    "Manifest",
    "RocksReader",
    "RocksStore",
    "SnapshotFacts",
    "SnapshotReader",
    "SnapshotTrust",
    "SnapshotVerifier",
    "StoredTransaction",
    "complete_directory",
    "create_directory",
    "inspect_directory",
    "install_snapshot",
    "verify_snapshot",
    "write_snapshot",
]
