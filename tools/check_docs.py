"""Checks the documents: dead links and anchors, missing sections, commands that no longer exist; ``make docs``.

Reads every Markdown file that is or would be committed. Nothing is fetched: links to other hosts are not followed.
The rules:

- ``link``: a relative link to a file that does not exist, or that leaves the repository;
- ``anchor``: a link to a heading that the file does not have;
- ``section``: a guide, a decision record or a README of a room without the sections or lines it must have;
- ``make``: a ``make`` command in a ``sh`` block that names no target of the Makefile;
- ``command``: a ``govchain`` command in a ``sh`` block that the command line does not have, or an option unknown to it;
- ``language``: a heading level in ``README.md`` that ``README.zh-CN.md`` does not mirror.
"""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from tools.tidy.finding import Finding
from tools.tidy.tree import ROOT, read_tree, report, repository_files

__all__ = [
    "anchors",
    "check_commands",
    "check_languages",
    "check_links",
    "check_sections",
    "command_tree",
    "main",
    "make_targets",
    "shell_lines",
]

#: Sections that every guide under docs/guide has, besides its introduction.
GUIDE_SECTIONS = ("Before you start", "Steps", "When something goes wrong", "What comes later")
#: Sections that every decision record under docs/adr has.
ADR_SECTIONS = ("Status", "Context", "Decision", "Rejected", "Consequences")
#: Sections that the README has.
README_SECTIONS = ("Two commands", "Your first verified proof", "Layout", "Documents", "Licence")

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*([\w+-]*)")
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
_CODE = re.compile(r"`+[^`]*`+")
_TARGET = re.compile(r"^([A-Za-z][\w-]*)\s*:(?!=)")
_SHELLS = ("sh", "bash", "shell", "console")

#: For each command its path ("evidence put") and the options it takes; None where options are not known.
Commands = Mapping[str, frozenset[str]]


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines outside fenced blocks, inline code removed."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _FENCE.match(line)
        if match and not fence:
            fence = match.group(1)
        elif match and match.group(1).startswith(fence) and not match.group(2):
            fence = ""
        elif not fence:
            yield number, line


def anchors(text: str) -> set[str]:
    """The anchors that a hosting service makes of a Markdown file's headings."""
    found: set[str] = set()
    for _, line in _prose(text):
        found.update(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", line))
        match = _HEADING.match(line)
        if not match:
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(2)).lower()
        slug = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        unique, number = slug, 0
        while unique in found:
            number += 1
            unique = f"{slug}-{number}"
        found.add(unique)
    return found


def check_links(texts: Mapping[str, str], files: set[str]) -> list[Finding]:
    """Dead relative links and anchors.

    Args:
        texts: The Markdown files, by path.
        files: Every file of the repository.
    """
    folders = {str(parent) for file in files for parent in PurePosixPath(file).parents}
    known = {path: anchors(text) for path, text in texts.items()}
    findings = []
    for path, text in texts.items():
        for number, raw in _prose(text):
            line = _CODE.sub("", raw)
            for target in [*_LINK.findall(line), *_DEFINITION.findall(line)]:
                finding = _check_link(path, number, target, files | folders, known)
                if finding:
                    findings.append(finding)
    return findings


def _check_link(path: str, number: int, target: str, present: set[str], known: dict[str, set[str]]) -> Finding | None:
    if re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE):
        return None
    name, _, anchor = unquote(target).partition("#")
    if name:
        parts: list[str] = []
        for part in (*PurePosixPath(path).parent.parts, *name.split("/")):
            if part == ".." and not parts:
                return Finding(path, number, "link", target, f"the link {target} leaves the repository")
            parts = parts[:-1] if part == ".." else [*parts, part] if part not in ("", ".") else parts
        resolved = "/".join(parts) or "."
    else:
        resolved = path
    if resolved not in present:
        return Finding(path, number, "link", target, f"the link {target} leads nowhere")
    if anchor and resolved in known and anchor.lower() not in known[resolved]:
        return Finding(path, number, "anchor", target, f"{resolved} has no heading for #{anchor}")
    return None


def check_sections(texts: Mapping[str, str]) -> list[Finding]:
    """Documents without the sections that their kind must have."""
    findings = []
    for path, text in texts.items():
        for section in _required_sections(path):
            headings = [match.group(2) for _, line in _prose(text) if (match := _HEADING.match(line))]
            if section not in headings:
                findings.append(Finding(path, 0, "section", section, f"has no section {section!r}"))
        first = text.lstrip().splitlines()[0] if text.strip() else ""
        if not re.match(r"# \S|<", first):
            findings.append(Finding(path, 1, "section", "title", "does not open with a title"))
    return findings


def _required_sections(path: str) -> tuple[str, ...]:
    pure = PurePosixPath(path)
    if path == "README.md":
        return README_SECTIONS
    if path == "CHANGELOG.md":
        return ("STATE-BREAKING", "API-BREAKING")
    if pure.parent.as_posix() == "docs/guide" and pure.name not in ("README.md", "settings.md"):
        return GUIDE_SECTIONS
    if pure.parent.as_posix() == "docs/adr" and pure.name != "README.md":
        return ADR_SECTIONS
    return ()


