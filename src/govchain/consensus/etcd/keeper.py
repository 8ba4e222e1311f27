"""The upkeep of a member's etcd: its beacon, its state, clearing, space, alarms, and the cluster's members.

Purpose: one thread that looks every second; what concerns the whole cluster is done by the node whose etcd leads.
Rules: old blocks beyond a fixed number of bytes are cleared whoever lags (a laggard fetches them from other members'
block stores); what was cleared is compacted, and a database that is mostly free space is defragmented by its own node.
A beacon is a write, so that one which succeeds shows a majority. A step that fails is tried again the next time.
Not here: blocks (``engine``), which members there are (handed in).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from govchain.consensus.etcd.client import EtcdClient, EtcdError, EtcdState
from govchain.consensus.etcd.identity import EtcdMember
from govchain.consensus.etcd.membership import Step, apply_step, next_step
from govchain.consensus.etcd.order import OrderLog
from govchain.consensus.etcd.records import Beacon, Keys, encode_record
from govchain.consensus.ports import Clock
from govchain.model import Code, UnavailableError

__all__ = ["Condition", "Keeper", "KeeperLimits"]

#: Between two looks.
_LOOK_S: Final = 1.0
#: The same while something is wrong.
_LOOK_AGAIN_S: Final = 0.3
#: How long a defragmentation may take.
_DEFRAGMENT_S: Final = 60.0
#: gRPC's status of a write that the quota refuses.
_EXHAUSTED: Final = 8


@dataclass(frozen=True, slots=True)
class KeeperLimits:
    """What is kept and when something is done.

    Attributes:
        keep_bytes: contents of the newest blocks that stay in etcd.
        beacon_ms: between two beacons.
        contact_ms: without a beacon that a majority took for so long, the member says that it has no contact.
        compact_revisions: changes after which the past of small keys is forgotten, too.
        defragment_bytes: free space within the database, half of it at least, that is worth giving back.
        quota_bytes: etcd's quota; above three quarters of it clearing keeps a quarter of ``keep_bytes`` only.
        leave_ms: so long a member that the ledger took out stays in the cluster: it must read the block that says so.
    """

    keep_bytes: int = 64 * 1024 * 1024
    beacon_ms: int = 5_000
    contact_ms: int = 4_000
    compact_revisions: int = 5_000
    defragment_bytes: int = 64 * 1024 * 1024
    quota_bytes: int = 1024 * 1024 * 1024
    leave_ms: int = 3_000


@dataclass(frozen=True, slots=True)
class Condition:
    """How the keeper last found things: etcd's state (None: no answer), and what is wrong, if anything."""

    state: EtcdState | None = None
    problem: Code | None = None
    reason: str = ""


