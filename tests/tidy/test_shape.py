"""The checkers of length, docstrings, READMEs and machine-bound text find planted faults."""

import pytest

from tools.tidy.allowed import apply, parse
from tools.tidy.finding import Finding
from tools.tidy.shape import (
    LINES_MAX,
    check_docstrings,
    check_length,
    check_machine_bound,
    check_readmes,
    public_things,
)
from tools.tidy.tree import check_tree, report


@pytest.mark.parametrize("path", ["src/govchain/model/x.py", "tools/x.py", "native/src/x.rs", "tests/model/test_x.py"])
def test_a_long_file_is_found(path):
    assert check_length(path, "x\n" * LINES_MAX) == []
    (finding,) = check_length(path, "x\n" * (LINES_MAX + 1))
    assert finding.rule == "length"
    assert str(LINES_MAX + 1) in finding.text


@pytest.mark.parametrize("path", ["docs/spec/block.md", "uv.lock", "tests/vectors/sm2/vectors.json"])
def test_length_counts_for_source_only(path):
    assert check_length(path, "x\n" * 5000) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("", ["x"]),
        ('"""D."""\ndef f(): pass', ["x.f"]),
        ('"""D."""\nasync def f(): pass', ["x.f"]),
        ('"""D."""\nclass C: pass', ["x.C"]),
        ('"""D."""\nclass C:\n    """D."""\n    def m(self): pass', ["x.C.m"]),
        ('"""D."""\nclass C:\n    """D."""\n    @property\n    def m(self): pass', ["x.C.m"]),
    ],
)
def test_a_missing_docstring_is_found(source, missing):
    assert [finding.what for finding in check_docstrings("tools/x.py", source)] == missing


@pytest.mark.parametrize(
    "source",
    [
        '"""D."""\ndef _f(): pass\nclass _C:\n    def m(self): pass',
        '"""D."""\nclass C:\n    """D."""\n    def __init__(self): pass',
        '"""D."""\nclass C:\n    """D."""\n    @override\n    def m(self): pass',
        '"""D."""\ndef f():\n    """D."""\n    def inner(): pass',
        '"""D."""\nclass C:\n    """D."""\n    @typing.overload\n    def m(self): pass',
        '"""D."""\nclass C:\n    """D."""\n    @m.setter\n    def m(self): pass',
    ],
)
def test_private_and_inherited_things_need_no_docstring(source):
    assert check_docstrings("tools/x.py", source) == []


def test_docstrings_are_asked_of_src_and_tools_only():
    assert check_docstrings("tests/x.py", "def f(): pass") == []
    assert len(check_docstrings("src/govchain/x.py", "def f(): pass")) == 2


def test_public_things_are_counted_with_their_state():
    things = list(public_things('"""D."""\nclass C:\n    def m(self):\n        """D."""', "x"))
    assert [(thing.name, thing.documented) for thing in things] == [("x", True), ("x.C", False), ("x.C.m", True)]


def test_a_room_without_readme_is_found():
    paths = ["src/govchain/model/x.py", "src/govchain/modules/evidence/rules.py", "native/src/lib.rs"]
    found = [finding.what for finding in check_readmes(paths, {})]
    assert found == ["native", "src/govchain/model", "src/govchain/modules", "src/govchain/modules/evidence"]


def test_a_readme_without_text_is_found():
    assert check_readmes(["src/govchain/model/x.py"], {"src/govchain/model/README.md": "# model\n\n\n"})
    assert not check_readmes(["src/govchain/model/x.py"], {"src/govchain/model/README.md": "# model\n\na\nb\n"})


# The planted texts are written with ! for / and , for . so that this file does not break the rule itself.
@pytest.mark.parametrize("planted", ["!root!x", "see !work!main", "'!home!somebody!x'", "cd !root", "!Users!me"])
def test_a_machine_path_is_found(planted):
    text = planted.replace("!", "/")
    assert [f.rule for f in check_machine_bound("docs/x.md", f"a\n{text}\n")] == ["machine-path"]


@pytest.mark.parametrize(
    "planted", ["https://pypi,org/simple", "files,pythonhosted,org", "crates,io/x", "proxy,golang,org"]
)
def test_a_registry_host_is_found(planted):
    text = planted.replace(",", ".")
    assert [f.rule for f in check_machine_bound("docs/x.md", text)] == ["registry-host"]
    assert check_machine_bound("uv.lock", text) == []
    assert check_machine_bound("native/Cargo.lock", text) == []


@pytest.mark.parametrize(
    "fine", ["the /v1/work route", "docs/work/x", "homework", "$HOME/x", "~/root", "a/root", "PyPI"]
)
def test_ordinary_text_is_fine(fine):
    assert check_machine_bound("docs/x.md", fine) == []


ENTRY = '[[allow]]\npath = "a.py"\nrule = "import"\nwhat = "time"\nreason = "because the test needs an example"\n'
OFFENCE = Finding("a.py", 3, "import", "time", "imports time")


def test_an_exception_excuses_only_what_it_names():
    other_file = Finding("b.py", 3, "import", "time", "imports time")
    other_thing = Finding("a.py", 3, "import", "os", "imports os")
    assert apply([OFFENCE, other_file, other_thing], parse(ENTRY)) == [other_file, other_thing]


def test_an_exception_that_excuses_nothing_is_a_finding():
    assert [finding.rule for finding in apply([], parse(ENTRY))] == ["stale"]


@pytest.mark.parametrize(
    "text", [ENTRY.replace("because the test needs an example", "short"), '[[allow]]\npath = "a.py"\n']
)
def test_an_exception_without_reason_is_refused(text):
    with pytest.raises(ValueError, match=r"allowed\.toml"):
        parse(text)


def test_the_report_lists_findings_and_fails(capsys):
    assert report([OFFENCE]) == 1
    assert "a.py:3: import: imports time" in capsys.readouterr().out
    assert report([]) == 0


def test_a_file_that_does_not_parse_is_a_finding():
    assert [finding.rule for finding in check_tree({"src/govchain/x.py": "def"})] == ["syntax"]
