"""Backups: of a directory that no node is using, their proof by executing every block again, and restoring.

Purpose: ``govchain backup create | verify | restore``. Rules: a backup is believed only as far as its blocks carry it:
each block is executed again and must give the very header that is stored, and each certificate must make its header
final, so that what is restored is the chain of the genesis file, whoever wrote the folder. Restoring makes a directory
whole or not at all, and only where nothing is. Key files are copied only when asked for, and only encrypted ones; a
passphrase never is.
Not here: the folder and its manifest (``storage.backups``), backups of a running node (``services.backups``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govchain import __version__
from govchain.ledger import ChainState, Machine, decode_chain_state
from govchain.model import Code, UsageError, VerificationError
from govchain.node.opening import load_machine
from govchain.ops.ledger_checks import REPLAY_MEMORY_BYTES_MAX, scratch_store
from govchain.ops.replay import Difference, Progress, compare_chain_states, replay_blocks
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis
from govchain.proof.headers import decode_header, header_identity
from govchain.state import Store
from govchain.storage import BlockReader, BlockStore, DataDirectory, DirectoryLayout, RocksReader, RocksStore
from govchain.storage.archive_mounts import MountedArchives, mounts_at
from govchain.storage.backup_checks import Backup, verify_backup_files
from govchain.storage.backups import check_outside, copy_file, translated, write_backup
from govchain.storage.directory import create_directory
from govchain.texts import sentence

__all__ = ["Restored", "create_backup", "encrypted_keys", "restore_backup", "verify_backup"]

#: How an encrypted key file begins (RFC 7468, RFC 5958).
_ENCRYPTED: Final = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Restored:
    """A directory that was restored: its newest block, and whether the node's key file came with the backup."""

    path: Path
    backup: Backup
    height: int
    identity: str
    keys: bool


def create_backup(path: Path, root: Path, *, now: int, with_keys: bool = False) -> Backup:
    """Back up the data directory at ``path``, which no process is using, into a new folder of ``root``.

    Args:
        path: the data directory; it is locked meanwhile.
        root: the folder of backups, outside the data directory.
        now: ms since 1970.
        with_keys: copy encrypted key files, too.

    Raises:
        UsageError: ``root`` lies inside the data directory.
        UnavailableError: ``DATA_DIRECTORY_LOCKED`` while a node runs: ask the node; ``DISK_FULL`` and others.
    """
    check_outside(root, path)
    with DataDirectory(path) as directory:
        store = directory.open_store()
        try:
            keys = encrypted_keys(directory) if with_keys else []
            return write_backup(root, directory, store, created=now, software=__version__, keys=keys)
        finally:
            store.close()


def encrypted_keys(directory: DirectoryLayout) -> list[Path]:
    """The encrypted key files of a data directory, by name; with the TLS key its certificate."""
    found = []
    for path in sorted(directory.keys.glob("*.pem")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(_ENCRYPTED)) == _ENCRYPTED:
                    found.append(path)
    if directory.tls_key in found and directory.tls_certificate.is_file():
        found.append(directory.tls_certificate)  # public, and worth nothing without its key
    return found


def verify_backup(
    path: Path,
    *,
    genesis: str = "",
    replay: bool = True,
    archives: Sequence[Path] = (),
    progress: Progress | None = None,
    replay_memory_bytes_max: int = REPLAY_MEMORY_BYTES_MAX,
) -> Backup:
    """Raise unless the backup at ``path`` can be restored; changes nothing.

    Args:
        path: the backup.
        genesis: fingerprint (hex) that its genesis file must have, where it is known.
        replay: execute every block again; without it only bytes are compared with the manifest.
        archives: folders or files with the blocks that were pruned before the backup was made.
        progress: called with (done, total) blocks.
        replay_memory_bytes_max: stores up to this size are replayed in memory, larger ones in a temporary folder.

    Raises:
        VerificationError: ``BACKUP_…``, ``CERTIFICATE_INVALID``.
        UnavailableError: it cannot be read, ``STORE_CORRUPT``, ``MODULE_MISSING``.
    """
    backup = verify_backup_files(path, genesis)
    if replay:
        size = sum(file.size for file in backup.manifest.files if file.path.startswith("store/"))
        with scratch_store(in_memory=size <= replay_memory_bytes_max) as target:
            _rebuild(_machine(backup), backup, backup.manifest.height, target, archives, progress)
    return backup


