"""Archives that are mounted beside a data directory: blocks that were pruned are read from them again.

Purpose: ``mounts.json`` in the data directory names archive files with the digests that they had when they were
verified; :class:`MountedArchives` reads blocks from them (docs/spec/archive.md 7).
Rules: a file with another digest is not believed; each block that is read has its chunk's digest, so that what is
served is what was verified. A node that runs sees a change of ``mounts.json`` at its next read of a pruned block. A
file that is away is as if it were not mounted.
Not here: verifying before mounting (``ops.archive``), what falls back to archives (``blocks``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from govchain.model import Code, DecodingError, GovChainError, VerificationError, decode_strict, encode_canonical
from govchain.storage.archive_files import ArchivedBlock, ArchiveReader
from govchain.storage.archives import list_archives
from govchain.storage.backups import translated

__all__ = ["MOUNTS_FORMAT", "Mount", "MountedArchives", "decode_mounts", "load_mounts", "mounts_at", "save_mounts"]

#: Format of the file that names mounted archives.
MOUNTS_FORMAT: Final = "govchain-mounts/1"
_MOUNTS_BYTES_MAX: Final = 16 * 1024 * 1024
#: Archive files that are open at a time, at most.
_OPEN_MAX: Final = 16


class Mount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: digest of its manifest (hex), its lowest and highest block, its absolute path."""

    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    first: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    last: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class _Mounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    mounts: tuple[Mount, ...]


def decode_mounts(data: bytes) -> tuple[Mount, ...]:
    """Read the file that names mounted archives.

    Raises:
        VerificationError: ``ARCHIVE_INVALID``.
    """
    try:
        mounts = decode_strict(data, _Mounts, canonical=True, size_max=_MOUNTS_BYTES_MAX)
    except DecodingError as error:
        raise VerificationError(Code.ARCHIVE_INVALID, path="mounts.json", reason=error.code.name) from None
    if mounts.format != MOUNTS_FORMAT:
        raise VerificationError(Code.ARCHIVE_INVALID, path="mounts.json", reason="format")
    return mounts.mounts


def load_mounts(file: Path) -> tuple[Mount, ...]:
    """What ``file`` names; nothing where it is not there.

    Raises:
        VerificationError: ``ARCHIVE_INVALID``. UnavailableError: ``FILE_UNREADABLE``.
    """
    with translated(file, reading=True):
        try:
            with file.open("rb") as opened:
                data = opened.read(_MOUNTS_BYTES_MAX + 1)
        except FileNotFoundError:
            return ()
    return decode_mounts(data)


def mounts_at(places: Sequence[Path]) -> list[Mount]:
    """Archive files, and those in folders, as if they were mounted; files that are none are left out."""
    found = [one.archive for place in places for one in list_archives(place) if one.archive is not None]
    return [
        Mount(facts.digest, facts.manifest.first, facts.manifest.last, str(facts.path.resolve())) for facts in found
    ]


def save_mounts(file: Path, mounts: Sequence[Mount]) -> None:
    """Write ``file`` anew: beside and renamed, so that a reader sees the old one or the new one.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``, ``DISK_FULL``.
    """
    ordered = tuple(sorted(mounts, key=lambda mount: (mount.first, mount.last, mount.path)))
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with translated(file):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(encode_canonical(_Mounts(MOUNTS_FORMAT, ordered)))
                opened.flush()
                os.fsync(opened.fileno())
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


class MountedArchives:
    """Reads blocks from the archives that a file names, or from a given list; any thread may read.

    Args:
        file: ``mounts.json`` of the data directory; looked at again whenever it changed.
        genesis: fingerprint of the chain (hex): files of others are left aside.
        mounts: instead of what the file names.
    """

    def __init__(self, file: Path | None, genesis: str, mounts: Sequence[Mount] = ()) -> None:
        self._file = file
        self._genesis = genesis
        self._mounts = tuple(mounts)
        self._lock = threading.RLock()
        self._seen: tuple[int, ...] | None = None
        self._open: dict[str, ArchiveReader] = {}

    def envelopes(self, height: int) -> tuple[bytes, ...] | None:
        """The block's envelopes, or None where no mounted file holds it.

        Raises:
            VerificationError: ``ARCHIVE_ALTERED`` where the file's bytes differ from what was verified.
        """
        block = self._block(height)
        return None if block is None else block.envelopes

    def receipts(self, height: int) -> tuple[bytes, ...] | None:
        """The block's receipts, or None; raises as :meth:`envelopes`."""
        block = self._block(height)
        return None if block is None else block.receipts

    def certificate(self, height: int) -> bytes | None:
        """The block's certificate, or None; raises as :meth:`envelopes`."""
        block = self._block(height)
        return None if block is None else block.certificate or None

    def location(self, transaction: bytes) -> tuple[int, int] | None:
        """Height and index of a transaction in any of the files, the newest first, or None."""
        with self._lock:
            for mount in reversed(self._current()):
                reader = self._reader(mount)
                place = None if reader is None else reader.location(transaction)
                if place is not None:
                    return place
        return None

    def lowest(self, above: int) -> int:
        """The lowest height from which every block below ``above`` is in these files."""
        with self._lock:
            for mount in reversed(self._current()):
                if mount.first < above <= mount.last + 1 and self._reader(mount) is not None:
                    above = mount.first
        return above

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            for reader in self._open.values():
                reader.close()
            self._open.clear()

    def _block(self, height: int) -> ArchivedBlock | None:
        with self._lock:
            for mount in self._current():
                if mount.first <= height <= mount.last:
                    reader = self._reader(mount)
                    if reader is not None:
                        return reader.block(height)
        return None

    def _current(self) -> tuple[Mount, ...]:
        """The mounts by height; read again where the file changed."""
        if self._file is None:
            return self._mounts
        try:
            status = os.stat(self._file)
            seen: tuple[int, ...] | None = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            seen = None
        if seen != self._seen:
            self.close()
            self._mounts = ()
            self._seen = seen
            with suppress(GovChainError):  # a list that is none mounts nothing; the doctor says so
                self._mounts = load_mounts(self._file)
        return self._mounts

    def _reader(self, mount: Mount) -> ArchiveReader | None:
        """The opened file, or None where it is away or is not the one that was mounted."""
        reader = self._open.pop(mount.path, None)
        if reader is None:
            with suppress(GovChainError):
                reader = ArchiveReader(Path(mount.path))
            if reader is None:
                return None
            if reader.digest != mount.digest or reader.manifest.genesis != self._genesis:
                reader.close()
                return None
        self._open[mount.path] = reader
        while len(self._open) > _OPEN_MAX:
            self._open.pop(next(iter(self._open))).close()
        return reader
