"""Namespaces of the accounts family; keys and stored values are public and lie with the messages."""

from __future__ import annotations

from govchain.modules.accounts.messages import ACCOUNT_NAMESPACE, ORGANISATION_NAMESPACE
from govchain.state import Namespace

__all__ = ["ACCOUNT", "ORGANISATION"]

#: Accounts by address (20 bytes).
ACCOUNT = Namespace(ACCOUNT_NAMESPACE, delta=True, live=True)
#: Organisations by 统一社会信用代码.
ORGANISATION = Namespace(ORGANISATION_NAMESPACE, delta=True, live=True)
