"""What etcd gives an application, as a model: one log behind a majority, extended by compare-and-set on its tip.

Purpose: drive the real application as members do that trust each other. A member proposes while it holds the lease,
and sometimes without; the log takes block h only on top of h - 1 and only while a majority is there; the answer may be
lost, so a proposer reads the tip before it tries again. Members execute the log at their own pace.
Not here: chunks of large blocks, compaction, quota of the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.bft import BYTES_MAX, Block, describe

if TYPE_CHECKING:
    from tests.simulator.replica import Process, Replica
    from tests.simulator.run import Simulation

#: A lease is taken from a member that is gone this long (ms).
LEASE_MS = 1_500
#: Chance that a member proposes without the lease, and that an answer is lost.
_ASTRAY = 0.03
_LOST = 0.1


class RaftModel:
    """The log, and who holds the lease."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.log: list[Block] = []
        self.hashes: dict[int, bytes] = {}
        self._holder = 0
        self._gone_since: int | None = None

    def blocks(self) -> list[Block]:
        """Every block in order."""
        return self.log

    def make_engine(self, process: Process) -> RaftEngine:
        """The engine of one process."""
        return RaftEngine(process, self)

    def available(self, replica: Replica) -> bool:
        """Whether a majority of the members is up and within the reach of ``replica``."""
        network, members = self.simulation.network, self.simulation.active()
        up = [one for one in members if one.process is not None and network.reaches(replica.number, one.number)]
        return 2 * len(up) > len(members)

    def holds_lease(self, replica: Replica) -> bool:
        """Whether ``replica`` may propose; an abandoned lease goes to whoever asks after a while."""
        holder = self.simulation.replicas[self._holder]
        if replica not in self.simulation.active():
            return False
        if holder.process is not None and holder in self.simulation.active() and self.available(holder):
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = self.simulation.schedule.now
        elif self.simulation.schedule.now - self._gone_since > LEASE_MS:
            self._holder, self._gone_since = replica.number, None
        return self._holder == replica.number

    def append(self, replica: Replica, block: Block) -> bool:
        """Compare-and-set: whether the block became the tip."""
        if not self.available(replica) or block.height != len(self.log) + 1:
            return False
        self.log.append(block)
        self.simulation.record(f"written {describe(block)}")
        return True

    def same_hash(self, replica: Replica, height: int, app_hash: bytes) -> None:
        """The app hash after ``height`` is everybody's."""
        assert self.hashes.setdefault(height, app_hash) == app_hash, f"{replica.name}: another app hash at {height}"


class RaftEngine:
    """One replica's engine: its process keeps nothing that the log does not."""

    def __init__(self, process: Process, model: RaftModel) -> None:
        self.process, self.model = process, model
        self.replica, self.simulation = process.replica, process.simulation
        self._busy = False

    @property
    def height(self) -> int:
        """The height of the log that this replica has executed."""
        return len(self.replica.log)

    def start(self) -> None:
        """Go on from where the application stands."""
        info = self.process.application.info()
        assert info.engine_height <= len(self.model.log), f"{self.replica.name}: ahead of the log"
        if info.engine_height:
            self.model.same_hash(self.replica, info.engine_height, info.app_hash)
        self.replica.log = self.model.log[: info.engine_height]
        self._soon()

    def tick(self) -> None:
        """Look at the tip."""
        self._step()

    def work_arrived(self) -> None:
        """The pool took something."""
        self._soon()

    def receive(self, source: int, kind: str, *content: object) -> None:
        """Somebody says that the tip moved."""
        self._step()

    def _soon(self) -> None:
        self.process.later(self.simulation.dice.randint(1, 30), self._step)

    def _step(self) -> None:
        if self._busy or not self.model.available(self.replica):
            return
        if self.height < len(self.model.log):
            self._busy = True
            dice = self.simulation.dice
            pause = dice.randint(200, 3_000) if dice.random() < 0.02 else dice.randint(1, 20)
            self.process.later(pause, self._execute, self.model.log[self.height])
            return
        astray = self.simulation.dice.random() < _ASTRAY
        if len(self.process.pool) and (
            self.model.holds_lease(self.replica) or (astray and self.replica in self.simulation.active())
        ):
            self._propose()

    def _propose(self) -> None:
        self._busy = True
        if self.simulation.dice.random() < 0.5:
            self.process.route.announce(self.height + 1, BYTES_MAX)
        time = self.replica.clock()
        envelopes = self.process.application.prepare_proposal(time, BYTES_MAX)
        known = self.process.application.info().app_hash
        block = Block(self.height + 1, 0, self.replica.number, time, tuple(envelopes), known)
        self.process.later(self.simulation.dice.randint(1, 60), self._write, block)

    def _write(self, block: Block) -> None:
        self._busy = False
        if not block.envelopes:
            return
        if self.model.append(self.replica, block):
            self.process.tell_all("tip")
            self.replica.trip("finalized")  # written, and gone before it is executed
            if self.simulation.dice.random() < _LOST:
                return  # the answer is lost: the next look at the tip shows it
        self._step()

    def _execute(self, block: Block) -> None:
        application, replica = self.process.application, self.replica
        code = application.process_proposal(block.envelopes, block.time)
        assert not code, f"{replica.name} would reject {describe(block)}: {code!r}"
        result = application.finalize_block(list(block.envelopes), block.time, block.height)
        self.model.same_hash(replica, block.height, result.app_hash)
        application.commit()
        replica.log.append(block)
        replica.committed(block.height, result.height)
        replica.trip("committed")
        self._busy = False
        self._step()