def restore_backup(
    path: Path,
    target: Path,
    *,
    height: int | None = None,
    genesis: str = "",
    archives: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Restored:
    """Make a data directory at ``target`` from the backup at ``path``; all of it or nothing.

    Args:
        path: the backup.
        target: where: absent, or an empty folder.
        height: restore up to this block, as the chain was then; by default the newest. Webhooks, which may have come
            further, stay away below it.
        genesis: fingerprint (hex) that the genesis file must have, where it is known.
        archives: as for :func:`verify_backup`; the restored directory is whole.
        progress: called with (done, total) blocks.

    Raises:
        RefusedError: ``DATA_DIRECTORY_EXISTS``. UsageError: a height that is not in it.
        VerificationError, UnavailableError: as :func:`verify_backup`.
    """
    backup = verify_backup_files(path, genesis)
    manifest = backup.manifest
    wanted = manifest.height if height is None else height
    if not 0 <= wanted <= manifest.height:
        raise UsageError(Code.USAGE, reason=f"height {wanted} is not within 0 to {manifest.height}")
    machine = _machine(backup)
    with create_directory(target) as building:
        layout = DirectoryLayout(building)
        store = RocksStore(layout.store, checkpoints=layout.checkpoints)
        try:
            reached = _rebuild(machine, backup, wanted, store, archives, progress)
        finally:
            store.close()
        layout.keys.mkdir(mode=0o700)
        if any(file.path.startswith(f"{layout.peers.name}/") for file in manifest.files):
            layout.peers.mkdir(mode=0o700)
        _copy_beside(backup, layout, webhooks=wanted == manifest.height)
        keys = layout.node_key.exists()
    return Restored(target, backup, reached.height, reached.identity.hex(), keys)


def _copy_beside(backup: Backup, layout: DirectoryLayout, *, webhooks: bool) -> None:
    """Copy everything that is not the store, each file again against the manifest."""
    for file in backup.manifest.files:
        if file.path.startswith(f"{layout.store.name}/") or (file.path == layout.webhooks.name and not webhooks):
            continue
        folder = file.path[: file.path.rfind("/") + 1]
        with translated(layout.path):
            copied = copy_file(backup.path / file.path, layout.path / file.path, folder)
        if copied != file:
            raise VerificationError(Code.BACKUP_ALTERED, path=file.path)


def _machine(backup: Backup) -> Machine:
    return load_machine(decode_genesis(backup.layout.genesis.read_bytes()))


def _rebuild(
    machine: Machine, backup: Backup, height: int, target: Store, archives: Sequence[Path], progress: Progress | None
) -> ChainState:
    """Execute the backup's blocks up to ``height`` into ``target``, and take their certificates over.

    1. The store's moving facts name the head that the manifest names, of this genesis.
    2. Each block gives the header and the receipts that are stored.
    3. At the newest block the moving facts are the stored ones.
    4. Each certificate makes its header final; only the newest block may have none yet, or those after the newest
       certificate where other members' signatures had not come.
    """
    reader = RocksReader(backup.layout.store)
    mounted = MountedArchives(None, machine.fingerprint.hex(), mounts_at(archives))
    try:
        blocks = BlockReader(reader)
        blocks.archives = mounted
        # 1.
        stored = blocks.chain_state()
        chain = None if stored is None else decode_chain_state(stored)
        if chain is None or (chain.height, chain.identity.hex()) != (backup.manifest.height, backup.manifest.identity):
            raise _differs("meta", "head")
        first = blocks.header(1)
        if first is not None and decode_header(first).previous != machine.fingerprint.hex():
            raise VerificationError(Code.BACKUP_FOREIGN, path="headers/1")
        # 2.
        difference, reached = replay_blocks(machine, blocks, height, target, progress)
        # 3.
        if difference is None and height == chain.height:
            difference = compare_chain_states(chain, reached)
        if difference is not None:
            raise _found(difference)
        # 4.
        _take_certificates(machine, blocks, height, chain.height, BlockStore(target))
        target.sync()
    finally:
        mounted.close()
        reader.close()
    return reached


def _take_certificates(machine: Machine, blocks: BlockReader, height: int, newest: int, target: BlockStore) -> None:
    # A node writes it behind its block, and signs what is missing when it starts; among others it waits for theirs.
    behind = newest if machine.genesis.rule == "solo" else blocks.newest_certificate() + 1
    for number in range(1, height + 1):
        data = blocks.certificate(number)
        if data is None:
            if number >= behind or number <= blocks.pruned():
                continue
            raise _differs(f"certificates/{number}", "missing")
        header = target.header(number) or b""
        identity = header_identity(machine.suite, header)
        verify_certificate(machine.suite, decode_header(header), identity, decode_certificate(data))
        target.write_certificate(number, data)


def _found(difference: Difference) -> VerificationError:
    place = difference.part if difference.height is None else f"{difference.part}/{difference.height}"
    return _differs(place, difference.reason, **difference.facts)


def _differs(place: str, reason: str, **facts: object) -> VerificationError:
    return VerificationError(Code.BACKUP_DIFFERS, path=place, reason=sentence(f"doctor.reason.{reason}", "en", **facts))
