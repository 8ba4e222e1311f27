"""Membership by vote: invited, ready, removed, other keys; what a chain can bear (docs/spec/governance.md 2)."""

import json

import pytest

from govchain.model import Code
from govchain.modules.governance import views
from govchain.modules.governance.changing import MEMBERS_MAX
from govchain.modules.governance.messages import READY_BLOCKS_MAX
from tests.ledger.kit import id_of
from tests.modules.governing import Council, new_member, organisation_code, parameter, policy

UNKNOWN = "ab" * 32


@pytest.fixture
def council():
    return Council()


@pytest.mark.requirement("BJ.function.node.08a", "BJ.function.node_auth.01")
def test_a_member_is_invited_by_vote_and_active_when_ready(council):
    member = new_member()
    before = council.ledger.chain.signers
    assert council.decide(council.add(member, 4)) == Code.OK
    assert council.ledger.chain.signers == before
    assert member.key not in council.active()
    assert council.ready(member, 3) == Code.GOVERNANCE_NOT_OWN
    block = council.ledger.run(council.readiness(member, 4))
    assert block.codes == (Code.OK,)
    assert member.key in council.active()
    assert block.header.next_signers != block.header.signers
    assert [(update.engine_key.hex(), update.power) for update in block.updates] == [(member.engine_key, 1)]
    assert council.ledger.chain.epoch == 1
    assert council.ready(member, 4) == Code.GOVERNANCE_MEMBER_STATUS
    assert council.propose(parameter(), by=4)[0] == Code.OK  # its organisation votes now


def test_ready_names_a_recent_block_of_this_chain_and_is_signed_by_the_member(council):
    member, other = new_member(), new_member()
    assert council.ready(member, 4, height=1, identity=UNKNOWN) == Code.GOVERNANCE_MEMBER_UNKNOWN
    assert council.decide(council.add(member, 4)) == Code.OK
    head = council.ledger.chain
    assert council.ready(member, 4, height=head.height, identity=UNKNOWN) == Code.GOVERNANCE_BLOCK
    assert council.ready(member, 4, height=head.height + 5, identity=UNKNOWN) == Code.GOVERNANCE_BLOCK
    assert council.ready(member, 4, height=1, identity=council.identity(2).hex()) == Code.GOVERNANCE_BLOCK
    payload = json.loads(json.dumps({"height": 1, "identity": council.identity(1).hex(), "key": member.key}))
    forged = {**payload, "proof": other.signer.sign(b"x").hex()}
    assert council.send(council.make("governance.ready", forged, council.operators[4])) == Code.GOVERNANCE_PROOF
    assert council.ready(member, 4, height=1) == Code.OK


