"""Archives of a chain: a folder of files, each with a run of blocks, that together hold the chain from its beginning.

Purpose: :func:`write_archives` adds the blocks that no file holds yet; :func:`list_archives` tells what there is,
:func:`sweep_archives` what a crash left.
Rules: a file is built under a hidden name, made durable and renamed: what a crash or a full disk leaves is never taken
for one. A block is checked before it is written (``archive_checks``), so that a store whose past was rewritten is
refused, naming the block. One process at a time works on a folder (``flock``). Memory: as of one file.
Not here: the container (``archive_files``), pruning (``pruning``), when archives are made (``services.archiving``).

Example::

    made = write_archives(Path("/archive"), blocks, genesis, last=20_000, created=now, software="0.2.0")
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govchain.crypto import get_suite
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.wire import Genesis
from govchain.proof.genesis import fingerprint
from govchain.proof.headers import header_identity
from govchain.proof.trust import EpochWalk
from govchain.storage.archive_checks import BlockWalk, Progress
from govchain.storage.archive_files import ArchivedBlock, ArchiveManifest, ArchiveReader, ArchiveWriter, archive_name
from govchain.storage.backups import translated
from govchain.storage.blocks import BlockReader
from govchain.storage.directory import synchronise_tree

__all__ = [
    "ArchiveFacts",
    "FoundArchive",
    "archived_up_to",
    "list_archives",
    "locked_archives",
    "newest_archivable",
    "write_archives",
]

_LOCK_FILE: Final = ".lock"
_BUILDING: Final = ".making-"
_SUFFIX: Final = ".gca"
#: Blocks between two looks at whether the work shall end.
_PULSE_BLOCKS: Final = 50


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """An archive file as its manifest tells: path, manifest, digest of the manifest (hex), bytes of the file."""

    path: Path
    manifest: ArchiveManifest
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class FoundArchive:
    """A file among archives: what it is, or the error that reading its manifest gave."""

    path: Path
    archive: ArchiveFacts | None
    error: GovChainError | None


def list_archives(root: Path) -> list[FoundArchive]:
    """What lies in a folder of archives, or the one file at ``root``, by height, as far as the manifests tell.

    Raises:
        UnavailableError: ``FILE_UNREADABLE``, also where there is nothing at ``root``.
    """
    with translated(root, reading=True):
        if root.is_dir():
            names = sorted(os.listdir(root))
            paths = [root / name for name in names if name.endswith(_SUFFIX) and not name.startswith(".")]
        else:
            root.lstat()  # what is not there is no archive that is unreadable
            paths = [root]
    found: list[FoundArchive] = []
    for path in paths:
        try:
            with ArchiveReader(path) as reader:
                facts = ArchiveFacts(path, reader.manifest, reader.digest, reader.size)
            found.append(FoundArchive(path, facts, None))
        except GovChainError as error:
            found.append(FoundArchive(path, None, error))
    return sorted(found, key=_place)


def _place(one: FoundArchive) -> tuple[int, int, str]:
    archive = one.archive
    return (0, 0, one.path.name) if archive is None else (archive.manifest.first, archive.manifest.last, one.path.name)


def archived_up_to(found: list[FoundArchive], genesis: str) -> ArchiveFacts | None:
    """The file of the chain with that fingerprint (hex) that reaches highest, or None."""
    own = [one.archive for one in found if one.archive is not None and one.archive.manifest.genesis == genesis]
    return max(own, key=lambda archive: archive.manifest.last, default=None)


@contextlib.contextmanager
def locked_archives(root: Path) -> Iterator[None]:
    """Hold a folder of archives, which is made where it is missing, and remove what a crash left of unfinished files.

    Raises:
        RefusedError: ``ARCHIVE_RUNNING`` while another process holds it.
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    with translated(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(root / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(Code.ARCHIVE_RUNNING) from None
        with translated(root):
            for entry in list(root.iterdir()):
                if entry.name.startswith(_BUILDING):
                    entry.unlink()
        yield
    finally:
        os.close(descriptor)


def newest_archivable(blocks: BlockReader, last: int | None = None) -> int:
    """The highest block, up to ``last``, at which an archive may end: it has a certificate of its own; 0: none has.

    The heights above it that have none are few: members sign them, or they are fetched.
    """
    height = blocks.tip() if last is None else min(last, blocks.tip())
    while height > 0 and blocks.certificate(height) is None:
        height -= 1
    return height


def write_archives(
    root: Path,
    blocks: BlockReader,
    genesis: Genesis,
    *,
    created: int,
    software: str,
    last: int | None = None,
    blocks_max: int = 0,
    progress: Progress | None = None,
    pulse: Callable[[], None] = lambda: None,
) -> list[ArchiveFacts]:
    """Write the blocks after the newest file's into new files of ``root``, up to ``last``; none where nothing is new.

    Args:
        root: the folder, which is made where it is missing.
        blocks: the chain's blocks, as of one moment or growing.
        genesis: of the chain.
        created: ms since 1970.
        software: version of the program.
        last: the highest block; by default the newest that has a certificate, to which it is lowered in any case.
        blocks_max: blocks of one file, at most; 0: what the container takes.
        progress: told blocks.
        pulse: called again and again; what it raises ends the work: finished files stay, the unfinished one goes.

    Returns:
        The new files.

    Raises:
        RefusedError: ``ARCHIVE_RUNNING``; ``BLOCK_ARCHIVED`` for a block that was pruned before any file here held it.
        VerificationError: ``ARCHIVE_ALTERED`` where the newest file ends with another block than this store has;
            ``ARCHIVE_INVALID`` and others of a file that is there.
        UnavailableError: ``STORE_CORRUPT`` for a block of the store that does not continue the one before, or is not
            what its header and certificate say; ``DISK_FULL``, ``FILE_UNWRITABLE``.
        UsageError: there is no certified block up to ``last``.
    """
    with locked_archives(root):
        found = list_archives(root)
        for one in found:
            if one.error is not None:
                raise one.error  # a gap or a second file of the same blocks would follow
        own = archived_up_to(found, fingerprint(genesis).hex())
        end = newest_archivable(blocks, last)
        if not end:
            raise UsageError(Code.USAGE, reason="no block has a certificate yet")
        work = _Work(root, blocks, genesis, created, software, blocks_max, progress, pulse)
        return work.run(own, end)


class _Work:
    """Writing several files in a row."""

    def __init__(
        self,
        root: Path,
        blocks: BlockReader,
        genesis: Genesis,
        created: int,
        software: str,
        blocks_max: int,
        progress: Progress | None,
        pulse: Callable[[], None],
    ) -> None:
        self._root = root
        self._blocks = blocks
        self._genesis = genesis
        self._suite = get_suite(genesis.suite)
        self._created = created
        self._software = software
        self._blocks_max = blocks_max
        self._progress = progress
        self._pulse = pulse
        self._done = self._total = 0

    def run(self, newest: ArchiveFacts | None, end: int) -> list[ArchiveFacts]:
        walk = self._begin(newest)
        self._total = max(0, end - walk.height)
        made: list[ArchiveFacts] = []
        while walk.height < end:
            made.append(self._write_one(walk, end))
        return made

    def _begin(self, newest: ArchiveFacts | None) -> BlockWalk:
        """A walk that stands behind the newest file's last block, which must be this store's block, or at genesis."""
        genesis, chain = self._genesis, self._genesis.chain
        if newest is not None:
            height = newest.manifest.last
            header = self._blocks.header(height)
            if header is None or header_identity(self._suite, header).hex() != newest.manifest.identity:
                reason = "not the block of this node"
                raise _altered(newest.path.name, height, reason)
            decoded = self._blocks.decoded_header(height)
            identity = bytes.fromhex(newest.manifest.identity)
            return BlockWalk(self._suite, chain, height, identity, EpochWalk.after(decoded), decoded.time)
        first = self._blocks.oldest()
        if first <= 1:
            walk = EpochWalk.from_genesis(self._suite, genesis)
            return BlockWalk(self._suite, chain, 0, fingerprint(genesis), walk, genesis.created)
        before = self._blocks.header(first - 1)
        if before is None:
            # A node that began from a snapshot has no header before its first block, which names the one before.
            previous = bytes.fromhex(self._blocks.decoded_header(first).previous)
            return BlockWalk(self._suite, chain, first - 1, previous, None)
        decoded = self._blocks.decoded_header(first - 1)
        identity = header_identity(self._suite, before)
        return BlockWalk(self._suite, chain, first - 1, identity, EpochWalk.after(decoded), decoded.time)

    def _write_one(self, walk: BlockWalk, end: int) -> ArchiveFacts:
        building = self._root / f"{_BUILDING}{os.getpid()}"
        first = walk.height + 1
        with translated(self._root):
            writer = ArchiveWriter(
                building,
                self._genesis,
                first=first,
                previous=walk.identity,
                created=self._created,
                software=self._software,
            )
        try:
            with contextlib.closing(writer):
                self._fill(writer, walk, end)
                place = self._root / archive_name(first, walk.height)
                with translated(self._root):
                    writer.finish()
            with translated(self._root):
                building.rename(place)
                synchronise_tree(self._root, files=False)
        except BaseException:
            building.unlink(missing_ok=True)
            raise
        with ArchiveReader(place) as reader:
            return ArchiveFacts(place, reader.manifest, reader.digest, reader.size)

    def _fill(self, writer: ArchiveWriter, walk: BlockWalk, end: int) -> None:
        """Blocks until the file is full; it ends at a block with a certificate, so that it proves itself."""
        while walk.height < end:
            block = self._block(walk.height + 1)
            try:
                header, ids = walk.step(block)
            except VerificationError as error:
                place, reason = f"blocks/{walk.height + 1}", str(error.params.get("reason", ""))
                raise UnavailableError(Code.STORE_CORRUPT, path=place, reason=reason) from None
            with translated(self._root):
                writer.add(block, identity=walk.identity, time=header.time, ids=ids)
            self._tell()
            enough = writer.full or (self._blocks_max and writer.blocks >= self._blocks_max)
            if enough and walk.certified:
                return

    def _block(self, height: int) -> ArchivedBlock:
        blocks = self._blocks
        header = blocks.header(height)
        if header is None:
            raise UnavailableError(Code.STORE_CORRUPT, path=f"headers/{height}", reason="missing")
        certificate = blocks.certificate(height)
        return ArchivedBlock(header, blocks.envelopes(height), blocks.receipts(height), certificate or b"")

    def _tell(self) -> None:
        self._done += 1
        if self._done % _PULSE_BLOCKS and self._done != self._total:
            return
        self._pulse()
        if self._progress is not None:
            self._progress(self._done, self._total)


def _altered(path: str, height: int, reason: str) -> VerificationError:
    return VerificationError(Code.ARCHIVE_ALTERED, path=path, height=height, reason=reason)
