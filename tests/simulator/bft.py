"""What CometBFT gives an application, as a model: rounds, votes, a log, replay after a crash, sets of validators.

Purpose: drive the real application in every order that the engine may. A block is decided when validators with more
than two thirds of the weight voted for it in one round; from then on no other block of its height can be. Who hears of
it, and when, is the network's. Rules, as the engine's: the log is written before a block is executed, the application
is never ahead of it, after a crash it is replayed from there; app hashes and updates of all replicas must be equal at
every height; updates hold from two heights later and are refused when they name a key twice, remove an unknown one or
leave none; block time is the weighted median of the previous block's votes, genesis time at height 1.
Not here: locks and proofs of the engine's own voting, which would show nothing about the application.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govchain.consensus import EngineUpdate, FinalizedBlock

if TYPE_CHECKING:
    from tests.simulator.replica import Process, Replica
    from tests.simulator.run import Simulation

#: A proposer without work waits this long for a first transaction (ms).
WAIT_MS = 1_000
#: A round takes this long, and each later one ``ROUND_MORE_MS`` longer, before the next begins.
ROUND_MS = 1_800
ROUND_MORE_MS = 300
#: A proposer whose block time lags its clock by more proposes an empty block (ARCHITECTURE decision 10).
LAG_MS_MAX = 5_000
#: Bytes of a block, at most, as the engine is configured.
BYTES_MAX = 60_000
#: Blocks that one answer to somebody behind carries.
BLOCKS_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Block:
    """A proposed engine block; ``time`` in ms; ``previous_hash`` is the app hash after the height before."""

    height: int
    round: int
    proposer: int
    time: int
    envelopes: tuple[bytes, ...]
    previous_hash: bytes

    @functools.cached_property
    def digest(self) -> bytes:
        parts = [f"{self.height} {self.round} {self.proposer} {self.time}".encode(), *self.envelopes]
        return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


@dataclass
class Decided:
    """A decided block and its votes: moment by validator (engine key)."""

    block: Block
    votes: dict[bytes, int] = field(default_factory=dict)


def apply_updates(validators: dict[bytes, int], updates: tuple[EngineUpdate, ...]) -> dict[bytes, int]:
    """The set after ``updates``, as the engine checks them: what it refuses stops it for good."""
    assert len({update.engine_key for update in updates}) == len(updates), "updates name a key twice"
    changed = dict(validators)
    for update in updates:
        assert update.power >= 0, "an update has a negative weight"
        if update.power:
            changed[update.engine_key] = update.power
        else:
            assert update.engine_key in changed, "an update removes an unknown key"
            del changed[update.engine_key]
    assert changed, "updates leave no validator"
    return changed


class BftModel:
    """What all replicas' engines have in common: votes and decisions, sets of validators, what execution gave."""

    name = "bft"

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        genesis = simulation.kit.machine.genesis
        self.created = genesis.created
        first = {bytes.fromhex(member.engine_key): 1 for member in genesis.members}
        self.validators = {1: first, 2: first}
        self.results: dict[int, tuple[bytes, tuple[EngineUpdate, ...]]] = {}
        self.decided: dict[int, Decided] = {}
        self._votes: dict[tuple[int, int], dict[bytes, Decided]] = {}
        self._verdicts: dict[bytes, int] = {}

    def make_engine(self, process: Process) -> BftEngine:
        """The engine of one process."""
        return BftEngine(process, self)

    def proposer(self, height: int, round_: int) -> bytes:
        """The engine key of the validator whose turn it is."""
        keys = sorted(self.validators[height])
        return keys[(height + round_) % len(keys)]

    def block_time(self, height: int) -> int:
        """The weighted median of the votes for the block before, as far as they were cast."""
        if height == 1:
            return self.created
        votes = self.decided[height - 1].votes
        power = self.validators[height - 1]
        moments = sorted((moment, power[key]) for key, moment in votes.items() if key in power)
        half = sum(weight for _, weight in moments) // 2
        for moment, weight in moments:
            if half < weight:
                return moment
            half -= weight
        raise AssertionError("no votes")

    def verdict(self, replica: Replica, block: Block, code: int) -> None:
        """Honest replicas judge a proposal alike, and an honest proposer's well."""
        known = self._verdicts.setdefault(block.digest, code)
        assert known == code, f"{replica.name} judges {describe(block)} {code}, others {known}"
        if not self.simulation.replicas[block.proposer].byzantine:
            assert not code, f"{replica.name} rejects an honest proposal, {describe(block)}: {code!r}"

    def cast(self, replica: Replica, block: Block, moment: int) -> None:
        """A validator's vote for a block; the one that completes a quorum decides it."""
        height, key = block.height, replica.engine_key_at(block.height)
        power = self.validators[height]
        if key not in power:
            return
        decided = self.decided.get(height)
        if decided is not None:
            if decided.block.digest == block.digest:
                decided.votes.setdefault(key, moment)
            return
        entry = self._votes.setdefault((height, block.round), {}).setdefault(block.digest, Decided(block))
        entry.votes.setdefault(key, moment)
        if 3 * sum(power[voter] for voter in entry.votes) > 2 * sum(power.values()):
            self.decided[height] = entry
            self.simulation.record(f"decided {describe(block)}")
            self._tell_one(entry)

    def finalized(self, replica: Replica, height: int, result: FinalizedBlock) -> None:
        """What executing a decided block gave: the same everywhere, and lawful for the engine."""
        if height not in self.results:
            self.results[height] = (result.app_hash, result.updates)
            self.validators[height + 2] = apply_updates(self.validators[height + 1], result.updates)
            for update in result.updates:
                self.simulation.record(f"engine height {height}: {update.engine_key.hex()[:8]} weighs {update.power}")
        self.same_hash(replica, height, result.app_hash)
        assert self.results[height][1] == result.updates, f"{replica.name}: other updates at engine height {height}"

    def same_hash(self, replica: Replica, height: int, app_hash: bytes) -> None:
        """The app hash after ``height`` is everybody's."""
        assert self.results[height][0] == app_hash, f"{replica.name}: another app hash at engine height {height}"

    def blocks(self) -> list[Block]:
        """Every decided block in order."""
        return [self.decided[height].block for height in range(1, len(self.decided) + 1)]

    def _tell_one(self, entry: Decided) -> None:
        """One of the honest voters has every vote in its log; the others hear of it from each other."""
        replicas = self.simulation.replicas
        height = entry.block.height
        voters = [one for one in replicas if one.engine_key_at(height) in entry.votes and not one.byzantine]
        first = self.simulation.dice.choice(voters)
        first.owed[height] = entry.block
        first.later(30, lambda process: process.engine.decide(entry.block))


