"""Organisations as facts name them, and which one an account of genesis belongs to.

Not here: accounts that were registered later; a receipt names their organisation.
"""

from __future__ import annotations

from dataclasses import dataclass

from govchain.crypto import Suite, account_address
from govchain.model.wire import Genesis

__all__ = ["Organisation", "Register"]


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation by its 统一社会信用代码; ``name`` is empty when genesis does not name it."""

    code: str
    name: str


class Register:
    """The organisations and accounts of a genesis."""

    def __init__(self, suite: Suite, genesis: Genesis) -> None:
        """Read ``genesis`` once."""
        self._names = {entry.code: entry.name for entry in genesis.organisations}
        self._accounts = {
            account_address(suite, genesis.chain, entry.algorithm, bytes.fromhex(entry.key)).hex(): entry.organisation
            for entry in genesis.accounts
        }

    def organisation(self, code: str) -> Organisation:
        """The organisation with that code, with its name where genesis has one."""
        return Organisation(code, self._names.get(code, ""))

    def organisation_of_account(self, account: str) -> Organisation | None:
        """The organisation of a genesis account (address in hex), or ``None``."""
        code = self._accounts.get(account)
        return None if code is None else self.organisation(code)
