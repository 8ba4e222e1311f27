"""Rules of the governance family: propose, vote, withdraw, ready; and what genesis writes.

A proposal is its transaction; state holds it with the votes so far. Its change is carried out in the transaction of the
vote that meets the threshold, or not at all: where the change cannot be made then, that vote is refused with the reason
and the proposal stays open.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from govchain.crypto import ALGORITHMS, Suite
from govchain.merkle import leaf_hash
from govchain.model import Code, encode_struct
from govchain.model.printable import has_control_characters
from govchain.model.wire import Event, Genesis
from govchain.modules.governance import views
from govchain.modules.governance.changing import apply_change, check_change, check_text, lowest, target_key
from govchain.modules.governance.keys import CHAIN, KEY, MEMBER, OPEN, PARAMETER, POLICY, PROPOSAL, UPGRADE
from govchain.modules.governance.messages import (
    EXPIRY_MS_MAX,
    OPEN_MAX,
    READY_BLOCKS_MAX,
    Change,
    KeyValue,
    Kind,
    MemberRotate,
    MemberValue,
    OpenProposal,
    OpenValue,
    Policy,
    PolicyChange,
    ProposalStatus,
    ProposalValue,
    Propose,
    Ready,
    Vote,
    Withdraw,
    key_key,
    member_key,
    open_key,
    proposal_key,
    ready_message,
)
from govchain.modules.governance.thresholds import can_pass, passes
from govchain.modules.port import Context, Handler, Module, Outcome, StateView, Write

__all__ = ["MODULE", "kind_of", "policy_for"]


def kind_of(change: Change) -> Kind:
    """The kind of a change, as policies name it."""
    kind: Kind = change.__struct_config__.tag  # type: ignore[assignment]
    return kind


def policy_for(state: StateView, change: Change) -> Policy:
    """The threshold that a change must meet now: that of its kind; what needs all is changed by all."""
    if isinstance(change, PolicyChange):
        present = views.policy_of(state, change.subject)
        if present.rule == "all":
            return present
    return views.policy_of(state, kind_of(change))


# -- propose -------------------------------------------------------------------------------------------------------


def check_propose_message(message: Propose) -> Code:
    """Texts are one printable line."""
    return Code.GOVERNANCE_TEXT if has_control_characters(message.reason) else check_text(message.change)


def check_propose(context: Context, message: Propose) -> Code:
    """The sender's organisation votes, has room for a proposal, and the change could be made now."""
    organisation, change = context.sender.organisation, message.change
    in_time = context.time < message.expires <= context.time + EXPIRY_MS_MAX
    room = len(_still_open(context, organisation)) < OPEN_MAX
    rotating = views.member(context.state, change.key) if isinstance(change, MemberRotate) else None
    own = rotating is None or rotating.organisation == organisation
    return lowest(
        _check_voter(context),
        Code.OK if in_time else Code.GOVERNANCE_EXPIRY,
        Code.OK if room else Code.GOVERNANCE_OPEN_MAX,
        Code.OK if own else Code.GOVERNANCE_NOT_OWN,
        check_change(context, change),
    )


def apply_propose(context: Context, message: Propose) -> Outcome:
    """Store the proposal with its organisation's approval; carry the change out where that is enough."""
    change, organisation = message.change, context.sender.organisation
    value = ProposalValue(
        account=context.sender.address.hex(),
        approvals=(organisation,),
        before=_before(context, change),
        change=change,
        closed=0,
        expires=message.expires,
        height=context.height,
        organisation=organisation,
        reason=message.reason,
        rejections=(),
        status="open",
        time=context.time,
    )
    proposal = context.transaction.hex()
    told = _event("governance.proposed", organisation, proposal, {"kind": kind_of(change)})
    return _settle(context, proposal, value, told)


# -- vote ----------------------------------------------------------------------------------------------------------


