"""``/v1/chain``, ``/v1/genesis``, ``/v1/parameters``: where the chain stands and what it was made with."""

from __future__ import annotations

from fastapi import Request, Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, new_router
from govchain.sdk.transport import ChainStatus

__all__ = ["router"]

router = new_router("chain")


@router.get("/v1/chain", **describe("Where the chain stands", answer=ChainStatus, session=False))
async def chain(services: Services) -> Response:
    """Status of the chain."""
    return json_answer(services.answers.status())


@router.get("/v1/openapi.json", **describe("This description", session=False))
async def description(request: Request) -> Response:
    """The OpenAPI document."""
    return json_answer(request.app.openapi())
