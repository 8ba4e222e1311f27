"""What a client gets to see: evidence records, their status, accounts; made from verified answers only.

Purpose: frozen values for callers and their tables. Not here: how they were proved (:mod:`govchain.sdk.checking`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from govchain.modules.accounts.messages import AccountValue
from govchain.modules.evidence.messages import Item, MarkValue
from govchain.modules.evidence.messages.records import EVIDENCE_TYPES, BatchFacts, first_mark, read_record
from govchain.sdk.catalogue import Entry
from govchain.sdk.checking import VerifiedStatus, VerifiedTransaction

__all__ = [
    "Account",
    "BatchFacts",
    "EvidenceRecord",
    "EvidenceStatus",
    "FoundFile",
    "HistoryStep",
    "Organisation",
    "describe_record",
    "describe_status",
]


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its address (hex), as proved at block ``as_of``."""

    address: str
    state: AccountValue
    as_of: int


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation by its 统一社会信用代码, as proved at block ``as_of`` (0: as genesis has it)."""

    code: str
    name: str
    as_of: int


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """A committed record. ``time`` is its block's (ms); ``item`` is None for a batch, ``batch`` for anything else.

    ``of`` is the record that it supplements or supersedes, ``of_member`` the leaf meant.
    """

    id: str
    type: str
    reference: str
    account: str
    organisation: str
    height: int
    index: int
    time: int
    item: Item | None
    batch: BatchFacts | None
    of: str | None
    of_member: int | None


@dataclass(frozen=True, slots=True)
class EvidenceStatus:
    """Whether a record (or a leaf) stands, as proved after block ``height`` (time in ms)."""

    state: Literal["in_force", "superseded", "withdrawn"]
    mark: MarkValue | None
    height: int
    time: int


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A record that holds a file: the leaf meant (None outside a batch) and what the own directory knows of it."""

    record: EvidenceRecord
    member: int | None
    status: EvidenceStatus
    entry: Entry | None = None

    @property
    def id(self) -> str:
        """How people write it: the record's id, and ``.LEAF`` in a batch."""
        return self.record.id if self.member is None else f"{self.record.id}.{self.member}"


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One thing that happened to a record; ``id`` is the transaction, ``member`` the leaf meant."""

    id: str
    type: str
    account: str
    height: int
    time: int
    reason: str
    member: int | None = None
    reference: str = ""
    detail: dict[str, str] = field(default_factory=dict)


def describe_record(transaction: VerifiedTransaction) -> EvidenceRecord | None:
    """The evidence record that a transaction made; None when it makes none or failed."""
    body, receipt = transaction.body, transaction.receipt
    if body.type not in EVIDENCE_TYPES or receipt.code != 0:
        return None
    read = read_record(body)
    return EvidenceRecord(
        id=transaction.id,
        type=body.type,
        reference=read.reference,
        account=body.signers[0].account,
        organisation=next((event.organisation for event in receipt.events if event.organisation), ""),
        height=receipt.height,
        index=receipt.index,
        time=transaction.block.header.time,
        item=read.item,
        batch=read.batch,
        of=None if read.relation is None else read.relation.evidence,
        of_member=None if read.relation is None else read.relation.leaf,
    )


def describe_status(status: VerifiedStatus) -> EvidenceStatus:
    """The status that the proved values of a record's mark keys give; the first mark decides."""
    mark = first_mark(status.values)
    header = status.block.header
    return EvidenceStatus("in_force" if mark is None else mark.kind, mark, header.height, header.time)
