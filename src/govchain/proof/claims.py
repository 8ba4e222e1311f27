"""Kinds of claim: the port through which a family of rules says what a package can prove of it.

Purpose: this room proves transactions; whatever a claim says beyond that (a record and its leaf, a licence, what holds
now) is proved by the claim's *kind*, which the caller hands in. Kind ``transaction`` is built in.
Rules: a kind is a pure, frozen value without I/O; it names every member that it needs from the claim alone; it raises
our own errors, inside :func:`govchain.proof.refusing.refusing` where it knows the member better than the caller.
Not here: which kinds are installed (``sdk.kinds``), the kinds themselves (``modules/<family>/messages``).

Example::

    verify_package(data, trusted=anchors, kinds={"evidence": EVIDENCE_KIND})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct

from govchain.crypto import Suite
from govchain.model.wire import Body, Digest, Header, Height, Receipt
from govchain.proof.facts import ProvedSubject
from govchain.proof.organisations import Register

__all__ = [
    "LEAVES_MAX",
    "TRANSACTION_KIND",
    "Claim",
    "ClaimKind",
    "ClaimMembers",
    "ClaimReading",
    "ProvedValues",
    "TransactionKind",
    "with_transaction",
]

#: Leaves that a batch of any kind may have.
LEAVES_MAX = 100_000


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """One fact that a package proves: a transaction in block ``height``, and what ``kind`` adds.

    ``member`` (the wire's word) is the leaf of a batch, for kinds that have leaves; ``status_height`` the block whose
    present state is shown, for kinds that state a status.
    """

    height: Height
    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,31}\Z")]
    member: Annotated[int, Meta(ge=0, lt=LEAVES_MAX)] | None
    status_height: Height | None
    transaction: Digest


@dataclass(frozen=True, slots=True)
class ClaimMembers:
    """Names of the members that a claim needs beyond its transaction's and its status proof, and may have."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimReading:
    """What a kind may know when it proves a claim: step 7 held, ``members`` are all of the package by name."""

    suite: Suite
    register: Register
    claim: Claim
    header: Header
    body: Body
    receipt: Receipt
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ProvedValues:
    """What ``live`` held for the kind's keys, in their order, after block ``height`` (time in ms)."""

    height: int
    time: int
    values: tuple[bytes | None, ...]


class ClaimKind(Protocol):
    """One kind of claim. Steps are those of evidence-package.md 4."""

    @property
    def name(self) -> str:
        """What the manifest calls it: ``[a-z][a-z0-9_]{1,31}``, and no field of :class:`.facts.ProvedClaim`."""

    @property
    def states_status(self) -> bool:
        """Whether a claim names a status block, and the package carries a status proof for it."""

    @property
    def has_leaves(self) -> bool:
        """Whether a claim may name one leaf of a batch."""

    def members(self, claim: Claim) -> ClaimMembers:
        """Step 2: members that ``claim`` needs and may have; each name holds the transaction's id, and the leaf."""

    def verify_type(self, body: Body, receipt: Receipt) -> None:
        """Step 7: that a transaction of this type and with this outcome makes such a fact.

        Raises:
            VerificationError: ``TRANSACTION_PROOF`` or ``RECEIPT_PROOF``.
        """

    def read(self, reading: ClaimReading) -> Any:
        """Step 8: whatever body, receipt and the kind's own members prove, for the two calls below.

        Raises:
            VerificationError: with the code, and step 8 and the member where it is not the body.
        """

    def status_keys(self, reading: ClaimReading, found: Any) -> tuple[bytes, ...]:
        """Step 9: the state keys of ``live`` that decide the status; called when the kind states one."""

    def conclude(self, reading: ClaimReading, found: Any, status: ProvedValues | None) -> ProvedSubject | None:
        """Step 9: everything together; ``status`` is there when the kind states one.

        Raises:
            GovChainError: a value that is not one of the kind's; becomes ``STATUS_PROOF``.
        """


class TransactionKind:
    """Kind ``transaction``: that it was committed, with the code in its receipt, and nothing else."""

    name = "transaction"
    states_status = False
    has_leaves = False

    def members(self, _claim: Claim) -> ClaimMembers:
        """None beyond the transaction's."""
        return ClaimMembers()

    def verify_type(self, _body: Body, _receipt: Receipt) -> None:
        """Any type, any outcome."""

    def read(self, _reading: ClaimReading) -> None:
        """Nothing more."""

    def status_keys(self, _reading: ClaimReading, _found: Any) -> tuple[bytes, ...]:
        """None."""
        return ()

    def conclude(self, _reading: ClaimReading, _found: Any, _status: ProvedValues | None) -> None:
        """No subject."""


#: The built-in kind.
TRANSACTION_KIND: ClaimKind = TransactionKind()


def with_transaction(kinds: Mapping[str, ClaimKind]) -> dict[str, ClaimKind]:
    """``kinds`` and the built-in one, which no other takes the place of."""
    return {**kinds, TRANSACTION_KIND.name: TRANSACTION_KIND}
