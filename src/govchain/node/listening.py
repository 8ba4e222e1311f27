"""Where a node listens: its socket, and the HTTP server with all its bounds, made as the settings say.

Not here: what is answered (``api``), connections and their bounds (``connections``), certificates (``tls``), when the
server begins and ends (``server``).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
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

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; with TLS ourselves, since a connection counts only after its handshake, which must not take long."""
        if self.tls is None or sockets is None:
            await super().startup(sockets)
            return
        await super().startup([])
        handshake_s = self.bounded.limits.header_ms_max / 1000
        loop = asyncio.get_running_loop()
        for listener in sockets:
            server = await loop.create_server(
                self._connect,
                sock=listener,
                ssl=self.config.ssl,
                ssl_handshake_timeout=handshake_s,
                backlog=_BACKLOG,
            )
            self.servers.append(server)

    def _connect(self) -> asyncio.Protocol:
        make: Callable[..., Any] = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would last for ever, then what is under way."""
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
