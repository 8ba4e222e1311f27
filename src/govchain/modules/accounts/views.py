"""Reads of the accounts family, and the directory that other families see."""

from __future__ import annotations

from functools import lru_cache

from govchain.modules.accounts.messages import account_key, decode_account, decode_organisation, organisation_key
from govchain.modules.port import AccountFacts, StateView

__all__ = ["StateDirectory", "account_facts"]


@lru_cache(maxsize=65_536)
def account_facts(address: bytes, value: bytes) -> AccountFacts:
    """Facts of the account whose stored bytes are ``value``; a pure function, so its cache needs no invalidation."""
    account = decode_account(value)
    return AccountFacts(
        address=address,
        organisation=account.organisation,
        roles=account.roles,
        administrator=account.administrator,
        active=account.status == "active",
        algorithm=account.algorithm,
        key=bytes.fromhex(account.key),
        label=account.label,
    )


class StateDirectory:
    """The accounts directory over a state view."""

    __slots__ = ("_state",)

    def __init__(self, state: StateView) -> None:
        """Read from ``state``."""
        self._state = state

    def account(self, address: bytes) -> AccountFacts | None:
        """The account at ``address``."""
        value = self._state.get(account_key(address))
        return None if value is None else account_facts(address, value)

    def organisation_name(self, code: str) -> str | None:
        """The organisation's name, or None when the chain does not know it."""
        value = self._state.get(organisation_key(code))
        return None if value is None else decode_organisation(value).name
