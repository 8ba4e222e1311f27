"""Members with keys of their own, a handler that remembers, and networks on loopback that end with the test."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import govchain_native as native
from govchain.crypto import SigningKey
from govchain.model import GovChainError
from govchain.peers import Kind, PeerIdentity, PeerLimits, PeerNetwork
from govchain.proof.members import MemberAddresses, MemberRecord, build_member_record
from tests.ledger.kit import CREATED, ORGANISATIONS

CHAIN = "test-chain"
GENESIS = bytes(range(32))
#: Seconds that a test waits for something that must happen, before it fails.
PATIENCE_S = 60.0
#: Quick enough for tests, on a machine that others use too.
LIMITS = PeerLimits(
    ping_s=0.2, silence_s=3.0, handshake_s=3.0, redial_s_min=0.02, redial_s_max=0.2, courtesy_s=1.5, penalty_s=0.3
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def free_port(family: int = socket.AF_INET) -> int:
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@dataclass
class Handler:
    """Remembers what came; answers requests with ``answer``."""

    answer: Callable[[bytes, Kind, bytes], bytes] = lambda peer, kind, body: body
    take: Callable[[bytes, Kind, bytes], None] | None = None
    hello: bytes = b"greeting"
    heard: list[tuple[bytes, Kind, bytes]] = field(default_factory=list)
    events: list[tuple[str, bytes]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def greeting(self) -> bytes:
        return self.hello

    def connected(self, peer: bytes) -> None:
        self._note(self.events, ("connected", peer))

    def disconnected(self, peer: bytes) -> None:
        self._note(self.events, ("disconnected", peer))

    def received(self, peer: bytes, kind: Kind, body: bytes) -> None:
        if self.take is not None:
            self.take(peer, kind, body)
        self._note(self.heard, (peer, kind, body))

    def requested(self, peer: bytes, kind: Kind, body: bytes) -> bytes:
        return self.answer(peer, kind, body)

    def _note(self, where, what) -> None:
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def of(self, kind: Kind) -> list[bytes]:
        return [body for _, found, body in list(self.heard) if found is kind]

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), what


@dataclass
class Member:
    """A node-to-be: keys, an address, and a record of both."""

    name: str = "node"
    address: str = ""
    organisation: str = ORGANISATIONS[0]
    signer: SigningKey = field(default_factory=lambda: SigningKey("sm2-sm3", native.sm2_generate()))
    identity: PeerIdentity = field(default_factory=lambda: PeerIdentity.generate("node"))
    issued: int = CREATED

    def __post_init__(self) -> None:
        self.address = self.address or f"127.0.0.1:{free_port()}"

    @property
    def key(self) -> bytes:
        return self.signer.public_key

    def at(self, address: str) -> MemberRecord:
        """The record that names another address, issued later."""
        return replace(self, address=address, issued=self.issued + 1).record()

    def record(self, chain: str = CHAIN) -> MemberRecord:
        return build_member_record(
            self.signer,
            chain=chain,
            name=self.name,
            organisation=self.organisation,
            organisation_name="机构",
            certificate=self.identity.certificate,
            addresses=MemberAddresses("", "", self.address),
            issued=self.issued,
        )


@dataclass
class Node:
    """A member's network with one handler for each chain."""

    member: Member
    network: PeerNetwork
    handlers: dict[str, Handler]
    problems: list[tuple[object, str]]

    @property
    def handler(self) -> Handler:
        return self.handlers[CHAIN]

    @property
    def key(self) -> bytes:
        return self.member.key


@contextlib.contextmanager
def running(
    member: Member,
    known: Sequence[MemberRecord],
    *,
    limits: PeerLimits = LIMITS,
    handler: Handler | None = None,
    genesis: bytes = GENESIS,
    chains: Sequence[str] = (CHAIN,),
    clock: Callable[[], int] = now_ms,
) -> Iterator[Node]:
    """A member's network, known to it ``known``, on each of ``chains``."""
    problems: list[tuple[object, str]] = []
    network = PeerNetwork(
        member.identity,
        member.address,
        clock=clock,
        on_problem=lambda code, reason: problems.append((code, reason)),
        limits=limits,
    )
    handlers = {chain: handler or Handler() for chain in chains}
    for chain in chains:
        network.host(chain, handlers[chain], genesis=genesis)
        network.know(chain, known)
    network.start()
    try:
        yield Node(member, network, handlers, problems)
    finally:
        network.stop()


@contextlib.contextmanager
def mesh(count: int, **options) -> Iterator[list[Node]]:
    """Nodes that know each other, all connected."""
    members = [Member(name=f"node-{number}") for number in range(1, count + 1)]
    records = [member.record() for member in members]
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(running(member, records, **options)) for member in members]
        for node in nodes:
            wait_connected(node, [other.key for other in nodes if other is not node])
        settle(nodes)
        yield nodes


def settle(nodes: Sequence[Node]) -> None:
    """Wait until every connection answers in both directions: none gives way to another any more."""

    def answered(one: Node, other: Node) -> bool:
        try:
            return one.network.request(CHAIN, other.key, Kind.SNAPSHOT, b"settle", 5) is not None
        except GovChainError:
            return False

    for one in nodes:
        for other in nodes:
            if one is not other:
                wait_until(lambda one=one, other=other: answered(one, other), "an answer", pause_s=0.05)


def wait_connected(node: Node, keys: Sequence[bytes], chain: str = CHAIN) -> None:
    wait_until(lambda: node.network.connected(chain) == sorted(keys), f"{node.member.name} is connected")


def wait_until(
    condition: Callable[[], bool], what: str, seconds: float = PATIENCE_S, *, pause_s: float = 0.005
) -> None:
    """Wait for what another thread brings about."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        pause.wait(pause_s)
