"""Organisations and administrators that were voted in, as rows of the tables that genesis' own lie in.

The rows come from the deciding transaction's events. Not here: proposals and votes, which are events of their own.
"""

from __future__ import annotations

from govchain.index.facts import BlockFacts, TransactionFacts
from govchain.index.projection import Projection
from govchain.index.schema import Sink, printable
from govchain.model.wire import Event

__all__ = ["GOVERNANCE_PROJECTION"]


def _decided(place: int, _block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
    for event in transaction.events:
        if event.type == "governance.organisation_added":
            sink["organisations"].append((place, printable(event.reference), printable(event.data["name"])))
            sink["accounts"].append(_account(place, event))
        elif event.type == "governance.account_added":
            sink["accounts"].append(_account(place, event))
            if event.data["replaces"]:
                sink["account_changes"].append((place, event.data["replaces"], "frozen", "replaced"))


def _account(place: int, event: Event) -> tuple[int | str | None, ...]:
    data = event.data
    return (
        place,
        data["account"],
        printable(event.reference),
        printable(data["label"]),
        ",".join(data["roles"]),
        1,
        data["algorithm"],
        data["key"],
    )


#: The governance family's part of the index; the tables are the accounts family's.
GOVERNANCE_PROJECTION = Projection(
    family="governance",
    version=1,
    tables=(),
    handlers={"governance.propose": _decided, "governance.vote": _decided},
)
