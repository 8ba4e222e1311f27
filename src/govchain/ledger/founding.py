"""New organisations: the accounts family's writes for what another family decided.

Purpose: families do not reach into each other's state, so a family that ``founds`` answers
:class:`~govchain.modules.port.Foundation` values, and the writes are made here. Rules: what exists is never written
over. Not here: the decision (``modules.governance``).
"""

from __future__ import annotations

from collections.abc import Iterable

from govchain.crypto import Suite, account_address
from govchain.model import encode_struct
from govchain.modules.accounts.messages import AccountValue, OrganisationValue, account_key, organisation_key
from govchain.modules.port import Foundation, StateView, Write

__all__ = ["foundation_writes"]


def foundation_writes(
    suite: Suite, chain: str, foundations: Iterable[Foundation], state: StateView, height: int
) -> list[Write] | None:
    """Organisations with their first accounts, or None when one of them is there already."""
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
        pairs = (
            (organisation_key(one.code), encode_struct(OrganisationValue(name=one.name))),
            (account_key(address), encode_struct(account)),
        )
        for key, value in pairs:
            if key in writes or state.get(key) is not None:
                return None
            writes[key] = value
    return list(writes.items())
