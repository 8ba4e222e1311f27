"""What every engine behind the port does, said once; ``test_engine_contract`` runs it for each of them.

A member is a process of its own over RocksDB and, for the external engines, the real program, so that kill -9 is one.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from govchain.consensus.cometbft import create_engine_keys
from govchain.crypto import get_suite
from govchain.model.wire import GenesisMember
from govchain.proof.genesis import encode_genesis
from tests.consensus.member_process import MemberProcess, free_ports, now_ms, wait_until
from tests.ledger.kit import Kit, id_of, new_account, put

RULES = {"solo": "solo", "cometbft": "bft", "etcd": "raft"}


class ContractMember(MemberProcess):
    """The test's hand on a chain's only member, under ``engine``."""

    program = "tests.consensus.contract_member"

    def __init__(self, folder: Path, engine: str, **told: object) -> None:
        super().__init__(folder, engine)
        folder.mkdir(parents=True)
        self.kit = Kit()
        signer = new_account()
        tls = ec.generate_private_key(ec.SECP256R1())
        public = tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        parts = {}
        if engine != "solo":
            parts["tls"] = get_suite("gm").digest(public).hex()
        if engine == "cometbft":
            parts["engine_key"] = create_engine_keys(folder / "engine").engine_key.hex()
        member = GenesisMember(signer.algorithm, signer.key.hex(), "node-0", self.kit.organisations[0], **parts)
        created = now_ms() - 1_000
        self.genesis = msgspec.structs.replace(self.kit.genesis, members=(member,), rule=RULES[engine], created=created)
        (folder / "genesis.json").write_bytes(encode_genesis(self.genesis))
        description = {
            "engine": engine,
            "algorithm": signer.algorithm,
            "secret": signer.signer._secret.hex(),
            "listen": f"127.0.0.1:{free_ports(1)[0]}",
            "tls": tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        }
        (folder / "member.json").write_text(json.dumps(description | told), "utf-8")

    def put(self, role: str = "department", **changes: object) -> bytes:
        """A fresh signed transaction that expires in five minutes."""
        return put(self.kit.accounts[0, role], **({"expires": now_ms() + 300_000} | changes))

    def puts(self, count: int) -> list[bytes]:
        return [self.put() for _ in range(count)]

    def again(self) -> None:
        """A clean stop and a start."""
        self.stop()
        self.start()


class EngineContract:
    """The tests; a subclass or module gives the fixture ``member``: a started :class:`ContractMember`."""

    @pytest.mark.requirement("BJ.design.practice.07", "BJ.design.modular.02")
    def test_orders_what_is_submitted(self, member):
        outcomes = member.commit(*member.puts(30))
        assert {each["code"] for each in outcomes} == {"OK"}
        again = member.commit(*member.puts(3))
        assert again[0]["height"] > max(each["height"] for each in outcomes)
        facts = member.facts()
        assert (facts["running"], facts["problem"]) == (True, None)
        assert facts["status_height"] == facts["engine_height"] >= facts["height"] == again[0]["height"]
        assert facts["times"] == sorted(set(facts["times"]))
        assert all(abs(now_ms() - moment) < 60_000 for moment in facts["times"])

    def test_refuses_with_a_code_and_a_failure_gets_its_receipt(self, member):
        auditor, good = member.put("auditor"), member.put()
        outcomes = member.settled(member.submit(auditor, good, b"garbage"))
        assert [each["code"] for each in outcomes[:2]] == ["ROLE_MISSING", "OK"]
        assert outcomes[2]["code"] != "OK"
        assert outcomes[2]["height"] is None
        replay = member.settled(member.submit(good))[0]
        assert (replay["code"], replay["height"]) == ("REPLAYED", outcomes[1]["height"])

    def test_an_empty_pool_makes_no_ledger_block(self, member):
        member.commit(member.put())
        before = member.facts()
        time.sleep(2.5)  # what does not happen cannot be waited for
        after = member.facts()
        assert (after["height"], after["app_hash"]) == (before["height"], before["app_hash"])
        assert after["engine_height"] - before["engine_height"] <= 5
        assert member.commit(member.put())[0]["height"] == before["height"] + 1

    def test_a_restart_goes_on_where_it_was(self, member):
        sent = member.put()
        member.commit(sent, *member.puts(5))
        before = member.facts()
        member.again()
        after = member.facts()
        assert after["identities"][: before["height"]] == before["identities"]
        assert member.settled(member.submit(sent))[0]["code"] == "REPLAYED"
        assert member.commit(member.put())[0]["height"] == before["height"] + 1

    def test_a_stop_with_draining_orders_what_the_pool_holds(self, member):
        member.commit(member.put())
        places = member.submit(*member.puts(40))
        member.ask("stop_engine", "engine_stopped", drain=True)
        assert all(each["height"] for each in member.settled(places))
        facts = member.facts()
        assert not facts["running"]
        assert facts["pool"] == 0

    def test_a_stop_without_draining_tells_everybody(self, member):
        member.commit(member.put())
        places = member.submit(*member.puts(400))
        member.ask("stop_engine", "engine_stopped", drain=False)
        for each in member.settled(places):
            assert each["height"] or each["code"] == "NODE_STOPPING"
        assert member.settled(member.submit(member.put()))[0]["code"] == "NODE_STOPPING"
        assert not member.facts()["running"]
        member.again()
        assert member.commit(member.put())[0]["code"] == "OK"

    @pytest.mark.requirement("BJ.compliance.record.04a", "GD.technical.reliability.01")
    def test_kill_9_loses_nothing_that_was_acknowledged(self, member):
        seed = random.randrange(2**32)
        print("seed", seed)
        chance, acknowledged = random.Random(seed), {}
        member.commit(member.put())
        for _ in range(4):
            envelopes = member.puts(30)
            places = member.submit(*envelopes)
            time.sleep(chance.uniform(0.0, 0.15))  # the moment of the kill is what is tried
            member.kill()
            for place, envelope in zip(places, envelopes, strict=True):
                if member.outcomes.get(place, {}).get("height"):
                    acknowledged[id_of(envelope)] = member.outcomes[place]
            member.start()
        member.commit(member.put())
        for id, outcome in acknowledged.items():
            assert member.ask("receipts", "receipts", ids=[id.hex()]) != [None], outcome
        facts = member.facts()
        assert len(facts["identities"]) == len(set(facts["identities"])) == facts["height"]
        assert facts["problem"] is None

    def test_a_disk_that_is_full_stops_it_with_the_code(self, member):
        member.commit(member.put())
        member.stop()
        height = member.told.get("full_at", 2)
        member.tell(full_at=height)
        member.start()
        reached = member.facts()["height"]
        while reached < height:
            reached = member.commit(member.put())[0]["height"]
        outcome = member.settled(member.submit(member.put()))[0]
        assert (outcome["code"], outcome["height"]) == ("DISK_FULL", None)
        wait_until(lambda: not member.facts()["running"], "the end")
        facts = member.facts()
        assert (facts["problem"], facts["height"]) == ("DISK_FULL", height)
        # The engine has ended before it tells: the word may come after the facts.
        wait_until(lambda: "DISK_FULL" in member.said("problem"), "the reason")
        assert member.settled(member.submit(member.put()))[0]["code"] == "DISK_FULL"
        member.stop()
        member.tell(full_at=2**40)
        member.start()
        # The external engine may have ordered the block before the disk was full: then it is executed now.
        assert member.commit(member.put())[0]["height"] > height
        assert member.facts()["identities"][:height] == facts["identities"]

    def test_voting_ends_only_where_a_member_can_follow_without(self, member):
        first = member.commit(member.put())[0]["height"]
        follows = member.told["engine"] == "cometbft"
        assert member.ask("vote", "vote", votes=False) == (["OK", False] if follows else ["USAGE", True])
        assert member.ask("vote", "vote", votes=True) == ["OK", True]
        assert member.commit(member.put())[0]["height"] == first + 1

    def test_every_block_is_certified(self, member):
        member.commit(*member.puts(3))
        # Under bft a member signs when the next engine block arrives.
        wait_until(lambda: member.facts()["certified"] == member.facts()["height"], "the certificate")


class ProposerTimeContract:
    """Where the proposer's clock is the block's time: a bad one stops it, saying why (ARCHITECTURE decision 10)."""

    def test_a_clock_that_jumps_stops_it(self, member):
        member.commit(member.put())
        height = member.facts()["height"]
        member.write(do="clock", ahead_ms=3_600_000)
        member.wait_for("problem")
        assert member.said("problem") == ["NODE_CLOCK"]
        assert member.settled(member.submit(member.put()))[0]["code"] in ("NODE_CLOCK", "EXPIRED")
        facts = member.facts()
        assert (facts["problem"], facts["height"]) == ("NODE_CLOCK", height)

    def test_a_clock_behind_the_newest_block_does_not_start(self, member):
        member.commit(member.put())
        member.stop()
        member.tell(ahead_ms=-3_600_000)
        member.start()
        member.wait_for("problem")
        assert member.facts()["problem"] == "NODE_CLOCK"
        member.stop()
        member.tell(ahead_ms=0)
        member.start()
        assert member.commit(member.put())[0]["code"] == "OK"
