"""What a check reports."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """One breach of one rule.

    Attributes:
        path: The file, relative to the repository's root.
        line: The line, from 1; 0 for the whole file.
        rule: The rule's short name, for example ``import`` or ``set-order``.
        what: The thing that breaks it, as an exception in ``allowed.toml`` names it.
        text: One sentence for people.
    """

    path: str
    line: int
    rule: str
    what: str
    text: str

    def __str__(self) -> str:
        """The finding as one line that editors can jump to."""
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"
