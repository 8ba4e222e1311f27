"""One replica: what a crash leaves (store, engine's log), and the process that it takes (application, pool).

Purpose: put the real application, pool and finality together as a node does, behind messages instead of sockets.
Rules: whatever the process does runs under a guard: at a :class:`Crash` the process is gone with all it had in memory,
some of what it was about to send is lost, and later a new one starts from what is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from govchain.consensus import Certifier, FinalitySignature, Outcome, Pool, PoolLimits, Ticket
from govchain.model import Code
from govchain.state import Table
from govchain.storage.blocks import height_key
from tests.simulator.chain import CREATED
from tests.simulator.joining import join_by_snapshot
from tests.simulator.route import Route
from tests.simulator.storing import Crash

if TYPE_CHECKING:
    from tests.simulator.run import Simulation

#: How often a process looks after what is missing (ms), and how much that varies.
TICK_MS = 350


class Watch:
    """What a replica heard of signatures over other blocks; its operator keeps it."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    def equivocated(self, key: bytes, height: int, proof: bytes) -> None:
        self.replica.proofs.append((key, height, proof))

    def disagreed(self, signature: FinalitySignature) -> None:
        """Counted by nobody here."""

    def diverged(self, height: int, reason: str) -> None:
        assert self.replica.byzantine, f"{self.replica.name} believes that it went astray at {height}: {reason}"


class Replica:
    """See the module. ``skew_ms`` is how wrong its clock is."""

    def __init__(self, simulation: Simulation, number: int, *, skew_ms: int, liar: Any = None) -> None:
        self.simulation, self.number, self.skew_ms, self.liar = simulation, number, skew_ms, liar
        self.name = f"r{number}"
        self.member = simulation.kit.members[number]
        #: Public keys that its member has and had, and those of its engine.
        self.member_keys = {self.member.public_key.hex()}
        self.engine_keys = [simulation.kit.engine_keys[number]]
        # What a crash leaves.
        self.store = simulation.plan.store()
        self.log: list[Any] = []
        self.voted: dict[tuple[int, int], bytes] = {}
        self.owed: dict[int, Any] = {}
        self.proofs: list[tuple[bytes, int, bytes]] = []
        self.certified: set[int] = set()
        # What it takes.
        self.process: Process | None = None
        self.base = 0  # the snapshot's height, where it joined by one
        self.installing = False
        self.started = number < simulation.members  # a joiner starts when it is invited
        self._outbox: list[tuple[Any, ...]] = []
        self._trip: str | None = None
        self.crashes = 0

    @property
    def byzantine(self) -> bool:
        """Whether it lies."""
        return self.liar is not None

    def engine_key_at(self, height: int) -> bytes:
        """The key that its engine votes with at a height: the one that is a validator's then."""
        validators = self.simulation.model.validators.get(height, {})
        return next((key for key in self.engine_keys if key in validators), self.engine_keys[-1])

    def clock(self) -> int:
        """Its own wall clock (ms)."""
        return CREATED + self.simulation.schedule.now + self.skew_ms

    def start(self) -> None:
        """Start a process from what is durable, unless one runs."""
        if self.process is not None or not self.started:
            return
        if self.installing:  # a snapshot was cut short: application and engine begin again with nothing
            self.store, self.installing = self.simulation.plan.store(), False
        try:
            self.process = Process(self)
            self.process.begin()
        except Crash:
            self.crash()
        else:
            self._flush()

    def receive(self, source: Any, kind: str, *content: Any) -> None:
        """A message for the process, if there is one."""
        if self.process is not None:
            self.act(self.process, self.process.receive, source, kind, *content)

    def act(self, process: Process, action: Callable[..., None], *arguments: Any) -> None:
        """Let a process do something under the guard, unless it is gone."""
        if process is not self.process:
            return
        try:
            action(*arguments)
        except Crash:
            self.crash()
        else:
            self._flush()

    def later(self, delay_ms: int, action: Callable[[Process], None]) -> None:
        """Something that the process of that moment does, if there is one."""
        self.simulation.schedule.after(delay_ms, self._act_now, action)

    def _act_now(self, action: Callable[[Process], None]) -> None:
        if self.process is not None:
            self.act(self.process, action, self.process)

    def post(self, target: Any, kind: str, *content: Any) -> None:
        """Send when what is being done is done; a crash before that loses some of it."""
        self._outbox.append((target, kind, *content))

    def set_trip(self, place: str) -> None:
        """Crash when the process next comes by ``place``."""
        self._trip = place

    def trip(self, place: str) -> None:
        """The process comes by ``place``."""
        if self._trip == place:
            self._trip = None
            raise Crash

    def disarm(self) -> None:
        """No crash that was prepared happens any more."""
        self._trip = None
        self.store.disarm()

    def crash(self) -> None:
        """The process is gone; a new one comes later."""
        simulation, process = self.simulation, self.process
        self.process = None
        self.crashes += 1
        if process is not None and process.application is not None:
            process.application.close()
        lost = self.store.lose(simulation.dice)
        self._flush(simulation.dice.randint(0, len(self._outbox)))
        pause = simulation.dice.choice((100, 500, 2_000, 8_000))
        simulation.record(f"{self.name} crashed, {lost} batches lost, back in {pause} ms")
        simulation.schedule.after(pause, self.start)

    def committed(self, engine_height: int, height: int | None) -> None:
        """A block was committed: everybody's block of that height is the same, and it is in the store."""
        if height is None or self.process is None:
            return
        chain = self.process.application.chain
        assert chain.height == height, f"{self.name}: height {chain.height} after block {height}"
        self.simulation.check_identity(self, height, chain.identity, engine_height)
        self.simulation.set_active(height, chain.signers)

    def check_signature(self, signature: FinalitySignature) -> None:
        """An honest member's own signature leaves it: its block is in the store, and agreed under bft."""
        if self.byzantine:
            return
        header = self.store.get(Table.HEADERS, height_key(signature.height))
        assert header is not None, f"{self.name} signs block {signature.height}, which it does not have"
        if self.simulation.plan.rule == "bft":
            engine_height = self.simulation.engine_heights.get(signature.height)
            followed = engine_height is not None and len(self.log) > engine_height
            assert followed, f"{self.name} signs block {signature.height} before it was agreed"

    def _flush(self, count: int | None = None) -> None:
        outbox, self._outbox = self._outbox, []
        for target, kind, *content in outbox[:count]:
            self.simulation.network.send(self.number, target, kind, *content)


