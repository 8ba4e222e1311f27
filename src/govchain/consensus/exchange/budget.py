"""What one peer may cost this node: requests, bytes of answers, messages, and what it sent that does not hold.

Purpose: a member may be curious, broken or hostile, and none of it may take this node's time from the others.
Rules: an allowance for each peer and kind of cost, refilled by the second up to its burst; honest nodes that catch up
stay below it. What is above is refused (``RATE_LIMITED``) or dropped; whoever goes on, or sends many signatures or
certificates that do not hold, loses its connection for a while (``PeerNetwork.expel``). Counted for metrics. Only
members are connected, so there are as many allowances as members.
Not here: transactions (:mod:`govchain.consensus.exchange.forwarding` and the pool have their own bounds).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from govchain.model import Code, UnavailableError
from govchain.peers import Kind, PeerNetwork

__all__ = ["Allowance", "BudgetLimits", "PeerBudget"]

#: Allowances of one sort, at most; then those that are full again go.
_PEERS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class Allowance:
    """``per_s`` is added each second, up to ``burst``."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """What each peer may cost.

    ``requests``: other than transactions. ``answer_bytes``: of their answers; one answer may be larger than what is
    left, and the next ones wait. ``invitations``: announcements that it proposes. ``signatures``: that it pushes.
    ``false``: signatures and certificates that do not hold. ``refusals``: requests above its allowance.
    """

    requests: Allowance = Allowance(100, 400)
    answer_bytes: Allowance = Allowance(64 * 1024 * 1024, 256 * 1024 * 1024)
    invitations: Allowance = Allowance(50, 200)
    signatures: Allowance = Allowance(2_000, 8_000)
    false: Allowance = Allowance(1, 100)
    refusals: Allowance = Allowance(10, 1_000)


class _Levels:
    """One sort of allowance: what is left of it, by peer."""

    def __init__(self, allowance: Allowance, steady: Callable[[], float]) -> None:
        """Everybody has all of it."""
        self._allowance = allowance
        self._steady = steady
        self._lock = threading.Lock()
        self._left: dict[bytes, tuple[float, float]] = {}  # what was left, and when

    def take(self, peer: bytes, amount: float, least: float) -> bool:
        """Take ``amount``, if there is ``least`` at least; whether there was."""
        allowance, now = self._allowance, self._steady()
        with self._lock:
            if len(self._left) >= _PEERS_MAX:
                self._left = {
                    one: level for one, level in self._left.items() if self._now(level, now) < allowance.burst
                }
            left = self._now(self._left.get(peer, (allowance.burst, now)), now)
            enough = left >= least
            self._left[peer] = (left - amount if enough else left, now)
        return enough

    def _now(self, level: tuple[float, float], now: float) -> float:
        left, at = level
        return min(self._allowance.burst, left + (now - at) * self._allowance.per_s)


class PeerBudget:
    """See the module; any thread may call.

    Args:
        chain: its id.
        network: counts, and ends connections.
        limits: see :class:`BudgetLimits`.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        chain: str,
        network: PeerNetwork,
        limits: BudgetLimits | None = None,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        limits = limits or BudgetLimits()
        self._chain = chain
        self._network = network
        self._requests = _Levels(limits.requests, steady)
        self._bytes = _Levels(limits.answer_bytes, steady)
        self._messages = {
            Kind.PREPARING: _Levels(limits.invitations, steady),
            Kind.SIGNATURES: _Levels(limits.signatures, steady),
        }
        self._false = _Levels(limits.false, steady)
        self._refusals = _Levels(limits.refusals, steady)

    def ask(self, peer: bytes) -> None:
        """A request came.

        Raises:
            UnavailableError: ``RATE_LIMITED`` for one too many.
        """
        if self._bytes.take(peer, 0, 1) and self._requests.take(peer, 1, 1):
            return
        self._network.counted("rate")
        if not self._refusals.take(peer, 1, 1):
            self._network.expel(self._chain, peer, "requests without end")
        raise UnavailableError(Code.RATE_LIMITED)

    def answered(self, peer: bytes, count: int) -> None:
        """Its answer has ``count`` bytes."""
        self._bytes.take(peer, count, float("-inf"))

    def heard(self, peer: bytes, kind: Kind, count: int = 1) -> bool:
        """Whether ``count`` things of a message may be looked at; otherwise it is dropped."""
        levels = self._messages.get(kind)
        if levels is None or levels.take(peer, count, min(count, 1)):
            return True
        self._network.counted("rate")
        return False

    def false(self, peer: bytes, count: int) -> None:
        """``count`` signatures or certificates that it sent do not hold; after too many its connection ends."""
        for _ in range(count):
            self._network.counted("false")
            if not self._false.take(peer, 1, 1):
                self._network.expel(self._chain, peer, "signatures that do not hold")
                return
