"""The search for other interpreters takes the newest patch of each version and leaves out what does not start."""

import sys
from pathlib import Path

import pytest

from tools.interpreters import candidates, find, probe


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes programs that answer like an interpreter of some version."""
    monkeypatch.delenv("PYENV_ROOT", raising=False)

    def make(folder, name, version, level="final", threads="0", status=0):
        program = tmp_path / folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        major, minor, micro = version.split(".")
        program.write_text(f"#!/bin/sh\necho {major} {minor} {micro} {level} {threads} {program}\nexit {status}\n")
        program.chmod(0o755)
        return program

    return make


def test_the_newest_patch_of_each_other_version_is_found(machine, tmp_path):
    machine("a", "python3.12", "3.12.1")
    newer = machine("b", "python3.12", "3.12.9")
    thirteen = machine("b", "python3.13", "3.13.0")
    machine("b", "python3.11", "3.11.7")
    machine("b", "python3.10", "3.10.2")
    machine("b", "python3", "3.14.0")
    machine("b", "python3.13-config", "3.13.0")
    path = f"{tmp_path / 'a'}:{tmp_path / 'none'}:{tmp_path / 'b'}"
    files = candidates(path, tmp_path)
    assert [file.name for file in files] == ["python3.12", "python3.10", "python3.11", "python3.12", "python3.13"]
    assert find(files, (3, 11)) == {(3, 12): newer, (3, 13): thirteen}
    assert (3, 11) in find(files, (3, 12))


def test_pyenv_versions_are_found(machine, tmp_path):
    interpreter = machine(".pyenv/versions/3.12.1/bin", "python3.12", "3.12.1")
    assert candidates("", tmp_path) == [interpreter]


@pytest.mark.parametrize(
    "broken",
    [{"status": 1}, {"level": "candidate"}, {"threads": "1"}],
    ids=["does not start", "is a prerelease", "is free-threaded"],
)
def test_left_out_is_one_that(machine, broken):
    program = machine("a", "python3.12", "3.12.1", **broken)
    assert probe(program) is None
    assert find([program], (3, 11)) == {}


def test_a_real_interpreter_answers():
    version, _ = probe(Path(sys.executable))
    assert version == sys.version_info[:3]
