"""Both families under a machine of random rules: after every block the whole state is the dictionaries' (model.py)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from govchain.crypto import account_address
from govchain.model import Code
from govchain.modules.evidence import views
from tests.ledger.kit import CHAIN, CREATED, Kit, Ledger, id_of, item, make, new_account
from tests.modules.model import Model, Place, sm3

numbers = st.integers(0, 1000)
members = st.sampled_from([None, None, 0, 2, 3])
references = st.sampled_from(["", "a", "项目"])
captures = st.sampled_from([CREATED, CREATED, CREATED + 600_000, CREATED + 700_000])
#: Mostly those who may; the number picks one of the places.
for_evidence = st.sampled_from([(0, "department")] * 6 + [(1, "department")] * 3 + [(0, "auditor"), "newcomer"])
for_accounts = st.sampled_from(
    [(0, "administrator")] * 6 + [(1, "administrator"), (1, "supervisor"), (0, "operator"), "newcomer"]
)


class Families(RuleBasedStateMachine):
    """Sends one transaction for each step; the model answers first."""

    kit: Kit

    @initialize()
    def start(self) -> None:
        def address_of(algorithm, key):
            return account_address(self.kit.machine.suite, CHAIN, algorithm, key).hex()

        self.ledger = Ledger(self.kit)
        self.model = Model.of(self.kit.genesis, address_of)
        self.newcomers = []
        self.ids = []

    def sender_of(self, who, number):
        if who == "newcomer" and self.newcomers:
            return self.newcomers[number % len(self.newcomers)]
        return self.kit.accounts[who if who != "newcomer" else (0, "department")]

    def pick(self, number):
        """One of the latest records, now and then none."""
        return self.ids[-1 - number % min(len(self.ids), 6)].hex() if self.ids and number % 10 else "00" * 32

    def send(self, kind, payload, sender):
        envelope = make(kind, payload, sender)
        checked = self.ledger.check(envelope)
        block = self.ledger.run(envelope, time=CREATED)
        place = Place(id_of(envelope), block.header.height, 0, block.header.time)
        expected = Code[self.model.run(kind, sender.address.hex(), payload, place)]
        assert list(block.codes) == [expected]
        assert checked == expected
        return place.id if expected == Code.OK else None

    def anchor(self, kind, payload, who, number):
        id = self.send(kind, payload, self.sender_of(who, number))
        if id:
            self.ids.append(id)

    @rule(
        who=for_accounts, number=numbers, again=st.booleans(), roles=st.sampled_from([[], ["department"], ["auditor"]])
    )
    def register(self, who, number, again, roles):
        account = self.newcomers[number % len(self.newcomers)] if again and self.newcomers else new_account()
        payload = {
            "administrator": number % 4 == 0, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "",
            "roles": roles,
        }  # fmt: skip
        if self.send("accounts.register", payload, self.sender_of(who, number)):
            self.newcomers.append(account)

    @rule(who=for_accounts, number=numbers, which=numbers, thaw=st.booleans())
    def change_status(self, who, number, which, thaw):
        every = [*self.newcomers, *self.kit.accounts.values(), new_account()]
        account = {"account": every[which % len(every)].address.hex()}
        if thaw:
            self.send("accounts.unfreeze", account, self.sender_of(who, number))
        else:
            self.send("accounts.freeze", {**account, "reason": "other"}, self.sender_of(who, number))

    @rule(who=for_evidence, number=numbers, reference=references, time=captures)
    def put(self, who, number, reference, time):
        subject = item(capture={"method": "file", "time": time}, sm3=f"{number % 3:064x}")
        self.anchor("evidence.put", {"reference": reference, "subject": subject}, who, number)

    @rule(who=for_evidence, number=numbers, count=st.integers(1, 4), reference=references, time=captures)
    def batch(self, who, number, count, reference, time):
        capture = {"method": "folder", "time": time}
        payload = {"capture": capture, "count": count, "reference": reference, "root": "ab" * 32, "total_size": 1}
        self.anchor("evidence.batch", payload, who, number)

    @rule(who=for_evidence, number=numbers, which=numbers, reference=references, time=captures)
    def supplement(self, who, number, which, reference, time):
        subject = item(capture={"method": "api", "time": time})
        payload = {"evidence": self.pick(which), "reference": reference, "subject": subject}
        self.anchor("evidence.supplement", payload, who, number)

    @rule(who=for_evidence, number=numbers, which=numbers, member=members, time=captures)
    def supersede(self, who, number, which, member, time):
        payload = {
            "evidence": self.pick(which), "member": member, "reason": "expired", "reference": "",
            "subject": item(capture={"method": "other", "time": time}),
        }  # fmt: skip
        self.anchor("evidence.supersede", payload, who, number)

    @rule(who=for_evidence, number=numbers, which=numbers, member=members)
    def withdraw(self, who, number, which, member):
        payload = {"evidence": self.pick(which), "member": member, "reason": "duplicate"}
        self.send("evidence.withdraw", payload, self.sender_of(who, number))

    @invariant()
    def the_whole_state_is_the_models(self):
        if hasattr(self, "ledger"):
            assert dict(self.ledger.state.scan(b"")) == self.model.state()

    @invariant()
    def views_read_what_is_there(self):
        if not hasattr(self, "ledger"):
            return
        for id in self.ids[-3:]:
            assert views.record(self.ledger.state, id).organisation == self.model.records[id.hex()]["organisation"]
            for member in (None, 0, 3):
                found = views.mark(self.ledger.state, id, member)
                wanted = self.model.marks.get((id.hex(), None)) or self.model.marks.get((id.hex(), member))
                assert (found and found.kind) == (wanted and wanted["kind"])
        by_reference = list(views.find_by_reference(self.ledger.state, sm3(b"a")))
        assert len(set(by_reference)) == len(by_reference)
        assert set(by_reference) <= set(self.ids)


@pytest.mark.parametrize("steps", [40])
def test_random_rules(kit, steps):
    machine = type("Bound", (Families,), {"kit": kit})
    bounds = settings(
        max_examples=20, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=bounds)
