"""The chains that the members created by vote, at this node: what should run, brought about, and how it stands.

Purpose: :class:`ChainHost` follows the decisions in the parent chain's state, finds the other members' records, lays
down each chain's directory and runs its process; :meth:`ChainHost.hosted` says how they stand. Rules: one thread does
all of it, again and again, from the state and what lies on the disk: a fault of one chain is told and tried again, and
touches no other. Not here: see the README.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from time import monotonic
from typing import Final

from govchain.crypto import get_suite
from govchain.ledger import ExecutedBlock
from govchain.model import Code, GovChainError
from govchain.model.wire import Genesis
from govchain.modules.governance import views
from govchain.modules.governance.messages import ChainValue
from govchain.node.chains.laying import complete_chain, is_complete, lay_keys, own_record
from govchain.node.chains.looking import ChainHeights, heights_of
from govchain.node.chains.places import ChainPlaces, places_of
from govchain.node.chains.running import ChainProcess
from govchain.node.logs import tellable
from govchain.node.opening import Node, system_clock
from govchain.node.settings import Settings
from govchain.peers.records import ExpectedMember, RecordBook
from govchain.proof.members import MemberRecord, encode_member_record
from govchain.proof.signers import quorum
from govchain.sdk.network import ChainState, HostedChain, HostedChains
from govchain.storage import DirectoryLayout

__all__ = ["ChainHost"]

_log = logging.getLogger("govchain.node")

#: Seconds between two looks where nothing happens.
_LOOK_S: Final = 1.0
#: Seconds between two looks however much happens.
_PAUSE_S: Final = 0.2
#: Seconds for which heights that were read are told.
_HEIGHTS_S: Final = 1.0
#: Seconds before something that failed is tried again.
_AGAIN_S: Final = 10.0
#: Seconds without a new block, and with a certificate of the last, after which a chain that takes nothing has ended;
#: and how long that is waited for.
_QUIET_S: Final = 3.0
_QUIET_S_MAX: Final = 60.0
#: Bytes of own records in one greeting.
_RECORDS_BYTES_MAX: Final = 64 * 1024


@dataclass(slots=True)
class _Chain:
    """One chain here; only the host's thread writes, but for heights, which whoever holds ``_reading`` does."""

    name: str
    decided: ChainValue
    genesis: Genesis
    layout: DirectoryLayout
    places: ChainPlaces | None
    #: Whether genesis names this node's key; a node that got another since runs what it has, with the keys there.
    founder: bool
    state: ChainState = "absent"
    reason: str = ""
    book: RecordBook | None = None
    record: MemberRecord | None = None
    process: ChainProcess | None = None
    heights: ChainHeights | None = None
    heights_s: float | None = None
    again_s: float = 0.0
    closing_s: float | None = None
    quiet_at: ChainHeights | None = None
    quiet_s: float = 0.0
    settled: bool = False


