"""What the projection is fed: a block as plain values.

Purpose: the room knows no store and no node; whoever reads the ledger hands in these. Rules: frozen; everything comes
from the block itself, but for ``organisation``, which is that of the sender's account.
Not here: making them (``services.ledger_facts``), turning them into rows (:mod:`govchain.index.projection`).
"""

from __future__ import annotations

from msgspec import Raw, Struct

from govchain.model.wire import Event

__all__ = [
    "POSITION_BITS",
    "AccountFacts",
    "BlockFacts",
    "GenesisFacts",
    "OrganisationFacts",
    "SignerFacts",
    "TransactionFacts",
    "place_of",
]

#: Bits of a place that hold the position in the block; a block takes at most 100,000 transactions.
POSITION_BITS = 20


def place_of(height: int, position: int = 0) -> int:
    """The place of a transaction as one number, which grows in ledger order: height × 2^20 + position.

    >>> place_of(3, 7)
    3145735
    """
    return (height << POSITION_BITS) + position


class SignerFacts(Struct, frozen=True):
    """A signer of a transaction: address (hex) and algorithm."""

    account: str
    algorithm: str


class TransactionFacts(Struct, frozen=True):
    """A transaction with what became of it.

    ``id`` is hex; ``code`` the receipt's result code; ``organisation`` that of the first signer's account, empty when
    the ledger knows none; ``payload`` the message as JSON; ``size`` the bytes of the envelope.
    """

    id: str
    type: str
    version: int
    code: int
    signers: tuple[SignerFacts, ...]
    organisation: str
    payload: Raw
    size: int
    events: tuple[Event, ...]


class BlockFacts(Struct, frozen=True):
    """A committed block. ``identity`` and ``previous`` (the identity before it) are hex, ``time`` is ms since 1970."""

    height: int
    identity: str
    previous: str
    time: int
    epoch: int
    transactions: tuple[TransactionFacts, ...]


class OrganisationFacts(Struct, frozen=True):
    """An organisation that exists from the start."""

    code: str
    name: str


class AccountFacts(Struct, frozen=True):
    """An account that exists from the start; ``address`` and ``key`` are hex."""

    address: str
    organisation: str
    label: str
    roles: tuple[str, ...]
    administrator: bool
    algorithm: str
    key: str


class GenesisFacts(Struct, frozen=True):
    """Which chain this is, and what it starts with. ``fingerprint`` is hex; ``families`` those that genesis lists."""

    chain: str
    fingerprint: str
    families: tuple[str, ...]
    organisations: tuple[OrganisationFacts, ...]
    accounts: tuple[AccountFacts, ...]
