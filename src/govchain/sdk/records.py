"""What a client gets to see: evidence records, their status, accounts; made from verified answers only.

Purpose: frozen values for callers and their tables. Not here: how they were proved (:mod:`govchain.sdk.checking`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.model.wire import Hex
from govchain.proof.items import Item
from govchain.proof.records import EVIDENCE_TYPES, read_record
from govchain.proof.status import Mark, decode_mark
from govchain.sdk.catalogue import Entry
from govchain.sdk.checking import VerifiedStatus, VerifiedTransaction

__all__ = [
    "Account",
    "AccountState",
    "BatchFacts",
    "EvidenceRecord",
    "EvidenceStatus",
    "FoundFile",
    "HistoryStep",
    "Organisation",
    "OrganisationState",
    "account_key",
    "decode_account",
    "decode_organisation",
    "describe_record",
    "describe_status",
    "organisation_key",
]

_ACCOUNT_PREFIX = b"accounts.account/"
_ORGANISATION_PREFIX = b"accounts.organisation/"


class AccountState(Struct, frozen=True, forbid_unknown_fields=True):
    """An account as the chain's state holds it (docs/spec/transactions.md); ``height`` 0 means genesis."""

    administrator: bool
    algorithm: str
    height: Annotated[int, Meta(ge=0)]
    key: Hex
    label: str
    organisation: str
    roles: tuple[str, ...]
    status: Literal["active", "frozen"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its address (hex), as proved at block ``as_of``."""

    address: str
    state: AccountState
    as_of: int


class OrganisationState(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation as the chain's state holds it."""

    name: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation by its 统一社会信用代码, as proved at block ``as_of`` (0: as genesis has it)."""

    code: str
    name: str
    as_of: int


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """A batch's root (hex), number of leaves and total bytes."""

    count: int
    root: str
    total_size: int


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
    mark: Mark | None
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


_account_decoder = msgspec.json.Decoder(AccountState)
_organisation_decoder = msgspec.json.Decoder(OrganisationState)


def account_key(address: str) -> bytes:
    """The state key of the account at ``address`` (hex)."""
    return _ACCOUNT_PREFIX + bytes.fromhex(address)


def decode_account(value: bytes) -> AccountState:
    """An account from the value that the state holds."""
    return _account_decoder.decode(value)


def organisation_key(code: str) -> bytes:
    """The state key of the organisation with that code."""
    return _ORGANISATION_PREFIX + code.encode()


def decode_organisation(value: bytes) -> OrganisationState:
    """An organisation from the value that the state holds."""
    return _organisation_decoder.decode(value)


def describe_record(transaction: VerifiedTransaction) -> EvidenceRecord | None:
    """The evidence record that a transaction made; None when it makes none or failed."""
    body, receipt = transaction.body, transaction.receipt
    if body.type not in EVIDENCE_TYPES or receipt.code != 0:
        return None
    read = read_record(body)
    batch = read.batch
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
        batch=None if batch is None else BatchFacts(batch.count, batch.root, batch.total_size),
        of=None if read.relation is None else read.relation.evidence,
        of_member=None if read.relation is None else read.relation.member,
    )


def describe_status(status: VerifiedStatus) -> EvidenceStatus:
    """The status that the proved values of a record's mark keys give; the first mark decides."""
    value = next((value for value in status.values if value is not None), None)
    header = status.block.header
    if value is None:
        return EvidenceStatus("in_force", None, header.height, header.time)
    mark = decode_mark(value)
    return EvidenceStatus(mark.kind, mark, header.height, header.time)
