"""The integrations under `examples/`: as their READMEs say, and where node, files or rows misbehave.

About a minute: each test starts a node and several programs as processes, as a department would.
"""

import importlib.util
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.cli.nodes import running_node
from tests.cli.support import new_chain
from tests.cli.typed import commands, lacking, typed
from tools.tidy.tree import ROOT

EXAMPLES = ROOT / "examples"
FOLDER = EXAMPLES / "watched_folder"
TABLE = EXAMPLES / "nightly_table"
needs_shell = pytest.mark.skipif(bool(lacking("seq", "paste")), reason="needs a shell")


@needs_shell
@pytest.mark.requirement(
    "BJ.function.dev.01a", "BJ.function.dev.01b", "GD.general.universality.03", "JX.management.appdev.01"
)
def test_the_readme_of_the_watched_folder_word_for_word(tmp_path):
    done = typed(tmp_path, commands(FOLDER / "README.md", "## Try it"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Result: it holds, and the issuer is trusted." in done.stdout


@needs_shell
@pytest.mark.requirement("BJ.function.dev.01a", "GD.general.universality.03")
def test_the_readme_of_the_nightly_table_word_for_word(tmp_path):
    done = typed(tmp_path, commands(TABLE / "README.md", "## Try it"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "new 100, changed 0, gone 0, same 0" in done.stdout
    assert "Result: it holds, and the issuer is trusted." in done.stdout
    assert "changed: permits [17]\nnew 0, changed 1, gone 0, same 99" in done.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return new_chain(tmp_path_factory.mktemp("examples"))


def run(shell, program, *arguments, expect=0):
    done = subprocess.run(
        [sys.executable, str(program), *map(str, arguments)],
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def rested(path):
    """As if the file had been written a while ago."""
    past = time.time() - 60
    os.utime(path, (past, past))


def test_a_folder_over_several_looks(shell, tmp_path):
    """A change is a new record, the same again is none; a file that may not be whole and a link are left alone."""
    folder, proofs = tmp_path / "in", tmp_path / "proofs"
    (folder / "below").mkdir(parents=True)
    for name in ("a.txt", "below/a.txt", "b.txt"):
        (folder / name).write_text(name)
        rested(folder / name)
    (folder / "link").symlink_to(folder / "a.txt")
    (folder / "fresh.txt").write_text("still being written")
    os.utime(folder / "fresh.txt", (time.time() + 600, time.time() + 600))
    options = ("--key", shell.folder / "keys" / "department.pem", "--proofs", proofs)
    options += ("--catalogue", tmp_path / "private.sqlite3", "--once")

    def proved():
        return sorted(path.relative_to(proofs).as_posix().split(".txt")[0] for path in proofs.rglob("*.gcp"))

    away = run(shell, FOLDER / "watched_folder.py", folder, "--node", "http://127.0.0.1:1", *options, expect=1)
    assert "NODE_UNREACHABLE" in away.stderr
    with running_node(shell) as url:
        first = run(shell, FOLDER / "watched_folder.py", folder, "--node", url, *options).stdout
        assert len(first.splitlines()) == 3
        assert len({line.split(".")[0] for line in first.splitlines()}) == 1, "one transaction for all"
        assert proved() == ["a", "b", "below/a"]
        assert run(shell, FOLDER / "watched_folder.py", folder, "--node", url, *options).stdout == ""
        (folder / "b.txt").write_text("another content")
        rested(folder / "b.txt")
        next(proofs.glob("a.txt.*")).unlink()
        again = run(shell, FOLDER / "watched_folder.py", folder, "--node", url, *options).stdout
        assert [line.endswith("b.txt") for line in again.splitlines()] == [True]
        assert proved() == ["a", "b", "b", "below/a"], "a proof that was lost is written again"
    for path in proofs.rglob("a.txt.*.gcp"):
        original = folder / path.relative_to(proofs).with_name("a.txt")
        assert shell.run("verify", path, "--original", original).code == 0


def program(path):
    """An example's module, to look at one of its functions."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_file_that_goes_while_the_folder_is_looked_at_is_passed_over(tmp_path):
    """And one that comes back as it was is new again: it may never have been anchored."""
    watched = program(FOLDER / "watched_folder.py")
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert watched.status_of(tmp_path / "a").st_size == 1
    assert [watched.status_of(tmp_path / name) for name in ("gone", "link", "")] == [None] * 3

    rested(tmp_path / "a")
    watcher = watched.Watcher(SimpleNamespace(recover=lambda: ()), None, tmp_path, tmp_path)
    mark = (1, (tmp_path / "a").stat().st_mtime_ns)
    watcher.seen = {tmp_path / "a": mark, tmp_path / "gone": mark}
    assert watcher.look() == 0
    assert watcher.seen == {tmp_path / "a": mark}


def make_table(path):
    import sqlalchemy as sql

    engine = sql.create_engine(f"sqlite:///{path}")
    meta = sql.MetaData()
    table = sql.Table(
        "households",
        meta,
        sql.Column("district", sql.String, primary_key=True),
        sql.Column("number", sql.Integer, primary_key=True),
        sql.Column("head", sql.String),
        sql.Column("income", sql.Numeric(12, 2)),
        sql.Column("photo", sql.LargeBinary),
        sql.Column("moved", sql.DateTime),
        sql.Column("share", sql.Float),
    )
    meta.create_all(engine)
    return engine, table


def test_a_table_over_several_nights(shell, tmp_path):
    """Values of every kind; a row added, changed and removed; a proof of a row that was changed says so."""
    import datetime
    import decimal

    engine, table = make_table(tmp_path / "people.db")
    row = {
        "head": "张三",
        "income": decimal.Decimal("1200.50"),
        "photo": b"\x00\xff",
        "moved": datetime.datetime(2026, 8, 15, 9, 30),  # noqa: DTZ001 - as databases have it
        "share": 0.1,
    }
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"district": "东城区", "number": n, **row} for n in range(5)])
    options = ("--database", f"sqlite:///{tmp_path / 'people.db'}", "--table", "households")
    options += ("--key", shell.folder / "keys" / "department.pem")
    options += ("--catalogue", tmp_path / "private.sqlite3", "--state", tmp_path / "state.sqlite3")
    program = TABLE / "nightly_table.py"
    with running_node(shell) as url:
        options += ("--node", url)
        assert run(shell, program, *options).stdout == "new 5, changed 0, gone 0, same 0\n"
        assert run(shell, program, *options).stdout == "new 0, changed 0, gone 0, same 5\n"
        proof = ("--prove", '["东城区", 3]', "--to", tmp_path / "proof")
        run(shell, program, *options, *proof)
        package, original = tmp_path / "proof" / "row.gcp", tmp_path / "proof" / "row.json"
        assert shell.run("verify", package, "--original", original).code == 0
        assert '"head":"张三","income":"1200.50","moved":"2026-08-15T09:30:00"' in original.read_text("utf-8")
        with engine.begin() as connection:
            connection.execute(table.update().where(table.c.number == 3).values(income=decimal.Decimal("9999.00")))
            connection.execute(table.delete().where(table.c.number == 4))
            connection.execute(table.insert(), [{"district": "西城区", "number": 1, **row}])
        assert "CHANGED" in run(shell, program, *options, *proof, expect=1).stdout
        assert shell.run("verify", package, "--original", original, expect=1).code == 1, "not what was anchored"
        night = run(shell, program, *options).stdout
        assert night == (
            'changed: households ["东城区", 3]\ngone: households ["东城区", 4]\nnew 1, changed 1, gone 1, same 3\n'
        )
        run(shell, program, *options, *proof)
        assert shell.run("verify", package, "--original", original).code == 0
        missing = run(shell, program, *options, "--prove", '["nowhere", 1]', expect=1)
        assert "no such row" in missing.stderr
    engine.dispose()
