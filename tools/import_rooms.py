"""An import-linter contract for the arrows between the rooms of ``src/govchain``.

import-linter's own contracts say "above" and "below"; the drawing in ``docs/ARCHITECTURE.md`` says more: which rooms a
room may import. This contract takes that drawing, one entry for each room, and refuses every other direct import. Rooms
that do not exist yet are allowed to be drawn. The words in an entry:

- a room: that room, and whatever that room may import;
- ``modules/*/messages``: the message definitions of every family of built-in rules, and nothing else of them;
- ``all above``: every room drawn before this one, and the native kernels;
- ``native``: the compiled kernels, ``govchain_native``; never passed on from room to room.

``packages`` entries name the third-party packages a room may import; rooms without such an entry are not restricted.
Besides, the families under ``modules`` (its sub-packages) are independent: none reaches another by any chain of
imports. What they share are plain modules beside them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

__all__ = ["Drawing", "ImportRoomsContract", "Offence", "check_families", "check_imports", "parse_drawing"]

#: The distribution's import name, and that of its compiled kernels.
ROOT = "govchain"
NATIVE = "govchain_native"
#: The word of a drawing that stands for every room drawn before.
ALL_ABOVE = "all above"
MESSAGES = "modules/*/messages"


@dataclass(frozen=True)
class Offence:
    """One import that the drawing does not allow."""

    importer: str
    imported: str
    line: int
    reason: str


@dataclass
class Drawing:
    """The rooms in the order drawn, and what each may import."""

    rooms: list[str] = field(default_factory=list)
    #: For each room the rooms it may import, closed over what those may import.
    allowed: dict[str, set[str]] = field(default_factory=dict)
    #: Rooms that may import the messages of every family, but nothing else of it.
    messages: set[str] = field(default_factory=set)
    #: Rooms that may import the compiled kernels.
    native: set[str] = field(default_factory=set)
    #: For restricted rooms, the third-party packages allowed.
    packages: dict[str, set[str]] = field(default_factory=dict)


def parse_drawing(arrows: list[str], packages: list[str]) -> Drawing:
    """Reads entries of the form ``room <- word, word``; rooms come in the order of the drawing, lowest first.

    Args:
        arrows: The rooms and what they may import.
        packages: For some rooms, the third-party packages they may import, in the same form.

    Raises:
        ValueError: An entry is malformed, a room is drawn twice, or an arrow points to a room not drawn before.
    """
    drawing = Drawing()
    for entry in arrows:
        room, words = _split(entry)
        if room in drawing.allowed:
            raise ValueError(f"{room} is drawn twice")
        allowed: set[str] = set()
        for word in words:
            if word == ALL_ABOVE:
                allowed |= set(drawing.rooms)
                drawing.native.add(room)
            elif word == "native":
                drawing.native.add(room)
            elif word == MESSAGES:
                drawing.messages.add(room)
            elif word in drawing.allowed:
                allowed |= {word} | drawing.allowed[word]
            else:
                raise ValueError(f"{room} points to {word}, which is not drawn before it")
        # What a room may import passes its view of the messages on.
        if allowed & drawing.messages:
            drawing.messages.add(room)
        drawing.rooms.append(room)
        drawing.allowed[room] = allowed
    for entry in packages:
        room, words = _split(entry)
        if room not in drawing.allowed:
            raise ValueError(f"packages are named for {room}, which is not drawn")
        drawing.packages[room] = set(words)
    return drawing


def _split(entry: str) -> tuple[str, list[str]]:
    room, arrow, words = entry.partition("<-")
    if not arrow or not room.strip():
        raise ValueError(f"not of the form 'room <- word, word': {entry!r}")
    return room.strip(), [word.strip() for word in words.split(",") if word.strip()]


def check_imports(graph: ImportGraph, drawing: Drawing, root: str = ROOT) -> list[Offence]:
    """Every direct import between rooms, or from a restricted room to a package, that the drawing does not allow."""
    offences: list[Offence] = []
    for importer in sorted(graph.modules):
        parts = importer.split(".")
        if parts[0] != root or len(parts) < 2 or parts[1] == "__main__":
            continue
        room = parts[1]
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            reason = _refusal(drawing, room, imported, root)
            if reason:
                details = graph.get_import_details(importer=importer, imported=imported)
                line = int(details[0]["line_number"]) if details else 0
                offences.append(Offence(importer, imported, line, reason))
    return offences


def _refusal(drawing: Drawing, room: str, imported: str, root: str) -> str | None:
    """Why ``room`` may not import ``imported``, or None."""
    if room not in drawing.allowed:
        return f"{room} is not a room of the drawing"
    parts = imported.split(".")
    if parts[0] == root:
        if len(parts) == 1 or parts[1] == room or parts[1] in drawing.allowed[room]:
            return None
        if parts[1] == "modules" and room in drawing.messages:
            if len(parts) >= 4 and parts[3] == "messages":
                return None
            return f"{room} may import only the messages of modules"
        return f"{room} may not import {parts[1]}"
    if parts[0] == NATIVE:
        return None if room in drawing.native else f"{room} may not import the native kernels"
    allowed = drawing.packages.get(room)
    if allowed is None or parts[0] in allowed or parts[0] in sys.stdlib_module_names:
        return None
    return f"{room} may not import the package {parts[0]}"


def check_families(graph: ImportGraph, root: str = ROOT) -> list[Offence]:
    """Every chain of imports from one family of built-in rules to another."""
    home = f"{root}.modules"
    if home not in graph.modules:
        return []
    families = {child for child in graph.find_children(home) if graph.find_children(child)}
    offences: list[Offence] = []
    for importer in sorted(families):
        for imported in sorted(families - {importer}):
            chain = graph.find_shortest_chain(importer=importer, imported=imported, as_packages=True)
            if chain:
                details = graph.get_import_details(importer=chain[0], imported=chain[1])
                line = int(details[0]["line_number"]) if details else 0
                path = " → ".join(chain)
                offences.append(Offence(importer, imported, line, f"families are independent: {path}"))
    return offences


class ImportRoomsContract(Contract):
    """The contract type ``rooms``: options ``arrows`` and ``packages`` as described in the module's docstring."""

    type_name = "rooms"

    arrows = fields.ListField(subfield=fields.StringField())
    packages = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compares the import graph with the drawing."""
        # import-linter replaces the field declarations by the values read.
        arrows = cast("list[str]", self.arrows)
        packages = cast("list[str] | None", self.packages)
        drawing = parse_drawing(arrows, packages or [])
        offences = check_imports(graph, drawing) + check_families(graph)
        return ContractCheck(kept=not offences, metadata={"offences": offences})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints each import that is not drawn."""
        for offence in check.metadata["offences"]:
            output.print_error(
                f"{offence.importer} imports {offence.imported} (line {offence.line}): {offence.reason}", bold=False
            )
        output.new_line()
