"""What a field of an answer means, for the description of the HTTP side.

Not here: the tables of notes (``fields``, ``fields_proofs``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Note"]


@dataclass(frozen=True, slots=True)
class Note:
    """What a field means: a sentence, an example, and the unit of a quantity ("" where it is none)."""

    text: str
    example: Any
    unit: str = ""
