"""Governance: members, organisations, parameters, policies and upgrades change by vote, each step a transaction.

Chains whose genesis does not list the family keep the members and limits of genesis.
"""

from govchain.modules.governance.rules import MODULE

__all__ = ["MODULE"]
