"""One connection to one peer: frames in order of urgency out, judged frames in, requests and their answers.

Rules: everything happens on the route's loop but :meth:`PeerConnection.queue` and :meth:`PeerConnection.ask`, which any
thread may call. Small urgent frames overtake large ones that wait. What breaks the protocol ends the connection.
Not here: who may connect, what is done with frames (:mod:`govchain.peers.network`).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

from govchain.model import Code, DecodingError, RefusedError, UnavailableError
from govchain.peers.dispatch import Lane
from govchain.peers.frames import VERSIONS, Frame, FrameReader, Head, encode_head
from govchain.peers.ports import Kind, PeerLimits
from govchain.peers.traffic import Traffic

__all__ = ["ConnectionOwner", "PeerConnection"]

#: What the system may hold of a connection's output before we wait; more would let large frames delay small ones.
_WRITE_BYTES_HIGH: Final = 512 * 1024
#: Frames joined into one write.
_JOIN_BYTES: Final = 128 * 1024
#: Frames that may come before the connection was let in: its hellos.
_EARLY_FRAMES_MAX: Final = 64
#: Answers that came too late are still the answers to what was asked; so many are remembered.
_EXPIRED_MAX: Final = 1024
#: Order of urgency of what waits to be sent.
_URGENCY: Final = {
    Kind.HELLO: 0,
    Kind.PREPARING: 0,
    Kind.SIGNATURES: 0,
    Kind.TRANSACTIONS: 1,
    Kind.BLOCKS: 2,
    Kind.SNAPSHOT: 2,
    Kind.TUNNEL: 2,
}


class ConnectionOwner(Protocol):
    """Who decides about connections: the network."""

    def accepted(self, connection: PeerConnection, transport: asyncio.Transport) -> None:
        """Somebody connected; TLS is next."""

    def took(self, connection: PeerConnection, frame: Frame) -> None:
        """A whole frame came from a peer that was let in."""

    def violated(self, connection: PeerConnection, error: DecodingError) -> None:
        """What came breaks the protocol; the connection is gone."""

    def lost(self, connection: PeerConnection) -> None:
        """The connection is gone."""


@dataclass(slots=True)
class _Pending:
    """A request that waits: who is told, what was asked, until when (the loop's time)."""

    future: Future[bytes]
    chain: str
    kind: Kind
    deadline: float


class PeerConnection(asyncio.BufferedProtocol):
    """See the module.

    Args:
        owner: decides and is told.
        limits: of the route.
        inbound: whether the other side dialled.
    """

    def __init__(
        self, owner: ConnectionOwner, limits: PeerLimits, loop: asyncio.AbstractEventLoop, *, inbound: bool
    ) -> None:
        self.inbound = inbound
        self.loop = loop
        self.public_key = b""
        self.opened_at = self.heard_at = loop.time()
        self.version = VERSIONS[0]
        #: Chains on which the other side's hello was taken, with its member key there; and on which ours was sent.
        self.greeted: dict[str, bytes] = {}
        self.hello_sent: set[str] = set()
        #: Chains on which ours stands before everything else that is sent.
        self.hello_queued: set[str] = set()
        self.greeted_once = False
        self.lanes: list[Lane] = []
        self.lost = False
        self._owner = owner
        self._limits = limits
        self._reader = FrameReader(self._judge, self._take)
        self._begun_at: float | None = None
        self._transport: asyncio.Transport | None = None
        self._traffic = Traffic()
        self._early: list[Frame] | None = []
        self._lock = threading.Lock()
        self._queues: tuple[deque[tuple[str, Kind, bytes, bytes]], ...] = (deque(), deque(), deque())
        self._queued_bytes = 0
        self._flushing = False
        self._paused = False
        self._inbox_bytes = 0
        self._reading = True
        self._pending: dict[int, _Pending] = {}
        self._expired: dict[int, tuple[str, Kind]] = {}
        self._request = 0

    # -- of the loop ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called for what was accepted before TLS, and for what was dialled after it."""
        assert isinstance(transport, asyncio.Transport)
        if self.inbound:
            self._owner.accepted(self, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._reader.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came."""
        if self.lost:
            return
        self.heard_at = self.loop.time()
        try:
            self._reader.filled(nbytes)
        except DecodingError as error:
            self._owner.violated(self, error)
            return
        if not self._reader.begun:
            self._begun_at = None
        elif self._begun_at is None:
            self._begun_at = self.heard_at

    def eof_received(self) -> bool:
        """The other side ends: so do we."""
        return False

    def pause_writing(self) -> None:
        """The system holds enough."""
        self._paused = True

    def resume_writing(self) -> None:
        """There is room again."""
        self._paused = False
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, whoever ended it."""
        if self.lost:
            return
        self.lost = True
        with self._lock:
            pending, self._pending = list(self._pending.values()), {}
            for queue in self._queues:
                queue.clear()
            self._queued_bytes = 0
        for entry in pending:
            _fail(entry.future, UnavailableError(Code.NODE_UNREACHABLE, reason="the connection ended"))
        self._owner.lost(self)

    # -- of the network, on the loop -----------------------------------------------------------------------------

    def open(self, transport: asyncio.Transport, public_key: bytes, traffic: Traffic, lanes: list[Lane]) -> None:
        """The other side has shown a known key: take and send frames from now on.

        ``lanes`` outlast the connection, so that handlers hear of its end before they hear of the next one.
        """
        self.lanes = lanes
        self._transport = transport
        self.public_key = public_key
        self._traffic = traffic
        transport.set_write_buffer_limits(high=_WRITE_BYTES_HIGH)
        early, self._early = self._early or [], None
        for frame in early:
            if not self.lost:
                self._take(frame)
        self._flush()

    def end(self) -> None:
        """End the connection now; what waits to be sent is dropped."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self.connection_lost(None)

    def tick(self, now: float) -> str:
        """Look at the clock: fail requests whose time is over; why the connection should end, or an empty string."""
        with self._lock:
            over = [number for number, entry in self._pending.items() if entry.deadline <= now]
            entries = [self._pending.pop(number) for number in over]
            self._expired.update(
                (number, (entry.chain, entry.kind)) for number, entry in zip(over, entries, strict=True)
            )
            while len(self._expired) > _EXPIRED_MAX:
                del self._expired[next(iter(self._expired))]
        for entry in entries:
            _fail(entry.future, UnavailableError(Code.TIMED_OUT))
        if not self._reading:
            return ""  # it is we who do not read
        if now - self.heard_at > self._limits.silence_s:
            return "silent"
        if self._begun_at is not None and now - self._begun_at > self._limits.frame_s:
            return "slow"
        return ""

    def handled(self, count: int) -> None:
        """``count`` bytes were handled that :meth:`keep` had counted."""
        self._inbox_bytes -= count
        if not self._reading and self._inbox_bytes <= self._limits.inbox_bytes_max // 2 and self._transport:
            self._reading = True
            self.heard_at = self.loop.time()
            self._transport.resume_reading()

    def keep(self, count: int) -> None:
        """``count`` bytes wait for their handler; too many, and nothing more is read."""
        self._inbox_bytes += count
        if self._reading and self._inbox_bytes > self._limits.inbox_bytes_max and self._transport:
            self._reading = False
            self._transport.pause_reading()

    # -- of any thread -------------------------------------------------------------------------------------------

    def queue(self, chain: str, kind: Kind, body: bytes, request: int = 0, *, refused: bool = False) -> bool:
        """Send a frame when its turn comes; whether there was room for it."""
        head = encode_head(chain, kind, request, len(body), refused=refused, version=self.version)
        size = len(head) + len(body)
        with self._lock:
            if self.lost or (self._queued_bytes and self._queued_bytes + size > self._limits.queue_bytes_max):
                return False
            self._queues[_URGENCY[kind]].append((chain, kind, head, body))
            self._queued_bytes += size
            wake, self._flushing = not self._flushing, True
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(self._flush)
        return True

    def ask(self, chain: str, kind: Kind, body: bytes, timeout_s: float) -> Future[bytes]:
        """Send a request; the future has the answer's body, or an error of ours."""
        future: Future[bytes] = Future()
        with self._lock:
            if self.lost or len(self._pending) >= self._limits.requests_max:
                reason = "the connection ended" if self.lost else "too many requests wait"
                future.set_exception(UnavailableError(Code.NODE_UNREACHABLE, reason=reason))
                return future
            self._request += 1
            number = self._request
            self._pending[number] = _Pending(future, chain, kind, self.loop.time() + timeout_s)
        if not self.queue(chain, kind, body, number):
            with self._lock:
                self._pending.pop(number, None)
            _fail(future, UnavailableError(Code.NODE_UNREACHABLE, reason="too much waits to be sent"))
        return future

    # -- inside --------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        with self._lock:
            self._flushing = False
        while not self._paused and self._transport is not None:
            parts: list[bytes] = []
            size = 0
            with self._lock:
                while size < _JOIN_BYTES:
                    queue = next((queue for queue in self._queues if queue), None)
                    if queue is None:
                        break
                    chain, kind, head, body = queue.popleft()
                    parts += (head, body)
                    count = len(head) + len(body)
                    size += count
                    self._queued_bytes -= count
                    self._traffic.sent(chain, kind, count)
            if not parts:
                return
            self._transport.writelines([b"".join(parts)] if size < 2 * _JOIN_BYTES else parts)

    def _judge(self, head: Head) -> None:
        bounds = self._limits.kinds[head.kind]
        bound = bounds.message
        if head.request < 0:
            with self._lock:
                entry = self._pending.get(-head.request)
                asked = self._expired.get(-head.request) if entry is None else (entry.chain, entry.kind)
            if asked != (head.chain, head.kind):
                raise DecodingError(Code.PEER_PROTOCOL, reason="an answer to nothing")
            bound = bounds.answer
        if head.body_bytes > bound:
            raise DecodingError(Code.PEER_PROTOCOL, reason=f"{head.kind.name.lower()} of {head.body_bytes} bytes")
        if self._early is not None and (head.kind is not Kind.HELLO or len(self._early) >= _EARLY_FRAMES_MAX):
            raise DecodingError(Code.PEER_PROTOCOL, reason="no hello")

    def _take(self, frame: Frame) -> None:
        if self.lost:
            return
        if self._early is not None:
            self._early.append(frame)
            return
        self._begun_at = None
        head = frame.head
        self._traffic.received(head.chain, head.kind, len(encode_head(head.chain, head.kind, 0, 0)) + head.body_bytes)
        if head.request < 0:
            self._answered(frame)
        else:
            self._owner.took(self, frame)

    def _answered(self, frame: Frame) -> None:
        number = -frame.head.request
        with self._lock:
            entry = self._pending.pop(number, None)
            self._expired.pop(number, None)
        if entry is None:
            return  # too late
        if not frame.head.refused:
            if entry.future.set_running_or_notify_cancel():
                entry.future.set_result(frame.body)
            return
        try:
            code = Code(int.from_bytes(frame.body[:2], "big"))
        except ValueError:
            code = Code.ANSWER_UNUSABLE
        _fail(entry.future, RefusedError(code or Code.ANSWER_UNUSABLE, reason="a peer's answer"))


def _fail(future: Future[bytes], error: Exception) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
