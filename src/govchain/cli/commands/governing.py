"""``govchain chain propose|vote|withdraw|ready|proposals|members|parameters``: an organisation's part in governing.

Rules: everything is signed by an account's key, never by a node's, but for the proofs that a new key gives of itself.
Not here: what a change asks (docs/spec/governance.md), networks on one machine (``net``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govchain.cli.opening import Opened, open_chain, open_key
from govchain.cli.output import china_time, emit, facts, line, table
from govchain.cli.session import t
from govchain.model import Code, UsageError

if TYPE_CHECKING:
    from govchain.modules.governance.messages import Change, FirstAccount, Policy
    from govchain.proof.members import MemberRecord
    from govchain.sdk.checking import VerifiedTransaction
    from govchain.sdk.governing import Proposal

__all__ = ["add_commands", "propose_chain", "propose_stop"]

#: The key that speaks for its organisation unless another is named.
_OPERATOR_KEY = "operator"
_RECORD_BYTES_MAX = 65_536
_RULES = ("all", "any", "list", "majority", "two_thirds")

_propose = typer.Typer(help=t("help.chain.propose"), no_args_is_help=True, add_completion=False)

Key = Annotated[str, typer.Option("--key", metavar="KEY", help=t("option.administrator_key"))]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help=t("option.proposal_reason"))]
Days = Annotated[float, typer.Option("--days", metavar="N", min=0.001, max=90, help=t("option.proposal_days"))]
Record = Annotated[Path, typer.Argument(metavar="FILE", help=t("option.member_file"))]
MemberName = Annotated[str, typer.Argument(metavar="MEMBER", help=t("option.member"))]
ProposalName = Annotated[str, typer.Argument(metavar="PROPOSAL", help=t("option.proposal"))]
_DAYS = 14.0


def add_commands(chain: typer.Typer) -> None:
    """Add the commands to the group ``chain``."""
    chain.add_typer(_propose, name="propose")
    commands: dict[str, Callable[..., None]] = {
        "vote": _vote,
        "withdraw": _withdraw,
        "ready": _ready,
        "proposals": _proposals,
        "members": _members,
        "parameters": _parameters,
    }
    for name, command in commands.items():
        chain.command(name, help=t(f"help.chain.{name}"))(command)


# -- propose ---------------------------------------------------------------------------------------------------------


@_propose.command("member-add", help=t("help.propose.member_add"))
def _member_add(record: Record, reason: Reason = "", days: Days = _DAYS, key: Key = "") -> None:
    """Invite the member of a member file."""
    from govchain.modules.governance.messages import MemberAdd  # noqa: PLC0415 - only where it is used

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        one = _record(opened, record)
        tls = _tls(opened, one)
        change = MemberAdd(one.engine_key, one.key, one.name, one.organisation, tls)
        _put(opened, change, reason, days)


@_propose.command("member-remove", help=t("help.propose.member_remove"))
def _member_remove(member: MemberName, reason: Reason = "", days: Days = _DAYS, key: Key = "") -> None:
    """Take a member out, or an invitation back."""
    from govchain.modules.governance.messages import MemberRemove  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, MemberRemove(_member_key(opened, member)), reason, days)


@_propose.command("member-rotate", help=t("help.propose.member_rotate"))
def _member_rotate(
    member: MemberName,
    record: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.new_member_file"))],
    new_key: Annotated[str, typer.Option("--new-key", metavar="KEY", help=t("option.new_member_key"))],
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Give the own organisation's member other keys: those of a new member file."""
    from govchain.sdk.governing import rotation  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        one = _record(opened, record)
        signer = open_key(new_key, opened.keys)
        try:
            if signer.public_key.hex() != one.key:
                raise UsageError(Code.USAGE, reason=t("chain.other_member_key"))
            tls = _tls(opened, one)
            change = rotation(opened.client, _member_key(opened, member), signer, engine_key=one.engine_key, tls=tls)
        finally:
            signer.close()
        _put(opened, change, reason, days)


OrganisationCode = Annotated[str, typer.Argument(metavar="CODE", help=t("option.organisation_code"))]
PublicKey = Annotated[str, typer.Option("--public-key", metavar="KEY", help=t("option.public_key"))]
Label = Annotated[str, typer.Option("--label", metavar="TEXT", help=t("option.label"))]
Roles = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="auditor|department|operator|supervisor", help=t("option.first_role")),
]
Algorithm = Annotated[str, typer.Option("--algorithm", metavar="NAME", help=t("option.algorithm"))]


