"""The demonstration: every step is a real command, here on a small folder; a step that ends otherwise fails it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from govchain.model import Code, UsageError
from govchain.ops import demo
from govchain.ops.demo import FILES_MIN, run
from tools.tidy.tree import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of differing kinds and sizes, some in folders, one with a Chinese name, one empty."""
    place = tmp_path_factory.mktemp("files")
    (place / "inner" / "deeper").mkdir(parents=True)
    for number in range(12):
        (place / "inner" / f"{number}.bin").write_bytes(os.urandom(number * 1_000))
    (place / "inner" / "deeper" / "通知.txt").write_text("公告", encoding="utf-8")
    (place / "empty").touch()
    return place


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    heard = []
    result = run(folder=folder, keep=home, files_min=10, tell=heard.append)
    return home, result, heard


@pytest.mark.requirement("BJ.baas.general.03", "GD.function.evidence.01")
def test_it_shows_the_whole_way_and_the_refusals(done):
    home, result, heard = done
    assert result["files"] == 14
    assert result["stand_alone_verifier"] is True
    codes = {step["title"]: step["exit_code"] for step in result["steps"]}
    assert {title for title, code in codes.items() if code == 1} == {
        "changed_file",
        "changed_package",
        "changed_package_alone",
    }
    assert {title for title, code in codes.items() if code == 3} == {"no_trust"}
    assert {"create", "anchor", "find", "export", "verify", "verify_alone", "doctor"} <= set(codes)
    assert len(heard) == len(result["steps"])
    assert all(step["seconds"] > 0 for step in result["steps"])
    assert (home / "proof.gcp").is_file()
    assert (home / "chain" / "genesis.json").is_file()


def test_what_it_prints_can_be_read(done):
    _, _, heard = done
    for step in heard:
        assert step.output.strip()
        assert "Traceback" not in step.output
        assert len(step.output.splitlines()) <= 15
        assert step.command.split()[0] in ("govchain", "python")


def test_what_to_try_next_works(done, folder):
    """The commands it names at the end are run as they stand."""
    home, result, _ = done
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = "\n".join(result["next"])
    answer = subprocess.run(
        ["bash", "-e"], input=script, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    assert str(home) in script


def test_a_small_folder_is_refused_before_anything_is_made(folder, tmp_path):
    with pytest.raises(UsageError) as refused:
        run(folder=folder, keep=tmp_path / "home")
    assert refused.value.code is Code.USAGE
    assert str(FILES_MIN) in refused.value.text()
    assert not (tmp_path / "home").exists()


def test_the_default_folder_holds_enough():
    assert sum(len(names) for _, _, names in os.walk(demo.default_folder())) >= FILES_MIN


def test_a_step_that_ends_otherwise_fails_the_demonstration(folder, tmp_path):
    """A stand-alone verifier that accepts everything is caught at the forgery."""
    credulous = tmp_path / "credulous.py"
    credulous.write_text("import sys; print('fine'); sys.exit(3 if '--trust' not in sys.argv else 0)\n")
    with pytest.raises(Exception, match="exit code 3, expected 1"):
        run(folder=folder, keep=tmp_path / "home", files_min=10, verifier=credulous)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_command_prints_steps_and_timings(folder, tmp_path, language):
    """Through the command line, with a thousand files."""
    many = tmp_path / "many"
    many.mkdir()
    for number in range(FILES_MIN if language == "en" else 3):
        (many / f"{number}.txt").write_text(str(number))
    command = [sys.executable, "-m", "govchain.cli", "--lang", language, "demo", "--dir", str(tmp_path / "home")]
    command += ["--verifier", "tools/verify_package.py"]
    answer = subprocess.run([*command, "--files", str(many)], cwd=ROOT, capture_output=True, text=True, check=False)
    if language == "zh":
        assert answer.returncode == 2
        assert str(FILES_MIN) in answer.stderr
        return
    assert answer.returncode == 0, answer.stderr
    assert "govchain verify proof.gcp" in answer.stdout
    assert "verify_package.py" in answer.stdout
    assert f"{FILES_MIN}" in answer.stdout
    assert "chain status" in answer.stdout
    assert json.loads((tmp_path / "home" / "chain" / "genesis.json").read_text())["suite"] == "gm"
