"""The ports of consensus: what an engine drives (Application), what a node drives (Engine), what an engine is given.

Purpose: engines only order transactions; blocks, hashes and certificates are the application's (ARCHITECTURE decision
1). The application is shaped like ABCI 2.0, so that an external BFT engine drives exactly what the solo engine drives.
Rules: an engine calls ``prepare_proposal`` and ``process_proposal`` any number of times, then ``finalize_block`` and
``commit`` once per engine height. An engine block without transactions makes no ledger block and returns the previous
app hash (decision 2).
A change of the members' set reaches an external engine as :class:`EngineUpdate` values; an engine that is asked to
prepare tells :class:`ProposalRoute`, so that other nodes send it what they hold.
What more than one driver needs stands here, so that no driver knows another (``pyproject.toml`` holds them to it).
Not here: the pool (:mod:`govchain.consensus.pool`), the drivers (``solo/``, ``cometbft/``, ``etcd/``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from govchain.ledger import Prepared
from govchain.model import Code
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = [
    "BLOCK_BYTES_MAX",
    "CLOCK_JUMP_MS_MAX",
    "LINGER_MS",
    "Application",
    "BlockOptions",
    "BlockSource",
    "CheckResult",
    "Clock",
    "Engine",
    "EngineStatus",
    "EngineUpdate",
    "FetchedBlock",
    "FinalizedBlock",
    "Info",
    "ProposalRoute",
    "SnapshotInfo",
]

#: How far the wall clock may move against the steady clock between two blocks.
CLOCK_JUMP_MS_MAX: Final = 10_000
#: How long a block's first transaction waits for company.
LINGER_MS: Final = 4
#: The most that a chain's own limit may allow (``Limits.block_bytes_max``).
BLOCK_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Clock:
    """Two clocks in ms: ``wall`` (UTC since 1970) and ``steady`` (never jumps, goes on while the machine sleeps)."""

    wall: Callable[[], int]
    steady: Callable[[], int]


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """How a node makes blocks, whatever orders them.

    ``linger_ms``: how long a block's first transaction waits for company. ``block_bytes_max``: the engine's own
    limit; below it the chain's holds.
    """

    linger_ms: int = LINGER_MS
    block_bytes_max: int = BLOCK_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Info:
    """Where the application stands: the engine's era and height, the ledger's height, app hash and block time (ms).

    ``signers`` is the digest of the signer set in force for the next block; empty before there is a state.
    """

    engine_era: int
    engine_height: int
    ledger_height: int
    app_hash: bytes
    time: int = 0
    signers: bytes = b""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The check of one envelope: its code, and the prepared transaction for the pool."""

    code: Code
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class EngineUpdate:
    """A member's weight from now on, by its engine key (CometBFT: 32 bytes of Ed25519); ``power`` 0 takes it out."""

    engine_key: bytes
    power: int


@dataclass(frozen=True, slots=True)
class FinalizedBlock:
    """What finalising gave: the app hash, and the ledger block's height, or None when the engine block was empty.

    ``updates`` is the difference of the active set before and after the block: sorted by key, one for each key, never
    taking the last member out. It depends on the state alone, so every member gives the same.
    """

    app_hash: bytes
    height: int | None
    codes: tuple[Code, ...]
    updates: tuple[EngineUpdate, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A snapshot that a joiner may fetch: ledger height, number of chunks, checkpoint root and manifest bytes.

    ``engine_height`` is the engine's height of that ledger block, under which an external engine knows the snapshot.
    """

    height: int
    chunks: int
    root: bytes
    manifest: bytes
    engine_height: int = 0


class Application(Protocol):
    """The replicated state machine, as an engine sees it."""

    def info(self) -> Info:
        """Where the application stands after the last commit."""

    def init_chain(self) -> bytes:
        """Make the state of genesis, once; answers the app hash (the genesis fingerprint)."""

    def check_tx(self, envelopes: Sequence[bytes]) -> list[CheckResult]:
        """Check envelopes against the newest state; writes nothing."""

    def prepare_proposal(self, time: int, bytes_max: int) -> list[bytes]:
        """Envelopes for a block at the engine's ``time`` (ms), at most ``bytes_max`` bytes, from the node's pool."""

    def process_proposal(self, envelopes: Sequence[bytes], time: int) -> Code:
        """OK when a block of these envelopes at ``time`` may be voted for, else why not."""

    def finalize_block(self, envelopes: Sequence[bytes], time: int, engine_height: int) -> FinalizedBlock:
        """Execute the decided block; nothing is persisted before ``commit``."""

    def commit(self) -> int:
        """Persist the finalised block in one atomic, durable batch; answers the height to retain from."""

    def list_snapshots(self) -> list[SnapshotInfo]:
        """Snapshots that others may fetch."""

    def load_snapshot_chunk(self, height: int, index: int) -> bytes:
        """One chunk of a snapshot."""

    def offer_snapshot(self, snapshot: SnapshotInfo, trust: SnapshotTrust) -> Code:
        """OK when the snapshot is worth fetching; ``trust`` comes from certified headers, never from who offers."""

    def apply_snapshot_chunk(self, index: int, chunk: bytes) -> Code:
        """Take one chunk; the last one installs the snapshot after checking the whole against its root."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine says of itself: whether it orders, and if not, why.

    ``height`` is the engine's. An external engine also says its round, who proposes (name, or key in hex), how many
    peers its process is connected to, and whose votes are missing (names, or keys in hex) while it waits; and, counted
    over this run, how often its process was started, how many proposals of others this node rejected, and how many
    proofs came that a member voted twice.
    """

    name: str
    running: bool
    height: int
    problem: Code | None
    round: int = 0
    proposer: str = ""
    peers: int = 0
    validators_missing: tuple[str, ...] = ()
    starts: int = 0
    proposals_rejected: int = 0
    misbehaved: int = 0


class Engine(Protocol):
    """Orders transactions and drives one application."""

    def start(self) -> None:
        """Begin to order; answers at once."""

    def stop(self, *, drain: bool = True) -> None:
        """End after the block in work; with ``drain`` first order what the pool holds."""

    def status(self) -> EngineStatus:
        """How the engine is."""

    @property
    def votes(self) -> bool:
        """Whether this node takes part in ordering where it is a member; else it only follows."""

    def set_voting(self, votes: bool) -> None:
        """Begin or end voting; the node follows all the same.

        Raises:
            UsageError: the members of this engine always take part.
        """


class ProposalRoute(Protocol):
    """Tells other nodes that this one is about to propose; a node without peers has none."""

    def announce(self, engine_height: int, bytes_max: int) -> None:
        """Ask the others for what they hold, at most ``bytes_max`` bytes in all; must not block and must not raise."""


@dataclass(frozen=True, slots=True)
class FetchedBlock:
    """A ledger block from another node: header and certificate as they are stored, and its envelopes in order."""

    header: bytes
    envelopes: tuple[bytes, ...]
    certificate: bytes


class BlockSource(Protocol):
    """Other members' block stores."""

    def fetch(self, height: int) -> FetchedBlock | None:
        """The ledger block at ``height``, from whoever has it with its certificate; None when nobody answers soon.

        It must not raise; what it gives is for the caller to verify.
        """
