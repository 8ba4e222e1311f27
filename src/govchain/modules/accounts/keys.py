"""State keys and stored values of the accounts family."""

from __future__ import annotations

from typing import Literal

import msgspec

from govchain.modules.accounts.messages import Role
from govchain.state import Namespace

__all__ = ["ACCOUNT", "ORGANISATION", "AccountValue", "OrganisationValue", "account_key", "organisation_key"]

#: Accounts by address (20 bytes).
ACCOUNT = Namespace("accounts.account", delta=True, live=True)
#: Organisations by 统一社会信用代码.
ORGANISATION = Namespace("accounts.organisation", delta=True, live=True)


class AccountValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account as stored. ``height`` is the block that made it, 0 for genesis."""

    administrator: bool
    algorithm: str
    height: int
    key: str
    label: str
    organisation: str
    roles: tuple[Role, ...]
    status: Literal["active", "frozen"]


class OrganisationValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation as stored."""

    name: str


def account_key(address: bytes) -> bytes:
    """The state key of the account at ``address``."""
    return b"accounts.account/" + address


def organisation_key(code: str) -> bytes:
    """The state key of the organisation with 统一社会信用代码 ``code``."""
    return b"accounts.organisation/" + code.encode()
