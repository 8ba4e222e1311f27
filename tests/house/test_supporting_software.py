"""The supporting packages may change: their lowest allowed versions are installed, and the vectors hold there too.

Here the rooms without I/O are tested with the lowest versions; `make test-lowest` runs the whole set with them, and
every other run uses those that uv.lock pins.
"""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import pytest

from tools.tidy.tree import ROOT

UV = str(ROOT / "tools" / "uv")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
#: What is tested with the lowest versions: decoding, digests, signatures, key files, trees, by published vectors.
CHOSEN = ("tests/model", "tests/merkle/test_rfc9162.py", "tests/crypto/test_vectors.py", "tests/crypto/test_der.py")


def lower_bounds(requirements):
    """Name to lowest version; a package without one (our own kernels) is left out."""
    found = {}
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?>=([0-9.]+)", requirement)
        if match:
            found[match[1]] = match[2]
    return found


BOUNDS = lower_bounds(SETTINGS["project"]["dependencies"])


def same_version(one, other):
    return [int(part) for part in one.split(".")] == [int(part) for part in other.split(".")]


def numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)]


def test_every_supporting_package_has_a_lower_bound():
    names = {re.match(r"[A-Za-z0-9-]+", one)[0] for one in SETTINGS["project"]["dependencies"]}
    assert names - set(BOUNDS) == {"govchain-native"}


def test_this_environment_has_the_versions_that_are_locked():
    locked = {
        package["name"]: package["version"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    for name, lowest in BOUNDS.items():
        assert numbers(locked[name]) >= numbers(lowest)
    if sys.prefix == str(ROOT / ".venv"):
        assert {name: version(name) for name in BOUNDS} == {name: locked[name] for name in BOUNDS}


def test_the_target_installs_the_lowest_versions_and_runs_every_room():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = makefile[makefile.index("\ntest-lowest:") :].split("\n\n")[0]
    assert "--resolution lowest-direct" in recipe
    assert set(re.findall(r"--ignore (\S+)", recipe)) == {"tests/house", "tests/tidy"}


@pytest.mark.requirement("BJ.portability.adaptability.04")
def test_the_vectors_hold_with_the_lowest_versions(tmp_path):
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True)
    command = [UV, "pip", "install", "--quiet", "--python", python, "--resolution", "lowest-direct"]
    subprocess.run([*command, "--group", "dev", "."], check=True, cwd=ROOT)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
    question = f"from importlib.metadata import version; print(*[version(name) for name in {sorted(BOUNDS)}])"
    said = subprocess.run([python, "-I", "-c", question], env=kept, capture_output=True, text=True, check=True)
    found = dict(zip(sorted(BOUNDS), said.stdout.split(), strict=True))
    print("lowest versions:", found)
    assert [name for name in BOUNDS if not same_version(found[name], BOUNDS[name])] == []
    assert any(found[name] != version(name) for name in BOUNDS), "lowest and locked are the same"
    options = ["-q", "-m", "not long and not net", "--requirements-record=none", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [python, "-m", "pytest", *options, f"--basetemp={tmp_path / 'inner'}", *CHOSEN],
        cwd=ROOT,
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert " passed" in run.stdout
