"""The outermost layer: the request's id and the headers that every answer carries."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govchain.api.problems import REQUEST_ID
from govchain.api.settings import ApiSettings
from govchain.services.bundle import NodeServices

__all__ = ["Gate"]


class Gate:
    """See the module."""

    def __init__(self, app: ASGIApp, *, services: NodeServices, settings: ApiSettings) -> None:
        """Stand before ``app``."""
        self._app = app
        self._services = services
        self._settings = settings
        self._prefix = secrets.token_hex(4)
        self._counter = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        identity = f"{self._prefix}-{next(self._counter):x}"
        scope[REQUEST_ID] = identity
        extra = ((b"x-request-id", identity.encode()), (b"govchain-protocol", b"1"))

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[Any] = list(message.get("headers", ()))
                message["headers"] = [*headers, *extra]
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)
