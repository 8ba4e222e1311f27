"""``POST /v1/verify``: a package checked by the node, where its operator allows that."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from govchain.api.describe import describe
from govchain.api.routers.evidence import PACKAGE_TYPE
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import OpenRead
from govchain.api.submission import media_type, read_body
from govchain.api.views import VerifyView
from govchain.model import Code, UsageError

__all__ = ["router"]

router = new_router("evidence")

_TYPES = (PACKAGE_TYPE, "application/zip", "application/octet-stream")


@router.post(
    "/v1/verify",
    **describe(
        "Verify an evidence package",
        text="For those who cannot run a verifier; off unless the operator allows it (`verify`). The node may lie:"
        " `govchain verify` needs no node. A package that is refused is an answer, not an error.",
        answer=VerifyView,
        codes=(Code.SERVICE_OFF, Code.CONTENT_TYPE),
        body={
            "required": True,
            "content": {PACKAGE_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
    ),
)
async def verify(request: Request, services: Services, session: OpenRead) -> Response:
    """The report."""
    check = needed(services.verify, "verify")
    media = media_type(request.scope)
    if media not in _TYPES:
        raise UsageError(Code.CONTENT_TYPE, given=media[:80], allowed=", ".join(_TYPES))
    data = await read_body(request.receive)
    return json_answer(VerifyView(**await run_in_threadpool(check, data)))
