"""A node over a data directory, with the engine that its genesis names.

Purpose: opening takes the directory's lock, checks that the families of genesis are installed, continues from the
store (no repair is ever needed) and starts what genesis' rule names: ``solo`` orders in this process; ``bft`` and
``raft`` have an external engine and other nodes (:mod:`govchain.node.engines`, :mod:`govchain.node.network`). The
services above see no difference.
Rules: clocks and keys are read here and handed in. Read-only opening takes no lock and starts no engine.
Not here: use cases (``services``), making a chain (:mod:`govchain.node.embedded`, :mod:`govchain.node.founding`).

Example::

    with open_node(Path("d")) as node:
        client = Client(node.transport, ...)
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from govchain.consensus import Certifier, Engine, LedgerApplication, Pool, PoolLimits
from govchain.consensus.ordering import OrderingState, Phase
from govchain.consensus.ports import BlockOptions, Clock
from govchain.crypto import BatchVerifier
from govchain.ledger import ExecutedBlock, Machine, build_machine, require_protocol
from govchain.model import Code, UnavailableError
from govchain.model.wire import Genesis
from govchain.modules.governance import views
from govchain.node.astray import AstrayWatch
from govchain.node.engines import EngineParts, NetworkOptions, NoEngine, make_engine
from govchain.node.joining import JoiningNode, begin_again
from govchain.node.membership import MembershipWatch, is_removed
from govchain.node.modules import installed_modules, module_digests
from govchain.node.network import Network
from govchain.proof.genesis import check_network_genesis, decode_genesis, first_signer_set
from govchain.services.answers import Answers
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Submitter
from govchain.signers import Notice, PassphraseSource, Signer, open_signer, passphrase_source
from govchain.state import Store
from govchain.storage import DataDirectory, RocksReader, RocksStore
from govchain.storage.archive_mounts import MountedArchives

__all__ = ["Node", "NodeOptions", "load_machine", "open_node", "system_clock"]

#: Memory for the per-key tables of SM2 verification.
VERIFIER_BYTES_MAX = 64 * 1024 * 1024

#: Thresholds of the garbage collector's generations in a node's process.
COLLECTOR_THRESHOLDS = (50_000, 20, 100)


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Settings of a node.

    ``verifier_threads`` verify signatures in parallel. ``tune_collector``: let Python's cyclic garbage collector run
    seldom, for the whole process; a node makes many objects and hardly any cycles (a fifth of its time, measured).
    ``network``: of a node among others. ``stopped``: the members stopped this chain, see :meth:`Node.set_stopped`.
    """

    pool: PoolLimits = field(default_factory=PoolLimits)
    blocks: BlockOptions = field(default_factory=BlockOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    stopped: bool = False
    verifier_threads: int = 1
    verifier_bytes_max: int = VERIFIER_BYTES_MAX
    tune_collector: bool = True


def system_clock() -> Clock:
    """The machine's clocks in ms: wall time, and one that never jumps and goes on while the machine sleeps."""

    def wall() -> int:
        return time.time_ns() // 1_000_000

    def steady() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    return Clock(wall, steady)


def load_machine(genesis: Genesis, options: NodeOptions | None = None, *, reading: bool = False) -> Machine:
    """The state machine of ``genesis`` with the families that are installed.

    For ``reading`` a family may have another text than genesis pins, as in a later release; never to make blocks.

    Raises:
        UnavailableError: ``MODULE_MISSING``.
    """
    options = options or NodeOptions()
    modules = installed_modules()
    verifier = BatchVerifier(memory_limit_bytes=options.verifier_bytes_max, threads=options.verifier_threads)
    return build_machine(genesis, modules, None if reading else module_digests(modules), verifier)


class Node:
    """A node in this process; a context manager. See :func:`open_node`.

    ``engine`` orders; ``state`` says whether it does, and the one reason why not; ``network`` is the way to other
    nodes, or None where there are none.
    """

    def __init__(
        self,
        directory: DataDirectory,
        store: RocksStore | RocksReader,
        machine: Machine,
        signer: Signer | None,
        options: NodeOptions,
        clock: Clock,
        on_problem: Callable[[Code, str], None] | None = None,
        passphrases: PassphraseSource | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        """Put the parts together over an opened directory; peers and engine start with :meth:`start`.

        ``signer`` is the member's key, which :meth:`close` closes; None on a node that only reads. ``passphrases``
        open the keys of a node among others.
        """
        self.directory = directory
        self.machine = machine
        self.store = store
        #: The node's own key, or None where it only reads.
        self.signer = signer
        self.pool = Pool(options.pool)
        self.state = OrderingState(clock.wall, reading=signer is None, on_halt=on_problem)
        self.application = LedgerApplication(
            machine,
            cast(Store, store),
            self.pool,
            clock.wall,
            None if signer is None else Certifier(machine.suite, signer),
            snapshots=directory.snapshots,
            read_only=directory.read_only,
        )
        #: Archives that are mounted: pruned blocks are read from them.
        self.archives = MountedArchives(directory.mounts, machine.fingerprint.hex())
        self.application.blocks.archives = self.archives
        self.network: Network | None = None
        self._joining: JoiningNode | None = None
        self._membership: MembershipWatch | None = None
        self._stopped = options.stopped
        self.engine: Engine = NoEngine(machine.genesis.rule)
        if signer is not None:
            parts = self._meet(clock, options.network, passphrases, on_notice or _nobody_hears)
            self.engine = make_engine(directory, self.application, self.pool, clock, options.blocks, parts, self.state)
        self.application.finality.disagreements.watch = AstrayWatch(
            self.state, directory.equivocations, on_notice or _nobody_hears
        )
        self.submitter = Submitter(self.application, self.pool, self._refusal)
        self.queries = Queries(self.application)
        self.proofs = Proofs(self.application)
        self.transport = Answers(self.application, self.pool, self.submitter, self.queries, self.proofs, self.state)
        self._open = True

    @property
    def genesis(self) -> Genesis:
        """The chain's genesis."""
        return self.machine.genesis

    @property
    def name(self) -> str:
        """The node's name: among others as its own member file says, else that of the member with its key."""
        if self.network is not None:
            return self.network.members.own.name
        members = self.genesis.members
        if self.signer is None or self.genesis.rule == "solo":
            return members[0].name
        key = self.signer.public_key.hex()
        return next((member.name for member in members if member.key == key), key[:16])

    @property
    def votes(self) -> bool:
        """Whether the engine votes here where the node is a member; only CometBFT's can go without."""
        return self.engine.votes

    def set_voting(self, votes: bool) -> None:
        """Begin or end voting; the node follows all the same.

        Raises:
            UsageError: the members of this engine always take part.
        """
        self.engine.set_voting(votes)

    def set_stopped(self, stopped: bool) -> None:
        """Take no more transactions, as on a chain that the members stopped; what the pool holds is still ordered.

        A node that starts so runs neither peers nor engine, unless its newest block still lacks its certificate.
        """
        self._stopped = stopped
        if stopped:
            self.state.wait("stopped", Code.CHAIN_STOPPED, "as its settings say")
        else:
            self.state.resume("stopped")

    def _hear_of_end(self, block: ExecutedBlock | None = None) -> None:
        """Whether the members of this chain stopped it by a vote on it itself; asked once for each block."""
        decided = views.chain_decision(self.application.committed, self.genesis.chain)
        if decided is not None and decided.status == "stopped":
            self._stopped = True
            self.state.wait("ended", Code.CHAIN_STOPPED, f"block {decided.height}")

    def start(self) -> None:
        """Meet the other nodes, where there are some, and begin to order."""
        if self.machine.governed:
            self._hear_of_end()
            self.application.add_listener(self._hear_of_end)
        if self._stopped:
            if self.application.certified_height == self.application.chain.height:
                self.state.halt(Code.CHAIN_STOPPED, "before this start")
                return
            self.set_stopped(True)
        require_protocol(self.machine, self.application.committed, self.application.chain.height + 1)
        if self.network is not None and self.signer is not None:
            if is_removed(self.application, self.signer.public_key):
                self.state.halt(Code.NODE_REMOVED, "before this start")
                return
            self._membership = MembershipWatch(self.application, self.signer.public_key, self.state)
            self.network.start()
            if self._joining is not None:
                self._joining.join()
                self._joining.start()
        self.engine.start()

    def _meet(
        self,
        clock: Clock,
        options: NetworkOptions,
        passphrases: PassphraseSource | None,
        on_notice: Callable[[str], None],
    ) -> EngineParts | None:
        """The way to other nodes, where there are some, and what an external engine needs of it."""
        if self.genesis.rule == "solo" or passphrases is None:
            return None
        network = Network(self.directory, self.application, self.pool, passphrases, options, clock, on_notice)
        self.network = network
        joining = self._joining = JoiningNode(
            self.directory,
            self.application,
            network,
            by_snapshot=options.join == "snapshot",
            snapshot_blocks=options.snapshot_blocks,
            on_notice=on_notice,
        )
        return EngineParts(
            network.members,
            passphrases,
            options,
            network.exchange,
            network.exchange,
            joining.take_up,
            on_notice,
        )

    def _refusal(self) -> Code | None:
        """Why transactions are not taken, if they are not; while a majority is away they wait in the pool."""
        standing = self.state.standing
        patient = standing.phase is Phase.WAITING and standing.code is Code.ENGINE_UNREACHABLE
        return None if patient else standing.code

    def close(self, *, drain: bool = True) -> None:
        """Order what the pool holds, stop the engine, close the store, release the lock. Closing twice is allowed."""
        if self._open:
            self._open = False
            if self._membership is not None:
                self._membership.stop()
            if self._joining is not None:
                self._joining.stop()
            try:
                self.engine.stop(drain=drain)
                if self.network is not None:
                    self.network.stop()
            finally:
                self.state.close()
                self.application.close()
                self.archives.close()
                self.store.close()
                self.directory.close()
                if self.signer is not None:
                    self.signer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_node(
    path: Path,
    *,
    read_only: bool = False,
    options: NodeOptions | None = None,
    clock: Clock | None = None,
    on_problem: Callable[[Code, str], None] | None = None,
    notice: Notice | None = None,
    on_notice: Callable[[str], None] | None = None,
    rules: frozenset[str] = frozenset({"solo", "bft", "raft"}),
) -> Node:
    """Open a data directory as a node; with ``read_only`` beside a running one, without lock, keys or engine.

    ``notice`` hears that the node's own key is a software key, where it is; ``signers.software_keys_open`` counts it.
    ``on_notice`` hears of what the engine or other nodes do wrong though the node goes on. ``rules``: of genesis that
    the caller can do with, to order; reading goes with any.

    Raises:
        UnavailableError: locked by another process, half-created, from a newer version, a family is missing, the
            engine's program is missing, or ``ENGINE_MISMATCH`` for a rule or a key that does not fit.
    """
    options = options or NodeOptions()
    with ExitStack() as opened:
        directory = DataDirectory(path, read_only=read_only)
        opened.callback(directory.close)
        machine = load_machine(_read_genesis(directory.genesis), options, reading=read_only)
        signer = None
        passphrases = passphrase_source(directory.keys)
        if not read_only:
            _check_rule(machine.genesis, rules)
            signer = open_signer(f"file:{directory.node_key}", passphrases, notice=notice)
            opened.callback(signer.close)
            _check_member(signer, machine)
        store = directory.open_reader() if read_only else directory.open_store()
        opened.callback(store.close)
        node = Node(
            directory, store, machine, signer, options, clock or system_clock(), on_problem, passphrases, on_notice
        )
        if node.application.info().app_hash == b"" and not (
            node.network is not None and begin_again(cast(Store, store), node.application)
        ):
            raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path), reason="no genesis state")
        opened.pop_all()  # the node closes them
    if not read_only:
        if options.tune_collector:
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
        try:
            node.start()
        except BaseException:
            node.close(drain=False)
            raise
    return node


