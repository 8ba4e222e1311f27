"""Governance: proposals, votes, thresholds, and every refusal (docs/spec/governance.md)."""

import json

import pytest

from govchain.model import Code
from govchain.modules.governance import views
from tests.ledger.kit import id_of, make, new_account, prove_live
from tests.modules.governing import DAY_MS, Council, new_member, parameter

UNKNOWN = "ab" * 32


@pytest.fixture
def council():
    return Council()


def test_genesis_members_are_active_and_their_keys_are_taken(council):
    found = views.active_members(council.ledger.state)
    assert [facts.key.hex() for facts in found] == sorted(member.key for member in council.members)
    assert {facts.engine_key.hex() for facts in found} == {member.engine_key for member in council.members}
    assert {facts.organisation for facts in found} == set(council.organisations[:4])
    assert views.voters(council.ledger.state) == tuple(sorted(council.organisations[:4]))
    for member in council.members:
        for key in (member.key, member.engine_key, member.tls):
            assert views.is_key_used(council.ledger.state, key)
    stored = prove_live(council.ledger, b"governance.member/" + council.members[0].key.encode())
    assert json.loads(stored)["status"] == "active"


def test_the_vote_that_meets_the_threshold_carries_the_change_out(council):
    code, proposal = council.propose(parameter(), reason="试运行")
    assert code == Code.OK
    stored = council.state(proposal)
    assert (stored.status, stored.approvals, stored.reason) == ("open", (council.organisations[0],), "试运行")
    assert council.vote(proposal, 1) == Code.OK
    assert council.state(proposal).status == "open"
    block = council.ledger.run(council.ballot(proposal, 2))
    assert block.codes == (Code.OK,)
    assert [event.type for event in block.events[0]] == [
        "governance.voted", "governance.executed", "governance.parameter_changed",
    ]  # fmt: skip
    assert block.events[0][1].reference == proposal
    assert block.events[0][2].data == {"proposal": proposal, "value": 20}
    done = council.state(proposal)
    assert (done.status, done.closed, len(done.approvals)) == ("executed", block.header.height, 3)
    assert views.limits_in_force(council.ledger.state, council.kit.genesis.limits).block_transactions_max == 20
    assert council.vote(proposal, 3) == Code.GOVERNANCE_PROPOSAL_CLOSED


