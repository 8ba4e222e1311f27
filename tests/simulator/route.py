"""The node-to-node route: the real exchange of signatures and transactions over the simulated network, without threads.

Purpose: drive :mod:`govchain.consensus.exchange` by its own turns. What is a thread there is an event here, what is a
connection there is that two processes run and reach each other, and a request that waits is answered at once or not.
Not here: bytes on a wire (``peers`` has its own tests).
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from govchain.consensus import FinalitySignature
from govchain.consensus.exchange.budget import PeerBudget
from govchain.consensus.exchange.forwarding import Forwarder, ForwardingOptions
from govchain.consensus.exchange.signatures import SignatureExchange
from govchain.consensus.messages import (
    Preparing,
    SignatureMessage,
    decode_message,
    encode_message,
    signature_of,
)
from govchain.model import Code, GovChainError, UnavailableError
from govchain.peers import Kind
from tests.simulator.chain import CHAIN

if TYPE_CHECKING:
    from tests.simulator.replica import Process, Replica

#: How long a question waits for its answer (ms of model time).
ANSWER_MS = 4_000


class Connections:
    """What the exchange sees of the network: members by key, connected while both run and reach each other."""

    def __init__(self, process: Process) -> None:
        self.process, self.simulation = process, process.simulation
        self.asked: dict[int, Future[bytes]] = {}
        self._next = 0

    def replica_of(self, key: bytes) -> Replica:
        """Whose key it is, or was."""
        return next(one for one in self.simulation.replicas if key.hex() in one.member_keys)

    def connected(self, chain: str) -> list[bytes]:
        """Keys of the members that can be sent to."""
        own = self.process.replica
        reachable = (
            one
            for one in self.simulation.replicas
            if one is not own and one.process is not None and self.simulation.network.reaches(own.number, one.number)
        )
        return sorted(one.member.public_key for one in reachable)

    def broadcast(self, chain: str, kind: Kind, body: bytes) -> int:
        """A message to everybody connected."""
        keys = self.connected(chain)
        for key in keys:
            self.process.tell(self.replica_of(key).number, "peer", kind, body)
        return len(keys)

    def ask(self, chain: str, key: bytes, kind: Kind, body: bytes, timeout_s: float) -> Future[bytes]:
        """A question whose answer comes later, or never."""
        future: Future[bytes] = Future()
        if key not in self.connected(chain):
            future.set_exception(UnavailableError(Code.NODE_UNREACHABLE, reason="not connected"))
            return future
        self._next += 1
        self.asked[self._next] = future
        self.process.tell(self.replica_of(key).number, "ask", self._next, kind, body)
        self.process.later(ANSWER_MS, self.answered, self._next, None)
        return future

    def answered(self, number: int, answer: bytes | None) -> None:
        """An answer, or the end of waiting for it."""
        future = self.asked.pop(number, None)
        if future is None:
            return
        if answer is None:
            future.set_exception(UnavailableError(Code.TIMED_OUT))
        else:
            future.set_result(answer)
        self.process.route.soon()

    def counted(self, reason: str) -> None:
        """Something of a peer was refused."""
        self.simulation.refused[reason] += 1

    def expel(self, chain: str, key: bytes, reason: str) -> None:
        """A liar's connection would end; never an honest one's.

        Here it goes on: who may send without end is the harder one to bear.
        """
        other = self.replica_of(key)
        assert other.byzantine, f"{self.process.replica.name} ends the connection of {other.name}: {reason}"

    def request(self, chain: str, key: bytes, kind: Kind, body: bytes, timeout_s: float) -> bytes:
        """A question that is waited for: answered at once by whoever is there, or lost."""
        other, network = self.replica_of(key), self.simulation.network
        lost = kind.name.lower() in network.muted or self.simulation.dice.random() < network.faults.drop
        if lost or key not in self.connected(chain) or other.process is None:
            raise UnavailableError(Code.TIMED_OUT)
        return other.process.route.requested(self.process.replica.number, kind, body)


class Route:
    """One process's side of the route; a :class:`govchain.consensus.SignatureRoute` and ``ProposalRoute``."""

    KINDS = frozenset({"peer", "ask", "told"})

    def __init__(self, process: Process) -> None:
        self.process, self.simulation = process, process.simulation
        self.net: Any = Connections(process)
        replica, application = process.replica, process.application
        steady = self._steady_s
        options = ForwardingOptions(copies=1 + replica.number % 3, patience_ms=1_000)
        budget = PeerBudget(CHAIN, self.net, steady=steady)
        self.signatures = SignatureExchange(CHAIN, application, self.net, replica.clock, budget, steady)
        key = replica.member.public_key
        self.forwarder = Forwarder(CHAIN, key, application, process.pool, self.net, replica.clock, options, steady)
        self._known: dict[bytes, int] = {}
        process.pool.on_arrival = self._arrived

    def publish(self, signature: FinalitySignature) -> None:
        """Push this member's own signature."""
        replica = self.process.replica
        replica.check_signature(signature)
        if replica.liar is not None:
            replica.liar.publish(self.process, signature)
        else:
            self.signatures.publish(signature)

    def announce(self, engine_height: int, bytes_max: int) -> None:
        """Ask the others for what they hold."""
        self.net.broadcast(CHAIN, Kind.PREPARING, encode_message(Preparing(engine_height, bytes_max)))

    def tick(self) -> None:
        """Follow who is connected, forward, and ask somebody for what is missing."""
        self._follow()
        self.forwarder.turn()
        keys = self.net.connected(CHAIN)
        if keys:
            self.signatures.pull(self.simulation.dice.choice(keys))
        if self.process.replica.liar is not None:
            self.process.replica.liar.tick(self.process)

    def soon(self) -> None:
        """A turn of what would be the exchange's thread."""
        self.process.later(self.simulation.dice.randint(1, 10), self.forwarder.turn)

    def receive(self, source: int, kind: str, *content: Any) -> None:
        """A message of another node's route. What it refuses costs the sender its message and this node nothing."""
        try:
            if kind == "peer":
                self._hear(source, *content)
            elif kind == "ask":
                number, asked, body = content
                self.process.tell(source, "told", number, self.requested(source, asked, body))
            else:
                self.net.answered(*content)
        except GovChainError as error:
            self.simulation.refused[error.code.name] += 1

    def requested(self, source: int, kind: Kind, body: bytes) -> bytes:
        """The answer to a question."""
        if kind is Kind.SIGNATURES:
            liar = self.process.replica.liar
            answer = self.signatures.answer(body)
            return answer if liar is None else liar.answer(self.process, body, answer)
        assert kind is Kind.TRANSACTIONS
        before = len(self.process.pool)
        codes = self.forwarder.take(self.simulation.replicas[source].member.public_key, body)
        if len(self.process.pool) > before:
            self.process.engine.work_arrived()
            self.soon()
        return codes

    def _hear(self, source: int, kind: Kind, body: bytes) -> None:
        if kind is Kind.SIGNATURES:
            codes = self.signatures.take(self.simulation.replicas[source].member.public_key, body)
            message = decode_message(body, SignatureMessage)
            for row, code in zip(message.signatures if codes else (), codes, strict=True):
                self.simulation.heard(self.process.replica, signature_of(row), code)
        elif kind is Kind.PREPARING:
            self.forwarder.invited(self.simulation.replicas[source].member.public_key, decode_message(body, Preparing))
            self.soon()
        else:
            self.requested(source, kind, body)

    def _arrived(self, transactions: Any) -> None:
        self.forwarder.arrived(transactions)
        self.soon()

    def _follow(self) -> None:
        present = {key: self.net.replica_of(key).crashes for key in self.net.connected(CHAIN)}
        for key in self._known.keys() - present.keys():
            self.forwarder.disconnected(key)
        for key, run in sorted(present.items()):
            if self._known.get(key) != run:
                self.forwarder.connected(key, run)
        self._known = present

    def _steady_s(self) -> float:
        return self.simulation.schedule.now / 1000