def _nobody_hears(text: str) -> None:
    """Where nobody wants notices."""


def _read_genesis(path: Path) -> Genesis:
    try:
        return decode_genesis(path.read_bytes())
    except FileNotFoundError:
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path)) from None
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror) from None


def _check_rule(genesis: Genesis, rules: frozenset[str]) -> None:
    """Raise unless the caller can run a chain of this genesis."""
    fault = check_network_genesis(genesis)
    if fault:
        raise UnavailableError(Code.ENGINE_MISMATCH, reason=f"genesis: {fault}")
    if genesis.rule not in rules:
        raise UnavailableError(
            Code.ENGINE_MISMATCH, reason=f"rule {genesis.rule}: run it with govchain up, and use it with --node"
        )
    if genesis.rule == "solo" and len(genesis.members) != 1:
        reason = f"rule solo, {len(genesis.members)} members; the embedded engine takes one"
        raise UnavailableError(Code.ENGINE_MISMATCH, reason=reason)


def _check_member(signer: Signer, machine: Machine) -> None:
    """Raise unless this key can order a chain alone; among others a key that is no member's follows."""
    if machine.genesis.rule != "solo":
        return
    if not Certifier(machine.suite, signer).is_member(first_signer_set(machine.genesis)):
        raise UnavailableError(Code.ENGINE_MISMATCH, reason="keys/node.pem is not the member's key that genesis names")
