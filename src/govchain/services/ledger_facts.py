"""A block of the ledger as the plain values that the index takes.

Purpose: the one place where stored blocks are read for the projection. Rules: what is stored was checked when it was
executed, so it is decoded here without checking it again, only the fields that are needed. Not here: rows (``index``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import msgspec
from msgspec import Raw, Struct

from govchain.consensus.application import LedgerApplication
from govchain.crypto import account_address
from govchain.index.facts import (
    AccountFacts,
    BlockFacts,
    GenesisFacts,
    OrganisationFacts,
    SignerFacts,
    TransactionFacts,
)
from govchain.model import Code, UnavailableError
from govchain.model.wire import Event
from govchain.modules.accounts.messages import account_key, decode_account
from govchain.proof.headers import header_identity

__all__ = ["LedgerFacts"]

#: Addresses whose organisation is remembered; an account never changes its own.
_ORGANISATIONS_MAX = 65_536


class _Header(Struct):
    epoch: int
    previous: str
    time: int


class _Body(Struct):
    payload: Raw
    signers: tuple[SignerFacts, ...]
    type: str
    version: int


class _Receipt(Struct):
    code: int
    events: tuple[Event, ...]
    transaction: str


_header_decoder = msgspec.json.Decoder(_Header)
_body_decoder = msgspec.json.Decoder(_Body)
_receipt_decoder = msgspec.json.Decoder(_Receipt)
_envelope_decoder = msgspec.msgpack.Decoder(tuple[int, bytes, Raw])


class LedgerFacts:
    """Reads a node's blocks for the index. One thread at a time."""

    def __init__(self, application: LedgerApplication) -> None:
        """Read from ``application``'s store."""
        self._application = application
        self._state = application.committed
        self._organisations: dict[str, tuple[str, int]] = {}

    @property
    def height(self) -> int:
        """The newest block's height."""
        return self._application.chain.height

    @property
    def first_height(self) -> int:
        """The oldest block that is here: 1, unless the node began from a snapshot."""
        return max(1, self._application.blocks.first())

    def identity(self, height: int) -> str:
        """The identity (hex) of a block, the genesis fingerprint for 0."""
        application = self._application
        with application.lock:
            chain = application.chain
            if height == chain.height:
                return chain.identity.hex()
        if not height:
            return application.machine.fingerprint.hex()
        return application.blocks.identity_after(height).hex()

    def genesis(self) -> GenesisFacts:
        """Which chain this is, and what it starts with."""
        machine = self._application.machine
        genesis = machine.genesis
        accounts = (
            AccountFacts(
                account_address(machine.suite, genesis.chain, entry.algorithm, bytes.fromhex(entry.key)).hex(),
                entry.organisation,
                entry.label,
                entry.roles,
                entry.administrator,
                entry.algorithm,
                entry.key,
            )
            for entry in genesis.accounts
        )
        return GenesisFacts(
            genesis.chain,
            machine.fingerprint.hex(),
            tuple(sorted(module.name for module in genesis.modules)),
            tuple(OrganisationFacts(entry.code, entry.name) for entry in genesis.organisations),
            tuple(accounts),
        )

    def blocks(self, first: int, last: int) -> Iterator[BlockFacts]:
        """Blocks ``first`` to ``last``, both included, in order.

        Raises:
            RefusedError: ``NOT_FOUND``. UnavailableError: ``STORE_CORRUPT``.
        """
        for height in range(first, last + 1):
            yield self.block(height)

    def block(self, height: int) -> BlockFacts:
        """One block; raises as :meth:`blocks`."""
        blocks = self._application.blocks
        envelopes, receipts = blocks.envelopes(height), blocks.receipts(height)
        data = blocks.header(height) or b""
        try:
            header = _header_decoder.decode(data)
            transactions = tuple(map(self._transaction, envelopes, receipts, repeat(height)))
        except msgspec.MsgspecError as error:
            raise UnavailableError(Code.STORE_CORRUPT, path=f"bodies/{height}", reason=str(error)) from None
        identity = header_identity(self._application.machine.suite, data)
        return BlockFacts(height, identity.hex(), header.previous, header.time, header.epoch, transactions)

    def _transaction(self, envelope: bytes, receipt_data: bytes, height: int) -> TransactionFacts:
        body = _body_decoder.decode(_envelope_decoder.decode(envelope)[1])
        receipt = _receipt_decoder.decode(receipt_data)
        return TransactionFacts(
            receipt.transaction,
            body.type,
            body.version,
            receipt.code,
            body.signers,
            self._organisation(body.signers[0].account, height),
            body.payload,
            len(envelope),
            receipt.events,
        )

    def _organisation(self, account: str, height: int) -> str:
        """The organisation of an account as block ``height`` met it, empty when there was no such account."""
        found = self._organisations.get(account)
        if found is None:
            stored = self._state.get(account_key(bytes.fromhex(account)))
            if stored is None:
                return ""
            value = decode_account(stored)
            if len(self._organisations) >= _ORGANISATIONS_MAX:
                self._organisations.clear()
            found = self._organisations[account] = (value.organisation, value.height)
        organisation, made = found
        return organisation if made < height else ""
