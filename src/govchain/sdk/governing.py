"""Governance from an organisation's own desk: propose, vote, tell that a member is ready; and what holds, proved.

Purpose: short ways to the family's transactions, and lists of members, proposals and thresholds. Rules: what is listed
was proved from the user's own trust. The active members are complete, since their keys give the signer set that the
proved block names; other entries can be left out by a node, not altered. Not here: votes' rules
(``modules.governance``), members' records (``proof.members``).

Example::

    done = propose(client, ParameterChange(name="block_transactions_max", value=5000), reason="load test")
    vote(client, done.id, approve=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.wire import Limits, SignerKey, SignerSet
from govchain.modules.governance.messages import (
    KINDS,
    PARAMETERS,
    UPGRADE_KEY,
    Change,
    Kind,
    MemberRotate,
    MemberValue,
    Policy,
    ProposalValue,
    Propose,
    Ready,
    UpgradeValue,
    Vote,
    Withdraw,
    decode_member,
    decode_parameter,
    decode_policy,
    decode_proposal,
    decode_upgrade,
    member_key,
    parameter_key,
    policy_key,
    proposal_key,
    ready_message,
    rotation_message,
)
from govchain.proof.signers import signer_set_digest
from govchain.sdk.checking import VerifiedHeader, VerifiedTransaction
from govchain.sdk.transactions import now_ms
from govchain.sdk.transport import EVENTS_PER_PAGE_MAX, STATE_KEYS_MAX, EventQuery, EventRecord

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = [
    "DAYS_OPEN",
    "DEFAULT_POLICY",
    "GovernanceRules",
    "KeyHolder",
    "Member",
    "Proposal",
    "find_proposal",
    "governance_rules",
    "has_governance",
    "list_members",
    "list_proposals",
    "propose",
    "proved_values",
    "ready",
    "rotation",
    "told_events",
    "vote",
    "withdraw",
]

#: Days that a proposal stays open where nothing else is said.
DAYS_OPEN = 14
#: What holds for a kind of change until another policy was voted (governance.md 5).
DEFAULT_POLICY = Policy(organisations=(), rule="two_thirds")
#: Entries that are looked through, at most.
_ENTRIES_MAX = 100_000
_DAY_MS = 86_400_000
_FAMILY = "governance"


class KeyHolder(Protocol):
    """A member's own key."""

    @property
    def public_key(self) -> bytes:
        """The public key."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it was after block ``as_of`` (0: as genesis has it)."""

    state: MemberValue
    as_of: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal by its id (hex), as it was after block ``as_of``; ``status`` tells ``expired`` from ``open``, too."""

    id: str
    state: ProposalValue
    status: Literal["executed", "expired", "open", "rejected", "withdrawn"]
    as_of: int


@dataclass(frozen=True, slots=True)
class GovernanceRules:
    """Limits and thresholds in force after block ``as_of``, and the upgrade that is planned or was the last."""

    limits: Limits
    voted: dict[str, int]
    policies: dict[Kind, Policy]
    upgrade: UpgradeValue | None
    as_of: int


# -- transactions ----------------------------------------------------------------------------------------------------


def propose(
    client: Client, change: Change, *, reason: str = "", days: float = DAYS_OPEN, now: int | None = None
) -> VerifiedTransaction:
    """Put a change to the vote, and approve it; the proposal's id is the transaction's.

    ``days``: how long it stays open, at most 90, from ``now`` (ms) on, the machine's clock where it is not given.
    """
    # An idle chain's newest block may be old, and a clock behind.
    begins = max(client.chain_status().time, now_ms() if now is None else now)
    payload = Propose(change=change, expires=begins + int(days * _DAY_MS), reason=reason)
    return client.submit("governance.propose", payload)


def vote(client: Client, proposal: str, *, approve: bool) -> VerifiedTransaction:
    """The organisation's one vote on a proposal."""
    return client.submit("governance.vote", Vote(approve=approve, proposal=proposal))


