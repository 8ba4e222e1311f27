"""Each room's public names are listed and right, and no room reaches for a private name of another."""

import ast
import importlib
import tomllib

import pytest

from tests.house.public_names import PUBLIC
from tools.tidy.tree import ROOT

SOURCE = ROOT / "src" / "govchain"
ROOMS = sorted(folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").is_file())
MODULES = sorted(SOURCE.rglob("*.py"))

#: Names taken from a module of another room that its ``__all__`` does not list, for a stated reason.
UNLISTED = {
    "govchain.model.wire": {"Address", "Height", "Milliseconds"},  # types of fields, without behaviour
    "govchain.storage.snapshots": {"chunk_name"},  # file names within a snapshot, shared with who serves them
}


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def is_private(name):
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def reaches(source, room):
    """(line, what) of each private name of another room, and of each module or name taken from another room.

    Args:
        source: a module's text.
        room: the room it is in.
    """
    tree = ast.parse(source)
    private, taken, foreign = [], [], {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "govchain":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if room_of(whole) in ("", room):
                    continue
                foreign[alias.asname or alias.name] = whole
                taken.append((node.lineno, node.module, alias.name))
                if any(is_private(part) for part in whole.split(".")):
                    private.append((node.lineno, whole))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "govchain" and room_of(alias.name) not in ("", room):
                    foreign[alias.asname or alias.name] = alias.name
                    if any(is_private(part) for part in alias.name.split(".")):
                        private.append((node.lineno, alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = ast.unparse(node.value)
            if owner in foreign:
                private.append((node.lineno, f"{foreign[owner]}.{node.attr}"))
    return private, taken


@pytest.mark.requirement("BJ.design.loose_coupling.02")
def test_no_room_uses_a_private_name_of_another():
    found = []
    for path in MODULES:
        private, _ = reaches(path.read_text("utf-8"), path.relative_to(SOURCE).parts[0])
        found += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in private]
    assert found == []


@pytest.mark.requirement("BJ.design.loose_coupling.02")
def test_what_a_room_takes_from_another_is_in_a_list_of_public_names():
    found, counted = [], 0
    for path in MODULES:
        _, taken = reaches(path.read_text("utf-8"), path.relative_to(SOURCE).parts[0])
        for line, module, name in taken:
            counted += 1
            listed = getattr(importlib.import_module(module), "__all__", ())
            if name in listed or name in UNLISTED.get(module, ()) or name.startswith("__"):
                continue
            if (SOURCE.parent / f"{module}.{name}".replace(".", "/")).with_suffix(".py").is_file():
                continue
            if (SOURCE.parent / f"{module}.{name}".replace(".", "/") / "__init__.py").is_file():
                continue
            found.append(f"{path.relative_to(ROOT)}:{line}: {module}.{name}")
    assert found == []
    assert counted > 300


def test_planted_reaches_are_found():
    planted = """
from govchain.crypto.keys import _hidden
from govchain.proof import archive
import govchain.storage.rocks as rocks
archive._scan(b"")
rocks._open()
archive.decode_archive(b"")
"""
    assert [what for _, what in reaches(planted, "sdk")[0]] == [
        "govchain.crypto.keys._hidden",
        "govchain.proof.archive._scan",
        "govchain.storage.rocks._open",
    ]
    assert [what for _, what in reaches(planted, "proof")[0]] == [
        "govchain.crypto.keys._hidden",
        "govchain.storage.rocks._open",
    ]


@pytest.mark.requirement("BJ.design.loose_coupling.02")
def test_every_module_with_something_public_lists_it():
    missing = []
    for path in MODULES:
        tree = ast.parse(path.read_text("utf-8"))
        public = [
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        listed = [ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)]
        if public and "__all__" not in listed:
            missing.append(str(path.relative_to(ROOT)))
    assert missing == []


def test_rooms_are_those_of_the_drawing():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    drawn = {entry.split(" <-")[0] for contract in settings for entry in contract.get("arrows", ())}
    assert set(ROOMS) <= drawn
    assert {name.split(".")[0] for name in PUBLIC} == set(ROOMS)


@pytest.mark.parametrize("room", sorted(PUBLIC))
@pytest.mark.requirement("BJ.design.loose_coupling.02")
def test_the_public_names_of_a_room(room):
    """What the room lists is what is written here, exists, and is all that it gathers for others."""
    module = importlib.import_module(f"govchain.{room}")
    listed = list(getattr(module, "__all__", ()))
    assert sorted(listed) == sorted(PUBLIC[room].split())
    assert len(listed) == len(set(listed))
    assert [name for name in listed if not hasattr(module, name)] == []
    source = (SOURCE / room.replace(".", "/") / "__init__.py").read_text("utf-8")
    gathered = {
        alias.asname or alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"govchain.{room}.")
        for alias in node.names
    }
    assert gathered - set(listed) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_has_what_it_lists(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    if parts[-1] == "__main__":
        return
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    listed = getattr(module, "__all__", [])
    assert [name for name in listed if not hasattr(module, name) or is_private(name)] == []
