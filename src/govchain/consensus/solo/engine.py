"""The solo engine: orders what the pool holds, in one thread of the node's process.

Purpose: the embedded default behind the ``Engine`` port. Rules: a block is durable before its transactions are
acknowledged; the clock is handed in; a wall clock that jumps stops the engine with NODE_CLOCK rather than writing a
false time (ARCHITECTURE decision 10). Not here: what a block means (``ledger``).
"""

from __future__ import annotations

import threading

from govchain.consensus.ordering import OrderingState, Phase, Standing
from govchain.consensus.pool import Pool
from govchain.consensus.ports import CLOCK_JUMP_MS_MAX, Application, BlockOptions, Clock, EngineStatus
from govchain.model import Code, GovChainError, UsageError

__all__ = ["SoloEngine"]

#: How often an engine with nothing to do looks at its clocks.
_IDLE_S = 0.5


class SoloEngine:
    """See the module. ``state`` is the node's, whose halt ends the engine; without one it has its own."""

    def __init__(
        self,
        application: Application,
        pool: Pool,
        clock: Clock,
        options: BlockOptions | None = None,
        state: OrderingState | None = None,
    ) -> None:
        """Drive ``application`` with what ``pool`` holds; does nothing before :meth:`start`."""
        self._application = application
        self._pool = pool
        self._clock = clock
        self._options = options or BlockOptions()
        self._state = state or OrderingState(clock.wall)
        self._state.add_listener(self._moved)
        self._stop = threading.Event()
        self._drain = True
        self._thread: threading.Thread | None = None
        self._height = application.info().engine_height

    def start(self) -> None:
        """Begin to order; with a clock that lies behind the newest block it stops at once, saying NODE_CLOCK."""
        behind = self._application.info().time - self._clock.wall()
        if behind > CLOCK_JUMP_MS_MAX:
            self._state.halt(Code.NODE_CLOCK, f"the newest block is {behind} ms ahead of the clock")
        elif self._thread is None and self._state.halted is None:
            self._state.start()
            self._thread = threading.Thread(target=self._run, name="solo-engine", daemon=True)
            self._thread.start()

    def stop(self, *, drain: bool = True) -> None:
        """End after the block in work; with ``drain`` first order what the pool holds."""
        self._drain = drain
        self._stop.set()
        self._pool.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._pool.abandon(self._state.halted or Code.NODE_STOPPING)

    def status(self) -> EngineStatus:
        """How the engine is."""
        running = self._thread is not None and self._thread.is_alive() and self._state.halted is None
        return EngineStatus("solo", running, self._height, self._state.problem)

    @property
    def votes(self) -> bool:
        """Always: it is the only member."""
        return True

    def set_voting(self, votes: bool) -> None:
        """Nothing to change; raises UsageError when asked to end."""
        if not votes:
            raise UsageError(Code.USAGE, reason="solo: its members always take part")

    def step(self) -> bool:
        """Order one block from the pool; whether there was one. For the thread, and for tests without one."""
        time = self._clock.wall()
        envelopes = self._application.prepare_proposal(time, self._options.block_bytes_max)
        if not envelopes:
            return False
        self._height += 1
        self._application.finalize_block(envelopes, time, self._height)
        self._application.commit()
        return True

    def _run(self) -> None:
        offset = self._clock.wall() - self._clock.steady()
        try:
            while True:
                stopping = self._stop.is_set()
                if stopping and (not self._drain or not len(self._pool)):
                    return
                work = self._pool.wait_for_work(_IDLE_S)
                moved = self._clock.wall() - self._clock.steady() - offset
                if abs(moved) > CLOCK_JUMP_MS_MAX:
                    self._state.halt(Code.NODE_CLOCK, f"{moved} ms")
                    return
                offset += moved  # small corrections add up to nothing that a jump could hide in
                if not work:
                    continue
                if not stopping and self._options.linger_ms:
                    self._stop.wait(self._options.linger_ms / 1000)
                if not self.step():
                    if stopping:
                        return  # what is left waits for a time that this run will not see
                    self._stop.wait(0.05)
        except GovChainError as error:
            self._state.halt(error.code, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the engine stops and says so
            self._state.halt(Code.INTERNAL, f"{type(error).__name__}: {error}")

    def _moved(self, standing: Standing) -> None:
        """Whoever halted the node: nothing more is ordered, and whoever waits is told."""
        if standing.phase is not Phase.HALTED or standing.code is None:
            return
        self._drain = False
        self._stop.set()
        self._pool.close()
        self._pool.abandon(standing.code)