def withdraw(client: Client, proposal: str) -> VerifiedTransaction:
    """Take an own proposal back."""
    return client.submit("governance.withdraw", Withdraw(proposal=proposal))


def rotation(client: Client, old: str, new: KeyHolder, *, engine_key: str = "", tls: str = "") -> MemberRotate:
    """The change that gives member ``old`` (its public key in hex) the key of ``new``, which signs it."""
    plain = MemberRotate(engine_key=engine_key, key=old, new_key=new.public_key.hex(), proof="00", tls=tls)
    return msgspec.structs.replace(plain, proof=new.sign(rotation_message(client.genesis.chain, plain)).hex())


def ready(client: Client, member: KeyHolder) -> VerifiedTransaction:
    """Tell that an invited member's node follows the chain; ``member`` is its own key, the client's an account's.

    Raises:
        UnavailableError: ``NOT_FOUND`` before the first certified block.
    """
    newest = client.checker.newest_header()
    if newest is None:
        raise UnavailableError(Code.NOT_FOUND, what="block", id=1)
    key, height, identity = member.public_key.hex(), newest.header.height, newest.identity.hex()
    proof = member.sign(ready_message(client.genesis.chain, key, height, identity)).hex()
    return client.submit("governance.ready", Ready(height=height, identity=identity, key=key, proof=proof))


# -- what holds ------------------------------------------------------------------------------------------------------


def list_members(client: Client) -> list[Member]:
    """Every member that is or was, active ones first, then by name.

    Raises:
        VerificationError: ``STATUS_PROOF`` when the active members are not those that the newest block names.
    """
    known = {one.key: _first_member(client, one.key) for one in client.genesis.members}
    if not has_governance(client) or client.checker.newest_header() is None:
        return _by_name(Member(value, 0) for value in known.values())
    keys = dict.fromkeys(known)
    for event in told_events(client, "governance.member_invited", "governance.member_rotated"):
        keys[str(event.data.get("new_key", event.reference))] = None
    found: list[Member] = []
    for block, _, value in proved_values(client, [member_key(key) for key in keys]):
        if value is not None:
            found.append(Member(decode_member(value), block.header.height))
    last = block if found else None
    if last is not None:
        _require_complete(client, found, last)
    return _by_name(found)


def list_proposals(client: Client, *, every: bool = False) -> list[Proposal]:
    """Proposals that can still be voted on, or ``every`` one that the node shows; the newest first."""
    if not has_governance(client) or client.checker.newest_header() is None:
        return []
    ids = dict.fromkeys(event.transaction for event in told_events(client, "governance.proposed"))
    found: list[Proposal] = []
    keys = {proposal_key(one): one for one in ids}
    for block, key, value in proved_values(client, list(keys)):
        if value is not None:
            found.append(_proposal(keys[key], decode_proposal(value), block))
    found.sort(key=lambda one: (one.state.height, one.id), reverse=True)
    return [one for one in found if every or one.status == "open"]


def find_proposal(client: Client, text: str) -> Proposal:
    """The proposal that a person means: its id, or at least eight of its first digits.

    Raises:
        RefusedError: ``NOT_FOUND``. UsageError: several begin so.
    """
    text = text.strip().lower()
    if len(text) == 64:
        for block, _, value in proved_values(client, [proposal_key(text)]):
            if value is not None:
                return _proposal(text, decode_proposal(value), block)
        raise RefusedError(Code.NOT_FOUND, reason=text)
    found = [one for one in list_proposals(client, every=True) if len(text) >= 8 and one.id.startswith(text)]
    if not found:
        raise RefusedError(Code.NOT_FOUND, reason=text)
    if len(found) > 1:
        raise UsageError(Code.USAGE, reason=f"{len(found)} proposals begin with {text}")
    return found[0]


