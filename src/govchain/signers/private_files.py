"""Files that only their owner may read: reading them with their permissions checked, making them atomically.

Rules: the permissions are those of the file that was opened, not of a name looked up before; a new file appears whole
or not at all, never over another one, and is on the disk when the call returns. Not here: what the files mean.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from govchain.model.codes import Code
from govchain.model.errors import GovChainError, RefusedError, UnavailableError, UsageError

__all__ = ["OWNER_ONLY", "read_private_file", "write_private_file"]

#: Mode of a new private file.
OWNER_ONLY: Final = 0o600

_GROUP_AND_OTHERS: Final = 0o077


def read_private_file(path: Path, *, bytes_max: int) -> bytes:
    """The contents of ``path``.

    Raises:
        RefusedError: ``KEY_FILE_PERMISSIONS`` where group or others may do anything with it, ``FILE_KIND`` unless it is
            a regular file, ``FILE_TOO_LARGE``, ``FILE_UNREADABLE``.
    """
    try:
        # Non-blocking, so that a pipe in its place cannot hang the caller.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RefusedError(Code.FILE_UNREADABLE, path=str(path), reason=reason) from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise RefusedError(Code.FILE_KIND, path=str(path), reason="not a regular file")
        if facts.st_mode & _GROUP_AND_OTHERS:
            mode = f"{stat.S_IMODE(facts.st_mode):04o}"
            raise RefusedError(Code.KEY_FILE_PERMISSIONS, path=str(path), mode=mode)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise RefusedError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror) from None
    finally:
        os.close(descriptor)
    if len(data) > bytes_max:
        raise RefusedError(Code.FILE_TOO_LARGE, path=str(path), size_max=bytes_max)
    return data


def write_private_file(path: Path, data: bytes) -> None:
    """Make ``path`` with ``data``, mode 0600, durably; an existing file is never replaced.

    Raises:
        UsageError: ``KEY_FILE_EXISTS``.
        UnavailableError: ``DISK_FULL``, ``FILE_UNWRITABLE``; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, OWNER_ONLY)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), OWNER_ONLY)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # A hard link appears whole, and fails where the name is taken: a rename would replace it.
            os.link(temporary, path)
        finally:
            temporary.unlink()
        _sync_directory(path.parent)
    except (OSError, ValueError) as error:
        raise _write_error(path, error) from None


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_error(path: Path, error: OSError | ValueError) -> GovChainError:
    if not isinstance(error, OSError):
        return UsageError(Code.USAGE, reason=str(error))
    if error.errno == errno.EEXIST:
        return UsageError(Code.KEY_FILE_EXISTS, path=str(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnavailableError(Code.DISK_FULL, path=str(path))
    return UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or type(error).__name__)
