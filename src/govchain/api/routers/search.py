"""``GET /v1/transactions``, ``/v1/evidence``, ``/v1/statistics``: searches and counts over the index.

Shells: criteria, limits and cursors are ``services.search``. What is found is not proved; each hit's proof has its own
route (``/v1/transactions/{id}/proof``).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import SessionRead
from govchain.model import Code
from govchain.services.search import (
    PAGE_DEFAULT,
    PAGE_MAX,
    EvidenceFilter,
    EvidenceHits,
    Statistics,
    TransactionFilter,
    TransactionHits,
)

__all__ = ["router"]

router = new_router("search")

_ID = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_ADDRESS = "2165a6710c14f62cb4e9664968225b2756b0e0b0"
_CODES = (Code.CURSOR_INVALID, Code.INDEX_UNAVAILABLE, Code.SERVICE_OFF)

TimeFrom = Annotated[
    int | None,
    Query(description="Blocks of this time and later. Unit: ms since 1970, UTC.", examples=[1_790_000_000_000]),
]
TimeTo = Annotated[
    int | None, Query(description="Blocks before this time. Unit: ms since 1970, UTC.", examples=[1_790_000_600_000])
]
Account = Annotated[
    str | None,
    Query(description="Address of the submitter, 40 hex digits.", examples=[_ADDRESS]),
]
Organisation = Annotated[
    str | None,
    Query(description="The submitter's organisation (统一社会信用代码).", examples=["11110000DEM0000009"]),
]
Type = Annotated[
    str | None,
    Query(
        description="Of this type, or with its dot of a whole family: `evidence.` or `evidence.*`.",
        examples=["evidence."],
    ),
]
Reference = Annotated[str | None, Query(description="The business reference, exactly.", examples=["case-2026-17"])]
ResultCode = Annotated[
    int | None, Query(description="The receipt's result code; 0 is success.", examples=[0], alias="code")
]
Limit = Annotated[int, Query(description=f"Hits of one page, 1 to {PAGE_MAX:,}. Unit: hits.", examples=[PAGE_DEFAULT])]
Cursor = Annotated[
    str, Query(description="`next` of the page before, with the same criteria.", examples=["AAAAAAAwAAB5…"])
]


@router.get(
    "/v1/transactions",
    **describe(
        "Transactions that meet all criteria, newest first",
        text="From the index, which is behind the ledger by design: `indexed_height` says how far it is. Nothing here"
        " is proved: ask for `/v1/transactions/{id}/proof`.",
        answer=TransactionHits,
        codes=_CODES,
    ),
)
def transactions(
    services: Services,
    session: SessionRead,
    time_from: TimeFrom = None,
    time_to: TimeTo = None,
    account: Account = None,
    organisation: Organisation = None,
    type: Type = None,  # noqa: A002 - the parameter's name
    reference: Reference = None,
    code: ResultCode = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = "",
) -> Response:
    """A page of transactions."""
    search = needed(services.search, "search")
    criteria = TransactionFilter(time_from, time_to, account, organisation, type, reference, code)
    return json_answer(search.transactions(criteria, limit, cursor))


@router.get(
    "/v1/evidence",
    **describe(
        "Evidence (数据存证) that meets all criteria, newest first",
        text="From the index, as `/v1/transactions`. A record's proof is its transaction's and that of its status.",
        answer=EvidenceHits,
        codes=_CODES,
    ),
)
def evidence(
    services: Services,
    session: SessionRead,
    time_from: TimeFrom = None,
    time_to: TimeTo = None,
    account: Account = None,
    organisation: Organisation = None,
    kind: Annotated[
        str | None, Query(description="file, batch, supplement or replacement.", examples=["batch"])
    ] = None,
    reference: Reference = None,
    digest: Annotated[
        str | None,
        Query(description="SM3 or SHA-256 of a public content, or the root of a batch; 64 hex digits.", examples=[_ID]),
    ] = None,
    about: Annotated[
        str | None, Query(description="Supplements and replacements of this record; 64 hex digits.", examples=[_ID])
    ] = None,
    evidence: Annotated[str | None, Query(description="The record's id; 64 hex digits.", examples=[_ID])] = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = "",
) -> Response:
    """A page of evidence."""
    search = needed(services.search, "search")
    criteria = EvidenceFilter(time_from, time_to, account, organisation, kind, reference, digest, about, evidence)
    return json_answer(search.evidence(criteria, limit, cursor))


@router.get(
    "/v1/statistics",
    **describe(
        "How many transactions there were, for charts",
        text="Minutes, hours or days in China time. Without times: the newest 60 minutes, 48 hours or 30 days.",
        answer=Statistics,
        codes=(Code.INDEX_UNAVAILABLE, Code.SERVICE_OFF),
    ),
)
def statistics(
    services: Services,
    session: SessionRead,
    interval: Annotated[str, Query(description="minute, hour or day.", examples=["day"])] = "hour",
    group: Annotated[
        str | None, Query(description="A series for each type, organisation or code.", examples=["type"])
    ] = None,
    time_from: TimeFrom = None,
    time_to: TimeTo = None,
    organisation: Organisation = None,
    type: Type = None,  # noqa: A002
    code: ResultCode = None,
) -> Response:
    """Counts and series."""
    search = needed(services.search, "search")
    criteria = TransactionFilter(time_from, time_to, organisation=organisation, type=type, code=code)
    return json_answer(search.statistics(interval, group, criteria))
