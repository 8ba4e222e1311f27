"""``/v1/chain``, ``/v1/genesis``, ``/v1/parameters``, ``/v1/openapi.json``: the chain and this interface."""

from __future__ import annotations

from fastapi import Request, Response

from govchain.api.describe import describe
from govchain.api.routing import Services, Settings, immutable, json_answer, new_router
from govchain.api.views import Parameters, parameters
from govchain.crypto import get_suite
from govchain.proof.genesis import decode_genesis
from govchain.sdk.transport import ChainStatus
from govchain.sdk.wire import API_VERSION

__all__ = ["router"]

router = new_router("chain")


@router.get("/v1/chain", **describe("Where the chain stands", answer=ChainStatus, session=False))
async def chain(services: Services) -> Response:
    """Status of the chain."""
    return json_answer(services.answers.status())


@router.get(
    "/v1/genesis",
    **describe(
        "The genesis object, as it was written",
        text="Canonical JSON (docs/spec/block.md 2). Its fingerprint is what a verifier trusts: compare it with the one"
        " that you were told by another way.",
        session=False,
        cached=True,
        example={"chain": "embedded-4f1c9a0b", "format": "govchain-genesis/1"},
    ),
)
async def genesis(request: Request, services: Services) -> Response:
    """The genesis object's bytes."""
    data = services.answers.genesis()
    return immutable(request, get_suite().digest(data).hex(), lambda: data)


@router.get(
    "/v1/parameters",
    **describe("What the chain was made with, and what one request may hold", answer=Parameters, session=False),
)
async def parameters_(services: Services, settings: Settings) -> Response:
    """Limits of the chain and of this node."""
    return json_answer(
        parameters(
            decode_genesis(services.answers.genesis()),
            protocol=int(API_VERSION),
            request_bytes_max=settings.body_bytes_max,
            envelopes_max=settings.envelopes_max,
            wait_ms_max=settings.wait_ms_max,
        )
    )


@router.get(
    "/v1/openapi.json",
    **describe("This description, as OpenAPI", session=False, example={"openapi": "3.1.0"}),
)
async def description(request: Request) -> Response:
    """The OpenAPI document."""
    return json_answer(request.app.openapi())
