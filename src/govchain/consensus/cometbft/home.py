"""The engine's folder before each start: files written whole, and databases that a kill left half made taken away.

Purpose: what has to be right on disk before the engine's process starts.
Rules: a database is taken away only when its making never ended, which its own index file shows: nothing was ever
written to it. Anything else that is wrong with it is the engine's to report, and the operator's to decide.
Not here: keys (``keys``), what the files say (``configuration``, ``genesis``).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["remove_unborn_databases", "write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file's contents, whole or not at all, whatever becomes of the power.

    Raises:
        OSError: when it cannot be written.
    """
    building = path.with_name(path.name + ".new")
    with open(building, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    building.replace(path)


def remove_unborn_databases(data: Path) -> list[str]:
    """Take away the databases below ``data`` (goleveldb folders ``*.db``) whose making never ended; their names.

    goleveldb makes a folder, a manifest, and then the file CURRENT that names the manifest; killed in between, it
    refuses the folder for ever ("database entry point either missing or corrupted"), though nothing was written yet.
    """
    removed = []
    for folder in sorted(data.glob("*.db")):
        if folder.is_dir() and not any(_is_entry_point(path) or _holds_data(path) for path in folder.iterdir()):
            shutil.rmtree(folder)
            removed.append(folder.name)
    return removed


def _is_entry_point(path: Path) -> bool:
    """Whether it is a whole CURRENT file: a line that names a manifest."""
    return path.name.startswith("CURRENT") and path.read_bytes().endswith(b"\n")


def _holds_data(path: Path) -> bool:
    """Whether it is a table, or a journal with something in it."""
    return path.suffix in {".ldb", ".sst"} or (path.suffix == ".log" and path.stat().st_size > 0)
