"""CometBFT behind the Engine port: its files written, its process supervised, its calls answered, its height watched.

Purpose: what a node starts under rule ``bft``.
Rules: the engine's genesis and configuration are written before each start from what the node knows then; a home of
another chain is refused. The process is given up, and the node told, when it ends again and again, when it says that
its consensus failed, or when the application cannot go on; a height that stands still while others go on is the same as
a death, and the process is started again. Nothing of a dead process happens after its successor began. ``stop`` waits,
with ``drain``, until the pool is ordered, then ends process and server.
Not here: what the engine's calls mean (``handlers``), the program (``engines/cometbft``), certificates (``finality``).
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from govchain.consensus.cometbft.abci import AbciServer
from govchain.consensus.cometbft.configuration import (
    ABCI_SOCKET,
    RPC_SOCKET,
    EngineConfiguration,
    EnginePeer,
    StateSync,
    write_configuration,
)
from govchain.consensus.cometbft.genesis import EngineGenesis, encode_genesis
from govchain.consensus.cometbft.handlers import AbciHandler, HandlerOptions
from govchain.consensus.cometbft.home import remove_unborn_databases, write_whole
from govchain.consensus.cometbft.keys import create_observer_key, engine_address, read_engine_keys
from govchain.consensus.cometbft.rpc import EngineRpc, RoundState
from govchain.consensus.cometbft.state_sync import forget_joined, forget_unfinished, read_joined
from govchain.consensus.ordering import OrderingState, Phase, Standing
from govchain.consensus.pool import Pool
from govchain.consensus.ports import LINGER_MS, Application, Clock, EngineStatus, ProposalRoute
from govchain.consensus.processes import ProcessPlan, SupervisedProcess
from govchain.model import Code, UnavailableError
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = ["CometEngine", "CometOptions"]

#: What the engine logs when its voting stopped for good while its process lives on (consensus/state.go).
_CONSENSUS_FAILURE: Final = "CONSENSUS FAILURE"
#: How a line of the engine begins that says why it ends: Go's panics, and errors of its command line.
_CAUSES: Final = ("panic:", "fatal error:", "ERROR:")
#: What the system says to a process whose disk is full, in the words of Go.
_NO_SPACE: Final = "no space left on device"
#: Between two looks at the engine's height.
_LOOK_S: Final = 1.0
#: Between two looks at its connections while the height moves.
_PEERS_S: Final = 5.0
#: A height that is this old is looked into: who is missing; and when it counts as standing still.
_QUIET_S: Final = 3.0
_STILL_S: Final = 10.0
#: What keeps the engine from going on for now.
_VOTES: Final = "votes"
#: Bytes of a request beside the block's own: votes, hashes, evidence; and the largest chunk of a snapshot.
_REQUEST_BYTES: Final = 96 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CometOptions:
    """What a node decides of its engine.

    Attributes:
        home: the engine's folder; its keys are there already (:func:`create_engine_keys`).
        program: see :func:`govchain.consensus.engine_binary.find_engine`.
        genesis: see :func:`govchain.consensus.cometbft.genesis.derive_genesis`.
        name: shown to other engines.
        listen: ``host:port`` for other engines; an IPv6 host in brackets.
        external: ``host:port`` that others dial, or empty.
        peers: the other members' engines at this moment, asked before each start.
        known_nodes: node ids of engines that may connect, asked at each connection; None admits all.
        names: engine keys (32 bytes) and members' names, for ``status``.
        loopback: several engines share this machine.
        votes: without it, this node follows and does not vote, until :meth:`CometEngine.set_voting`.
        wait_ms, linger_ms: see :class:`govchain.consensus.cometbft.handlers.HandlerOptions`.
        timeout_propose_ms, gossip_sleep_ms: see :class:`EngineConfiguration`.
        drain_ms: how long a stop waits for the pool.
        stuck_ms: how long the height may stand still while others are ahead.
        restarts_max: ends in a row before the engine is given up.
        state_sync: join by a snapshot that the engine brings, or None; used while the ledger is empty.
        take_up: how the engine comes to where a snapshot has put the ledger (see ``state_sync``), by engine height and
            block identity; called before a start, and may wait for other members.
        trust: what a snapshot is checked against.
    """

    home: Path
    program: Path
    genesis: EngineGenesis
    name: str
    listen: str
    external: str = ""
    peers: Callable[[], Sequence[EnginePeer]] = tuple
    known_nodes: Callable[[], frozenset[bytes]] | None = None
    names: Callable[[], Mapping[bytes, str]] | None = None
    loopback: bool = False
    votes: bool = True
    wait_ms: int = 1_000
    linger_ms: int = LINGER_MS
    timeout_propose_ms: int = 3_000
    gossip_sleep_ms: int = 10
    drain_ms: int = 10_000
    stuck_ms: int = 60_000
    restarts_max: int = 5
    state_sync: StateSync | None = None
    take_up: Callable[[int, bytes], StateSync] | None = None
    trust: Callable[[int], SnapshotTrust | None] | None = None


class CometEngine:
    """See the module.

    Args:
        application: what the engine drives.
        pool: the node's.
        options: see :class:`CometOptions`.
        clock: the node's two clocks.
        route: hears that this node prepares a block, or None.
        state: the node's, whose halt ends the engine; without one it has its own.
        on_notice: hears in a sentence what was refused or started again; on any thread.
    """

    def __init__(
        self,
        application: Application,
        pool: Pool,
        options: CometOptions,
        clock: Clock,
        route: ProposalRoute | None = None,
        state: OrderingState | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._application = application
        self._pool = pool
        self._options = options
        self._state = state or OrderingState(clock.wall)
        self._state.add_listener(self._moved)
        self._on_notice = on_notice or (lambda _: None)
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._votes = options.votes
        self._seen: tuple[RoundState | None, int] = (None, 0)  # the last look: the voting, connected engines
        self._handler = AbciHandler(
            application,
            pool,
            options.genesis,
            HandlerOptions(options.wait_ms, options.linger_ms, options.known_nodes, options.trust),
            clock.wall,
            route,
            self._fail,
            self._on_notice,
            lambda: self._state.resume(_VOTES),
        )
        home = options.home
        bytes_max = options.genesis.block_bytes_max + _REQUEST_BYTES
        self._server = AbciServer(home / ABCI_SOCKET, self._handler, bytes_max, self._on_notice)
        self.rpc = EngineRpc(home / RPC_SOCKET)
        self._process = SupervisedProcess(
            ProcessPlan(
                name="cometbft",
                command=(str(options.program), "start", "--home", "."),
                log=home / "cometbft.log",
                directory=home,
                environment={"PATH": os.environ.get("PATH", ""), "HOME": str(home)},
                before=self._prepare_home,
                healthy=self.rpc.healthy,
                fatal=_fatal_line,
                cause=lambda line: line.startswith(_CAUSES),
                restarts_max=options.restarts_max,
                watch_s=2.0,
            ),
            self._fail,
        )

    # -- the Engine port -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to order; answers at once.

        Raises:
            UnavailableError: ``DATA_DIRECTORY_INCOMPLETE``: no engine keys; ``ENGINE_MISMATCH``: the home belongs to
                another chain, or its blocks are lost (the ledger must never be ahead of the engine's store).
            OSError: when its files cannot be written.
        """
        if self._watcher is not None or self._state.halted is not None:
            return
        home = self._options.home
        read_engine_keys(home)
        home.chmod(0o700)
        genesis = home / "config" / "genesis.json"
        if genesis.exists() and genesis.read_bytes() != encode_genesis(self._options.genesis):
            raise UnavailableError(Code.ENGINE_MISMATCH, reason=f"{genesis}: another chain's")
        info = self._application.info()
        began_here = read_joined(home) == info.engine_height and self._options.take_up is not None
        if info.engine_height and not began_here and not (home / "data" / "blockstore.db").is_dir():
            reason = f"the engine's store is empty and the ledger is at engine height {info.engine_height}"
            raise UnavailableError(Code.ENGINE_MISMATCH, reason=reason)
        if not info.app_hash and self._options.state_sync is None:
            self._application.init_chain()  # so that reads and checks work before the engine's first word
        self._state.start()
        self._server.start()
        self._process.start()
        self._watcher = threading.Thread(target=self._watch, name="cometbft-height", daemon=True)
        self._watcher.start()

    def stop(self, *, drain: bool = True) -> None:
        """End after the block in work; with ``drain`` first order what the pool holds, for ``drain_ms`` at most."""
        self._pool.close()
        if drain and self._watcher is not None:
            deadline = monotonic() + self._options.drain_ms / 1000
            while len(self._pool) and self._state.halted is None and monotonic() < deadline:
                self._stop.wait(0.02)
        self._stop.set()
        self._handler.close()
        self._process.stop()
        self._server.stop()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._pool.abandon(self._state.halted or Code.NODE_STOPPING)

    def status(self) -> EngineStatus:
        """How the engine is; from what was last seen, without asking it."""
        facts = self._handler.facts
        state, peers = self._seen
        running = self._process.pid is not None and self._state.halted is None
        height = self._application.info().engine_height
        round_, proposer, missing = facts.round, facts.proposer, facts.missing
        if state is not None and state.height > height:  # it stands still: whose votes are waited for
            round_, proposer, missing = state.round, state.proposer, state.missing
        return EngineStatus(
            "cometbft",
            running,
            height,
            self._state.problem,
            round_,
            self._name(proposer),
            peers,
            tuple(sorted(self._name(address) for address in missing)),
            self._process.starts,
            facts.rejected,
            facts.misbehaved,
        )

    @property
    def votes(self) -> bool:
        """Whether this node votes, where it is a member; else it follows only."""
        return self._votes

    def set_voting(self, votes: bool) -> None:
        """Begin or end voting: the engine's process is started again with its voting key, or with one nobody knows.

        The voting key and its record of votes stay where they are, so that it never votes twice at one height.
        """
        if votes != self._votes:
            self._votes = votes
            self._process.restart("voting begins" if votes else "voting ends")

    @property
    def pid(self) -> int | None:
        """The engine's process while it lives."""
        return self._process.pid

    @property
    def rejected_last(self) -> Code | None:
        """Why this node rejected the last proposal that it rejected, or None."""
        return self._handler.facts.rejected_last

    # -- inside ----------------------------------------------------------------------------------------------------

    def _prepare_home(self) -> None:
        """Before each start: nothing of a dead process is left, and the files say what the node knows now."""
        options, home = self._options, self._options.home
        self._server.drop_connections()
        with contextlib.suppress(FileNotFoundError):
            (home / RPC_SOCKET).unlink()
        for name in remove_unborn_databases(home / "data"):
            self._on_notice(f"{name} was killed while it was made and held nothing: made anew")
        if not self._votes:
            create_observer_key(home)
        plan = self._take_up()
        configuration = EngineConfiguration(
            name=options.name,
            listen=options.listen,
            external=options.external,
            peers=tuple(options.peers()),
            loopback=options.loopback,
            timeout_propose_ms=options.timeout_propose_ms,
            gossip_sleep_ms=options.gossip_sleep_ms,
            votes=self._votes,
            state_sync=plan,
        )
        write_whole(home / "config" / "config.toml", write_configuration(configuration).encode())
        write_whole(home / "config" / "genesis.json", encode_genesis(options.genesis))

    def _take_up(self) -> StateSync | None:
        """How the engine comes to where the ledger is, when its own store does not lead there."""
        options, info = self._options, self._application.info()
        joined = read_joined(options.home)
        if not info.engine_height:
            return options.state_sync
        if joined != info.engine_height or options.take_up is None:
            forget_joined(options.home)
            return None
        forget_unfinished(options.home)
        return options.take_up(info.engine_height, info.app_hash)

    def _fail(self, code: Code, reason: str) -> None:
        """The engine is over, and so is ordering."""
        full = code is Code.ENGINE_FAILED and _NO_SPACE in reason.lower()
        self._state.halt(Code.DISK_FULL if full else code, reason)

    def _moved(self, standing: Standing) -> None:
        """Whoever halted the node: let go of the pool, and end the process from a thread that may."""
        if standing.phase is not Phase.HALTED or standing.code is None:
            return
        self._stop.set()
        self._handler.close()
        self._pool.close()
        self._pool.abandon(standing.code)
        threading.Thread(target=self._process.stop, name="cometbft-end", daemon=True).start()

    def _watch(self) -> None:
        """Look at the height; where it stands still, at the voting, and at whether others have gone on."""
        height, since, behind, looked = -1, monotonic(), 0.0, 0.0
        while not self._stop.wait(_LOOK_S):
            now = self._application.info().engine_height
            if now != height:
                height, since, behind = now, monotonic(), 0.0
                self._state.resume(_VOTES)
                if self._seen[0] is not None or monotonic() - looked >= _PEERS_S:
                    looked = monotonic()
                    self._seen = (None, len(self.rpc.peers()))
                continue
            quiet = monotonic() - since
            if quiet < _QUIET_S:
                continue
            state = self.rpc.round_state()
            self._seen = (state, len(self.rpc.peers()))
            ahead = state is not None and any(peer > state.height + 1 for peer in state.peer_heights)
            told = self.rpc.height() if ahead else None
            if told is None or told[1]:  # it has no height of its own yet while it fetches what it missed
                ahead = False
            if quiet >= _STILL_S and not ahead:
                self._tell_standstill(state)
            behind = behind + _LOOK_S if ahead else 0.0
            if behind * 1000 >= self._options.stuck_ms:
                self._on_notice(f"the engine stands at height {height} while others go on: started again")
                self._process.restart(f"stood at height {height} for {int(quiet)} s while others went on")
                since, behind = monotonic(), 0.0

    def _tell_standstill(self, state: RoundState | None) -> None:
        """No block comes, not even an empty one: say so, and on whom the engine waits."""
        if state is None:
            self._state.wait(_VOTES, Code.ENGINE_UNREACHABLE, "the engine does not answer")
            return
        missing = ", ".join(sorted(self._name(address) for address in state.missing)) or "nobody who is known"
        self._state.wait(_VOTES, Code.ENGINE_UNREACHABLE, f"height {state.height} waits for votes of {missing}")

    def _name(self, address: bytes) -> str:
        if not address:
            return ""
        names = dict(self._options.genesis.validators)
        if self._options.names is not None:
            names.update(self._options.names())
        for key, name in names.items():
            if engine_address(key) == address:
                return name
        return address.hex()


def _fatal_line(line: str) -> str | None:
    """Why the engine can do no more, when this line of its log says so."""
    if _CONSENSUS_FAILURE not in line:
        return None
    try:
        said = json.loads(line).get("err", "")
    except (ValueError, AttributeError):
        said = ""
    return f"the engine's consensus failed: {str(said)[:500]}" if said else "the engine's consensus failed"
