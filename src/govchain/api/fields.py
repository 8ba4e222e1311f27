"""Descriptions, units and examples of fields whose types say none themselves; read by ``describe``.

One entry for each field of each type that a route answers. Not here: types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["FIELDS", "Note"]


@dataclass(frozen=True, slots=True)
class Note:
    """What a field means: a sentence, an example, and the unit of a quantity."""

    text: str
    example: Any
    unit: str = ""


_HEX32 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_TIME = 1_790_000_000_000

#: Type name to field name to what it means.
FIELDS: Final[Mapping[str, Mapping[str, Note]]] = {
    "ChainStatus": {
        "chain": Note("The chain's id.", "embedded-4f1c9a0b"),
        "height": Note("Height of the newest block; 0 before the first.", 1204, "blocks"),
        "identity": Note("Identity of the newest block: the digest of its header, hex.", _HEX32),
        "time": Note("Time of the newest block.", _TIME, "ms since 1970, UTC"),
        "certified_height": Note("Newest height that has a finality certificate.", 1204, "blocks"),
        "pool_transactions": Note("Transactions that wait to be ordered.", 17, "transactions"),
        "node_version": Note("Version of the node's program.", "0.1.0"),
    },
}
