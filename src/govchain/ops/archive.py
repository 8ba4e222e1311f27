"""Archives of a data directory: made beside a node or without one, verified anywhere, mounted, used for pruning.

Purpose: ``govchain archive create | list | verify | mount | unmount | prune``. Rules: verifying needs no directory, no
network and no engine; with a directory every block is compared with its headers, too. Nothing is mounted that was not
verified as this chain's past. Pruning locks the directory and removes only what archives hold that were verified just
before; how many blocks stay is always said by who calls.
Not here: the files (``storage.archive_files``, ``storage.archives``), a running node's own archives
(``services.archiving``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from govchain import __version__
from govchain.index.database import IndexDatabase, database_url
from govchain.index.writer import read_cursor
from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.node.settings import Settings
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.services.archiving import prune_floors
from govchain.storage import BlockReader, DataDirectory, DirectoryLayout
from govchain.storage.archive_checks import ArchiveVerdict, Progress, verify_archives
from govchain.storage.archive_files import ArchiveReader
from govchain.storage.archive_mounts import Mount, MountedArchives, load_mounts, save_mounts
from govchain.storage.archives import ArchiveFacts, list_archives, locked_archives, write_archives
from govchain.storage.pruning import Pruned, PruneLimit, prune_blocks, prune_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from govchain.model.wire import Genesis

__all__ = [
    "PruneResult",
    "create_archives",
    "mount_archives",
    "mounts_of",
    "prune_directory",
    "unmount_archives",
    "verify_archive",
]


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What pruning a directory did, how far it might have gone, and the highest block that is pruned now."""

    pruned: Pruned
    limit: PruneLimit
    height: int


def create_archives(
    path: Path,
    root: Path,
    *,
    now: int,
    last: int | None = None,
    blocks_max: int = 0,
    progress: Progress | None = None,
) -> list[ArchiveFacts]:
    """Write what no archive of ``root`` holds yet of the chain in ``path``, whoever is writing to that meanwhile.

    Args:
        path: the data directory; it is only read.
        root: the folder of archives, outside the data directory.
        now: ms since 1970.
        last: the highest block; by default the newest with a certificate.
        blocks_max: blocks of one file, at most; 0: what the container takes.
        progress: told blocks.

    Raises:
        UsageError: ``root`` lies inside the data directory, or there is nothing to archive yet.
        GovChainError: as :func:`~govchain.storage.archives.write_archives`.
    """
    if root.resolve().is_relative_to(path.resolve()):
        raise UsageError(Code.USAGE, reason="archive_to lies inside the data directory")
    with _reading(path) as (genesis, blocks):
        return write_archives(
            root,
            blocks,
            genesis,
            created=now,
            software=__version__,
            last=last,
            blocks_max=blocks_max,
            progress=progress,
        )


def verify_archive(
    places: Sequence[Path],
    anchors: TrustAnchors,
    *,
    data: Path | None = None,
    genesis: str = "",
    progress: Progress | None = None,
) -> ArchiveVerdict:
    """Verify archive files, or all files of folders, as one run of blocks.

    Args:
        places: files and folders.
        anchors: what is trusted.
        data: a data directory whose headers the blocks must have, too.
        genesis: fingerprint (hex) that they must have, where it is known.
        progress: told blocks.

    Raises:
        VerificationError: ``ARCHIVE_…``. UnavailableError: ``NOT_FOUND`` where there is no archive.
    """
    with ExitStack() as stack:
        readers = [stack.enter_context(ArchiveReader(path)) for place in places for path in _files(place)]
        if not readers:
            raise UnavailableError(Code.NOT_FOUND, reason="archive files")
        reading = nullcontext(None) if data is None else _reading(data)
        found = stack.enter_context(reading)
        if found is None:
            return verify_archives(readers, anchors, genesis=genesis, progress=progress)
        own, blocks = found
        wanted = genesis or fingerprint(own).hex()
        return verify_archives(readers, anchors, own_header=blocks.header, genesis=wanted, progress=progress)


