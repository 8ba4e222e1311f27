"""Whose turn it is to propose: how long a member with work leaves the next block to others.

Purpose: two members that propose after the same tip cost one of them its work, and nothing else; so this is only about
waste, and needs no agreement.
Rules: the last proposer goes on at once. While it said that it holds more, the others leave it a second; after a block
without more, they come one after the other in the order of their keys. Whoever has waited for a second does not wait
any longer, so that nobody's transactions are left behind. Pure. Not here: the order itself (``order``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["ROLE_MS", "pause_ms"]

#: How long others leave a proposer that said it holds more, and the longest that a member waits at all.
ROLE_MS: Final = 1_000
#: What each further member waits, in the members' order, before it proposes beside others.
_TURN_MS: Final = 15
#: A last block that is older than this says nothing about who else has work.
_RECENT_MS: Final = 300


def pause_ms(
    own: bytes, proposer: bytes | None, *, more: bool, since_ms: int, waited_ms: int, members: Iterable[bytes]
) -> int:
    """How long member ``own`` waits before it proposes; 0: not at all.

    Args:
        own: its key.
        proposer: who made the newest block; None before the first.
        more: whether that one said that it holds more.
        since_ms: how long ago that block was executed here.
        waited_ms: how long this member has had work of its own.
        members: the keys of all.
    """
    if proposer is None or proposer == own or waited_ms > ROLE_MS:
        return 0
    if more and since_ms < ROLE_MS:
        return min(ROLE_MS - since_ms, ROLE_MS - waited_ms + 1)
    order = sorted(members)
    if since_ms > _RECENT_MS or proposer not in order or own not in order:
        return 0
    turns = (order.index(own) - order.index(proposer)) % len(order)
    return max(0, turns * _TURN_MS - since_ms)
