"""Write or check ``docs/spec/export.schema.json``: the JSON Schema (2020-12) of exports, from their table.

Usage: ``python -m tools.export_schema --check`` (exit 1 when the file is out of date) or ``--write``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from govchain.model.data_elements import CLASSES, STANDARD, DataElement, elements_of
from govchain.services.exports import EXPORT_FORMAT

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "spec" / "export.schema.json"

#: Public keys, whose length is their algorithm's; a schema for all suites names the alphabet only.
KEYS = ("01_001", "06_005")
INTEGER_MAX = 2**63 - 1


def value_schema(element: DataElement) -> dict[str, Any]:
    """What a value of the element is in JSON."""
    if element.kind in ("integer", "time"):
        return {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX}
    if element.kind == "array":
        return {"type": "array"}
    if element.kind == "hex":
        digits = f"{{{2 * element.size}}}" if element.size and element.identifier not in KEYS else "+"
        return {"type": "string", "pattern": f"^[0-9a-f]{digits}$"}
    return {"type": "string", "minLength": 1}


def element_schema(element: DataElement) -> dict[str, Any]:
    """One element: the standard's words, and a value exactly where the state says that there is one."""
    fixed = {
        "length": element.length,
        "mandatory": element.mandatory,
        "name_en": element.name_en,
        "name_zh": element.name_zh,
        "type": element.type,
    }
    properties = {name: {"const": value} for name, value in fixed.items()}
    present = {"properties": {"state": {"const": "present"}, "value": value_schema(element)}}
    without = {"properties": {"state": {"enum": ["absent", "withheld"]}, "value": {"type": "null"}}}
    return {
        "type": "object",
        "required": [*fixed, "state", "value"],
        "additionalProperties": False,
        "properties": {**properties, "state": {}, "value": {}},
        "oneOf": [present, without],
    }


def kind_schema(kind: str) -> dict[str, Any]:
    """An export of one kind."""
    elements = elements_of(kind)
    return {
        "properties": {
            "kind": {"const": kind},
            "elements": {
                "type": "object",
                "required": [element.identifier for element in elements],
                "additionalProperties": False,
                "properties": {element.identifier: element_schema(element) for element in elements},
            },
            "names": {
                "type": "object",
                "required": [element.name_en for element in elements],
                "additionalProperties": False,
                "properties": {element.name_en: {} for element in elements},
            },
        }
    }


def schema() -> dict[str, Any]:
    """The whole schema."""
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{EXPORT_FORMAT}: data elements of {STANDARD}",
        "type": "object",
        "required": ["chain", "context", "elements", "format", "genesis", "id", "kind", "names", "standard"],
        "additionalProperties": False,
        "properties": {
            "chain": text,
            "check": {"type": ["array", "null"]},
            "context": {"type": "object"},
            "elements": {},
            "format": {"const": EXPORT_FORMAT},
            "genesis": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "holds": {"type": ["boolean", "null"]},
            "id": text,
            "kind": {},
            "names": {},
            "standard": {"const": STANDARD},
        },
        "oneOf": [kind_schema(kind) for _, kind, _ in CLASSES],
    }


def render() -> str:
    """The file's text."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 when the file is as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    if options.write:
        DOCUMENT.write_text(render(), encoding="utf-8")
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == render():
        return 0
    print(f"{DOCUMENT.name} is out of date: python -m tools.export_schema --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