def governance_rules(client: Client) -> GovernanceRules:
    """Limits and thresholds in force."""
    genesis = client.genesis
    policies: dict[Kind, Policy] = dict.fromkeys(KINDS, DEFAULT_POLICY)
    if not has_governance(client) or client.checker.newest_header() is None:
        return GovernanceRules(genesis.limits, {}, policies, None, 0)
    keys = [*map(parameter_key, PARAMETERS), *map(policy_key, KINDS), UPGRADE_KEY]
    status = client.checker.verified_status(keys)
    values = dict(zip(keys, status.values, strict=True))
    voted: dict[str, int] = {}
    for name in PARAMETERS:
        value = values[parameter_key(name)]
        if value is not None:
            voted[name] = decode_parameter(value).value
    for kind in KINDS:
        value = values[policy_key(kind)]
        if value is not None:
            policies[kind] = decode_policy(value).policy
    plan = values[UPGRADE_KEY]
    return GovernanceRules(
        limits=msgspec.structs.replace(genesis.limits, **voted),
        voted=voted,
        policies=policies,
        upgrade=None if plan is None else decode_upgrade(plan),
        as_of=status.block.header.height,
    )


# -- the steps behind ------------------------------------------------------------------------------------------------


def has_governance(client: Client) -> bool:
    """Whether the chain's genesis lists the family."""
    return any(module.name == _FAMILY for module in client.genesis.modules)


def _first_member(client: Client, key: str) -> MemberValue:
    one = next(one for one in client.genesis.members if one.key == key)
    return MemberValue(
        algorithm=one.algorithm,
        engine_key=one.engine_key if isinstance(one.engine_key, str) else "",
        height=0,
        key=one.key,
        name=one.name,
        organisation=one.organisation,
        status="active",
        tls=one.tls if isinstance(one.tls, str) else "",
    )


def told_events(client: Client, *kinds: str) -> Iterator[EventRecord]:
    """Events of some kinds as the node tells them: where to look, nothing that is believed."""
    cursor: str | None = None
    count = 0
    while True:
        page = client.transport.events(EventQuery(types=kinds), cursor, EVENTS_PER_PAGE_MAX)
        yield from page.events
        count += len(page.events)
        if not page.more:
            return
        if count >= _ENTRIES_MAX or page.cursor == cursor:
            raise UnavailableError(Code.TIMED_OUT, reason=f"more than {_ENTRIES_MAX} entries")
        cursor = page.cursor


def proved_values(client: Client, keys: Sequence[bytes]) -> Iterator[tuple[VerifiedHeader, bytes, bytes | None]]:
    """Each key's value as proved, with the block that proves it."""
    for start in range(0, len(keys), STATE_KEYS_MAX):
        some = keys[start : start + STATE_KEYS_MAX]
        status = client.checker.verified_status(some)
        for key, value in zip(some, status.values, strict=True):
            yield status.block, key, value


def _proposal(proposal: str, state: ProposalValue, block: VerifiedHeader) -> Proposal:
    over = state.status == "open" and state.expires <= block.header.time
    return Proposal(proposal, state, "expired" if over else state.status, block.header.height)


def _require_complete(client: Client, found: Sequence[Member], block: VerifiedHeader) -> None:
    """The active members are those that the proved block names for the next one; raises where some are missing."""
    if any(one.as_of != block.header.height for one in found):
        return  # the chain went on between two pages of proofs
    active = sorted((one.state for one in found if one.state.status == "active"), key=lambda one: one.key)
    keys = tuple(SignerKey(algorithm=one.algorithm, key=one.key) for one in active)
    shown = signer_set_digest(client.suite, SignerSet(keys=keys, rule=client.genesis.rule)) if keys else b""
    if shown.hex() != block.header.next_signers:
        raise VerificationError(Code.STATUS_PROOF, reason="not all active members are shown")


def _by_name(members: Iterator[Member] | Sequence[Member]) -> list[Member]:
    order = {"active": 0, "invited": 1, "rotated": 2, "removed": 3}
    return sorted(members, key=lambda one: (order[one.state.status], one.state.name, one.state.key))
