"""Namespaces of the governance family; keys and stored values are public and lie with the messages."""

from __future__ import annotations

from govchain.modules.governance.messages import values
from govchain.state import Namespace

__all__ = ["CHAIN", "KEY", "MEMBER", "OPEN", "PARAMETER", "POLICY", "PROPOSAL", "UPGRADE"]

#: Members by public key (hex).
MEMBER = Namespace(values.MEMBER_NAMESPACE, delta=True, live=True)
#: Every key that a member has or had, by its hex: none is used twice.
KEY = Namespace(values.KEY_NAMESPACE, delta=True, live=True)
#: Proposals by the id (hex) of the transaction that made them.
PROPOSAL = Namespace(values.PROPOSAL_NAMESPACE, delta=True, live=True)
#: Each organisation's open proposals, by its code.
OPEN = Namespace(values.OPEN_NAMESPACE, delta=True)
#: Voted parameters by name.
PARAMETER = Namespace(values.PARAMETER_NAMESPACE, delta=True, live=True)
#: Voted policies by kind of change.
POLICY = Namespace(values.POLICY_NAMESPACE, delta=True, live=True)
#: The planned change of the protocol.
UPGRADE = Namespace(values.UPGRADE_NAMESPACE, delta=True, live=True)
#: Chains that the members decided to make or to stop, by chain id.
CHAIN = Namespace(values.CHAIN_NAMESPACE, delta=True, live=True)
