"""The package installed into an empty environment, and the README's first proof run there, command by command."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from tools.check_docs import shell_lines
from tools.tidy.tree import ROOT

#: Installing takes longer than this only when the kernels are compiled anew, in seconds.
INSTALL_SECONDS_MAX = 240
IDENTIFIER_CHARACTERS = 64


def first_proof():
    """The README's commands, one by one, without comments."""
    lines = [line for _, line in shell_lines((ROOT / "README.md").read_text("utf-8"))]
    return [part.strip() for line in lines if line.startswith("govchain") for part in line.split("&&")]


class Machine:
    """An environment of its own with the package installed, and a home that nobody has used."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.work = folder / "work"
        self.seconds = 0.0
        for place in (self.home, self.work):
            place.mkdir()

    def install(self):
        environment = self.folder / "venv"
        started = time.monotonic()
        uv = str(ROOT / "tools" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
        python = str(environment / "bin" / "python")
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, str(ROOT)], check=True, cwd=ROOT)
        self.seconds = time.monotonic() - started
        return self

    def run(self, command, home=None, work=None):
        """Runs a command line as a shell would in the working folder; gives exit code and output."""
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TERM") if name in os.environ}
        path = f"{self.folder / 'venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=work or self.work,
            env=kept | {"PATH": path, "HOME": str(home or self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr


def identifiers(value):
    """Every 64-digit identifier under a key named like a transaction's or record's id."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("id", "transaction") and isinstance(inner, str) and len(inner) == IDENTIFIER_CHARACTERS:
                yield inner
            yield from identifiers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from identifiers(inner)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine")).install()


@pytest.fixture(scope="module")
def proved(machine):
    """The README's commands run in order; every one must succeed."""
    original = machine.work / "contract.txt"
    original.write_bytes(os.urandom(5000))
    folder, identifier, printed = machine.work, "", []
    for command in first_proof():
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
            continue
        filled = command.replace("FILE", str(original))
        if " ID" in filled:
            _, found = machine.run(f"govchain evidence find {original} --json", work=folder)
            identifier = next(identifiers(json.loads(found)))
            filled = filled.replace(" ID", f" {identifier}")
        code, output = machine.run(filled, work=folder)
        printed.append(f"$ {filled}\n{output}")
        assert code == 0, "\n".join(printed)
    return {"original": original, "folder": folder, "id": identifier, "printed": printed}


@pytest.mark.requirement("BJ.portability.installability.01", "GZ.process.install.01", "BJ.baas.general.03")
def test_the_first_proof_of_the_readme_works_on_a_new_installation(proved):
    """Installed with default settings, without editing a file: a chain, a record, a package, its verification."""
    commands = " ".join(first_proof())
    assert [word for word in ("init", "put", "find", "export", "verify") if word not in commands] == []
    assert (proved["folder"] / "p.gcp").stat().st_size > 1000


def test_a_changed_byte_of_the_file_or_the_package_is_refused_and_located(machine, proved):
    altered = machine.work / "altered.txt"
    data = bytearray(proved["original"].read_bytes())
    data[2500] ^= 1
    altered.write_bytes(data)
    code, printed = machine.run(f"govchain verify p.gcp --original {altered}", work=proved["folder"])
    assert code == 1, printed
    package = bytearray((proved["folder"] / "p.gcp").read_bytes())
    package[len(package) // 2] ^= 1
    (proved["folder"] / "altered.gcp").write_bytes(package)
    code, printed = machine.run("govchain verify altered.gcp", work=proved["folder"])
    assert code == 1, printed


def test_elsewhere_the_same_package_is_consistent_but_untrusted(machine, proved, tmp_path):
    shutil.copy(proved["folder"] / "p.gcp", tmp_path / "p.gcp")
    code, printed = machine.run("govchain verify p.gcp", home=tmp_path, work=tmp_path)
    assert code == 3, printed


@pytest.mark.requirement("BJ.portability.installability.02")
def test_one_command_without_input_installs(machine):
    """From a checkout to a working node: `make setup` and `govchain init`, no question asked (no standard input)."""
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    recipe = lines[next(number for number, line in enumerate(lines) if line.startswith("setup:")) + 1]
    assert recipe.strip() == "@$(UV) sync $(SYNC_FLAGS)"
    code, printed = machine.run("govchain init another-chain")
    assert code == 0, printed
    print("commands from a checkout to a working node: 2 (make setup, govchain init); inputs: 0")


@pytest.mark.requirement("BJ.portability.installability.07")
def test_installing_is_quick(machine):
    print(f"installed in {machine.seconds:.1f} s")
    assert 0 < machine.seconds < INSTALL_SECONDS_MAX


def test_nothing_is_missing_from_the_installed_package(machine):
    code, printed = machine.run("python -c 'import govchain; print(govchain.__file__)'")
    assert code == 0, printed
    installed = os.path.dirname(printed.strip())
    assert str(machine.folder) in installed
    source = ROOT / "src" / "govchain"
    files = {
        path.relative_to(source) for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    missing = sorted(str(path) for path in files if not os.path.exists(os.path.join(installed, path)))
    assert missing == []
