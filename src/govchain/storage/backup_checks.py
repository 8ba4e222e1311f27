"""What a backup is, and whether it is whole: the manifest, and every byte against it.

Purpose: :func:`open_backup` reads the manifest, :func:`verify_backup_files` compares everything with it
(docs/spec/backup.md). Rules: nothing in a backup is followed: no link, no path but plain names in known folders;
sizes and counts are bounded.
Not here: making and keeping backups (``storage.backups``), executing the blocks (``ops.backup``).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from govchain.crypto import hasher
from govchain.model import Code, DecodingError, UnavailableError, VerificationError, decode_strict
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.storage.directory import FORMAT_VERSION, DirectoryLayout

__all__ = [
    "BACKUP_FORMAT",
    "CHUNK_BYTES",
    "MANIFEST_FILE",
    "REGULAR_FILE",
    "Backup",
    "BackupFile",
    "BackupManifest",
    "decode_backup_manifest",
    "file_entry",
    "open_backup",
    "read_bounded",
    "sm3_hex",
    "verify_backup_files",
]

#: Format of the backups that this program writes.
BACKUP_FORMAT: Final = "govchain-backup/1"
#: The file that makes a folder a backup; written last.
MANIFEST_FILE: Final = "manifest.json"

_FORMAT_NAME: Final = "govchain-backup"
_FORMAT_NUMBER: Final = 1
#: Bytes of a manifest, at most: some hundred thousand files.
_MANIFEST_BYTES_MAX: Final = 64 * 1024 * 1024
#: Bytes that are read at a time.
CHUNK_BYTES: Final = 1024 * 1024
_INSIDE: Final = DirectoryLayout(Path())
#: The single files that a backup may hold: never the lock, the format file, an index or a log.
_FILES: Final = frozenset(
    path.name
    for path in (_INSIDE.genesis, _INSIDE.settings, _INSIDE.catalogue, _INSIDE.webhooks, _INSIDE.member_record)
)
_PLAIN_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
#: What it may hold in folders: plain names of the store, key files, other members' files; never a passphrase, and
#: nothing of an external engine: an old record of its votes must never be put back.
_IN_FOLDERS: Final = re.compile(
    rf"{_INSIDE.store.name}/{_PLAIN_NAME}|{_INSIDE.keys.name}/(?=.{{1,128}}\Z){_PLAIN_NAME}\.pem"
    rf"|{_INSIDE.keys.name}/{_INSIDE.tls_certificate.name}|{_INSIDE.peers.name}/(?=.{{1,128}}\Z){_PLAIN_NAME}\.json"
)
#: How a file of a backup is opened: no link is followed, no pipe waited for.
REGULAR_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class BackupFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a backup: its path with ``/``, its size in bytes and its SM3 (hex)."""

    path: Annotated[str, msgspec.Meta(max_length=256)]
    size: _Count
    sm3: _Hex32


class BackupManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is of.

    Attributes:
        format: ``govchain-backup/1``.
        chain: the chain's id.
        genesis: fingerprint of its genesis (hex).
        height: the newest block in it; 0 before the first.
        identity: that block's identity (hex); the fingerprint of genesis at height 0.
        time: that block's time in ms; 0 at height 0.
        created: when the backup was made, ms since 1970.
        kind: ``scheduled`` by the node's own clock, ``requested`` by somebody.
        software: version of the program that made it.
        data_format: version of the data directory's format.
        keys: whether it holds key files.
        files: every file but the manifest, by path.
    """

    format: str
    chain: Annotated[str, msgspec.Meta(min_length=3, max_length=32)]
    genesis: _Hex32
    height: _Count
    identity: _Hex32
    time: _Count
    created: _Count
    kind: Literal["scheduled", "requested"]
    software: Annotated[str, msgspec.Meta(max_length=64)]
    data_format: _Count
    keys: bool
    files: tuple[BackupFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class _FormatOnly(msgspec.Struct, frozen=True):
    format: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup whose manifest was read: where it is, what it says, and the SM3 of the manifest's bytes (hex)."""

    path: Path
    manifest: BackupManifest
    digest: str

    @property
    def layout(self) -> DirectoryLayout:
        """The names inside it: those of a data directory."""
        return DirectoryLayout(self.path)


def decode_backup_manifest(data: bytes) -> BackupManifest:
    """Read a manifest.

    Raises:
        VerificationError: ``BACKUP_NEWER`` for a later format, ``BACKUP_MANIFEST`` for anything else that is none.
    """
    try:
        named = decode_strict(data, _FormatOnly, size_max=_MANIFEST_BYTES_MAX).format
        name, _, number = named.partition("/")
        if name == _FORMAT_NAME and number.isascii() and number.isdigit() and int(number[:9]) > _FORMAT_NUMBER:
            raise VerificationError(Code.BACKUP_NEWER, version=named[:40])
        if named != BACKUP_FORMAT:
            raise VerificationError(Code.BACKUP_MANIFEST, reason="format")
        manifest = decode_strict(data, BackupManifest, canonical=True, size_max=_MANIFEST_BYTES_MAX)
    except DecodingError as error:
        raise VerificationError(Code.BACKUP_MANIFEST, reason=error.code.name) from None
    if manifest.data_format > FORMAT_VERSION:
        raise VerificationError(Code.BACKUP_NEWER, version=f"govchain-data/{manifest.data_format}")
    paths = [file.path for file in manifest.files]
    for path in paths:
        if path not in _FILES and not _IN_FOLDERS.fullmatch(path):
            raise VerificationError(Code.BACKUP_MANIFEST, reason="path", path=path[:80])
    if paths != sorted(set(paths)) or _INSIDE.genesis.name not in paths:
        raise VerificationError(Code.BACKUP_MANIFEST, reason="files")
    return manifest


