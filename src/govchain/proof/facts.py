"""What a verified package proves, as frozen values: the source of the statement and of every report.

Not here: how it was proved (:mod:`govchain.proof.verify`), words (:mod:`govchain.proof.statement`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from govchain.proof.items import Capture, Item, Opening
from govchain.proof.status import Mark

__all__ = ["Organisation", "PackageFacts", "ProvedBatch", "ProvedClaim", "ProvedEvidence", "ProvedStatus", "Relation"]


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation by its 统一社会信用代码; ``name`` is empty when genesis does not name it."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class ProvedStatus:
    """A record's status after block ``height`` (time in ms); ``mark`` says who ended it and why."""

    height: int
    time: int
    state: Literal["in_force", "superseded", "withdrawn"]
    mark: Mark | None
    organisation: Organisation | None


@dataclass(frozen=True, slots=True)
class ProvedBatch:
    """The batch that a claim is about or part of; ``member`` is the leaf claimed, or ``None`` for the whole."""

    count: int
    total_size: int
    root: str
    member: int | None
    capture: Capture


@dataclass(frozen=True, slots=True)
class Relation:
    """The earlier record (and leaf) that this one supplements, or supersedes for a reason."""

    evidence: str
    member: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ProvedEvidence:
    """An evidence record: one item, or a batch without a claimed leaf (``item`` is ``None``)."""

    reference: str
    item: Item | None
    batch: ProvedBatch | None
    relation: Relation | None
    openings: tuple[Opening, ...]
    status: ProvedStatus


@dataclass(frozen=True, slots=True)
class ProvedClaim:
    """A transaction in a final block, with the code of its receipt; times in ms, ``index`` from 0."""

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
    evidence: ProvedEvidence | None


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """Everything that a package proves of one chain, as of its last block."""

    chain: str
    genesis: str
    test_clock: bool
    height: int
    time: int
    claims: tuple[ProvedClaim, ...]
