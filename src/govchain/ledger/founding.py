"""New organisations and administrators: the accounts family's writes for what another family decided.

Purpose: families do not reach into each other's state, so a family that ``founds`` answers
:class:`~govchain.modules.port.Foundation` values, and the writes are made here. Rules: what exists is never written
over, but for the status of an account that another one replaces. Not here: the decision (``modules.governance``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from govchain.crypto import Suite, account_address
from govchain.model import encode_struct
from govchain.modules.accounts.messages import (
    AccountValue,
    OrganisationValue,
    account_key,
    decode_account,
    organisation_key,
)
from govchain.modules.port import Foundation, StateView, Write

__all__ = ["foundation_writes"]


def foundation_writes(
    suite: Suite, chain: str, foundations: Iterable[Foundation], state: StateView, height: int
) -> list[Write] | None:
    """Organisations with their first accounts, or None when one of them is there already, or not where it must be."""
    writes: dict[bytes, bytes | None] = {}
    for one in foundations:
        address = account_address(suite, chain, one.algorithm, one.key)
        account = AccountValue(
            administrator=True,
            algorithm=one.algorithm,
            height=height,
            key=one.key.hex(),
            label=one.label,
            organisation=one.code,
            roles=one.roles,
            status="active",
        )
        pairs = [(account_key(address), encode_struct(account))]
        if not one.exists:
            pairs.append((organisation_key(one.code), encode_struct(OrganisationValue(name=one.name))))
        for key, value in pairs:
            if key in writes or state.get(key) is not None:
                return None
            writes[key] = value
        if one.exists and not _replace(one, state, writes):
            return None
    return list(writes.items())


def _replace(one: Foundation, state: StateView, writes: dict[bytes, bytes | None]) -> bool:
    """Freeze the account that the new one replaces; whether organisation and account are there and belong together."""
    if state.get(organisation_key(one.code)) is None:
        return False
    if not one.replaces:
        return True
    key = account_key(one.replaces)
    stored = state.get(key)
    if stored is None or key in writes:
        return False
    value = decode_account(stored)
    writes[key] = encode_struct(msgspec.structs.replace(value, status="frozen"))
    return value.organisation == one.code
