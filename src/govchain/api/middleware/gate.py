"""The outermost layer: what holds for every request, whatever it asks.

Purpose: give each request its id; refuse an unknown protocol version and too many requests of one address or session;
bound the body's size while it is read and the time in which it comes; add the headers that every answer carries; tell
``services.observe`` what was answered. Rules: plain ASGI, since transactions pass here one by one; refusals are
problem documents like any other. Not here: bounds of connections and headers (``node.connections``).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from functools import partial
from time import monotonic
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from govchain.api.middleware.deadline import LASTING
from govchain.api.middleware.failures import break_off, failure_response
from govchain.api.middleware.rates import Buckets
from govchain.api.problems import CHARGE, PROBLEM_CODE, REQUEST_ID, problem_response
from govchain.api.security import ACCOUNT
from govchain.api.settings import ApiSettings
from govchain.model import Code, GovChainError, UnavailableError, UsageError
from govchain.services.bundle import NodeServices
from govchain.services.observing import Answered

__all__ = ["PROTOCOL", "Gate"]

#: The protocol version that this node speaks, as the header ``GovChain-Protocol`` names it.
PROTOCOL: Final = b"1"
_PROTOCOL_HEADER: Final = b"govchain-protocol"
_SESSION_KEY_CHARACTERS: Final = 80
#: Key of the status that was answered, in an ASGI scope.
_STATUS: Final = "govchain.status"
#: Headers of every answer, beside the request's id. An answer may set its own ``cache-control``.
_HEADERS: Final = (
    (_PROTOCOL_HEADER, PROTOCOL),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_NO_STORE: Final = (b"cache-control", b"no-store")
#: Statuses after which the rest of a body may lie on the connection, which nobody will read.
_BODY_CUT: Final = (408, 413)
_CLOSE: Final = (b"connection", b"close")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Gate:
    """See the module."""

    def __init__(self, app: ASGIApp, *, services: NodeServices, settings: ApiSettings) -> None:
        """Stand before ``app``."""
        self._app = app
        self._observe = services.observe
        self._settings = settings
        self._prefix = secrets.token_hex(4)
        self._counter = itertools.count(1)
        burst = settings.rate_burst_s
        self._addresses = Buckets(settings.rate_address, settings.rate_address * burst, settings.addresses_max)
        self._sessions = Buckets(settings.rate_session, settings.rate_session * burst, settings.addresses_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        identity = f"{self._prefix}-{next(self._counter):x}"
        scope[REQUEST_ID] = identity
        started_s = monotonic()
        length, refusal = self._check(scope, started_s)
        if self._observe is not None:
            self._observe.began()
        try:
            if scope["type"] == "websocket":
                await self._socket(scope, receive, send, refusal)
            else:
                await self._request(scope, receive, send, length, refusal)
        finally:
            if self._observe is not None:
                self._observe.answered(_answered(scope, monotonic() - started_s))

    async def _socket(self, scope: Scope, receive: Receive, send: Send, refusal: GovChainError | None) -> None:
        """Carry a socket; its status is 101 once it was open, else that of the problem that refused the handshake."""
        identity: str = scope[REQUEST_ID]

        async def noted(message: Message) -> None:
            if message["type"] == "websocket.accept":
                scope[_STATUS] = 101
            elif message["type"] == "websocket.http.response.start":
                scope[_STATUS] = message["status"]
                request_header = (b"x-request-id", identity.encode())
                message["headers"] = [*message["headers"], _NO_STORE, request_header, *_HEADERS]
            elif message["type"] == "websocket.close" and _STATUS not in scope:
                # The framework has no such path, and would end the handshake without a word.
                unknown = UsageError(Code.ROUTE_UNKNOWN, path=scope["path"][:200])
                await problem_response(HTTPConnection(scope), unknown)(scope, receive, noted)
                return
            await send(message)

        if refusal is None:
            await self._app(scope, receive, noted)
        else:
            await receive()
            await problem_response(HTTPConnection(scope), refusal)(scope, receive, noted)

    async def _request(
        self, scope: Scope, receive: Receive, send: Send, length: int, refusal: GovChainError | None
    ) -> None:
        """Answer a request."""
        status = 0
        identity: str = scope[REQUEST_ID]

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = scope[_STATUS] = message["status"]
                headers: list[tuple[bytes, bytes]] = list(message["headers"])
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                if scope["scheme"] == "https":
                    headers.append(_HSTS)
                if status in _BODY_CUT:
                    headers.append(_CLOSE)
                headers.append((b"x-request-id", identity.encode()))
                headers.extend(_HEADERS)
                message["headers"] = headers
            await send(message)

        if refusal is not None:
            await problem_response(Request(scope), refusal)(scope, receive, marked)
        else:
            try:
                await self._app(scope, _Body(receive, self._settings, length), marked)
            except Exception as error:  # noqa: BLE001 - the last resort
                if status:
                    await break_off(scope, receive, error)
                else:
                    await failure_response(scope, error)(scope, receive, marked)

    def _check(self, scope: Scope, now_s: float) -> tuple[int, GovChainError | None]:
        """The declared length of the body, -1 where none is; and why the request goes no further, if it does not."""
        length = -1
        token = ""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 16 else 2**53
            elif name == _PROTOCOL_HEADER and value != PROTOCOL:
                version = value[:40].decode("latin-1")
                return length, UsageError(Code.PROTOCOL_UNKNOWN, version=version, supported=PROTOCOL.decode())
            elif name == b"authorization" and not token:  # the first, as the routes read it
                # Without the scheme and blanks, which may be written in many ways for one session.
                token = value.decode("latin-1").partition(" ")[2].strip()[-_SESSION_KEY_CHARACTERS:]
        client = scope.get("client")
        address = client[0] if client else ""
        scope[CHARGE] = partial(self._charge, address, token)
        wait_ms = self._take(address, token, now_s, 1)
        if wait_ms:
            return length, UnavailableError(Code.RATE_LIMITED, retry_after_ms=wait_ms)
        path: str = scope["path"]
        if not path.isprintable():  # the pattern of a route would also fit a path with a line's end behind it
            return length, UsageError(Code.ROUTE_UNKNOWN, path=path[:200])
        if length > self._settings.body_bytes_max:
            return length, UsageError(Code.REQUEST_TOO_LARGE, size_max=self._settings.body_bytes_max)
        return length, None

    def _take(self, address: str, token: str, now_s: float, amount: int) -> int:
        """Count so many requests; 0, or the ms until there is room for them."""
        wait_ms = self._addresses.take(address, now_s, amount)
        return self._sessions.take(token, now_s, amount) if not wait_ms and token else wait_ms

    def _charge(self, address: str, token: str, amount: int) -> None:
        """Count a request that holds many as so many more.

        Raises:
            UnavailableError: ``RATE_LIMITED``.
        """
        wait_ms = self._take(address, token, monotonic(), amount)
        if wait_ms:
            raise UnavailableError(Code.RATE_LIMITED, retry_after_ms=wait_ms)


def _answered(scope: Scope, seconds: float) -> Answered:
    """What was answered: the route by its template, never the path, which may hold what nobody should log."""
    socket = scope["type"] == "websocket"
    route = str(getattr(scope.get("route"), "path", "")) or "unknown"
    return Answered(
        method="WEBSOCKET" if socket else scope["method"],
        route=route,
        status=scope.get(_STATUS, 0),
        code=scope.get(PROBLEM_CODE, "OK"),
        seconds=seconds,
        request=scope[REQUEST_ID],
        account=scope.get(ACCOUNT, ""),
        lasting=socket or route in LASTING,
    )


class _Body:
    """A request's body as it comes: at most so many bytes, all of them within so much time."""

    __slots__ = ("_deadline_s", "_left", "_receive", "_settings", "_size_max")

    def __init__(self, receive: Receive, settings: ApiSettings, length: int) -> None:
        self._receive = receive
        self._settings = settings
        self._left = settings.body_bytes_max
        self._size_max = settings.body_bytes_max
        self._deadline_s = 0.0

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            UsageError: ``REQUEST_TOO_LARGE``. UnavailableError: ``REQUEST_SLOW``.
        """
        now_s = monotonic()
        if not self._deadline_s:
            self._deadline_s = now_s + self._settings.body_ms_max / 1000
        if self._deadline_s < 0:
            return await self._receive()  # the body is here: what comes now is that the client went away
        try:
            async with asyncio.timeout(max(0.0, self._deadline_s - now_s)):
                message = await self._receive()
        except TimeoutError:
            raise UnavailableError(Code.REQUEST_SLOW, limit_ms=self._settings.body_ms_max) from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise UsageError(Code.REQUEST_TOO_LARGE, size_max=self._size_max)
            if not message.get("more_body", False):
                self._deadline_s = -1.0
        return message
