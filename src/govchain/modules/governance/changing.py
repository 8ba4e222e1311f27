"""What each kind of change asks of the state, and what it does to it.

Purpose: :func:`check_change` when a change is proposed and again with the vote that decides; :func:`apply_change` with
that vote. Rules: a check answers the first reason in the order of the codes; nothing here looks at votes.
Not here: who may propose and vote (``rules``), the thresholds (``thresholds``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from govchain.crypto import ALGORITHMS, account_address
from govchain.model import Code, encode_struct
from govchain.model.identifiers import check_chain_id, check_credit_code
from govchain.model.printable import has_control_characters
from govchain.model.wire import Limits
from govchain.modules.governance import views
from govchain.modules.governance.chains import derive_chain
from govchain.modules.governance.messages import (
    UPGRADE_KEY,
    ChainCreate,
    ChainStop,
    ChainValue,
    Change,
    FirstAccount,
    KeyValue,
    MemberAdd,
    MemberRemove,
    MemberRotate,
    MemberValue,
    OrganisationAccount,
    OrganisationAdd,
    ParameterChange,
    ParameterValue,
    PolicyChange,
    PolicyValue,
    Upgrade,
    UpgradeValue,
    chain_key,
    key_key,
    member_key,
    parameter_key,
    policy_key,
    rotation_message,
)
from govchain.modules.governance.thresholds import bears_removal
from govchain.modules.port import Context, Foundation, Write
from govchain.proof.genesis import fingerprint

__all__ = [
    "CHAINS_MAX",
    "MEMBERS_MAX",
    "UPGRADE_NOTICE_BLOCKS",
    "Effect",
    "apply_change",
    "check_change",
    "check_text",
    "lowest",
    "target_key",
]

#: Members that are active or invited, at most.
MEMBERS_MAX = 128
#: Chains that are ever created by vote, at most: each has ports of its own at every node.
CHAINS_MAX = 64
#: Blocks between the vote for an upgrade and its height, at least.
UPGRADE_NOTICE_BLOCKS = 10

#: Rules that one organisation alone could meet: not for changes of who votes.
_NARROW = ("any", "list")
#: Those changes: whoever decided one alone could shut others out, or speak for them.
_WHO_VOTES = ("member.add", "member.remove", "organisation.account", "policy.change")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does: writes, the event that tells of it, and an organisation to be founded."""

    writes: tuple[Write, ...]
    event: str
    reference: str
    data: dict[str, Any] = field(default_factory=dict)
    foundation: Foundation | None = None


def check_text(change: Change) -> Code:
    """Names and labels are one printable line."""
    texts: tuple[str, ...] = ()
    if isinstance(change, MemberAdd):
        texts = (change.name,)
    elif isinstance(change, OrganisationAdd):
        texts = (change.name, change.account.label)
    elif isinstance(change, OrganisationAccount):
        texts = (change.account.label,)
    elif isinstance(change, Upgrade):
        texts = (change.software,)
    return Code.GOVERNANCE_TEXT if any(map(has_control_characters, texts)) else Code.OK


def target_key(change: Change) -> bytes | None:
    """The state key of what the change is about, None where its own check says all: a vote is for what was there."""
    if isinstance(change, MemberAdd | MemberRemove | MemberRotate):
        return member_key(change.key)
    if isinstance(change, ParameterChange):
        return parameter_key(change.name)
    if isinstance(change, PolicyChange):
        return policy_key(change.subject)
    if isinstance(change, ChainCreate | ChainStop):
        return chain_key(change.chain)
    return UPGRADE_KEY if isinstance(change, Upgrade) else None


def lowest(*codes: Code) -> Code:
    """The lowest reason of several, or OK."""
    return min(filter(None, codes), default=Code.OK)


def check_change(context: Context, change: Change) -> Code:
    """Whether the change could be carried out now."""
    return _RULES[type(change)][0](context, change)


def apply_change(context: Context, change: Change) -> Effect:
    """Carry the change out; :func:`check_change` said OK on the same state."""
    return _RULES[type(change)][1](context, change)


# -- members -----------------------------------------------------------------------------------------------------


def _algorithm(context: Context) -> str:
    return context.suite.member_algorithm


def _check_keys(context: Context, key: str, engine_key: str, tls: str) -> Code:
    """The keys are good, and those that the chain's rule asks for and no other."""
    code = ALGORITHMS[_algorithm(context)].check_public_key(bytes.fromhex(key))
    if code:
        return code
    rule = context.genesis.rule
    wanted = bool(engine_key) == (rule == "bft") and bool(tls) == (rule != "solo")
    good = not engine_key or not ALGORITHMS["ed25519"].check_public_key(bytes.fromhex(engine_key))
    return Code.OK if wanted and good and (not tls or engine_key != tls) else Code.GOVERNANCE_MEMBER_KEYS


