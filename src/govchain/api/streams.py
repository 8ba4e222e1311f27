"""Streams of events over a connection: server-sent events, and the messages of a WebSocket (docs/spec/events.md).

Purpose: carry one subscription to one client until either ends. Rules: nothing is read ahead of what the client takes:
a client that does not read is left with its cursor; what goes out was encoded once for all; a client that goes away
ends its subscription at once. The last message of the node's side says why it ends, as a problem document.
Not here: who may subscribe and to what (``routers.events``), subscriptions (``services.subscriptions``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from govchain.api.problems import PROBLEM_CODE, problem_body, request_id, status_of
from govchain.model import Code, GovChainError
from govchain.services.events import FeedEvent
from govchain.services.subscriptions import Subscription

__all__ = [
    "CLOSE_CODES",
    "HEARTBEAT_S",
    "RETRY_MS",
    "SCOPE_ABORT",
    "EventStream",
    "abort_connection",
    "close_socket",
    "run_socket",
]

#: A silent stream tells its cursor this often, in seconds.
HEARTBEAT_S: Final = 15.0
#: After how many milliseconds a browser shall connect again.
RETRY_MS: Final = 3_000
#: Where a server leaves what ends the connection at once, in the scope: a close would wait for the client to read.
SCOPE_ABORT: Final = "govchain.abort"
#: Characters of a ping's text.
_PING_CHARACTERS_MAX: Final = 64

#: Close codes of the WebSocket by result code; any other reason is 1011.
CLOSE_CODES: Final = {
    Code.NODE_STOPPING: 1001,
    Code.REQUEST_SHAPE: 4400,
    Code.CURSOR_INVALID: 4400,
    Code.SERVICE_OFF: 4404,
    Code.SESSION_REQUIRED: 4401,
    Code.SESSION_INVALID: 4401,
    Code.REQUEST_SLOW: 4408,
    Code.STREAMS_TOO_MANY: 4429,
}
_CLOSE_FAILED: Final = 1011

_log = logging.getLogger("govchain.api.streams")


class EventStream(Response):
    """An answer of server-sent events: ``id`` is the cursor, ``event`` the type, ``data`` the event's JSON."""

    media_type = "text/event-stream"

    def __init__(self, subscription: Subscription, language: str, stall_s: float) -> None:
        """Carry ``subscription`` to a client that takes each delivery in ``stall_s``; tell its end in ``language``."""
        super().__init__(status_code=200, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._subscription = subscription
        self._language = language
        self._stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the client goes away, or the subscription ends."""
        with self._subscription as subscription:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            watching = asyncio.create_task(_watch(receive, subscription), name="event-stream-watch")
            try:
                place = f"retry: {RETRY_MS}\nid: {subscription.cursor.text}\n: from here on\n\n"
                await self._send(send, place.encode())
                ended = await self._carry(subscription, send)
                if ended is not None:
                    scope[PROBLEM_CODE] = ended.code.name
                    problem = problem_body(ended, self._language, request_id(scope), status_of(ended.code))
                    await self._send(send, b"event: end\ndata: " + problem + b"\n\n")
                    await self._send(send, b"", more=False)
            except TimeoutError:
                # Its place is the last one that it was sent; it goes on from there whenever it likes.
                subscription.drop()
                _log.info("stream ended: the client does not read", extra={"request": request_id(scope)})
                if abort_connection(scope):
                    await watching
            finally:
                watching.cancel()

    async def _carry(self, subscription: Subscription, send: Send) -> GovChainError | None:
        """Why it ended; None where the client went away."""
        try:
            while (delivery := await subscription.next(HEARTBEAT_S)) is not None:
                if delivery.events:
                    await self._send(send, b"".join([_framed(event) for event in delivery.events]))
                else:
                    await self._send(send, f"id: {delivery.cursor.text}\n: nothing new\n\n".encode())
        except GovChainError as error:
            return error
        return subscription.ended

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        message: Message = {"type": "http.response.body", "body": body, "more_body": more}
        async with asyncio.timeout(self._stall_s):
            await send(message)


def _framed(event: FeedEvent) -> bytes:
    return f"id: {event.cursor.text}\nevent: {event.type}\ndata: ".encode() + event.json + b"\n\n"


def abort_connection(scope: Scope) -> bool:
    """End the connection without sending what still waits; False where the server cannot."""
    abort: Callable[[], None] | None = scope.get(SCOPE_ABORT)
    if abort is not None:
        abort()
    return abort is not None


async def _watch(receive: Receive, subscription: Subscription) -> None:
    """End the subscription when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.close()


class _Ping(msgspec.Struct, forbid_unknown_fields=True):
    """What a client may say after it has subscribed."""

    ping: str


_ping_decoder = msgspec.json.Decoder(_Ping)


async def run_socket(socket: WebSocket, subscription: Subscription, language: str, stall_s: float) -> None:
    """Carry ``subscription`` over an accepted socket until it ends, or a delivery is not taken in ``stall_s``."""
    with subscription:
        await socket.send_text('{"subscribed":{"cursor":"' + subscription.cursor.text + '"}}')
        listening = asyncio.create_task(_listen(socket, subscription), name="event-socket-listen")
        try:
            ended = await _carry_socket(socket, subscription, stall_s)
            if ended is not None:
                await close_socket(socket, ended, language, stall_s)
        except TimeoutError:
            subscription.drop()
            _log.info("socket ended: the client does not read", extra={"request": request_id(socket.scope)})
            abort_connection(socket.scope)
        except WebSocketDisconnect:
            pass
        finally:
            listening.cancel()


async def _carry_socket(socket: WebSocket, subscription: Subscription, stall_s: float) -> GovChainError | None:
    try:
        while (delivery := await subscription.next(HEARTBEAT_S)) is not None:
            async with asyncio.timeout(stall_s):
                for event in delivery.events:
                    await socket.send_text('{"event":' + event.json.decode() + "}")
                if not delivery.events:
                    await socket.send_text('{"heartbeat":{"cursor":"' + delivery.cursor.text + '"}}')
    except GovChainError as error:
        return error
    return subscription.ended


async def _listen(socket: WebSocket, subscription: Subscription) -> None:
    """Answer pings; anything else, and the client's going away, ends the subscription."""
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                subscription.close()
                return
            ping = _ping_decoder.decode(message.get("text") or "").ping[:_PING_CHARACTERS_MAX]
            await socket.send_text(msgspec.json.encode({"pong": ping}).decode())
    except (msgspec.MsgspecError, ValueError):
        subscription.close(GovChainError(Code.REQUEST_SHAPE, reason="only a ping may follow"))
    except (WebSocketDisconnect, RuntimeError):
        subscription.close()


async def close_socket(socket: WebSocket, error: GovChainError, language: str, stall_s: float) -> None:
    """Say why as a message, then close with the code that :data:`CLOSE_CODES` has for it."""
    body = problem_body(error, language, request_id(socket.scope), status_of(error.code))
    socket.scope[PROBLEM_CODE] = error.code.name
    try:
        async with asyncio.timeout(stall_s):
            await socket.send_text('{"end":' + body.decode() + "}")
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass
    await _close(socket, CLOSE_CODES.get(error.code, _CLOSE_FAILED), error.code.name)


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    """Close unless the client has; a client that reads nothing does not hold us up."""
    if WebSocketState.DISCONNECTED in (socket.client_state, socket.application_state):
        return
    close: dict[str, Any] = {"code": code, "reason": reason}
    try:
        async with asyncio.timeout(1):
            await socket.close(**close)
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        pass
