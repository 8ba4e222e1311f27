"""The solo engine itself, stepped by the simulation: one replica, crashes at its write boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govchain.consensus.ports import Clock
from govchain.consensus.solo import SoloEngine
from tests.simulator.bft import Block

if TYPE_CHECKING:
    from tests.simulator.replica import Process
    from tests.simulator.run import Simulation


class SoloModel:
    """Nothing is in common where there is one."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def make_engine(self, process: Process) -> SoloDriver:
        """The engine of one process."""
        return SoloDriver(process)


class _Noted:
    """The application as the engine drives it, noting what it finalises; the application's own log is its store."""

    def __init__(self, process: Process) -> None:
        self._application, self._replica = process.application, process.replica

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def finalize_block(self, envelopes: list[bytes], time: int, engine_height: int) -> Any:
        known = self._application.info().app_hash
        self._replica.log[engine_height - 1 :] = [Block(engine_height, 0, 0, time, tuple(envelopes), known)]
        result = self._application.finalize_block(envelopes, time, engine_height)
        self._replica.trip("finalized")
        return result

    def commit(self) -> int:
        return self._application.commit()


class SoloDriver:
    """A step now and then, as the engine's thread does."""

    def __init__(self, process: Process) -> None:
        self.process, self.replica = process, process.replica
        clock = Clock(self.replica.clock, lambda: self.process.simulation.schedule.now)
        self._engine = SoloEngine(_Noted(process), process.pool, clock)

    def start(self) -> None:
        """What was executed and not committed before a crash never was."""
        del self.replica.log[self.process.application.info().engine_height :]

    def tick(self) -> None:
        """Order what is there."""
        self._step()

    def work_arrived(self) -> None:
        """The pool took something."""
        self.process.later(self.process.simulation.dice.randint(1, 30), self._step)

    def receive(self, source: int, kind: str, *content: object) -> None:
        """There is nobody to hear of."""

    def _step(self) -> None:
        if len(self.process.pool) and self._engine.step():
            chain = self.process.application.chain
            self.replica.committed(chain.engine_height, chain.height)
            self.replica.trip("committed")
