"""Who this node is connected to: accepting, dialling, TLS, keep-alives; one connection for two nodes.

Rules: everything here happens on the route's loop. TLS 1.3 with the keys of the remotes that are wanted and no others;
of two connections with one node the one dialled by the smaller key stays; a remote that is wanted no more loses its
connection. Not here: chains, hellos, handlers (:mod:`govchain.peers.network`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Final, Protocol

from govchain.crypto.certificates import decode_certificate_key
from govchain.model import Code, DecodingError, GovChainError, UnavailableError, UsageError
from govchain.peers.connection import PeerConnection
from govchain.peers.dispatch import LANES, Lane
from govchain.peers.frames import Frame
from govchain.peers.identity import PeerIdentity
from govchain.peers.ports import Kind, PeerLimits
from govchain.peers.traffic import Traffic
from govchain.proof.members import MemberRecord, check_address

__all__ = ["PING_BYTES", "LinkOwner", "Links", "Remote", "split_address"]

#: Bytes of a keep-alive and of its answer: the sender's clock.
PING_BYTES: Final = 8

#: Seconds between two looks at all connections.
_TICK_S: Final = 0.25
#: Seconds after its beginning in which a connection gives way to one that the other side dialled at the same time.
_YOUNG_S: Final = 1.0
#: A connection that was heard from within so many keep-alives is alive.
_LIVELY_PINGS: Final = 1.5


class LinkOwner(Protocol):
    """What the network does with connections."""

    def opened(self, connection: PeerConnection) -> None:
        """A wanted remote is connected."""

    def took(self, connection: PeerConnection, frame: Frame) -> None:
        """A frame came."""

    def closed(self, connection: PeerConnection) -> None:
        """A connection that was opened is gone."""

    def counted(self, reason: str) -> None:
        """Something was turned away."""

    def reported(self, code: Code, reason: str) -> None:
        """Something that the operator should know."""


class Remote:
    """Another node, by its TLS key."""

    def __init__(self, public_key: bytes) -> None:
        """Wanted, and not connected yet."""
        self.public_key = public_key
        self.certificate = b""
        self.address = ""
        self.name = ""
        self.connection: PeerConnection | None = None
        self.changed = asyncio.Event()
        self.dialler: asyncio.Task[None] | None = None
        self.traffic = Traffic()
        self.lanes = [Lane() for _ in range(LANES)]
        self.rtt_ms: float | None = None
        self.clock_offset_ms: float | None = None
        self.since: int | None = None
        self.problem = ""
        self.shut_until = 0.0
        self.pinged_at = 0.0


class Links:
    """See the module. ``remotes`` may be read by any thread.

    Args:
        identity: this node's TLS key.
        limits: bounds.
        clock: ms since 1970.
        owner: is told.
    """

    def __init__(
        self,
        identity: PeerIdentity,
        limits: PeerLimits,
        clock: Callable[[], int],
        owner: LinkOwner,
    ) -> None:
        self.remotes: dict[bytes, Remote] = {}
        self.connections: set[PeerConnection] = set()
        self._identity = identity
        self._limits = limits
        self._loop: asyncio.AbstractEventLoop
        self._clock = clock
        self._owner = owner
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: dict[PeerConnection, asyncio.Transport] = {}
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._stopping = False

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belong to ``loop`` from now on; before anything else, and once."""
        self._loop = loop

    async def open(self, listen: str) -> None:
        """Listen at HOST:PORT, unless empty; look after connections from now on.

        Raises:
            UnavailableError: ``LISTEN_FAILED``, ``TLS_UNUSABLE``.
        """
        self._context(server=True)  # says at once when the key cannot be used
        if listen:
            host, port = split_address(listen)
            try:
                self._server = await self._loop.create_server(lambda: self._new(inbound=True), host, port)
            except OSError as error:
                reason = error.strerror or str(error)
                raise UnavailableError(Code.LISTEN_FAILED, address=listen, reason=reason) from None
        self._spawn(self._watch())

    async def close(self) -> None:
        """End everything."""
        self._stopping = True
        for listener in () if self._server is None else self._server.sockets:
            self._loop.remove_reader(listener.fileno())
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.connections):
            connection.end()
        await self._abort_all()
        # What was being accepted comes to its end before the server does: the library loses the sockets otherwise.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=1.0)
        if self._server is not None:
            self._server.close()
        await self._abort_all()

    async def _abort_all(self) -> None:
        """End every transport; they close their sockets on the loop's next turns."""
        for transport in list(self._transports):
            transport.abort()
        for _ in range(5):
            await asyncio.sleep(0)

    def want(self, wanted: Mapping[bytes, MemberRecord]) -> None:
        """Be connected to exactly these remotes, by TLS key, from now on."""
        if self._stopping:
            return
        self._contexts.clear()
        for tls, record in wanted.items():
            remote = self.remotes.get(tls)
            if remote is None:
                remote = self.remotes[tls] = Remote(tls)
            remote.certificate, remote.name = bytes.fromhex(record.certificate), record.name
            if remote.address != record.addresses.peers:
                remote.address = record.addresses.peers
                remote.changed.set()
            if remote.dialler is None:
                remote.dialler = self._spawn(self._dial(remote))
        for tls in [tls for tls in self.remotes if tls not in wanted]:
            remote = self.remotes[tls]
            if remote.dialler is not None:
                remote.dialler.cancel()
            if remote.connection is not None:
                remote.connection.end()
            del self.remotes[tls]

    # -- called by connections -----------------------------------------------------------------------------------

    def accepted(self, connection: PeerConnection, transport: asyncio.Transport) -> None:
        """Somebody connected: begin TLS; where too many have begun, the oldest of them goes."""
        transport.pause_reading()
        self._transports.add(transport)
        if self._stopping:
            transport.abort()
            return
        while len(self._handshakes) >= self._limits.handshakes_max:
            oldest = next(iter(self._handshakes))
            self._handshakes.pop(oldest).abort()
            self._owner.counted("crowd")
        self._handshakes[connection] = transport
        self._spawn(self._admit(connection, transport))

    def took(self, connection: PeerConnection, frame: Frame) -> None:
        """A frame came; keep-alives are answered here."""
        head = frame.head
        if head.chain:
            self._owner.took(connection, frame)
        elif head.kind is Kind.HELLO and head.request > 0 and head.body_bytes == PING_BYTES:
            connection.queue("", Kind.HELLO, self._clock().to_bytes(PING_BYTES, "big"), -head.request)
        else:
            self.violated(connection, DecodingError(Code.PEER_PROTOCOL, reason="no chain"))

    def violated(self, connection: PeerConnection, error: DecodingError) -> None:
        """End the connection, and let its key wait before it may come again."""
        self._owner.counted("protocol")
        remote = self.remotes.get(connection.public_key)
        if remote is not None:
            remote.shut_until = self._loop.time() + self._limits.penalty_s
            remote.problem = str(error.params.get("reason", ""))
        name = "?" if remote is None else remote.name
        self._owner.reported(error.code, f"{name}: {error.params.get('reason', '')}")
        connection.end()

    def lost(self, connection: PeerConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        remote = self.remotes.get(connection.public_key)
        if remote is None or remote.connection is not connection:
            return
        remote.connection, remote.since = None, None
        remote.changed.set()
        self._owner.closed(connection)

    # -- inside --------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Keep-alives, and the end of connections that are silent or slow."""
        while True:
            await asyncio.sleep(_TICK_S)
            now = self._loop.time()
            for connection in list(self.connections):
                reason = connection.tick(now)
                remote = self.remotes.get(connection.public_key)
                if reason:
                    self._owner.counted(reason)
                    if remote is not None:
                        remote.problem = reason
                    connection.end()
                elif remote is not None and now - remote.pinged_at >= self._limits.ping_s:
                    remote.pinged_at = now
                    self._ping(connection, remote)

    def _context(self, *, server: bool) -> ssl.SSLContext:
        context = self._contexts.get(server)
        if context is None:
            known = [remote.certificate for remote in self.remotes.values()]
            context = self._contexts[server] = self._identity.context(known, server=server)
        return context

    async def _admit(self, connection: PeerConnection, transport: asyncio.Transport) -> None:
        """TLS with somebody who dialled."""
        try:
            secure = await self._loop.start_tls(
                transport,
                connection,
                self._context(server=True),
                server_side=True,
                ssl_handshake_timeout=self._limits.handshake_s,
                ssl_shutdown_timeout=1.0,
            )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError, GovChainError) as error:
            self._owner.counted("handshake")
            if isinstance(error, ssl.SSLCertVerificationError):
                self._owner.reported(Code.PEER_UNKNOWN, _peer_address(transport))
            transport.abort()
            return
        except asyncio.CancelledError:
            transport.abort()
            raise
        finally:
            self._handshakes.pop(connection, None)
        if secure is not None:
            self._register(connection, secure)

    async def _dial(self, remote: Remote) -> None:
        """Keep a connection to ``remote``: dial when there is none, with growing pauses."""
        pause = self._limits.redial_s_min
        if self._identity.public_key > remote.public_key:
            await _wait(remote.changed, self._limits.courtesy_s)
        while True:
            remote.changed.clear()
            if remote.connection is None and remote.address and self._loop.time() >= remote.shut_until:
                if await self._connect(remote):
                    pause = self._limits.redial_s_min
                    continue
            elif remote.connection is not None:
                pause = self._limits.redial_s_min
                await remote.changed.wait()
                if self._identity.public_key > remote.public_key:
                    await asyncio.sleep(self._limits.courtesy_s)
                continue
            # Not all at once after a common fault: up to a quarter more or less.
            await _wait(remote.changed, pause * (75 + secrets.randbelow(51)) / 100)
            pause = min(2 * pause, self._limits.redial_s_max)

    async def _connect(self, remote: Remote) -> bool:
        """One attempt; whether there was a connection that came as far as a hello."""
        connection = self._new(inbound=False)
        try:
            host, port = split_address(remote.address)
            async with asyncio.timeout(2 * self._limits.handshake_s):
                transport, _ = await self._loop.create_connection(
                    lambda: connection,
                    host,
                    port,
                    ssl=self._context(server=False),
                    server_hostname="",
                    ssl_handshake_timeout=self._limits.handshake_s,
                    ssl_shutdown_timeout=1.0,
                )
        except (OSError, ssl.SSLError, TimeoutError, GovChainError) as error:
            remote.problem = _reason(error)
            return False
        self._transports.add(transport)
        if self._register(connection, transport, remote) and remote.connection is connection:
            await remote.changed.wait()
        return connection.greeted_once

    def _register(
        self, connection: PeerConnection, transport: asyncio.Transport, expected: Remote | None = None
    ) -> bool:
        """Let in a connection whose TLS key is known; of two with one node, one stays."""
        remote = self._remote_of(transport)
        if connection.lost or remote is None or (expected is not None and remote is not expected):
            self._owner.counted("unknown")
            transport.abort()
            if remote is not expected and expected is not None:
                expected.problem = "another node answers at its address"
            return False
        now = self._loop.time()
        if now < remote.shut_until:
            self._owner.counted("shut")
            transport.abort()
            return False
        present = remote.connection
        if present is not None:
            # The first one stays. Of two at the same time the smaller key's dialling counts, so that both sides keep
            # the same; a connection that has gone quiet gives way to any.
            young = now - present.opened_at < _YOUNG_S
            stays = not young or present.inbound != (self._identity.public_key < remote.public_key)
            quiet = now - present.heard_at > _LIVELY_PINGS * self._limits.ping_s
            if present.inbound != connection.inbound and stays and not quiet:
                transport.abort()
                return False
            present.end()
        remote.connection = connection
        connection.opened_at = now
        remote.since = self._clock()
        remote.problem = ""
        remote.pinged_at = 0.0
        remote.changed.set()
        self.connections.add(connection)
        connection.open(transport, remote.public_key, remote.traffic, remote.lanes)
        if not connection.lost:
            self._owner.opened(connection)
        return not connection.lost

    def _remote_of(self, transport: asyncio.Transport) -> Remote | None:
        tls = transport.get_extra_info("ssl_object")
        certificate = None if tls is None else tls.getpeercert(True)
        if not certificate:
            return None
        try:
            return self.remotes.get(decode_certificate_key(certificate))
        except DecodingError:
            return None

    def _ping(self, connection: PeerConnection, remote: Remote) -> None:
        sent_s, sent_ms = self._loop.time(), self._clock()
        body = sent_ms.to_bytes(PING_BYTES, "big")
        future = connection.ask("", Kind.HELLO, body, self._limits.silence_s)

        def answered(done: Future[bytes]) -> None:
            if done.cancelled() or done.exception() is not None or len(done.result()) != PING_BYTES:
                return
            remote.rtt_ms = 1000 * (self._loop.time() - sent_s)
            remote.clock_offset_ms = int.from_bytes(done.result(), "big") - sent_ms - remote.rtt_ms / 2

        future.add_done_callback(answered)

    def _new(self, *, inbound: bool) -> PeerConnection:
        return PeerConnection(self, self._limits, self._loop, inbound=inbound)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def split_address(text: str) -> tuple[str, int]:
    """Host (brackets of IPv6 taken off) and port of HOST:PORT; port 0 is allowed.

    Raises:
        UsageError: ``USAGE``.

    >>> split_address("[::1]:26700")
    ('::1', 26700)
    """
    host, _, port = text.rpartition(":")
    if port != "0" and check_address(text):
        raise UsageError(Code.USAGE, reason=f"peers_listen: HOST:PORT, not {text[:80]}")
    return host.removeprefix("[").removesuffix("]"), int(port)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()


def _peer_address(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "?"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return str(error.strerror or error)[:200]
    return str(error)[:200]
