"""Members of a raft chain in one process, each with its own etcd process on loopback."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Self

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govchain.consensus import Certifier, FinalitySignature, LedgerApplication, Pool, Ticket
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.etcd import EtcdEngine, EtcdMember, EtcdOptions, EtcdTuning, KeeperLimits
from govchain.consensus.etcd.client import EtcdClient
from govchain.consensus.etcd.order import OrderLog, TipState
from govchain.consensus.etcd.records import BlockRecord, Keys
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import Clock, FetchedBlock
from govchain.crypto import BatchVerifier, get_suite
from govchain.ledger import build_machine
from govchain.model import Code
from govchain.model.wire import GenesisMember
from govchain.state import MemoryStore, Store
from tests.consensus.kit import PATIENCE_S, wait_until
from tests.ledger.kit import CHAIN, CREATED, Kit, TestAccount, new_account, put

#: Elections fast enough for tests, slow enough for a busy machine.
TUNING = EtcdTuning(heartbeat_ms=50, election_ms=500, call_s=3.0, apart_s=1.5)
_BASE = CREATED + 1_000 - int(monotonic() * 1000)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class RaftKit(Kit):
    """A chain under rule raft with several members, and a number of others who may join."""

    def __init__(self, members: int = 3, others: int = 0, **changes: object) -> None:
        super().__init__(**changes)
        self.people = sorted((new_account() for _ in range(members)), key=lambda account: account.key)
        self.people += [new_account() for _ in range(others)]
        self.founders = members
        self.tls = [ec.generate_private_key(ec.SECP256R1()) for _ in self.people]
        self.ports = free_ports(len(self.people))
        suite = get_suite(self.suite)
        entries = tuple(
            GenesisMember(
                account.algorithm, account.key.hex(), f"node-{number}", self.organisations[0],
                tls=suite.digest(self.tls_key(number)).hex(),
            )
            for number, account in enumerate(self.people[:members])
        )  # fmt: skip
        self.genesis = msgspec.structs.replace(self.genesis, rule="raft", members=entries)
        self.machine = build_machine(
            self.genesis,
            self.modules,
            {module.name: "00" * 32 for module in self.modules},
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
        )

    def tls_key(self, number: int) -> bytes:
        """A member's TLS public key."""
        return self.tls[number].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def etcd_member(self, number: int) -> EtcdMember:
        """A member as its etcd knows it."""
        return EtcdMember(
            self.people[number].key, f"node-{number}", f"127.0.0.1:{self.ports[number]}", self.tls_key(number)
        )


