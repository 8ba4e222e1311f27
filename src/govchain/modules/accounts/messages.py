"""The transactions that the accounts family takes (docs/spec/transactions.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from govchain.model.wire import Address, Hex

__all__ = ["Freeze", "Register", "Role", "Unfreeze"]

#: What an account may be used for.
Role = Literal["auditor", "department", "operator", "supervisor"]


class Register(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.register``: an administrator adds an account to its own organisation."""

    administrator: bool
    algorithm: Annotated[str, Meta(max_length=32)]
    key: Annotated[Hex, Meta(min_length=64, max_length=2048)]
    label: Annotated[str, Meta(max_length=64)]
    roles: Annotated[tuple[Role, ...], Meta(max_length=4)]


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.freeze``: nothing signed by the account is accepted from the next transaction on."""

    account: Address
    reason: Literal["lost_key", "left", "investigation", "other"]


class Unfreeze(Struct, frozen=True, forbid_unknown_fields=True):
    """``accounts.unfreeze``: lifts a freeze."""

    account: Address
