"""The repository as others meet it: licence, history, targets, continuous integration, the published rules."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from itertools import chain

import pytest

from tools import check_docs
from tools.tidy.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TARGETS = ["setup", "demo", "test", "test-long", "test-lowest", "lint", "bench", "docs", "requirements", "help"]


def run(*command, cwd=ROOT, **environment):
    """Runs a program; gives exit code and output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=inherited | environment,
        stdin=subprocess.DEVNULL,
    )
    return result.returncode, result.stdout + result.stderr


@pytest.mark.requirement("BJ.design.control.02")
def test_the_platform_is_developed_openly():
    """An open licence, the whole source without parts that came from nowhere, and a change history."""
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert PROJECT["project"]["license"] == "Apache-2.0"
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"({PROJECT['project']['version']})" in changes
    code, log = run("git", "log", "--format=%h %s")
    assert code == 0
    assert log.strip()
    code, tracked = run("git", "ls-files")
    binary = re.findall(r"^.+\.(?:so|dll|dylib|pyc|whl|o|a|exe)$", tracked, re.MULTILINE)
    assert (code, binary) == (0, [])


def test_every_target_exists_and_is_listed_by_help():
    assert set(TARGETS) <= check_docs.make_targets((ROOT / "Makefile").read_text("utf-8"))
    code, printed = run("make", "help")
    assert code == 0
    for target in TARGETS:
        if target != "help":
            assert re.search(rf"^  make {target} ", printed, re.MULTILINE), target


def test_continuous_integration_calls_the_same_targets_without_a_terminal():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    text = script.read_text("utf-8")
    assert {"lint", "docs", "test"} <= set(re.findall(r"^make (\S+)$", text, re.MULTILINE))
    assert "set -euo pipefail" in text
    assert run("bash", "-n", str(script))[0] == 0


def test_the_lock_file_is_committed_with_a_digest_for_every_package():
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    assert {"govchain", "govchain-native"} <= {package["name"] for package in lock["package"]}
    for package in lock["package"]:
        if "registry" in package["source"]:
            files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            assert files, package["name"]
            assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
        else:
            assert package["name"] in ("govchain", "govchain-native")


def test_every_dependency_is_explained():
    explained = (ROOT / "docs" / "DEPENDENCIES.md").read_text("utf-8")
    needed = [*PROJECT["project"]["dependencies"], *chain.from_iterable(PROJECT["dependency-groups"].values())]
    names = [re.match(r"[\w-]+", entry).group() for entry in needed]
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in explained] == []
    crates = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text("utf-8"))["dependencies"]
    assert [crate for crate in crates if f"`{crate}`" not in explained] == []


def test_every_dependency_but_our_own_has_a_lower_bound():
    needed = [*PROJECT["project"]["dependencies"], *chain.from_iterable(PROJECT["dependency-groups"].values())]
    assert [entry for entry in needed if ">=" not in entry] == ["govchain-native"]


@pytest.mark.requirement("BJ.maintainability.reusability.03")
def test_the_code_follows_the_coding_rules():
    """The linter with the published rules (pyproject.toml), and its number of findings: none."""
    ruff = [sys.executable, "-m", "ruff"]
    code, printed = run(*ruff, "check", "--no-cache", "--output-format", "concise", ".")
    assert code == 0, printed
    assert "All checks passed!" in printed
    code, printed = run(*ruff, "format", "--no-cache", "--check", ".")
    assert code == 0, printed


def test_the_linter_finds_a_planted_breach(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("import os\ndef f(x=[]):\n    return x\n")
    settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--output-format", "concise"]
    code, printed = run(sys.executable, "-m", "ruff", "check", *settings, str(planted))
    assert code == 1
    assert {"F401", "B006", "D103", "ANN201"} <= set(re.findall(r"\b[A-Z]+\d{3}\b", printed))


@pytest.mark.requirement("BJ.maintainability.reusability.04")
def test_the_documents_follow_the_document_rules(capsys):
    """The check for required sections, dead links and outdated commands, and its number of findings: none."""
    code = check_docs.main()
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "docs: nothing found" in printed
    assert int(re.search(r"read (\d+) documents with (\d+) command lines", printed).group(2)) > 20


@pytest.fixture
def small_project(tmp_path):
    """A repository with this Makefile, two components and a test for each."""
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "interpreters.py", tmp_path / "tools")
    for room in ("alpha", "beta"):
        (tmp_path / "tests" / room).mkdir(parents=True)
        (tmp_path / f"{room}.py").write_text("ANSWER = 42\n")
        test = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport {room}\n"
        test += f"def test_{room}():\n    assert {room}.ANSWER == 42\n"
        (tmp_path / "tests" / room / f"test_{room}.py").write_text(test)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n")

    def make(*arguments):
        return run("make", *arguments, "UV=true", f"PY={sys.executable} -B", cwd=tmp_path)

    make.path = tmp_path
    return make


@pytest.mark.requirement("BJ.maintainability.testability.01")
def test_one_command_runs_all_tests_and_its_exit_code_tells(small_project):
    code, printed = small_project("test")
    assert code == 0, printed
    assert "2 passed" in printed
    (small_project.path / "beta.py").write_text("ANSWER = 43\n")
    code, printed = small_project("test")
    assert code != 0
    assert "1 failed, 1 passed" in printed


@pytest.mark.requirement("BJ.maintainability.testability.02")
def test_a_checkpoint_is_restored_and_only_the_changed_component_tested(small_project):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        code, printed = run("git", *identity, *arguments, cwd=small_project.path)
        assert code == 0, printed

    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "both work")
    git("tag", "before-maintenance")
    (small_project.path / "alpha.py").write_text("ANSWER = 43\n")
    git("commit", "-q", "-a", "-m", "alpha: maintenance")
    code, printed = small_project("test", "ROOM=alpha")
    assert code != 0
    assert "1 failed" in printed
    code, printed = small_project("test", "ROOM=beta")
    assert code == 0, printed
    git("checkout", "-q", "before-maintenance")
    code, printed = small_project("test", "ROOM=alpha")
    assert code == 0, printed
    assert "1 passed" in printed
    assert "beta" not in printed
    code, printed = small_project("test", "ROOM=gamma")
    assert code != 0
    assert "there is no tests/gamma" in printed