@_propose.command("organisation-add", help=t("help.propose.organisation_add"))
def _organisation_add(
    code: OrganisationCode,
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("option.organisation_name"))],
    public_key: PublicKey,
    label: Label = "",
    role: Roles = None,
    algorithm: Algorithm = "",
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Add an organisation with its first account, an administrator."""
    from govchain.cli.reading import check_line  # noqa: PLC0415
    from govchain.modules.governance.messages import OrganisationAdd  # noqa: PLC0415

    check_line(name, "NAME")
    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        account = _first_account(opened, public_key, label, role, algorithm)
        _put(opened, OrganisationAdd(account, code, name), reason, days)


@_propose.command("organisation-account", help=t("help.propose.organisation_account"))
def _organisation_account(
    code: OrganisationCode,
    public_key: PublicKey,
    replaces: Annotated[str, typer.Option("--replaces", metavar="ADDRESS", help=t("option.replaces"))] = "",
    label: Label = "",
    role: Roles = None,
    algorithm: Algorithm = "",
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Give an organisation another administrator, and freeze the one that it replaces."""
    from govchain.modules.governance.messages import OrganisationAccount  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        account = _first_account(opened, public_key, label, role, algorithm)
        _put(opened, OrganisationAccount(account, code, replaces.strip().lower()), reason, days)


@_propose.command("parameter-change", help=t("help.propose.parameter_change"))
def _parameter_change(
    name: Annotated[str, typer.Argument(metavar="NAME", help=t("option.parameter"))],
    value: Annotated[int, typer.Argument(metavar="VALUE", min=1, max=2**53 - 1, help=t("option.parameter_value"))],
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Give a limit another value."""
    from govchain.modules.governance.messages import PARAMETERS, ParameterChange  # noqa: PLC0415

    if name not in PARAMETERS:
        raise UsageError(Code.USAGE, reason=t("chain.unknown_name", given=name, known=", ".join(PARAMETERS)))
    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, ParameterChange(name, value), reason, days)


@_propose.command("policy-change", help=t("help.propose.policy_change"))
def _policy_change(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=t("option.kind"))],
    rule: Annotated[str, typer.Argument(metavar="|".join(_RULES), help=t("option.policy_rule"))],
    organisation: Annotated[
        list[str] | None, typer.Option("--organisation", metavar="CODE", help=t("option.policy_organisation"))
    ] = None,
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Give a kind of change another threshold."""
    from govchain.modules.governance.messages import KINDS, Policy, PolicyChange  # noqa: PLC0415

    for given, known in ((kind, KINDS), (rule, _RULES)):
        if given not in known:
            raise UsageError(Code.USAGE, reason=t("chain.unknown_name", given=given, known=", ".join(known)))
    policy = Policy(tuple(sorted(set(organisation or ()))), rule)  # type: ignore[arg-type]
    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, PolicyChange(policy, kind), reason, days)  # type: ignore[arg-type]


@_propose.command("upgrade", help=t("help.propose.upgrade"))
def _upgrade(
    version: Annotated[int, typer.Argument(metavar="VERSION", min=2, max=65_535, help=t("option.protocol"))],
    height: Annotated[int, typer.Argument(metavar="HEIGHT", min=1, max=2**53 - 1, help=t("option.upgrade_height"))],
    software: Annotated[str, typer.Option("--software", metavar="TEXT", help=t("option.upgrade_software"))] = "",
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Plan a protocol for the blocks from a height on."""
    from govchain.modules.governance.messages import Upgrade  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, Upgrade(height, software, version), reason, days)


@_propose.command("chain-create", help=t("help.propose.chain_create"))
def propose_chain(
    chain: Annotated[str, typer.Argument(metavar="ID", help=t("option.chain_new"))],
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ACCOUNT", help=t("option.chain_account"))
    ] = None,
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Decide that the members' nodes host another chain."""
    from govchain.sdk.chains import chain_creation  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, chain_creation(opened.client, chain, account or ()), reason, days)


@_propose.command("chain-stop", help=t("help.propose.chain_stop"))
def propose_stop(
    chain: Annotated[str, typer.Argument(metavar="ID", help=t("option.chain"))],
    reason: Reason = "",
    days: Days = _DAYS,
    key: Key = "",
) -> None:
    """Decide that the members' nodes stop a chain."""
    from govchain.modules.governance.messages import ChainStop  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        _put(opened, ChainStop(chain), reason, days)


