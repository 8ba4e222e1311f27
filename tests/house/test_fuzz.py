"""The fuzz runner finds a planted fault, keeps the input, and every target accepts its own seeds."""

import random
import subprocess
import sys

import pytest

from tools.fuzz import INPUT_BYTES_MAX, load, main, mutate, run_plain, targets
from tools.tidy.tree import ROOT

TARGETS = targets()


def test_a_planted_fault_is_found_and_its_input_kept(tmp_path):
    def one(data):
        if len(data) > 4:
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        run_plain(one, [b"abc"], 20, tmp_path, seed=1)
    (kept,) = tmp_path.glob("crash-*")
    assert len(kept.read_bytes()) > 4


def test_a_sound_target_runs_for_its_time(tmp_path):
    seen = set()
    count = run_plain(seen.add, [b'{"a":1}'], 0.2, tmp_path, seed=1)
    assert count > 100
    assert len(seen) > 50
    assert not list(tmp_path.iterdir())


def test_mutations_are_repeatable_and_bounded():
    first = [mutate(b"x" * INPUT_BYTES_MAX, random.Random(number)) for number in range(50)]
    assert first == [mutate(b"x" * INPUT_BYTES_MAX, random.Random(number)) for number in range(50)]
    assert max(map(len, first)) <= INPUT_BYTES_MAX


def test_no_target_is_a_failure(capsys):
    assert main(["--only", "no-such-target"]) == 1
    assert "no fuzz target" in capsys.readouterr().err


def test_there_are_targets():
    assert len(TARGETS) >= 3


@pytest.mark.parametrize("path", TARGETS, ids=lambda path: path.stem)
def test_a_target_accepts_its_seeds_and_a_second_of_mutations(path, tmp_path):
    module = load(path)
    assert module.SEEDS
    run_plain(module.one, module.SEEDS, 1.0, tmp_path, seed=7)


def test_the_runner_runs_a_target_in_a_process_of_its_own():
    command = [sys.executable, "-m", "tools.fuzz", "--seconds", "1", "--seed", "3", "--only", TARGETS[0].stem]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "fuzz: 1 passed, 0 failed" in result.stdout
