"""Installed families: their source digests, what changes them, and families that other packages offer."""

import ast
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import govchain_native as native
from govchain.crypto import frame
from govchain.model import Code, UnavailableError
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.governance import MODULE as GOVERNANCE
from govchain.modules.port import Module
from govchain.node.embedded import open_embedded
from govchain.node.modules import (
    ENTRY_POINT_GROUP,
    genesis_modules,
    installed_modules,
    module_digests,
    source_digest,
)
from tests.node.kit import SMALL


def test_the_families_are_sorted_and_in_genesis(chain):
    names = [module.name for module in installed_modules()]
    assert names == sorted(names)
    assert {"accounts", "evidence", "governance"} <= set(names)
    listed = json.loads((chain / "genesis.json").read_text())["modules"]
    assert [(entry["name"], entry["digest"]) for entry in listed] == sorted(module_digests(installed_modules()).items())
    assert [entry.name for entry in genesis_modules(installed_modules())] == names


@pytest.mark.parametrize("module", [ACCOUNTS, EVIDENCE, GOVERNANCE])
def test_a_digest_is_that_of_the_sources(module):
    """Recomputed from the files, as the rule says: the package's own but those for readers, and those named beside."""
    folder = Path(importlib.import_module(module.package).__file__).parent
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
    assert set(module.readers) <= set(files)
    files = {name: path for name, path in files.items() if name not in module.readers}
    files |= {name: Path(importlib.import_module(name).__file__) for name in module.sources}
    parts = [part for name, path in sorted(files.items()) for part in (name.encode(), path.read_bytes())]
    assert source_digest(module) == native.sm3(frame("govchain/module-source/1", *parts)).hex()


def imported(path, package):
    """Names of the modules that a source imports, also those that a ``from`` may mean."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = (
                importlib.util.resolve_name("." * node.level + (node.module or ""), package)
                if node.level
                else node.module
            )
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("module", [ACCOUNTS, EVIDENCE, GOVERNANCE])
def test_no_rule_imports_what_is_for_readers_only(module):
    """Otherwise a rule could change without its digest."""
    folder = Path(importlib.import_module(module.package).__file__).parent
    readers = {f"{module.package}.{name.removesuffix('.py').replace('/', '.')}" for name in module.readers}
    pinned = [path for path in folder.rglob("*.py") if path.relative_to(folder).as_posix() not in module.readers]
    pinned += [Path(importlib.import_module(name).__file__) for name in module.sources]
    assert pinned
    for path in pinned:
        inside = path.parent.relative_to(folder).parts if path.is_relative_to(folder) else ()
        assert not imported(path, ".".join((module.package, *inside))) & readers, path
    for name in module.readers:
        assert imported(folder / name, module.package), (
            "a reader that imports nothing would show that imports are missed"
        )


@pytest.fixture
def family(tmp_path, monkeypatch):
    """A package of sources that stands in for a family's."""
    folder = tmp_path / "some_family"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("VALUE = 1\n")
    (folder / "rules.py").write_text("def rule():\n    return 1\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "README.md").write_text("words\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = Module(
        name="some_family", version=1, package="some_family", namespaces=(), handlers=(), genesis=lambda *_: ()
    )
    yield folder, lambda: source_digest(module)
    sys.modules.pop("some_family", None)


def test_what_changes_a_digest_and_what_does_not(family):
    folder, digest = family
    first = digest()
    rules = folder / "rules.py"
    rules.write_bytes(rules.read_bytes().replace(b"\n", b"\r\n"))
    (folder / "README.md").write_text("other words\n")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "rules.py").write_text("cached\n")
    assert digest() == first
    rules.write_text("def rule():\n    return 2\n")
    second = digest()
    (folder / "inner" / "more.py").write_text("")
    third = digest()
    (folder / "inner" / "more.py").rename(folder / "inner" / "most.py")
    assert len({first, second, third, digest()}) == 4


CHANGED = """
import importlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from govchain.node.embedded import open_embedded
from govchain.model import GovChainError
try:
    open_embedded(Path(sys.argv[2])).close()
    print("opened")
except GovChainError as error:
    print(error)
"""


@pytest.mark.requirement("BJ.maintainability.modifiability.01")
def test_a_node_with_a_changed_source_refuses_to_start(chain, tmp_path):
    """The whole package copied, one line of a family's rules changed: the same chain is not opened by it."""
    import govchain

    source = Path(govchain.__file__).parent
    copied = tmp_path / "changed" / "govchain"
    shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))

    def run():
        done = subprocess.run(
            [sys.executable, "-c", CHANGED, str(copied.parent), str(chain)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run() == "opened"
    rules = copied / "modules" / "evidence" / "rules.py"
    rules.write_text(rules.read_text(encoding="utf-8") + "\n# a change\n", encoding="utf-8")
    assert run().startswith("MODULE_MISSING")
    assert "evidence" in run()


def test_the_error_names_the_family_and_both_digests(chain):
    genesis = json.loads((chain / "genesis.json").read_text())
    genesis["modules"][1]["digest"] = "ab" * 32
    (chain / "genesis.json").write_text(json.dumps(genesis))
    with pytest.raises(UnavailableError) as refused:
        open_embedded(chain, options=SMALL)
    error = refused.value
    assert error.code is Code.MODULE_MISSING
    assert "evidence" in error.text()
    assert "ab" * 8 in error.text()
    assert source_digest(EVIDENCE)[:16] in error.text()
    assert ENTRY_POINT_GROUP == "govchain.modules"
