"""Read a small file that a command was given."""

from __future__ import annotations

from pathlib import Path

from govchain.model import Code, RefusedError, UnavailableError

__all__ = ["read_small"]


def read_small(path: Path, size_max: int) -> bytes:
    """The file's bytes, at most ``size_max`` of them.

    Raises:
        UnavailableError: ``FILE_UNREADABLE`` (exit code 5). RefusedError: ``FILE_KIND``, ``FILE_TOO_LARGE``.
    """
    try:
        if path.exists() and not path.is_file():
            raise RefusedError(Code.FILE_KIND, path=str(path))
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=reason) from None
    if len(data) > size_max:
        raise RefusedError(Code.FILE_TOO_LARGE, path=str(path), size_max=size_max)
    return data
