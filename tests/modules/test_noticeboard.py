"""A family from another package joins by its entry point, from its own tutorial, without a change of ours."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from govchain.ledger import build_machine
from govchain.model import Code, UnavailableError, UsageError
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.node.modules import ENTRY_POINT_GROUP, genesis_modules, installed_modules, module_digests, source_digest
from tests.ledger.kit import CREATED, Kit, Ledger, make, prove_live
from tools.tidy.determinism import check_determinism

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "module_noticeboard"
SOURCES = EXAMPLE / "src"
YEAR_MS = 366 * 24 * 3600 * 1000


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """What an installer leaves on the path: the package's folder, and its metadata from pyproject.toml."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"[{ENTRY_POINT_GROUP}]"]
    lines += [f"{name} = {target}" for name, target in project["entry-points"][ENTRY_POINT_GROUP].items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return [str(site), str(SOURCES)]


@pytest.fixture
def on_the_path(installed, monkeypatch):
    for folder in reversed(installed):
        monkeypatch.syspath_prepend(folder)


@pytest.fixture
def board(on_the_path):
    """A ledger with the family, loaded as a node loads it."""
    modules = installed_modules()
    assert [module.name for module in modules] == ["accounts", "evidence", "governance", "noticeboard"]
    return Ledger(Kit(modules=modules))


def pin(slot=0, **changes):
    return {"slot": slot, "sm3": "ab" * 32, "subject": "国庆放假安排", "until": CREATED + 10_000, **changes}


def send(ledger, kind, payload, sender):
    envelope = make(kind, payload, sender)
    checked = ledger.check(envelope)
    assert ledger.codes(envelope) == [checked]
    return checked


def slots(ledger, organisation):
    from govchain_noticeboard.views import board as read

    return [slot for slot, _ in read(ledger.state, ledger.kit.organisations[organisation])]


@pytest.mark.requirement("BJ.design.modular.09")
def test_loaded_by_its_entry_point_and_committed(board, kit):
    """Nothing of `src` names it; genesis lists it; its transactions commit, and `live` proves what hangs."""
    for source in (Path(__file__).resolve().parents[2] / "src").rglob("*.py"):
        tree = ast.parse(source.read_text(encoding="utf-8"))
        names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not any("noticeboard" in name for name in names), source
    ledger = board
    assert send(ledger, "noticeboard.pin", pin(3), ledger.kit.department) == Code.OK
    key = b"noticeboard.notice/" + ledger.kit.organisations[0].encode() + b"\x03"
    stored = ledger.state.get(key)
    assert b'"subject":"' + "国庆放假安排".encode() in stored
    assert prove_live(ledger, key) == stored
    assert prove_live(ledger, key[:-1] + b"\x04") is None
    assert send(ledger, "noticeboard.unpin", {"slot": 3}, ledger.kit.department) == Code.OK
    assert prove_live(ledger, key) is None
    assert slots(ledger, 0) == []


def test_without_installation_it_is_not_there():
    assert [module.name for module in installed_modules()] == ["accounts", "evidence", "governance"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"slot": 99}, Code.OK),
        ({"slot": 100}, Code.PAYLOAD_SHAPE),
        ({"slot": -1}, Code.PAYLOAD_SHAPE),
        ({"subject": ""}, Code.PAYLOAD_SHAPE),
        ({"subject": "   "}, Code.PAYLOAD_SHAPE),
        ({"subject": "a\nb"}, Code.PAYLOAD_SHAPE),
        ({"subject": "x" * 129}, Code.PAYLOAD_SHAPE),
        ({"sm3": "AB" * 32}, Code.PAYLOAD_SHAPE),
        ({"until": CREATED}, Code.PAYLOAD_SHAPE),
        ({"until": CREATED + 1 + YEAR_MS}, Code.OK),
        ({"until": CREATED + 2 + YEAR_MS}, Code.PAYLOAD_SHAPE),
        ({"text": "everything"}, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_pinning(board, changes, code):
    envelope = make("noticeboard.pin", pin(**changes), board.kit.department)
    assert board.check(envelope) == code


@pytest.mark.parametrize(("role", "code"), [("department", Code.OK), ("auditor", Code.ROLE_MISSING)])
def test_who_may_pin(board, role, code):
    assert send(board, "noticeboard.pin", pin(), board.kit.accounts[0, role]) == code


def test_each_organisation_has_its_own_board(board):
    first, second = board.kit.department, board.kit.accounts[1, "department"]
    for slot, sender in ((2, first), (1, first), (2, second)):
        assert send(board, "noticeboard.pin", pin(slot), sender) == Code.OK
    assert send(board, "noticeboard.unpin", {"slot": 2}, second) == Code.OK
    assert (slots(board, 0), slots(board, 1)) == ([1, 2], [])
    assert send(board, "noticeboard.unpin", {"slot": 7}, second) == Code.OK


def test_a_supervisor_takes_down(board):
    department, supervisor = board.kit.department, board.kit.accounts[1, "supervisor"]
    assert send(board, "noticeboard.pin", pin(5), department) == Code.OK
    payload = {"organisation": board.kit.organisations[0], "slot": 5}
    assert send(board, "noticeboard.take_down", payload, department) == Code.ROLE_MISSING
    unknown = {**payload, "organisation": "91110000600037341L"}
    assert send(board, "noticeboard.take_down", unknown, supervisor) == Code.ORGANISATION_UNKNOWN
    assert send(board, "noticeboard.take_down", payload, supervisor) == Code.OK
    assert slots(board, 0) == []


def test_its_sources_keep_the_rules_for_rules():
    """What the project demands of its own families holds for the example."""
    for source in SOURCES.rglob("*.py"):
        assert check_determinism(str(source), source.read_text(encoding="utf-8"), "modules") == []


def test_a_chain_needs_the_family_as_it_was(board):
    """Genesis pins version and source digest: without the family, or with other sources, the chain does not open."""
    modules = installed_modules()
    digests = module_digests(modules)
    genesis = Kit(modules=modules).genesis
    import msgspec

    genesis = msgspec.structs.replace(genesis, modules=genesis_modules(modules))
    verifier = board.kit.machine.verifier
    assert build_machine(genesis, modules, digests, verifier).types == board.kit.machine.types
    for wrong in (modules[:-1], modules):
        with pytest.raises(UnavailableError) as caught:
            build_machine(genesis, wrong, {**digests, "noticeboard": "00" * 32}, verifier)
        assert caught.value.code == Code.MODULE_MISSING
        assert "noticeboard" in caught.value.text()


def test_source_digest_is_of_every_source(on_the_path, tmp_path, monkeypatch):
    """Independent computation: SM3 over the framed names and contents of all `*.py`, sorted, line ends as LF."""
    from tests.ledger.slow import tagged

    (module,) = [module for module in installed_modules() if module.name == "noticeboard"]
    folder = SOURCES / "govchain_noticeboard"
    parts = []
    for path in sorted(folder.rglob("*.py")):
        parts += [path.relative_to(folder).as_posix(), path.read_bytes()]
    assert source_digest(module) == tagged("govchain/module-source/1", *parts).hex()
    assert source_digest(ACCOUNTS) != source_digest(EVIDENCE)


@pytest.mark.parametrize(
    ("target", "reason"),
    [("noticeboard = json:dumps", "no family"), ("accounts = govchain.modules.accounts:MODULE", "two installed")],
)
def test_entry_points_that_are_no_family_are_refused(tmp_path, monkeypatch, target, reason):
    info = tmp_path / "odd-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\n{target}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert metadata.entry_points(group=ENTRY_POINT_GROUP)
    with pytest.raises(UsageError) as caught:
        installed_modules()
    assert reason in caught.value.params["reason"]


def blocks_of(language):
    """The fenced blocks of the tutorial in a language, in order."""
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    return [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]


@pytest.mark.requirement("BJ.design.modular.09")
def test_the_tutorial_runs(installed, tmp_path):
    """Its program, on a chain that was made with the family installed; its entry point is the package's own."""
    declared = tomllib.loads(blocks_of("toml")[0])["project"]["entry-points"]
    assert declared == tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    program = tmp_path / "program.py"
    program.write_text(blocks_of("python")[-1], encoding="utf-8")
    make_chain = (
        "import sys; from pathlib import Path; from govchain.node.embedded import create_chain;"
        "created = create_chain(Path(sys.argv[1])); sys.stdout.buffer.write(created.genesis_bytes)"
    )
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join(installed), "PYTHONIOENCODING": "utf-8", "HOME": str(tmp_path)
    }  # fmt: skip

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, check=False, timeout=120, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    genesis = run("-c", make_chain, "d")
    assert '"name":"noticeboard"' in genesis
    assert run(str(program), "d").split() == ["1", "0", "窗口国庆放假安排"]
