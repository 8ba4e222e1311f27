"""Find the files that a user means: named files, and folders walked in a fixed order, links never followed.

Purpose: answer what would be captured and what would not, and why, before a byte is read. Rules: nothing here opens a
file for reading; names must be UTF-8; links, sockets, pipes and devices are refused by kind, never followed and never
waited for; the order is that of the relative names' bytes, whatever the file system says.
Not here: reading and digests (:mod:`govchain.sdk.capture`).

Example:
    >>> plan_paths([])
    Plan(files=(), problems=())
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.model import Code

__all__ = ["Plan", "PlannedFile", "Problem", "file_kind", "plan_paths", "printable_path", "reason_of"]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that will be read.

    ``base`` is the path that was given; ``relative`` is what people see and what the catalogue keeps: the name of the
    folder (or file) that was given, and the way below it, with ``/`` between. Below ``base`` no link may be met.
    """

    base: str
    relative: str
    size: int

    @property
    def below(self) -> tuple[str, ...]:
        """The way from ``base`` to the file: nothing when the file itself was given."""
        return tuple(self.relative.split("/")[1:])

    @property
    def path(self) -> str:
        """The path as the user would type it."""
        return os.path.join(self.base, *self.below)

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.relative.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Problem:
    """A member that cannot be captured: where, which code, and what exactly."""

    path: str
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a user's paths mean: the files in order, and every member that cannot be taken."""

    files: tuple[PlannedFile, ...]
    problems: tuple[Problem, ...]

    @property
    def total_size(self) -> int:
        """Bytes of all files, as they were when listed."""
        return sum(file.size for file in self.files)


def printable_path(path: str | bytes) -> str:
    """A path that any terminal and any JSON reader can take: a byte that is no UTF-8 is shown in hex."""
    raw = path if isinstance(path, bytes) else os.fsencode(path)
    return raw.decode("utf-8", "backslashreplace")


def file_kind(mode: int) -> str:
    """``link``, ``socket``, ``pipe``, ``device`` or ``other``; empty for a regular file and for a folder."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISSOCK(mode):
        return "socket"
    if stat.S_ISFIFO(mode):
        return "pipe"
    return "device" if stat.S_ISBLK(mode) or stat.S_ISCHR(mode) else "other"


def reason_of(error: OSError) -> str:
    """The operating system's short word for an error, such as ``EACCES: Permission denied``."""
    number = error.errno or 0
    return f"{errno.errorcode.get(number, str(number))}: {os.strerror(number)}"


def plan_paths(paths: Sequence[str | Path]) -> Plan:
    """Files under ``paths``, in the order given and, within a folder, by name; a path that repeats counts once."""
    files: list[PlannedFile] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for given in paths:
        path = os.path.normpath(os.fspath(given))
        _visit(path, _given_name(path), files, problems, seen)
    return Plan(tuple(files), tuple(problems))


def _given_name(path: str) -> str:
    name = os.path.basename(path)
    return name if name not in ("", ".", "..") else os.path.basename(os.path.abspath(path)) or "root"


def _visit(path: str, relative: str, files: list[PlannedFile], problems: list[Problem], seen: set[str]) -> None:
    """Add one path; folders are walked with a stack of our own, so that depth is no limit."""
    stack = [(path, relative)]
    while stack:
        here, name = stack.pop()
        if not _is_utf8(name):
            problems.append(Problem(printable_path(here), Code.FILE_NAME_ENCODING, "not UTF-8"))
            continue
        try:
            status = os.lstat(here)
            kind = file_kind(status.st_mode)
            if kind:
                problems.append(Problem(printable_path(here), Code.FILE_KIND, kind))
            elif stat.S_ISREG(status.st_mode):
                absolute = os.path.abspath(here)
                if absolute not in seen:
                    seen.add(absolute)
                    files.append(PlannedFile(path, name, status.st_size))
            else:
                # A stack gives the last first.
                entries = sorted(os.listdir(here), key=os.fsencode, reverse=True)
                stack.extend((os.path.join(here, entry), f"{name}/{entry}") for entry in entries)
        except OSError as error:
            problems.append(Problem(printable_path(here), Code.FILE_UNREADABLE, reason_of(error)))


def _is_utf8(name: str) -> bool:
    try:
        os.fsencode(name).decode("utf-8")
        name.encode("utf-8")
    except UnicodeError:
        return False
    return True