# -- votes -----------------------------------------------------------------------------------------------------------


def _vote(
    proposal: ProposalName,
    reject: Annotated[bool, typer.Option("--reject", help=t("option.reject"))] = False,
    key: Key = "",
) -> None:
    """The organisation's one vote."""
    from govchain.sdk.governing import find_proposal, vote  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        found = find_proposal(opened.client, proposal)
        vote(opened.client, found.id, approve=not reject)
        _emit_proposal(find_proposal(opened.client, found.id))


def _withdraw(proposal: ProposalName, key: Key = "") -> None:
    """Take an own proposal back."""
    from govchain.sdk.governing import find_proposal, withdraw  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        found = find_proposal(opened.client, proposal)
        withdraw(opened.client, found.id)
        _emit_proposal(find_proposal(opened.client, found.id))


def _ready(
    member_key: Annotated[str, typer.Option("--member-key", metavar="KEY", help=t("option.member_key"))] = "node",
    key: Key = "",
) -> None:
    """Tell that the own, invited node follows the chain."""
    from govchain.sdk.governing import list_members, ready  # noqa: PLC0415

    with open_chain(write=True, key=key, default_key=_OPERATOR_KEY) as opened:
        signer = open_key(member_key, opened.keys)
        try:
            ready(opened.client, signer)
            own = signer.public_key.hex()
        finally:
            signer.close()
        _emit_members([one for one in list_members(opened.client) if one.state.key == own])


# -- what holds ------------------------------------------------------------------------------------------------------


def _proposals(
    every: Annotated[bool, typer.Option("--all", help=t("option.all_proposals"))] = False,
) -> None:
    """Proposals that wait for votes."""
    from govchain.sdk.governing import list_proposals  # noqa: PLC0415

    with open_chain() as opened:
        found = list_proposals(opened.client, every=every)

        def show() -> None:
            if not found:
                line(t("chain.no_proposals"))
                return
            table(
                ["proposal", "what", "target", "status", "approvals", "rejections", "expires", "reason"],
                [
                    (
                        one.id,
                        t(f"governance.kind.{_kind(one.state.change)}"),
                        _target(one.state.change),
                        t(f"governance.status.{one.status}"),
                        len(one.state.approvals),
                        len(one.state.rejections),
                        china_time(one.state.expires),
                        one.state.reason,
                    )
                    for one in found
                ],
                prose=True,
            )

        emit({"proposals": [_proposal_json(one) for one in found]}, show)


def _members() -> None:
    """Members, each proved; the active ones are complete."""
    from govchain.sdk.governing import list_members  # noqa: PLC0415

    with open_chain() as opened:
        _emit_members(list_members(opened.client))


def _parameters() -> None:
    """Limits and thresholds in force."""
    import msgspec  # noqa: PLC0415 - with the SDK, only where needed

    from govchain.sdk.governing import governance_rules  # noqa: PLC0415

    with open_chain() as opened:
        rules = governance_rules(opened.client)
        limits = msgspec.structs.asdict(rules.limits)

        def show() -> None:
            voted = {name: t("cli.yes") if name in rules.voted else "" for name in limits}
            table(["parameter", "value", "voted"], [(name, limits[name], voted[name]) for name in sorted(limits)])
            table(["what", "threshold"], [(t(f"governance.kind.{k}"), _policy(p)) for k, p in rules.policies.items()])
            plan = rules.upgrade
            if plan is not None:
                line(t("chain.upgrade", version=plan.version, height=plan.height, software=plan.software))

        result = {
            "as_of": rules.as_of,
            "limits": limits,
            "policies": {kind: msgspec.to_builtins(policy) for kind, policy in rules.policies.items()},
            "upgrade": None if rules.upgrade is None else msgspec.to_builtins(rules.upgrade),
            "voted": rules.voted,
        }
        emit(result, show)


# -- inside ----------------------------------------------------------------------------------------------------------


def _put(opened: Opened, change: Change, reason: str, days: float) -> None:
    from govchain.sdk.governing import find_proposal, propose  # noqa: PLC0415

    done: VerifiedTransaction = propose(opened.client, change, reason=reason, days=days)
    _emit_proposal(find_proposal(opened.client, done.id))


