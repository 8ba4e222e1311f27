"""Write a result file whole or not at all, and never over another one by accident."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from govchain.cli.session import t
from govchain.model import Code, UnavailableError, UsageError

__all__ = ["write_file"]


def write_file(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write beside and rename; the data is on the disk when this returns.

    Raises:
        UsageError: the file exists, without ``force``. UnavailableError: ``FILE_UNWRITABLE``.
    """
    if not force and os.path.lexists(path):
        raise UsageError(Code.USAGE, reason=t("cli.exists", path=path))
    beside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        try:
            with beside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=error.strerror or "") from None
