"""Organisations, accounts, and what happened to accounts, as rows.

Tables: ``organisations``, ``accounts`` (as they were made), ``account_changes`` (frozen, active again), and the view
``account_status`` (every account with what holds now).
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Column, Index, Table

from govchain.index.facts import BlockFacts, GenesisFacts, TransactionFacts
from govchain.index.projection import Projection
from govchain.index.schema import METADATA, Sink, long_integer, printable, text
from govchain.modules.accounts.messages import Freeze, Register, Unfreeze

__all__ = ["ACCOUNTS", "ACCOUNTS_PROJECTION", "ACCOUNT_CHANGES", "ORGANISATIONS"]

#: Organisations by 统一社会信用代码.
ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("code", text(), nullable=False),
    Column("name", text(), nullable=False),
    Index("organisations_code", "code", unique=True),
)

#: Accounts as they were made. ``roles`` are separated by commas; ``administrator`` is 0 or 1.
ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("address", text(), nullable=False),
    Column("organisation", text(), nullable=False),
    Column("label", text(), nullable=False),
    Column("roles", text(), nullable=False),
    Column("administrator", long_integer(), nullable=False),
    Column("algorithm", text(), nullable=False),
    Column("public_key", text(), nullable=False),
    Index("accounts_address", "address", unique=True),
)
Index("accounts_organisation", ACCOUNTS.c.organisation, ACCOUNTS.c.place)

#: What happened to accounts: ``status`` is ``frozen`` or ``active`` from this place on.
ACCOUNT_CHANGES = Table(
    "account_changes",
    METADATA,
    Column("place", long_integer(), primary_key=True, autoincrement=False),
    Column("account", text(), nullable=False),
    Column("status", text(), nullable=False),
    Column("reason", text(), nullable=False),
)
Index("account_changes_account", ACCOUNT_CHANGES.c.account, ACCOUNT_CHANGES.c.place)

_ACCOUNT_STATUS = """
SELECT a.address, a.organisation, a.label, a.roles, a.administrator, a.algorithm, a.public_key, a.place,
  COALESCE((SELECT c.status FROM account_changes c WHERE c.account = a.address ORDER BY c.place DESC LIMIT 1),
    'active') AS status
FROM accounts a
"""

_register = msgspec.json.Decoder(Register)
_freeze = msgspec.json.Decoder(Freeze)
_unfreeze = msgspec.json.Decoder(Unfreeze)


def _genesis(genesis: GenesisFacts, sink: Sink) -> None:
    sink["organisations"].extend(
        (place, printable(entry.code), printable(entry.name)) for place, entry in enumerate(genesis.organisations)
    )
    for place, entry in enumerate(genesis.accounts):
        sink["accounts"].append(
            (
                place,
                entry.address,
                printable(entry.organisation),
                printable(entry.label),
                ",".join(entry.roles),
                int(entry.administrator),
                entry.algorithm,
                entry.key,
            )
        )


def _registered(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _register.decode(transaction.payload)
    event = transaction.events[0]  # accounts.registered: its reference is the new account's address
    sink["accounts"].append(
        (
            place,
            event.reference,
            event.organisation,
            printable(message.label),
            ",".join(message.roles),
            int(message.administrator),
            message.algorithm,
            message.key,
        )
    )


def _frozen(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _freeze.decode(transaction.payload)
    sink["account_changes"].append((place, message.account, "frozen", message.reason))


def _unfrozen(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    message = _unfreeze.decode(transaction.payload)
    sink["account_changes"].append((place, message.account, "active", ""))


#: The accounts family's part of the index.
ACCOUNTS_PROJECTION = Projection(
    family="accounts",
    version=1,
    tables=(ORGANISATIONS, ACCOUNTS, ACCOUNT_CHANGES),
    handlers={"accounts.register": _registered, "accounts.freeze": _frozen, "accounts.unfreeze": _unfrozen},
    genesis=_genesis,
    views=(("account_status", _ACCOUNT_STATUS),),
)
