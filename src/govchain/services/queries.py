"""Reads for people and programs: chain status, blocks, accounts, evidence search.

Purpose: answers from committed state and the block store, at most ``limit`` of them. Search by time uses that blocks
are in time order; richer search is ``services.search``. Not here: proofs (``services.proofs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

from govchain.consensus.application import LedgerApplication
from govchain.model import Code, UsageError
from govchain.model.identifiers import is_hex
from govchain.model.wire import Receipt
from govchain.modules.evidence import views
from govchain.modules.evidence.keys import account_prefix, by_digest_key, by_reference_key, reference_prefix
from govchain.modules.evidence.messages import MarkValue, RecordValue
from govchain.proof.transactions import decode_receipt
from govchain.sdk.transport import EvidenceQuery, StateWrite
from govchain.storage.blocks import KeyWriteKind, height_key

__all__ = ["LIMIT_MAX", "EvidenceNow", "Queries"]

#: Results of one search, at most.
LIMIT_MAX = 10_000

_KINDS: Final[dict[KeyWriteKind, Literal["value", "present", "removed"]]] = {
    KeyWriteKind.VALUE: "value",
    KeyWriteKind.PRESENT: "present",
    KeyWriteKind.REMOVED: "removed",
}


@dataclass(frozen=True, slots=True)
class EvidenceNow:
    """A record and the mark on it, None while it holds, both as of block ``height``; unproved."""

    record: RecordValue
    mark: MarkValue | None
    height: int


class Queries:
    """See the module."""

    def __init__(self, application: LedgerApplication) -> None:
        """Read from ``application``'s store."""
        self._application = application

    def evidence_record(self, evidence: bytes) -> RecordValue | None:
        """The stored record with that id."""
        return views.record(self._application.committed, evidence)

    def evidence_now(self, evidence: bytes) -> EvidenceNow | None:
        """The stored record with that id and what holds of it; waits for a commit that is under way."""
        application = self._application
        with application.lock:  # record, mark and height of one block
            record = self.evidence_record(evidence)
            if record is None:
                return None
            return EvidenceNow(record, views.mark(application.committed, evidence), application.chain.height)

    def evidence_history(self, evidence: bytes) -> list[bytes]:
        """Ids of the record's own transaction and of everything that happened to it, oldest first; empty if unknown."""
        if self.evidence_record(evidence) is None:
            return []
        return [evidence, *views.history(self._application.committed, evidence)]

    def key_history(self, key: bytes, limit: int, before: int | None = None) -> list[StateWrite]:
        """Writes to a state key below height ``before`` (None: all), the newest first, at most ``limit``; unproved.

        Only keys that a block's ``delta`` proves have a history; of a snapshot's earlier blocks there is none. Where
        the newest write's value is not kept with it, it is the value that the key has now.

        Raises:
            UsageError: a limit outside 1 to :data:`LIMIT_MAX`.
        """
        if not 0 < limit <= LIMIT_MAX:
            raise UsageError(Code.USAGE, reason=f"limit 1 to {LIMIT_MAX}")
        application = self._application
        with application.lock:  # history and present value of one height
            writes = application.blocks.key_history(key, before=before, reverse=True)
            found = [StateWrite(height, _KINDS[kind], value) for height, kind, value in islice(writes, limit)]
            if found and before is None and found[0].kind == "present":
                found[0] = StateWrite(found[0].height, "present", application.committed.get(key))
        return found

    def find_evidence(self, query: EvidenceQuery) -> list[bytes]:
        """Ids of the records that meet the query, newest first.

        Raises:
            UsageError: no criterion, or a malformed one.
        """
        _check(query)
        found: list[tuple[int, int, bytes]] = []
        newest_first = query.digest is None
        for evidence in self._candidates(query):
            record = self.evidence_record(evidence)
            if record is not None and self._meets(record, evidence, query):
                found.append((record.height, record.index, evidence))
                if newest_first and len(found) == query.limit:
                    break
        found.sort(reverse=True)
        return [evidence for _, _, evidence in found[: query.limit]]

    def _candidates(self, query: EvidenceQuery) -> Iterator[bytes]:
        """Ids from the narrowest look-up that the query offers."""
        state = self._application.committed
        if query.evidence is not None:
            yield bytes.fromhex(query.evidence)
        elif query.digest is not None:
            yield from views.find_by_digest(state, bytes.fromhex(query.digest))
        elif query.reference is not None:
            yield from self._by_place(reference_prefix(self._reference_digest(query.reference)), query)
        elif query.account is not None:
            yield from self._by_place(account_prefix(bytes.fromhex(query.account)), query)
        else:
            yield from self._by_time(query)

    def _by_place(self, prefix: bytes, query: EvidenceQuery) -> Iterator[bytes]:
        """Records under a look-up prefix that is followed by their place, newest first, within the time span."""
        start = None if query.time_from is None else prefix + height_key(self.first_height_from(query.time_from))
        end = None if query.time_to is None else prefix + height_key(self.first_height_from(query.time_to))
        for _, evidence in self._application.committed.scan(prefix, start, end, reverse=True):
            yield evidence

    def _by_time(self, query: EvidenceQuery) -> Iterator[bytes]:
        """Records in the time span, newest first."""
        blocks = self._application.blocks
        low = self.first_height_from(query.time_from or 0)
        high = self._application.chain.height
        if query.time_to is not None:
            high = self.first_height_from(query.time_to) - 1
        for height in range(high, low - 1, -1):
            for data in reversed(blocks.receipts(height)):
                receipt = decode_receipt(data)
                if _anchors(receipt):
                    yield bytes.fromhex(receipt.transaction)

    def first_height_from(self, time: int) -> int:
        """The first height whose block time is at least ``time`` (ms); one above the head when there is none."""
        low, high = 1, self._application.chain.height + 1
        while low < high:
            middle = (low + high) // 2
            if self._application.blocks.header_time(middle) < time:
                low = middle + 1
            else:
                high = middle
        return low

    def _meets(self, record: RecordValue, evidence: bytes, query: EvidenceQuery) -> bool:
        if query.account is not None and record.account != query.account:
            return False
        if query.time_from is not None and record.time < query.time_from:
            return False
        if query.time_to is not None and record.time >= query.time_to:
            return False
        state = self._application.committed
        if query.digest is not None and state.get(by_digest_key(bytes.fromhex(query.digest), evidence)) is None:
            return False
        if query.reference is None:
            return True
        place = record.height.to_bytes(8, "big") + record.index.to_bytes(4, "big")
        return state.get(by_reference_key(self._reference_digest(query.reference), place)) == evidence

    def _reference_digest(self, reference: str) -> bytes:
        return self._application.machine.suite.digest(reference.encode())


def _anchors(receipt: Receipt) -> bool:
    return any(event.type in ("evidence.anchored", "evidence.supplemented") for event in receipt.events)


def _check(query: EvidenceQuery) -> None:
    given = [
        query.digest,
        query.evidence,
        query.reference,
        query.account,
        query.time_from,
        query.time_to,
    ]
    if all(value is None for value in given):
        raise UsageError(Code.USAGE, reason="a search needs at least one criterion")
    if not 0 < query.limit <= LIMIT_MAX:
        raise UsageError(Code.USAGE, reason=f"limit 1 to {LIMIT_MAX}")
    for value, digits in ((query.digest, 64), (query.evidence, 64), (query.account, 40)):
        if value is not None and not is_hex(value, digits):
            raise UsageError(Code.USAGE, reason=f"{digits} hex digits, not {value[:80]!r}")
    if query.reference is not None and any("\ud800" <= character <= "\udfff" for character in query.reference):
        raise UsageError(Code.USAGE, reason="the reference is not UTF-8")
