"""Applies every tidy rule to a working tree."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from tools.tidy import allowed
from tools.tidy.determinism import BELOW_THE_LINE, check_determinism
from tools.tidy.finding import Finding
from tools.tidy.shape import check_docstrings, check_length, check_machine_bound, check_readmes

__all__ = ["ROOT", "check_tree", "read_tree", "report", "repository_files"]

#: The repository's root.
ROOT = Path(__file__).resolve().parents[2]


def repository_files(root: Path = ROOT) -> list[str]:
    """Every file that is or would be committed: tracked ones and new ones that are not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    names = {name.decode("utf-8") for name in listed.split(b"\0") if name}
    return sorted(name for name in names if (root / name).is_file())


def read_tree(root: Path = ROOT) -> dict[str, str]:
    """The text of every text file of the repository, by its path."""
    texts = {}
    for name in repository_files(root):
        try:
            texts[name] = (root / name).read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        except FileNotFoundError:
            continue
    return texts


def check_tree(texts: dict[str, str] | None = None) -> list[Finding]:
    """Every finding in the tree that ``allowed.toml`` does not excuse."""
    texts = read_tree() if texts is None else texts
    findings: list[Finding] = []
    for path, text in texts.items():
        findings += check_length(path, text)
        findings += check_machine_bound(path, text)
        if PurePosixPath(path).suffix != ".py":
            continue
        try:
            findings += check_docstrings(path, text)
            room = below_the_line(path)
            if room:
                findings += check_determinism(path, text, room)
        except SyntaxError as error:
            findings.append(Finding(path, error.lineno or 0, "syntax", error.msg, f"does not parse: {error.msg}"))
    findings += check_readmes(list(texts), texts)
    entries = allowed.parse(texts.get(allowed.FILE, ""))
    return sorted(allowed.apply(findings, entries))


def below_the_line(path: str) -> str | None:
    """The room below the line that a file belongs to, or None."""
    parts = PurePosixPath(path).parts
    if parts[:2] == ("src", "govchain") and len(parts) > 3 and parts[2] in BELOW_THE_LINE:
        return parts[2]
    return None


def report(findings: Sequence[Finding], *, name: str = "tidy") -> int:
    """Prints the findings; returns the exit code."""
    for finding in findings:
        print(finding)
    print(f"{name}: {len(findings)} findings" if findings else f"{name}: nothing found")
    return 1 if findings else 0