class Hands:
    """Two clocks that go on by themselves; a test may set the wall clock ahead."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def wall(self) -> int:
        return _BASE + int(monotonic() * 1000) + self.ahead_ms

    def clock(self) -> Clock:
        return Clock(self.wall, lambda: int(monotonic() * 1000))


class Mesh:
    """Carries signatures between members of one process, and serves blocks from their stores."""

    def __init__(self) -> None:
        self.members: list[RaftNode] = []

    def publish(self, signature: FinalitySignature) -> None:
        for member in self.members:
            if member.key != signature.key:
                member.application.finality.add(signature)

    def fetch(self, height: int) -> FetchedBlock | None:
        for member in list(self.members):
            blocks = member.application.blocks
            certificate = blocks.certificate(height)
            if certificate is not None:
                return FetchedBlock(blocks.header(height), tuple(blocks.envelopes(height)), certificate)
        return None


class RaftNode:
    """One member: store, pool, application, engine. A restart is a new one over the same store and folder."""

    def __init__(
        self,
        kit: RaftKit,
        number: int,
        folder: Path,
        mesh: Mesh,
        *,
        store: Store | None = None,
        hands: Hands | None = None,
        members: Callable[[], Sequence[EtcdMember]] | None = None,
        source: bool = True,
        limits: KeeperLimits | None = None,
        tuning: EtcdTuning = TUNING,
        **options: object,
    ) -> None:
        self.kit, self.number, self.folder, self.mesh = kit, number, folder, mesh
        self.store = MemoryStore() if store is None else store
        self.hands = hands or Hands()
        account: TestAccount = kit.people[number]
        self.key = account.key
        self.pool = Pool()
        self.application = LedgerApplication(
            kit.machine, self.store, self.pool, self.hands.wall, Certifier(kit.machine.suite, account.signer)
        )
        if self.application.info().app_hash == b"":
            self.application.init_chain()
        self.application.finality.route = mesh
        self.problems: list[tuple[Code, str]] = []
        self.notices: list[tuple[Code, str]] = []
        founders = tuple(kit.etcd_member(each) for each in range(kit.founders))
        self.options = EtcdOptions(
            chain=CHAIN,
            fingerprint=kit.machine.fingerprint,
            suite=kit.machine.suite,
            folder=folder / f"node-{number}" / "engine",
            binary=find_engine("etcd", os.environ),
            member=account.key,
            listen=f"127.0.0.1:{kit.ports[number]}",
            tls_key=kit.tls[number],
            members=members or (lambda: founders),
            founding=number < kit.founders,
            limits=limits or KeeperLimits(beacon_ms=1_000),
            tuning=tuning,
            **options,
        )
        # A client of its etcd, as someone beside the engine has it.
        self.client = EtcdClient(self.options.folder / "http.sock", timeout_s=5)
        self.keys = Keys(CHAIN, kit.machine.fingerprint, 1)
        self.log = OrderLog(self.client, self.keys, kit.machine.suite)
        self.state = OrderingState(on_halt=lambda code, reason: self.problems.append((code, reason)))
        self.engine = EtcdEngine(
            self.application, self.pool, self.options, self.hands.clock(), None, self.state,
            source=mesh if source else None,
            on_certificate=self.application.finality.add_certificate,
            on_notice=lambda code, reason: self.notices.append((code, reason)),
        )  # fmt: skip

    @property
    def height(self) -> int:
        return self.application.chain.height

    @property
    def pid(self) -> int | None:
        """The etcd process's id."""
        return self.engine.pid

    def submit(self, *envelopes: bytes) -> tuple[list[Code], Ticket]:
        ticket = Ticket(len(envelopes))
        return self.pool.add_many(self.application.check_tx(envelopes), ticket), ticket

    def put(self, count: int = 1, *, timeout_s: float = PATIENCE_S) -> list[Code]:
        """Submit records and wait; the codes of their receipts."""
        codes, ticket = self.submit(*(self.record() for _ in range(count)))
        assert codes == [Code.OK] * count, codes
        assert ticket.wait(timeout_s), (self.engine.status(), self.problems, self.notices)
        return [outcome.code for outcome in ticket.outcomes]

    def record(self) -> bytes:
        return put(self.kit.department, expires=self.hands.wall() + 300_000)

    def identities(self) -> list[bytes]:
        """Block identities from 1 to the head."""
        blocks, height = self.application.blocks, self.height
        found = [blocks.identity_after(number) for number in range(1, height)]
        return [*found, self.application.chain.identity] if height else []

    def stop(self, *, drain: bool = False) -> None:
        self.engine.stop(drain=drain)
        self.application.close()
        self.client.close()

    def record_after(self, at: TipState, content: bytes, **changes: object) -> BlockRecord:
        """The record of a block with this content after ``at``, as this member would propose it."""
        info = self.application.info()
        chunks, total = self.log.describe(at, content)
        record = BlockRecord(
            at.height + 1, self.hands.wall(), self.key, at.tip.digest, info.ledger_height, info.app_hash, False,
            chunks, len(content), total,
        )  # fmt: skip
        return msgspec.structs.replace(record, **changes)

    def wait_problem(self, *codes: Code | None) -> None:
        """Until its status shows one of the codes."""
        wait_until(lambda: self.engine.status().problem in codes, f"{codes} of node {self.number}")

    def wait_certificates(self) -> None:
        """Until its newest block is certified."""
        wait_until(lambda: self.application.certified_height == self.height, f"certificates of node {self.number}")

    def kill_engine(self) -> int:
        """kill -9 of its etcd."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid


class Net:
    """Several members, started together and stopped together."""

    def __init__(self, folder: Path, *, kit: RaftKit | None = None, **options: object) -> None:
        self.kit = kit or RaftKit()
        self.folder = folder
        self.mesh = Mesh()
        self.options = options
        self.nodes = [RaftNode(self.kit, number, folder, self.mesh, **options) for number in range(self.kit.founders)]
        self.mesh.members.extend(self.nodes)

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.stop()  # one after the other: an etcd that leads hands over, and tries for long when all leave at once

    def again(self, number: int, *, start: bool = True, **changes: object) -> RaftNode:
        """A member after a stop, over the same store and folder."""
        old = self.nodes[number]
        options = {"store": old.store, **self.options, **changes}
        node = RaftNode(self.kit, number, self.folder, self.mesh, **options)
        self.nodes[number] = node
        self.mesh.members[self.mesh.members.index(old)] = node
        if start:
            node.engine.start()
        return node

    def leader(self) -> RaftNode:
        """The member whose etcd leads."""
        for node in self.nodes:
            state = node.client.state()
            if state.leader == state.identifier:
                return node
        raise AssertionError("no leader")

    def settle(self, height: int | None = None, nodes: Sequence[RaftNode] | None = None) -> None:
        """Wait until all have the same height, and assert that their blocks are the same."""
        nodes = self.nodes if nodes is None else nodes
        wanted = max(node.height for node in nodes) if height is None else height
        pause = threading.Event()
        deadline = monotonic() + PATIENCE_S
        while any(node.height < wanted for node in nodes) and monotonic() < deadline:
            pause.wait(0.02)
        said = [(node.height, node.engine.status(), node.problems, node.notices) for node in nodes]
        assert all(node.height >= wanted for node in nodes), said
        first = nodes[0].identities()[:wanted]
        for node in nodes[1:]:
            assert node.identities()[:wanted] == first