def check_vote(context: Context, message: Vote) -> Code:
    """The sender's organisation votes and has not yet, the proposal is open, and a deciding vote can be carried out."""
    organisation = context.sender.organisation
    code = _check_voter(context)
    if code:
        return code
    value = views.proposal(context.state, message.proposal)
    if value is None:
        return Code.GOVERNANCE_PROPOSAL_UNKNOWN
    if value.status != "open":
        return Code.GOVERNANCE_PROPOSAL_CLOSED
    if value.expires <= context.time:
        return Code.GOVERNANCE_PROPOSAL_EXPIRED
    decides = message.approve and _passes(context, _with_vote(value, organisation, approve=True))
    # Who approved may say so again where fewer votes are needed since: else nobody could carry the change out.
    if organisation in value.rejections or (organisation in value.approvals and not decides):
        return Code.GOVERNANCE_VOTED
    if not decides:
        return Code.OK
    same = value.before == _before(context, value.change)
    return lowest(Code.OK if same else Code.GOVERNANCE_TARGET_CHANGED, check_change(context, value.change))


def apply_vote(context: Context, message: Vote) -> Outcome:
    """Add the vote; carry the change out, or close the proposal, where it decides."""
    organisation = context.sender.organisation
    value = views.proposal(context.state, message.proposal)
    assert value is not None  # check said that it exists
    value = _with_vote(value, organisation, approve=message.approve)
    told = _event("governance.voted", organisation, message.proposal, {"approve": message.approve})
    return _settle(context, message.proposal, value, told)


def _with_vote(value: ProposalValue, organisation: str, *, approve: bool) -> ProposalValue:
    if approve:
        return msgspec.structs.replace(value, approvals=tuple(sorted({*value.approvals, organisation})))
    return msgspec.structs.replace(value, rejections=tuple(sorted({*value.rejections, organisation})))


def _passes(context: Context, value: ProposalValue) -> bool:
    policy = policy_for(context.state, value.change)
    return passes(policy, views.voters(context.state), value.approvals)


def _settle(context: Context, proposal: str, value: ProposalValue, told: Event) -> Outcome:
    """What follows from a proposal's votes: it is carried out, rejected, or stays open."""
    if _passes(context, value):
        return _carry_out(context, proposal, value, told)
    policy = policy_for(context.state, value.change)
    if can_pass(policy, views.voters(context.state), value.rejections):
        return Outcome(_store(context, proposal, value), (told,))
    rejected = _event("governance.rejected", value.organisation, proposal, {"kind": kind_of(value.change)})
    return Outcome(_store(context, proposal, value, "rejected"), (told, rejected))


def _carry_out(context: Context, proposal: str, value: ProposalValue, told: Event) -> Outcome:
    effect = apply_change(context, value.change)
    kind = kind_of(value.change)
    events = (
        told,
        _event("governance.executed", value.organisation, proposal, {"kind": kind}),
        _event(effect.event, value.organisation, effect.reference, {**effect.data, "proposal": proposal}),
    )
    writes = (*_store(context, proposal, value, "executed"), *effect.writes)
    return Outcome(writes, events, foundations=() if effect.foundation is None else (effect.foundation,))


# -- withdraw ------------------------------------------------------------------------------------------------------


def check_withdraw(context: Context, message: Withdraw) -> Code:
    """The proposal is open and the sender's organisation made it."""
    value = views.proposal(context.state, message.proposal)
    if value is None:
        return Code.GOVERNANCE_PROPOSAL_UNKNOWN
    if value.status != "open":
        return Code.GOVERNANCE_PROPOSAL_CLOSED
    return Code.OK if value.organisation == context.sender.organisation else Code.GOVERNANCE_NOT_OWN


def apply_withdraw(context: Context, message: Withdraw) -> Outcome:
    """Close the proposal."""
    value = views.proposal(context.state, message.proposal)
    assert value is not None  # check said that it exists
    told = _event("governance.withdrawn", value.organisation, message.proposal, {"kind": kind_of(value.change)})
    return Outcome(_store(context, message.proposal, value, "withdrawn"), (told,))


# -- ready ---------------------------------------------------------------------------------------------------------


def check_ready(context: Context, message: Ready) -> Code:
    """The member is invited, the sender speaks for it, the block is a recent one of this chain, and the key signed."""
    value = views.member(context.state, message.key)
    if value is not None and value.organisation != context.sender.organisation:
        return Code.GOVERNANCE_NOT_OWN
    if value is None:
        return Code.GOVERNANCE_MEMBER_UNKNOWN
    if value.status != "invited":
        return Code.GOVERNANCE_MEMBER_STATUS
    signed = ready_message(context.genesis.chain, message.key, message.height, message.identity)
    algorithm = ALGORITHMS[value.algorithm]
    if algorithm.check_signature(bytes.fromhex(message.key), signed, bytes.fromhex(message.proof)):
        return Code.GOVERNANCE_PROOF
    if not context.height - READY_BLOCKS_MAX <= message.height < context.height:
        return Code.GOVERNANCE_BLOCK
    leaf = leaf_hash(context.suite.digest, bytes.fromhex(message.identity))
    return Code.OK if context.history(message.height) == leaf else Code.GOVERNANCE_BLOCK


