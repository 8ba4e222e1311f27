"""The requirement marker and `make requirements`: only tests that ran and passed count."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import requirements
from tools.requirements import Record, known_ids, load_record, merge_record, parts, render, unknown_ids

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO, THREE = "BJ.maintainability.testability.01", "BJ.maintainability.testability.02", "BJ.data.02_001"


@pytest.fixture
def run(tmp_path):
    """Runs a planted test file with the project's own conftest; gives exit code, output and record."""

    def run_planted(source, *arguments):
        shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "conftest.py")
        (tmp_path / "test_planted.py").write_text("import pytest\n" + source, "utf-8")
        record = tmp_path / "record.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
        command += ["--rootdir", str(tmp_path), f"--requirements-record={record}", str(tmp_path), *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr, load_record(record)

    return run_planted


PLANTED = """
mark = pytest.mark.requirement
@pytest.fixture
def broken_teardown():
    yield
    assert False
@pytest.fixture
def broken_setup():
    assert False

@mark("BJ.data.02_001", "BJ.data.02_002")
def test_passes(): pass
@mark("BJ.data.02_003")
def test_fails(): assert False
@mark("BJ.data.02_004")
def test_is_skipped(): pytest.skip("no")
@mark("BJ.data.02_005")
@pytest.mark.xfail
def test_is_expected_to_fail(): assert False
@mark("BJ.data.02_006")
def test_fails_in_teardown(broken_teardown): pass
@mark("BJ.data.02_007")
def test_fails_in_setup(broken_setup): pass
@mark("BJ.data.03_001")
def helper(): pass
@mark("BJ.data.03_002")
def test_passes_beside_one_that_fails(): pass
@mark("BJ.data.03_002")
def test_fails_beside_one_that_passes(): assert False
"""


@pytest.mark.parametrize("processes", [(), ("--numprocesses", "2")], ids=["one process", "two processes"])
def test_only_a_test_that_ran_and_passed_shows_its_ids(run, processes):
    code, output, record = run(PLANTED, *processes)
    assert code == 1, output
    mentioned = {word for word in PLANTED.split('"') if word.startswith("BJ.")}
    assert len(mentioned) == 9
    assert {identifier for identifier in mentioned if record.shown(identifier)} == {"BJ.data.02_001", "BJ.data.02_002"}


def test_a_deselected_test_shows_nothing(run):
    code, _, record = run(
        f"def test_that(): pass\n@pytest.mark.requirement('{ONE}')\ndef test_it(): pass", "-k", "test_that"
    )
    assert code == 0
    assert not record.shown(ONE)


@pytest.mark.parametrize("mark", ["'BJ.no.such.01'", "", f"'{ONE}', because='x'"])
def test_an_unknown_id_or_a_malformed_marker_stops_the_run(run, mark):
    code, output, _ = run(f"@pytest.mark.requirement({mark})\ndef test_it(): pass")
    assert code == 4
    assert "test_planted.py::test_it" in output
    assert "1 passed" not in output


def test_runs_of_one_commit_are_merged_and_those_of_another_dropped(tmp_path):
    record = tmp_path / "record.json"
    merge_record("a", {ONE: {"t1"}}, {}, record)
    merged = merge_record("a", {TWO: {"t2"}}, {ONE: {"t3"}}, record)
    assert (merged.shown(ONE), merged.shown(TWO)) == (False, True)
    repaired = merge_record("a", {ONE: {"t3"}}, {}, record)
    assert repaired.shown(ONE)
    broken = merge_record("a", {}, {TWO: {"t2"}}, record)
    assert not broken.shown(TWO)
    later = merge_record("b", {TWO: {"t2"}}, {}, record)
    assert (later.shown(ONE), later.shown(TWO)) == (False, True)
    assert load_record(record) == later


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "commit": "a", "passed": []}'])
def test_a_record_that_cannot_be_read_shows_nothing(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    assert load_record(tmp_path / "record.json") == Record("")


def test_the_coverage_file_names_each_requirement_once():
    listed = [identifier for part in parts(Record("")) for identifier in part.ids]
    assert len(listed) == len(set(listed))
    assert unknown_ids(listed, known_ids()) == []
    assert unknown_ids(["BJ.no.such.01"], known_ids()) == ["BJ.no.such.01"]


@pytest.mark.requirement("BJ.reliability.maturity.05")
def test_the_ratio_of_shown_to_required_is_counted():
    """Completed against required verification tasks: counted from the record, part by part, never from names."""
    record = Record("c", {ONE: {"t1"}, TWO: {"t2"}}, {TWO: {"t3"}})
    chosen = [part for part in parts(record) if part.name == "ledger"]
    text = render(chosen, record, as_json=False)
    assert f"ledger: 1 of {len(chosen[0].ids)} shown" in text
    assert f"  shown    {ONE}  (1 tests)" in text
    assert f"  missing  {TWO}  (a test of it fails)" in text
    assert f"  missing  {THREE}" in text
    assert f"ratio {100 / len(chosen[0].ids):.1f} %" in text
    answer = json.loads(render(chosen, record, as_json=True))
    assert (answer["shown"], answer["required"]) == (1, len(chosen[0].ids))
    assert answer["parts"][0]["shown"] == {ONE: ["t1"]}
    assert TWO in answer["parts"][0]["missing"]


def test_the_program_prints_one_part_and_refuses_an_unknown_one(capsys, monkeypatch, tmp_path):
    record = tmp_path / "record.json"
    merge_record("a", {ONE: {"t1"}}, {}, record)
    monkeypatch.setattr(requirements, "RECORD", record)
    assert requirements.main(["--part", "ledger"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ledger: ")
    assert "\nnode:" not in printed
    assert requirements.main(["--part", "nothing"]) == 2


def test_without_a_record_the_program_says_what_to_run_and_stops(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(requirements, "RECORD", tmp_path / "none.json")
    assert requirements.main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "run `make test` first" in printed.err
