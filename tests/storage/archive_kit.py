"""A chain of blocks in memory, and archives of it."""

from __future__ import annotations

from pathlib import Path

from govchain.crypto import get_suite
from govchain.model.wire import Genesis
from govchain.proof.genesis import fingerprint
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.trust import TrustAnchors
from govchain.storage.archive_checks import ArchiveVerdict, verify_archives
from govchain.storage.archive_files import ArchivedBlock, ArchiveReader, ArchiveWriter, archive_name
from govchain.storage.archives import ArchiveFacts, list_archives, write_archives
from tests.consensus.kit import Node
from tests.ledger.kit import CREATED, Kit, id_of, put

NOW = 1_800_000_000_000
BLOCKS = 23
NOBODY = TrustAnchors()


def grow(node: Node, blocks: int, *, step: int = 1000) -> Node:
    """Blocks of one to three transactions, ``step`` ms after each other."""
    for number in range(blocks):
        node.now = max(node.now, CREATED, node.application.chain.time) + step
        expires = node.now + 25_000
        envelopes = [put(node.kit.department, expires=expires) for _ in range(number % 3 + 1)]
        assert not any(node.block(*envelopes))
    return node


def trusted(kit: Kit) -> TrustAnchors:
    return TrustAnchors(genesis=(fingerprint(kit.genesis).hex(),))


def archive(root: Path, node: Node, **options) -> list[ArchiveFacts]:
    """Archive what is new in ``node``."""
    return write_archives(
        root, node.application.blocks, node.kit.genesis, **{"created": NOW, "software": "test", **options}
    )


def found(root: Path) -> list[ArchiveFacts]:
    """The archives in a folder, all of which are some."""
    listed = list_archives(root)
    assert not [one.error for one in listed if one.error is not None]
    return [one.archive for one in listed if one.archive is not None]


def verify(root: Path, anchors: TrustAnchors = NOBODY, **options) -> ArchiveVerdict:
    readers = [ArchiveReader(path) for path in sorted(root.glob("*.gca"))] if root.is_dir() else [ArchiveReader(root)]
    try:
        return verify_archives(readers, anchors, **options)
    finally:
        for reader in readers:
            reader.close()


def blocks_of(path: Path) -> list[ArchivedBlock]:
    with ArchiveReader(path) as reader:
        return [block for chunk, data, _ in reader.chunks() for block in reader.split(chunk, data)]


def rewrite(path: Path, genesis: Genesis, change) -> Path:
    """The file again with digests that fit, its list of blocks changed: what somebody who can write files can make."""
    with ArchiveReader(path) as reader:
        manifest, suite = reader.manifest, get_suite(genesis.suite)
    blocks = blocks_of(path)
    change(blocks)
    path.unlink()
    target = path.with_name(archive_name(manifest.first, manifest.first + len(blocks) - 1))

    writer = ArchiveWriter(
        target,
        genesis,
        first=manifest.first,
        previous=bytes.fromhex(manifest.previous),
        created=manifest.created,
        software=manifest.software,
    )
    for block in blocks:
        identity, time = header_identity(suite, block.header), decode_header(block.header).time
        writer.add(block, identity=identity, time=time, ids=[id_of(envelope) for envelope in block.envelopes])
    writer.finish()
    writer.close()
    return target
