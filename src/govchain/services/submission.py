"""Submitting: check, hand to the pool, wait until the block is durable.

Purpose: the one way in, for the CLI, the API and every adapter. Rules: a transaction that was committed before answers
its existing receipt with REPLAYED, so that sending again is safe; a full pool answers POOL_FULL with a hint; an
acknowledgement with a receipt means durable.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from govchain.consensus.application import LedgerApplication
from govchain.consensus.pool import Outcome, Pool, Ticket, Waiter
from govchain.model import Code, DecodingError
from govchain.proof.transactions import decode_envelope

__all__ = ["Acknowledgement", "Submitter"]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer for one envelope. ``receipt`` is there once committed; ``id`` is empty when it could not be known."""

    id: bytes
    code: Code
    receipt: bytes | None = None
    retry_after_ms: int | None = None

    @property
    def waits(self) -> bool:
        """Whether the transaction was received and its outcome is still open."""
        return not self.code and self.receipt is None


class Submitter:
    """See the module."""

    def __init__(self, application: LedgerApplication, pool: Pool, problem: Callable[[], Code | None]) -> None:
        """Submit to ``pool`` for ``application``; ``problem`` tells why the engine stopped, if it did."""
        self._application = application
        self._pool = pool
        self._problem = problem
        self._counting = threading.Lock()
        self._refused: Counter[Code] = Counter()

    def refused(self) -> dict[Code, int]:
        """Transactions that were not taken since the start, by code; those committed before included."""
        with self._counting:
            return dict(self._refused)

    def id_of(self, envelope: bytes) -> bytes:
        """The id of the transaction in an envelope; empty where it is none."""
        try:
            return self._application.machine.suite.digest(decode_envelope(envelope)[0])
        except DecodingError:
            return b""

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_s: float) -> list[Acknowledgement]:
        """One answer for each envelope, in order; with ``wait`` once its block is durable or the time is over."""
        ticket = Ticket(len(envelopes)) if wait else None
        answers = self.hand_in(envelopes, ticket)
        if ticket is None:
            return answers
        for place, answer in enumerate(answers):
            if not answer.waits:
                ticket.settle(place, Outcome(answer.code))
        ticket.wait(timeout_s)
        return [
            self.answer(answer.id, ticket.outcomes[place] or Outcome(Code.TIMED_OUT)) if answer.waits else answer
            for place, answer in enumerate(answers)
        ]

    def hand_in(
        self, envelopes: Sequence[bytes], waiter: Waiter | None = None, waited: int | None = None
    ) -> list[Acknowledgement]:
        """Check all of them as one batch and hand the good ones to the pool; one answer for each, at once.

        ``waiter`` hears what becomes of the first ``waited`` envelopes (default: of all), by their place, wherever the
        answer says :attr:`Acknowledgement.waits`; it may hear before this returns.
        """
        stopped = self._problem()
        results = self._application.check_tx(envelopes)
        if stopped is not None:
            self._count([result.code or stopped for result in results])
            return [self.answer(result.prepared.id, Outcome(result.code or stopped)) for result in results]
        if waiter is None:
            codes = self._pool.add_many(results)
        elif waited is None or waited == len(results):
            codes = self._pool.add_many(results, waiter)
        else:
            codes = self._pool.add_many(results[:waited], waiter) + self._pool.add_many(results[waited:])
        self._count(codes)
        return [
            Acknowledgement(result.prepared.id, code) if not code else self.answer(result.prepared.id, Outcome(code))
            for result, code in zip(results, codes, strict=True)
        ]

    def _count(self, codes: Sequence[Code]) -> None:
        if any(codes):
            with self._counting:
                self._refused.update(code for code in codes if code)

    def retry_after_ms(self) -> int:
        """When somebody who was refused for want of room should come back, in ms."""
        return self._pool.retry_after_ms()

    def answer(self, id_: bytes, outcome: Outcome) -> Acknowledgement:
        """The answer for the transaction ``id_`` with that outcome; reads the receipt of one committed before."""
        if outcome.code == Code.REPLAYED:
            return Acknowledgement(id_, Code.REPLAYED, self._application.receipt(id_))
        if outcome.code in (Code.POOL_FULL, Code.WINDOW_FULL):
            return Acknowledgement(id_, outcome.code, retry_after_ms=self._pool.retry_after_ms())
        return Acknowledgement(id_, outcome.code, outcome.receipt)
