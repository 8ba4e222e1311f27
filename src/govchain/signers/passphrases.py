"""Where the passphrase of a key file comes from: a file, an environment variable, a person.

Rules: the order of places is that of :func:`passphrase_source`, for every part; a passphrase is 8 to 1,024 bytes; it
never appears in an error, a log or a command line. A passphrase file is one line, readable by its owner alone.
Not here: asking a person (the caller's ``prompt`` does).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from govchain.model.codes import Code
from govchain.model.errors import UsageError
from govchain.signers.port import PassphraseSource
from govchain.signers.private_files import read_private_file

__all__ = [
    "PASSPHRASE_BYTES_MAX",
    "PASSPHRASE_BYTES_MIN",
    "PASSPHRASE_FILE",
    "PASSPHRASE_VARIABLE",
    "check_passphrase",
    "passphrase_from_environment",
    "passphrase_from_file",
    "passphrase_from_prompt",
    "passphrase_given",
    "passphrase_source",
]

#: The environment variable that is looked at first.
PASSPHRASE_VARIABLE: Final = "GOVCHAIN_PASSPHRASE"  # noqa: S105 - a name
#: The file beside key files that is looked at next.
PASSPHRASE_FILE: Final = "passphrase"  # noqa: S105 - a name

#: Shorter passphrases protect nothing.
PASSPHRASE_BYTES_MIN: Final = 8
#: Longer ones are a mistake.
PASSPHRASE_BYTES_MAX: Final = 1024


def check_passphrase(passphrase: bytes) -> bytes:
    """``passphrase`` itself, where its length is right.

    Raises:
        UsageError: ``PASSPHRASE_UNUSABLE``.
    """
    if not PASSPHRASE_BYTES_MIN <= len(passphrase) <= PASSPHRASE_BYTES_MAX:
        raise UsageError(
            Code.PASSPHRASE_UNUSABLE, length_min=PASSPHRASE_BYTES_MIN, length_max=PASSPHRASE_BYTES_MAX, source=""
        )
    return passphrase


def passphrase_given() -> PassphraseSource | None:
    """The environment's passphrase, where ``GOVCHAIN_PASSPHRASE`` is set to something; else None."""
    return passphrase_from_environment(PASSPHRASE_VARIABLE) if os.environ.get(PASSPHRASE_VARIABLE) else None


def passphrase_source(keys: Path | None, ask: PassphraseSource | None = None) -> PassphraseSource:
    """Where the passphrase of the key files in the folder ``keys`` comes from.

    ``GOVCHAIN_PASSPHRASE``, else the file ``passphrase`` in the folder, else ``ask``. Without ``ask`` the file is
    looked for when the source is called, which is refused with ``PASSPHRASE_UNUSABLE`` where there is none.
    """
    given = passphrase_given()
    if given is not None:
        return given
    if keys is not None and (ask is None or (keys / PASSPHRASE_FILE).exists()):
        file = keys / PASSPHRASE_FILE
        read = passphrase_from_file(file)

        def source(name: str) -> bytes:
            if os.path.lexists(file):
                return read(name)
            raise _unusable(f"${PASSPHRASE_VARIABLE}, {file}")

        return source
    return passphrase_from_environment(PASSPHRASE_VARIABLE) if ask is None else ask


def _unusable(source: str) -> UsageError:
    return UsageError(
        Code.PASSPHRASE_UNUSABLE, length_min=PASSPHRASE_BYTES_MIN, length_max=PASSPHRASE_BYTES_MAX, source=source
    )


def passphrase_from_file(path: str | Path) -> PassphraseSource:
    """A source that reads the first and only line of ``path``, which only its owner may read."""

    def source(_name: str) -> bytes:
        data = read_private_file(Path(path), bytes_max=PASSPHRASE_BYTES_MAX + 2)
        line = data.removesuffix(b"\n").removesuffix(b"\r")
        if b"\n" in line or b"\r" in line:
            raise _unusable(str(path))
        return check_passphrase(line)

    return source


def passphrase_from_environment(variable: str) -> PassphraseSource:
    """A source that reads the environment ``variable``."""

    def source(_name: str) -> bytes:
        value = os.environb.get(os.fsencode(variable))
        if value is None:
            raise _unusable(f"${variable}")
        return check_passphrase(value)

    return source


def passphrase_from_prompt(prompt: Callable[[str], str]) -> PassphraseSource:
    """A source that asks a person through ``prompt``, which is given the key's name."""

    def source(name: str) -> bytes:
        return check_passphrase(prompt(name).encode("utf-8", "surrogateescape"))

    return source
