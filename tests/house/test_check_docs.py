"""`make docs` finds planted faults, and nothing in documents that are right."""

import pytest

from tools.check_docs import (
    anchors,
    check_commands,
    check_languages,
    check_links,
    check_sections,
    command_tree,
    make_targets,
    shell_lines,
)
from tools.tidy.tree import ROOT

COMMANDS = {
    "": frozenset({"--help", "--lang"}),
    "init": frozenset({"--json", "--help"}),
    "evidence": frozenset({"--help"}),
    "evidence put": frozenset({"--json", "--memo", "--help"}),
    "evidence find": frozenset({"--json", "--help"}),
    "verify": frozenset({"--original", "--help"}),
}
TARGETS = {"setup", "test", "lint"}


def rules(findings):
    return [finding.rule for finding in findings]


def block(*lines):
    return "# t\n```sh\n" + "\n".join(lines) + "\n```\n"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[x](missing.md)", "link"),
        ("[x](../../outside.md)", "link"),
        ("![x](missing.png)", "link"),
        ("[x](guide/missing/)", "link"),
        ("[x]: missing.md", "link"),
        ("[a `code` b](missing.md)", "link"),
        ("[x](other.md#no-such-heading)", "anchor"),
        ("[x](#no-such-heading)", "anchor"),
        ("[x](other.md#in-a-block)", "anchor"),
        ("text [a](other.md) and [b](missing.md)", "link"),
    ],
)
def test_a_dead_link_is_found(text, rule):
    texts = {"docs/x.md": f"# Title\n\n{text}\n", "docs/other.md": "# Other\n\n## A heading\n```\n# In a block\n```\n"}
    (finding,) = check_links(texts, set(texts))
    assert (finding.path, finding.line, finding.rule) == ("docs/x.md", 3, rule)


@pytest.mark.parametrize(
    "text",
    [
        "[x](other.md)",
        "[x](./other.md#a-heading)",
        "[x](#title)",
        "[x](../LICENSE)",
        "[x](../docs)",
        "[x](https://example.com/none)",
        "[x](mailto:somebody@example.com)",
        "`[x](missing.md)`",
        "```\n[x](missing.md)\n```",
        "[中文](other.md#中文-标题)",
        "[x](other.md#a-heading-1)",
    ],
)
def test_a_live_link_is_fine(text):
    other = "# Other\n\n## A heading\n\n## A heading\n\n### 中文 标题\n"
    texts = {"docs/x.md": f"# Title\n\n{text}\n", "docs/other.md": other}
    assert check_links(texts, {*texts, "LICENSE"}) == []


def test_anchors_follow_the_headings():
    assert anchors("# 1. Trees, roots\n## `govchain init`\n### [A](b.md) b\n") == {
        "1-trees-roots",
        "govchain-init",
        "a-b",
    }


GUIDE = "# T\n\n## Before you start\n\n## Steps\n\n## When something goes wrong\n\n## What comes later\n"


@pytest.mark.parametrize("missing", ["Before you start", "Steps", "When something goes wrong", "What comes later"])
def test_a_guide_without_a_section_is_found(missing):
    assert check_sections({"docs/guide/operator.md": GUIDE}) == []
    (finding,) = check_sections({"docs/guide/operator.md": GUIDE.replace(f"## {missing}\n", "")})
    assert finding.what == missing


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("CHANGELOG.md", "# C\n\n### STATE-BREAKING\n", 1),
        ("docs/adr/0001-x.md", "# A\n\n## Status\n## Context\n## Decision\n## Consequences\n", 1),
        ("README.md", "# R\n", 5),
        ("docs/x.md", "no title\n", 1),
        ("docs/guide/operator.md", GUIDE.replace("## Steps", "```\n## Steps\n```"), 1),
    ],
)
def test_a_document_without_its_sections_is_found(path, text, count):
    assert rules(check_sections({path: text})) == ["section"] * count


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("make tset", "make"),
        ("make setup tset", "make"),
        ("CI=1 make tset", "make"),
        ("cd x && make tset", "make"),
        ("govchain evidense put FILE", "command"),
        ("govchain evidence plant FILE", "command"),
        ("govchain evidence", "command"),
        ("govchain init d && cd d && govchain prove x", "command"),
        ("govchain verify p.gcp --orignal FILE", "command"),
        (".venv/bin/govchain nothing", "command"),
        ("govchain init d | govchain nothing", "command"),
        ("govchain 'unclosed", "command"),
    ],
)
def test_an_outdated_command_is_found(line, rule):
    findings = check_commands({"docs/x.md": block("ls", line)}, TARGETS, COMMANDS)
    assert [(finding.rule, finding.line) for finding in findings] == [(rule, 4)]


@pytest.mark.parametrize(
    "line",
    [
        "make test ROOM=crypto ARGS='-x -k word'",
        "make -j2 lint",
        "govchain init d && cd d && govchain evidence put FILE --json",
        "govchain --lang zh verify p.gcp --original FILE",
        "govchain verify p.gcp \\\n  --original=FILE",
        "govchain evidence --help",
        "govchain --help",
        "govchain evidence find FILE > out.txt",
        "# govchain nothing",
        "$ make test",
        "echo govchain nothing",
    ],
)
def test_a_right_command_is_fine(line):
    assert check_commands({"docs/x.md": block(line)}, TARGETS, COMMANDS) == []


def test_only_shell_blocks_are_read():
    text = "# t\n```text\nmake tset\n```\n```sh\nmake test\n```\nmake tset\n"
    assert list(shell_lines(text)) == [(6, "make test")]
    assert check_commands({"x.md": text}, TARGETS, COMMANDS) == []


def test_without_a_command_line_make_targets_are_still_checked():
    text = block("govchain nothing", "make tset")
    assert rules(check_commands({"x.md": text}, TARGETS, None)) == ["make"]


def test_make_targets_are_read_from_the_makefile():
    assert make_targets("A := 1\nB=2\nall: x y ## help\n\techo a: b\nx-y: ; z\n") == {"all", "x-y"}
    assert {
        "setup",
        "demo",
        "test",
        "test-long",
        "test-lowest",
        "lint",
        "bench",
        "docs",
        "requirements",
    } <= make_targets((ROOT / "Makefile").read_text("utf-8"))


ENGLISH = "# T\n\n## A\n" + block("make test  # tests")[4:]


@pytest.mark.parametrize(
    ("chinese", "count"),
    [
        (ENGLISH.replace("# tests", "# 测试").replace("## A", "## 甲"), 0),
        (ENGLISH.replace("make test", "make lint"), 1),
        (ENGLISH.replace("## A", "### A"), 1),
        (None, 1),
    ],
)
def test_the_two_readmes_mirror_each_other(chinese, count):
    texts = {"README.md": ENGLISH} | ({"README.zh-CN.md": chinese} if chinese else {})
    assert rules(check_languages(texts)) == ["language"] * count


def test_the_command_line_is_read():
    commands = command_tree()
    assert commands is not None
    assert {"", "init", "verify", "evidence", "evidence put", "trust add"} <= set(commands)
    assert "--original" in commands["verify"]
    assert "--json" in commands[""]