class ChainHost:
    """See the module.

    Args:
        node: of the parent chain, opened for writing and governed.
        settings: the node's.
    """

    def __init__(self, node: Node, settings: Settings) -> None:
        """Hears of every block from now on; does nothing before :meth:`start`."""
        assert node.signer is not None  # it was opened for writing
        self._node = node
        self._signer = node.signer
        self._settings = settings
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._chains: dict[str, _Chain] = {}
        self._offered: dict[bytes, tuple[bytes, ...]] = {}
        self._looked = -1
        self._thread: threading.Thread | None = None
        node.application.add_listener(self._block_committed)

    def start(self) -> None:
        """Begin to follow the decisions, those of long ago first."""
        if self._node.network is not None:
            self._node.network.exchange.further = self
        self._thread = threading.Thread(target=self._run, name="chains", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all chains at once, each in good order; they begin again with the next start."""
        self._stopping.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        if self._node.network is not None:
            self._node.network.exchange.further = None
        ending = [
            threading.Thread(target=chain.process.stop, name=f"chain-end-{chain.name}")
            for chain in self._chains.values()
            if chain.process is not None
        ]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()

    def hosted(self) -> HostedChains:
        """How the chains stand, by chain id; from any thread. Heights are at most ``_HEIGHTS_S`` old."""
        with self._lock:
            chains = [self._chains[name] for name in sorted(self._chains)]
        with self._reading:  # opening a store costs more than an answer: once for all who ask
            for chain in chains:
                _read_heights(chain)
        return HostedChains(self._node.genesis.chain, tuple(_view(chain) for chain in chains))

    # -- what the exchange calls ---------------------------------------------------------------------------------

    def own_records(self) -> tuple[bytes, ...]:
        """This node's records for its chains that run or are to run, the newest first, as many as fit."""
        with self._lock:
            chains = sorted(self._chains.values(), key=lambda chain: -chain.decided.number)
        found, room = [], _RECORDS_BYTES_MAX
        for chain in chains:
            if chain.record is not None and chain.decided.status == "created":
                data = encode_member_record(chain.record)
                room -= len(data)
                if room < 0:
                    break
                found.append(data)
        return tuple(found)

    def offered(self, peer: bytes, records: tuple[bytes, ...]) -> None:
        """What a member told; looked at on the host's own thread, also where the decision is heard only later."""
        with self._lock:
            if self._offered.get(peer) == records:
                return
            self._offered[peer] = records
        self._due.set()

    # -- the host's thread ---------------------------------------------------------------------------------------

    def _block_committed(self, _block: ExecutedBlock) -> None:
        self._due.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next look may do better
                _log.warning("chains: %s", tellable(Code.INTERNAL, type(error).__name__))
            for chain in list(self._chains.values()):
                if self._stopping.is_set():
                    return
                self._attempt(chain)
            self._stopping.wait(_PAUSE_S)
            self._due.wait(_LOOK_S)
            self._due.clear()
            if not self._chains:
                self._rest()

    def _rest(self) -> None:
        """A node without chains looks only when there is a block."""
        while not self._stopping.is_set() and self._node.application.chain.height == self._looked:
            self._due.wait()
            self._due.clear()

    def _follow(self) -> None:
        """Take up what was decided since the last look."""
        height = self._node.application.chain.height
        if height == self._looked:
            return
        for name, decided in views.chain_decisions(self._node.application.committed).items():
            known = self._chains.get(name)
            if known is not None:
                known.decided = decided
            elif decided.genesis is not None:  # else it is the parent itself
                with self._lock:
                    self._chains[name] = self._chain(name, decided, decided.genesis)
        self._looked = height

    def _chain(self, name: str, decided: ChainValue, genesis: Genesis) -> _Chain:
        network = self._node.network
        own = None if network is None else network.members.own
        key = self._signer.public_key.hex()
        return _Chain(
            name=name,
            decided=decided,
            genesis=genesis,
            layout=DirectoryLayout(self._node.directory.chains / name),
            places=places_of(decided.number, self._settings, None if own is None else own.addresses),
            founder=any(entry.key == key for entry in genesis.members),
        )

    def _attempt(self, chain: _Chain) -> None:
        if monotonic() < chain.again_s:
            return
        try:
            self._bring_about(chain)
        except (GovChainError, OSError) as error:
            reason = error.text("en") if isinstance(error, GovChainError) else (error.strerror or str(error))
            self._fail(chain, reason)
        except Exception as error:  # noqa: BLE001 - one chain's fault is no other's
            self._fail(chain, type(error).__name__)

    def _fail(self, chain: _Chain, reason: str) -> None:
        chain.again_s = monotonic() + _AGAIN_S
        self._stands(chain, "failing", reason)

    def _bring_about(self, chain: _Chain) -> None:
        if not chain.founder and not is_complete(chain.layout):
            self._stands(chain, "off", "this node is no member of it")
        elif chain.places is None:
            self._stands(chain, "off", "chain_ports gives it no ports")
        elif chain.decided.status == "stopped":
            self._end(chain, chain.places)
        elif self._is_laid_down(chain, chain.places):
            self._keep_running(chain, chain.places)

    def _is_laid_down(self, chain: _Chain, places: ChainPlaces) -> bool:
        """Whether the directory is there; makes it as soon as it can be made."""
        network = self._node.network
        lacking: list[bytes] = []
        if network is not None:
            complete = is_complete(chain.layout)
            if not complete:
                lay_keys(self._node.directory, chain.layout)
            if chain.record is None and chain.founder:
                own = network.members.own
                chain.record = own_record(chain.layout, chain.genesis, own, self._signer, places.announced)
                network.exchange.greet()
            lacking = self._find_members(chain)
            if not complete and not self._may_begin(chain, lacking):
                names = {entry.key: entry.name for entry in chain.genesis.members}
                waits = ", ".join(names[key.hex()] for key in lacking)
                self._stands(chain, "waiting", f"no record of {waits} yet")
                return False
        if not is_complete(chain.layout):
            lay_keys(self._node.directory, chain.layout)
            complete_chain(chain.layout.path, chain.genesis)
            _log.info("chain set up", extra={"chain": chain.name, "genesis": chain.decided.fingerprint[:16]})
        return True

    def _find_members(self, chain: _Chain) -> list[bytes]:
        """Take in what members told of themselves; keys of those of whom nothing is known yet."""
        if chain.book is None:
            suite = get_suite(chain.genesis.suite)
            chain.book = RecordBook(suite, chain.name, chain.layout.peers, clock=system_clock().wall)
            chain.book.expect(
                [
                    ExpectedMember(
                        bytes.fromhex(entry.key), bytes.fromhex(entry.tls) if isinstance(entry.tls, str) else b""
                    )
                    for entry in chain.genesis.members
                    if entry.key != self._signer.public_key.hex()
                ]
            )
        if chain.book.lacking():
            with self._lock:
                offered = list(self._offered.values())
            for data in (one for records in offered for one in records):
                try:
                    chain.book.offer(data)
                except GovChainError:
                    continue  # one bad record says nothing about the next
        return chain.book.lacking()

    def _may_begin(self, chain: _Chain, lacking: list[bytes]) -> bool:
        """Etcd's founders must all know each other, or some would found another cluster; CometBFT needs a quorum."""
        members = len(chain.genesis.members)
        rule = chain.genesis.rule
        return members - len(lacking) >= (members if rule == "raft" else quorum(rule, members))

    def _keep_running(self, chain: _Chain, places: ChainPlaces) -> None:
        if chain.process is None or not chain.process.started:
            chain.process = chain.process or ChainProcess(chain.layout, chain.name, self._settings, places)
            chain.process.start(stopped=False)
        if chain.process.address:
            self._stands(chain, "running")
        elif chain.process.starts > 1:
            self._stands(chain, "failing", chain.process.last_words())
        else:
            self._stands(chain, "starting")

    def _end(self, chain: _Chain, places: ChainPlaces) -> None:
        """A chain that was stopped by vote: nothing new is taken, the last block is completed, its data are read."""
        if not is_complete(chain.layout):
            self._stands(chain, "absent")
            return
        if not chain.settled:
            with self._reading:
                _read_heights(chain)
        final = chain.heights is not None and chain.heights[0] == chain.heights[1]
        now = monotonic()
        if chain.process is None or not chain.process.started:
            chain.settled = chain.settled or final
            if chain.settled and not self._settings.flag("chains_stopped"):
                self._stands(chain, "stopped")
                return
            chain.process = chain.process or ChainProcess(chain.layout, chain.name, self._settings, places)
            chain.process.start(stopped=True)
        elif not chain.process.stopped:
            chain.process.close_intake()
        if chain.settled:
            self._stands(chain, "stopped")
            return
        if chain.closing_s is None:
            chain.closing_s = now
        if chain.heights != chain.quiet_at or not final:
            chain.quiet_at, chain.quiet_s = chain.heights, now
        self._stands(chain, "stopping")
        if now - chain.quiet_s >= _QUIET_S or now - chain.closing_s >= _QUIET_S_MAX:
            chain.process.stop()
            chain.settled = True
            self._due.set()

    def _stands(self, chain: _Chain, state: ChainState, reason: str = "") -> None:
        if (chain.state, chain.reason) != (state, reason):
            chain.state, chain.reason = state, reason
            _log.info("chain %s", state, extra={"chain": chain.name, "reason": reason})


def _read_heights(chain: _Chain) -> None:
    """Look how far the chain is, unless that was done just now; what cannot be read stays as it was."""
    now = monotonic()
    if chain.heights_s is None or now - chain.heights_s >= _HEIGHTS_S:
        chain.heights = heights_of(chain.layout.path) or chain.heights
        chain.heights_s = monotonic()


def _view(chain: _Chain) -> HostedChain:
    height, certified = chain.heights or (-1, -1)
    process, places = chain.process, chain.places
    listens = "" if process is None else process.address
    return HostedChain(
        chain=chain.name,
        fingerprint=chain.decided.fingerprint,
        decided=chain.decided.height,
        state=chain.state,
        address=(places.announced.api if places is not None and listens else "") or listens,
        height=height,
        certified_height=certified,
        reason=chain.reason,
        starts=0 if process is None else process.starts,
    )
