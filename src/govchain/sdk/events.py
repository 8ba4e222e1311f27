"""Events, each proved by the receipt that holds it.

Purpose: a page of events as a node tells them, checked before anybody sees it. Rules: an event counts only when the
committed receipt of its transaction has exactly that event in that place; events come in the order of the ledger; a
node that leaves one out is not noticed here (whoever must have all reads blocks).
Not here: waiting for new ones (the node's streams), deliveries (webhooks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from govchain.model import Code, UnavailableError, VerificationError
from govchain.sdk.checking import VerifiedTransaction
from govchain.sdk.transport import EventQuery, EventRecord

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = ["VerifiedEvents", "list_events"]


@dataclass(frozen=True, slots=True)
class VerifiedEvents:
    """Events that happened, in order; ``cursor`` goes on after them, ``more`` tells that there is more to read now."""

    events: tuple[EventRecord, ...]
    cursor: str
    more: bool


def list_events(client: Client, query: EventQuery, *, cursor: str | None = None, limit: int = 100) -> VerifiedEvents:
    """Events after ``cursor`` (None: from the first block on) that meet ``query``.

    Raises:
        VerificationError: ``RECEIPT_PROOF`` for an event that its transaction's receipt does not have;
            ``TRANSACTION_PROOF`` for one of no transaction, or that the query does not ask for.
    """
    page = client.transport.events(query, cursor, limit)
    if len(page.events) > limit:
        raise UnavailableError(Code.ANSWER_UNUSABLE, reason=f"more than {limit} events")
    last = (0, 0, -1)
    known: dict[str, VerifiedTransaction | None] = {}
    for event in page.events:
        if event.transaction not in known:
            known[event.transaction] = client.checker.verified_transaction(event.transaction)
        found = known[event.transaction]
        if found is None or not _meets(event, query):
            raise VerificationError(Code.TRANSACTION_PROOF, reason=f"an event of {event.transaction}")
        place = (found.receipt.height, found.receipt.index, event.index)
        if not last < place or not _is_in(event, found, client.genesis.chain):
            raise VerificationError(Code.RECEIPT_PROOF, reason=f"event {event.index} of {event.transaction}")
        last = place
    return VerifiedEvents(page.events, page.cursor, page.more)


def _is_in(event: EventRecord, found: VerifiedTransaction, chain: str) -> bool:
    receipt = found.receipt
    if not 0 <= event.index < len(receipt.events) or (event.chain, event.height) != (chain, receipt.height):
        return False
    stored = receipt.events[event.index]
    return (stored.type, stored.version, stored.organisation, stored.reference, stored.data) == (
        event.type,
        event.version,
        event.organisation,
        event.reference,
        event.data,
    )


def _meets(event: EventRecord, query: EventQuery) -> bool:
    family = f"{event.type.partition('.')[0]}.*"
    return (
        (not query.types or event.type in query.types or family in query.types)
        and (not query.organisations or event.organisation in query.organisations)
        and (not query.references or event.reference in query.references)
    )