def test_an_old_block_shows_nothing(council):
    member = new_member()
    assert council.decide(council.add(member, 4)) == Code.OK
    height = council.ledger.chain.height
    council.step(READY_BLOCKS_MAX)
    assert council.ready(member, 4, height=height) == Code.GOVERNANCE_BLOCK
    assert council.ready(member, 4, height=council.ledger.chain.height - READY_BLOCKS_MAX + 1) == Code.OK


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"engine_key": ""}, Code.GOVERNANCE_MEMBER_KEYS),
        ({"tls": ""}, Code.GOVERNANCE_MEMBER_KEYS),
        ({"engine_key": "ff" * 32}, Code.GOVERNANCE_MEMBER_KEYS),
        ({"engine_key": "ff" * 31}, Code.PAYLOAD_SHAPE),
        ({"key": "11" * 64}, Code.KEY_NOT_ON_CURVE),
        ({"key": "11" * 63}, Code.KEY_MALFORMED),
        ({"organisation": organisation_code(99)}, Code.ORGANISATION_UNKNOWN),
        ({"organisation": ""}, Code.ORGANISATION_UNKNOWN),
        ({"more": 1}, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_keys_that_a_member_must_have(council, changes, code):
    assert council.ledger.check(council.proposal(council.add(new_member(), 4) | changes)) == code


@pytest.mark.parametrize("field", ["key", "engine_key", "tls"])
def test_no_key_serves_twice(council, field):
    """Of an active member, an invited one, one that was removed, and one that goes on under other keys."""
    invited, gone, rotated = (new_member() for _ in range(3))
    assert council.decide(council.add(invited, 4)) == Code.OK
    assert council.decide(council.add(gone, 4)) == Code.OK
    assert council.decide(council.remove(gone)) == Code.OK
    old = council.members[0]
    assert council.decide(council.rotate(old, rotated)) == Code.OK
    for other in (council.members[1], invited, gone, rotated, old):
        change = council.add(new_member(), 4) | {field: getattr(other, field)}
        assert council.propose(change)[0] == Code.GOVERNANCE_KEY_USED
        fresh = new_member()
        used = type(fresh)(other.signer if field == "key" else fresh.signer,
                           other.engine_key if field == "engine_key" else fresh.engine_key,
                           other.tls if field == "tls" else fresh.tls)  # fmt: skip
        assert council.propose(council.rotate(council.members[2], used), by=2)[0] == Code.GOVERNANCE_KEY_USED
    engine = council.add(new_member(), 4) | {"tls": council.members[1].engine_key}
    assert council.propose(engine)[0] == Code.GOVERNANCE_KEY_USED


def test_two_proposals_that_each_are_fine_and_together_are_not(council):
    """Both name the same engine key: the second one's deciding vote is refused, the proposal stays open."""
    first, second = new_member(), new_member()
    _, one = council.propose(council.add(first, 4))
    _, two = council.propose(council.add(second, 4) | {"engine_key": first.engine_key}, by=1)
    for proposal in (one, two):
        assert council.vote(proposal, 2) == Code.OK
    assert council.vote(one, 3) == Code.OK
    assert council.vote(two, 3) == Code.GOVERNANCE_KEY_USED
    assert council.state(two).status == "open"
    assert council.state(two).approvals == tuple(sorted(council.organisations[1:3]))


@pytest.mark.requirement("BJ.function.node.08b", "BJ.function.node_auth.02")
def test_a_removed_member_signs_and_votes_no_more(council):
    added = council.admit(4)
    _, proposal = council.propose(parameter(), by=4)
    assert council.vote(proposal, 0) == Code.OK
    assert council.decide(council.remove(added), (0, 1, 2, 3)) == Code.OK
    assert added.key not in council.active()
    assert added.key not in [key.key for key in council.ledger.chain.signers.keys]
    assert council.vote(proposal, 4) == Code.GOVERNANCE_NOT_MEMBER
    # What it approved no longer counts: three of the four that are left are needed.
    assert council.vote(proposal, 1) == Code.OK
    assert council.state(proposal).status == "open"
    assert council.vote(proposal, 2) == Code.OK
    assert council.state(proposal).status == "executed"
    assert council.decide(council.remove(added)) == Code.GOVERNANCE_MEMBER_STATUS
    unknown = council.remove(new_member())
    assert council.propose(unknown)[0] == Code.GOVERNANCE_MEMBER_UNKNOWN


@pytest.mark.parametrize(("rule", "count", "left"), [("bft", 4, 4), ("bft", 3, 1), ("raft", 3, 3), ("raft", 2, 2)])
def test_nobody_removes_so_many_that_the_rest_has_no_quorum(rule, count, left):
    """Four under bft and three under raft stay, and two of two under raft; the last one everywhere."""
    council = Council(rule=rule, count=count)
    codes = []
    for number in range(count):
        voters = tuple(range(number, count)) + tuple(range(number))
        present = [one for one in voters if council.members[one].key in council.active()]
        codes.append(council.decide(council.remove(council.members[number]), tuple(present[::-1])))
    assert len(council.active()) == left
    assert codes.count(Code.OK) == count - left
    assert set(codes[count - left :]) == {Code.GOVERNANCE_QUORUM}


def test_an_invitation_is_taken_back_whatever_the_quorum(council):
    member = new_member()
    assert council.decide(council.add(member, 4)) == Code.OK
    assert council.decide(council.remove(member)) == Code.OK
    assert council.ready(member, 4) == Code.GOVERNANCE_MEMBER_STATUS
    assert council.decide(council.add(member, 4)) == Code.GOVERNANCE_KEY_USED


def test_two_members_are_replaced_in_one_block(council):
    """Updates: the difference of the sets, each key once, sorted; and the set that signs follows."""
    first, second = council.admit(4), new_member()
    assert council.decide(council.add(second, 4), (0, 1, 2, 3)) == Code.OK
    removals = [council.propose(council.remove(member), by=3)[1] for member in council.members[:2]]
    for proposal in removals:
        assert council.vote(proposal, 2) == Code.OK
        assert council.vote(proposal, 4) == Code.OK
    block = council.ledger.run(
        council.readiness(second, 4), council.ballot(removals[0], 1), council.ballot(removals[1], 1)
    )
    assert block.codes == (Code.OK,) * 3
    assert [(update.engine_key.hex(), update.power) for update in block.updates] == sorted(
        [(second.engine_key, 1), (council.members[0].engine_key, 0), (council.members[1].engine_key, 0)]
    )
    assert council.active() == sorted(member.key for member in (first, second, *council.members[2:]))
    assert [key.key for key in block.next_signers.keys] == council.active()
    assert council.ledger.chain.epoch == 2


def test_a_vote_is_said_again_where_fewer_are_needed_since(council):
    """Four of five are needed; one of the five leaves, so that three would do, and all have voted."""
    added = council.admit(4)
    _, proposal = council.propose(parameter())
    for voter in (1, 2):
        assert council.vote(proposal, voter) == Code.OK
    assert council.vote(proposal, 3, approve=False) == Code.OK
    assert council.vote(proposal, 0) == Code.GOVERNANCE_VOTED
    assert council.decide(council.remove(added), (0, 1, 2, 3)) == Code.OK
    assert council.vote(proposal, 3) == Code.GOVERNANCE_VOTED
    assert council.vote(proposal, 0) == Code.OK
    assert council.state(proposal).status == "executed"


def test_a_member_gets_other_keys(council):
    old, new = council.members[1], new_member()
    change = council.rotate(old, new)
    assert council.propose(change, by=0)[0] == Code.GOVERNANCE_NOT_OWN
    code, proposal = council.propose(change, by=1)
    assert code == Code.OK
    assert council.vote(proposal, 0) == Code.OK
    block = council.ledger.run(council.ballot(proposal, 2))
    assert [(u.engine_key.hex(), u.power) for u in block.updates] == sorted([(old.engine_key, 0), (new.engine_key, 1)])
    assert new.key in council.active()
    assert old.key not in council.active()
    assert views.member(council.ledger.state, old.key).status == "rotated"
    assert views.member(council.ledger.state, new.key).organisation == council.organisations[1]
    assert council.ledger.chain.epoch == 1
    assert council.propose(council.remove(old))[0] == Code.GOVERNANCE_MEMBER_STATUS


def test_only_the_engine_key_or_the_certificate_changes(council):
    """No other signer set, no other epoch; the engine hears of its own key alone."""
    own = council.members[0]
    for field in ("engine_key", "tls"):
        fresh = new_member()
        keys = {"engine_key": own.engine_key, "tls": own.tls} | {field: getattr(fresh, field)}
        next_one = type(own)(own.signer, keys["engine_key"], keys["tls"])
        assert council.decide(council.rotate(own, next_one)) == Code.OK
        block = council.ledger.blocks[-1]
        assert block.header.next_signers == block.header.signers
        assert len(block.updates) == (2 if field == "engine_key" else 0)
        own = next_one
    assert council.propose(council.rotate(own, own))[0] == Code.GOVERNANCE_UNCHANGED


def test_a_new_key_shows_that_somebody_holds_it(council):
    old, new, other = council.members[0], new_member(), new_member()
    good = council.rotate(old, new)
    for proof in ("00", "00" * 64, council.rotate(old, other)["proof"], council.rotate(other, new)["proof"]):
        assert council.propose(good | {"proof": proof})[0] == Code.GOVERNANCE_PROOF
    elsewhere = council.rotate(old, new, chain="other-chain")
    assert council.propose(elsewhere)[0] == Code.GOVERNANCE_PROOF
    assert council.propose(good | {"tls": other.tls})[0] == Code.GOVERNANCE_PROOF
    assert council.propose(good)[0] == Code.OK


def test_a_proposal_whose_target_changed_meanwhile_is_made_anew(council):
    """The member got other keys after its removal was proposed; the parameter was voted otherwise."""
    target = council.members[3]
    extra = council.admit(4)
    _, removal = council.propose(council.remove(target))
    assert council.vote(removal, 1) == Code.OK
    fresh = new_member()
    next_one = type(target)(target.signer, fresh.engine_key, target.tls)
    assert council.decide(council.rotate(target, next_one), (3, 0, 1, 2)) == Code.OK
    assert council.vote(removal, 2) == Code.OK  # not the deciding one
    assert council.vote(removal, 4) == Code.GOVERNANCE_TARGET_CHANGED
    assert council.decide(council.remove(next_one), (0, 1, 2, 4)) == Code.OK
    assert extra.key in council.active()
    _, first = council.propose(parameter(20))
    assert council.decide(parameter(30), (1, 2, 4)) == Code.OK
    assert council.vote(first, 1) == Code.OK
    assert council.vote(first, 2) == Code.GOVERNANCE_TARGET_CHANGED


def test_members_are_bounded(council):
    assert council.decide(policy("member.add", "majority")) == Code.OK
    for _ in range(MEMBERS_MAX - len(council.members)):
        proposal = council.proposal(council.add(new_member(), 4))
        votes = [council.ballot(id_of(proposal).hex(), by) for by in (1, 2)]
        assert council.ledger.codes(proposal, *votes) == [Code.OK] * 3
    assert council.propose(council.add(new_member(), 4))[0] == Code.GOVERNANCE_MEMBERS_MAX


def test_a_solo_chain_takes_no_other_member_and_changes_its_own_key():
    council = Council(rule="solo", count=1)
    assert council.propose(council.add(new_member("solo"), 1))[0] == Code.GOVERNANCE_ENGINE
    assert council.propose(council.remove(council.members[0]))[0] == Code.GOVERNANCE_QUORUM
    fresh = new_member("solo")
    assert council.propose(council.rotate(council.members[0], fresh))[0] == Code.OK
    assert council.active() == [fresh.key]
    assert [key.key for key in council.ledger.chain.signers.keys] == [fresh.key]


def test_a_raft_member_has_no_engine_key():
    council = Council(rule="raft", count=3)
    assert council.propose(council.add(new_member("bft"), 3))[0] == Code.GOVERNANCE_MEMBER_KEYS
    member = council.admit(3, voters=(0, 1))
    assert member.key in council.active()
    assert all(block.updates == () for block in council.ledger.blocks)