def _check_unused(context: Context, *keys: str) -> Code:
    """None of the keys serves or served any member."""
    used = any(key and views.is_key_used(context.state, key) for key in keys)
    return Code.GOVERNANCE_KEY_USED if used else Code.OK


def _key_writes(key: str, engine_key: str, tls: str) -> tuple[Write, ...]:
    uses = (("engine", engine_key), ("member", key), ("tls", tls))
    return tuple(
        (key_key(value), encode_struct(KeyValue(member=key, use=use)))  # type: ignore[arg-type]
        for use, value in uses
        if value
    )


def _check_member_add(context: Context, change: MemberAdd) -> Code:
    known = context.directory.organisation_name(change.organisation) is not None
    present = sum(facts.status in ("active", "invited") for facts in views.members(context.state))
    return lowest(
        Code.OK if known else Code.ORGANISATION_UNKNOWN,
        _check_keys(context, change.key, change.engine_key, change.tls),
        _check_unused(context, change.key, change.engine_key, change.tls),
        Code.OK if present < MEMBERS_MAX else Code.GOVERNANCE_MEMBERS_MAX,
        Code.GOVERNANCE_ENGINE if context.genesis.rule == "solo" else Code.OK,
    )


def _apply_member_add(context: Context, change: MemberAdd) -> Effect:
    value = MemberValue(
        algorithm=_algorithm(context),
        engine_key=change.engine_key,
        height=context.height,
        key=change.key,
        name=change.name,
        organisation=change.organisation,
        status="invited",
        tls=change.tls,
    )
    writes = ((member_key(change.key), encode_struct(value)), *_key_writes(change.key, change.engine_key, change.tls))
    return Effect(writes, "governance.member_invited", change.key, {"organisation": change.organisation})


def _present_member(context: Context, key: str) -> tuple[Code, MemberValue | None]:
    value = views.member(context.state, key)
    if value is None:
        return Code.GOVERNANCE_MEMBER_UNKNOWN, None
    return (Code.OK if value.status in ("active", "invited") else Code.GOVERNANCE_MEMBER_STATUS), value


def _check_member_remove(context: Context, change: MemberRemove) -> Code:
    code, value = _present_member(context, change.key)
    if code or value is None or value.status == "invited":
        return code
    active = views.active_members(context.state)
    if not bears_removal(context.genesis.rule, len(active)):
        return Code.GOVERNANCE_QUORUM
    if sum(facts.organisation == value.organisation for facts in active) == 1:
        named = [policy.organisations for policy in views.policies(context.state).values()]
        if any(value.organisation in organisations for organisations in named):
            return Code.GOVERNANCE_LISTED
    return Code.OK


def _apply_member_remove(context: Context, change: MemberRemove) -> Effect:
    value = views.member(context.state, change.key)
    assert value is not None  # check said that it exists
    gone = msgspec.structs.replace(value, status="removed", height=context.height)
    writes = ((member_key(change.key), encode_struct(gone)),)
    return Effect(writes, "governance.member_removed", change.key, {"organisation": value.organisation})


def _check_member_rotate(context: Context, change: MemberRotate) -> Code:
    code, value = _present_member(context, change.key)
    keys = _check_keys(context, change.new_key, change.engine_key, change.tls)
    if value is None:
        return lowest(code, keys)
    pairs = ((value.key, change.new_key), (value.engine_key, change.engine_key), (value.tls, change.tls))
    fresh = [new for old, new in pairs if new != old]
    message = rotation_message(context.genesis.chain, change)
    proved = ALGORITHMS[value.algorithm].check_signature(
        bytes.fromhex(change.new_key), message, bytes.fromhex(change.proof)
    )
    return lowest(
        code,
        keys,
        _check_unused(context, *fresh),
        Code.GOVERNANCE_PROOF if proved else Code.OK,
        Code.OK if fresh else Code.GOVERNANCE_UNCHANGED,
    )


def _apply_member_rotate(context: Context, change: MemberRotate) -> Effect:
    value = views.member(context.state, change.key)
    assert value is not None  # check said that it exists
    fresh = msgspec.structs.replace(
        value, engine_key=change.engine_key, height=context.height, key=change.new_key, tls=change.tls
    )
    writes: list[Write] = [
        (member_key(change.new_key), encode_struct(fresh)),
        *_key_writes(change.new_key, change.engine_key, change.tls),
    ]
    if change.new_key != change.key:
        old = msgspec.structs.replace(value, status="rotated", height=context.height)
        writes.append((member_key(change.key), encode_struct(old)))
    data = {"new_key": change.new_key, "organisation": value.organisation}
    return Effect(tuple(writes), "governance.member_rotated", change.key, data)


