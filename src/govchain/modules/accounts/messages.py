"""What outsiders read of the accounts family: its transactions, and its public state (docs/spec/transactions.md).

Purpose: the one home of payloads, bounds, stored values and their keys; the rules, the SDK and the index import them
from here. Rules: every struct refuses unknown fields; keys of state are public where their namespace is ``live``.
Not here: namespaces (``keys``), checks (``rules``), reads of a whole state (``views``).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.model.wire import Address, Hex

__all__ = [
    "ACCOUNT_NAMESPACE",
    "LABEL_LENGTH_MAX",
    "ORGANISATION_NAMESPACE",
    "AccountValue",
    "Freeze",
    "OrganisationValue",
    "Register",
    "Role",
    "Unfreeze",
    "account_key",
    "decode_account",
    "decode_organisation",
    "organisation_key",
]

#: Characters of an account's label, at most.
LABEL_LENGTH_MAX = 64
#: Namespace of accounts by address (20 bytes).
ACCOUNT_NAMESPACE = "accounts.account"
#: Namespace of organisations by 统一社会信用代码.
ORGANISATION_NAMESPACE = "accounts.organisation"
#: What an account may be used for.
Role = Literal["auditor", "department", "operator", "supervisor"]

_ACCOUNT_PREFIX = f"{ACCOUNT_NAMESPACE}/".encode()
_ORGANISATION_PREFIX = f"{ORGANISATION_NAMESPACE}/".encode()


class Register(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.register``: an administrator adds an account to its own organisation."""

    administrator: bool
    algorithm: Annotated[str, Meta(max_length=32)]
    key: Annotated[Hex, Meta(min_length=64, max_length=2048)]
    label: Annotated[str, Meta(max_length=LABEL_LENGTH_MAX)]
    roles: Annotated[tuple[Role, ...], Meta(max_length=4)]


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.freeze``: nothing signed by the account is accepted from the next transaction on."""

    account: Address
    reason: Literal["lost_key", "left", "investigation", "other"]


class Unfreeze(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.unfreeze``: lifts a freeze."""

    account: Address


class AccountValue(Struct, frozen=True, forbid_unknown_fields=True):
    """An account as stored. ``height`` is the block that made it, 0 for genesis."""

    administrator: bool
    algorithm: str
    height: Annotated[int, Meta(ge=0)]
    key: str
    label: str
    organisation: str
    roles: tuple[Role, ...]
    status: Literal["active", "frozen"]


class OrganisationValue(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation as stored."""

    name: str


_account_decoder = msgspec.json.Decoder(AccountValue)
_organisation_decoder = msgspec.json.Decoder(OrganisationValue)


def account_key(address: bytes) -> bytes:
    """The state key of the account at ``address`` (20 bytes)."""
    return _ACCOUNT_PREFIX + address


def organisation_key(code: str) -> bytes:
    """The state key of the organisation with 统一社会信用代码 ``code``."""
    return _ORGANISATION_PREFIX + code.encode()


def decode_account(value: bytes) -> AccountValue:
    """An account from the value that the state holds: a node's own, or one that a proof has fixed."""
    return _account_decoder.decode(value)


def decode_organisation(value: bytes) -> OrganisationValue:
    """An organisation from the value that the state holds."""
    return _organisation_decoder.decode(value)
