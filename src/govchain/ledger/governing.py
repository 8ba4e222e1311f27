"""What governance decides about blocks: who signs the next one, the limits and the protocol in force.

Purpose: signer set, engine updates, limits and protocol as pure functions of the state, so that a node that joins by
snapshot, replays or has been there all along finds the same. Rules: a chain whose genesis does not list the family
keeps its members, limits and protocol 1; an update names each key once, in order, and never empties the set.
Not here: votes (``modules.governance``), who listens to the updates (``consensus``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from govchain.ledger.machine import Machine
from govchain.model import Code, UnavailableError
from govchain.model.wire import Limits, SignerKey, SignerSet
from govchain.modules.governance import views
from govchain.modules.governance.keys import MEMBER
from govchain.modules.governance.views import MemberFacts
from govchain.modules.port import StateView, Write
from govchain.proof.genesis import first_signer_set

__all__ = [
    "MemberUpdate",
    "current_members",
    "limits_in_force",
    "member_updates",
    "next_signer_set",
    "protocol_at",
    "require_protocol",
]


@dataclass(frozen=True, slots=True)
class MemberUpdate:
    """A member's weight from now on in an engine that counts votes, by its engine key; 0 takes it out."""

    engine_key: bytes
    power: int


def limits_in_force(machine: Machine, state: StateView) -> Limits:
    """The limits that the block after ``state`` keeps: those of genesis with what was voted."""
    if not machine.governed:
        return machine.genesis.limits
    return views.limits_in_force(state, machine.genesis.limits)


def protocol_at(machine: Machine, state: StateView, height: int) -> int:
    """The protocol of block ``height`` as the state before it says; 1 where nothing was voted."""
    return views.protocol_at(state, height) if machine.governed else 1


def require_protocol(machine: Machine, state: StateView, height: int) -> int:
    """The protocol of block ``height``; refuses one that this software does not know: until then old and new go along.

    Raises:
        UnavailableError: ``UPGRADE_REQUIRED``.
    """
    version = protocol_at(machine, state, height)
    if version > machine.protocol_max:
        raise UnavailableError(Code.UPGRADE_REQUIRED, version=version, height=height, supported=machine.protocol_max)
    return version


def current_members(machine: Machine, state: StateView) -> tuple[MemberFacts, ...]:
    """Members that are active or invited, sorted by key: those that other nodes know. Without the family: genesis'."""
    if machine.governed:
        return tuple(facts for facts in views.members(state) if facts.status in ("active", "invited"))
    return tuple(
        MemberFacts(
            key=bytes.fromhex(one.key),
            algorithm=one.algorithm,
            engine_key=bytes.fromhex(one.engine_key) if isinstance(one.engine_key, str) else b"",
            tls=bytes.fromhex(one.tls) if isinstance(one.tls, str) else b"",
            name=one.name,
            organisation=one.organisation,
            status="active",
            height=0,
        )
        for one in machine.genesis.members
    )


def next_signer_set(machine: Machine, signers: SignerSet, state: StateView, writes: Sequence[Write]) -> SignerSet:
    """The set in force after a block whose sorted ``writes`` lead to ``state``; ``signers`` is the one before.

    Where the block touched no member it is the same object.
    """
    if not machine.governed or not _touches_members(writes):
        return signers
    return _signer_set(machine, state)


def _touches_members(writes: Sequence[Write]) -> bool:
    """Whether one of ``writes``, sorted by key, is a member's."""
    place = bisect_left(writes, (MEMBER.prefix,))
    return place < len(writes) and writes[place][0].startswith(MEMBER.prefix)


def _signer_set(machine: Machine, state: StateView) -> SignerSet:
    active = views.active_members(state)
    keys = tuple(SignerKey(algorithm=facts.algorithm, key=facts.key.hex()) for facts in active)
    return SignerSet(keys=keys, rule=first_signer_set(machine.genesis).rule)


def member_updates(
    machine: Machine, before: StateView, after: StateView, writes: Sequence[Write]
) -> tuple[MemberUpdate, ...]:
    """What changes for an engine that counts votes: the difference of the active sets, one for each key, sorted."""
    if machine.genesis.rule != "bft" or not machine.governed:
        return ()
    if not _touches_members(writes):
        return ()
    old = {facts.engine_key for facts in views.active_members(before)}
    new = {facts.engine_key for facts in views.active_members(after)}
    return tuple(MemberUpdate(key, int(key in new)) for key in sorted(old ^ new))
