"""The import contract refuses planted imports, and says the same as the drawing in docs/ARCHITECTURE.md."""

import re
import subprocess
import sys
import tomllib

import grimp
import pytest

from tools.import_rooms import check_families, check_imports, parse_drawing
from tools.tidy.determinism import BELOW_THE_LINE
from tools.tidy.tree import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
ARROWS, LAYERS, _DRIVERS = SETTINGS["contracts"]
DRAWING = parse_drawing(ARROWS["arrows"], ARROWS["packages"])


def drawn_in_the_document():
    """The rooms of the table in docs/ARCHITECTURE.md, with the words of its last column."""
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("| Room | Holds | May import |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.+?) \|$", table, re.MULTILINE)
    return {room: [] if words == "–" else words.split(", ") for room, words in rows}


def graph_of(*imports):
    """An import graph with the given (importer, imported) pairs, and every package above them."""
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                graph.add_module(".".join(parts[:length]))
        graph.add_import(importer=importer, imported=imported, line_number=7, line_contents="planted")
    return graph


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("govchain.texts.words", "govchain.model.codes"),
        ("govchain.model.wire", "govchain.crypto"),
        ("govchain.merkle.tree", "govchain.state.port"),
        ("govchain.pki.chain", "govchain.merkle.tree"),
        ("govchain.state.overlay", "govchain.proof.headers"),
        ("govchain.contracts.meter", "govchain.proof.headers"),
        ("govchain.proof.headers", "govchain_native"),
        ("govchain.texts.words", "govchain_native"),
        ("govchain.ledger.execute", "govchain.storage.blocks"),
        ("govchain.modules.evidence.rules", "govchain.ledger.execute"),
        ("govchain.signers.file", "govchain.ledger.execute"),
        ("govchain.sdk.client", "govchain.ledger.execute"),
        ("govchain.sdk.client", "govchain.modules.evidence.rules"),
        ("govchain.sdk.client", "govchain.modules.evidence"),
        ("govchain.sdk.client", "govchain.storage.blocks"),
        ("govchain.sdk.client", "govchain_native"),
        ("govchain.consensus.solo.engine", "govchain.node.node"),
        ("govchain.storage.blocks", "govchain.ledger.execute"),
        ("govchain.services.submit", "govchain.api.routes"),
        ("govchain.api.routes", "govchain.node.node"),
        ("govchain.node.node", "govchain.cli.main"),
        ("govchain.model.wire", "rocksdict"),
        ("govchain.model.wire", "cryptography.x509"),
        ("govchain.ledger.execute", "structlog"),
        ("govchain.helpers.things", "govchain.model.codes"),
        ("govchain.texts.words", "msgspec"),
    ],
)
def test_an_import_that_is_not_drawn_is_refused(importer, imported):
    (offence,) = check_imports(graph_of((importer, imported)), DRAWING)
    assert (offence.importer, offence.imported, offence.line) == (importer, imported, 7)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("govchain.model.wire", "govchain.texts"),
        ("govchain.model.canonical", "govchain_native"),
        ("govchain.model.wire", "msgspec"),
        ("govchain.model.wire", "hashlib"),
        ("govchain.crypto.ecdsa", "cryptography.hazmat"),
        ("govchain.proof.headers", "govchain.crypto"),
        ("govchain.proof.headers", "govchain.model.wire"),
        ("govchain.proof.headers", "govchain"),
        ("govchain.modules.evidence.rules", "govchain.modules.port"),
        ("govchain.ledger.execute", "govchain_native"),
        ("govchain.sdk.client", "govchain.modules.evidence.messages"),
        ("govchain.sdk.client", "govchain.proof.package"),
        ("govchain.sdk.client", "structlog"),
        ("govchain.cli.main", "govchain.sdk.client"),
        ("govchain.__main__", "govchain.cli.main"),
        ("govchain_native", "msgspec"),
    ],
)
def test_an_import_that_is_drawn_is_fine(importer, imported):
    assert check_imports(graph_of((importer, imported)), DRAWING) == []


