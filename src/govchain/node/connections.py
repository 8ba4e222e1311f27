"""Connections of the HTTP side: how many, how long they may take, how large their headers may be.

Purpose: uvicorn's HTTP protocol with bounds that it has not: at the limit of connections the one idle for longest gives
way; request line and headers are bounded in bytes, number and time; what is no HTTP is answered by a problem document.
Rules: one sweep a second looks at the clock, not a timer for each request. Not here: bodies and rates (``api``).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from govchain.api.streams import SCOPE_ABORT
from govchain.model import Code
from govchain.peers.repeats import Repeats
from govchain.texts import sentence

__all__ = ["ConnectionLimits", "Connections", "bounded_protocol"]

#: Seconds between two looks at all connections.
_SWEEP_S: Final = 1.0
#: Seconds between two lines of the log about what clients do.
_TELL_S: Final = 10.0
#: Versions of HTTP that are spoken.
_VERSIONS: Final = ("1.0", "1.1")
#: Headers of one request, at most.
HEADERS_MAX: Final = 100

_log = logging.getLogger("govchain.node.connections")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds: connections, bytes of request line and headers, the time in ms for these to come.

    ``stall_ms_max``: how long, in ms, a connection that is closing may take nothing of what is still to be sent.
    """

    connections_max: int = 4096
    header_bytes_max: int = 16_384
    header_ms_max: int = 10_000
    stall_ms_max: int = 30_000


