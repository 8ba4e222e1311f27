"""Rules of the accounts family: check and apply, and the writes that genesis makes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from govchain.crypto import ALGORITHMS, Suite, account_address
from govchain.model import Code, encode_struct
from govchain.model.printable import has_control_characters
from govchain.model.wire import Event, Genesis
from govchain.modules.accounts.keys import ACCOUNT, ORGANISATION
from govchain.modules.accounts.messages import (
    AccountValue,
    Freeze,
    OrganisationValue,
    Register,
    Unfreeze,
    account_key,
    decode_account,
    organisation_key,
)
from govchain.modules.port import AccountFacts, Context, Handler, Module, Outcome, Write

__all__ = ["MODULE"]

#: The family in which administrators vote; a chain without it has nobody to keep from being silenced.
_GOVERNANCE = "governance"


def check_register(context: Context, message: Register) -> Code:
    """Algorithm and key are allowed, the account is new, the roles may be granted, the label is one printable line."""
    if message.algorithm not in context.genesis.algorithms:
        return Code.ALGORITHM_NOT_ALLOWED
    code = ALGORITHMS[message.algorithm].check_public_key(bytes.fromhex(message.key))
    if code:
        return code
    if context.state.get(account_key(_address(context, message))) is not None:
        return Code.ACCOUNT_EXISTS
    grantable = {"department", *context.sender.roles}
    if list(message.roles) != sorted(set(message.roles)) or any(role not in grantable for role in message.roles):
        return Code.ACCOUNT_ROLES
    return Code.ACCOUNT_LABEL if has_control_characters(message.label) else Code.OK


def apply_register(context: Context, message: Register) -> Outcome:
    """Add the account to the administrator's own organisation."""
    address = _address(context, message)
    value = AccountValue(
        administrator=message.administrator,
        algorithm=message.algorithm,
        height=context.height,
        key=message.key,
        label=message.label,
        organisation=context.sender.organisation,
        roles=message.roles,
        status="active",
    )
    return Outcome(
        writes=((account_key(address), encode_struct(value)),),
        events=(_event("accounts.registered", context.sender.organisation, address, {"roles": list(message.roles)}),),
    )


def check_freeze(context: Context, message: Freeze) -> Code:
    """Another account, still active, of the own organisation, or for a supervisor any that votes for no other."""
    return _check_status_change(context, bytes.fromhex(message.account), active=True)


def apply_freeze(context: Context, message: Freeze) -> Outcome:
    """Mark the account frozen."""
    return _change_status(context, message.account, "frozen", {"reason": message.reason})


def check_unfreeze(context: Context, message: Unfreeze) -> Code:
    """Another account, frozen, of the own organisation, or for a supervisor any that votes for no other."""
    return _check_status_change(context, bytes.fromhex(message.account), active=False)


def apply_unfreeze(context: Context, message: Unfreeze) -> Outcome:
    """Mark the account active again."""
    return _change_status(context, message.account, "active", {})


def _check_status_change(context: Context, address: bytes, *, active: bool) -> Code:
    sender = context.sender
    if not sender.administrator and "supervisor" not in sender.roles:
        return Code.ADMINISTRATOR_REQUIRED
    target = context.directory.account(address)
    if target is None:
        return Code.ACCOUNT_UNKNOWN
    if target.organisation != sender.organisation:
        if "supervisor" not in sender.roles:
            return Code.ORGANISATION_MISMATCH
        if _votes(context, target):
            return Code.ACCOUNT_VOTES
    if target.active is not active:
        return Code.ACCOUNT_STATUS
    return Code.ACCOUNT_SELF if any(signer.address == address for signer in context.signers) else Code.OK


def _votes(context: Context, account: AccountFacts) -> bool:
    """Whether the account may speak for its organisation in governance (docs/spec/governance.md 1).

    Whoever could freeze these could silence the other organisations; whoever could unfreeze them, give a lost key its
    voice back.
    """
    governed = any(module.name == _GOVERNANCE for module in context.genesis.modules)
    return governed and account.administrator and "operator" in account.roles


def _change_status(context: Context, account: str, status: str, data: dict[str, object]) -> Outcome:
    address = bytes.fromhex(account)
    key = account_key(address)
    stored = context.state.get(key)
    assert stored is not None  # check said that it exists
    value = decode_account(stored)
    changed = msgspec.structs.replace(value, status=status)
    kind = "accounts.frozen" if status == "frozen" else "accounts.unfrozen"
    return Outcome(
        writes=((key, encode_struct(changed)),),
        events=(_event(kind, value.organisation, address, data),),
    )


def _event(kind: str, organisation: str, address: bytes, data: dict[str, object]) -> Event:
    return Event(data=data, organisation=organisation, reference=address.hex(), type=kind)


def _address(context: Context, message: Register) -> bytes:
    return account_address(context.suite, context.genesis.chain, message.algorithm, bytes.fromhex(message.key))


def genesis_writes(suite: Suite, genesis: Genesis) -> Iterable[Write]:
    """Organisations and accounts that exist from the start."""
    for organisation in genesis.organisations:
        yield organisation_key(organisation.code), encode_struct(OrganisationValue(name=organisation.name))
    for account in genesis.accounts:
        address = account_address(suite, genesis.chain, account.algorithm, bytes.fromhex(account.key))
        value = AccountValue(
            administrator=account.administrator,
            algorithm=account.algorithm,
            height=0,
            key=account.key,
            label=account.label,
            organisation=account.organisation,
            roles=account.roles,
            status="active",
        )
        yield account_key(address), encode_struct(value)


#: The accounts family.
MODULE = Module(
    name="accounts",
    version=1,
    namespaces=(ACCOUNT, ORGANISATION),
    handlers=(
        Handler(
            type="accounts.register",
            version=1,
            message=Register,
            check=check_register,
            apply=apply_register,
            administrator=True,
        ),
        Handler(type="accounts.freeze", version=1, message=Freeze, check=check_freeze, apply=apply_freeze),
        Handler(type="accounts.unfreeze", version=1, message=Unfreeze, check=check_unfreeze, apply=apply_unfreeze),
    ),
    genesis=genesis_writes,
    package="govchain.modules.accounts",
    sources=("govchain.model.printable",),
)
