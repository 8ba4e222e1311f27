"""What a verified package proves, as frozen values: the source of the statement and of every report.

Rules: what a claim's kind proved beyond the transaction is a :class:`ProvedSubject`; it writes its own part of the
statement, of the report and of the comparison with an original, so that nothing here knows a kind by heart.
Not here: how it was proved (:mod:`govchain.proof.verify`), a statement's frame (:mod:`govchain.proof.statement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from govchain.proof.organisations import Organisation
from govchain.proof.page import StatementPage

__all__ = ["Comparison", "Organisation", "OriginalFacts", "PackageFacts", "ProvedClaim", "ProvedSubject"]


@dataclass(frozen=True, slots=True)
class OriginalFacts:
    """Size in bytes and digests (hex) of a file that is said to be the original."""

    size: int
    sm3: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a claim records of its content, for comparison with a file.

    ``recorded`` has ``size``, ``sm3`` and ``sha256``, ``None`` where the package does not show it; ``leaf`` is the one
    claimed of a batch.
    """

    leaf: int | None
    recorded: Mapping[str, int | str | None]
    original: Mapping[str, int | str]

    @property
    def differs(self) -> tuple[str, ...]:
        """Names of the recorded values that the original does not share, in their order."""
        return tuple(name for name, value in self.recorded.items() if value not in (None, self.original[name]))

    @property
    def content_private(self) -> bool:
        """Whether no digest of the content is shown, so that nothing can be compared but the size."""
        return self.recorded["sm3"] is None and self.recorded["sha256"] is None

    @property
    def holds(self) -> bool:
        """Whether the file is what was recorded."""
        return not self.differs and not self.content_private


class ProvedSubject(Protocol):
    """What a kind of claim proved beyond the transaction; a frozen value of the kind's own."""

    @property
    def ended(self) -> bool | None:
        """Whether it no longer stands at its status block (exit code 4); ``None`` when the kind states no status."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Keys of the catalogue for what people should know of a good result, none twice."""

    def tell(self, page: StatementPage) -> None:
        """Write the lines of the statement that follow those of the transaction."""

    def compare(self, original: OriginalFacts) -> Comparison | None:
        """How a file compares with what was recorded; ``None`` when the claim is about no content."""

    def describe(self) -> dict[str, object]:
        """The same for programs: what JSON can hold."""


@dataclass(frozen=True, slots=True)
class ProvedClaim:
    """A transaction in a final block, with the code of its receipt; times in ms, ``index`` from 0.

    ``subject`` is what the claim's ``kind`` proved beyond it, ``None`` for kind ``transaction``.
    """

    kind: str
    transaction: str
    type: str
    version: int
    height: int
    time: int
    index: int
    count: int
    code: int
    organisation: Organisation | None
    accounts: tuple[str, ...]
    subject: ProvedSubject | None


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """Everything that a package proves of one chain, as of its last block."""

    chain: str
    genesis: str
    test_clock: bool
    height: int
    time: int
    claims: tuple[ProvedClaim, ...]
