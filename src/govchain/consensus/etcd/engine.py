"""The engine under rule ``raft``: members that trust each other order blocks through their etcd.

Purpose: behind the ``Engine`` port, the same application that the other engines drive.
Rules: a block is ordered when etcd took it behind the tip (``order``); every member, the proposer included, then
executes it, with the proposer's time. A block that may not be (``process_proposal``) is a pure matter of state and
block, so that every member passes over it alike, as over an empty engine block, and says so: nobody's block stops the
chain. Any member with work may propose; who proposed last and holds more goes on alone for a while, which only saves
work: two proposers at once are one that wins. After an append that may or may not have been, the tip is read.
A proposer stops proposing, saying NODE_CLOCK, when its clock jumps by over ten seconds or leaves the members' median;
it still executes what others order. Threads: one drives the application, one follows etcd, one keeps it in order.
Not here: what a block means (``ledger``), certificates (``finality``: a member signs when its commit is durable), the
process (``process``, ``consensus.processes``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Final

from govchain.consensus.etcd.catching_up import Catcher
from govchain.consensus.etcd.client import EtcdClient, EtcdError
from govchain.consensus.etcd.clocks import ProposerClock
from govchain.consensus.etcd.identity import EtcdMember
from govchain.consensus.etcd.keeper import Keeper
from govchain.consensus.etcd.options import EtcdOptions
from govchain.consensus.etcd.order import OrderLog, TipState
from govchain.consensus.etcd.process import EtcdHome
from govchain.consensus.etcd.records import (
    CHUNK_BYTES_MAX,
    CHUNKS_MAX,
    BlockRecord,
    Keys,
    decode_content,
    encode_content,
)
from govchain.consensus.etcd.running import EtcdRunner
from govchain.consensus.etcd.signals import Signals
from govchain.consensus.etcd.turns import pause_ms
from govchain.consensus.ordering import OrderingState, Phase, Standing
from govchain.consensus.pool import Pool
from govchain.consensus.ports import (
    Application,
    BlockSource,
    Clock,
    EngineStatus,
    ProposalRoute,
)
from govchain.model import Code, GovChainError, UnavailableError, UsageError

__all__ = ["EtcdEngine"]

#: How often an engine with nothing to do looks around.
_IDLE_S: Final = 0.5
#: Records read at once.
_RECORDS_MAX: Final = 32
#: After so many beacons left out a member counts as away.
_BEACONS_MISSED: Final = 3
#: What may keep the engine from going on for now: the keeper's troubles, and a block that is not to be had.
_UPKEEP: Final = "upkeep"
_NEXT_BLOCK: Final = "next block"
#: How long a stop orders what the pool holds.
_DRAIN_S_MAX: Final = 30.0


class EtcdEngine:
    """See the module.

    Args:
        application: what executes blocks.
        pool: this node's.
        options: see there.
        clock: this node's.
        route: tells other nodes that this one is about to propose, or None.
        state: the node's, whose halt ends the engine; without one it has its own.
        source: blocks from other members' stores, or None.
        on_certificate: takes the certificate of a block that came from ``source``, by its ledger height.
        on_notice: hears of what a person should know though the engine goes on.
    """

    def __init__(
        self,
        application: Application,
        pool: Pool,
        options: EtcdOptions,
        clock: Clock,
        route: ProposalRoute | None = None,
        state: OrderingState | None = None,
        *,
        source: BlockSource | None = None,
        on_certificate: Callable[[int, bytes], object] | None = None,
        on_notice: Callable[[Code, str], None] | None = None,
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._application = application
        self._pool = pool
        self._options = options
        self._clock = clock
        self._route = route
        self._state = state or OrderingState(clock.wall)
        self._on_notice = on_notice
        info = application.info()
        self._keys = Keys(options.chain, options.fingerprint, info.engine_era)
        home = EtcdHome(options.folder)
        self._client = EtcdClient(home.socket, timeout_s=options.tuning.call_s)
        self._log = OrderLog(self._client, self._keys, options.suite)
        self._signals = Signals(self._client, self._keys, self._log, clock, self._changed, self._asked)
        self._keeper = Keeper(
            self._client, self._keys, self._log, options.member, clock, options.limits,
            lambda: self._height, self._members, self._active, self._settled, self._looked,
        )  # fmt: skip
        self._runner = EtcdRunner(
            home, options.binary, options.member, options.listen, options.tls_key, self._members, self._active,
            self._keys.cluster, options.tuning, self._client, self._state.halt,
        )  # fmt: skip
        self._catcher = Catcher(application, options.suite, source, on_certificate)
        self._times = ProposerClock(clock, options.member)
        self._stop = threading.Event()
        self._drain = True
        self._thread: threading.Thread | None = None
        self._stopped_proposing = False
        self._height = info.engine_height
        self._last: BlockRecord | None = None
        self._last_at = 0
        self._wanted_at: int | None = None
        self._announced = -1
        self._known: tuple[tuple[int, int], tuple[EtcdMember, ...]] | None = None
        self._state.add_listener(self._moved)

    # -- the port --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to order; answers at once. With a clock that lies behind the newest block it follows and no more."""
        if self._thread is not None or self._state.halted is not None:
            return
        self._state.start()
        behind = self._application.info().time - self._clock.wall()
        if behind > self._times.jump_ms_max:
            self._stopped_proposing = True  # first: who hears of it goes by it
            self._state.halt(Code.NODE_CLOCK, f"the newest block is {behind} ms ahead of the clock")
        self._height = self._application.info().engine_height  # a snapshot may have moved it
        self._thread = threading.Thread(target=self._run, name="etcd-engine", daemon=True)
        self._thread.start()

    def stop(self, *, drain: bool = True) -> None:
        """End after the block in work; with ``drain`` first order what the pool holds, while a majority is there."""
        self._drain = drain
        self._stop.set()
        self._pool.close()
        if not drain:
            self._client.close()  # an append in work may or may not have been: the next start reads the tip
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._pool.abandon(self._state.halted or Code.NODE_STOPPING)

    def status(self) -> EngineStatus:
        """How the engine is."""
        alive = self._thread is not None and self._thread.is_alive()
        state = self._keeper.condition.state
        now = self._clock.steady()
        heard = self._signals.beacons()
        members = [member for member in self._members() if member.key != self._options.member]
        silence_ms = _BEACONS_MISSED * self._options.limits.beacon_ms
        away = [
            member.name or member.key.hex()
            for member in members
            if member.key not in heard or now - heard[member.key].at > silence_ms
        ]
        last = self._last
        return EngineStatus(
            "etcd",
            alive and (self._state.halted is None or self._stopped_proposing),
            self._height,
            self._state.problem,
            round=0 if state is None else state.term,
            proposer="" if last is None else self._name_of(last.proposer),
            peers=len(members) - len(away),
            validators_missing=tuple(sorted(away)),
        )

    @property
    def votes(self) -> bool:
        """Always, where it is a member."""
        return True

    def set_voting(self, votes: bool) -> None:
        """Nothing to change; raises UsageError when asked to end."""
        if not votes:
            raise UsageError(Code.USAGE, reason="etcd: its members always take part")

    @property
    def pid(self) -> int | None:
        """The id of etcd's process while it lives."""
        return self._runner.pid

    def renew(self, member: bytes) -> bool:
        """Take a member whose etcd lost its data out of the cluster; it is added anew as a learner at once.

        Its votes are gone with its data, so that it may not come back as who it was. Whether it was there.
        Only the operator knows that the data is gone for good: nothing here does this by itself.
        """
        return self._runner.renew(member)

    # -- other threads -----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._pool.wake()

    def _asked(self) -> None:
        self._keeper.beacon_soon()

    def _looked(self) -> None:
        condition = self._keeper.condition
        if condition.problem is None:
            self._state.resume(_UPKEEP)
        elif self._state.wait(_UPKEEP, condition.problem, condition.reason):
            self._notice(condition.problem, condition.reason)
        self._runner.follow_members()

    def _members(self) -> tuple[EtcdMember, ...]:
        """The active members whose addresses are known; asked for once for each block and second."""
        moment = (self._height, self._clock.steady() // 1000)
        known = self._known
        if known is None or known[0] != moment:
            known = self._known = moment, tuple(self._options.members())
        return known[1]

    def _active(self) -> Collection[bytes]:
        active = self._options.active
        return {member.key for member in self._members()} if active is None else active()

    def _settled(self) -> bool:
        return self._height == self._signals.height

    # -- the engine's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._height = self._application.info().engine_height  # a snapshot may have been taken since
            founding = self._options.founding and self._height == 0
            if self._runner.begin(
                self._stop,
                founding=founding,
                notice=self._notice,
                meanwhile=lambda: self._catcher.follow(self._stop),
            ):
                self._keeper.start()
                self._signals.start()
                self._order()
        except GovChainError as error:
            self._state.halt(error.code, error.reason() or str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the engine stops and says so
            self._state.halt(Code.INTERNAL, f"{type(error).__name__}: {error}")
        finally:
            self._client.close()
            self._keeper.stop()
            self._signals.stop()
            self._runner.end()

    def _order(self) -> None:
        drain_until: int | None = None
        while True:
            stopping = self._stop.is_set()
            if stopping:
                now = self._clock.steady()
                drain_until = drain_until or now + int(_DRAIN_S_MAX * 1000)
                waits = self._stopped_proposing or self._state.standing.phase is Phase.WAITING
                if not self._drain or not len(self._pool) or waits or now > drain_until:
                    return
            self._look_at_clocks()
            try:
                if not self._advance(stopping=stopping):
                    return
            except EtcdError:
                self._refresh()

    def _advance(self, *, stopping: bool) -> bool:
        """One step: execute what was ordered, or propose, or wait; False when a stop has nothing left to do."""
        seen = self._signals.tip
        if seen is None:
            self._refresh()
            return True
        if seen.height < self._height:
            # What etcd has is older than the ledger: it was put back to an earlier state, or is another cluster's.
            reason = f"etcd ends at {seen.height}, the ledger at {self._height}"
            raise UnavailableError(Code.ENGINE_MISMATCH, reason=reason)
        if seen.height > self._height:
            self._follow(seen)
            return True
        if self._stopped_proposing or not len(self._pool):
            self._wanted_at = None
            if self._stopped_proposing:
                self._signals.wait_beyond(self._height, _IDLE_S)
            else:
                self._pool.wait_for_work(_IDLE_S, unless=lambda: self._signals.height > self._height)
            return True
        pause_s = self._turn_s()
        if pause_s > 0 and not self._stop.is_set():
            self._signals.wait_beyond(self._height, pause_s)
            return True
        return self._propose(seen) or not stopping

    def _refresh(self) -> None:
        """Read the tip as a majority has it; whatever is in doubt is settled by it."""
        try:
            state = self._log.tip()
            if state is None and self._height == 0:
                self._log.begin()
                state = self._log.tip()
            if state is not None:
                self._signals.note(state)
                return
            raise UnavailableError(Code.ENGINE_MISMATCH, reason=f"etcd has no order, the ledger is at {self._height}")
        except EtcdError:
            self._signals.wait_beyond(self._height, 0.2)

    def _turn_s(self) -> float:
        """How long to leave the next block to others, in seconds."""
        now = self._clock.steady()
        if self._wanted_at is None:
            self._wanted_at = now
        members = self._members()
        if not self._times.heard_enough(self._signals.beacons(), len(members)):
            return 0.02
        last = self._last
        pause = pause_ms(
            self._options.member,
            None if last is None else last.proposer,
            more=last is not None and last.more,
            since_ms=now - self._last_at,
            waited_ms=now - self._wanted_at,
            members=(member.key for member in members),
        )
        return pause / 1000

    def _propose(self, seen: TipState) -> bool:
        """Propose what the pool holds after ``seen``; whether there was anything."""
        options = self._options
        if options.linger_ms and not self._stop.is_set():
            self._stop.wait(options.linger_ms / 1000)
        info = self._application.info()
        time = max(self._clock.wall(), info.time + 1)
        bytes_max = min(options.block_bytes_max, (CHUNKS_MAX - 1) * CHUNK_BYTES_MAX)
        if self._route is not None and self._announced != self._height:
            self._announced = self._height
            self._route.announce(self._height + 1, bytes_max)
        envelopes = self._application.prepare_proposal(time, bytes_max)
        if not envelopes:
            self._signals.wait_beyond(self._height, 0.05)
            return False
        content = encode_content(envelopes)
        chunks, total = self._log.describe(seen, content)
        record = BlockRecord(
            self._height + 1, time, options.member, seen.tip.digest, info.ledger_height, info.app_hash,
            len(self._pool) > len(envelopes), chunks, len(content), total,
        )  # fmt: skip
        state = self._log.append(seen, record, content)
        if state is None:
            self._refresh()  # another block was first
            return True
        self._keeper.contact()
        self._signals.note(state)
        self._execute(record, envelopes, own=True)
        return True

    def _follow(self, seen: TipState) -> None:
        """Execute the next blocks that others, or this member in doubt, have ordered."""
        first = self._height + 1
        found = self._log.blocks(first, seen, _RECORDS_MAX, local=True)
        if not found or found[0].record.height != first:
            found = self._log.blocks(first, seen, _RECORDS_MAX, local=False)
        for block in found:
            if block.record.height != self._height + 1:
                break
            if block.record.ledger_height < self._application.info().ledger_height:
                self._pass_by(block.record)
                continue
            try:
                envelopes = decode_content(self._log.content(block.record))
            except EtcdError:
                raise
            except UnavailableError as error:
                fetched = self._catcher.content_of(block.record)
                if fetched is None:
                    self._hold(error.code, error.reason())
                    return
                self._notice(error.code, error.reason())
                envelopes = list(fetched)
            self._execute(block.record, envelopes, own=False)
            if self._stop.is_set() and not self._drain:
                return
        if self._height < first:
            self._catch_up(seen)

    def _pass_by(self, record: BlockRecord) -> None:
        """The ledger has this block from another member's store already."""
        self._application.finalize_block((), record.time, record.height)
        self._application.commit()
        self._height, self._last = record.height, record

    def _catch_up(self, seen: TipState) -> None:
        """The next block was cleared, or altered: take blocks from other members' stores up to one that is there."""
        oldest = self._log.oldest(self._height + 1, seen)
        if oldest is not None:
            reached = self._catcher.advance(oldest.record, self._stop)
        else:
            # Only the newest is lacking: it made a ledger block, if any certified one follows this node's.
            reached = self._catcher.take_newest(seen.height) if self._height == seen.height - 1 else None
        if reached is not None:
            self._height = reached
        elif not self._stop.is_set():
            self._hold(Code.ENGINE_ALTERED if oldest is None else Code.ENGINE_UNREACHABLE, self._catcher.lacks)

    def _hold(self, code: Code, reason: str) -> None:
        """Wait for what is not to be had now."""
        if self._state.wait(_NEXT_BLOCK, code, reason):
            self._notice(code, reason)
        self._stop.wait(0.5)

    def _execute(self, record: BlockRecord, envelopes: Sequence[bytes] | None, *, own: bool) -> None:
        application = self._application
        if application.info().app_hash != record.app_hash:
            # Who is right is for the certificates to say; the order holds for both.
            self._notice(Code.NODE_DIVERGED, f"block {record.height} was proposed on another state than this node's")
        if envelopes is None or not envelopes:
            code = Code.BLOCK_INVALID
        else:
            # What this member chose itself it chose by the same rules and from the same state.
            code = Code.OK if own else application.process_proposal(envelopes, record.time)
        if code:
            reason = f"block {record.height} of {self._name_of(record.proposer)} is passed over: {code.name}"
            self._notice(Code.BLOCK_INVALID, reason)
        application.finalize_block(() if code else envelopes or (), record.time, record.height)
        application.commit()
        self._height = record.height
        self._state.resume(_NEXT_BLOCK)
        self._last = record
        self._last_at = self._clock.steady()
        if own:
            self._wanted_at = None

    # -- clocks and problems -----------------------------------------------------------------------------------------

    def _look_at_clocks(self) -> None:
        if self._stopped_proposing:
            return
        reason = self._times.check(self._signals.beacons())
        if reason:
            self._stopped_proposing = True  # first: who hears of it goes by it
            self._state.halt(Code.NODE_CLOCK, reason)

    def _moved(self, standing: Standing) -> None:
        """Whoever halted the node: propose nothing more, and execute nothing more unless only the clock is wrong."""
        if standing.phase is not Phase.HALTED or standing.code is None:
            return
        if standing.code is not Code.NODE_CLOCK:
            self._drain = False
            self._stop.set()
        self._pool.close()
        self._pool.abandon(standing.code)

    def _notice(self, code: Code, reason: str) -> None:
        if self._on_notice is not None:
            self._on_notice(code, reason)

    def _name_of(self, key: bytes) -> str:
        names = (member.name for member in self._members() if member.key == key)
        return next(names, "") or key.hex()
