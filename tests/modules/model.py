"""The two families once more, as plain dictionaries: what each transaction answers, and the whole state after it.

Written from docs/spec/transactions.md and permissions.md; shares nothing with the rules but those pages.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

CAPTURE_AHEAD = 600_000


def sm3(data):
    return hashlib.new("sm3", data).digest()


def canonical(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Place:
    """Where a transaction stands: its id, block, index, and the block's time."""

    id: bytes
    height: int
    index: int
    time: int

    @property
    def key(self):
        return self.height.to_bytes(8, "big") + self.index.to_bytes(4, "big")


@dataclass
class Model:
    """`accounts` by address, `records` and `marks` by evidence id (and leaf), and look-up tables as lists of keys."""

    chain: str
    organisations: dict[str, str]
    algorithms: tuple[str, ...]
    accounts: dict[str, dict] = field(default_factory=dict)
    records: dict[str, dict] = field(default_factory=dict)
    marks: dict[tuple[str, int | None], dict] = field(default_factory=dict)
    lookups: dict[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, genesis, address_of):
        """The state of a genesis (a struct); `address_of(algorithm, key)` gives an address in hex."""
        model = cls(genesis.chain, {o.code: o.name for o in genesis.organisations}, genesis.algorithms)
        for entry in genesis.accounts:
            model.accounts[address_of(entry.algorithm, bytes.fromhex(entry.key))] = {
                "administrator": entry.administrator, "algorithm": entry.algorithm, "height": 0, "key": entry.key,
                "label": entry.label, "organisation": entry.organisation, "roles": list(entry.roles),
                "status": "active",
            }  # fmt: skip
        model.address_of = address_of
        return model

    def state(self):
        """Every state key and its value."""
        found = dict(self.lookups)
        for code, name in self.organisations.items():
            found[b"accounts.organisation/" + code.encode()] = canonical({"name": name})
        for address, value in self.accounts.items():
            found[b"accounts.account/" + bytes.fromhex(address)] = canonical(value)
        for id, value in self.records.items():
            found[b"evidence.record/" + bytes.fromhex(id)] = canonical(value)
        for (id, member), value in self.marks.items():
            suffix = b"" if member is None else member.to_bytes(4, "big")
            found[b"evidence.mark/" + bytes.fromhex(id) + suffix] = canonical(value)
        return found

    def run(self, kind, sender, payload, place):
        """The code's name; `sender` is an address in hex of a known account."""
        account = self.accounts[sender]
        if account["status"] == "frozen":
            return "SIGNER_FROZEN"
        family, verb = kind.split(".")
        if family == "evidence" and "department" not in account["roles"]:
            return "ROLE_MISSING"
        return getattr(self, verb)(sender, account, payload, place)

    # -- accounts

    def register(self, sender, account, payload, place):
        if not account["administrator"]:
            return "ADMINISTRATOR_REQUIRED"
        if payload["algorithm"] not in self.algorithms:
            return "ALGORITHM_NOT_ALLOWED"
        address = self.address_of(payload["algorithm"], bytes.fromhex(payload["key"]))
        if address in self.accounts:
            return "ACCOUNT_EXISTS"
        roles = payload["roles"]
        if roles != sorted(set(roles)) or not set(roles) <= {"department", *account["roles"]}:
            return "ACCOUNT_ROLES"
        self.accounts[address] = {
            **payload, "height": place.height, "organisation": account["organisation"], "status": "active",
        }  # fmt: skip
        return "OK"

    def freeze(self, sender, account, payload, place):
        return self._status(sender, account, payload["account"], "active", "frozen")

    def unfreeze(self, sender, account, payload, place):
        return self._status(sender, account, payload["account"], "frozen", "active")

    def _status(self, sender, account, target, before, after):
        supervisor = "supervisor" in account["roles"]
        if not account["administrator"] and not supervisor:
            return "ADMINISTRATOR_REQUIRED"
        if target not in self.accounts:
            return "ACCOUNT_UNKNOWN"
        if self.accounts[target]["organisation"] != account["organisation"] and not supervisor:
            return "ORGANISATION_MISMATCH"
        if self.accounts[target]["status"] != before:
            return "ACCOUNT_STATUS"
        if target == sender:
            return "ACCOUNT_SELF"
        self.accounts[target] = {**self.accounts[target], "status": after}
        return "OK"

    # -- evidence

    def put(self, sender, account, payload, place):
        return self._late(payload["subject"], place) or self._add("file", sender, account, payload, place)

    def batch(self, sender, account, payload, place):
        return self._late(payload, place) or self._add("batch", sender, account, payload, place)

    def supplement(self, sender, account, payload, place):
        fault = self._not_markable(account, payload["evidence"], None) or self._late(payload["subject"], place)
        return fault or self._add("supplement", sender, account, payload, place)

    def supersede(self, sender, account, payload, place):
        fault = self._not_markable(account, payload["evidence"], payload["member"])
        fault = fault or self._late(payload["subject"], place)
        if fault:
            return fault
        self._add("replacement", sender, account, payload, place)
        return self._mark("superseded", sender, account, payload, place)

    def withdraw(self, sender, account, payload, place):
        fault = self._not_markable(account, payload["evidence"], payload["member"])
        if fault:
            return fault
        self.lookups[b"evidence.link/" + bytes.fromhex(payload["evidence"]) + place.key] = place.id
        return self._mark("withdrawn", sender, account, payload, place)

    def _late(self, captured, place):
        return "EVIDENCE_CAPTURE_TIME" if captured["capture"]["time"] > place.time + CAPTURE_AHEAD else None

    def _not_markable(self, account, evidence, member):
        record = self.records.get(evidence)
        if record is None:
            return "EVIDENCE_UNKNOWN"
        if member is not None and (record["kind"] != "batch" or member >= record["count"]):
            return "EVIDENCE_MEMBER"
        if record["organisation"] != account["organisation"]:
            return "EVIDENCE_NOT_OWNER"
        mark = self.marks.get((evidence, None)) or self.marks.get((evidence, member))
        return mark and f"EVIDENCE_{mark['kind'].upper()}"

    def _add(self, kind, sender, account, payload, place):
        self.records[place.id.hex()] = {
            "account": sender, "count": payload.get("count", 1), "height": place.height, "index": place.index,
            "kind": kind, "of": payload.get("evidence"), "organisation": account["organisation"], "time": place.time,
        }  # fmt: skip
        self.lookups[b"evidence.by_account/" + bytes.fromhex(sender) + place.key] = place.id
        subject = payload.get("subject")
        if subject and subject["sm3"]:
            for name in ("sm3", "sha256"):
                self.lookups[b"evidence.by_digest/" + bytes.fromhex(subject[name]) + place.id] = b""
        if payload["reference"]:
            digest = sm3(payload["reference"].encode())
            self.lookups[b"evidence.by_reference/" + digest + place.key] = place.id
        if kind in ("supplement", "replacement"):
            self.lookups[b"evidence.link/" + bytes.fromhex(payload["evidence"]) + place.key] = place.id
        return "OK"

    def _mark(self, kind, sender, account, payload, place):
        self.marks[payload["evidence"], payload["member"]] = {
            "account": sender, "by": place.id.hex(), "kind": kind, "organisation": account["organisation"],
            "reason": payload["reason"], "time": place.time,
        }  # fmt: skip
        return "OK"
