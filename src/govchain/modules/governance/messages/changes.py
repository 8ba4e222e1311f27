"""What can be voted on: one struct for each kind of change (docs/spec/governance.md 2).

Purpose: the payload inside a proposal, told apart by ``kind``. Rules: every struct refuses unknown fields; texts are
bounded; what the shape does not say is the rules' to check. The bytes that a new key signs are made here too, since
both sides need them. Not here: who may propose, what a change does (``rules``, ``changing``).
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from govchain.crypto import frame
from govchain.model.wire import Height, Hex

__all__ = [
    "CHAIN_ACCOUNTS_MAX",
    "KINDS",
    "LISTED_MAX",
    "NAME_LENGTH_MAX",
    "PARAMETERS",
    "READY_DOMAIN",
    "ROTATION_DOMAIN",
    "ChainCreate",
    "ChainStop",
    "Change",
    "FirstAccount",
    "Kind",
    "MemberAdd",
    "MemberRemove",
    "MemberRotate",
    "OrganisationAccount",
    "OrganisationAdd",
    "Parameter",
    "ParameterChange",
    "Policy",
    "PolicyChange",
    "PolicyRule",
    "Upgrade",
    "ready_message",
    "rotation_message",
]

#: Characters of the name of a member or an organisation, at most.
NAME_LENGTH_MAX = 128
#: Accounts that a new chain begins with, at most.
CHAIN_ACCOUNTS_MAX = 256
#: Organisations that a policy may name, at most.
LISTED_MAX = 128
#: Domain of the signature by which a new key shows that somebody holds it.
ROTATION_DOMAIN = "govchain/member-rotation/1"
#: Domain of the signature by which an invited member shows that its node follows the chain.
READY_DOMAIN = "govchain/member-ready/1"

#: Kinds of change, which policies are for.
Kind = Literal[
    "chain.create",
    "chain.stop",
    "member.add",
    "member.remove",
    "member.rotate",
    "organisation.account",
    "organisation.add",
    "parameter.change",
    "policy.change",
    "upgrade",
]
#: The same as values.
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Limits of genesis that can be voted.
Parameter = Literal["block_bytes_max", "block_transactions_max", "checkpoint_writes_min"]
#: The same as values.
PARAMETERS: tuple[Parameter, ...] = get_args(Parameter)
#: How many of the voting organisations must approve; ``list`` means each of those named.
PolicyRule = Literal["all", "any", "list", "majority", "two_thirds"]

_Organisation = Annotated[str, Meta(max_length=18)]
_Name = Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)]
#: A member's public key.
_Key = Annotated[Hex, Meta(min_length=64, max_length=2048)]
#: 32 bytes in hex, or empty where the chain's rule has none.
_Optional32 = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64})?\Z", max_length=64)]
#: An account's address in hex, or empty for none.
_OptionalAddress = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{40})?\Z", max_length=40)]
_Signature = Annotated[Hex, Meta(min_length=2, max_length=2048)]
#: An account's address.
_Address = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z")]
_Chain = Annotated[str, Meta(min_length=3, max_length=32)]


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold. ``organisations`` are sorted, and empty for every rule but ``list``."""

    organisations: Annotated[tuple[_Organisation, ...], Meta(max_length=LISTED_MAX)]
    rule: PolicyRule


class FirstAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """The account that a new organisation begins with, or that one gets by vote: an administrator."""

    algorithm: Annotated[str, Meta(max_length=32)]
    key: _Key
    label: Annotated[str, Meta(max_length=64)]
    roles: Annotated[tuple[Literal["auditor", "department", "operator", "supervisor"], ...], Meta(max_length=4)]


class MemberAdd(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="member.add"):
    """Invite a member; it becomes active when it tells that it is ready.

    ``engine_key``: Ed25519 key in a ``bft`` engine, else empty. ``tls``: digest of its certificate's
    SubjectPublicKeyInfo, empty under ``solo`` alone.
    """

    engine_key: _Optional32
    key: _Key
    name: _Name
    organisation: _Organisation
    tls: _Optional32


class MemberRemove(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="member.remove"):
    """Take a member out, or take an invitation back."""

    key: _Key


class MemberRotate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="member.rotate"):
    """Give a member other keys; a key that stays is named as it is. ``proof``: by the new member key."""

    engine_key: _Optional32
    key: _Key
    new_key: _Key
    proof: _Signature
    tls: _Optional32


class OrganisationAccount(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="organisation.account"
):
    """Give an organisation another administrator, for one whose own cannot act any more.

    ``replaces``: address (hex) of an account of the organisation that is frozen in the same step, empty for none.
    """

    account: FirstAccount
    code: _Organisation
    replaces: _OptionalAddress


class OrganisationAdd(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="organisation.add"):
    """Add an organisation with its first account, an administrator."""

    account: FirstAccount
    code: _Organisation
    name: _Name


class ParameterChange(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="parameter.change"):
    """Give a limit another value, from the next block on."""

    name: Parameter
    value: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class PolicyChange(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="policy.change"):
    """Give a kind of change another threshold."""

    policy: Policy
    subject: Kind


class Upgrade(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="upgrade"):
    """Blocks from ``height`` on follow protocol ``version``; ``software`` tells people what to install."""

    height: Height
    software: Annotated[str, Meta(max_length=64)]
    version: Annotated[int, Meta(ge=2, le=65_535)]


class ChainCreate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="chain.create"):
    """The members' nodes shall host another chain. Its genesis follows from this chain's state (governance.md 8).

    ``accounts``: addresses (hex, sorted) of the accounts of this chain that the other begins with.
    """

    accounts: Annotated[tuple[_Address, ...], Meta(min_length=1, max_length=CHAIN_ACCOUNTS_MAX)]
    chain: _Chain


class ChainStop(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="chain.stop"):
    """The members' nodes shall stop a chain that was created so, or this one."""

    chain: _Chain


#: Any of them.
Change = (
    ChainCreate
    | ChainStop
    | MemberAdd
    | MemberRemove
    | MemberRotate
    | OrganisationAccount
    | OrganisationAdd
    | ParameterChange
    | PolicyChange
    | Upgrade
)


def rotation_message(chain: str, change: MemberRotate) -> bytes:
    """What the new member key signs for ``proof``: the chain and all keys, old and new."""
    keys = (change.key, change.new_key, change.engine_key, change.tls)
    return frame(ROTATION_DOMAIN, chain, *(bytes.fromhex(key) for key in keys))


def ready_message(chain: str, key: str, height: int, identity: str) -> bytes:
    """What an invited member's key (hex) signs: that its node has block ``height`` with that identity (hex)."""
    return frame(READY_DOMAIN, chain, bytes.fromhex(key), height, bytes.fromhex(identity))
