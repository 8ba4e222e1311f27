"""Searches and counts over the index.

Purpose: each function takes a connection and frozen criteria and answers plain rows, newest first. Rules: pages
continue below a place (never by an offset), so that a page costs the same wherever it lies and nothing is shown twice
while blocks arrive. Not here: limits, continuations, who may ask (``services.search``).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, union_all

from govchain.index.facts import place_of
from govchain.index.families.evidence import EVIDENCE, EVIDENCE_MARKS
from govchain.index.schema import ACTIVITY, BLOCKS, SIGNERS, TRANSACTIONS

__all__ = [
    "ActivityFilter",
    "EvidenceFilter",
    "TransactionFilter",
    "read_activity",
    "read_evidence",
    "read_transactions",
]

#: Greater than any place.
_PLACE_MAX = 2**63 - 1


class TransactionFilter(Struct, frozen=True):
    """Criteria of a search for transactions; those given must all hold. Times are ms, ``time_to`` exclusive.

    ``type`` is a type, or a family with its dot (``evidence.``, also ``evidence.*`` as for events).
    """

    time_from: int | None = None
    time_to: int | None = None
    account: str | None = None
    organisation: str | None = None
    type: str | None = None
    reference: str | None = None
    code: int | None = None
    id: str | None = None


class EvidenceFilter(Struct, frozen=True):
    """Criteria of a search for evidence; those given must all hold.

    ``digest`` is the SM3 or SHA-256 of a public content, or the root of a batch; ``about`` an earlier record's id.
    """

    time_from: int | None = None
    time_to: int | None = None
    account: str | None = None
    organisation: str | None = None
    kind: str | None = None
    reference: str | None = None
    digest: str | None = None
    about: str | None = None
    id: str | None = None


class ActivityFilter(Struct, frozen=True):
    """Which transactions are counted; ``type`` as in :class:`TransactionFilter`. Times are ms, whole minutes."""

    time_from: int
    time_to: int
    type: str | None = None
    organisation: str | None = None
    code: int | None = None


def read_transactions(
    connection: Connection, criteria: TransactionFilter, before: int | None, limit: int
) -> list[Row[Any]]:
    """Transactions that meet ``criteria``, newest first, below the place ``before``.

    Columns: place, id, height, position, time, type, version, code, sender, organisation, reference, bytes.
    """
    query = select(TRANSACTIONS)
    place: ColumnElement[int] = TRANSACTIONS.c.place
    if criteria.account is not None:
        # The sender's own index leads; the transaction is one look-up by its place.
        query = query.join(SIGNERS, SIGNERS.c.place == TRANSACTIONS.c.place)
        query = query.where(SIGNERS.c.account == criteria.account, SIGNERS.c.position == 0)
        place = SIGNERS.c.place
    if criteria.organisation is not None:
        query = query.where(TRANSACTIONS.c.organisation == criteria.organisation)
    if criteria.type is not None:
        query = query.where(_of_type(TRANSACTIONS.c.type, criteria.type))
    if criteria.reference is not None:
        # The second condition lets the partial index be used.
        query = query.where(TRANSACTIONS.c.reference == criteria.reference, TRANSACTIONS.c.reference != "")
    if criteria.code is not None:
        query = query.where(TRANSACTIONS.c.code == criteria.code)
        if criteria.code:
            query = query.where(TRANSACTIONS.c.code != 0)
    if criteria.id is not None:
        query = query.where(TRANSACTIONS.c.id == criteria.id)
    span = _span(connection, criteria.time_from, criteria.time_to, before)
    return [] if span is None else _page(connection, query, place, span, limit)


def read_evidence(connection: Connection, criteria: EvidenceFilter, before: int | None, limit: int) -> list[Row[Any]]:
    """Records that meet ``criteria``, newest first, below the place ``before``.

    Columns: id, height, position, time, those of ``evidence``, then the mark's kind and place (null: in force).
    """
    mark = EVIDENCE_MARKS
    query = (
        select(TRANSACTIONS.c.id, TRANSACTIONS.c.height, TRANSACTIONS.c.position, TRANSACTIONS.c.time, EVIDENCE)
        .add_columns(mark.c.kind.label("mark"))
        .join(TRANSACTIONS, TRANSACTIONS.c.place == EVIDENCE.c.place)
        # A record is marked at most once: later marks are refused by the rules.
        .outerjoin(mark, and_(mark.c.evidence == TRANSACTIONS.c.id, mark.c.member.is_(None)))
    )
    for name in ("account", "organisation", "kind"):
        value = getattr(criteria, name)
        if value is not None:
            query = query.where(EVIDENCE.c[name] == value)
    if criteria.reference is not None:
        query = query.where(EVIDENCE.c.reference == criteria.reference, EVIDENCE.c.reference != "")
    if criteria.about is not None:
        query = query.where(EVIDENCE.c.about == criteria.about)
    if criteria.digest is not None:
        # One look-up in each index, since an OR of them may end in reading the whole table.
        found = [
            select(EVIDENCE.c.place).where(column == criteria.digest, column.is_not(None))
            for column in (EVIDENCE.c.sm3, EVIDENCE.c.sha256, EVIDENCE.c.root)
        ]
        query = query.where(EVIDENCE.c.place.in_(union_all(*found)))
    if criteria.id is not None:
        query = query.where(TRANSACTIONS.c.id == criteria.id)
    span = _span(connection, criteria.time_from, criteria.time_to, before)
    return [] if span is None else _page(connection, query, EVIDENCE.c.place, span, limit)


def read_activity(
    connection: Connection, criteria: ActivityFilter, bucket_ms: int, offset_ms: int, group: str | None, limit: int
) -> list[tuple[Any, ...]]:
    """Counts for each span of ``bucket_ms`` and each value of ``group`` (type, organisation, code, or None).

    ``offset_ms`` is added to the time before it is cut into spans, so that days begin at midnight there. Columns: first
    ms of the span (UTC), group, transactions, bytes; oldest first, at most ``limit`` rows.
    """
    shifted = ACTIVITY.c.minute + offset_ms
    start = (shifted - shifted % bucket_ms - offset_ms).label("start")
    value = None if group is None else ACTIVITY.c[group].label("value")
    columns = [start, *([] if value is None else [value])]
    query = (
        select(*columns, func.sum(ACTIVITY.c.transactions), func.sum(ACTIVITY.c.bytes))
        .where(ACTIVITY.c.minute >= criteria.time_from, ACTIVITY.c.minute < criteria.time_to)
        .group_by(*columns)
        .order_by(*columns)
        .limit(limit)
    )
    if criteria.type is not None:
        query = query.where(_of_type(ACTIVITY.c.type, criteria.type))
    if criteria.organisation is not None:
        query = query.where(ACTIVITY.c.organisation == criteria.organisation)
    if criteria.code is not None:
        query = query.where(ACTIVITY.c.code == criteria.code)
    return [tuple(row) for row in connection.execute(query)]


def _of_type(column: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    wanted = wanted[:-1] if wanted.endswith(".*") else wanted
    if not wanted.endswith("."):
        return column == wanted
    # All texts that begin with "family." lie between it and "family/": the next byte after the dot.
    return and_(column > wanted, column < wanted[:-1] + "/")


def _span(
    connection: Connection, time_from: int | None, time_to: int | None, before: int | None
) -> tuple[int, int] | None:
    """The places of a time span below ``before``: first, and one behind the last; None where it is empty.

    Blocks are in time order, so a span of time is a span of places.
    """
    first, last = 0, _PLACE_MAX if before is None else before
    if time_from is not None:
        height = _first_height(connection, time_from)
        if height is None:
            return None
        first = place_of(height)
    if time_to is not None:
        height = _first_height(connection, time_to)
        if height is not None:
            last = min(last, place_of(height))
    return (first, last) if first < last else None


def _first_height(connection: Connection, time: int) -> int | None:
    query = select(BLOCKS.c.height).where(BLOCKS.c.time >= time).order_by(BLOCKS.c.time).limit(1)
    return connection.execute(query).scalar()


def _page(
    connection: Connection,
    query: Select[Any],
    place: ColumnElement[int],
    span: tuple[int, int],
    limit: int,
) -> list[Row[Any]]:
    first, last = span
    return list(connection.execute(query.where(place >= first, place < last).order_by(place.desc()).limit(limit)))