class Connections:
    """The open connections of one server, and those among them that wait for a request's headers, oldest first."""

    def __init__(self, limits: ConnectionLimits) -> None:
        """Begin without any."""
        self.limits = limits
        self.refused = 0
        self.evicted = 0
        self._open: set[_BoundedProtocol] = set()
        self._waiting: dict[_BoundedProtocol, float] = {}
        #: Those whose request's body is still to come, oldest first.
        self._reading: dict[_BoundedProtocol, None] = {}
        #: Those that are closing: how much is still to be sent, and since when it has not become less.
        self._closing: dict[_BoundedProtocol, tuple[int, float]] = {}
        self.stalled = 0
        self._repeats = Repeats(_TELL_S)
        self._sweeping = False

    def __len__(self) -> int:
        """Open connections."""
        return len(self._open)

    def joined(self, protocol: _BoundedProtocol, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether there is room for one more; the one that waits for longest is closed where that makes room.

        Where none waits for a request, it is the one whose body has been coming for longest: who sends slowly must not
        keep all others out.
        """
        if len(self._open) >= self.limits.connections_max:
            oldest = next(iter(self._waiting), None) or next(iter(self._reading), None)
            if oldest is None:
                self.refused += 1
                return False
            self.evicted += 1
            self.left(oldest)
            oldest.transport.abort()
        self._open.add(protocol)
        self._waiting[protocol] = loop.time()
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(_SWEEP_S, self._sweep, loop)
        return True

    def tell(self, text: str, now_s: float) -> None:
        """Log what a client did, once in ten seconds with how many were not logged: anybody can do it without end."""
        left_out = self._repeats.told(text, now_s)
        if left_out is not None:
            _log.info("%s", text, extra={"left_out": left_out} if left_out else None)

    def left(self, protocol: _BoundedProtocol) -> None:
        """A connection ended."""
        self._open.discard(protocol)
        self._closing.pop(protocol, None)
        self._waiting.pop(protocol, None)
        self._reading.pop(protocol, None)

    def waits(self, protocol: _BoundedProtocol, now_s: float) -> None:
        """A connection waits for the next request."""
        if protocol in self._open:
            self._waiting[protocol] = now_s

    def works(self, protocol: _BoundedProtocol) -> None:
        """A connection's request has all its headers."""
        self._waiting.pop(protocol, None)
        if protocol in self._open:
            self._reading[protocol] = None

    def has_read(self, protocol: _BoundedProtocol) -> None:
        """A connection's request has all its body, or needs none."""
        self._reading.pop(protocol, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse those whose headers take too long; the idle ones between requests are uvicorn's."""
        self._end_closing(loop.time())
        late_s = loop.time() - self.limits.header_ms_max / 1000
        for protocol, since_s in list(self._waiting.items()):
            if since_s >= late_s:
                break  # the others began later
            if protocol.head_begun or not protocol.answered:
                self.left(protocol)
                protocol.refuse(408, Code.REQUEST_SLOW, limit_ms=self.limits.header_ms_max)
        if self._open:
            loop.call_later(_SWEEP_S, self._sweep, loop)
        else:
            self._sweeping = False

    def _end_closing(self, now_s: float) -> None:
        """Abort who takes nothing any more: a close waits for bytes that the other side does not read.

        A WebSocket is another protocol by now, whose end nobody tells us: it is seen here.
        """
        for protocol in [each for each in self._open if each.transport.is_closing()]:
            left_bytes = protocol.transport.get_write_buffer_size()
            bytes_before, since_s = self._closing.get(protocol, (left_bytes + 1, now_s))
            if left_bytes < bytes_before:
                since_s = now_s
            if left_bytes and now_s - since_s < self.limits.stall_ms_max / 1000:
                self._closing[protocol] = (left_bytes, since_s)
                continue
            if left_bytes:
                self.stalled += 1
                self.tell("connection aborted: the client does not read", now_s)
                protocol.transport.abort()
            self.left(protocol)


class _Answer:
    """One answer: its head is put together from lines that were written and looked at before; the rest is uvicorn's.

    Most headers are the same in every answer, and uvicorn looks at each of them anew.
    """

    __slots__ = ("_app", "_cycle")

    def __init__(self, app: Any, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the application."""
        del send
        await self._app(scope, receive, self.send)

    async def send(self, message: Any) -> None:
        """Send one message; nothing to a client that is gone."""
        cycle = self._cycle
        if cycle.transport.is_closing():
            _gone(cycle)
            return
        if cycle.response_started or message["type"] != "http.response.start" or cycle.flow.write_paused:
            await cycle.send(message)
            return
        lines = [STATUS_LINE[message["status"]]]
        length = -1
        for name, value in (*cycle.default_headers, *message["headers"]):
            if name in _GUIDING:
                if name != b"content-length" or length >= 0:
                    length = -1
                    break
                length = int(value)
            lines.append(_LINES.get((name, value)) or _line(name, value))
        if length < 0 or cycle.disconnected or not cycle.keep_alive or cycle.scope["method"] == "HEAD":
            await cycle.send(message)  # anything but the common case
            return
        lines.append(b"\r\n")
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.expected_content_length = length
        cycle.chunked_encoding = False
        cycle.transport.write(b"".join(lines))


def _gone(cycle: RequestResponseCycle) -> None:
    """Tell who answers that nobody listens any more; uvicorn tells the last of several requests only."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


#: Headers that say how an answer goes over the connection.
_GUIDING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
#: Lines of headers that were looked at, by name and value; those whose values are many are not kept.
_LINES: Final[dict[tuple[bytes, bytes], bytes]] = {}
_LINES_MAX: Final = 256
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token (RFC 9110, 5.6.2)
_NO_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MANY: Final = frozenset({b"content-length", b"x-request-id", b"etag", b"location", b"retry-after"})


def _line(name: bytes, value: bytes) -> bytes:
    """One header as a line.

    Raises:
        RuntimeError: a name or a value that no header may have.
    """
    if not _NAME.fullmatch(name) or _NO_VALUE.search(value):
        raise RuntimeError("a header that cannot be sent")
    line = name.lower() + b": " + value + b"\r\n"
    if name not in _MANY and len(_LINES) < _LINES_MAX:
        _LINES[name, value] = line
    return line


class _BoundedProtocol(HttpToolsProtocol):
    """See the module; made by :func:`bounded_protocol`, which sets ``connections_of``."""

    connections_of: Connections

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes it."""
        super().__init__(config, server_state, app_state, _loop)
        self.answered = False
        self.head_begun = False
        self._head_bytes = 0
        self._answering: RequestResponseCycle | None = None
        self._refusal: tuple[int, Code, dict[str, Any]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if there is room."""
        super().connection_made(transport)
        if not self.connections_of.joined(self, self.loop):
            self.refuse(503, Code.RATE_LIMITED, retry_after_ms=1000)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.connections_of.left(self)
        if self._answering is not None:
            _gone(self._answering)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a head that is not complete is counted as it comes, whatever is in it."""
        if self.transport.is_closing() or self.parser is None:
            return
        begun_before = self.head_begun
        super().data_received(data)
        # The piece in which a head begins may hold the end of the body before it; its headers count as they are parsed.
        if begun_before and self.head_begun and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.connections_of.limits.header_bytes_max:
                self.refuse(431, Code.REQUEST_TOO_LARGE, size_max=self.connections_of.limits.header_bytes_max)

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes the connection."""
        super().handle_websocket_upgrade()
        scope = getattr(self.transport.get_protocol(), "scope", None)
        if scope is not None:  # the handshake holds, and its handler begins after this
            scope[SCOPE_ABORT] = self.transport.abort
        self.connections_of.works(self)
        self.connections_of.has_read(self)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.head_begun = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, while they are few and short."""
        if self.head_begun:  # else a trailer after a body in chunks, which is no header of the request
            super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        size_max = self.connections_of.limits.header_bytes_max
        if self._head_bytes > size_max or len(self.headers) > HEADERS_MAX:
            self._refusal = (431, Code.REQUEST_TOO_LARGE, {"size_max": size_max})
            raise ValueError("headers")  # ends the parser, which answers by send_400_response

    def on_headers_complete(self) -> None:
        """The head is there: the request begins to be handled."""
        self.head_begun = False
        if len(self.url) > self.connections_of.limits.header_bytes_max:
            self._refusal = (431, Code.REQUEST_TOO_LARGE, {"size_max": self.connections_of.limits.header_bytes_max})
            raise ValueError("url")
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("version")
        self.connections_of.works(self)
        self.scope[SCOPE_ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request has its body."""
        self.connections_of.has_read(self)
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Let the application answer, with heads written in a quicker way."""
        self._answering = cycle
        super()._start_asgi_task(cycle, _Answer(app, cycle))

    def on_response_complete(self) -> None:
        """The next request is waited for."""
        self.answered = True
        super().on_response_complete()
        if self.cycle.response_complete:
            self.connections_of.waits(self, self.loop.time())

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too much of it."""
        status, code, params = self._refusal or (400, Code.REQUEST_SHAPE, {"reason": "no HTTP request"})
        self.refuse(status, code, **params)

    def refuse(self, status: int, code: Code, **params: Any) -> None:
        """Answer a problem document and close."""
        self.connections_of.tell(f"connection refused: {code.name}", self.loop.time())
        document = {
            "type": f"urn:govchain:code:{code.name}",
            "title": sentence(f"status.{status}", "en"),
            "status": status,
            "detail": sentence(f"code.{code.name}", "en", **params),
            "instance": "",
            "code": code.name,
            "number": int(code),
            "params": params,
        }
        body = msgspec.json.encode(document)
        wait_ms = params.get("retry_after_ms", 0)
        more = f"retry-after: {max(1, -(-wait_ms // 1000))}\r\n" if wait_ms else ""
        head = (
            f"HTTP/1.1 {status} {sentence(f'status.{status}', 'en')}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\ngovchain-protocol: 1\r\n{more}connection: close\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()


def bounded_protocol(connections: Connections) -> Callable[..., asyncio.Protocol]:
    """The protocol class for ``uvicorn.Config(http=…)`` whose connections are those of ``connections``."""
    return type("BoundedProtocol", (_BoundedProtocol,), {"connections_of": connections})
