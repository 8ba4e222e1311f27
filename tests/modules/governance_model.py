"""Governance once more, as plain dictionaries: what each transaction answers and what holds after it; and an engine
that refuses unlawful updates. Written from docs/spec/governance.md; shares nothing with the rules but that page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

BOUNDS = {"block_transactions_max": (1, 100_000), "checkpoint_writes_min": (1, 2**53 - 1)}
WIDE = ("member.add", "member.remove", "policy.change")


class Engine:
    """Validators as CometBFT keeps them: an update that names a key twice or takes out nobody is the end."""

    def __init__(self, keys):
        self.keys = set(keys)

    def update(self, updates):
        named = [key for key, _ in updates]
        assert named == sorted(set(named)), "a key twice, or out of order"
        for key, power in updates:
            if power:
                assert key not in self.keys, "added twice"
                self.keys.add(key)
            else:
                assert key in self.keys, "takes out nobody"
                self.keys.remove(key)
        assert self.keys, "nobody left"


@dataclass
class Model:
    """`members` by key, `proposals` by id, `used` every key that ever was."""

    rule: str
    members: dict[str, dict] = field(default_factory=dict)
    proposals: dict[str, dict] = field(default_factory=dict)
    policies: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def join(self, organisation, key, engine_key, tls, status):
        self.members[key] = {
            "organisation": organisation, "engine_key": engine_key, "tls": tls, "status": status, "stamp": object(),
        }  # fmt: skip
        self.used |= {one for one in (key, engine_key, tls) if one}

    def active(self):
        return sorted(key for key, one in self.members.items() if one["status"] == "active")

    def voters(self):
        return {self.members[key]["organisation"] for key in self.active()}

    def lose(self, members):
        return {"bft": (members - 1) // 3, "raft": (members - 1) // 2}[self.rule]

    def policy(self, kind):
        return self.policies.get(kind, ("two_thirds", ()))

    def policy_for(self, change):
        if change["kind"] == "policy.change" and self.policy(change["subject"])[0] == "all":
            return "all", ()
        return self.policy(change["kind"])

    def enough(self, change, said):
        rule, named = self.policy_for(change)
        voters = self.voters()
        if rule == "list":
            return set(named) <= said & voters
        needed = {
            "any": 1, "majority": len(voters) // 2 + 1, "two_thirds": ceil(2 * len(voters) / 3), "all": len(voters),
        }[rule]  # fmt: skip
        return len(said & voters) >= needed

    def target(self, change):
        """What a vote is for; a new object whenever it changes."""
        kind = change["kind"]
        if kind.startswith("member."):
            return self.members.get(change["key"], {}).get("stamp")
        if kind == "policy.change":
            return self.policies.get(change["subject"])
        return self.parameters.get(change["name"])

    # -- what a change asks and does

    def asks(self, change):
        """Every reason against it."""
        return set(getattr(self, "asks_" + change["kind"].replace(".", "_"))(change))

    def asks_member_add(self, change):
        if {change["key"], change["engine_key"], change["tls"]} & self.used - {""}:
            yield "GOVERNANCE_KEY_USED"

    def asks_member_remove(self, change):
        member = self.members.get(change["key"])
        if member is None:
            yield "GOVERNANCE_MEMBER_UNKNOWN"
            return
        if member["status"] in ("removed", "rotated"):
            yield "GOVERNANCE_MEMBER_STATUS"
        if member["status"] != "active":
            return
        size = len(self.active())
        pair = size == 2 and self.rule == "raft"
        if size == 1 or pair or (self.lose(size) >= 1 > self.lose(size - 1)):
            yield "GOVERNANCE_QUORUM"
        mates = [key for key in self.active() if self.members[key]["organisation"] == member["organisation"]]
        if len(mates) == 1 and any(member["organisation"] in named for _, named in self.policies.values()):
            yield "GOVERNANCE_LISTED"

    def asks_member_rotate(self, change):
        member = self.members.get(change["key"])
        if member is None:
            yield "GOVERNANCE_MEMBER_UNKNOWN"
            return
        if member["status"] in ("removed", "rotated"):
            yield "GOVERNANCE_MEMBER_STATUS"
        old = (change["key"], member["engine_key"], member["tls"])
        new = (change["new_key"], change["engine_key"], change["tls"])
        fresh = {b for a, b in zip(old, new, strict=True) if a != b} - {""}
        if fresh & self.used:
            yield "GOVERNANCE_KEY_USED"
        if not fresh:
            yield "GOVERNANCE_UNCHANGED"

    def asks_parameter_change(self, change):
        low, high = BOUNDS[change["name"]]
        if not low <= change["value"] <= high:
            yield "GOVERNANCE_PARAMETER"
        elif self.parameters.get(change["name"], "genesis") == change["value"]:
            yield "GOVERNANCE_UNCHANGED"

    def asks_policy_change(self, change):
        rule, named = change["policy"]["rule"], tuple(change["policy"]["organisations"])
        subject = change["subject"]
        if (rule == "list") != bool(named) or list(named) != sorted(set(named)) or not set(named) <= self.voters():
            yield "GOVERNANCE_POLICY"
        if (subject in WIDE and rule in ("any", "list")) or (subject == "policy.change" and rule == "majority"):
            yield "GOVERNANCE_POLICY"
        if self.policy(subject) == (rule, named):
            yield "GOVERNANCE_UNCHANGED"

    def does(self, change):
        kind = change["kind"]
        if kind == "member.add":
            self.join(change["organisation"], change["key"], change["engine_key"], change["tls"], "invited")
        elif kind == "member.remove":
            self.members[change["key"]] |= {"status": "removed", "stamp": object()}
        elif kind == "member.rotate":
            member = self.members[change["key"]]
            status, organisation = member["status"], member["organisation"]
            member |= {"status": "rotated", "stamp": object()}
            self.join(organisation, change["new_key"], change["engine_key"], change["tls"], status)
        elif kind == "policy.change":
            self.policies[change["subject"]] = (change["policy"]["rule"], tuple(change["policy"]["organisations"]))
        else:
            self.parameters[change["name"]] = change["value"]

    # -- transactions: the names of all reasons, empty for success

    def propose(self, organisation, change, id, expires, now):
        reasons = self.asks(change)
        if organisation not in self.voters():
            reasons.add("GOVERNANCE_NOT_MEMBER")
        mine = [one for one in self.proposals.values() if one["organisation"] == organisation]
        if sum(one["status"] == "open" and one["expires"] > now for one in mine) >= 16:
            reasons.add("GOVERNANCE_OPEN_MAX")
        if change["kind"] == "member.rotate":
            member = self.members.get(change["key"])
            if member is not None and member["organisation"] != organisation:
                reasons.add("GOVERNANCE_NOT_OWN")
        if reasons:
            return reasons
        self.proposals[id] = {
            "organisation": organisation, "change": change, "expires": expires, "status": "open",
            "yes": {organisation}, "no": set(), "before": self.target(change),
        }  # fmt: skip
        self.settle(self.proposals[id])
        return set()

    def vote(self, organisation, id, approve, now):
        if organisation not in self.voters():
            return {"GOVERNANCE_NOT_MEMBER"}
        proposal = self.proposals.get(id)
        if proposal is None:
            return {"GOVERNANCE_PROPOSAL_UNKNOWN"}
        if proposal["status"] != "open":
            return {"GOVERNANCE_PROPOSAL_CLOSED"}
        if proposal["expires"] <= now:
            return {"GOVERNANCE_PROPOSAL_EXPIRED"}
        change = proposal["change"]
        decides = approve and self.enough(change, proposal["yes"] | {organisation})
        if organisation in proposal["no"] or (organisation in proposal["yes"] and not decides):
            return {"GOVERNANCE_VOTED"}
        if decides:
            reasons = self.asks(change)
            if self.target(change) is not proposal["before"]:
                reasons.add("GOVERNANCE_TARGET_CHANGED")
            if reasons:
                return reasons
        proposal["yes" if approve else "no"].add(organisation)
        self.settle(proposal)
        return set()

    def settle(self, proposal):
        change = proposal["change"]
        if self.enough(change, proposal["yes"]):
            proposal["status"] = "executed"
            self.does(change)
        elif not self.enough(change, self.voters() - proposal["no"]):
            proposal["status"] = "rejected"

    def withdraw(self, organisation, id):
        proposal = self.proposals.get(id)
        if proposal is None:
            return {"GOVERNANCE_PROPOSAL_UNKNOWN"}
        if proposal["status"] != "open":
            return {"GOVERNANCE_PROPOSAL_CLOSED"}
        if proposal["organisation"] != organisation:
            return {"GOVERNANCE_NOT_OWN"}
        proposal["status"] = "withdrawn"
        return set()

    def ready(self, organisation, key):
        member = self.members.get(key)
        if member is None:
            return {"GOVERNANCE_MEMBER_UNKNOWN"}
        if member["organisation"] != organisation:
            return {"GOVERNANCE_NOT_OWN"}
        if member["status"] != "invited":
            return {"GOVERNANCE_MEMBER_STATUS"}
        member |= {"status": "active", "stamp": object()}
        return set()
