"""Thresholds, and how many members a chain can lose: plain arithmetic (docs/spec/governance.md 5 and 6).

Purpose: decide a vote from the policy, the organisations that may vote now and the votes so far; say which removals a
quorum rule bears. Rules: organisations that may not vote (any more) count nowhere. Not here: the state.

Example:
    >>> tolerance("bft", 4), tolerance("bft", 3), tolerance("raft", 3), tolerance("solo", 1)
    (1, 0, 1, 0)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from govchain.modules.governance.messages.changes import Policy

__all__ = ["DEFAULT_POLICY", "bears_removal", "can_pass", "passes", "tolerance", "votes_needed"]

#: What holds for every kind of change until another policy was voted.
DEFAULT_POLICY = Policy(organisations=(), rule="two_thirds")


def votes_needed(rule: str, voters: int) -> int:
    """How many of ``voters`` must approve under a rule that counts: at least one, even of none."""
    needed = {
        "all": voters,
        "any": 1,
        "majority": voters // 2 + 1,
        "two_thirds": (2 * voters + 2) // 3,
    }[rule]
    return max(needed, 1)


def passes(policy: Policy, voters: Sequence[str], approvals: Collection[str]) -> bool:
    """Whether the approvals of those who may vote meet the threshold."""
    if policy.rule == "list":
        named = policy.organisations
        return bool(named) and all(name in approvals and name in voters for name in named)
    counted = sum(name in approvals for name in voters)
    return counted >= votes_needed(policy.rule, len(voters))


def can_pass(policy: Policy, voters: Sequence[str], rejections: Collection[str]) -> bool:
    """Whether the threshold could still be met if everybody else approved."""
    return passes(policy, voters, [name for name in voters if name not in rejections])


def tolerance(rule: str, members: int) -> int:
    """How many of ``members`` may fail without stopping the chain: bft under a third, raft under half, solo none."""
    if rule == "bft":
        return max(members - 1, 0) // 3
    if rule == "raft":
        return max(members - 1, 0) // 2
    return 0


def bears_removal(rule: str, members: int) -> bool:
    """Whether one of ``members`` active members may be taken out.

    Never the last one; and a chain that can lose a member never becomes one that cannot: under bft four stay, under
    raft three. A successor is added first. Nor does a chain of two under raft become one of one: etcd takes a member
    out by a majority of those that it has, and of two that needs the one that leaves; away, it leaves no majority.
    """
    if rule == "raft" and members == 2:
        return False
    return members > 1 and not (tolerance(rule, members) and not tolerance(rule, members - 1))