def open_backup(path: Path) -> Backup:
    """The backup at ``path`` with its manifest read; its files are not looked at.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING``, ``FILE_UNREADABLE``.
        VerificationError: ``BACKUP_LINK``, ``BACKUP_INCOMPLETE`` without a manifest, or as the manifest's decoder.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path)) from None
    if not stat.S_ISDIR(mode):
        raise VerificationError(Code.BACKUP_LINK, path=str(path))
    place = path / MANIFEST_FILE
    try:
        if not stat.S_ISREG(os.lstat(place).st_mode):
            raise VerificationError(Code.BACKUP_LINK, path=MANIFEST_FILE)
        data = read_bounded(place)
    except FileNotFoundError:
        raise VerificationError(Code.BACKUP_INCOMPLETE, path=MANIFEST_FILE, reason="missing") from None
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(place), reason=error.strerror or "") from None
    return Backup(path, decode_backup_manifest(data), sm3_hex(data))


def verify_backup_files(path: Path, genesis: str = "") -> Backup:
    """Raise unless the backup at ``path`` is whole and every byte is what its manifest says.

    1. The manifest is one, of a format that is known, with plain names only.
    2. The folder holds regular files, those of the manifest and no others.
    3. Each has the size and the SM3 that the manifest gives.
    4. The genesis file is the one whose fingerprint the manifest gives, and ``genesis`` (hex) where that is given.

    The caller still owes: that the blocks in it are sound and the manifest's head theirs (``ops.backup``); whoever can
    write the folder can write a manifest, too.

    Raises:
        VerificationError: ``BACKUP_…``. UnavailableError: it cannot be read.
    """
    # 1.
    backup = open_backup(path)
    manifest = backup.manifest
    # 2.
    there = _regular_files(path)
    wanted = {file.path for file in manifest.files}
    for name in sorted(wanted - there):
        raise VerificationError(Code.BACKUP_INCOMPLETE, path=name, reason="missing")
    for name in sorted(there - wanted - {MANIFEST_FILE}):
        raise VerificationError(Code.BACKUP_ALTERED, path=name, reason="not in the manifest")
    # 3.
    for file in manifest.files:
        _verify_file(path / file.path, file)
    # 4.
    given = decode_genesis(read_bounded(backup.layout.genesis))
    own = fingerprint(given).hex()
    if own != manifest.genesis or given.chain != manifest.chain:
        raise VerificationError(Code.BACKUP_FOREIGN, path=_INSIDE.genesis.name, reason=own)
    if genesis and own != genesis.lower():
        raise VerificationError(Code.BACKUP_FOREIGN, path=_INSIDE.genesis.name, reason=own)
    return backup


def _verify_file(place: Path, file: BackupFile) -> None:
    try:
        size = os.lstat(place).st_size
        if size < file.size:
            raise VerificationError(Code.BACKUP_INCOMPLETE, path=file.path, reason="shorter")
        found = None if size > file.size else file_entry(place, file.path)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(place), reason=error.strerror or "") from None
    if found != file:
        raise VerificationError(Code.BACKUP_ALTERED, path=file.path)


def _regular_files(root: Path) -> set[str]:
    """Every file below ``root``, by path.

    Raises:
        VerificationError: ``BACKUP_LINK`` at the first entry that is neither a regular file nor a folder.
    """
    found: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=_unreadable):
        for name in (*folders, *names):
            place = Path(folder) / name
            mode = os.lstat(place).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise VerificationError(Code.BACKUP_LINK, path=str(place.relative_to(root)))
        found |= {str((Path(folder) / name).relative_to(root)) for name in names}
    return found


def _unreadable(error: OSError) -> None:
    raise UnavailableError(Code.FILE_UNREADABLE, path=str(error.filename), reason=error.strerror or "") from None


def file_entry(path: Path, name: str) -> BackupFile:
    """Size and SM3 of a regular file.

    Raises:
        OSError: it cannot be opened; ``ELOOP`` for a link.
    """
    digest, size = hasher("sm3"), 0
    with os.fdopen(os.open(path, REGULAR_FILE), "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return BackupFile(name, size, digest.digest().hex())


def read_bounded(path: Path) -> bytes:
    """The bytes of a regular file, no more than a manifest may have and one further."""
    with os.fdopen(os.open(path, REGULAR_FILE), "rb") as file:
        return file.read(_MANIFEST_BYTES_MAX + 1)


def sm3_hex(data: bytes) -> str:
    """SM3 in hex."""
    digest = hasher("sm3")
    digest.update(data)
    return digest.digest().hex()
