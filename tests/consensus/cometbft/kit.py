"""Members as processes over real engines on loopback: made, told what to do, killed, stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from govchain.consensus.cometbft import create_engine_keys
from govchain.model.wire import GenesisMember
from govchain.proof.genesis import encode_genesis
from tests.consensus.member_process import MemberProcess, free_ports, now_ms, wait_until
from tests.ledger.kit import Kit, TestAccount, new_account, put, put_payload


class Network:
    """Members of one chain under rule bft; of ``count`` nodes the last ``joining`` are known and are no members."""

    def __init__(
        self, folder: Path, count: int, limits: dict[str, int] | None = None, joining: int = 0, **told: object
    ) -> None:
        self.kit = Kit(limits or {})
        self.created = now_ms() - 1_000
        self.signers: list[TestAccount] = [new_account() for _ in range(count)]
        keys = []
        for number in range(count):
            (folder / str(number)).mkdir(parents=True)
            keys.append(create_engine_keys(folder / str(number) / "engine"))
        members = tuple(
            GenesisMember(
                signer.algorithm,
                signer.key.hex(),
                f"node-{number}",
                self.kit.organisations[0],
                key.engine_key.hex(),
                f"{number:064x}",
            )
            for number, (signer, key) in enumerate(zip(self.signers, keys, strict=True))
        )
        self.genesis = msgspec.structs.replace(
            self.kit.genesis,
            members=tuple(sorted(members[: count - joining], key=lambda member: member.key)),
            rule="bft",
            created=self.created,
        )
        ports = free_ports(count)
        self.addresses = [f"127.0.0.1:{port}" for port in ports]
        self.keys = keys
        self.members = []
        for number in range(count):
            place = folder / str(number)
            (place / "genesis.json").write_bytes(encode_genesis(self.genesis))
            peers = [[keys[other].node_id.hex(), self.addresses[other]] for other in range(count) if other != number]
            member = {
                "name": f"node-{number}",
                "algorithm": self.signers[number].algorithm,
                "secret": self.signers[number].signer._secret.hex(),
                "listen": self.addresses[number],
                "peers": peers,
                "known": [id for id, _ in peers],
            }
            (place / "member.json").write_text(json.dumps(member | told), "utf-8")
            self.members.append(MemberProcess(place, f"node-{number}"))

    def __getitem__(self, number: int) -> MemberProcess:
        return self.members[number]

    def start(self) -> None:
        for member in self.members:
            member.start()

    def stop(self) -> None:
        for member in self.members:
            member.stop()

    def put(self, **changes: object) -> bytes:
        """A fresh signed transaction that expires in five minutes."""
        changes = {"expires": now_ms() + 300_000} | changes
        return put(self.kit.department, **changes)

    def puts(self, count: int) -> list[bytes]:
        return [self.put() for _ in range(count)]

    def commit(self, *envelopes: bytes, members: Sequence[MemberProcess] | None = None) -> list[dict]:
        """Hand to every one of the members, so that any proposer has them, and wait for the receipts at all."""
        members = [each for each in (members or self.members) if each.process.poll() is None]
        places = [member.submit(*envelopes) for member in members]
        outcomes = [member.settled(place) for member, place in zip(members, places, strict=True)]
        for found in outcomes:
            # A member that was told of it after it was committed answers REPLAYED, which says the same.
            assert all(each["height"] or each["code"] == "REPLAYED" for each in found), found
        return outcomes[0]

    def agree(self, members: Sequence[MemberProcess] | None = None, least: int = 0) -> list[dict]:
        """All members reach the same ledger height; their facts, after comparing identities up to it."""
        members = self.members if members is None else members
        found: list[dict] = []

        def equal() -> bool:
            nonlocal found
            found = [member.facts() for member in members]
            return len({each["height"] for each in found}) == 1 and found[0]["height"] >= least

        wait_until(equal, lambda: f"equal heights: {[each['height'] for each in found]}")
        assert len({tuple(each["identities"]) for each in found}) == 1
        times = found[0]["times"]
        assert times == sorted(set(times))
        return found


__all__ = ["Network", "free_ports", "now_ms", "put_payload", "wait_until"]
