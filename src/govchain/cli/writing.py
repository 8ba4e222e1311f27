"""Write a result file whole or not at all, and never over another one by accident."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from govchain.cli.session import t
from govchain.model import Code, RefusedError, UnavailableError, UsageError

__all__ = ["check_free", "write_file"]

#: What a file system says that has no hard links.
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def write_file(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write beside and move into place; file and name are on the disk when this returns.

    Without ``force`` the name is taken and the file made in one step: what appears there meanwhile stays. With it only
    a regular file is replaced, never a link, a folder or a device.

    Raises:
        UsageError: no file name, or the file exists, without ``force``. RefusedError: ``FILE_KIND``, it is no regular
        file. UnavailableError: ``FILE_UNWRITABLE``, ``DISK_FULL``.
    """
    if path.name in ("", ".."):
        raise UsageError(Code.USAGE, reason=t("cli.no_file_name", path=path))
    check_free(path, force=force)
    # A name of its own: that of the file may have no room for more.
    beside = path.with_name(f".govchain-{secrets.token_hex(8)}.part")
    try:
        try:
            _write(beside, data)
            if force:
                beside.replace(path)
            else:
                _take(beside, path, data)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError:
        raise UsageError(Code.USAGE, reason=t("cli.exists", path=path)) from None
    except (OSError, ValueError) as error:
        code = Code.DISK_FULL if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT) else Code.FILE_UNWRITABLE
        raise UnavailableError(code, path=str(path), reason=getattr(error, "strerror", None) or str(error)) from None


def check_free(path: Path, *, force: bool) -> None:
    """Refuse a name that :func:`write_file` would refuse, before any work is done for it.

    Raises:
        UsageError: the file exists, without ``force``. RefusedError: ``FILE_KIND``, it is no regular file.
    """
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):
        return  # Not there; or the writing says why it cannot be.
    if not stat.S_ISREG(mode):
        raise RefusedError(Code.FILE_KIND, path=str(path), reason=_kind(mode))
    if not force:
        raise UsageError(Code.USAGE, reason=t("cli.exists", path=path))


def _kind(mode: int) -> str:
    from govchain.sdk.folders import file_kind  # noqa: PLC0415 - only for the message

    return t(f"kind.{'folder' if stat.S_ISDIR(mode) else file_kind(mode)}")


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _take(beside: Path, path: Path, data: bytes) -> None:
    """Give the finished file its name, unless that is taken; a rename would replace what is there."""
    try:
        os.link(beside, path)
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    try:
        _write(path, data)
    except FileExistsError:
        raise
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(path: Path) -> None:
    # A folder that may be written but not read cannot be synced; the file is.
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
