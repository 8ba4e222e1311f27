"""What nobody foresaw, and our errors from outside the routes, as problem documents.

Rules: an unforeseen failure is ``INTERNAL``: the log has its traceback beside the request's id, the client has the id;
a failure after the answer began breaks the answer off, which the client notices by its length. Each is told in the
log once, whatever layers it passes. Not here: errors that routes raise (``problems``).
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govchain.api.problems import PROBLEM_CODE, error_of, problem_response, request_id
from govchain.api.streams import abort_connection
from govchain.model import Code, GovChainError

__all__ = ["Failures", "break_off", "failure_response"]

_log = logging.getLogger("govchain.api")


def failure_response(scope: Scope, error: Exception) -> Response:
    """The answer for an error that nobody turned into one; writes to the log what nobody foresaw."""
    if not isinstance(error, GovChainError):
        _tell(scope, error)
        error = GovChainError(Code.INTERNAL, reason=type(error).__name__)
    return problem_response(Request(scope), error)


async def break_off(scope: Scope, receive: Receive, error: Exception) -> None:
    """End the connection of an answer that began and cannot go on; the log has the request's id and why.

    Raises:
        Exception: ``error`` again, where the server leaves nothing that ends a connection.
    """
    ours = error_of(error)
    scope[PROBLEM_CODE] = ours.code.name
    if ours.code == Code.INTERNAL:
        _tell(scope, error)
    if not abort_connection(scope):
        raise error
    # Until the server has noticed: it complains of an answer that is not whole where somebody may still wait for it.
    while (await receive())["type"] != "http.disconnect":
        pass


def _tell(scope: Scope, error: Exception) -> None:
    identity = request_id(scope)
    _log.error("internal error in request %s", identity, exc_info=error, extra={"request": identity})


class Failures:
    """See the module. Stands behind the framework's own layers, which would answer first, and before ours."""

    def __init__(self, app: ASGIApp) -> None:
        """Answer for ``app`` where it fails."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # the last resort
            if begun:
                raise  # told where the answer is broken off
            await failure_response(scope, error)(scope, receive, send)
