"""What the governance family stores, and the state keys (docs/spec/governance.md 4).

Purpose: the one home of stored values; rules, SDK, node and index read them from here. Not here: namespaces (``keys``),
reads of a whole state (``views``).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.model.wire import Genesis
from govchain.modules.governance.messages.changes import Change, Policy

__all__ = [
    "CHAIN_NAMESPACE",
    "KEY_NAMESPACE",
    "MEMBER_NAMESPACE",
    "OPEN_NAMESPACE",
    "PARAMETER_NAMESPACE",
    "POLICY_NAMESPACE",
    "PROPOSAL_NAMESPACE",
    "UPGRADE_KEY",
    "UPGRADE_NAMESPACE",
    "ChainValue",
    "KeyValue",
    "MemberStatus",
    "MemberValue",
    "OpenProposal",
    "OpenValue",
    "ParameterValue",
    "PolicyValue",
    "ProposalStatus",
    "ProposalValue",
    "UpgradeValue",
    "chain_key",
    "decode_chain",
    "decode_member",
    "decode_parameter",
    "decode_policy",
    "decode_proposal",
    "decode_upgrade",
    "key_key",
    "member_key",
    "open_key",
    "parameter_key",
    "policy_key",
    "proposal_key",
]

#: Namespace of members by public key.
MEMBER_NAMESPACE = "governance.member"
#: Namespace of every key that a member has or had.
KEY_NAMESPACE = "governance.key"
#: Namespace of proposals by their transaction's id.
PROPOSAL_NAMESPACE = "governance.proposal"
#: Namespace of each organisation's open proposals.
OPEN_NAMESPACE = "governance.open"
#: Namespace of voted parameters by name.
PARAMETER_NAMESPACE = "governance.parameter"
#: Namespace of voted policies by kind of change.
POLICY_NAMESPACE = "governance.policy"
#: Namespace of the planned upgrade.
UPGRADE_NAMESPACE = "governance.upgrade"
#: Namespace of chains that were decided on.
CHAIN_NAMESPACE = "governance.chain"

#: State key of the one upgrade that is planned or was the last.
UPGRADE_KEY = f"{UPGRADE_NAMESPACE}/plan".encode()

_Height = Annotated[int, Meta(ge=0)]

#: ``invited``: voted in, not ready yet; ``rotated``: goes on under another key.
MemberStatus = Literal["active", "invited", "removed", "rotated"]
#: ``open`` also after the expiry, when nobody can vote any more.
ProposalStatus = Literal["executed", "open", "rejected", "withdrawn"]


class MemberValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A member as stored; ``height`` is the block of its last change, 0 for genesis. Keys are hex, empty where none."""

    algorithm: str
    engine_key: str
    height: _Height
    key: str
    name: str
    organisation: str
    status: MemberStatus
    tls: str


class KeyValue(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose key it is or was: the member's public key (hex) as it was then, and what for."""

    member: str
    use: Literal["engine", "member", "tls"]


class ProposalValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A proposal as stored. ``approvals`` and ``rejections`` are organisations, sorted.

    ``before`` is the digest (hex) of what the change is about as it was stored when it was proposed, empty for nothing;
    ``closed`` the block that ended it, 0 while open; times are in ms.
    """

    account: str
    approvals: tuple[str, ...]
    before: str
    change: Change
    closed: _Height
    expires: int
    height: _Height
    organisation: str
    reason: str
    rejections: tuple[str, ...]
    status: ProposalStatus
    time: int


class OpenProposal(Struct, frozen=True, forbid_unknown_fields=True):
    """A proposal's id (hex) and when it expires (ms)."""

    expires: int
    id: str


class OpenValue(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation's open proposals, oldest first; those that expired leave with the next one."""

    proposals: tuple[OpenProposal, ...]


class ParameterValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A voted parameter and the block that set it."""

    height: _Height
    value: int


class PolicyValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A voted policy and the block that set it."""

    height: _Height
    policy: Policy


class UpgradeValue(Struct, frozen=True, forbid_unknown_fields=True):
    """The upgrade: blocks below ``height`` follow ``previous``, from it on ``version``. ``planned``: when voted."""

    height: _Height
    planned: _Height
    previous: int
    software: str
    version: int


class ChainValue(Struct, frozen=True, forbid_unknown_fields=True):
    """A chain that was decided on, with the block that decided it last.

    ``genesis`` is all that its nodes begin with, ``fingerprint`` that of it (hex), ``number`` tells the chains apart,
    in the order of their decisions, from 1 on. For the chain that keeps this state: None, empty, 0.
    """

    fingerprint: str
    genesis: Genesis | None
    height: _Height
    number: Annotated[int, Meta(ge=0, le=65_535)]
    status: Literal["created", "stopped"]


_member_decoder = msgspec.json.Decoder(MemberValue)
_proposal_decoder = msgspec.json.Decoder(ProposalValue)
_parameter_decoder = msgspec.json.Decoder(ParameterValue)
_policy_decoder = msgspec.json.Decoder(PolicyValue)
_upgrade_decoder = msgspec.json.Decoder(UpgradeValue)
_chain_decoder = msgspec.json.Decoder(ChainValue)


def member_key(key: str) -> bytes:
    """The state key of the member with public key ``key`` (hex)."""
    return f"{MEMBER_NAMESPACE}/{key}".encode()


def key_key(key: str) -> bytes:
    """The state key that tells whose ``key`` (hex) is or was."""
    return f"{KEY_NAMESPACE}/{key}".encode()


def proposal_key(proposal: str) -> bytes:
    """The state key of the proposal with that id (hex)."""
    return f"{PROPOSAL_NAMESPACE}/{proposal}".encode()


def open_key(organisation: str) -> bytes:
    """The state key of an organisation's open proposals."""
    return f"{OPEN_NAMESPACE}/{organisation}".encode()


def parameter_key(name: str) -> bytes:
    """The state key of a voted parameter."""
    return f"{PARAMETER_NAMESPACE}/{name}".encode()


def policy_key(kind: str) -> bytes:
    """The state key of the voted policy for a kind of change."""
    return f"{POLICY_NAMESPACE}/{kind}".encode()


def chain_key(chain: str) -> bytes:
    """The state key of a chain that was decided on."""
    return f"{CHAIN_NAMESPACE}/{chain}".encode()


def decode_member(value: bytes) -> MemberValue:
    """A member from the value that the state holds: a node's own, or one that a proof has fixed."""
    return _member_decoder.decode(value)


def decode_proposal(value: bytes) -> ProposalValue:
    """A proposal from the value that the state holds."""
    return _proposal_decoder.decode(value)


def decode_parameter(value: bytes) -> ParameterValue:
    """A voted parameter from the value that the state holds."""
    return _parameter_decoder.decode(value)


def decode_policy(value: bytes) -> PolicyValue:
    """A voted policy from the value that the state holds."""
    return _policy_decoder.decode(value)


def decode_upgrade(value: bytes) -> UpgradeValue:
    """The upgrade from the value that the state holds."""
    return _upgrade_decoder.decode(value)


def decode_chain(value: bytes) -> ChainValue:
    """A chain that was decided on from the value that the state holds."""
    return _chain_decoder.decode(value)
