"""Submitting: check, hand to the pool, wait until the block is durable.

Purpose: the one way in, for the CLI, the API and every adapter. Rules: a transaction that was committed before answers
its existing receipt with REPLAYED, so that sending again is safe; a full pool answers POOL_FULL with a hint; an
acknowledgement with a receipt means durable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from govchain.consensus.application import LedgerApplication
from govchain.consensus.pool import Outcome, Pool, Ticket
from govchain.model import Code

__all__ = ["Acknowledgement", "Submitter"]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer for one envelope. ``receipt`` is there once committed; ``id`` is empty when it could not be known."""

    id: bytes
    code: Code
    receipt: bytes | None = None
    retry_after_ms: int | None = None


class Submitter:
    """See the module."""

    def __init__(self, application: LedgerApplication, pool: Pool, problem: Callable[[], Code | None]) -> None:
        """Submit to ``pool`` for ``application``; ``problem`` tells why the engine stopped, if it did."""
        self._application = application
        self._pool = pool
        self._problem = problem

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_s: float) -> list[Acknowledgement]:
        """One answer for each envelope, in order; with ``wait`` once its block is durable or the time is over."""
        stopped = self._problem()
        results = self._application.check_tx(envelopes)
        ticket = Ticket(len(results)) if wait else None
        if stopped is not None:
            return [self._answer(result.prepared.id, Outcome(result.code or stopped)) for result in results]
        codes = self._pool.add_many(results, ticket)
        if ticket is not None:
            for place, code in enumerate(codes):
                if code:
                    ticket.settle(place, Outcome(code))
            ticket.wait(timeout_s)
        answers: list[Acknowledgement] = []
        for place, (result, code) in enumerate(zip(results, codes, strict=True)):
            outcome = Outcome(code)
            if ticket is not None and not code:
                outcome = ticket.outcomes[place] or Outcome(Code.TIMED_OUT)
            answers.append(self._answer(result.prepared.id, outcome))
        return answers

    def _answer(self, id_: bytes, outcome: Outcome) -> Acknowledgement:
        if outcome.code == Code.REPLAYED:
            return Acknowledgement(id_, Code.REPLAYED, self._application.receipt(id_))
        if outcome.code in (Code.POOL_FULL, Code.WINDOW_FULL):
            return Acknowledgement(id_, outcome.code, retry_after_ms=self._pool.retry_after_ms())
        return Acknowledgement(id_, outcome.code, outcome.receipt)