def describe(block: Block) -> str:
    """A block in a few words."""
    size = f"{len(block.envelopes)} transactions" if block.envelopes else "empty"
    return f"{block.height}/{block.round} of r{block.proposer}, {size}, {block.digest.hex()[:8]}"


class BftEngine:
    """One replica's engine process; what must survive it lies in the replica: ``log``, ``voted``, ``owed``."""

    def __init__(self, process: Process, model: BftModel) -> None:
        self.process, self.model = process, model
        self.replica, self.simulation = process.replica, process.simulation
        self.round = 0
        self.proposal: Block | None = None
        self.running = False  # a decided block is being executed
        self._waiting: int | None = None  # the round in which this proposer waits for work
        self._pending: dict[int, Block] = {}
        self._rounds: dict[int, int] = {}
        self._worked = False

    @property
    def height(self) -> int:
        """The height that is being decided."""
        return len(self.replica.log) + 1

    def start(self) -> None:
        """The handshake: the application catches up with the log, then voting goes on."""
        info, log = self.process.application.info(), self.replica.log
        assert info.engine_height <= len(log), f"{self.replica.name}: the application is ahead of the engine"
        if info.engine_height:
            self.model.same_hash(self.replica, info.engine_height, info.app_hash)
        for block in log[info.engine_height :]:
            self._execute(block)
        self._enter()

    def tick(self) -> None:
        """Tell the others where this replica stands; take up a decision that a crash left."""
        block = self.replica.owed.get(self.height)
        if block is not None:
            self.decide(block)
        self.process.tell_all("status", self.height, self.round)

    def work_arrived(self) -> None:
        """The pool took something: a proposer that waits for it goes on."""
        if self._waiting is not None:
            self.process.later(self.simulation.dice.randint(1, 20), self._propose, self.height, self._waiting)

    def receive(self, source: int, kind: str, *content: object) -> None:
        """A message of another engine."""
        if kind == "proposal":
            self._hear_proposal(*content)
        elif kind == "status":
            self._hear_status(source, *content)
        elif kind == "blocks":
            for block in content[0]:
                self.decide(block)

    def decide(self, block: Block) -> None:
        """A block with its votes is here; what does not belong to it is no decided block and is not looked at."""
        decided = self.model.decided.get(block.height)
        if decided is None or decided.block.digest != block.digest or block.height < self.height:
            return
        self._pending[block.height] = decided.block
        self._take_next()

    # -- rounds ------------------------------------------------------------------------------------------------

    def _enter(self) -> None:
        self.round, self.proposal, self._waiting = 0, None, None
        self._rounds.clear()
        self._pending = {height: block for height, block in self._pending.items() if height >= self.height}
        self._take_next()
        if not self.running:
            self.process.later(self.simulation.dice.randint(5, 60), self._begin, self.height, 0)

    def _begin(self, height: int, round_: int) -> None:
        if height != self.height or self.running or round_ < self.round:
            return
        self.round, self._waiting = round_, None
        self.process.later(ROUND_MS + ROUND_MORE_MS * round_, self._time_out, height, round_)
        if self.model.proposer(height, round_) != self.replica.engine_key_at(height) or height in self.model.decided:
            return
        self._waiting = round_
        self.process.route.announce(height, BYTES_MAX)
        idle = not len(self.process.pool) and not self._worked
        self.process.later(WAIT_MS if idle else self.simulation.dice.randint(1, 30), self._propose, height, round_)

    def _time_out(self, height: int, round_: int) -> None:
        if height == self.height and round_ == self.round and not self.running:
            self._begin(height, round_ + 1)
            self.process.tell_all("status", height, round_ + 1)

    def _propose(self, height: int, round_: int) -> None:
        if height != self.height or self._waiting != round_ or self.running:
            return
        self._waiting = None
        if height in self.model.decided:
            return
        time = self.model.block_time(height)
        if self.replica.liar is not None:
            self.replica.liar.propose(self, height, round_, time)
            return
        lags = self.replica.clock() - time > LAG_MS_MAX
        envelopes = [] if lags else self.process.application.prepare_proposal(time, BYTES_MAX)
        assert sum(map(len, envelopes)) <= BYTES_MAX, "a proposal beyond the engine's bound"
        block = self.make(height, round_, time, envelopes)
        for other in self.process.others():
            self.process.tell(other, "proposal", block)
        self._hear_proposal(block)

    def make(self, height: int, round_: int, time: int, envelopes: list[bytes]) -> Block:
        """A block of this proposer."""
        known = self.process.application.info().app_hash
        return Block(height, round_, self.replica.number, time, tuple(envelopes), known)

    def _hear_proposal(self, block: Block) -> None:
        turn = self.model.validators.get(block.height)
        if block.height != self.height or self.running or turn is None:
            return
        proposer = self.simulation.replicas[block.proposer].engine_key_at(block.height)
        if self.model.proposer(block.height, block.round) != proposer:
            return
        if block.round > self.round:
            self._begin(block.height, block.round)
        if block.round < self.round or (self.proposal is not None and self.proposal.round >= block.round):
            return
        self.proposal = block
        self._vote(block)

    def _vote(self, block: Block) -> None:
        replica, application = self.replica, self.process.application
        place = (block.height, block.round)
        if place in replica.voted:
            return
        assert replica.byzantine or block.previous_hash == application.info().app_hash, "another app hash before"
        code = application.process_proposal(block.envelopes, block.time)
        if replica.liar is not None:
            if replica.liar.votes_for(block, code):
                self.model.cast(replica, block, replica.liar.moment(block.time))
            return
        self.model.verdict(replica, block, code)
        replica.voted[place] = b"" if code else block.digest
        if not code:
            self.model.cast(replica, block, max(replica.clock(), block.time + 1))

    def _hear_status(self, source: int, height: int, round_: int) -> None:
        if height < self.height:
            if height > 0:
                blocks = self.replica.log[height - 1 : height - 1 + BLOCKS_AT_ONCE]
                self.process.tell(source, "blocks", blocks)
        elif height == self.height:
            self._rounds[source] = round_
            if self.proposal is not None and self.proposal.round >= round_:
                self.process.tell(source, "proposal", self.proposal)
            self._follow_rounds()

    def _follow_rounds(self) -> None:
        """Go to a later round that more than a third of the weight is in: one of them at least is honest."""
        power, replicas = self.model.validators[self.height], self.simulation.replicas
        ahead = sorted(
            (
                (at, power.get(replicas[source].engine_key_at(self.height), 0))
                for source, at in self._rounds.items()
                if at > self.round
            ),
            reverse=True,
        )
        weight = 0
        for at, own in ahead:
            weight += own
            if 3 * weight > sum(power.values()):
                self._begin(self.height, at)
                return

    # -- decided blocks ----------------------------------------------------------------------------------------

    def _take_next(self) -> None:
        block = self._pending.pop(self.height, None)
        if block is None or self.running:
            return
        self.running = True
        self.replica.log.append(block)  # durable before it is executed
        if block.height in self.replica.owed:
            self.process.tell_all("blocks", [block])
        dice = self.simulation.dice
        self.process.later(dice.randint(200, 4_000) if dice.random() < 0.02 else dice.randint(1, 20), self._run, block)

    def _run(self, block: Block) -> None:
        self._execute(block)
        self.running = False
        self._worked = bool(block.envelopes)
        self._enter()

    def _execute(self, block: Block) -> None:
        application = self.process.application
        result = application.finalize_block(list(block.envelopes), block.time, block.height)
        self.replica.trip("finalized")
        self.model.finalized(self.replica, block.height, result)
        application.commit()
        self.replica.owed.pop(block.height, None)
        self.replica.committed(block.height, result.height)
        self.replica.trip("committed")
