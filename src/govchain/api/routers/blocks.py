"""``/v1/blocks``, ``/v1/headers``, ``/v1/history``: blocks, and the paths between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Path, Query, Request, Response

from govchain.api.cursors import open_cursor, seal_cursor
from govchain.api.describe import describe
from govchain.api.routers.parameters import HEIGHT_MAX, Cursor, found
from govchain.api.routing import Services, immutable, json_answer, new_router
from govchain.api.security import OpenRead
from govchain.model import Code, RefusedError
from govchain.sdk.transport import (
    BLOCKS_PER_PAGE_MAX,
    TRANSACTIONS_PER_PAGE_MAX,
    BlockPage,
    BlockRange,
    BlockRecord,
    HistoryPath,
    TransactionPage,
)
from govchain.sdk.wire import to_json
from govchain.services.bundle import NodeServices

__all__ = ["router"]

router = new_router("blocks")

Block = Annotated[
    str,
    Path(
        pattern="^([1-9][0-9]{0,15}|[0-9a-f]{64})$",
        description="Height of the block, or its identity (64 hex digits).",
        examples=["1204"],
    ),
]


def _height(services: NodeServices, block: str) -> int:
    height = int(block) if len(block) < 64 else services.height_of(bytes.fromhex(block)) or 0
    if not 0 < height <= HEIGHT_MAX:
        raise RefusedError(Code.NOT_FOUND, reason=f"block {block}")
    return height


@router.get("/v1/blocks", **describe("Blocks, newest first", answer=BlockPage, codes=(Code.CURSOR_INVALID,)))
def blocks(
    services: Services,
    session: OpenRead,
    cursor: Cursor = None,
    limit: Annotated[
        int,
        Query(ge=1, le=BLOCKS_PER_PAGE_MAX, description="Blocks of this page, at most. Unit: blocks.", examples=[20]),
    ] = 20,
) -> Response:
    """A page of blocks."""
    page = services.answers.blocks(open_cursor(cursor, "blocks"), limit)
    return json_answer(to_json(replace(page, next=seal_cursor(page.next, "blocks"))))


@router.get(
    "/v1/blocks/{block}",
    **describe("A block: header and finality certificate", answer=BlockRecord, codes=(Code.NOT_FOUND,), cached=True),
)
def block_(request: Request, block: Block, services: Services, session: OpenRead) -> Response:
    """Header and certificate, as their bytes."""
    height = _height(services, block)
    record = found(services.answers.block(height), f"block {block}")
    data = to_json(record)
    if record.certificate is None:
        return json_answer(data)  # it will have one soon, or an archive that may be mounted has it
    return immutable(request, f"{height}.block", lambda: data)


@router.get(
    "/v1/blocks/{block}/header",
    **describe(
        "A block's header, its very bytes",
        text="The bytes whose digest is the block's identity; they are JSON.",
        codes=(Code.NOT_FOUND,),
        cached=True,
        example={"height": 1204, "version": 1},
    ),
)
def header_(request: Request, block: Block, services: Services, session: OpenRead) -> Response:
    """The header's bytes."""
    height = _height(services, block)
    data = found(services.answers.header(height), f"block {block}")
    return immutable(request, f"{height}.header", lambda: data)


@router.get(
    "/v1/blocks/{block}/certificate",
    **describe(
        "A block's finality certificate, its very bytes",
        text="What the members signed; the bytes are JSON. NOT_FOUND also while the newest block waits for its own.",
        codes=(Code.NOT_FOUND, Code.BLOCK_ARCHIVED),
        cached=True,
        example={"height": 1204, "version": 1},
    ),
)
def certificate_(request: Request, block: Block, services: Services, session: OpenRead) -> Response:
    """The certificate's bytes."""
    height = _height(services, block)
    data = found(services.answers.certificate(height), f"certificate of block {block}")
    return immutable(request, f"{height}.certificate", lambda: data)


@router.get(
    "/v1/blocks/{block}/transactions",
    **describe(
        "Transactions of a block, in order",
        answer=TransactionPage,
        codes=(Code.NOT_FOUND, Code.BLOCK_ARCHIVED, Code.CURSOR_INVALID),
    ),
)
def transactions(
    block: Block,
    services: Services,
    session: OpenRead,
    cursor: Cursor = None,
    limit: Annotated[
        int,
        Query(
            ge=1,
            le=TRANSACTIONS_PER_PAGE_MAX,
            description="Transactions of this page, at most. Unit: transactions.",
            examples=[100],
        ),
    ] = 100,
) -> Response:
    """A page of transactions, with envelopes and receipts."""
    height = _height(services, block)
    inner = open_cursor(cursor, "block", height)
    page = found(services.answers.block_transactions(height, inner, limit), f"block {block}")
    return json_answer(to_json(replace(page, next=seal_cursor(page.next, "block", height))))


@router.get("/v1/headers", **describe("A range of headers with their certificates", answer=BlockRange))
def headers(
    services: Services,
    session: OpenRead,
    first: Annotated[
        int, Query(alias="from", ge=1, le=HEIGHT_MAX, description="First height. Unit: blocks.", examples=[1])
    ],
    last: Annotated[
        int,
        Query(
            alias="to",
            ge=1,
            le=HEIGHT_MAX,
            description=f"Last height, included; at most {BLOCKS_PER_PAGE_MAX} in one range. Unit: blocks.",
            examples=[100],
        ),
    ],
) -> Response:
    """Blocks from one height to another; fewer where the chain ends."""
    return json_answer(to_json(services.answers.headers(first, last)))


@router.get(
    "/v1/history",
    **describe("That a block is in the past of a later one", answer=HistoryPath, codes=(Code.NOT_FOUND,), cached=True),
)
def history(
    request: Request,
    services: Services,
    session: OpenRead,
    height: Annotated[
        int, Query(ge=1, le=HEIGHT_MAX, description="The earlier block's height. Unit: blocks.", examples=[7])
    ],
    head: Annotated[
        int, Query(ge=1, le=HEIGHT_MAX, description="The later block's height. Unit: blocks.", examples=[1204])
    ],
) -> Response:
    """The inclusion path."""
    return _history(request, services, height, head)


@router.get(
    "/v1/blocks/{block}/history",
    **describe(
        "That this block extends an earlier one",
        text="The inclusion path of block `from` in this block's `history`: as block `from` proves its own past in the"
        " same way, it shows that this block's past begins with that one's.",
        answer=HistoryPath,
        codes=(Code.NOT_FOUND,),
        cached=True,
    ),
)
def extends(
    request: Request,
    block: Block,
    services: Services,
    session: OpenRead,
    earlier: Annotated[
        int,
        Query(alias="from", ge=1, le=HEIGHT_MAX, description="The earlier block's height. Unit: blocks.", examples=[7]),
    ],
) -> Response:
    """The inclusion path."""
    return _history(request, services, earlier, _height(services, block))


def _history(request: Request, services: NodeServices, height: int, head: int) -> Response:
    if not height < head <= services.answers.status().height:
        raise RefusedError(Code.NOT_FOUND, reason=f"block {height} in the past of block {head}")
    path = services.answers.history_path(height, head)
    return immutable(request, f"{height}.{head}.history", lambda: to_json(HistoryPath(height, head, path)))
