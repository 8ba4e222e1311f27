"""The embedded node: one process, one data directory, the solo engine.

Purpose: what ``govchain`` uses when no server is named, and what tests and demos run. Opening takes the directory's
lock, checks that the families of genesis are installed, continues from the store (no repair is ever needed) and starts
the engine.
Rules: clocks and keys are read here and handed in. Read-only opening takes no lock and starts no engine.
Not here: use cases (``services``), making a chain (``services.chains``).

Example::

    with open_embedded(Path("d")) as node:
        client = Client(node.transport, ...)
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from govchain.consensus import Certifier, LedgerApplication, Pool, PoolLimits
from govchain.consensus.solo import SoloEngine, SoloOptions
from govchain.consensus.solo.engine import Clock
from govchain.crypto import BatchVerifier
from govchain.ledger import Machine, build_machine
from govchain.model import Code, UnavailableError
from govchain.model.wire import Genesis, GenesisModule
from govchain.node.modules import genesis_modules, installed_modules, module_digests
from govchain.node.settings import Settings
from govchain.proof.genesis import decode_genesis, first_signer_set
from govchain.proof.page import shown
from govchain.services.answers import Answers
from govchain.services.chains import ChainOptions, CreatedChain, prepare_chain
from govchain.services.configurations import Configuration, settings_file
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Submitter
from govchain.signers import Notice, Signer, open_signer, passphrase_given, passphrase_source
from govchain.state import Store
from govchain.storage import DataDirectory, DirectoryLayout, RocksReader, RocksStore, create_directory

__all__ = [
    "EmbeddedNode",
    "NodeOptions",
    "create_chain",
    "load_machine",
    "open_embedded",
    "passphrase_source",
    "system_clock",
]

#: Memory for the per-key tables of SM2 verification.
VERIFIER_BYTES_MAX = 64 * 1024 * 1024

#: Thresholds of the garbage collector's generations in a node's process.
COLLECTOR_THRESHOLDS = (50_000, 20, 100)


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Settings of an embedded node.

    ``verifier_threads`` verify signatures in parallel. ``tune_collector``: let Python's cyclic garbage collector run
    seldom, for the whole process; a node makes many objects and hardly any cycles (a fifth of its time, measured).
    """

    pool: PoolLimits = field(default_factory=PoolLimits)
    solo: SoloOptions = field(default_factory=SoloOptions)
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


def create_chain(path: Path, options: ChainOptions | None = None) -> CreatedChain:
    """Make a data directory with a new chain: keys, genesis, and the state of genesis; all of it or nothing.

    The keys' passphrase is ``GOVCHAIN_PASSPHRASE`` where that is set and the options have none.

    Raises:
        RefusedError: the directory exists already. UsageError: malformed options.
    """
    options = options or ChainOptions(now=system_clock().wall())
    options = replace(options, modules=options.modules or _families(options.configuration))
    given = passphrase_given()
    if options.passphrase is None and given is not None:
        # Opening takes it from there too, before any file.
        options = replace(options, passphrase=given(""))
    settings = {} if options.configuration is None else options.configuration.settings
    Settings(settings)  # refuses what this release does not know
    with create_directory(path) as building:
        created = prepare_chain(building, path.absolute(), options)
        if settings:
            DirectoryLayout(building).settings.write_bytes(settings_file(settings))
        machine = load_machine(decode_genesis(created.genesis_bytes))
        layout = DirectoryLayout(building)
        store = RocksStore(layout.store, checkpoints=layout.checkpoints)
        try:
            LedgerApplication(machine, store, Pool(), system_clock().wall).init_chain()
        finally:
            store.close()
    return created


def _families(configuration: Configuration | None) -> tuple[GenesisModule, ...]:
    """The installed families as genesis names them; of a configuration just its own."""
    installed = genesis_modules(installed_modules())
    if configuration is None:
        return installed
    known = {family.name: family for family in installed}
    for wanted in configuration.families:
        if wanted.name not in known or known[wanted.name].version != wanted.version:
            raise UnavailableError(Code.MODULE_MISSING, reason=f"{shown(wanted.name)} version {wanted.version}")
    return tuple(known[family.name] for family in configuration.families)


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


