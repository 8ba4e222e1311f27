"""A time limit for handling a request, but for those that are meant to last: streams.

Rules: when the time is over before an answer began, the answer is ``TIME_LIMIT``; one that began is broken off, which
the client notices by its length. Not here: waiting for a commit, which has its own limit (``submission``).
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govchain.api.problems import problem_response
from govchain.model import Code, UnavailableError

__all__ = ["LASTING", "Deadline"]

#: Paths whose answers last.
LASTING: Final = ("/v1/events/stream",)


class Deadline:
    """See the module."""

    def __init__(self, app: ASGIApp, *, limit_ms: int) -> None:
        """Give ``app`` ``limit_ms`` for each request."""
        self._app = app
        self._limit_ms = limit_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"] in LASTING:
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._limit_ms / 1000):
                await self._app(scope, receive, noted)
        except TimeoutError:
            if begun:
                raise
            error = UnavailableError(Code.TIME_LIMIT, limit_ms=self._limit_ms)
            await problem_response(Request(scope), error)(scope, receive, send)
