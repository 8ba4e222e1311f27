"""Whether the machine gives a node what its settings ask for: open files, memory, disk.

Purpose: :func:`look_at_resources` reads what there is, :func:`judge_resources` says what is too little, at the start of
``govchain up``. Rules: below a minimum under which the node would fail while it works, it does not start, and says why
with a code; below what the settings could use it starts and warns. The limit of open files is first raised as
far as needed and allowed. Not here: what is used while the node runs (``node.host``), the doctor's checks (``ops``).
"""

from __future__ import annotations

import contextlib
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from govchain.model import Code, UnavailableError

__all__ = [
    "DISK_BYTES_MIN",
    "DISK_BYTES_WANTED",
    "FILES_RESERVED",
    "MEMORY_BYTES_MIN",
    "MEMORY_BYTES_WANTED",
    "GroupMemory",
    "Resources",
    "Shortage",
    "judge_resources",
    "look_at_resources",
    "memory_bytes",
    "raise_file_limit",
    "read_group_memory",
    "verify_resources",
]

#: Files that the node needs beside its connections: the store, the index, keys, the log.
FILES_RESERVED: Final = 256
#: Connections without which a node is no use.
_CONNECTIONS_MIN: Final = 64
#: Memory and disk that must be free at the start, and that should be, in bytes.
MEMORY_BYTES_MIN: Final = 128 * 1024**2
MEMORY_BYTES_WANTED: Final = 512 * 1024**2
DISK_BYTES_MIN: Final = 64 * 1024**2
DISK_BYTES_WANTED: Final = 1024**3

#: Where control groups lie, and the files in which the two versions tell of memory: allowed, used, and in detail with
#: the row of what the kernel takes back at once where somebody wants it, which is no use of ours.
_CGROUP: Final = Path("/sys/fs/cgroup")
_GROUP_FILES: Final = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is: files that may be open, memory and disk that are free, in bytes."""

    files: int
    memory: int
    disk: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """Too little of something: its code, with the sentence's values; ``fatal`` where the node cannot work with it."""

    code: Code
    fatal: bool
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GroupMemory:
    """Memory of a control group in bytes: what it allows, and what is used of it without files that were only read."""

    allowed: int
    used: int


def read_group_memory(group: Path = _CGROUP) -> GroupMemory | None:
    """The memory of this process's control group, of version 2 or 1, which lies at ``group``; None without a bound."""
    for limit, usage, detail, row in _GROUP_FILES:
        try:
            allowed = int((group / limit).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # no such file, or no bound ("max")
        used = 0
        with contextlib.suppress(OSError, ValueError):
            used = int((group / usage).read_text(encoding="ascii"))
            rows = dict(line.split() for line in (group / detail).read_text(encoding="ascii").splitlines())
            used = max(0, used - int(rows.get(row, 0)))
        return GroupMemory(allowed, used)
    return None


def memory_bytes() -> int:
    """Bytes of memory that this process may use: the machine's, or those of its control group where they are fewer."""
    machine = int(psutil.virtual_memory().total)
    group = read_group_memory()
    return machine if group is None else min(machine, group.allowed)


def raise_file_limit(wanted: int) -> int:
    """Raise this process's limit of open files to ``wanted``, as far as the system lets it; the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**31 if soft == resource.RLIM_INFINITY else soft


def look_at_resources(path: Path, connections_max: int) -> Resources:
    """What there is for a node whose data lie at ``path``, after asking for enough open files.

    Raises:
        UnavailableError: ``FILE_UNREADABLE`` where the file system does not answer.
    """
    try:
        disk = shutil.disk_usage(path).free
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None
    memory = psutil.virtual_memory().available
    group = read_group_memory()
    if group is not None:
        memory = min(memory, max(0, group.allowed - group.used))
    # As many again for connections in their TLS handshake, which are not counted yet.
    return Resources(raise_file_limit(FILES_RESERVED + 2 * connections_max), memory, disk)


def judge_resources(found: Resources, connections_max: int) -> list[Shortage]:
    """What is too little for a node with up to ``connections_max`` connections."""
    shortages: list[Shortage] = []
    files = FILES_RESERVED + connections_max
    if found.files < files:
        fatal = found.files < FILES_RESERVED + min(_CONNECTIONS_MIN, connections_max)
        shortages.append(Shortage(Code.RESOURCE_FILES, fatal, {"found": found.files, "wanted": files}))
    for code, there, least, wanted in (
        (Code.RESOURCE_MEMORY, found.memory, MEMORY_BYTES_MIN, MEMORY_BYTES_WANTED),
        (Code.RESOURCE_DISK, found.disk, DISK_BYTES_MIN, DISK_BYTES_WANTED),
    ):
        if there < wanted:
            params = {"found_mib": there // 2**20, "wanted_mib": wanted // 2**20}
            shortages.append(Shortage(code, there < least, params))
    return shortages


def verify_resources(path: Path, connections_max: int) -> list[Shortage]:
    """Look and judge; the shortages with which a node can work.

    Raises:
        UnavailableError: ``RESOURCE_FILES``, ``RESOURCE_MEMORY``, ``RESOURCE_DISK``.
    """
    shortages = judge_resources(look_at_resources(path, connections_max), connections_max)
    for shortage in shortages:
        if shortage.fatal:
            raise UnavailableError(shortage.code, **shortage.params)
    return shortages
