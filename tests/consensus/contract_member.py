"""One member under any of the engines, as a process of its own; told what to do by lines of JSON.

``python -m tests.consensus.contract_member FOLDER``; FOLDER holds genesis.json, member.json and an engine's keys.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from govchain.consensus import Certifier, LedgerApplication, Outcome, Pool
from govchain.consensus.cometbft import CometEngine, CometOptions, derive_genesis
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.etcd import EtcdEngine, EtcdMember, EtcdOptions, EtcdTuning
from govchain.consensus.ordering import OrderingState
from govchain.consensus.ports import Clock
from govchain.consensus.solo import SoloEngine
from govchain.crypto import BatchVerifier, SigningKey
from govchain.ledger import build_machine
from govchain.model import Code, UnavailableError, UsageError
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.proof.genesis import decode_genesis
from govchain.services.submission import Submitter
from govchain.storage import RocksStore

MODULES = (ACCOUNTS, EVIDENCE)


class FullAt:
    """An application whose disk is full from a ledger height on."""

    def __init__(self, application: LedgerApplication, height: int) -> None:
        self.application, self.height = application, height

    def __getattr__(self, name: str) -> object:
        return getattr(self.application, name)

    def commit(self) -> int:
        if self.application.info().ledger_height >= self.height and self.application._executed is not None:
            raise UnavailableError(Code.DISK_FULL, path="")
        return self.application.commit()


class Member:
    """The member; its lines are answers and news."""

    def __init__(self, folder: Path) -> None:
        self.told = told = json.loads((folder / "member.json").read_text("utf-8"))
        genesis = decode_genesis((folder / "genesis.json").read_bytes())
        digests = {module.name: "00" * 32 for module in MODULES}
        self.machine = build_machine(genesis, MODULES, digests, BatchVerifier(memory_limit_bytes=8 * 1024 * 1024))
        self.store = RocksStore(folder / "ledger")
        self.pool = Pool()
        self.key = SigningKey(told["algorithm"], bytes.fromhex(told["secret"]))
        self.ahead_ms = told.get("ahead_ms", 0)
        self.application = LedgerApplication(
            self.machine, self.store, self.pool, self.wall, Certifier(self.machine.suite, self.key)
        )
        self.lock = threading.Lock()
        self.engine = self.make_engine(folder)
        self.submitter = Submitter(self.application, self.pool, lambda: self.engine.status().problem)

    def wall(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def make_engine(self, folder: Path) -> SoloEngine | CometEngine | EtcdEngine:
        told, pool = self.told, self.pool
        clock = Clock(self.wall, lambda: time.monotonic_ns() // 1_000_000)
        application = FullAt(self.application, told["full_at"]) if "full_at" in told else self.application
        if told["engine"] == "solo":
            if self.application.info().app_hash == b"":
                self.application.init_chain()
            return SoloEngine(application, pool, clock, None, OrderingState(on_halt=self.problem))
        if told["engine"] == "cometbft":
            comet = CometOptions(
                home=folder / "engine",
                program=find_engine("cometbft", os.environ),
                genesis=derive_genesis(self.machine),
                name="node-0",
                listen=told["listen"],
                peers=list,
                loopback=True,
            )
            return CometEngine(application, pool, comet, clock, None, OrderingState(on_halt=self.problem))
        if self.application.info().app_hash == b"":
            self.application.init_chain()
        tls = load_pem_private_key(told["tls"].encode(), None)
        assert isinstance(tls, ec.EllipticCurvePrivateKey)
        public = tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        member = EtcdMember(self.key.public_key, "node-0", told["listen"], public)
        etcd = EtcdOptions(
            chain=self.machine.genesis.chain,
            fingerprint=self.machine.fingerprint,
            suite=self.machine.suite,
            folder=folder / "engine",
            binary=find_engine("etcd", os.environ),
            member=self.key.public_key,
            listen=told["listen"],
            tls_key=tls,
            members=lambda: [member],
            tuning=EtcdTuning(heartbeat_ms=50, election_ms=500),
        )
        return EtcdEngine(application, pool, etcd, clock, None, OrderingState(on_halt=self.problem))

    def problem(self, code: Code, reason: str) -> None:
        self.say(problem=code.name, reason=reason)

    def say(self, **what: object) -> None:
        with self.lock:
            print(json.dumps(what), flush=True)

    def settle_many(self, outcomes: list[tuple[int, Outcome]]) -> None:
        for place, outcome in outcomes:
            self.say(settled=place, code=outcome.code.name, height=outcome.height, index=outcome.index)

    def submit(self, places: list[int], envelopes: list[bytes]) -> None:
        """As a submitter does: what waits is told by the pool, the rest at once."""
        waiter = Places(self, places)
        for place, answer in zip(places, self.submitter.hand_in(envelopes, waiter), strict=True):
            if not answer.waits:
                found = self.application.blocks.location(answer.id) or (None, None)
                self.settle_many([(place, Outcome(answer.code, *found))])

    def facts(self) -> dict[str, object]:
        info, status, blocks = self.application.info(), self.engine.status(), self.application.blocks
        identities = [blocks.identity_after(height).hex() for height in range(1, info.ledger_height)]
        if info.ledger_height:
            identities.append(info.app_hash.hex())
        return {
            "name": status.name,
            "running": status.running,
            "status_height": status.height,
            "problem": status.problem.name if status.problem else None,
            "engine_height": info.engine_height,
            "height": info.ledger_height,
            "app_hash": info.app_hash.hex(),
            "identities": identities,
            "times": [blocks.header_time(height) for height in range(1, info.ledger_height + 1)],
            "certified": self.application.certified_height,
            "pool": len(self.pool),
            "pid": None if isinstance(self.engine, SoloEngine) else self.engine.pid,
        }

    def vote(self, votes: bool) -> str:
        try:
            self.engine.set_voting(votes)
        except UsageError as error:
            return error.code.name
        return "OK"

    def run(self) -> None:
        self.say(facts_before=self.facts() if self.application.info().app_hash else None)
        self.engine.start()
        self.say(started=True)
        for line in sys.stdin:
            told = json.loads(line)
            match told["do"]:
                case "submit":
                    self.submit(told["places"], [bytes.fromhex(each) for each in told["envelopes"]])
                case "facts":
                    self.say(facts=self.facts())
                case "receipt":
                    receipt = self.application.receipt(bytes.fromhex(told["id"]))
                    self.say(receipt=None if receipt is None else receipt.hex())
                case "clock":
                    self.ahead_ms = told["ahead_ms"]
                case "vote":
                    self.say(vote=[self.vote(told["votes"]), self.engine.votes])
                case "stop_engine":
                    self.engine.stop(drain=told["drain"])
                    self.say(engine_stopped=True)
                case "stop":
                    break
        self.engine.stop(drain=False)
        self.application.close()
        self.store.close()
        self.say(stopped=True)


class Places:
    """Tells outcomes under the places of the test."""

    def __init__(self, member: Member, places: list[int]) -> None:
        self.member, self.places = member, places

    def settle_many(self, outcomes: list[tuple[int, Outcome]]) -> None:
        self.member.settle_many([(self.places[place], outcome) for place, outcome in outcomes])


if __name__ == "__main__":
    Member(Path(sys.argv[1])).run()
