"""Documents' commands, typed as they stand into a shell in an empty folder, by a user whom nobody knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools.check_docs import shell_lines
from tools.tidy.tree import ROOT

__all__ = ["commands", "lacking", "typed"]


def lacking(*tools: str) -> list[str]:
    """Those of ``tools`` that this machine has not."""
    return [tool for tool in ("bash", *tools) if shutil.which(tool) is None]


def commands(document: Path, heading: str) -> str:
    """The command lines below a heading of a document, up to the next heading of its level or above."""
    level = heading.partition(" ")[0]
    part = document.read_text("utf-8").split(f"\n{heading}\n", 1)[1]
    for above in range(2, len(level) + 1):
        part = part.split("\n" + "#" * above + " ", 1)[0]
    return "\n".join(line for _, line in shell_lines(part))


def typed(folder: Path, script: str, *, timeout_s: int = 120) -> subprocess.CompletedProcess[str]:
    """Run ``script``; what `source .venv/bin/activate` does is done for the interpreter of this test."""
    for name in ("work", "home", "bin"):
        (folder / name).mkdir()
    for name, words in (("govchain", "-m govchain.cli"), ("python", "")):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / "bin" / name).chmod(0o755)
    kept = "\n".join(line for line in script.splitlines() if not line.startswith("source .venv"))
    # A node that a failed script leaves behind ends with it.
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + kept],
        cwd=folder / "work",
        env={
            "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(folder / "work"),
            "CHECKOUT": str(ROOT),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
