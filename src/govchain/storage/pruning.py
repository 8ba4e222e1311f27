"""Pruning: removing from a store the contents of old blocks that verified archives hold.

Purpose: :func:`prune_limit` says how far a node may prune and what keeps it from going further; :func:`prune_blocks`
does it. What goes: envelopes, receipts and finality certificates. What stays: every header, the certificates of blocks
that changed the signer set or carry a checkpoint's root, the places of transactions, the history tree, the history of
each key, state and ``live`` tree; so that every later proof is made as before, and a pruned record is named with the
archive that holds it (docs/spec/archive.md 6).
Rules: nothing goes that no verified file holds, block by block the same as the store's. Blocks go in order of height,
some in one atomic batch together with the note how far they are gone: a crash at any moment leaves a store that reads
as before or after a batch, and needs no repair. Batches need not be durable: the next block's commit makes them so.
Not here: archives (``archives``, ``archive_checks``), when to prune (``services.archiving``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govchain.proof.trust import TrustAnchors
from govchain.state import Batch, Store, Table
from govchain.storage.archive_checks import Progress, verify_archives
from govchain.storage.archive_files import ArchiveReader
from govchain.storage.archives import ArchiveFacts
from govchain.storage.blocks import ArchiveNote, BlockReader, BlockStore, height_key

__all__ = ["PruneLimit", "Pruned", "prune_blocks", "prune_limit", "replay_floor", "uncertified_floor"]

#: Blocks that one batch removes.
_BATCH_BLOCKS: Final = 64
#: Heights that :func:`uncertified_floor` looks at in one call, at most.
_LOOKED_AT_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PruneLimit:
    """The highest block that may be pruned, and which floor it is that says so: its name as it was handed in."""

    height: int
    by: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning did: blocks ``first`` to ``last`` went (``last`` below ``first``: none), by which files."""

    first: int
    last: int
    files: tuple[Path, ...]

    @property
    def blocks(self) -> int:
        """How many."""
        return max(0, self.last - self.first + 1)


def replay_floor(blocks: BlockReader, store: Store) -> int:
    """The highest block that the replay window covers no more: what lies above answers those who send again."""
    for key, _ in store.scan(Table.IDS, limit=1):
        return int.from_bytes(key, "big") - 1
    return blocks.tip()


def uncertified_floor(blocks: BlockReader, stop: int) -> int:
    """The highest block, up to ``stop``, up to which every block has its certificate, or had it when it was pruned."""
    height = max(blocks.first() - 1, blocks.pruned())
    stop = min(blocks.tip(), stop, height + _LOOKED_AT_MAX)
    while height < stop and blocks.certificate(height + 1) is not None:
        height += 1
    return height


def prune_limit(floors: Mapping[str, int]) -> PruneLimit:
    """The lowest of some floors, the first of equal ones; a floor is the highest block that somebody needs no more.

    >>> prune_limit({"retain": 900, "peers": 850})
    PruneLimit(height=850, by='peers')
    """
    by, height = min(floors.items(), key=lambda floor: floor[1])
    return PruneLimit(max(0, height), by)


def prune_blocks(
    store: Store,
    archives: Sequence[ArchiveFacts],
    limit: int,
    *,
    lock: AbstractContextManager[object],
    genesis: str,
    progress: Progress | None = None,
    pulse: Callable[[], None] = lambda: None,
) -> Pruned:
    """Remove the contents of blocks up to ``limit``, as far as ``archives`` hold them.

    1. The files are picked that hold the blocks after those that are gone already, without a gap.
    2. They are verified, every byte and every block, against the headers of this store.
    3. The contents go, a batch at a time; who is stopped between two batches goes on where it was.

    Args:
        store: the chain's, opened for writing.
        archives: files of this chain or others, as :func:`~govchain.storage.archives.list_archives` found them.
        limit: the highest block that may go: :func:`prune_limit`.
        lock: held for each batch, as for every write to the store.
        genesis: fingerprint of the chain (hex).
        progress: told blocks that were verified.
        pulse: called again and again; what it raises ends the work.

    Raises:
        VerificationError: ``ARCHIVE_…``: a file that would be relied on is not sound; nothing more was removed.
        UnavailableError: ``DISK_FULL``, ``STORE_CORRUPT``; ``FILE_UNREADABLE`` of an archive.
    """
    blocks = BlockStore(store)
    first = max(blocks.first(), blocks.pruned() + 1)
    # 1.
    picked = _pick(archives, genesis, first, limit)
    if not picked:
        return Pruned(first, first - 1, ())
    # 2.
    readers: list[ArchiveReader] = []
    try:
        for facts in picked:
            readers.append(ArchiveReader(facts.path))
            if readers[-1].digest != facts.digest:
                raise readers[-1].altered(facts.manifest.first, "replaced meanwhile")
        verify_archives(
            readers, TrustAnchors(), own_header=blocks.header, genesis=genesis, progress=progress, pulse=pulse
        )
    finally:
        for reader in readers:
            reader.close()
    # 3.
    last = min(limit, picked[-1].manifest.last)
    _remove(blocks, picked, first, last, lock, pulse)
    return Pruned(first, last, tuple(facts.path for facts in picked))


def _pick(archives: Sequence[ArchiveFacts], genesis: str, first: int, limit: int) -> list[ArchiveFacts]:
    """The files that hold blocks ``first`` to at most ``limit``, as far as they link up."""
    own = [facts for facts in archives if facts.manifest.genesis == genesis]
    picked: list[ArchiveFacts] = []
    following = first
    for facts in sorted(own, key=lambda one: (one.manifest.first, one.manifest.last)):
        if facts.manifest.last < following or following > limit:
            continue
        if facts.manifest.first > following:
            break
        picked.append(facts)
        following = facts.manifest.last + 1
    return picked


def _remove(
    blocks: BlockStore,
    picked: Sequence[ArchiveFacts],
    first: int,
    last: int,
    lock: AbstractContextManager[object],
    pulse: Callable[[], None],
) -> None:
    notes = {facts.manifest.last: ArchiveNote(facts.path.name, facts.digest, facts.manifest.first) for facts in picked}
    start = first
    while start <= last:
        pulse()
        end = min(last, start + _BATCH_BLOCKS - 1)
        batch = Batch()
        for height in range(start, end + 1):
            key = height_key(height)
            batch.delete(Table.BODIES, key)
            batch.delete(Table.RECEIPTS, key)
            if not _keeps_certificate(blocks, height):
                batch.delete(Table.CERTIFICATES, key)
        if start == first:
            for top, note in notes.items():
                blocks.put_archive_note(batch, top, note)
        blocks.put_pruned(batch, end)
        with lock:
            blocks.store.write(batch, durable=False)
        start = end + 1
    with lock:
        blocks.store.sync()


def _keeps_certificate(blocks: BlockStore, height: int) -> bool:
    """Whether packages of other blocks need this one's certificate: it changes the set, or vouches for a checkpoint."""
    header = blocks.decoded_header(height)
    return header.next_signers != header.signers or header.checkpoint is not None
