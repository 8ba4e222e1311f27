"""One chain's side of the route between nodes: hears, answers, sends, and completes what is missing.

Purpose: puts together forwarding, signatures, blocks, snapshots, tunnel and membership of one chain on one node, behind
the ports that others know: the route of signatures, the route of proposals, the source of blocks. Rules: what comes is
handled on the route's threads and verified where it is used; one thread of its own forwards, another pulls. Nothing
here stops because of what a peer sends. Not here: each of the parts; who makes the network and ends it (``node``).

Example::

    exchange = PeerExchange(network, application, pool, clock=now_ms, own_key=signer.public_key, own_record=record)
    exchange.start()
    engine = CometEngine(application, pool, options, clock, route=exchange)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from govchain.consensus.application import LedgerApplication
from govchain.consensus.disagreement import FinalitySignature
from govchain.consensus.exchange.blocks import BlockExchange
from govchain.consensus.exchange.budget import BudgetLimits, PeerBudget
from govchain.consensus.exchange.forwarding import Forwarder, ForwardingOptions
from govchain.consensus.exchange.joining import PeersJoinRoute
from govchain.consensus.exchange.measures import Propagation
from govchain.consensus.exchange.membership import Membership
from govchain.consensus.exchange.signatures import SignatureExchange
from govchain.consensus.exchange.tunnel import EngineTunnel
from govchain.consensus.joining import SnapshotServer
from govchain.consensus.messages import Greeting, Preparing, decode_message, encode_message
from govchain.consensus.pool import Pool
from govchain.consensus.ports import FetchedBlock
from govchain.ledger import ExecutedBlock
from govchain.model import Code, RefusedError, UnavailableError
from govchain.peers import Kind, PeerNetwork, PeerStatus
from govchain.peers.records import ExpectedMember, RecordBook
from govchain.proof.members import MemberRecord

__all__ = ["ExchangeOptions", "FurtherChains", "PeerExchange", "PeerView"]

#: Seconds between two looks at what is missing.
_PULL_S: Final = 1.0
#: Seconds between two greetings of everybody: how far this node is keeps others from pruning what it needs.
_GREET_S: Final = 30.0


def _nobody_hears(_code: Code, _reason: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ExchangeOptions:
    """What an operator decides.

    ``records``: where other members' records lie, or None. ``members``: whom to let in before there is a state, beside
    the members of genesis. ``software``: told to others. ``budget``: what each peer may cost this node.
    """

    forwarding: ForwardingOptions = field(default_factory=ForwardingOptions)
    records: Path | None = None
    members: tuple[ExpectedMember, ...] = ()
    software: str = ""
    budget: BudgetLimits = field(default_factory=BudgetLimits)


@dataclass(frozen=True, slots=True)
class PeerView:
    """One known member: how it is connected, the newest ledger height it spoke of, and its software as it says."""

    status: PeerStatus
    height: int
    software: str


class FurtherChains(Protocol):
    """Chains that this node hosts beside the one of the exchange: their members find each other by its greetings."""

    def own_records(self) -> tuple[bytes, ...]:
        """This node's member records for them, at most 64 KiB together."""

    def offered(self, peer: bytes, records: tuple[bytes, ...]) -> None:
        """What a member told of its own; must be quick and must not raise."""