class Keeper:
    """See the module.

    Args:
        client: of this node's etcd.
        keys: the chain's.
        log: to clear.
        member: this member's key.
        clock: this node's.
        limits: see there.
        height: this node's engine height.
        members: the members that etcd shall have, as far as their addresses are known.
        active: the keys of all that it shall have.
        settled: whether this node has executed all that was ordered, so that ``members`` is the newest set.
        on_condition: called after each look, on the keeper's thread.
    """

    def __init__(
        self,
        client: EtcdClient,
        keys: Keys,
        log: OrderLog,
        member: bytes,
        clock: Clock,
        limits: KeeperLimits,
        height: Callable[[], int],
        members: Callable[[], Sequence[EtcdMember]],
        active: Callable[[], Collection[bytes]],
        settled: Callable[[], bool],
        on_condition: Callable[[], None],
    ) -> None:
        """Does nothing before :meth:`start`."""
        self._client = client
        self._keys = keys
        self._log = log
        self._beacon_key = keys.beacon(member)
        self._clock = clock
        self._limits = limits
        self._height = height
        self._members = members
        self._active = active
        self._settled = settled
        self._on_condition = on_condition
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._beacon_due = True
        self._asks = True
        self._beacon_at = 0
        self._contact_at = clock.steady()
        self._compacted = 0
        self._leaving: dict[int, int] = {}  # since when (steady ms) a member is to be let go, by its id in etcd
        self._thread: threading.Thread | None = None
        self._condition = Condition()
        self.cleared = 0  # blocks removed from etcd by this node

    @property
    def condition(self) -> Condition:
        """How things were at the last look."""
        return self._condition

    def start(self) -> None:
        """Look, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="etcd-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step in work."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def beacon_soon(self) -> None:
        """Somebody asks for this member's beacon."""
        self._beacon_due = True
        self._wake.set()

    def contact(self) -> None:
        """A write of this node was taken by a majority just now."""
        self._contact_at = self._clock.steady()

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._condition = self._look()
            except EtcdError as error:
                self._condition = self._without_contact(None, error.words)
            except UnavailableError as error:
                self._condition = Condition(None, error.code, error.reason())
            self._on_condition()
            self._wake.wait(_LOOK_S if self._condition.problem is None else _LOOK_AGAIN_S)

    def _look(self) -> Condition:
        state = self._client.state()
        problem: Code | None = None
        reason = ""
        if not state.leader:
            return self._without_contact(state, "no leader")
        try:
            self._send_beacon()
        except EtcdError as error:
            if error.status == _EXHAUSTED:
                problem, reason = Code.ENGINE_FULL, error.words
            elif not state.learner:
                return self._without_contact(state, error.words)
        self._save_space(state, full=problem is not None)
        if state.leader == state.identifier:
            self._lead(state)
        elif any("CORRUPT" in error for error in state.errors):
            problem, reason = Code.ENGINE_ALTERED, "; ".join(state.errors)[:300]
        return Condition(state, problem, reason)

    def _without_contact(self, state: EtcdState | None, reason: str) -> Condition:
        silent = self._clock.steady() - self._contact_at
        if silent < self._limits.contact_ms:
            return Condition(state)
        return Condition(state, Code.ENGINE_UNREACHABLE, reason)

    def _send_beacon(self) -> None:
        now = self._clock.steady()
        if not self._beacon_due and now - self._beacon_at < self._limits.beacon_ms:
            return
        self._beacon_due = False
        beacon = Beacon(max(0, self._clock.wall()), self._height(), self._asks)
        self._client.put(self._beacon_key, encode_record(beacon))
        self._asks = False
        self._beacon_at = now
        self.contact()

    def _save_space(self, state: EtcdState, *, full: bool) -> None:
        free = state.size - state.size_in_use
        if (free > self._limits.defragment_bytes and free > state.size // 2) or (full and free > state.size // 8):
            self._client.defragment(_DEFRAGMENT_S)

    def _lead(self, state: EtcdState) -> None:
        limits = self._limits
        pressed = state.size > limits.quota_bytes // 4 * 3
        cleared = self._log.clear(limits.keep_bytes // 4 if pressed else limits.keep_bytes)
        self.cleared += cleared
        tip = self._log.tip()
        revision = 0 if tip is None else tip.revision
        if revision and (cleared or revision - self._compacted > limits.compact_revisions):
            self._client.compact(revision)
            self._compacted = revision
        for member, alarm in self._client.alarms():
            now = self._client.state()
            if alarm == "NOSPACE" and now.size < limits.quota_bytes // 10 * 9:
                self._client.disarm(member, alarm)  # a member that is still full raises it again
        if self._settled():
            step = next_step(self._client.members(), self._members(), self._active())
            if step is not None and self._is_due(step):
                apply_step(self._client, step)

    def _is_due(self, step: Step) -> bool:
        """Whether it may be done now: whoever leaves is given a while."""
        if step.kind != "remove":
            return True
        now = self._clock.steady()
        since = self._leaving.get(step.identifier, now)
        self._leaving = {step.identifier: since}
        return now - since >= self._limits.leave_ms
