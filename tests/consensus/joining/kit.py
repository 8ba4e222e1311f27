"""A chain of several members in one process, block by block with certificates, and a node that joins it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from govchain.consensus import Certifier, FinalitySignature, LedgerApplication, Pool
from govchain.consensus.joining import SnapshotJoiner, SnapshotServer
from govchain.consensus.joining.fetching import JoinLimits
from govchain.consensus.messages import Ask, decode_message
from govchain.crypto import BatchVerifier
from govchain.ledger import Machine, build_machine
from govchain.model import Code, UnavailableError
from govchain.model.wire import GenesisMember
from govchain.storage import RocksStore
from tests.ledger.kit import CREATED, Kit, TestAccount, new_account, put

LIMITS = {"checkpoint_writes_min": 20, "checkpoint_delay_blocks": 3}


class Chain:
    """Members of one chain: each block is executed by all, and certified when the next engine block comes."""

    def __init__(
        self,
        folder: Path,
        count: int = 4,
        rule: str = "bft",
        *,
        limits: dict[str, int] | None = None,
        kit: Kit | None = None,
    ) -> None:
        self.kit = kit or Kit(limits=LIMITS if limits is None else limits)
        self.folder = folder
        self.signers = sorted((new_account() for _ in range(count)), key=lambda one: one.key)
        members = tuple(
            GenesisMember(one.algorithm, one.key.hex(), f"node-{number}", self.kit.organisations[0])
            for number, one in enumerate(self.signers)
        )
        self.genesis = msgspec.structs.replace(self.kit.genesis, members=members, rule=rule)
        self.machine: Machine = build_machine(
            self.genesis,
            self.kit.modules,
            {module.name: "00" * 32 for module in self.kit.modules},
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
        )
        self.now = CREATED + 1_000
        self.engine_height = 0
        self.nodes = [self.node(f"n{number}", one) for number, one in enumerate(self.signers)]
        for node in self.nodes:
            node.application.init_chain()
            node.application.finality.route = Told(self, node)

    def node(self, name: str, signer: TestAccount | None = None) -> ChainNode:
        return ChainNode(self, self.folder / name, signer)

    def block(self, transactions: int = 5, nodes: list[ChainNode] | None = None) -> None:
        """The next block on every member, then an empty engine block, upon which it is signed."""
        self.now += 1_000
        envelopes = [put(self.kit.department, expires=self.now + 300_000) for _ in range(transactions)]
        for batch in (envelopes, []):
            self.engine_height += 1
            for node in self.nodes if nodes is None else nodes:
                node.run(batch, self.now, self.engine_height)

    def grow(self, blocks: int, transactions: int = 5) -> None:
        for _ in range(blocks):
            self.block(transactions)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


class ChainNode:
    """One node's store and application."""

    def __init__(self, chain: Chain, path: Path, signer: TestAccount | None) -> None:
        self.chain, self.path, self.signer = chain, path, signer
        self.open()

    def open(self) -> None:
        self.store = RocksStore(self.path / "store", checkpoints=self.path / "checkpoints")
        certifier = None if self.signer is None else Certifier(self.chain.machine.suite, self.signer.signer)
        self.application = LedgerApplication(
            self.chain.machine,
            self.store,
            Pool(),
            lambda: self.chain.now,
            certifier,
            snapshots=self.path / "snapshots",
        )
        self.server = SnapshotServer(self.application)

    @property
    def key(self) -> bytes:
        return self.signer.key

    def run(self, envelopes: list[bytes], time: int, engine_height: int) -> None:
        assert self.application.process_proposal(envelopes, time) == Code.OK
        self.application.finalize_block(envelopes, time, engine_height)
        self.application.commit()

    def follow(self, other: ChainNode) -> None:
        """Execute the ledger blocks of another node up to its head, and the engine's height."""
        blocks, own = other.application.blocks, self.application
        for height in range(own.chain.height + 1, other.application.chain.height + 1):
            header = blocks.decoded_header(height)
            self.run(list(blocks.envelopes(height)), header.time, own.chain.engine_height + 1)
            assert own.blocks.header(height) == blocks.header(height)
        assert own.chain.identity == other.application.chain.identity

    def close(self) -> None:
        self.application.close()
        self.store.close()


class Told:
    """Signatures go to every other member at once."""

    def __init__(self, chain: Chain, own: ChainNode) -> None:
        self.chain, self.own = chain, own

    def publish(self, signature: FinalitySignature) -> None:
        for node in self.chain.nodes:
            if node is not self.own:
                node.application.finality.add(signature)


class Route:
    """Asks the members' servers directly; ``alter`` may change an answer, or refuse, for a member's place."""

    def __init__(self, chain: Chain, alter: Callable[[int, Ask, bytes], bytes] | None = None) -> None:
        self.chain, self.alter = chain, alter
        self.asked: list[tuple[int, Ask]] = []

    def connected(self) -> list[bytes]:
        return [node.key for node in self.chain.nodes]

    def ask(self, key: bytes, body: bytes, timeout_s: float) -> bytes:
        (place,) = (number for number, node in enumerate(self.chain.nodes) if node.key == key)
        ask = decode_message(body, Ask)
        self.asked.append((place, ask))
        answer = self.chain.nodes[place].server.answer(body)
        return answer if self.alter is None else self.alter(place, ask, answer)


class Joining:
    """A node of no member that joins, and what it was told."""

    def __init__(self, chain: Chain, folder: Path) -> None:
        self.chain = chain
        self.node = ChainNode(chain, folder, None)
        self.notices: list[str] = []

    def join(self, route: Route, patience_s: float = 0.0):
        limits = JoinLimits(patience_s=patience_s, answer_s=1.0)
        return SnapshotJoiner(self.node.application, route, threading.Event(), self.notices.append, limits).join()

    def left_behind(self) -> list[str]:
        """What lies in the snapshots folder."""
        folder = self.node.path / "snapshots"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def gone(*_: object) -> bytes:
    raise UnavailableError(Code.NODE_UNREACHABLE, reason="gone")