class PeerExchange:
    """See the module; any thread may call. ``further`` is set by whoever hosts other chains beside this one.

    Args:
        network: the node's, started or not.
        application: of the chain; its finality gets this exchange as its route.
        pool: the application's.
        clock: ms since 1970.
        own_key: this node's member key.
        own_record: what it tells others of itself; None on a node that only listens to members.
        options: see :class:`ExchangeOptions`.
        engine: puts a JSON-RPC body to this node's engine; None where there is none.
        on_problem: hears of faults that stop nothing; must be quick and must not raise.
    """

    def __init__(
        self,
        network: PeerNetwork,
        application: LedgerApplication,
        pool: Pool,
        *,
        clock: Callable[[], int],
        own_key: bytes,
        own_record: MemberRecord | None = None,
        options: ExchangeOptions | None = None,
        engine: Callable[[bytes], bytes | None] | None = None,
        on_problem: Callable[[Code, str], None] = _nobody_hears,
    ) -> None:
        machine = application.machine
        self.chain = machine.genesis.chain
        self._options = options or ExchangeOptions()
        self._network = network
        self._application = application
        self._on_problem = on_problem
        self.book = RecordBook(machine.suite, self.chain, self._options.records, clock=clock)
        self.membership = Membership(application, network, self.book, own_record)
        self.forwarder = Forwarder(
            self.chain, own_key, application, pool, network, clock, self._options.forwarding, on_problem=on_problem
        )
        self.budget = PeerBudget(self.chain, network, self._options.budget)
        self.signatures = SignatureExchange(self.chain, application, network, clock, self.budget)
        self.blocks = BlockExchange(self.chain, application, network)
        self.joining = PeersJoinRoute(self.chain, network)
        self.tunnel = EngineTunnel(self.chain, network, engine)
        self._snapshot_server = SnapshotServer(application)
        self._lock = threading.Lock()
        self._heard: dict[bytes, tuple[int, str]] = {}
        self._due = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._turn = 0
        self._run_number = clock()
        self.further: FurtherChains | None = None

    def start(self) -> None:
        """Let members in, take part, and begin to complete what is missing."""
        self._network.host(self.chain, self, genesis=self._application.machine.fingerprint)
        if not self.membership.follow():
            self.membership.expect_genesis(self._options.members)
        self._application.finality.route = self
        self._application.add_listener(self._block_committed)
        self.forwarder.start()
        self._thread = threading.Thread(target=self._run, name="exchange-pull", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take part no longer; the network goes on for other chains."""
        self._stopping = True
        self._due.set()
        self._application.finality.route = None
        self.tunnel.close()
        self._network.drop(self.chain)
        self.forwarder.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # -- the ports of others -------------------------------------------------------------------------------------

    def publish(self, signature: FinalitySignature) -> None:
        """Send this member's own signature to the others."""
        self.signatures.publish(signature)

    def announce(self, engine_height: int, bytes_max: int) -> None:
        """Tell the others that this node is about to propose; they send what they hold."""
        self._network.broadcast(self.chain, Kind.PREPARING, encode_message(Preparing(engine_height, bytes_max)))

    def fetch(self, height: int) -> FetchedBlock | None:
        """The ledger block at ``height`` with its certificate, from whoever has both; None when nobody answers soon."""
        return self.blocks.fetch(height)

    def when_received(self, ids: Sequence[bytes], done: Callable[[int], None], timeout_s: float) -> None:
        """Call ``done`` with how many nodes have each transaction at least; see :class:`Forwarder`."""
        self.forwarder.when_received(ids, done, timeout_s)

    def wait_received(self, ids: Sequence[bytes], timeout_s: float) -> int:
        """How many nodes have each of the transactions at least, once there are enough or the time is over."""
        return self.forwarder.wait_received(ids, timeout_s)

    def peers(self) -> list[PeerView]:
        """The known members other than this node, sorted by key."""
        with self._lock:
            heard = dict(self._heard)
        return [PeerView(status, *heard.get(status.key, (0, ""))) for status in self._network.peers(self.chain)]

    def propagation(self) -> dict[str, Propagation]:
        """How long ``transactions`` and ``signatures`` were on the way here since the start."""
        return {"transactions": self.forwarder.meter.read(), "signatures": self.signatures.meter.read()}

    # -- what the network calls ----------------------------------------------------------------------------------

    def greeting(self) -> bytes:
        """This node's height and the records that it holds."""
        try:
            height, certified = self._application.chain.height, self._application.certified_height
        except UnavailableError:
            height, certified = 0, 0
        records = self.membership.greeting()
        further = () if self.further is None else self.further.own_records()
        return encode_message(Greeting(height, certified, self._run_number, self._options.software, records, further))

    def connected(self, peer: bytes) -> None:
        """A member can be sent to; its greeting follows, and then the forwarder hears of it."""

    def disconnected(self, peer: bytes) -> None:
        """It cannot any more."""
        self.forwarder.disconnected(peer)

    def received(self, peer: bytes, kind: Kind, body: bytes) -> None:
        """Take a message."""
        if kind is Kind.SIGNATURES:
            self.signatures.take(peer, body)
        elif kind is Kind.PREPARING:
            if self.budget.heard(peer, kind):
                self.forwarder.invited(peer, decode_message(body, Preparing))
        elif kind is Kind.TRANSACTIONS:
            self.forwarder.take(peer, body)
        elif kind is Kind.HELLO:
            self._greeted(peer, decode_message(body, Greeting))

    def requested(self, peer: bytes, kind: Kind, body: bytes) -> bytes:
        """Answer a request.

        Raises:
            GovChainError: to refuse it; ``RATE_LIMITED`` when the peer asks too much.
        """
        if kind is Kind.TRANSACTIONS:
            return self.forwarder.take(peer, body)
        self.budget.ask(peer)
        answer = self._answer(kind, body)
        self.budget.answered(peer, len(answer))
        return answer

    # -- inside --------------------------------------------------------------------------------------------------

    def _answer(self, kind: Kind, body: bytes) -> bytes:
        if kind is Kind.SIGNATURES:
            return self.signatures.answer(body)
        if kind is Kind.BLOCKS:
            return self.blocks.answer(body)
        if kind is Kind.SNAPSHOT:
            return self._snapshot_server.answer(body)
        if kind is Kind.TUNNEL:
            return self.tunnel.answer(body)
        raise RefusedError(Code.PEER_PROTOCOL, reason=kind.name.lower())

    def _greeted(self, peer: bytes, greeting: Greeting) -> None:
        with self._lock:
            self._heard[peer] = (greeting.height, greeting.software)
        self.forwarder.connected(peer, greeting.run)
        if self.membership.offer(greeting.records, peer):
            self._network.greet(self.chain)  # news travels on; who has it already says nothing more
        if self.further is not None and greeting.further:
            self.further.offered(peer, greeting.further)
        self._due.set()

    def greet(self) -> None:
        """Tell all members now how far this node is and which records it has."""
        self._network.greet(self.chain)

    def _block_committed(self, block: ExecutedBlock) -> None:
        self.forwarder.block_committed(block)
        if block.next_signers is not block.signers:
            self._due.set()

    def _run(self) -> None:
        """Follow the ledger's members, and pull what is missing from one peer after the other."""
        greeted = monotonic()
        while True:
            self._due.wait(_PULL_S)
            self._due.clear()
            if self._ended():
                return
            if monotonic() - greeted >= _GREET_S:
                greeted = monotonic()
                self._network.greet(self.chain)
            try:
                self.membership.follow()
                if self.membership.look_again():
                    self._network.greet(self.chain)
                self._complete()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may do better
                self._on_problem(Code.INTERNAL, f"{type(error).__name__}: {error}")

    def _complete(self) -> None:
        """Ask one peer after the other for what is missing, until one of them had some; other heights next if none."""
        peers = self._network.connected(self.chain)
        self._turn += 1
        for place in range(len(peers)):
            if self._ended():
                return
            if self.signatures.pull(peers[(self._turn + place) % len(peers)]):
                self._due.set()  # there may be more where this came from
                return
        if peers:
            self.signatures.pass_over()

    def _ended(self) -> bool:
        return self._stopping
