"""Backups of a data directory: a folder of plain files with a manifest that is written last.

Purpose: :func:`write_backup` copies an open store and what belongs to it while its node goes on; :func:`list_backups`
and :func:`prune_backups` keep a folder of backups. docs/spec/backup.md is the format.
Rules: a backup is built under a hidden name and renamed once everything, the manifest last, is on the disk: what a
crash or a full disk leaves is never taken for one, and is swept by the next. Bytes are copied, never linked, so that
damage to the original does not reach the copy. The store is as it was at one block. Webhooks are copied before it, so
that they are never ahead of it (a delivery may come twice, none is lost); the submitter's records after it, so that
each salt of each block is there.
Not here: checking (``storage.backup_checks``), executing the blocks again and restoring (``ops.backup``), when backups
are made (``services.backups``).

Example::

    made = write_backup(Path("/backups"), directory, store, created=now, software="0.1.0")
    verify_backup_files(made.path)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from govchain.crypto import get_suite, hasher
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError, encode_canonical
from govchain.model.wire import Genesis
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import decode_header, header_identity
from govchain.storage.backup_checks import (
    BACKUP_FORMAT,
    CHUNK_BYTES,
    MANIFEST_FILE,
    REGULAR_FILE,
    Backup,
    BackupFile,
    BackupManifest,
    file_entry,
    open_backup,
    read_bounded,
    sm3_hex,
)
from govchain.storage.blocks import BlockReader
from govchain.storage.directory import FORMAT_VERSION, DirectoryLayout, synchronise_tree
from govchain.storage.rocks import RocksReader, RocksStore

__all__ = ["FoundBackup", "check_outside", "copy_file", "list_backups", "prune_backups", "translated", "write_backup"]

_LOCK_FILE: Final = ".lock"
_BUILDING: Final = ".making"
_DROPPED: Final = ".dropped"


@dataclass(frozen=True, slots=True)
class FoundBackup:
    """A folder among backups: a backup, or the error that its manifest gave."""

    path: Path
    backup: Backup | None
    error: GovChainError | None


# Making


def write_backup(
    root: Path,
    directory: DirectoryLayout,
    store: RocksStore,
    *,
    created: int,
    software: str,
    scheduled: bool = False,
    keys: Sequence[Path] = (),
    pulse: Callable[[], None] = lambda: None,
) -> Backup:
    """Make a backup in a new folder of ``root``, which is made where it is missing.

    Args:
        root: the folder of backups.
        directory: the data directory.
        store: its store, opened for writing; writing goes on meanwhile.
        created: ms since 1970.
        software: version of the program.
        scheduled: made by the node's own clock; only such are ever pruned.
        keys: key files of the data directory that are copied too; encrypted ones only, which the caller sees to.
        pulse: called again and again; what it raises ends the work, and nothing is left behind.

    Raises:
        RefusedError: ``BACKUP_RUNNING`` when another process is making one there.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``, ``FILE_UNREADABLE``; nothing is left behind.
    """
    with _locked(root):
        building = root / _BUILDING
        try:
            with translated(root):
                _sweep(root)
                building.mkdir(mode=0o700)
            manifest = _fill(building, directory, store, created, software, scheduled, keys, pulse)
            data = encode_canonical(manifest)
            with translated(root):
                _write_durably(building / MANIFEST_FILE, data)
                synchronise_tree(building)
                place = _free_name(root, manifest)
                building.rename(place)
                synchronise_tree(root, files=False)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    return Backup(place, manifest, sm3_hex(data))


def _fill(
    building: Path,
    directory: DirectoryLayout,
    store: RocksStore,
    created: int,
    software: str,
    scheduled: bool,
    keys: Sequence[Path],
    pulse: Callable[[], None],
) -> BackupManifest:
    """Copy everything into ``building``; the manifest of what was copied."""
    inside = DirectoryLayout(building)
    files: list[BackupFile] = []
    with translated(building):
        for folder in (inside.store, inside.keys):
            folder.mkdir(mode=0o700)
        if directory.webhooks.exists():
            files.append(_copy_database(directory.webhooks, inside.webhooks))
    with translated(directory.genesis, reading=True):
        genesis = decode_genesis(read_bounded(directory.genesis))
    with store.frozen() as frozen:
        height, identity, time = _head(frozen, genesis)
        with translated(building):
            files += [
                copy_file(frozen / name, inside.store / name, "store/", pulse) for name in sorted(os.listdir(frozen))
            ]
    with translated(building):
        if directory.catalogue.exists():
            files.append(_copy_database(directory.catalogue, inside.catalogue))
        # Not the format file: a backup shall never be taken for a data directory and be written to.
        files += [
            copy_file(path, building / path.name)
            for path in (directory.genesis, directory.settings, directory.member_record)
            if path.exists()
        ]
        if directory.peers.is_dir():
            inside.peers.mkdir(mode=0o700)
            files += [
                copy_file(path, inside.peers / path.name, f"{inside.peers.name}/")
                for path in sorted(directory.peers.glob("[0-9a-f]*.json"))
            ]
        files += [copy_file(path, inside.keys / path.name, "keys/") for path in keys]
    return BackupManifest(
        format=BACKUP_FORMAT,
        chain=genesis.chain,
        genesis=fingerprint(genesis).hex(),
        height=height,
        identity=identity,
        time=time,
        created=created,
        kind="scheduled" if scheduled else "requested",
        software=software,
        data_format=FORMAT_VERSION,
        keys=bool(keys),
        files=tuple(sorted(files, key=lambda file: file.path)),
    )


def _head(store: Path, genesis: Genesis) -> tuple[int, str, int]:
    """Height, identity (hex) and time of the newest block of the store there; genesis itself without blocks."""
    reader = RocksReader(store)
    try:
        blocks = BlockReader(reader)
        height = blocks.tip()
        data = blocks.header(height) if height else None
    finally:
        reader.close()
    if data is None:
        return 0, fingerprint(genesis).hex(), 0
    return height, header_identity(get_suite(genesis.suite), data).hex(), decode_header(data).time


def _free_name(root: Path, manifest: BackupManifest) -> Path:
    moment = datetime.fromtimestamp(manifest.created / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{manifest.chain}-{manifest.height:012d}-{moment}"
    place = root / name
    number = 1
    while os.path.lexists(place):
        number += 1
        place = root / f"{name}-{number}"
    return place


def copy_file(source: Path, target: Path, folder: str = "", pulse: Callable[[], None] = lambda: None) -> BackupFile:
    """Copy a regular file into a new one of mode 0600; what was copied. The caller synchronises.

    Raises:
        UnavailableError: ``FILE_UNREADABLE`` of the source. OSError: of the target.
    """
    digest, size = hasher("sm3"), 0
    with translated(source, reading=True):
        given = os.open(source, REGULAR_FILE)
    with os.fdopen(given, "rb", buffering=0) as reading:
        taken = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(taken, "wb", buffering=0) as writing:
            while chunk := reading.read(CHUNK_BYTES):
                pulse()
                digest.update(chunk)
                size += len(chunk)
                _write_all(writing.fileno(), chunk)
    return BackupFile(folder + target.name, size, digest.digest().hex())


def _copy_database(source: Path, target: Path) -> BackupFile:
    """Copy an SQLite file that others may be writing to, as it is at one moment."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with (
            contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
            # One file, that a reader without rights to write can open.
            writing.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        code = Code.DISK_FULL if "full" in str(error) else Code.FILE_UNREADABLE
        raise UnavailableError(code, path=str(source), reason=str(error)) from None
    return file_entry(target, target.name)


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


