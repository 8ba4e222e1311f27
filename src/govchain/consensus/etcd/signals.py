"""What the members tell each other through etcd in small keys: the newest tip, and every member's beacon.

Purpose: one thread follows the keys below ``s/`` and wakes the engine; what it saw last is told at once.
Rules: everything is bounded: only keys of known form are kept, of as many members as there are. A beacon that was
there before the thread began says nothing about its member's clock; one that arrives does: its age is at most the
route's delay. When the stream ends, it begins again from what a majority has.
Not here: what follows from a tip or a clock (``engine``), who writes them (``order``, ``keeper``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from govchain.consensus.etcd.client import EtcdClient, EtcdError, KeyValue, Watch
from govchain.consensus.etcd.order import OrderLog, TipState
from govchain.consensus.etcd.records import Beacon, Keys, decode_record
from govchain.consensus.ports import Clock
from govchain.model import UnavailableError

__all__ = ["Heard", "Signals"]

#: Signals read at the start, at most; more members than that there are not.
_SIGNALS_MAX: Final = 1_000
_PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """A member's newest beacon.

    Attributes:
        height: its engine height.
        at: the steady clock (ms) when it came.
        ahead: how far its wall clock is ahead of this node's (ms); None when the beacon was there before.
    """

    height: int
    at: int
    ahead: int | None


class Signals:
    """See the module.

    Args:
        client: of this node's etcd.
        keys: the chain's.
        log: reads the tip's form.
        clock: this node's.
        on_change: called after each change, on the signals' thread; must not block.
        on_question: called when a member that has just started asks for the others' beacons.
    """

    def __init__(
        self,
        client: EtcdClient,
        keys: Keys,
        log: OrderLog,
        clock: Clock,
        on_change: Callable[[], None],
        on_question: Callable[[], None],
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._client = client
        self._keys = keys
        self._log = log
        self._clock = clock
        self._on_change = on_change
        self._on_question = on_question
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._tip: TipState | None = None
        self._beacons: dict[bytes, Heard] = {}
        self._fault: UnavailableError | None = None
        self._following = False
        self._watch: Watch | None = None
        self._thread: threading.Thread | None = None

    @property
    def tip(self) -> TipState | None:
        """The newest tip seen; None before the first.

        Raises:
            UnavailableError: ENGINE_ALTERED: the tip is not of its form.
        """
        with self._changed:
            if self._fault is not None:
                raise self._fault
            return self._tip

    @property
    def height(self) -> int:
        """The newest tip's height, or -1 before the first; above all heights when the tip is no tip."""
        with self._changed:
            if self._fault is not None:
                return 2**63
            return -1 if self._tip is None else self._tip.height

    @property
    def following(self) -> bool:
        """Whether the stream of changes is open."""
        return self._following

    def beacons(self) -> Mapping[bytes, Heard]:
        """The newest beacon of each member, by member key."""
        with self._changed:
            return dict(self._beacons)

    def note(self, state: TipState) -> None:
        """The engine has read, or written, a tip that is newer than what came here yet."""
        with self._changed:
            self._take_tip(state)
            self._changed.notify_all()

    def wait_beyond(self, height: int, timeout_s: float) -> bool:
        """Whether a tip above ``height`` was seen, waiting up to the time for it."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    self._stop.is_set()
                    or self._fault is not None
                    or (self._tip is not None and self._tip.height > height)
                ),
                timeout_s,
            )

    def start(self) -> None:
        """Follow, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="etcd-signals", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
            watch = self._watch
        if watch is not None:
            watch.close()
        if self._thread is not None:
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except EtcdError:
                self._following = False
                self._stop.wait(_PAUSE_S)

    def _follow(self) -> None:
        items, revision = self._client.snapshot(self._keys.signals, limit=_SIGNALS_MAX)
        with self._changed:
            for item in items:
                self._take(item, fresh=False)
            self._changed.notify_all()
        watch = self._client.watch(self._keys.signals, revision)
        try:
            with self._changed:
                self._watch = watch
            self._following = True
            self._on_change()
            for events in watch:
                with self._changed:
                    for event in events:
                        if not event.deleted:
                            self._take(event.item, fresh=True)
                    self._changed.notify_all()
                self._on_change()
                if self._stop.is_set():
                    return
        finally:
            with self._changed:
                self._watch = None
            watch.close()
            watch.release()

    def _take(self, item: KeyValue, *, fresh: bool) -> None:
        keys = self._keys
        if item.key == keys.tip:
            try:
                self._take_tip(self._log.decode_tip(item))
            except UnavailableError as error:
                self._fault = error
            return
        try:
            member = bytes.fromhex(item.key.removeprefix(keys.beacons).decode("ascii"))
            beacon = decode_record(Beacon, item.value, "beacon")
        except (ValueError, UnavailableError):
            return  # garbage among the beacons harms nobody
        if len(self._beacons) >= _SIGNALS_MAX and member not in self._beacons:
            return
        steady, wall = self._clock.steady(), self._clock.wall()
        self._beacons[member] = Heard(beacon.height, steady, beacon.time - wall if fresh else None)
        if beacon.asks:
            self._on_question()

    def _take_tip(self, state: TipState) -> None:
        if self._tip is None or state.revision > self._tip.revision:
            self._tip = state
