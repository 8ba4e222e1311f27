"""The room's public names."""

import govchain.storage


def test_public_names():
    assert sorted(govchain.storage.__all__) == [
        "BlockReader",
        "BlockStore",
        "CHAIN_STATE_KEY",
        "DataDirectory",
        "DirectoryLayout",
        "FORMAT_VERSION",
        "KeyWriteKind",
        "MEMORY_BYTES",
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
    assert all(hasattr(govchain.storage, name) for name in govchain.storage.__all__)
