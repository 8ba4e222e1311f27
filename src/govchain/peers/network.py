"""The route between nodes: listening, dialling, who is known, and what each chain says and hears.

Purpose: one loop in one thread carries every chain of a node; each chain hands in a handler and the records of those
whom it knows. Rules: TLS 1.3 with the keys of these records and no others; one connection for two nodes, whoever
dialled (of two, the one dialled by the smaller key stays); a connection whose key is known no more ends at once; what
goes wrong is counted and told, and stops nothing. Not here: frames and queues (:mod:`govchain.peers.connection`), what
is said (``consensus.exchange``).

Example::

    network = PeerNetwork(open_tls_key(…), "0.0.0.0:26700", clock=now_ms)
    network.host("licences", handler, genesis=fingerprint)
    network.know("licences", records)
    network.start()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from govchain.crypto.certificates import decode_certificate_key
from govchain.model import Code, DecodingError, GovChainError, UnavailableError, UsageError
from govchain.peers.connection import PeerConnection
from govchain.peers.dispatch import Dispatcher
from govchain.peers.frames import VERSIONS, Frame
from govchain.peers.hello import Hello, choose_version, decode_hello, encode_hello
from govchain.peers.identity import PeerIdentity
from govchain.peers.links import Links
from govchain.peers.ports import Kind, PeerHandler, PeerLimits, PeerStatus
from govchain.peers.repeats import Repeats
from govchain.peers.traffic import Traffic
from govchain.proof.members import MemberRecord

__all__ = ["PeerNetwork"]

#: Seconds between two reports of the same kind of problem.
_REPORT_S: Final = 10.0


@dataclass(slots=True)
class _Hosted:
    """A chain on this node; ``keys`` and ``members`` are replaced as a whole."""

    handler: PeerHandler
    genesis: bytes
    records: dict[bytes, MemberRecord] = field(default_factory=dict)  # by member key
    members: dict[bytes, bytes] = field(default_factory=dict)  # TLS key to member key
    keys: dict[bytes, bytes] = field(default_factory=dict)  # member key to TLS key


class PeerNetwork:
    """See the module. Every public method may be called from any thread but the route's own.

    Args:
        identity: this node's TLS key.
        listen: HOST:PORT, port 0 for any free one; empty to dial only.
        clock: ms since 1970.
        on_problem: hears a code and a reason, at most once in ten seconds for each code, with how many were not told
            since (``(+41)``); must be quick.
        limits: bounds.
    """

    def __init__(
        self,
        identity: PeerIdentity,
        listen: str,
        *,
        clock: Callable[[], int],
        on_problem: Callable[[Code, str], None] | None = None,
        limits: PeerLimits | None = None,
    ) -> None:
        self.identity = identity
        self.limits = limits or PeerLimits()
        self._listen = listen
        self._clock = clock
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._chains: dict[str, _Hosted] = {}
        self._refused: Counter[str] = Counter()
        self._reports = Repeats(_REPORT_S)
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._dispatcher = Dispatcher(self.limits.threads)
        self._links = Links(identity, self.limits, clock, self)

    # -- what a node calls ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen and dial.

        Raises:
            UnavailableError: ``LISTEN_FAILED``, ``TLS_UNUSABLE``.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="peers-loop", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every connection and every handler's thread; handlers are told nothing more."""
        thread, self._thread = self._thread, None
        if thread is not None:
            asyncio.run_coroutine_threadsafe(self._links.close(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()
        self._dispatcher.close()

    @property
    def address(self) -> str:
        """HOST:PORT where this node listens, with the port that the system gave; empty when it does not."""
        found = self._links.address
        if found is None:
            return ""
        host, port = found
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def host(self, chain: str, handler: PeerHandler, *, genesis: bytes) -> None:
        """Carry ``chain``, which starts from the genesis with this fingerprint; nobody is known on it yet."""
        with self._lock:
            if chain in self._chains:
                raise UsageError(Code.USAGE, reason=f"chain {chain} is hosted already")
            self._chains[chain] = _Hosted(handler, genesis)

    def drop(self, chain: str) -> None:
        """Carry ``chain`` no longer."""
        with self._lock:
            self._chains.pop(chain, None)
        self._soon(self._apply)

    def know(self, chain: str, records: Sequence[MemberRecord]) -> None:
        """Let exactly these members of ``chain`` in from now on, apart from this node; the others' connections end."""
        own = self.identity.public_key
        keyed: dict[bytes, MemberRecord] = {}
        members: dict[bytes, bytes] = {}
        for record in records:
            tls = decode_certificate_key(bytes.fromhex(record.certificate))
            if tls != own and tls not in members:
                key = bytes.fromhex(record.key)
                keyed[key], members[tls] = record, key
        with self._lock:
            hosted = self._hosted(chain)
            hosted.records, hosted.members = keyed, members
            hosted.keys = {key: tls for tls, key in members.items()}
        self._soon(self._apply)

    def greet(self, chain: str) -> None:
        """Send a new hello to every member of ``chain`` that is connected: the greeting has changed."""
        self._soon(lambda: self._greet_all(chain, answer=False))

    def send(self, chain: str, key: bytes, kind: Kind, body: bytes) -> bool:
        """Queue a message to a member; False when it is not connected or too much waits."""
        connection = self._connection(chain, key)
        return connection is not None and connection.queue(chain, kind, body)

    def broadcast(self, chain: str, kind: Kind, body: bytes) -> int:
        """Queue a message to every member that is connected; to how many it was."""
        return sum(self.send(chain, key, kind, body) for key in self.connected(chain))

    def ask(self, chain: str, key: bytes, kind: Kind, body: bytes, timeout_s: float) -> Future[bytes]:
        """Send a request; the future has the answer's body, or an error as :meth:`request` raises.

        Its callbacks run on the route's thread: they must be quick.
        """
        connection = self._connection(chain, key)
        if connection is not None:
            return connection.ask(chain, kind, body, timeout_s)
        future: Future[bytes] = Future()
        future.set_exception(UnavailableError(Code.NODE_UNREACHABLE, reason="not connected"))
        return future

    def request(self, chain: str, key: bytes, kind: Kind, body: bytes, timeout_s: float) -> bytes:
        """Ask a member and wait.

        Raises:
            UnavailableError: ``NODE_UNREACHABLE``, ``TIMED_OUT``.
            RefusedError: what the other side answered.
        """
        return self.ask(chain, key, kind, body, timeout_s).result()

    def connected(self, chain: str) -> list[bytes]:
        """Keys of the members of ``chain`` that can be sent to, sorted."""
        hosted = self._chains.get(chain)
        return [] if hosted is None else sorted(key for key in hosted.keys if self._connection(chain, key) is not None)

    def peers(self, chain: str) -> list[PeerStatus]:
        """How every known member of ``chain`` stands, sorted by key."""
        hosted = self._chains.get(chain)
        return [] if hosted is None else [self._status(chain, hosted, key) for key in sorted(hosted.keys)]

    def expel(self, chain: str, key: bytes, reason: str) -> None:
        """End the connection with a member that costs too much; it is let in again as after a break of the protocol."""
        connection = self._connection(chain, key)
        if connection is not None:
            error = DecodingError(Code.PEER_PROTOCOL, reason=reason)
            self._soon(lambda: None if connection.lost else self._links.violated(connection, error))

    def refused(self) -> dict[str, int]:
        """What was turned away since the start, by reason.

        ``handshake``: no TLS 1.3 with a known key; ``unknown``: known no more; ``shut``: came back too soon after
        breaking the protocol; ``protocol``: broke it; ``chain``: spoke on a chain that it is not known on; ``crowd``:
        gave way to others that wanted to connect; ``silent``, ``slow``: given up; ``message``: refused by its handler;
        ``rate``: requests and messages above what a member may send; ``false``: signatures and certificates that do not
        hold.
        """
        with self._lock:
            return dict(self._refused)

    # -- called by the links, on the loop ------------------------------------------------------------------------

    def opened(self, connection: PeerConnection) -> None:
        """A known node is connected: greet it on the chains that it is known on."""
        self._match(connection, late=False)

    def took(self, connection: PeerConnection, frame: Frame) -> None:
        """A frame came: hellos are taken here, everything else is the handler's."""
        head = frame.head
        hosted = self._chains.get(head.chain)
        key = None if hosted is None else hosted.members.get(connection.public_key)
        if hosted is None or key is None:
            self.counted("chain")
            self._decline(connection, frame)
        elif head.kind is Kind.HELLO and not head.request:
            self._greeted(connection, hosted, key, frame)
        elif head.chain not in connection.greeted:
            self.counted("chain")
            self._decline(connection, frame)
        else:
            self._hand_on(connection, hosted, key, frame)

    def closed(self, connection: PeerConnection) -> None:
        """A connection is gone: tell the chains that it carried."""
        for chain in sorted(connection.greeted):
            self._tell_gone(connection, chain)

    def counted(self, reason: str) -> None:
        """Something was turned away, for one of the reasons of :meth:`refused`. Any thread may call."""
        with self._lock:
            self._refused[reason] += 1

    def reported(self, code: Code, reason: str) -> None:
        """Tell the operator, unless that was done a moment ago; then with how many were not told."""
        left_out = self._reports.told(code.name, self._loop.time())
        if self._on_problem is not None and left_out is not None:
            more = f" (+{left_out})" if left_out else ""
            self._on_problem(code, reason[:400] + more)

    # -- the loop's life -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self) -> None:
        self._links.attach(self._loop)
        self._apply()
        await self._links.open(self._listen)

    def _soon(self, call: Callable[[], None]) -> None:
        if self._thread is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(call)

    # -- who is known --------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        """Bring links and hellos to what the chains know."""
        wanted: dict[bytes, MemberRecord] = {}
        for hosted in self._chains.values():
            for tls, key in hosted.members.items():
                record = hosted.records[key]
                if tls not in wanted or wanted[tls].issued < record.issued:
                    wanted[tls] = record
        self._links.want(wanted)
        for connection in list(self._links.connections):
            self._match(connection, late=True)

    def _match(self, connection: PeerConnection, *, late: bool) -> None:
        """Greet on chains where the peer became known; forget those where it is known no more.

        ``late``: the peer's own hello may have come before it was known, so that another is asked for.
        """
        for chain, hosted in self._chains.items():
            if connection.public_key in hosted.members and chain not in connection.hello_sent:
                self._say_hello(connection, chain, answer=late and chain not in connection.greeted)
        for chain in sorted(connection.hello_sent.union(connection.greeted)):
            found = self._chains.get(chain)
            if found is None or connection.public_key not in found.members:
                connection.hello_sent.discard(chain)
                connection.hello_queued.discard(chain)
                if chain in connection.greeted:
                    self._tell_gone(connection, chain)

    # -- hello, keep-alive, handlers -----------------------------------------------------------------------------

    def _say_hello(self, connection: PeerConnection, chain: str, *, answer: bool) -> None:
        """The greeting is the handler's, so it is asked for on a thread of its own."""
        hosted = self._chains[chain]
        connection.hello_sent.add(chain)

        def call() -> None:
            try:
                greeting = hosted.handler.greeting()
            except Exception as error:  # noqa: BLE001 - a fault of one chain's handler must not stop the route
                self._fault(error)
                return
            hello = Hello(VERSIONS, hosted.genesis, self._clock(), answer, greeting)
            if connection.queue(chain, Kind.HELLO, encode_hello(hello)):
                connection.hello_queued.add(chain)

        self._dispatcher.submit(connection.lanes[0], call)

    def _greet_all(self, chain: str, *, answer: bool) -> None:
        for connection in list(self._links.connections):
            if chain in connection.hello_sent and chain in self._chains:
                self._say_hello(connection, chain, answer=answer)

    def _greeted(self, connection: PeerConnection, hosted: _Hosted, key: bytes, frame: Frame) -> None:
        chain = frame.head.chain
        try:
            hello = decode_hello(frame.body)
            version = choose_version(hello.versions)
        except DecodingError as error:
            self._links.violated(connection, error)
            return
        if hello.genesis != hosted.genesis:
            self.counted("chain")
            self.reported(Code.PEER_PROTOCOL, f"{self._name(connection.public_key)}: another genesis of {chain}")
            return
        connection.version = version
        connection.greeted_once = True
        if hello.answer:
            self._say_hello(connection, chain, answer=False)
        first = chain not in connection.greeted
        connection.greeted[chain] = key
        handler = hosted.handler

        def call() -> None:
            if first:
                handler.connected(key)
            handler.received(key, Kind.HELLO, hello.greeting)

        self._submit(connection, 0, call, frame)

    def _hand_on(self, connection: PeerConnection, hosted: _Hosted, key: bytes, frame: Frame) -> None:
        head, handler = frame.head, hosted.handler
        if not head.request:
            lane = 1 if head.kind is Kind.TRANSACTIONS else 0
            self._submit(connection, lane, lambda: handler.received(key, head.kind, frame.body), frame)
            return

        def call() -> None:
            refused = False
            try:
                answer = handler.requested(key, head.kind, frame.body)
            except GovChainError as error:
                refused, answer = True, int(error.code).to_bytes(2, "big")
            except Exception as error:
                refused, answer = True, int(Code.INTERNAL).to_bytes(2, "big")
                connection.queue(head.chain, head.kind, answer, -head.request, refused=True)
                raise error from None
            if not connection.queue(head.chain, head.kind, answer, -head.request, refused=refused):
                code = int(Code.POOL_FULL).to_bytes(2, "big")
                connection.queue(head.chain, head.kind, code, -head.request, refused=True)

        lane = 1 if head.kind is Kind.TRANSACTIONS else 3 if head.kind is Kind.TUNNEL else 2
        self._submit(connection, lane, call, frame)

    def _submit(self, connection: PeerConnection, lane: int, call: Callable[[], None], frame: Frame) -> None:
        """Run ``call`` on a handler's thread; until then its bytes count as waiting."""
        size = len(frame.body) + 256
        connection.keep(size)

        def run() -> None:
            try:
                call()
            except DecodingError as error:
                broken = error
                self._soon(lambda: self._links.violated(connection, broken))
            except GovChainError:
                self.counted("message")
            except Exception as error:  # noqa: BLE001 - a fault of one chain's handler must not stop the route
                self._fault(error)
            finally:
                self._soon(lambda: connection.handled(size))

        self._dispatcher.submit(connection.lanes[lane], run)

    def _tell_gone(self, connection: PeerConnection, chain: str) -> None:
        key = connection.greeted.pop(chain)
        hosted = self._chains.get(chain)
        if hosted is not None:
            handler = hosted.handler
            self._dispatcher.submit(connection.lanes[0], lambda: handler.disconnected(key))

    def _decline(self, connection: PeerConnection, frame: Frame) -> None:
        """Nobody here listens to that: a request is answered so."""
        if frame.head.request:
            code = int(Code.CHAIN_WRONG).to_bytes(2, "big")
            connection.queue(frame.head.chain, frame.head.kind, code, -frame.head.request, refused=True)

    def _fault(self, error: Exception) -> None:
        """A handler failed: tell of it, from whichever thread."""
        reason = f"{type(error).__name__}: {error}"
        self._soon(lambda: self.reported(Code.INTERNAL, reason))

    # -- small things --------------------------------------------------------------------------------------------

    def _hosted(self, chain: str) -> _Hosted:
        hosted = self._chains.get(chain)
        if hosted is None:
            raise UsageError(Code.USAGE, reason=f"chain {chain} is not hosted")
        return hosted

    def _connection(self, chain: str, key: bytes) -> PeerConnection | None:
        """The connection over which a member hears ``chain``; read without a lock, so that it may just have ended."""
        hosted = self._chains.get(chain)
        tls = None if hosted is None else hosted.keys.get(key)
        remote = None if tls is None else self._links.remotes.get(tls)
        connection = None if remote is None else remote.connection
        if connection is None or chain not in connection.greeted or chain not in connection.hello_queued:
            return None
        return connection

    def _status(self, chain: str, hosted: _Hosted, key: bytes) -> PeerStatus:
        record = hosted.records[key]
        remote = self._links.remotes.get(hosted.keys[key])
        connected = self._connection(chain, key) is not None
        traffic = Traffic() if remote is None else remote.traffic
        return PeerStatus(
            key=key,
            name=record.name,
            address=record.addresses.peers,
            connected=connected,
            bytes_in=traffic.bytes_in(chain),
            bytes_out=traffic.bytes_out(chain),
            rtt_ms=None if remote is None or not connected else remote.rtt_ms,
            clock_offset_ms=None if remote is None or not connected else remote.clock_offset_ms,
            connected_since=None if remote is None or not connected else remote.since,
            problem="" if remote is None or connected else remote.problem,
        )

    def _name(self, public_key: bytes) -> str:
        for hosted in self._chains.values():
            key = hosted.members.get(public_key)
            if key is not None:
                return hosted.records[key].name
        return "?"