class Process:
    """What one life of a replica has in memory."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.simulation = simulation = replica.simulation
        self.pool = Pool(PoolLimits(transactions_max=400, bytes_max=400_000, remembered_max=200))
        self.application: Any = None
        suite = simulation.kit.machine.suite
        folder = simulation.snapshot_folder(replica.number)
        self.application = simulation.plan.application(
            simulation.kit.machine,
            replica.store,
            self.pool,
            replica.clock,
            Certifier(suite, replica.member),
            **({} if folder is None else {"snapshots": folder}),
        )
        self.route = Route(self)
        self.application.finality.route = self.route
        self.application.finality.disagreements.watch = Watch(replica)
        self.engine = simulation.model.make_engine(self)

    def begin(self) -> None:
        """Make genesis if need be, then let the engine start."""
        application = self.application
        if not application.info().app_hash and not join_by_snapshot(self):
            application.init_chain()
        info = application.info()
        assert application.certified_height <= info.ledger_height, f"{self.replica.name} certified more than it has"
        if info.ledger_height:  # a crash may have come between the durable commit and the look at it
            self.simulation.check_identity(self.replica, info.ledger_height, info.app_hash, info.engine_height)
        self.engine.start()
        self.later(self.simulation.dice.randint(1, TICK_MS), self._tick)

    def later(self, delay_ms: int, action: Callable[..., None], *arguments: Any) -> None:
        """Something that this process does later, if it is still there."""
        self.simulation.schedule.after(delay_ms, self.replica.act, self, action, *arguments)

    def others(self) -> list[int]:
        """Numbers of the other replicas."""
        return [one.number for one in self.simulation.replicas if one is not self.replica]

    def tell(self, target: Any, kind: str, *content: Any) -> None:
        """Send a message."""
        self.replica.post(target, kind, *content)

    def tell_all(self, kind: str, *content: Any) -> None:
        """Send a message to every other replica."""
        for other in self.others():
            self.replica.post(other, kind, *content)

    def receive(self, source: Any, kind: str, *content: Any) -> None:
        """A message of another replica or of a client."""
        if kind == "submit":
            self._submit(source, *content)
        elif kind in Route.KINDS:
            self.route.receive(source, kind, *content)
        else:
            self.engine.receive(source, kind, *content)

    def take(self, envelopes: list[bytes], tickets: list[Ticket] | None = None) -> list[Code]:
        """Check envelopes and put those that hold into the pool."""
        before = len(self.pool)
        results = self.application.check_tx(envelopes)
        if tickets is None:
            codes = self.pool.add_many(results)
        else:
            codes = [self.pool.add_many([one], ticket)[0] for one, ticket in zip(results, tickets, strict=True)]
        if len(self.pool) > before:
            self.engine.work_arrived()
        return codes

    def _submit(self, client: Any, id_: bytes, envelope: bytes) -> None:
        receipt = self.application.receipt(id_)
        if receipt is not None:
            self.tell(client, "answer", id_, Code.OK, receipt)
            return
        ticket = Ticket(1, lambda settled: self._answer(client, id_, settled.outcomes[0]))
        (code,) = self.take([envelope], [ticket])
        if code:
            self.tell(client, "answer", id_, code, None)

    def _answer(self, client: Any, id_: bytes, outcome: Outcome) -> None:
        # The receipt is there or the transaction was refused: only the block's own receipt counts as one.
        self.tell(client, "answer", id_, outcome.code, outcome.receipt)

    def _tick(self) -> None:
        self.engine.tick()
        self.route.tick()
        self.later(self.simulation.dice.randint(TICK_MS // 2, TICK_MS * 3 // 2), self._tick)