# Keeping


def check_outside(root: Path, directory: Path) -> None:
    """Refuse a folder of backups inside the data directory, which would be lost with it.

    Raises:
        UsageError: ``USAGE``.
    """
    if root.resolve().is_relative_to(directory.resolve()):
        raise UsageError(Code.USAGE, reason="backup_dir lies inside the data directory")


def list_backups(root: Path) -> list[FoundBackup]:
    """What lies in a folder of backups, oldest first, as far as the manifests tell; empty where there is no folder."""
    try:
        names = sorted(name for name in os.listdir(root) if not name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(root), reason=error.strerror or "") from None
    found: list[FoundBackup] = []
    for name in names:
        place = root / name
        if place.is_dir() and not place.is_symlink():
            try:
                found.append(FoundBackup(place, open_backup(place), None))
            except GovChainError as error:
                found.append(FoundBackup(place, None, error))
    return sorted(found, key=lambda one: (one.backup.manifest.created if one.backup else -1, one.path.name))


def prune_backups(root: Path, genesis: str, keep: int) -> list[Path]:
    """Remove the oldest scheduled backups of the chain with that fingerprint (hex) until ``keep`` are left.

    What somebody asked for, other chains' backups and folders that are none stay.
    """
    own = [
        one.backup
        for one in list_backups(root)
        if one.backup and one.backup.manifest.genesis == genesis and one.backup.manifest.kind == "scheduled"
    ]
    gone = [backup.path for backup in own[: max(len(own) - max(keep, 1), 0)]]
    for path in gone:
        with translated(root):
            # Renamed first, so that a half-removed one is never taken for one.
            dropped = root / f"{_DROPPED}-{path.name}"
            path.rename(dropped)
            shutil.rmtree(dropped, ignore_errors=True)
    return gone


# The steps behind


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the folder of backups for one backup at a time."""
    with translated(root):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(root / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(Code.BACKUP_RUNNING) from None
        yield
    finally:
        os.close(descriptor)


def _sweep(root: Path) -> None:
    """Remove what a crash left; the caller holds the lock."""
    for entry in list(root.iterdir()):
        if entry.name == _BUILDING or entry.name.startswith(_DROPPED):
            shutil.rmtree(entry)


@contextlib.contextmanager
def translated(path: Path, *, reading: bool = False) -> Iterator[None]:
    """Turn errors of the operating system into ours; ``path`` is told where the system names none.

    Raises:
        UnavailableError: ``DISK_FULL`` where there is no room; otherwise ``FILE_UNWRITABLE``, or ``FILE_UNREADABLE``
            when ``reading``.
    """
    try:
        yield
    except OSError as error:
        code = Code.FILE_UNREADABLE if reading else Code.FILE_UNWRITABLE
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            code = Code.DISK_FULL
        raise UnavailableError(code, path=str(error.filename or path), reason=error.strerror or str(error)) from None