# -- organisations, parameters, policies ---------------------------------------------------------------------------


def _address(context: Context, account: FirstAccount) -> bytes:
    return account_address(context.suite, context.genesis.chain, account.algorithm, bytes.fromhex(account.key))


def _check_first_account(context: Context, account: FirstAccount) -> Code:
    """Algorithm and key are allowed, the account is new, its roles are sorted."""
    if account.algorithm not in context.genesis.algorithms:
        return Code.ALGORITHM_NOT_ALLOWED
    code = ALGORITHMS[account.algorithm].check_public_key(bytes.fromhex(account.key))
    if code:
        return code
    if context.directory.account(_address(context, account)) is not None:
        return Code.ACCOUNT_EXISTS
    return Code.OK if list(account.roles) == sorted(set(account.roles)) else Code.ACCOUNT_ROLES


def _account_data(context: Context, account: FirstAccount) -> dict[str, Any]:
    """What the event tells of an account that was made by vote."""
    return {
        "account": _address(context, account).hex(),
        "algorithm": account.algorithm,
        "key": account.key,
        "label": account.label,
        "roles": list(account.roles),
    }


def _check_organisation_account(context: Context, change: OrganisationAccount) -> Code:
    name = context.directory.organisation_name(change.code)
    if name is None:
        return Code.ORGANISATION_UNKNOWN
    code = _check_first_account(context, change.account)
    if code:
        return code
    if "operator" not in change.account.roles:
        return Code.ACCOUNT_ROLES  # it could neither vote nor make others that do
    if not change.replaces:
        return Code.OK
    replaced = context.directory.account(bytes.fromhex(change.replaces))
    if replaced is None:
        return Code.ACCOUNT_UNKNOWN
    # One that its own organisation froze meanwhile stays so: the vote is not lost by it.
    return Code.OK if replaced.organisation == change.code else Code.ORGANISATION_MISMATCH


def _apply_organisation_account(context: Context, change: OrganisationAccount) -> Effect:
    account = change.account
    foundation = Foundation(
        code=change.code,
        name="",
        algorithm=account.algorithm,
        key=bytes.fromhex(account.key),
        label=account.label,
        roles=account.roles,
        exists=True,
        replaces=bytes.fromhex(change.replaces),
    )
    data = {**_account_data(context, account), "replaces": change.replaces}
    return Effect((), "governance.account_added", change.code, data, foundation)


def _check_organisation_add(context: Context, change: OrganisationAdd) -> Code:
    code = _check_first_account(context, change.account)
    if code:
        return code
    if check_credit_code(change.code) or context.directory.organisation_name(change.code) is not None:
        return Code.GOVERNANCE_ORGANISATION
    return Code.OK


def _apply_organisation_add(context: Context, change: OrganisationAdd) -> Effect:
    account = change.account
    foundation = Foundation(
        code=change.code,
        name=change.name,
        algorithm=account.algorithm,
        key=bytes.fromhex(account.key),
        label=account.label,
        roles=account.roles,
    )
    data = {**_account_data(context, account), "name": change.name}
    return Effect((), "governance.organisation_added", change.code, data, foundation)


def _check_parameter_change(context: Context, change: ParameterChange) -> Code:
    present = views.limits_in_force(context.state, context.genesis.limits)
    plain = msgspec.structs.asdict(present)
    try:
        wanted = msgspec.convert({**plain, change.name: change.value}, Limits)
    except msgspec.ValidationError:
        return Code.GOVERNANCE_PARAMETER
    if wanted.body_bytes_max > wanted.block_bytes_max:
        return Code.GOVERNANCE_PARAMETER
    if wanted.block_bytes_max > context.genesis.limits.block_bytes_max:
        return Code.GOVERNANCE_PARAMETER  # the engines' own limits were made with genesis
    return Code.GOVERNANCE_UNCHANGED if wanted == present else Code.OK


def _apply_parameter_change(context: Context, change: ParameterChange) -> Effect:
    value = ParameterValue(height=context.height, value=change.value)
    writes = ((parameter_key(change.name), encode_struct(value)),)
    return Effect(writes, "governance.parameter_changed", change.name, {"value": change.value})