def test_alone_a_proposal_is_carried_out_at_once():
    council = Council(rule="solo", count=1)
    code, proposal = council.propose(parameter())
    assert (code, council.state(proposal).status) == (Code.OK, "executed")
    assert views.open_proposals(council.ledger.state, council.organisations[0]).proposals == ()


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"approve": True, "proposal": UNKNOWN}, "governance.vote"),
        ({"change": parameter(), "expires": 1, "reason": ""}, "governance.propose"),
        ({"proposal": UNKNOWN}, "governance.withdraw"),
        ({"height": 1, "identity": UNKNOWN, "key": "ab" * 64, "proof": "00"}, "governance.ready"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_an_operator_that_administers_its_organisation_takes_part(council, kind, payload):
    accounts = council.kit.accounts
    for role in ("department", "supervisor", "auditor", "administrator"):
        assert council.send(make(kind, payload, accounts[0, role])) == Code.ROLE_MISSING
    assert council.send(make(kind, payload, accounts[0, "operator"])) == Code.ADMINISTRATOR_REQUIRED


def test_who_has_no_active_member_neither_proposes_nor_votes(council):
    assert council.propose(parameter(), by=4)[0] == Code.GOVERNANCE_NOT_MEMBER
    _, proposal = council.propose(parameter())
    assert council.vote(proposal, 4) == Code.GOVERNANCE_NOT_MEMBER
    assert council.vote(UNKNOWN, 4) == Code.GOVERNANCE_NOT_MEMBER


def test_a_frozen_operator_casts_no_vote(council):
    _, proposal = council.propose(parameter())
    target = {"account": council.operators[1].address.hex(), "reason": "investigation"}
    assert council.send(make("accounts.freeze", target, council.kit.accounts[1, "administrator"])) == Code.OK
    assert council.vote(proposal, 1) == Code.SIGNER_FROZEN
    assert council.vote(proposal, 2) == Code.OK
    assert council.state(proposal).status == "open"


def test_an_organisation_votes_once_whatever_it_said(council):
    _, proposal = council.propose(parameter())
    assert council.vote(proposal, 0) == Code.GOVERNANCE_VOTED
    assert council.vote(proposal, 0, approve=False) == Code.GOVERNANCE_VOTED
    assert council.vote(proposal, 1, approve=False) == Code.OK
    assert council.vote(proposal, 1) == Code.GOVERNANCE_VOTED


def test_two_operators_of_one_organisation_have_one_vote(council):
    second = new_account()
    registration = {
        "administrator": True, "algorithm": "sm2-sm3", "key": second.key.hex(), "label": "", "roles": ["operator"],
    }  # fmt: skip
    assert council.send(make("accounts.register", registration, council.operators[0])) == Code.OK
    _, proposal = council.propose(parameter())
    again = council.make("governance.vote", {"approve": True, "proposal": proposal}, second)
    assert council.send(again) == Code.GOVERNANCE_VOTED


def test_a_proposal_that_can_no_longer_pass_is_rejected(council):
    _, proposal = council.propose(parameter())
    assert council.vote(proposal, 1, approve=False) == Code.OK
    assert council.state(proposal).status == "open"
    block = council.ledger.run(council.ballot(proposal, 2, approve=False))
    assert [event.type for event in block.events[0]] == ["governance.voted", "governance.rejected"]
    assert council.state(proposal).status == "rejected"
    assert council.vote(proposal, 3) == Code.GOVERNANCE_PROPOSAL_CLOSED
    assert views.open_proposals(council.ledger.state, council.organisations[0]).proposals == ()


def test_a_proposal_is_withdrawn_by_its_own_organisation(council):
    _, proposal = council.propose(parameter())
    other = council.make("governance.withdraw", {"proposal": proposal}, council.operators[1])
    assert council.send(other) == Code.GOVERNANCE_NOT_OWN
    own = {"proposal": proposal}
    assert council.send(council.make("governance.withdraw", own, council.operators[0])) == Code.OK
    assert council.send(council.make("governance.withdraw", own, council.operators[0])) == (
        Code.GOVERNANCE_PROPOSAL_CLOSED
    )
    assert council.vote(proposal, 1) == Code.GOVERNANCE_PROPOSAL_CLOSED
    unknown = council.make("governance.withdraw", {"proposal": UNKNOWN}, council.operators[0])
    assert council.send(unknown) == Code.GOVERNANCE_PROPOSAL_UNKNOWN


def test_a_proposal_expires(council):
    envelope = council.proposal(parameter(), days=1 / DAY_MS * 5)  # five milliseconds
    assert council.send(envelope) == Code.OK
    proposal = id_of(envelope).hex()
    assert council.vote(proposal, 1) == Code.OK
    council.step(5)
    assert council.vote(proposal, 2) == Code.GOVERNANCE_PROPOSAL_EXPIRED
    assert council.vote(UNKNOWN, 2) == Code.GOVERNANCE_PROPOSAL_UNKNOWN


@pytest.mark.parametrize(("days", "code"), [(0, Code.GOVERNANCE_EXPIRY), (90, Code.OK), (91, Code.GOVERNANCE_EXPIRY)])
def test_how_long_a_proposal_may_stay_open(council, days, code):
    assert council.propose(parameter(), days=days)[0] == code


def test_open_proposals_are_bounded_for_each_organisation(council):
    short = [council.proposal(parameter(), days=60 / DAY_MS) for _ in range(10)]
    long = [council.proposal(parameter()) for _ in range(6)]
    assert council.ledger.codes(*short, *long) == [Code.OK] * 16
    assert council.propose(parameter())[0] == Code.GOVERNANCE_OPEN_MAX
    assert council.propose(parameter(), by=1)[0] == Code.OK
    council.step(60)
    assert council.propose(parameter())[0] == Code.OK  # those that expired make room
    assert len(views.open_proposals(council.ledger.state, council.organisations[0]).proposals) == 7


def test_huge_and_unprintable_texts(council):
    assert council.propose(parameter(), reason="理" * 512)[0] == Code.OK
    assert council.ledger.check(council.proposal(parameter(), reason="理" * 513)) == Code.PAYLOAD_SHAPE
    assert council.ledger.check(council.proposal(parameter(), reason="a\u202eb")) == Code.GOVERNANCE_TEXT
    member = new_member()
    assert council.ledger.check(council.proposal(council.add(member, 4, name="n" * 129))) == Code.PAYLOAD_SHAPE
    assert council.ledger.check(council.proposal(council.add(member, 4, name="n\nm"))) == Code.GOVERNANCE_TEXT
    long = {"height": 99, "kind": "upgrade", "software": "s" * 65, "version": 2}
    assert council.ledger.check(council.proposal(long)) == Code.PAYLOAD_SHAPE


def test_a_change_of_no_known_kind_has_no_shape(council):
    for change in ({"kind": "member.king"}, {}, {"kind": "member.remove"}, {"kind": "member.remove", "key": "zz"}):
        assert council.ledger.check(council.proposal(change)) == Code.PAYLOAD_SHAPE


def test_a_proposal_sent_twice_is_a_replay(council):
    envelope = council.proposal(parameter())
    assert council.send(envelope) == Code.OK
    assert council.ledger.check(envelope) == Code.REPLAYED
