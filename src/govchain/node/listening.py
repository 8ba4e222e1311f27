"""Where a node listens: its socket, and the HTTP server with all its bounds, made as the settings say.

Not here: what is answered (``api``), connections and their bounds (``connections``), certificates (``tls``), when the
server begins and ends (``server``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from govchain.model import Code, UnavailableError, UsageError
from govchain.node.connections import ConnectionLimits, Connections, bounded_protocol
from govchain.node.settings import Settings
from govchain.node.sockets import BoundedSocket
from govchain.node.tls import TlsFiles

__all__ = ["Server", "make_connections", "make_server", "open_listener"]

_log = logging.getLogger("govchain.node.listening")

#: How long to wait after a connection could not be accepted, in seconds: no descriptor was free.
_ACCEPT_AGAIN_S = 0.1
#: Connections that wait to be accepted.
_BACKLOG = 1024
#: Bytes of a message that a client may send over a WebSocket: a subscription.
_SOCKET_MESSAGE_BYTES_MAX = 131_072


def make_connections(settings: Settings) -> Connections:
    """The connections of a server that is to be, bounded by the settings."""
    return Connections(
        ConnectionLimits(
            settings.integer("connections_max"),
            settings.integer("header_bytes_max"),
            settings.integer("header_ms_max"),
            settings.integer("stall_ms_max"),
        )
    )


def make_server(app: ASGIApp, settings: Settings, connections: Connections | None = None) -> Server:
    """The server for ``app`` with all its bounds, not listening yet.

    Raises:
        UnavailableError: ``TLS_UNUSABLE``. UsageError: one of the two TLS files is not named.
    """
    connections = make_connections(settings) if connections is None else connections  # an empty one is false
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded_protocol(connections),  # type: ignore[arg-type]  # takes any protocol class
        ws=BoundedSocket,
        ws_max_size=_SOCKET_MESSAGE_BYTES_MAX,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, settings.integer("idle_ms_max") // 1000),
        timeout_graceful_shutdown=max(1, settings.integer("drain_ms_max") // 1000),
    )
    server = Server(config)
    server.bounded = connections
    certificate, key = settings.text("tls_certificate"), settings.text("tls_key")
    if bool(certificate) != bool(key):
        raise UsageError(Code.USAGE, reason="tls_certificate and tls_key are given together")
    if certificate:
        server.tls = TlsFiles(Path(certificate), Path(key))
        config.load()
        config.ssl = server.tls.context
    return server


class Server(uvicorn.Server):
    """Uvicorn without its own signal handling, which tells ``streams`` to end before it waits for connections."""

    streams: Callable[[], None] = staticmethod(lambda: None)
    bounded: Connections
    tls: TlsFiles | None = None
    #: Where it runs, once it has begun.
    loop: asyncio.AbstractEventLoop
    _accepting: Sequence[asyncio.Task[None]] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; with TLS ourselves, since a connection counts only after its handshake, and these need bounds too."""
        self.loop = asyncio.get_running_loop()
        if self.tls is None or sockets is None:
            await super().startup(sockets)
            return
        await super().startup([])
        self._accepting = [asyncio.create_task(self._accept(listener)) for listener in sockets]

    async def _accept(self, listener: socket.socket) -> None:
        """Take connections for ever; of those in their handshake the oldest gives way when there are too many."""
        loop = asyncio.get_running_loop()
        greeted: dict[asyncio.Task[None], None] = {}
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                _log.warning("a connection could not be accepted: %s", error.strerror or "")
                await asyncio.sleep(_ACCEPT_AGAIN_S)
                continue
            if len(greeted) >= self.bounded.limits.connections_max:
                oldest = next(iter(greeted))
                del greeted[oldest]
                oldest.cancel()
            task = asyncio.create_task(self._greet(connection))
            greeted[task] = None
            task.add_done_callback(lambda done: greeted.pop(done, None))

    async def _greet(self, connection: socket.socket) -> None:
        """The handshake, which may take as long as a request's head; afterwards the connection is the protocol's."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connect,
                connection,
                ssl=self.config.ssl,
                ssl_handshake_timeout=self.bounded.limits.header_ms_max / 1000,
            )
        except (OSError, asyncio.CancelledError):
            connection.close()  # no handshake, too late, or others were in more of a hurry

    def _connect(self) -> asyncio.Protocol:
        make: Callable[..., Any] = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new; end the streams, which would last for ever, then what is under way."""
        for task in self._accepting:
            task.cancel()
        self.streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours."""
        yield


def open_listener(address: str) -> socket.socket:
    """A socket that listens at ``address``, HOST:PORT; the caller closes it.

    Raises:
        UsageError: an address that is none. UnavailableError: ``LISTEN_FAILED``.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(Code.USAGE, reason=f"listen: HOST:PORT, not {address[:80]!r}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise UnavailableError(Code.LISTEN_FAILED, address=address, reason=error.strerror or str(error)) from None
    return listener