def _check_policy_change(context: Context, change: PolicyChange) -> Code:
    policy, subject = change.policy, change.subject
    named = list(policy.organisations)
    if (policy.rule == "list") != bool(named) or named != sorted(set(named)):
        return Code.GOVERNANCE_POLICY
    may_vote = views.voters(context.state)
    if any(name not in may_vote for name in named):
        return Code.GOVERNANCE_POLICY
    if subject in _WHO_VOTES and policy.rule in _NARROW:
        return Code.GOVERNANCE_POLICY
    if subject == "policy.change" and policy.rule == "majority":
        return Code.GOVERNANCE_POLICY
    # And these can stop the chain.
    if subject in ("chain.stop", "upgrade") and policy.rule == "any":
        return Code.GOVERNANCE_POLICY
    return Code.GOVERNANCE_UNCHANGED if views.policy_of(context.state, subject) == policy else Code.OK


def _apply_policy_change(context: Context, change: PolicyChange) -> Effect:
    value = PolicyValue(height=context.height, policy=change.policy)
    writes = ((policy_key(change.subject), encode_struct(value)),)
    data = {"organisations": list(change.policy.organisations), "rule": change.policy.rule}
    return Effect(writes, "governance.policy_changed", change.subject, data)


# -- upgrades and chains -------------------------------------------------------------------------------------------


def _check_upgrade(context: Context, change: Upgrade) -> Code:
    soon = change.height < context.height + UPGRADE_NOTICE_BLOCKS
    # One step at a time: a number that nobody meant would stop the chain until there is software for it.
    follows = change.version == views.protocol_at(context.state, context.height) + 1
    return Code.OK if follows and not soon else Code.GOVERNANCE_UPGRADE


def _apply_upgrade(context: Context, change: Upgrade) -> Effect:
    value = UpgradeValue(
        height=change.height,
        planned=context.height,
        previous=views.protocol_at(context.state, context.height),
        software=change.software,
        version=change.version,
    )
    data = {"height": change.height, "software": change.software}
    return Effect(((UPGRADE_KEY, encode_struct(value)),), "governance.upgrade_planned", str(change.version), data)


def _check_chain_create(context: Context, change: ChainCreate) -> Code:
    own = change.chain == context.genesis.chain
    known = views.chain_decisions(context.state)
    if own or change.chain in known or check_chain_id(change.chain):
        return Code.GOVERNANCE_CHAIN
    if sum(one.genesis is not None for one in known.values()) >= CHAINS_MAX:
        return Code.GOVERNANCE_CHAINS_MAX
    return Code.OK if derive_chain(context, change) is not None else Code.GOVERNANCE_CHAIN_ACCOUNTS


def _apply_chain_create(context: Context, change: ChainCreate) -> Effect:
    genesis = derive_chain(context, change)
    assert genesis is not None  # check said that there is one
    value = ChainValue(
        fingerprint=fingerprint(genesis).hex(),
        genesis=genesis,
        height=context.height,
        number=1 + sum(one.genesis is not None for one in views.chain_decisions(context.state).values()),
        status="created",
    )
    writes = ((chain_key(change.chain), encode_struct(value)),)
    return Effect(writes, "governance.chain_created", change.chain, {"fingerprint": value.fingerprint})


def _check_chain_stop(context: Context, change: ChainStop) -> Code:
    decided = views.chain_decision(context.state, change.chain)
    if decided is None:
        return Code.OK if change.chain == context.genesis.chain else Code.GOVERNANCE_CHAIN
    return Code.OK if decided.status == "created" else Code.GOVERNANCE_CHAIN


def _apply_chain_stop(context: Context, change: ChainStop) -> Effect:
    decided = views.chain_decision(context.state, change.chain)
    if decided is None:  # this chain itself
        decided = ChainValue(fingerprint="", genesis=None, height=0, number=0, status="created")
    value = msgspec.structs.replace(decided, height=context.height, status="stopped")
    return Effect(((chain_key(change.chain), encode_struct(value)),), "governance.chain_stopped", change.chain)


#: Check and apply of each kind of change.
_RULES: dict[type[Any], tuple[Callable[[Context, Any], Code], Callable[[Context, Any], Effect]]] = {
    ChainCreate: (_check_chain_create, _apply_chain_create),
    ChainStop: (_check_chain_stop, _apply_chain_stop),
    MemberAdd: (_check_member_add, _apply_member_add),
    MemberRemove: (_check_member_remove, _apply_member_remove),
    MemberRotate: (_check_member_rotate, _apply_member_rotate),
    OrganisationAccount: (_check_organisation_account, _apply_organisation_account),
    OrganisationAdd: (_check_organisation_add, _apply_organisation_add),
    ParameterChange: (_check_parameter_change, _apply_parameter_change),
    PolicyChange: (_check_policy_change, _apply_policy_change),
    Upgrade: (_check_upgrade, _apply_upgrade),
}
