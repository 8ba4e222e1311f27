"""The machine's other Python interpreters: one for each minor version from 3.11 on, except the running one's.

Prints a line ``VERSION PATH`` for each. Looks along ``PATH`` and in pyenv's folder, asks every candidate for its
version, and leaves out what does not start (pyenv's shims refuse when a version is not selected), free-threaded and
prerelease builds.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["candidates", "find", "main", "probe"]

#: The oldest minor version that the package supports.
OLDEST = (3, 11)

_NAME = re.compile(r"python3\.\d+")
_QUESTION = (
    "import sys, sysconfig; v = sys.version_info; "
    "print(v.major, v.minor, v.micro, v.releaselevel, sysconfig.get_config_var('Py_GIL_DISABLED') or 0, sys.executable)"
)


def candidates(path: str, home: Path) -> list[Path]:
    """Every file that may be an interpreter: ``python3.N`` along ``path`` and in pyenv's folder under ``home``."""
    folders = [Path(part) for part in path.split(os.pathsep) if part]
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    if pyenv.is_dir():
        folders += sorted(version / "bin" for version in pyenv.iterdir())
    found: list[Path] = []
    for folder in folders:
        if folder.is_dir():
            found += sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    return found


def probe(interpreter: Path) -> tuple[tuple[int, int, int], Path] | None:
    """The version and real path that ``interpreter`` reports; None if it does not start or is not a plain release."""
    try:
        answer = subprocess.run(
            [str(interpreter), "-I", "-c", _QUESTION], capture_output=True, text=True, timeout=30, check=True
        ).stdout.split(maxsplit=5)
    except (OSError, subprocess.SubprocessError):
        return None
    if len(answer) != 6 or answer[3] != "final" or answer[4] != "0":
        return None
    return (int(answer[0]), int(answer[1]), int(answer[2])), Path(answer[5].strip())


def find(files: list[Path], running: tuple[int, int]) -> dict[tuple[int, int], Path]:
    """The newest patch of each minor version from :data:`OLDEST` on, without the ``running`` one."""
    best: dict[tuple[int, int], tuple[tuple[int, int, int], Path]] = {}
    for file in files:
        answer = probe(file)
        if answer is None:
            continue
        version, path = answer
        minor = version[:2]
        if minor >= OLDEST and minor != running and (minor not in best or version > best[minor][0]):
            best[minor] = (version, path)
    return {minor: path for minor, (_, path) in sorted(best.items())}


def main() -> int:
    """Prints the interpreters found."""
    found = find(candidates(os.environ.get("PATH", ""), Path.home()), (sys.version_info[0], sys.version_info[1]))
    for (major, minor), path in found.items():
        print(f"{major}.{minor} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
