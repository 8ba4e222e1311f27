"""Small files of the user's own: mode 0600, written whole or not at all.

Not here: key files (``signers``), result files (:mod:`govchain.cli.writing`).
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from govchain.model import Code, RefusedError, UnavailableError

__all__ = ["make_private_folder", "read_private", "remove_private", "write_private"]


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above that are missing, mode 0700.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        for one in reversed(missing):
            one.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None


def write_private(path: Path, data: bytes) -> None:
    """Write beside and rename; a reader sees the old file or the new one.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    make_private_folder(path.parent)
    try:
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None


def read_private(path: Path, size_max: int) -> bytes | None:
    """The file's bytes, at most ``size_max`` of them; None where there is none.

    Raises:
        RefusedError: ``KEY_FILE_PERMISSIONS`` when others may read or change it, ``FILE_KIND``, ``FILE_TOO_LARGE``.
        UnavailableError: ``FILE_UNREADABLE``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise RefusedError(Code.FILE_KIND, path=str(path))
            if facts.st_mode & 0o077:
                raise RefusedError(Code.KEY_FILE_PERMISSIONS, path=str(path), mode=f"{facts.st_mode & 0o777:o}")
            data = file.read(size_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None
    if len(data) > size_max:
        raise RefusedError(Code.FILE_TOO_LARGE, path=str(path), size_max=size_max)
    return data


def remove_private(path: Path) -> bool:
    """Remove the file; False where there was none.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None
    return True