def test_families_never_reach_each_other_even_in_a_roundabout_way():
    families = "govchain.modules.evidence.rules", "govchain.modules.accounts.views"
    shared = "govchain.modules.port"
    assert check_families(graph_of((families[0], shared), (families[1], shared))) == []
    assert len(check_families(graph_of(families, (families[1], shared)))) == 1
    (offence,) = check_families(graph_of((families[0], shared), (shared, families[1])))
    assert "govchain.modules.evidence.rules → govchain.modules.port → govchain.modules.accounts.views" in offence.reason


@pytest.mark.parametrize("arrows", [["a <- b"], ["a"], ["a <-", "a <-"], ["<- a"], ["b <- c", "c <-"]], ids="; ".join)
def test_a_malformed_drawing_is_refused(arrows):
    with pytest.raises(ValueError, match=r"drawn|form"):
        parse_drawing(arrows, [])


def test_packages_of_a_room_that_is_not_drawn_are_refused():
    with pytest.raises(ValueError, match="not drawn"):
        parse_drawing(["a <-"], ["b <- msgspec"])


@pytest.mark.requirement("BJ.design.loose_coupling.01")
def test_the_settings_say_what_the_document_draws():
    """The layers are written once for people and once for the linter; both agree, arrow by arrow."""
    document = drawn_in_the_document()
    settings = {}
    for entry in ARROWS["arrows"]:
        room, _, words = entry.partition("<-")
        settings[room.strip()] = [word.strip() for word in words.split(",") if word.strip()]
    assert len(document) > 20
    assert settings == document
    assert list(settings) == list(document)
    assert [layer.strip("()") for layer in LAYERS["layers"]] == list(reversed(document))
    assert LAYERS["exhaustive"] is True
    assert set(DRAWING.packages) == set(BELOW_THE_LINE)
    assert tuple(document)[: len(BELOW_THE_LINE)] == BELOW_THE_LINE


@pytest.mark.requirement("BJ.maintainability.modularity.02", "BJ.design.loose_coupling.01")
def test_the_linter_finds_no_breach_of_the_layers():
    """The structure check over the package's own code and the packages it uses, against the written rules."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Contracts: 3 kept, 0 broken." in result.stdout


@pytest.fixture(scope="module")
def package_graph():
    return grimp.build_graph("govchain", include_external_packages=True, cache_dir=None)


@pytest.mark.requirement("BJ.maintainability.modularity.01")
def test_couplings_are_counted_and_there_is_no_cycle_between_rooms(package_graph):
    rooms = sorted(package_graph.find_children("govchain"))
    assert len(rooms) >= 10
    couplings = {
        room: {
            imported.split(".")[1]
            for module in {room, *package_graph.find_descendants(room)}
            for imported in package_graph.find_modules_directly_imported_by(module)
            if imported.startswith("govchain.") and imported.split(".")[1] != room.split(".")[1]
        }
        for room in rooms
    }
    for room, others in couplings.items():
        print(f"{room}: {len(others)} couplings: {', '.join(sorted(others))}")
    # A cycle would need an arrow upwards: every coupling must point to a room drawn before.
    order = {room: number for number, room in enumerate(DRAWING.rooms)}
    upwards = [
        (room, other)
        for room, others in couplings.items()
        for other in others
        if room != "govchain.__main__" and order[other] >= order[room.split(".")[1]]
    ]
    assert upwards == []


@pytest.mark.requirement("JX.architecture.logical.01")
def test_the_import_graph_differs_nowhere_from_the_layer_diagram(package_graph):
    rooms = {child.split(".")[1] for child in package_graph.find_children("govchain")} - {"__main__"}
    assert rooms <= set(drawn_in_the_document())
    assert check_imports(package_graph, DRAWING) == []
    assert check_families(package_graph) == []
