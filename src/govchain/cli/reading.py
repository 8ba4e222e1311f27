"""Read what a command was given: a small file, a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from govchain.cli.output import visible
from govchain.cli.session import t
from govchain.model import Code, RefusedError, UnavailableError, UsageError

__all__ = ["HEIGHT_MAX", "check_choice", "check_line", "chosen_engine", "read_small"]

#: The greatest height, and the greatest number that JSON carries exactly.
HEIGHT_MAX = 2**53 - 1


def check_choice(given: str, known: Sequence[str], option: str) -> None:
    """Refuse a word that is none of those that the option knows.

    Raises:
        UsageError: it is none of them.
    """
    if given not in known:
        raise UsageError(Code.USAGE, reason=f"{option} {given}: {', '.join(known)}")


def chosen_engine(given: str) -> Literal["cometbft", "etcd"]:
    """The external engine with that name, for ``--engine``.

    Raises:
        UsageError: there is none.
    """
    check_choice(given, ("cometbft", "etcd"), "--engine")
    return "etcd" if given == "etcd" else "cometbft"


def check_line(text: str, option: str) -> None:
    """Refuse text for the ledger that is not one visible line.

    Raises:
        UsageError: it holds control, direction or zero-width characters, or is no Unicode.
    """
    if visible(text) != text:
        raise UsageError(Code.USAGE, reason=t("cli.one_line", option=option))


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
