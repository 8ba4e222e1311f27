"""The port by which a family of rules adds its own tables to the index.

Purpose: a :class:`Projection` names tables and, for each transaction type, a pure function that puts the rows of one
successful transaction. Rules: every table's first key column is ``place``, that of the transaction that makes the row;
rows are only added: what changes is told by a further row, and what holds now by a view. So every row can be compared
with the ledger at any time, and writing one twice is an error and not an accident. Failed transactions changed nothing
and are not handed in. Families of other packages join by the entry-point group ``govchain.projections`` (see
:mod:`govchain.index.families`). Not here: writing (:mod:`govchain.index.writer`).

Example::

    def _noted(place: int, block: BlockFacts, transaction: TransactionFacts, sink: Sink) -> None:
        sink["notices"].append((place, transaction.events[0].reference))

    PROJECTION = Projection(family="noticeboard", version=1, tables=(NOTICES,), handlers={"noticeboard.post": _noted})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from govchain.index.facts import BlockFacts, GenesisFacts, TransactionFacts
from govchain.index.schema import Sink

__all__ = ["GenesisRows", "Projection", "TransactionRows"]

#: Puts the rows of one successful transaction, given its place.
TransactionRows = Callable[[int, BlockFacts, TransactionFacts, Sink], None]
#: Puts the rows of what exists from the start; their places are 0, 1 … in each table.
GenesisRows = Callable[[GenesisFacts, Sink], None]


def _nothing(_genesis: GenesisFacts, _sink: Sink) -> None:
    return None


@dataclass(frozen=True)
class Projection:
    """A family's tables and what fills them.

    Attributes:
        family: the family's name, as genesis lists it.
        version: raised whenever the tables or their meaning change; an index of another version is made again.
        tables: in the order in which they are filled; the first key column of each is ``place``.
        handlers: transaction type to the function that puts its rows.
        genesis: puts what exists before the first block.
        views: name and SELECT of each view, the same text on every database.
    """

    family: str
    version: int
    tables: tuple[Table, ...]
    handlers: Mapping[str, TransactionRows]
    genesis: GenesisRows = _nothing
    views: tuple[tuple[str, str], ...] = ()
