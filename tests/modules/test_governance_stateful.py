"""Random proposals and votes against the plain model (governance_model.py), under both rules; what must always hold."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from govchain.model import Code
from govchain.modules.governance import views
from govchain.modules.governance.messages import Policy
from govchain.modules.governance.thresholds import tolerance
from govchain.proof.certificates import finality_message
from govchain.proof.signers import check_signer_set, signer_set_digest
from govchain.proof.trust import EpochWalk
from tests.ledger.kit import id_of
from tests.modules.governance_model import Engine, Model
from tests.modules.governing import Council, NewMember, new_member, parameter, policy

numbers = st.integers(0, 1000)
#: Mostly one of those who vote; see ``Governing.place_of``.
who = st.integers(0, 1000)
places = st.integers(0, 5)
subjects = st.sampled_from(["member.add", "member.remove", "member.rotate", "parameter.change", "policy.change"])
rules = st.sampled_from(["all", "any", "list", "majority", "two_thirds", "two_thirds"])


class Governing(RuleBasedStateMachine):
    """Several transactions make a block; the model answers each first, in order."""

    rule_name = "bft"

    @initialize(count=st.sampled_from([1, 2, 3, 4, 4, 5]))
    def start(self, count):
        self.council = Council(rule=self.rule_name, count=count, guests=6 - count)
        self.model = Model(self.rule_name)
        self.nodes: list[NewMember] = list(self.council.members)
        for number, node in enumerate(self.nodes):
            self.model.join(self.council.organisations[number], node.key, node.engine_key, node.tls, "active")
        self.engine = Engine(node.engine_key for node in self.nodes)
        self.ids: list[str] = []
        self.waiting: list[tuple[bytes, set[str]]] = []
        self.walk = EpochWalk.from_genesis(self.council.kit.machine.suite, self.council.kit.genesis)
        self.changes = 0

    def time(self):
        """Of the block that is being filled."""
        return self.council.ledger.chain.time + 1

    def put(self, envelope, reasons):
        self.waiting.append((envelope, reasons))

    def place_of(self, number):
        """The place of an organisation: one that votes, now and then any."""
        voters = sorted(self.model.voters())
        if number % 10 == 9:
            return number // 10 % 6
        return self.council.organisations.index(voters[number // 10 % len(voters)])

    def propose(self, change, by, days=1.0):
        by = self.place_of(by)
        envelope = self.council.proposal(change, by, days=days)
        expires = self.council.ledger.chain.time + int(days * 86_400_000)
        id = id_of(envelope).hex()
        reasons = self.model.propose(self.council.organisations[by], change, id, expires, self.time())
        self.put(envelope, reasons)
        if not reasons or not len(self.ids) % 7:
            self.ids.append(id)

    def node(self, number):
        return self.nodes[number % len(self.nodes)]

    @rule(by=who, organisation=places, again=numbers, field=st.sampled_from(["", "", "", "key", "engine_key", "tls"]))
    def propose_member(self, by, organisation, again, field):
        node = new_member(self.rule_name)
        change = self.council.add(node, organisation)
        if field and getattr(node, field):
            change |= {field: getattr(self.node(again), field)}
        else:
            self.nodes.append(node)
        self.propose(change, by)

    @rule(by=who, number=numbers)
    def propose_removal(self, by, number):
        node = self.node(number) if number % 8 else new_member(self.rule_name)
        self.propose(self.council.remove(node), by)

    @rule(by=who, number=numbers, what=st.sampled_from(["all", "tls", "none", "taken"]))
    def propose_rotation(self, by, number, what):
        old, new = self.node(number), new_member(self.rule_name)
        if what == "tls":
            new = NewMember(old.signer, old.engine_key, new.tls)
        elif what == "none":
            new = old
        elif what == "taken":
            new = NewMember(new.signer, new.engine_key, self.node(number + 1).tls)
        self.propose(self.council.rotate(old, new), by)
        self.nodes.append(new)

    @rule(by=who, value=st.sampled_from([7, 8, 100_000, 100_001]), days=st.sampled_from([1, 4 / 86_400_000]))
    def propose_parameter(self, by, value, days):
        self.propose(parameter(value), by, days)

    @rule(
        by=who, subject=subjects, rule_name=rules, named=st.lists(who, max_size=3, unique_by=lambda number: number % 6)
    )
    def propose_policy(self, by, subject, rule_name, named):
        organisations = sorted({self.council.organisations[self.place_of(number)] for number in named})
        if rule_name != "list":
            organisations = organisations[:1] if len(named) == 3 else []
        self.propose(policy(subject, rule_name, *organisations), by)

    @rule(by=who, number=numbers, approve=st.sampled_from([True, True, True, False]))
    def vote(self, by, number, approve):
        if self.ids:
            by = self.place_of(by)
            id = self.ids[-1 - number % min(len(self.ids), 5)]
            envelope = self.council.ballot(id, by, approve=approve)
            self.put(envelope, self.model.vote(self.council.organisations[by], id, approve, self.time()))

    @rule(number=numbers)
    def everybody_votes(self, number):
        for code in sorted(self.model.voters()):
            self.vote(10 * sorted(self.model.voters()).index(code) if code in self.model.voters() else 9, number, True)

    @rule(by=who, number=numbers, sure=st.integers(0, 3))
    def withdraw(self, by, number, sure):
        if self.ids and not sure:
            by, id = self.place_of(by), self.ids[number % len(self.ids)]
            envelope = self.council.make("governance.withdraw", {"proposal": id}, self.council.operators[by])
            self.put(envelope, self.model.withdraw(self.council.organisations[by], id))

    @rule(number=numbers, wrong=st.integers(0, 9))
    def ready(self, number, wrong):
        invited = [node for node in self.nodes if self.model.members.get(node.key, {}).get("status") == "invited"]
        node = invited[number % len(invited)] if invited else self.node(number)
        if not self.council.ledger.chain.height:
            return
        owner = self.model.members.get(node.key, {}).get("organisation", self.council.organisations[0])
        by = self.council.organisations.index(owner) if wrong else number % 6
        envelope = self.council.readiness(node, by)
        self.put(envelope, self.model.ready(self.council.organisations[by], node.key))

    @rule()
    def close_block(self):
        if not self.waiting:
            return
        ledger = self.council.ledger
        before = ledger.chain
        block = ledger.run(*(envelope for envelope, _ in self.waiting))
        expected = [min((Code[name] for name in reasons), default=Code.OK) for _, reasons in self.waiting]
        assert list(block.codes) == expected
        self.waiting = []
        # The engine takes the updates, and its set is the members'.
        self.engine.update([(update.engine_key.hex(), update.power) for update in block.updates])
        # The header chain: the set before signs, epochs count the changes of keys.
        suite = ledger.machine.suite
        assert block.signers == before.signers
        self.walk = self.walk.step(block.header)
        self.changes += block.header.next_signers != block.header.signers
        assert (self.walk.epoch, ledger.chain.epoch) == (self.changes, self.changes)
        assert signer_set_digest(suite, ledger.chain.signers).hex() == self.walk.signers
        assert check_signer_set(suite, ledger.chain.signers) == ""
        assert finality_message(ledger.machine.genesis.chain, before.epoch, block.header.height, block.identity, b"")
        self.compare()

    def compare(self):
        state, model = self.council.ledger.state, self.model
        active = [facts.key.hex() for facts in views.active_members(state)]
        assert active == model.active()
        assert [key.key for key in self.council.ledger.chain.signers.keys] == active
        assert active
        if self.rule_name == "bft":
            assert self.engine.keys == {model.members[key]["engine_key"] for key in active}
        assert {facts.key.hex(): facts.status for facts in views.members(state)} == {
            key: one["status"] for key, one in model.members.items()
        }
        assert {id: value.status for id, value in views.proposals(state)} == {
            id: one["status"] for id, one in model.proposals.items()
        }
        for id, value in views.proposals(state):
            one = model.proposals[id]
            assert (set(value.approvals), set(value.rejections)) == (one["yes"], one["no"])
        for kind, found in views.policies(state).items():
            rule_name, named = model.policy(kind)
            assert found == Policy(organisations=named, rule=rule_name)
        for code in self.council.organisations:
            listed = {one.id for one in views.open_proposals(state, code).proposals}
            still = {
                id for id, one in model.proposals.items()
                if one["organisation"] == code and one["status"] == "open"
                and one["expires"] > self.council.ledger.chain.time
            }  # fmt: skip
            assert still <= listed

    @invariant()
    def a_chain_that_can_lose_a_member_stays_so(self):
        if hasattr(self, "model"):
            size = len(self.model.active())
            self.lost = max(getattr(self, "lost", 0), min(tolerance(self.rule_name, size), 1))
            assert tolerance(self.rule_name, size) >= self.lost

    def teardown(self):
        if hasattr(self, "model"):
            self.close_block()


@pytest.mark.parametrize("rule_name", ["bft", "raft"])
def test_random_votes(rule_name):
    machine = type("Bound", (Governing,), {"rule_name": rule_name})
    bounds = settings(max_examples=40, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=bounds)