def check_languages(texts: Mapping[str, str]) -> list[Finding]:
    """README.zh-CN.md has the same outline and the same shell commands as README.md."""
    english, chinese = texts.get("README.md"), texts.get("README.zh-CN.md")
    if english is None or chinese is None:
        return [Finding("README.zh-CN.md", 0, "language", "missing", "README.md and README.zh-CN.md belong together")]
    findings = []
    levels = [[m.group(1) for _, line in _prose(text) if (m := _HEADING.match(line))] for text in (english, chinese)]
    if levels[0] != levels[1]:
        findings.append(Finding("README.zh-CN.md", 0, "language", "outline", "its headings do not mirror README.md"))
    commands = [[line.partition(" #")[0].strip() for _, line in shell_lines(text)] for text in (english, chinese)]
    lacking = [command for command in commands[0] if command not in commands[1]]
    findings += [Finding("README.zh-CN.md", 0, "language", line, f"lacks the command {line}") for line in lacking]
    return findings


def shell_lines(text: str) -> Iterator[tuple[int, str]]:
    """The numbered command lines of a Markdown file's shell blocks, continuation lines joined."""
    fence, shell, started, pending = "", False, 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        match = _FENCE.match(line)
        if match and not fence:
            fence, shell = match.group(1), match.group(2).lower() in _SHELLS
        elif match and match.group(1).startswith(fence) and not match.group(2):
            fence, shell, pending = "", False, ""
        elif fence and shell:
            joined = pending + line.strip().removeprefix("$ ")
            started = started if pending else number
            if joined.endswith("\\"):
                pending = joined[:-1]
                continue
            pending = ""
            if joined and not joined.startswith("#"):
                yield started, joined


def make_targets(makefile: str) -> set[str]:
    """The targets that a Makefile defines."""
    return {match.group(1) for line in makefile.splitlines() if (match := _TARGET.match(line))}


def check_commands(texts: Mapping[str, str], targets: set[str], commands: Commands | None) -> list[Finding]:
    """Shell blocks that name an unknown make target, ``govchain`` command or option.

    Args:
        texts: The Markdown files, by path.
        targets: The Makefile's targets.
        commands: What the command line offers, or None when it cannot be imported; then only make targets are checked.
    """
    findings = []
    for path, text in texts.items():
        for number, line in shell_lines(text):
            try:
                tokens = _tokens(line)
            except ValueError as error:
                findings.append(Finding(path, number, "command", line, f"the shell would not read {line!r}: {error}"))
                continue
            for words in _simple_commands(tokens):
                program, rest = PurePosixPath(words[0]).name, words[1:]
                if program == "make":
                    findings += _check_make(path, number, rest, targets)
                elif program == "govchain" and commands is not None:
                    findings += _check_govchain(path, number, rest, commands)
    return findings


def _simple_commands(tokens: list[str]) -> Iterator[list[str]]:
    words: list[str] = []
    for token in [*tokens, ";"]:
        if set(token) <= set("&|;()"):
            while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(token)


def _tokens(line: str) -> list[str]:
    """The words of a shell line; a variable is part of its word."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>()")
    lexer.wordchars += "$"
    return list(lexer)


def _check_make(path: str, number: int, words: list[str], targets: set[str]) -> list[Finding]:
    named = [word for word in words if not word.startswith("-") and "=" not in word and word not in ("<", ">")]
    return [Finding(path, number, "make", word, f"make has no target {word}") for word in named if word not in targets]


def _check_govchain(path: str, number: int, words: list[str], commands: Commands) -> list[Finding]:
    words = words[: words.index(">")] if ">" in words else words
    name, position = "", 0
    while position < len(words):
        candidate = f"{name} {words[position]}".strip()
        if candidate in commands:
            name, position = candidate, position + 1
        elif words[position].startswith("-") and not name:
            # An option of govchain itself, perhaps with its value.
            position += 1
            value = position < len(words) and not words[position].startswith("-") and words[position] not in commands
            position += 1 if value else 0
        else:
            break
    leaf = not any(command.startswith(f"{name} ") for command in commands)
    if name == "" or not leaf:
        written = " ".join(words)
        if any(word in ("--help", "--version") for word in words) and (not words or words[0].startswith("-") or name):
            return []
        return [Finding(path, number, "command", written, f"there is no command govchain {written}")]
    options = {word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2}
    unknown = sorted(options - commands[name] - commands.get("", frozenset()))
    return [Finding(path, number, "command", o, f"govchain {name} takes no option {o}") for o in unknown]


def command_tree() -> Commands | None:
    """The commands of ``govchain`` with their options, or None when the command line is not there."""
    found: dict[str, frozenset[str]] = {}

    def walk(command: Any, name: str) -> None:
        options = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
        found[name] = frozenset(options | {"--help"})
        # Groups load their commands on demand; ours need no context for that.
        for child in command.list_commands(None) if hasattr(command, "list_commands") else []:
            walk(command.get_command(None, child), f"{name} {child}".strip())

    try:
        typer: Any = importlib.import_module("typer")
        root = importlib.import_module("govchain.cli.start").build_root()
        walk(typer.main.get_command(root) if isinstance(root, typer.Typer) else root, "")
    except (ImportError, AttributeError):
        return None
    return found


def main() -> int:
    """Checks the working tree; exit code 1 when something was found."""
    texts = read_tree(ROOT)
    documents = {path: text for path, text in texts.items() if path.endswith(".md")}
    commands = command_tree()
    findings = []
    if commands is None:
        text = "the command line cannot be imported, its commands were not checked"
        findings.append(Finding("src/govchain/cli", 0, "command", "govchain", text))
    findings += check_links(documents, set(repository_files(ROOT)))
    findings += check_sections(documents)
    findings += check_languages(documents)
    findings += check_commands(documents, make_targets(texts["Makefile"]), commands)
    count = sum(1 for text in documents.values() for _ in shell_lines(text))
    print(f"read {len(documents)} documents with {count} command lines")
    return report(sorted(findings), name="docs")


if __name__ == "__main__":
    sys.exit(main())
