"""Read a file once, in pieces, into both digests; notice when it changes meanwhile.

Purpose: the only place that opens a user's files. Rules: never follow a link below what the user named, never wait for
a pipe or touch a device (``lstat`` comes before ``open``, ``fstat`` after it); memory stays at one chunk whatever the
size; a file whose size, times, place or length read differ before and after is refused with ``FILE_CHANGED``.
Not here: which files (:mod:`govchain.sdk.folders`), what becomes of the digests (:mod:`govchain.sdk.capture`).

A change within the same tick of the file system's clock as the first look would leave no trace, so that a file that was
touched less than :data:`TICK_NS` ago is first left alone for that long.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from govchain.crypto import hasher
from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.sdk.folders import PlannedFile, file_kind, printable_path, reason_of

__all__ = ["CHUNK_BYTES", "TICK_NS", "FileFacts", "check_unchanged", "probe_file", "read_file"]

#: Bytes that are read, and kept, at a time.
CHUNK_BYTES = 1024 * 1024
#: The coarsest tick of file times on the usual Linux file systems, with room to spare.
TICK_NS = 20_000_000

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_OPEN_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW

#: What must stay the same: device, inode, size, change of content, change of anything.
_Mark = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What reading a file gave: both digests (32 bytes each), its size, and the mark by which a change is noticed."""

    sm3: bytes
    sha256: bytes
    size: int
    mark: _Mark


def read_file(planned: PlannedFile, *, progress: Callable[[int], None] | None = None) -> FileFacts:
    """Digest a file in one pass; ``progress`` hears how many bytes were read each time.

    Raises:
        RefusedError: ``FILE_UNREADABLE``, ``FILE_KIND`` or ``FILE_CHANGED``, each with the path and the reason.
    """
    where = printable_path(planned.path)
    try:
        with _opened(planned, where) as (descriptor, folder, name):
            before = _settled(descriptor)
            sm3, sha256, size = hasher("sm3"), hasher("sha256"), 0
            while chunk := os.read(descriptor, CHUNK_BYTES):
                sm3.update(chunk)
                sha256.update(chunk)
                size += len(chunk)
                if progress is not None:
                    progress(len(chunk))
            after = _mark(os.fstat(descriptor))
            named = _mark(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except OSError as error:
        raise _unreadable(where, error) from None
    if size != before[2] or before != after or before != named:
        raise RefusedError(Code.FILE_CHANGED, path=where, reason=_difference(before, after, named, size))
    return FileFacts(sm3.digest(), sha256.digest(), size, before)


def probe_file(planned: PlannedFile) -> None:
    """Raise what :func:`read_file` would raise on opening the file; reads nothing."""
    where = printable_path(planned.path)
    try:
        with _opened(planned, where):
            pass
    except OSError as error:
        raise _unreadable(where, error) from None


def check_unchanged(planned: PlannedFile, facts: FileFacts) -> None:
    """A second look, just before the digests are used: the file must still bear the mark it had when it was read.

    Raises:
        RefusedError: ``FILE_CHANGED``, or ``FILE_UNREADABLE`` when it is gone.
    """
    where = printable_path(planned.path)
    try:
        now = _mark(os.lstat(planned.path))
    except OSError as error:
        raise _unreadable(where, error) from None
    if now != facts.mark:
        raise RefusedError(Code.FILE_CHANGED, path=where, reason=_difference(facts.mark, now, now, now[2]))


@contextmanager
def _opened(planned: PlannedFile, where: str) -> Iterator[tuple[int, int | None, str]]:
    """The file's descriptor, its folder's (None: the path is from where we are) and its name in that folder."""
    folder: int | None = None
    name, below = planned.base, planned.below
    try:
        for step in below:
            inner = os.open(name, _OPEN_FOLDER, dir_fd=folder)
            _close(folder)
            folder, name = inner, step
        kind = file_kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        if kind:
            raise RefusedError(Code.FILE_KIND, path=where, reason=kind)
        descriptor = os.open(name, _OPEN, dir_fd=folder)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise RefusedError(Code.FILE_KIND, path=where, reason=file_kind(mode) or "folder")
            yield descriptor, folder, name
        finally:
            os.close(descriptor)
    finally:
        _close(folder)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _settled(descriptor: int) -> _Mark:
    status = os.fstat(descriptor)
    age = time.time_ns() - status.st_ctime_ns
    if 0 <= age < TICK_NS:
        time.sleep((TICK_NS - age) / 1e9)
        status = os.fstat(descriptor)
    return _mark(status)


def _mark(status: os.stat_result) -> _Mark:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _difference(before: _Mark, after: _Mark, named: _Mark, size: int) -> str:
    if named[:2] != before[:2]:
        return "replaced by another file"
    if size != before[2] or after[2] != before[2]:
        return f"size {before[2]} before, {after[2]} after, {size} read"
    return "written while it was read"


def _unreadable(where: str, error: OSError) -> GovChainError:
    if error.errno in (errno.ELOOP, errno.ENXIO):
        return RefusedError(Code.FILE_KIND, path=where, reason="link" if error.errno == errno.ELOOP else "socket")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return UnavailableError(Code.FILE_UNREADABLE, path=where, reason=reason_of(error))
    return RefusedError(Code.FILE_UNREADABLE, path=where, reason=reason_of(error))
