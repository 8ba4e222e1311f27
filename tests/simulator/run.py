"""One run: a plan made from a seed, the replicas and clients, the faults, healing, and the judgement at the end.

Example:
    python -m tests.simulator --seed 17 --trace
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from govchain.consensus import FinalitySignature, LedgerApplication
from govchain.model import Code
from govchain.model.wire import SignerSet
from tests.simulator.bft import BftModel
from tests.simulator.byzantine import Liar
from tests.simulator.chain import Shape, chain_kit
from tests.simulator.clients import Clients
from tests.simulator.council import Council
from tests.simulator.judge import judge, settled
from tests.simulator.raft import RaftModel
from tests.simulator.replica import Replica
from tests.simulator.schedule import Faults, Network, Schedule
from tests.simulator.solo import SoloModel
from tests.simulator.storing import CrashStore

#: Lines of the trace that a failure shows.
TAIL = 40
_MODELS = {"bft": BftModel, "raft": RaftModel, "solo": SoloModel}
_MEMBERS = {"bft": 4, "raft": 3, "solo": 1}
#: Organisations whose nodes may join.
_JOINERS = 2


@dataclass(frozen=True)
class Plan:
    """What a run does; all of it follows from ``seed``. Moments in ms of model time: at ``heal`` the
    faults end, and ``patience`` later everything must be settled.

    ``crashes``: moment, replica, and where: ``kill``, ``finalized``, ``committed``, or ``write before N`` and
    ``write after N``. ``partitions``: from, to, and the sides of the replicas. ``agenda``: moment, kind and subject
    of what is put to the vote. ``snapshots``: joiners take one where there is one. ``application`` and ``store`` are
    what is tried; a planted fault brings its own.
    """

    seed: int
    rule: str = "bft"
    suite: str = "international"
    limits: tuple[tuple[str, int], ...] = ()
    liar: int | None = None
    skews: tuple[int, ...] = ()
    faults: Faults = field(default_factory=Faults)
    crashes: tuple[tuple[int, int, str], ...] = ()
    partitions: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    submissions: tuple[int, ...] = ()
    agenda: tuple[tuple[int, str, int], ...] = ()
    snapshots: bool = False
    heal: int = 20_000
    patience: int = 180_000
    application: Callable[..., Any] = LedgerApplication
    store: Callable[[], CrashStore] = CrashStore


def make_plan(seed: int, **changes: Any) -> Plan:
    """The plan of a seed; ``changes`` replace parts of it (a planted fault, another rule)."""
    dice = random.Random(f"{seed} plan")
    rule = changes.get("rule") or dice.choice(("bft",) * 7 + ("raft",) * 2 + ("solo",))
    members = _MEMBERS[rule]
    nodes = members + (_JOINERS if rule != "solo" else 0)
    heal = dice.choice((10_000, 20_000, 35_000))
    limits = {"block_bytes_max": 32_768, "block_transactions_max": 40, "body_bytes_max": 16_384}
    if dice.random() < 0.4:
        limits |= {"checkpoint_writes_min": 12, "checkpoint_delay_blocks": dice.choice((1, 3))}
    skews = [dice.randint(-300, 300) for _ in range(members)]
    liar = dice.randrange(members) if rule == "bft" and dice.random() < 0.7 else None
    # A clock that is wrong by an hour is the one fault that four members bear: block time is a median.
    if rule == "bft" and liar is None and dice.random() < 0.5:
        skews[dice.randrange(members)] = dice.choice((-3_600_000, 3_600_000, -20_000, 20_000))
    crashes = []
    for _ in range(dice.choice((0, 2, 6, 12))):
        where = dice.choice(("kill", "finalized", "committed", "write before", "write after", "write after"))
        if where.startswith("write"):
            where += f" {dice.choice((1, 1, 2, 3, 5))}"
        crashes.append((dice.randint(1, heal), dice.randrange(nodes), where))
    partitions, moment = [], 0
    for _ in range(dice.choice((0, 1, 3)) if members > 1 else 0):
        moment += dice.randint(500, heal // 2)
        until = moment + dice.choice((1_000, 5_000, 15_000))
        if until < heal:
            partitions.append((moment, until, tuple(dice.randrange(2) for _ in range(nodes))))
        moment = until
    agenda = _make_agenda(dice, rule, heal, liar)
    faults = Faults(dice.choice((40, 300, 2_000)), dice.choice((0.0, 0.02, 0.2)), dice.choice((0.0, 0.05, 0.3)))
    plan = Plan(
        seed=seed,
        rule=rule,
        suite="gm" if dice.random() < 0.15 else "international",
        limits=tuple(limits.items()),
        liar=liar,
        skews=tuple(skews),
        faults=faults,
        crashes=tuple(sorted(crashes)),
        partitions=tuple(partitions),
        agenda=agenda,
        snapshots="checkpoint_writes_min" in limits,
        submissions=tuple(sorted(dice.randint(1, heal) for _ in range(dice.choice((8, 25, 40))))),
        heal=heal,
    )
    return replace(plan, **changes)


def _make_agenda(dice: random.Random, rule: str, heal: int, liar: int | None) -> tuple[tuple[int, str, int], ...]:
    """What is put to the vote: nothing in half of the runs."""
    members = _MEMBERS[rule]
    if dice.random() < 0.5:
        return ()
    items = [("parameter", dice.randint(3, 40))]
    if rule != "solo":
        joiners = dice.sample(range(members, members + _JOINERS), dice.randint(1, _JOINERS))
        leavers = dice.sample(range(members), dice.randint(0, len(joiners)))
        if rule == "bft" and dice.random() < 0.5:
            stay = [number for number in range(members) if number not in (*leavers, liar)]
            items.append(("rotate", dice.choice(stay)))
        items += [("add", number) for number in joiners] + [("remove", number) for number in leavers]
    return tuple(sorted((dice.randint(1, heal // 2), kind, subject) for kind, subject in items))


class Simulation:
    """See the module."""

    def __init__(self, plan: Plan, *, echo: bool = False) -> None:
        self.plan, self.echo = plan, echo
        self.members = members = _MEMBERS[plan.rule]
        nodes = members + (_JOINERS if plan.rule != "solo" else 0)
        self.kit = chain_kit(Shape(plan.rule, members, nodes, plan.suite, plan.limits))
        self.dice = random.Random(f"{plan.seed} run")
        self._folder = TemporaryDirectory() if plan.snapshots else None
        self.schedule = Schedule()
        self.network = Network(self.schedule, random.Random(f"{plan.seed} network"), plan.faults)
        self.trace: list[str] = []
        self.identities: dict[int, bytes] = {}
        self.engine_heights: dict[int, int] = {}
        self.issued: set[bytes] = set()
        self.refused: Counter[str] = Counter()
        self._fresh: list[bytes] = []
        self._heard: set[tuple[int, bytes, int]] = set()
        self.model: Any = _MODELS[plan.rule](self)
        self.liar = None if plan.liar is None else Liar(self, plan.liar)
        self.replicas = [
            Replica(
                self,
                number,
                skew_ms=plan.skews[number] if number < members else 0,
                liar=self.liar if number == plan.liar else None,
            )
            for number in range(nodes)
        ]
        self.honest = [replica for replica in self.replicas if not replica.byzantine]
        for replica in self.replicas:
            self.network.join(replica.number, replica.receive)
        self.clients = Clients(self)
        self.council = Council(self, plan.agenda)
        self._active = (0, self.replicas[:members])

    def run(self) -> None:
        """The whole run; raises ``AssertionError`` (or what the code under test raised) when something is wrong."""
        plan, schedule = self.plan, self.schedule
        for replica in self.replicas:
            schedule.after(self.dice.randint(0, 200), replica.start)
        self.council.begin()
        for moment in plan.submissions:
            schedule.after(moment, self.clients.submit_something)
        for moment, number, where in plan.crashes:
            schedule.after(moment, self._crash, self.replicas[number], where)
        for moment, until, sides in plan.partitions:
            schedule.after(moment, self._part, dict(enumerate(sides)))
            schedule.after(until, self._part, {})
        schedule.run_until(plan.heal)
        self._heal()
        schedule.after(100, self._look)
        schedule.run_until(plan.heal + plan.patience, lambda: self._settled)
        outstanding = settled(self)
        assert not outstanding, f"stuck: {outstanding}"
        self.record(f"settled at height {len(self.identities)}")
        judge(self)

    def close(self) -> None:
        """End background work."""
        for replica in self.replicas:
            if replica.process is not None:
                replica.process.application.close()
        if self._folder is not None:
            self._folder.cleanup()

    def snapshot_folder(self, number: int) -> Path | None:
        """Where a replica's snapshots lie, in runs that make some."""
        return None if self._folder is None else Path(self._folder.name) / str(number)

    def record(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.schedule.now:>7} {text}"
        self.trace.append(line)
        if self.echo:
            print(line)

    def check_identity(self, replica: Replica, height: int, identity: bytes, engine_height: int) -> None:
        """A replica committed a block: it is everybody's of that height."""
        known = self.identities.setdefault(height, identity)
        assert known == identity, f"{replica.name} committed another block {height}"
        self.engine_heights.setdefault(height, engine_height)

    def set_active(self, height: int, signers: SignerSet) -> None:
        """The members after the newest block that anybody committed."""
        if height > self._active[0]:
            keys = {entry.key for entry in signers.keys}
            self._active = (height, [one for one in self.replicas if one.member_keys & keys])

    def active(self) -> list[Replica]:
        """The replicas that are members now."""
        return self._active[1]

    def heard(self, replica: Replica, signature: FinalitySignature, code: Code) -> None:
        """A replica took a signature. Another block and then the own one of one member: it must have reported that."""
        place = (replica.number, signature.key, signature.height)
        if code == Code.BLOCK_INVALID and signature.epoch == self._epoch(replica, signature.height):
            self._heard.add((*place, replica.crashes))
        elif not code and (*place, replica.crashes) in self._heard:
            reported = {(key, height) for key, height, _ in replica.proofs}
            assert (signature.key, signature.height) in reported, f"{replica.name} overlooked an equivocation"

    def counts(self) -> dict[str, int]:
        """What happened, for a sum over seeds."""
        return {
            "joined by snapshot": sum(replica.base > 0 for replica in self.replicas),
            "blocks": len(self.identities),
            **Counter(self.council.outcomes()),
            "crashes": sum(replica.crashes for replica in self.replicas),
            "equivocations proved": sum(len(replica.proofs) for replica in self.honest),
            "events": self.schedule.count,
            "messages lost": self.network.lost,
            "receipts": len(self.clients.acknowledged),
            "submitted": len(self.clients.submissions),
            self.plan.rule: 1,
        }

    def _epoch(self, replica: Replica, height: int) -> int:
        return replica.process.application.blocks.decoded_header(height).epoch if replica.process else -1

    def fresh_done(self) -> bool:
        """Whether a transaction that was submitted after the faults has its receipt."""
        return any(self.clients.submissions[id_].receipt is not None for id_ in self._fresh)

    _settled = False

    def _look(self) -> None:
        """Look whether all is done; submit something fresh now and then until it is."""
        if not self.fresh_done() and len(self._fresh) <= (self.schedule.now - self.plan.heal) // 10_000:
            self._fresh.append(self.clients.submit_fresh())
        self._settled = not settled(self)
        if not self._settled:
            self.schedule.after(500, self._look)

    def _heal(self) -> None:
        self.record("healed")
        self.network.heal()
        for replica in self.replicas:
            replica.disarm()
            replica.start()

    def _part(self, sides: dict[int, int]) -> None:
        self.record(f"sides {sides}" if sides else "no partition")
        self.network.part(sides)

    def _crash(self, replica: Replica, where: str) -> None:
        if where == "kill":
            if replica.process is not None:
                self.record(f"{replica.name} killed")
                replica.crash()
        elif where.startswith("write"):
            _, side, count = where.split()
            replica.store.arm(int(count), after=side == "after")
        else:
            replica.set_trip(where)


class SimulationFailure(AssertionError):
    """A run went wrong; its text has the cause, the end of the trace, and the command that repeats it."""


def run_plan(plan: Plan, *, echo: bool = False) -> Simulation:
    """Run a plan.

    Raises:
        SimulationFailure: something that must hold does not.
    """
    simulation = Simulation(plan, echo=echo)
    try:
        simulation.run()
    except Exception as error:
        tail = "\n".join(simulation.trace[-TAIL:])
        cause = f"{type(error).__name__}: {error}"
        again = f"python -m tests.simulator --seed {plan.seed} --trace"
        raise SimulationFailure(f"seed {plan.seed}: {cause}\n{tail}\n{again}") from error
    finally:
        simulation.close()
    return simulation


def run_seed(seed: int, *, echo: bool = False, **changes: Any) -> Simulation:
    """Run the plan of a seed, with ``changes``."""
    return run_plan(make_plan(seed, **changes), echo=echo)
