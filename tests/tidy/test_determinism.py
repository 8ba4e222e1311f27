"""The determinism checker finds each planted offence, and nothing in code that is right."""

import pytest

from tools.tidy.determinism import BELOW_THE_LINE, check_determinism
from tools.tidy.tree import below_the_line, check_tree

# One line each: what is planted, and the rule that must find it.
OFFENCES = [
    *(
        (f"import {name}", "import")
        for name in [
            "time",
            "datetime",
            "random",
            "secrets",
            "os",
            "io",
            "pathlib",
            "socket",
            "threading",
            "asyncio",
            "subprocess",
            "tempfile",
            "uuid",
            "zoneinfo",
            "unicodedata",
            "locale",
            "logging",
            "multiprocessing",
            "decimal",
            "fractions",
            "statistics",
            "shutil",
            "sys",
            "sqlite3",
            "zipfile",
            "ssl",
            "urllib.request",
            "http.client",
            "concurrent.futures",
            "queue",
            "signal",
            "select",
            "ctypes",
            "importlib",
            "inspect",
            "pickle",
        ]
    ),
    ("from os import path", "import"),
    ("from time import monotonic as clock", "import"),
    ("import os.path as p", "import"),
    ("def f():\n    import random", "import"),
    ("from math import sqrt", "import"),
    ("import math\nx = math.log2(8)", "import"),
    ("from hashlib import md5", "import"),
    ("import hashlib\nx = hashlib.sha1(b'')", "import"),
    ("import re", "module-re"),
    ("open('x')", "builtin"),
    ("x = eval('1')", "builtin"),
    ("import builtins\nbuiltins.open('x')", "builtin"),
    ("from builtins import open as o", "builtin"),
    ("exec('x = 1')", "builtin"),
    ("x = __import__('time')", "builtin"),
    ("print(1)", "builtin"),
    ("x = hash('a')", "builtin"),
    ("x = id(object())", "builtin"),
    ("x = 1.5", "float"),
    ("x = 1e3", "float"),
    ("x = 2j", "float"),
    ("x = float('1')", "float"),
    ("x = 7 / 2", "float"),
    ("x = 7\nx /= 2", "float"),
    ("x = 2 ** -1", "float"),
    ("for x in {1, 2}: pass", "set-order"),
    ("for x in set([1]): pass", "set-order"),
    ("for x in frozenset([1]): pass", "set-order"),
    ("for x in {y for y in (1, 2)}: pass", "set-order"),
    ("x = [y for y in {1, 2}]", "set-order"),
    ("x = {y: 1 for y in {1, 2}}", "set-order"),
    ("x = list({1, 2})", "set-order"),
    ("x = tuple(set([1]))", "set-order"),
    ("x = ','.join({'a', 'b'})", "set-order"),
    ("x = list(map(str, {1, 2}))", "set-order"),
    ("x = [*{1, 2}]", "set-order"),
    ("x = dict.fromkeys({1, 2})", "set-order"),
    ("x = next(iter({1, 2}))", "set-order"),
    ("for i, x in enumerate({1, 2}): pass", "set-order"),
    ("a = {1}\nfor x in a: pass", "set-order"),
    ("a = {1}\nb = a | {2}\nfor x in b: pass", "set-order"),
    ("A = frozenset({1})\ndef f():\n    return [x for x in A]", "set-order"),
    ("def f(a: set[int]):\n    for x in a: pass", "set-order"),
    ("def f(a: 'frozenset[int] | None'):\n    for x in a: pass", "set-order"),
    ("class C:\n    a: set[int]\n    def f(self):\n        for x in self.a: pass", "set-order"),
    ("class C:\n    def f(self):\n        self.a: set[int] = set()\n        return list(self.a)", "set-order"),
    ("x = list({1} - {2})", "set-order"),
    ("x = list({1}.union([2]))", "set-order"),
    ("d = {}\nfor k in d.keys() - {1}: pass", "set-order"),
    ("d = {}\nfor k in d.keys() & d.keys(): pass", "set-order"),
    ("a = {1}\nx = a.pop()", "set-order"),
    ("def f(a: set[int]):\n    yield from a", "set-order"),
    ("x = sorted([y for y in {1, 2}])", "set-order"),
    ("x = '५'.isdigit()", "unicode"),
    ("x = 'ß'.casefold()", "unicode"),
]

