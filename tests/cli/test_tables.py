"""Tables on narrow screens: every id whole on one line, in either language, and nothing cut off."""

import re
import unicodedata

import pytest

from govchain.cli import output
from govchain.cli.session import Session, start_session
from tests.cli.support import Shell, new_chain

ID = re.compile(r"\b[0-9a-f]{40,}\b")
WIDTHS = (40, 80, 200)
ADDRESS = "ab" * 20
IDENTITY = "cd" * 32


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    made = new_chain(tmp_path_factory.mktemp("tables"))
    (made.folder.parent / "合同 第一份.txt").write_text("x")
    made.run("evidence", "put", made.folder.parent / "合同 第一份.txt", "-r", "业务 2026-0001", "--public-name")
    return made


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def draw(capsys, monkeypatch, width, names, rows, language="en", **options):
    monkeypatch.setenv("COLUMNS", str(width))
    start_session(Session(language=language))
    output.table(names, rows, **options)
    start_session(Session())
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_listing_keeps_its_ids_whole(chain, width, language):
    shell = Shell(chain.folder, chain.home, "zh_CN.UTF-8" if language == "zh" else "en_US.UTF-8")
    record = shell.run("evidence", "find", "-r", "业务 2026-0001", "--json").json["found"][0]["id"]
    block = shell.run("block", "list", "--json").json["blocks"][0]["identity"]
    addresses = {account["address"] for account in shell.run("account", "list", "--json").json["accounts"]}
    mark = shell.run("genesis", "show", "--json").json["fingerprint"]
    for call, wanted in (
        (["evidence", "find", "-r", "业务 2026-0001"], {record}),
        (["evidence", "history", record], {record}),
        (["block", "list"], {block}),
        (["block", "show", 1], {block, record}),
        (["account", "list"], addresses),
        (["trust", "list"], {mark}),
    ):
        said = shell.run(*call, COLUMNS=str(width)).out
        assert wanted <= set(ID.findall(said)), said
        assert "…" not in said
        assert all(len(ID.findall(line)) <= 2 for line in said.splitlines())


def test_a_table_that_fits_has_a_row_for_each(capsys, monkeypatch):
    rows = [(ADDRESS, "窗口", 1), (ADDRESS, "counter", 22)]
    lines = draw(capsys, monkeypatch, 80, ["address", "name", "height"], rows)
    assert len(lines) == 3
    assert lines[1] == f"{ADDRESS}  窗口     1"
    assert len({columns(line.rsplit(" ", 1)[0]) for line in lines[1:]}) == 1


@pytest.mark.parametrize(("language", "label"), [("en", "identity"), ("zh", "区块标识")])
@pytest.mark.parametrize("width", [1, 40, 80])
def test_a_table_that_does_not_fit_becomes_labelled_lines(capsys, monkeypatch, width, language, label):
    rows = [(1, IDENTITY, ADDRESS), (2, IDENTITY, ""), (3, IDENTITY, None)]
    lines = draw(capsys, monkeypatch, width, ["height", "identity", "address"], rows, language)
    assert [bool(line) for line in lines] == [True, True, True, False, True, True, False, True, True]
    assert lines[1].startswith(label)
    assert lines[1].endswith(IDENTITY)
    assert len({columns(line[: line.rfind(" ") + 1]) for line in lines if line}) == 1


def test_prose_goes_on_below_its_beginning(capsys, monkeypatch):
    rows = [
        (1, f"a rather long sentence about {IDENTITY} that does not fit"),
        (2, "短句，不含空格的中文也会在字之间换行，不会被截断"),
    ]
    lines = draw(capsys, monkeypatch, 40, ["step", "detail"], rows, prose=True)
    assert "".join(lines[1:]).replace(" ", "").startswith("1aratherlongsentence")
    assert IDENTITY in " ".join(lines).split()
    assert all(columns(line) <= 40 or IDENTITY in line for line in lines)
    assert all(line.startswith("      ") for line in lines[2:] if not line.startswith("2"))


def test_an_empty_table_and_a_nonsense_width(capsys, monkeypatch):
    assert draw(capsys, monkeypatch, 80, ["height", "identity"], []) == ["height  identity"]
    assert draw(capsys, monkeypatch, 3, ["height", "identity"], []) == []
    for width in ("0", "-5", "wide", "9" * 30):
        assert len(draw(capsys, monkeypatch, width, ["height", "identity"], [(1, IDENTITY)])) == 2
