"""Accounts and organisations, minimal: genesis accounts, registration by an administrator, freeze and unfreeze.

Leaves room for the identity system (certificates, real names, recovery), which extends this family later.
"""

from govchain.modules.accounts.rules import MODULE

__all__ = ["MODULE"]
