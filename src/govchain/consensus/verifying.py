"""What verifying costs: transactions that were decoded and verified, the time that took, and those that were known.

Rules: any thread counts; a lock is held for the sums only. The clock is monotonic and decides nothing.
Not here: verifying (``ledger``, ``crypto``), who tells the figures (``node.metrics``).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from govchain.ledger import Machine, Prepared, prepare

__all__ = ["MeasuredVerifier", "VerifyingCosts"]


@dataclass(frozen=True, slots=True)
class VerifyingCosts:
    """Sums of this run: transactions verified, seconds that took, and transactions of blocks that needed none of it."""

    transactions: int
    seconds: float
    known: int


class MeasuredVerifier:
    """Prepares envelopes as the ledger does and keeps count."""

    def __init__(self, machine: Machine) -> None:
        """For the rules and keys of ``machine``."""
        self._machine = machine
        self._lock = threading.Lock()
        self._transactions, self._seconds, self._known = 0, 0.0, 0

    @property
    def costs(self) -> VerifyingCosts:
        """The sums up to now."""
        with self._lock:
            return VerifyingCosts(self._transactions, self._seconds, self._known)

    def prepare(self, envelopes: Sequence[bytes]) -> list[Prepared]:
        """Decode and verify; the same as :func:`govchain.ledger.prepare`."""
        begun = monotonic()
        prepared = prepare(self._machine, envelopes)
        seconds = monotonic() - begun
        with self._lock:
            self._transactions += len(envelopes)
            self._seconds += seconds
        return prepared

    def count_known(self, count: int) -> None:
        """So many transactions of a proposal had been verified before."""
        with self._lock:
            self._known += count