def _first_account(opened: Opened, public_key: str, label: str, role: list[str] | None, algorithm: str) -> FirstAccount:
    """An administrator's account as a proposal names it."""
    from govchain.cli.keys import read_public_key  # noqa: PLC0415
    from govchain.cli.reading import check_line  # noqa: PLC0415
    from govchain.modules.governance.messages import FirstAccount  # noqa: PLC0415

    check_line(label, "--label")
    known = ("auditor", "department", "operator", "supervisor")
    roles = sorted(set(role or ("department", "operator")))
    if set(roles) - set(known):
        raise UsageError(Code.USAGE, reason=t("account.unknown_role", known=", ".join(known)))
    default = algorithm or opened.client.suite.member_algorithm
    kind, value = read_public_key(public_key, opened.keys, default)
    return FirstAccount(kind, value.hex(), label, tuple(roles))  # type: ignore[arg-type]


def _record(opened: Opened, path: Path) -> MemberRecord:
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.proof.members import verify_member_record  # noqa: PLC0415

    record = verify_member_record(opened.client.suite, read_small(path, _RECORD_BYTES_MAX))
    if record.chain != opened.client.genesis.chain:
        raise UsageError(Code.USAGE, reason=t("chain.other_chain", chain=record.chain))
    return record


def _tls(opened: Opened, record: MemberRecord) -> str:
    from govchain.proof.members import tls_digest  # noqa: PLC0415

    solo = opened.client.genesis.rule == "solo"
    return "" if solo else tls_digest(opened.client.suite, bytes.fromhex(record.certificate)).hex()


def _member_key(opened: Opened, text: str) -> str:
    """The public key (hex) of the member that a person means: its key, or the name of exactly one that is current."""
    from govchain.sdk.governing import list_members  # noqa: PLC0415

    found = list_members(opened.client)
    keys = [one.state.key for one in found if one.state.key == text.strip().lower()]
    if not keys:
        current = ("active", "invited")
        keys = [one.state.key for one in found if one.state.name == text and one.state.status in current]
    if len(keys) != 1:
        raise UsageError(Code.USAGE, reason=t("chain.which_member", given=text, count=len(keys)))
    return keys[0]


def _kind(change: Change) -> str:
    return str(change.__struct_config__.tag)


def _target(change: Change) -> str:
    """What a change is about, in a few words."""
    import msgspec  # noqa: PLC0415

    plain: dict[str, Any] = msgspec.to_builtins(change)
    if "policy" in plain:
        return f"{plain['subject']}: {plain['policy']['rule']}"
    if "version" in plain:
        return f"{plain['version']} @ {plain['height']}"
    if "value" in plain:
        return f"{plain['name']} = {plain['value']}"
    return str(plain.get("name") or plain.get("chain") or plain.get("code") or plain["key"])


def _policy(policy: Policy) -> str:
    named = t("cli.comma").join(policy.organisations)
    return t(f"governance.rule.{policy.rule}") + (f" {named}" if named else "")


def _proposal_json(one: Proposal) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415

    state: dict[str, Any] = msgspec.to_builtins(one.state)
    times = {"expires_text": china_time(one.state.expires), "time_text": china_time(one.state.time)}
    return {"id": one.id, **state, "kind": _kind(one.state.change), "status": one.status, **times, "as_of": one.as_of}


def _emit_proposal(one: Proposal) -> None:
    def show() -> None:
        state = one.state
        facts(
            [
                ("proposal", one.id),
                ("what", t(f"governance.kind.{_kind(state.change)}")),
                ("target", _target(state.change)),
                ("status", t(f"governance.status.{one.status}")),
                ("organisation", state.organisation),
                ("approvals", t("cli.comma").join(state.approvals)),
                ("rejections", t("cli.comma").join(state.rejections)),
                ("expires", china_time(state.expires)),
                ("reason", state.reason),
                ("as_of", one.as_of),
            ]
        )
        if one.status == "open":
            line(t("chain.vote_next", id=one.id))

    emit(_proposal_json(one), show)


def _emit_members(found: list[Any]) -> None:
    import msgspec  # noqa: PLC0415

    def show() -> None:
        table(
            ["name", "organisation", "status", "public_key", "engine_key"],
            [
                (
                    one.state.name,
                    one.state.organisation,
                    t(f"governance.member.{one.state.status}"),
                    one.state.key,
                    one.state.engine_key,
                )
                for one in found
            ],
        )

    emit({"members": [{**msgspec.to_builtins(one.state), "as_of": one.as_of} for one in found]}, show)