def apply_ready(context: Context, message: Ready) -> Outcome:
    """The member signs blocks from the next one on."""
    value = views.member(context.state, message.key)
    assert value is not None  # check said that it exists
    active = msgspec.structs.replace(value, status="active", height=context.height)
    told = _event("governance.member_activated", value.organisation, message.key, {"name": value.name})
    return Outcome(((member_key(message.key), encode_struct(active)),), (told,))


# -- inside --------------------------------------------------------------------------------------------------------


def _check_voter(context: Context) -> Code:
    """The sender's organisation has an active member."""
    votes = context.sender.organisation in views.voters(context.state)
    return Code.OK if votes else Code.GOVERNANCE_NOT_MEMBER


def _before(context: Context, change: Change) -> str:
    target = target_key(change)
    stored = None if target is None else context.state.get(target)
    return "" if stored is None else context.suite.digest(stored).hex()


def _still_open(context: Context, organisation: str) -> tuple[OpenProposal, ...]:
    stored = views.open_proposals(context.state, organisation).proposals
    return tuple(one for one in stored if one.expires > context.time)


def _store(context: Context, proposal: str, value: ProposalValue, status: ProposalStatus = "open") -> tuple[Write, ...]:
    """The proposal, and its organisation's list of open ones where that changes."""
    listed = views.open_proposals(context.state, value.organisation).proposals
    rest = tuple(one for one in _still_open(context, value.organisation) if status == "open" or one.id != proposal)
    if status != "open":
        value = msgspec.structs.replace(value, status=status, closed=context.height)
    elif proposal not in [one.id for one in rest]:
        rest = (*rest, OpenProposal(expires=value.expires, id=proposal))
    stored: Write = (proposal_key(proposal), encode_struct(value))
    if rest == listed:
        return (stored,)
    return (stored, (open_key(value.organisation), encode_struct(OpenValue(rest)) if rest else None))


def _event(kind: str, organisation: str, reference: str, data: dict[str, object]) -> Event:
    return Event(data=data, organisation=organisation, reference=reference, type=kind)


def genesis_writes(_suite: Suite, genesis: Genesis) -> Iterable[Write]:
    """The members that sign from block 1 on, and their keys."""
    for one in genesis.members:
        engine_key = one.engine_key if isinstance(one.engine_key, str) else ""
        tls = one.tls if isinstance(one.tls, str) else ""
        value = MemberValue(
            algorithm=one.algorithm,
            engine_key=engine_key,
            height=0,
            key=one.key,
            name=one.name,
            organisation=one.organisation,
            status="active",
            tls=tls,
        )
        yield member_key(one.key), encode_struct(value)
        for use, key in (("engine", engine_key), ("member", one.key), ("tls", tls)):
            if key:
                yield key_key(key), encode_struct(KeyValue(member=one.key, use=use))  # type: ignore[arg-type]


_OPERATOR = frozenset({"operator"})

#: The governance family.
MODULE = Module(
    name="governance",
    version=1,
    namespaces=(CHAIN, KEY, MEMBER, OPEN, PARAMETER, POLICY, PROPOSAL, UPGRADE),
    handlers=(
        Handler(
            type="governance.propose",
            version=1,
            message=Propose,
            check=check_propose,
            apply=apply_propose,
            check_message=check_propose_message,
            roles=_OPERATOR,
            administrator=True,
        ),
        Handler("governance.vote", 1, Vote, check_vote, apply_vote, roles=_OPERATOR, administrator=True),
        Handler(
            "governance.withdraw", 1, Withdraw, check_withdraw, apply_withdraw, roles=_OPERATOR, administrator=True
        ),
        Handler("governance.ready", 1, Ready, check_ready, apply_ready, roles=_OPERATOR, administrator=True),
    ),
    genesis=genesis_writes,
    package="govchain.modules.governance",
    sources=("govchain.model.identifiers", "govchain.model.printable"),
    founds=True,
)