class EmbeddedNode:
    """A node in this process; a context manager. See :func:`open_embedded`."""

    def __init__(
        self,
        directory: DataDirectory,
        store: RocksStore | RocksReader,
        machine: Machine,
        signer: Signer | None,
        options: NodeOptions,
        clock: Clock,
        on_problem: Callable[[Code, str], None] | None = None,
    ) -> None:
        """Put the parts together over an opened directory; the engine starts with :meth:`start`.

        ``signer`` is the member's key, which :meth:`close` closes; None on a node that only reads.
        """
        self.directory = directory
        self.machine = machine
        self.store = store
        #: The node's own key, or None where it only reads.
        self.signer = signer
        self.pool = Pool(options.pool)
        self.application = LedgerApplication(
            machine,
            cast(Store, store),
            self.pool,
            clock.wall,
            None if signer is None else Certifier(machine.suite, signer),
            snapshots=directory.snapshots,
            read_only=directory.read_only,
        )
        self.engine = SoloEngine(self.application, self.pool, clock, options.solo, on_problem)
        self.submitter = Submitter(self.application, self.pool, self._problem)
        self.queries = Queries(self.application)
        self.proofs = Proofs(self.application)
        self.transport = Answers(self.application, self.pool, self.submitter, self.queries, self.proofs)
        self._open = True

    @property
    def genesis(self) -> Genesis:
        """The chain's genesis."""
        return self.machine.genesis

    def start(self) -> None:
        """Begin to order."""
        self.engine.start()

    def _problem(self) -> Code | None:
        """Why nothing is ordered here, if nothing is."""
        return Code.DATA_DIRECTORY_READ_ONLY if self.directory.read_only else self.engine.status().problem

    def close(self, *, drain: bool = True) -> None:
        """Order what the pool holds, stop the engine, close the store, release the lock. Closing twice is allowed."""
        if self._open:
            self._open = False
            self.engine.stop(drain=drain)
            self.application.close()
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


def open_embedded(
    path: Path,
    *,
    read_only: bool = False,
    options: NodeOptions | None = None,
    clock: Clock | None = None,
    on_problem: Callable[[Code, str], None] | None = None,
    notice: Notice | None = None,
) -> EmbeddedNode:
    """Open a data directory as a node; with ``read_only`` beside a running one, without lock, keys or engine.

    ``notice`` hears that the node's own key is a software key, where it is; ``signers.software_keys_open`` counts it.

    Raises:
        UnavailableError: locked by another process, half-created, from a newer version, or a family is missing.
    """
    options = options or NodeOptions()
    with ExitStack() as opened:
        directory = DataDirectory(path, read_only=read_only)
        opened.callback(directory.close)
        machine = load_machine(_read_genesis(directory.genesis), options, reading=read_only)
        signer = None
        if not read_only:
            signer = open_signer(f"file:{directory.node_key}", passphrase_source(directory.keys), notice=notice)
            opened.callback(signer.close)
            _check_member(signer, machine)
        store = directory.open_reader() if read_only else directory.open_store()
        opened.callback(store.close)
        node = EmbeddedNode(directory, store, machine, signer, options, clock or system_clock(), on_problem)
        if node.application.info().app_hash == b"":
            raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path), reason="no genesis state")
        opened.pop_all()  # the node closes them
    if not read_only:
        if options.tune_collector:
            gc.freeze()
            gc.set_threshold(*COLLECTOR_THRESHOLDS)
        node.start()
    return node


def _read_genesis(path: Path) -> Genesis:
    try:
        return decode_genesis(path.read_bytes())
    except FileNotFoundError:
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path)) from None
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror) from None


def _check_member(signer: Signer, machine: Machine) -> None:
    """Raise unless the embedded engine can run this chain with this key."""
    genesis = machine.genesis
    if genesis.rule != "solo" or len(genesis.members) != 1:
        reason = f"rule {genesis.rule}, {len(genesis.members)} members; the embedded engine takes rule solo and one"
        raise UnavailableError(Code.ENGINE_MISMATCH, reason=reason)
    if not Certifier(machine.suite, signer).is_member(first_signer_set(genesis)):
        raise UnavailableError(Code.ENGINE_MISMATCH, reason="keys/node.pem is not the member's key that genesis names")
