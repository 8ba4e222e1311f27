"""One member as a process of its own: store, pool, application, CometBFT; told what to do by lines of JSON.

``python -m tests.consensus.cometbft.member FOLDER``; FOLDER holds genesis.json, member.json and the engine's keys.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from govchain.consensus import Certifier, LedgerApplication, Outcome, Pool
from govchain.consensus.cometbft import CometEngine, CometOptions, EnginePeer, StateSync, derive_genesis
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import Clock
from govchain.crypto import BatchVerifier, SigningKey
from govchain.ledger import build_machine
from govchain.model import Code
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.proof.genesis import decode_genesis
from govchain.storage import RocksStore
from govchain.storage.snapshot_checks import SnapshotTrust
from tests.consensus.cometbft import faults

MODULES = (ACCOUNTS, EVIDENCE)


def wall() -> int:
    return time.time_ns() // 1_000_000


class Member:
    def __init__(self, folder: Path) -> None:
        told = json.loads((folder / "member.json").read_text("utf-8"))
        genesis = decode_genesis((folder / "genesis.json").read_bytes())
        digests = {module.name: "00" * 32 for module in MODULES}
        machine = build_machine(genesis, MODULES, digests, BatchVerifier(memory_limit_bytes=8 * 1024 * 1024))
        self.store = RocksStore(folder / "ledger")
        self.pool = Pool()
        key = SigningKey(told["algorithm"], bytes.fromhex(told["secret"]))
        skew = told.get("skew_ms", 0)
        clock = Clock(lambda: wall() + skew, lambda: time.monotonic_ns() // 1_000_000)
        application = LedgerApplication(
            machine,
            self.store,
            self.pool,
            clock.wall,
            Certifier(machine.suite, key),
            snapshots=folder / "snapshots",
        )
        self.application = application
        self.lock = threading.Lock()
        options = CometOptions(
            home=folder / "engine",
            program=find_engine("cometbft", os.environ),
            genesis=derive_genesis(machine),
            name=told["name"],
            listen=told["listen"],
            peers=lambda: [EnginePeer(bytes.fromhex(id), address) for id, address in told["peers"]],
            known_nodes=None
            if told.get("known") is None
            else lambda: frozenset(bytes.fromhex(each) for each in told["known"]),
            loopback=True,
            state_sync=self.state_sync(told.get("state_sync")),
            take_up=self.take_up(told.get("take_up")),
            trust=lambda height: self.trust(told.get("trust"), genesis.chain, height),
            **{"drain_ms": 1_000, **told.get("options", {})},
        )
        self.engine = CometEngine(
            faults.wrapped(application, told.get("fault", "")),
            self.pool,
            options,
            clock,
            None,
            OrderingState(on_halt=lambda code, reason: self.say(problem=code.name, reason=reason)),
            lambda text: self.say(notice=text),
        )
        application.add_listener(lambda block: self.say(block=block.chain.height, time=block.header.time))

    @staticmethod
    def state_sync(told: dict | None) -> StateSync | None:
        if told is None:
            return None
        first, second = told["servers"]
        return StateSync((first, second), told["height"], bytes.fromhex(told["hash"]))

    def take_up(self, told: dict | None):
        """Where a test has put the ledger by a snapshot: the engine's way there."""
        plan = self.state_sync(told)
        return None if plan is None else lambda _height, _identity: plan

    @staticmethod
    def trust(told: dict | None, chain: str, height: int) -> SnapshotTrust | None:
        if told is None or told["height"] != height:
            return None
        return SnapshotTrust(chain, height, bytes.fromhex(told["header"]), bytes.fromhex(told["root"]))

    def snapshot(self) -> dict | None:
        """Make one; what a joiner would have to trust for it."""
        made = self.application.make_snapshot()
        if made is None:
            return None
        header = self.application.blocks.header(made.height)
        return {
            "height": made.height,
            "engine_height": made.engine_height,
            "header": header.hex(),
            "root": made.root.hex(),
            "chunks": made.chunks,
        }

    def say(self, **what: object) -> None:
        with self.lock:
            print(json.dumps(what), flush=True)

    def settle_many(self, outcomes: list[tuple[int, Outcome]]) -> None:
        for place, outcome in outcomes:
            self.say(settled=place, code=outcome.code.name, height=outcome.height, index=outcome.index)

    def submit(self, places: list[int], envelopes: list[bytes]) -> None:
        results = self.application.check_tx(envelopes)
        codes = self.pool.add_many(results, self, places)
        self.settle_many([(place, Outcome(code)) for place, code in zip(places, codes, strict=True) if code])

    def facts(self) -> dict[str, object]:
        info, status = self.application.info(), self.engine.status()
        blocks = self.application.blocks
        first = 1
        while first < info.ledger_height and blocks.header(first) is None:
            first += 1  # a node that joined by snapshot has no blocks before it
        identities = [blocks.identity_after(height).hex() for height in range(first, info.ledger_height)]
        if info.ledger_height:
            identities.append(info.app_hash.hex())
        return {
            "engine_height": info.engine_height,
            "height": info.ledger_height,
            "app_hash": info.app_hash.hex(),
            "identities": identities,
            "times": [blocks.header_time(height) for height in range(first, info.ledger_height + 1)],
            "engine_time": self.engine._handler.facts.time,
            "running": status.running,
            "problem": status.problem.name if status.problem else None,
            "round": status.round,
            "proposer": status.proposer,
            "peers": status.peers,
            "missing": list(status.validators_missing),
            "pid": self.engine.pid,
            "starts": status.starts,
            "rejected": status.proposals_rejected,
            "rejected_last": Code(self.engine.rejected_last or 0).name,
            "validators": [[key.hex(), power] for key, power in self.engine.rpc.validators()],
            "pool": len(self.pool),
        }

    def run(self) -> None:
        self.engine.start()
        self.say(started=True)
        for line in sys.stdin:
            told = json.loads(line)
            match told["do"]:
                case "submit":
                    self.submit(told["places"], [bytes.fromhex(each) for each in told["envelopes"]])
                case "facts":
                    self.say(facts=self.facts())
                case "receipts":
                    found = [self.application.receipt(bytes.fromhex(id)) for id in told["ids"]]
                    self.say(receipts=[None if each is None else each.hex() for each in found])
                case "vote":
                    self.engine.set_voting(told["votes"])
                    self.say(votes=self.engine.votes)
                case "snapshot":
                    self.say(snapshot=self.snapshot())
                case "stop":
                    break
        self.engine.stop()
        self.application.close()
        self.store.close()
        self.say(stopped=True)


if __name__ == "__main__":
    Member(Path(sys.argv[1])).run()
