"""Rules about files: their length, docstrings, each room's README, and text bound to one machine or registry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tools.tidy.finding import Finding

__all__ = [
    "LINES_MAX", "Documented", "check_docstrings", "check_length", "check_machine_bound", "check_readmes",
    "public_things",
]  # fmt: skip

#: Longest source file, in lines; beyond that nobody sees it whole.
LINES_MAX = 500

#: Endings of source files whose length counts.
SOURCE_ENDINGS = (".py", ".rs", ".go", ".ts", ".tsx", ".sh")
#: Folders whose source files count.
SOURCE_FOLDERS = ("src", "tools", "native", "tests", "engines", "console", "examples", "bench")

#: Lock files name where packages come from; that is what they are for.
LOCK_FILES = ("uv.lock", "Cargo.lock", "package-lock.json", "go.sum")

# Put together from pieces, so that this file does not break its own rule.
_HOSTS = (
    "pypi" + r"\.org", "files" + r"\.pythonhosted\.org", "crates" + r"\.io", "registry" + r"\.npmjs\.org",
    "proxy" + r"\.golang\.org", "sum" + r"\.golang\.org", "repo1?" + r"\.maven\.(?:apache\.)?org",
    "mirrors?" + r"\.[a-z0-9-]+\.(?:cn|com|edu|org)", "index" + r"\.crates\.io", "registry" + r"\.npmmirror\.com",
)  # fmt: skip
_MACHINE_BOUND = (
    ("machine-path", re.compile(r"(?<![\w.~-])/(?:" + "root|work|home|Users" + r")/[\w.-]+")),
    ("machine-path", re.compile(r"(?<![\w.~-])/" + r"root\b(?!/)")),
    ("registry-host", re.compile(r"\b(?:" + "|".join(_HOSTS) + r")\b")),
)

#: A room's README has at least this many lines of text.
README_LINES_MIN = 3


@dataclass(frozen=True)
class Documented:
    """A public module, class or function of a file, and whether it has a docstring."""

    name: str
    line: int
    documented: bool


def check_length(path: str, text: str) -> list[Finding]:
    """A source file longer than :data:`LINES_MAX`."""
    pure = PurePosixPath(path)
    if pure.suffix not in SOURCE_ENDINGS or pure.parts[0] not in SOURCE_FOLDERS:
        return []
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines <= LINES_MAX:
        return []
    return [Finding(path, 0, "length", str(PurePosixPath(path).name), f"has {lines} lines; split it at {LINES_MAX}")]


def public_things(source: str, name: str) -> Iterator[Documented]:
    """The module itself and every public class, function and method in it."""
    module = ast.parse(source)
    yield Documented(name, 1, bool(ast.get_docstring(module)))
    yield from _public_members(module.body, name)


def _public_members(body: list[ast.stmt], prefix: str) -> Iterator[Documented]:
    for node in body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) or node.name.startswith("_"):
            continue
        if not isinstance(node, ast.ClassDef) and _inherits_docstring(node):
            continue
        name = f"{prefix}.{node.name}"
        yield Documented(name, node.lineno, bool(ast.get_docstring(node)))
        if isinstance(node, ast.ClassDef):
            yield from _public_members(node.body, name)


def _inherits_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Overloads, overrides and setters are documented where they are first defined."""
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(names & {"overload", "override", "setter", "deleter"})


def check_docstrings(path: str, source: str) -> list[Finding]:
    """Public things of ``src`` and ``tools`` without a docstring."""
    if PurePosixPath(path).suffix != ".py" or PurePosixPath(path).parts[0] not in ("src", "tools"):
        return []
    name = ".".join(PurePosixPath(path).with_suffix("").parts[1:]).removesuffix(".__init__")
    return [
        Finding(path, thing.line, "docstring", thing.name, f"{thing.name} has no docstring")
        for thing in public_things(source, name)
        if not thing.documented
    ]


def check_readmes(paths: list[str], texts: dict[str, str]) -> list[Finding]:
    """Rooms, families and top-level folders without a README of a few lines.

    Args:
        paths: Every file of the repository.
        texts: The text of the READMEs among them.
    """
    folders: set[str] = set()
    for path in paths:
        parts = PurePosixPath(path).parts
        if parts[:2] == ("src", "govchain") and len(parts) > 3:
            folders.add("/".join(parts[:3]))
            if parts[2] == "modules" and len(parts) > 4:
                folders.add("/".join(parts[:4]))
        elif parts[0] in ("native", "tools", "tests", "bench", "engines", "console") and len(parts) > 1:
            folders.add(parts[0])
        elif parts[:2] == ("tests", "vectors") and len(parts) > 3:
            folders.add("/".join(parts[:3]))
    findings = []
    for folder in sorted(folders):
        text = texts.get(f"{folder}/README.md", "")
        if sum(1 for line in text.splitlines() if line.strip()) < README_LINES_MIN:
            findings.append(
                Finding(f"{folder}/README.md", 0, "readme", folder, f"{folder} needs a README of some lines")
            )
    return findings


def check_machine_bound(path: str, text: str) -> list[Finding]:
    """Paths of somebody's machine, and hosts of package registries."""
    if PurePosixPath(path).name in LOCK_FILES:
        return []
    findings = []
    for number, line in enumerate(text.splitlines(), start=1):
        for rule, pattern in _MACHINE_BOUND:
            findings += [
                Finding(path, number, rule, match.group(), f"names {match.group()}") for match in pattern.finditer(line)
            ]
    return findings