def mount_archives(path: Path, place: Path, *, progress: Progress | None = None) -> list[Mount]:
    """Have the blocks of the archives at ``place``, a folder or a file, read again by every command and the node.

    They are verified before, against the directory's genesis and headers. A node that runs sees them at once.

    Raises:
        VerificationError: ``ARCHIVE_…``; ``ARCHIVE_FOREIGN`` also where nothing shows that they are this chain's past.
        UnavailableError: ``NOT_FOUND`` where there is no archive; ``FILE_UNWRITABLE``.
    """
    layout = DirectoryLayout(path)
    own = fingerprint(decode_genesis(layout.genesis.read_bytes())).hex()
    verdict = verify_archive([place], TrustAnchors(genesis=(own,)), data=path, genesis=own, progress=progress)
    if not verdict.trusted:
        raise VerificationError(Code.ARCHIVE_FOREIGN, path=place.name, reason="nothing vouches for it")
    added = []
    for file, digest in zip(verdict.files, verdict.digests, strict=True):
        with ArchiveReader(file) as reader:
            if reader.digest != digest:
                raise reader.altered(reader.first, "replaced meanwhile")
            added.append(Mount(digest, reader.first, reader.last, str(file.resolve())))
    kept = [mount for mount in load_mounts(layout.mounts) if mount.path not in {one.path for one in added}]
    save_mounts(layout.mounts, [*kept, *added])
    return added


def unmount_archives(path: Path, place: Path) -> list[Mount]:
    """Read the archives at ``place``, a folder or a file, no more; which ones that were.

    Raises:
        RefusedError: ``NOT_FOUND`` where none of it is mounted.
    """
    file = DirectoryLayout(path).mounts
    mounts = load_mounts(file)
    resolved = place.resolve()
    gone = [mount for mount in mounts if Path(mount.path) == resolved or resolved in Path(mount.path).parents]
    if not gone:
        raise RefusedError(Code.NOT_FOUND, reason=f"{place} among the mounted archives")
    save_mounts(file, [mount for mount in mounts if mount not in gone])
    return gone


def mounts_of(path: Path) -> tuple[Mount, ...]:
    """What is mounted at the data directory ``path``."""
    return load_mounts(DirectoryLayout(path).mounts)


def prune_directory(
    path: Path, root: Path, *, keep: int, settings: Settings, progress: Progress | None = None
) -> PruneResult:
    """Remove from the data directory at ``path``, which no process is using, what the archives of ``root`` hold.

    Args:
        path: the data directory; it is locked meanwhile.
        root: the folder of archives.
        keep: newest blocks that stay whole, at least one.
        settings: of the directory's node: where its index lies, which needs blocks that it does not have yet.
        progress: told blocks that are verified.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_LOCKED`` while a node runs: set ``retain`` there.
        GovChainError: as :func:`~govchain.storage.pruning.prune_blocks`.
    """
    with DataDirectory(path) as directory, ExitStack() as stack:
        genesis = decode_genesis(directory.genesis.read_bytes())
        store = directory.open_store()
        stack.callback(store.close)
        blocks = BlockReader(store)
        floors = prune_floors(blocks, store, genesis, directory.snapshots, keep)
        indexed = _indexed(directory, settings)
        if indexed is not None:
            floors["index"] = indexed
        limit = prune_limit(floors)
        with locked_archives(root):
            archives = [one.archive for one in list_archives(root) if one.archive is not None]
            pruned = prune_blocks(
                store,
                archives,
                limit.height,
                lock=nullcontext(),
                genesis=fingerprint(genesis).hex(),
                progress=progress,
            )
        if pruned.blocks:
            store.reclaim()
        return PruneResult(pruned, limit, blocks.pruned())


def _indexed(layout: DirectoryLayout, settings: Settings) -> int | None:
    """The newest block of the directory's index, 0 where nothing is in it yet, or None where there is no index."""
    url = settings.text("index_url")
    if not settings.flag("index") or (not url and not layout.index.exists()):
        return None
    database = IndexDatabase(database_url(url, layout.path))
    try:
        with database.reading() as connection:
            cursor = read_cursor(connection)
    finally:
        database.close()
    return 0 if cursor is None else cursor.height


def _files(place: Path) -> list[Path]:
    """The archive files at ``place``; each that is none is met when it is opened."""
    return [one.path for one in list_archives(place)] if place.is_dir() else [place]


@contextmanager
def _reading(path: Path) -> Iterator[tuple[Genesis, BlockReader]]:
    """Genesis and blocks of a data directory, with what is mounted there."""
    with DataDirectory(path, read_only=True) as directory, ExitStack() as stack:
        genesis = decode_genesis(directory.genesis.read_bytes())
        store = directory.open_reader()
        stack.callback(store.close)
        blocks = BlockReader(store)
        mounted = MountedArchives(directory.mounts, fingerprint(genesis).hex())
        stack.callback(mounted.close)
        blocks.archives = mounted
        yield genesis, blocks
