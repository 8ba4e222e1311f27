"""One member of a chain as a process of its own, told what to do by lines of JSON; whoever derives makes its engine.

``python -m MODULE FOLDER``; FOLDER holds genesis.json, member.json and an engine's keys. Every line of output is one
answer or one piece of news.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from govchain.consensus import Certifier, LedgerApplication, Outcome, Pool
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import Clock
from govchain.crypto import BatchVerifier, SigningKey
from govchain.ledger import build_machine
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.proof.genesis import decode_genesis
from govchain.services.submission import Submitter
from govchain.storage import RocksStore

MODULES = (ACCOUNTS, EVIDENCE)


class MemberChild:
    """See the module. :meth:`make_engine` gives the engine; ``drains``: whether its end orders what the pool holds."""

    drains = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = told = json.loads((folder / "member.json").read_text("utf-8"))
        self.lock = threading.Lock()
        self.genesis = decode_genesis((folder / "genesis.json").read_bytes())
        digests = {module.name: "00" * 32 for module in MODULES}
        self.machine = build_machine(self.genesis, MODULES, digests, BatchVerifier(memory_limit_bytes=8 * 1024 * 1024))
        self.store = RocksStore(folder / "ledger")
        self.pool = Pool()
        self.key = SigningKey(told["algorithm"], bytes.fromhex(told["secret"]))
        self.ahead_ms = told.get("ahead_ms", 0)  # its clock before everybody's
        self.clock = Clock(self.wall, lambda: time.monotonic_ns() // 1_000_000)
        self.state = OrderingState(self.wall, on_halt=lambda code, reason: self.say(problem=code.name, reason=reason))
        self.application = LedgerApplication(
            self.machine,
            self.store,
            self.pool,
            self.wall,
            Certifier(self.machine.suite, self.key),
            snapshots=folder / "snapshots",
        )
        self.engine = self.make_engine()
        self.submitter = Submitter(self.application, self.pool, lambda: self.state.halted)
        self.orders = {
            "submit": self.submit,
            "facts": lambda told: self.say(facts=self.facts()),
            "receipts": self.receipts,
            "clock": self.set_clock,
            **self.more_orders(),
        }

    def make_engine(self):
        """The engine of :attr:`state`, not started."""
        raise NotImplementedError

    def more_orders(self):
        """What this kind of member does beside, by word."""
        return {}

    def set_clock(self, told: dict) -> None:
        self.ahead_ms = told["ahead_ms"]

    def wall(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def say(self, **what: object) -> None:
        with self.lock:
            print(json.dumps(what), flush=True)

    def settle_many(self, outcomes: list[tuple[int, Outcome]]) -> None:
        for place, outcome in outcomes:
            self.say(settled=place, code=outcome.code.name, height=outcome.height, index=outcome.index)

    def submit(self, told: dict) -> None:
        """As a node does: what waits is told by the pool, the rest at once."""
        places, envelopes = told["places"], [bytes.fromhex(each) for each in told["envelopes"]]
        for place, answer in zip(places, self.submitter.hand_in(envelopes, Places(self, places)), strict=True):
            if not answer.waits:
                found = self.application.blocks.location(answer.id) or (None, None)
                self.settle_many([(place, Outcome(answer.code, *found))])

    def receipts(self, told: dict) -> None:
        found = [self.application.receipt(bytes.fromhex(id)) for id in told["ids"]]
        self.say(receipts=[None if each is None else each.hex() for each in found])

    def facts(self) -> dict[str, object]:
        info, status, blocks = self.application.info(), self.engine.status(), self.application.blocks
        first = 1
        while first < info.ledger_height and blocks.header(first) is None:
            first += 1  # a node that joined by snapshot has no blocks before it
        identities = [blocks.identity_after(height).hex() for height in range(first, info.ledger_height)]
        if info.ledger_height:
            identities.append(info.app_hash.hex())
        return {
            "name": status.name,
            "running": status.running,
            "status_height": status.height,
            "problem": None if self.state.problem is None else self.state.problem.name,
            "engine_height": info.engine_height,
            "height": info.ledger_height,
            "app_hash": info.app_hash.hex(),
            "identities": identities,
            "times": [blocks.header_time(height) for height in range(first, info.ledger_height + 1)],
            "certified": self.application.certified_height,
            "pool": len(self.pool),
            "pid": getattr(self.engine, "pid", None),
        }

    def run(self) -> None:
        self.engine.start()
        self.say(started=True)
        for line in sys.stdin:
            told = json.loads(line)
            if told["do"] == "stop":
                break
            self.orders[told["do"]](told)
        self.engine.stop(drain=self.drains)
        self.application.close()
        self.store.close()
        self.say(stopped=True)


class Places:
    """Tells outcomes under the places of the test."""

    def __init__(self, member: MemberChild, places: list[int]) -> None:
        self.member, self.places = member, places

    def settle_many(self, outcomes: list[tuple[int, Outcome]]) -> None:
        self.member.settle_many([(self.places[place], outcome) for place, outcome in outcomes])


__all__ = ["MODULES", "MemberChild"]
