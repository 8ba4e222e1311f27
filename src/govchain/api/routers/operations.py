"""``/v1/operations``: what operators change at run time; behind a session of an account with the role operator."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import Request, Response
from msgspec import Meta, Struct

from govchain.api.bodies import body_of, read_json
from govchain.api.describe import describe
from govchain.api.problems import request_id
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import OperatorSession
from govchain.model import Code

__all__ = ["LogLevel", "router"]

router = new_router("operations")

_log = logging.getLogger("govchain.operations")


class LogLevel(Struct, frozen=True, forbid_unknown_fields=True):
    """The level of the node's log."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Lines of this level and above are written.", examples=["info"]),
    ]


@router.get(
    "/v1/operations/log-level",
    **describe("The level of the node's log", answer=LogLevel, codes=(Code.ROLE_MISSING, Code.SERVICE_OFF)),
)
async def log_level(session: OperatorSession, services: Services) -> Response:
    """The level now."""
    return json_answer({"level": needed(services.operations, "operations").logs.level})


@router.put(
    "/v1/operations/log-level",
    **describe(
        "Change the level of the node's log",
        text="It holds until it is changed again, the node restarts, or its settings are read again (SIGHUP).",
        answer=LogLevel,
        types=(LogLevel,),
        codes=(Code.ROLE_MISSING, Code.SERVICE_OFF, Code.CONTENT_TYPE),
        body=body_of(LogLevel),
    ),
)
async def change_log_level(request: Request, session: OperatorSession, services: Services) -> Response:
    """Change the level."""
    logs = needed(services.operations, "operations").logs
    wanted = await read_json(request, LogLevel)
    # Before the change, so that the log tells when it fell silent, and by whom.
    told = {"level_before": logs.level, "level_after": wanted.level, "request": request_id(request.scope)}
    _log.warning("log level changed", extra={**told, "account": session.account[:8]})
    logs.set_level(wanted.level)
    return json_answer({"level": logs.level})
