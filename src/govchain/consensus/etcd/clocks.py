"""Whether this member's clock may name the time of a block.

Purpose: block times come from the proposer's wall clock, so a member with a bad one must not propose (ARCHITECTURE
decision 10).
Rules: a wall clock that moves by more than ``CLOCK_JUMP_MS_MAX`` against the steady clock is bad; so is one from which
the median of the members' clocks is that far away. A member proposes only once it has heard the clocks of a majority,
or has listened for a while in vain; longer where one half of the clocks contradicts the other and a member that has not
been heard yet can tell which of them is wrong. Pure but for the clocks, which are handed in.
Not here: what follows (``engine``), how clocks are heard (``signals``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govchain.consensus.etcd.signals import Heard
from govchain.consensus.ports import CLOCK_JUMP_MS_MAX, Clock

__all__ = ["ProposerClock"]

#: How long a member that has just started listens for others' clocks.
_LISTEN_MS: Final = 3_000
#: The same, where the clocks that were heard contradict each other and more are to come.
_LISTEN_LONGER_MS: Final = 15_000


class ProposerClock:
    """See the module; ``member`` is this one's key."""

    def __init__(self, clock: Clock, member: bytes) -> None:
        """Begin with the clocks as they are."""
        self._clock = clock
        self._member = member
        self._offset = clock.wall() - clock.steady()
        self._heard_at: int | None = None
        self.jump_ms_max = CLOCK_JUMP_MS_MAX

    def check(self, beacons: Mapping[bytes, Heard]) -> str:
        """Why this clock may not be used, in words; empty while it may."""
        moved = self._clock.wall() - self._clock.steady() - self._offset
        if abs(moved) > self.jump_ms_max:
            return f"it moved by {moved} ms"
        self._offset += moved  # small corrections add up to nothing that a jump could hide in
        ahead = sorted([0, *self._others(beacons)])
        # Of an even number the middle nearer to this clock counts: two members cannot say which of them is wrong.
        half = len(ahead) // 2
        middle = ahead[half] if len(ahead) % 2 else min(ahead[half - 1 : half + 1], key=abs)
        if abs(middle) > self.jump_ms_max:
            return f"the members' clocks are {middle} ms ahead of it"
        return ""

    def heard_enough(self, beacons: Mapping[bytes, Heard], members: int) -> bool:
        """Whether enough clocks were heard to propose."""
        if self._heard_at is None:
            self._heard_at = self._clock.steady()
        ahead = sorted([0, *self._others(beacons)])
        half = len(ahead) // 2
        listened = self._clock.steady() - self._heard_at
        if len(ahead) % 2 == 0 and len(ahead) < members and ahead[half] - ahead[half - 1] > self.jump_ms_max:
            return listened > _LISTEN_LONGER_MS
        return len(ahead) > members // 2 or listened > _LISTEN_MS

    def _others(self, beacons: Mapping[bytes, Heard]) -> list[int]:
        return [heard.ahead for member, heard in beacons.items() if member != self._member and heard.ahead is not None]