FINE = [
    "from __future__ import annotations\nimport struct\nfrom collections.abc import Iterator",
    "from dataclasses import dataclass\nimport hashlib\nx = hashlib.sha256(b'')",
    "from math import isqrt",
    "import builtins\nx: builtins.type = int",
    "import msgspec\nimport govchain_native",
    "from govchain.model import codes\nfrom . import open",
    "x = 7 // 2 + 2 ** 3",
    "x = isinstance(1, float)",
    "for x in sorted({1, 2}): pass",
    "x = sorted(y + 1 for y in {1, 2})",
    "x = all(y for y in {1, 2}) and any(y for y in {1, 2}) and len({1}) and sum(y for y in {1}) and max({1})",
    "x = {y + 1 for y in {1, 2}}",
    "x = 1 in {1, 2}",
    "a = {1}\nb = [1]\nfor x in b: pass",
    "for x in {1: 2}: pass",
    "def f(a: list[set[int]]):\n    for x in a: pass",
    "x = store.open()",
    "class C:\n    a: set[int]\ndef f(other):\n    return list(other.a)",
    "x = identifier('a')",
    "def f(a: list[int]):\n    return a.pop()",
    "x = 'Ab'.isascii()",
]


@pytest.mark.parametrize(("source", "rule"), OFFENCES, ids=[source for source, _ in OFFENCES])
def test_finds_planted_offence(source, rule):
    found = check_determinism("src/govchain/modules/x/rules.py", source, "modules")
    assert {finding.rule for finding in found} == {rule}


@pytest.mark.parametrize("source", FINE, ids=FINE)
def test_leaves_right_code_alone(source):
    assert check_determinism("src/govchain/modules/x/rules.py", source, "modules") == []


def test_re_is_refused_only_where_rules_are_replayed():
    for room in BELOW_THE_LINE:
        rules = {finding.rule for finding in check_determinism("x.py", "import re", room)}
        assert rules == ({"module-re"} if room in ("modules", "contracts") else set())


def test_a_finding_names_file_line_and_thing():
    (finding,) = check_determinism("src/govchain/model/x.py", "\n\nimport time\n", "model")
    assert (finding.path, finding.line, finding.what) == ("src/govchain/model/x.py", 3, "time")
    assert str(finding) == "src/govchain/model/x.py:3: import: imports time: no clock"


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("src/govchain/model/codes.py", "model"),
        ("src/govchain/modules/evidence/rules.py", "modules"),
        ("src/govchain/ledger/__init__.py", "ledger"),
        ("src/govchain/sdk/client.py", None),
        ("src/govchain/__init__.py", None),
        ("tests/model/test_codes.py", None),
        ("tools/model/x.py", None),
    ],
)
def test_which_files_are_below_the_line(path, room):
    assert below_the_line(path) == room


def test_every_room_below_the_line_is_read():
    for room in BELOW_THE_LINE:
        path = f"src/govchain/{room}/planted.py"
        readme = {f"src/govchain/{room}/README.md": "a\nb\nc\n"}
        findings = check_tree({path: '"""Planted."""\nimport time\n', **readme})
        assert [(finding.path, finding.rule) for finding in findings] == [(path, "import")]


def test_the_same_code_above_the_line_is_fine():
    files = {"src/govchain/sdk/planted.py": '"""Planted."""\nimport time\n', "src/govchain/sdk/README.md": "a\nb\nc\n"}
    assert check_tree(files) == []
