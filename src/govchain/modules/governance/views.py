"""Reads of the governance family: members, proposals, policies, parameters, the upgrade.

Purpose: what ``ledger`` derives the signer set, the limits and the protocol from, and what nodes show. Rules: pure;
lists are in key order. Members are few (``MEMBERS_MAX`` at a time), proposals are not: ``proposals`` gives them one by
one. Not here: what holds where genesis does not list the family (``ledger``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from govchain.model.wire import Limits
from govchain.modules.governance.keys import CHAIN, MEMBER, PROPOSAL
from govchain.modules.governance.messages import (
    KINDS,
    PARAMETERS,
    UPGRADE_KEY,
    ChainValue,
    Kind,
    MemberStatus,
    MemberValue,
    OpenValue,
    Policy,
    ProposalValue,
    UpgradeValue,
    chain_key,
    decode_chain,
    decode_member,
    decode_parameter,
    decode_policy,
    decode_proposal,
    decode_upgrade,
    key_key,
    member_key,
    open_key,
    parameter_key,
    policy_key,
    proposal_key,
)
from govchain.modules.governance.thresholds import DEFAULT_POLICY
from govchain.modules.port import StateView

__all__ = [
    "MemberFacts",
    "active_members",
    "chain_decision",
    "chain_decisions",
    "is_key_used",
    "limits_in_force",
    "member",
    "member_facts",
    "members",
    "open_proposals",
    "policies",
    "policy_of",
    "proposal",
    "proposals",
    "protocol_at",
    "upgrade",
    "voters",
]

_open_decoder = msgspec.json.Decoder(OpenValue)
#: The protocol that every chain begins with.
_FIRST_PROTOCOL = 1


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What others may know of a member.

    ``key`` is the public key of ``algorithm``; ``engine_key`` (Ed25519, 32 bytes) and ``tls`` (digest of its
    certificate's SubjectPublicKeyInfo) are empty where there is none; ``height`` is the block of its last change.
    """

    key: bytes
    algorithm: str
    engine_key: bytes
    tls: bytes
    name: str
    organisation: str
    status: MemberStatus
    height: int


def member_facts(value: MemberValue) -> MemberFacts:
    """A stored member as its facts."""
    return MemberFacts(
        key=bytes.fromhex(value.key),
        algorithm=value.algorithm,
        engine_key=bytes.fromhex(value.engine_key),
        tls=bytes.fromhex(value.tls),
        name=value.name,
        organisation=value.organisation,
        status=value.status,
        height=value.height,
    )


def member(state: StateView, key: str) -> MemberValue | None:
    """The member with public key ``key`` (hex), whatever its status."""
    value = state.get(member_key(key))
    return None if value is None else decode_member(value)


def members(state: StateView) -> tuple[MemberFacts, ...]:
    """Every member that is or was, sorted by key."""
    return tuple(member_facts(decode_member(value)) for _, value in state.scan(MEMBER.prefix))


def active_members(state: StateView) -> tuple[MemberFacts, ...]:
    """The members that sign blocks from the next one on, sorted by key."""
    return tuple(facts for facts in members(state) if facts.status == "active")


def voters(state: StateView) -> tuple[str, ...]:
    """The organisations that have an active member, sorted: each has one vote."""
    return tuple(sorted({facts.organisation for facts in active_members(state)}))


def is_key_used(state: StateView, key: str) -> bool:
    """Whether some member has or had this key (hex), for whatever purpose."""
    return state.get(key_key(key)) is not None


def policy_of(state: StateView, kind: Kind) -> Policy:
    """The threshold in force for a kind of change."""
    value = state.get(policy_key(kind))
    return DEFAULT_POLICY if value is None else decode_policy(value).policy


def policies(state: StateView) -> dict[Kind, Policy]:
    """The thresholds in force for every kind of change."""
    return {kind: policy_of(state, kind) for kind in KINDS}


def limits_in_force(state: StateView, limits: Limits) -> Limits:
    """The chain's limits: those of genesis (``limits``) with what was voted since."""
    changed = {}
    for name in PARAMETERS:
        value = state.get(parameter_key(name))
        if value is not None:
            changed[name] = decode_parameter(value).value
    return msgspec.structs.replace(limits, **changed) if changed else limits


def upgrade(state: StateView) -> UpgradeValue | None:
    """The upgrade that is planned, or the last one."""
    value = state.get(UPGRADE_KEY)
    return None if value is None else decode_upgrade(value)


def protocol_at(state: StateView, height: int) -> int:
    """The protocol that block ``height`` follows, as far as has been voted."""
    plan = upgrade(state)
    if plan is None:
        return _FIRST_PROTOCOL
    return plan.version if height >= plan.height else plan.previous


def proposal(state: StateView, proposal_id: str) -> ProposalValue | None:
    """The proposal with that id (hex)."""
    value = state.get(proposal_key(proposal_id))
    return None if value is None else decode_proposal(value)


def proposals(state: StateView) -> Iterator[tuple[str, ProposalValue]]:
    """Ids (hex) and proposals, in the order of their ids."""
    for key, value in state.scan(PROPOSAL.prefix):
        yield key[len(PROPOSAL.prefix) :].decode(), decode_proposal(value)


def open_proposals(state: StateView, organisation: str) -> OpenValue:
    """An organisation's proposals that nobody closed, those that expired among them."""
    value = state.get(open_key(organisation))
    return OpenValue(()) if value is None else _open_decoder.decode(value)


def chain_decision(state: StateView, chain: str) -> ChainValue | None:
    """What was decided about a chain."""
    value = state.get(chain_key(chain))
    return None if value is None else decode_chain(value)


def chain_decisions(state: StateView) -> dict[str, ChainValue]:
    """What was decided about chains, by chain id."""
    start = len(CHAIN.prefix)
    return {key[start:].decode(): decode_chain(value) for key, value in state.scan(CHAIN.prefix)}
