"""Nobody silences another organisation but by a vote, and a lost administrator is answered by one (governance.md 1)."""

import pytest

from govchain.model import Code
from tests.ledger.kit import Kit, Ledger, make, new_account
from tests.modules.governing import Council, organisation_code, parameter, policy


@pytest.fixture
def council():
    return Council()


def change_status(council, what, sender, account, reason="investigation"):
    payload = {"account": account.address.hex(), **({"reason": reason} if what == "freeze" else {})}
    return council.send(council.make(f"accounts.{what}", payload, sender))


def is_active(council, account):
    return council.ledger.directory.account(account.address).active


def register(council, sender, roles=("department", "operator"), *, administrator=True):
    account = new_account()
    payload = {
        "administrator": administrator, "algorithm": "sm2-sm3", "key": account.key.hex(), "label": "",
        "roles": list(roles),
    }  # fmt: skip
    return account, council.send(council.make("accounts.register", payload, sender))


def successor(council, organisation, account, replaces=None, **changes):
    entry = {"algorithm": "sm2-sm3", "key": account.key.hex(), "label": "接任", "roles": ["operator"], **changes}
    return {
        "account": entry,
        "code": council.organisations[organisation] if isinstance(organisation, int) else organisation,
        "kind": "organisation.account",
        "replaces": "" if replaces is None else replaces.address.hex(),
    }


def test_a_supervisor_freezes_whom_it_supervises_but_no_voice_of_another_organisation(council):
    """One supervisor's key cannot stop the others from voting, so that they can vote it out."""
    supervisor = council.kit.accounts[0, "supervisor"]
    for number in range(1, 5):
        assert change_status(council, "freeze", supervisor, council.operators[number]) == Code.ACCOUNT_VOTES
        for role in ("auditor", "department", "operator", "supervisor", "administrator"):
            other = council.kit.accounts[number, role]
            assert change_status(council, "freeze", supervisor, other) == Code.OK
            assert not is_active(council, other)
    assert council.decide(parameter(), (1, 2, 3)) == Code.OK
    assert council.decide(council.remove(council.admit(4)), (1, 2, 3, 4)) == Code.OK


def test_its_own_organisation_freezes_a_voice_and_gives_it_back(council):
    own, supervisor = council.operators[1], council.kit.accounts[0, "supervisor"]
    for boss in (council.kit.accounts[1, "administrator"], council.kit.accounts[1, "supervisor"]):
        assert change_status(council, "freeze", boss, own, "lost_key") == Code.OK
        assert council.propose(parameter(), by=1)[0] == Code.SIGNER_FROZEN
        # The key may be in wrong hands: nobody else gives it its voice back.
        assert change_status(council, "unfreeze", supervisor, own) == Code.ACCOUNT_VOTES
        assert change_status(council, "unfreeze", boss, own) == Code.OK
        assert council.propose(parameter(), by=1)[0] == Code.OK


def test_an_organisation_whose_voice_is_frozen_registers_another(council):
    second, code = register(council, council.operators[1])
    assert code == Code.OK
    assert change_status(council, "freeze", second, council.operators[1], "lost_key") == Code.OK
    third, code = register(council, second)
    assert code == Code.OK
    council.operators[1] = third
    assert council.decide(parameter(), (1, 2, 3)) == Code.OK


def test_where_there_is_no_governance_a_supervisor_freezes_everybody():
    kit = Kit()
    assert not any(module.name == "governance" for module in kit.genesis.modules)
    ledger, supervisor = Ledger(kit), kit.accounts[0, "supervisor"]
    both = new_account()
    boss = kit.accounts[1, "administrator"]
    payload = {"administrator": True, "algorithm": "sm2-sm3", "key": both.key.hex(), "label": "", "roles": []}
    code = ledger.codes(make("accounts.register", payload, boss))[0]
    assert code == Code.OK
    payload = {"account": both.address.hex(), "reason": "investigation"}
    assert ledger.codes(make("accounts.freeze", payload, supervisor)) == [Code.OK]


def test_a_vote_gives_an_organisation_another_administrator_in_the_place_of_one(council):
    """Key lost or stolen, nobody left to act: before and after the vote the organisation has a voice."""
    lost, fresh = council.operators[3], new_account()
    assert council.decide(successor(council, 3, fresh, lost)) == Code.OK
    assert not is_active(council, lost)
    facts = council.ledger.directory.account(fresh.address)
    assert (facts.organisation, facts.roles, facts.administrator) == (council.organisations[3], ("operator",), True)
    assert council.propose(parameter(), by=3)[0] == Code.SIGNER_FROZEN
    council.operators[3] = fresh
    assert council.decide(parameter(), (3, 1, 2)) == Code.OK
    assert change_status(council, "unfreeze", fresh, lost) == Code.OK
    assert council.ledger.directory.organisation_name(council.organisations[3])


def test_a_vote_adds_an_administrator_without_freezing_any(council):
    fresh = new_account()
    assert council.decide(successor(council, 4, fresh)) == Code.OK  # one without a member, too
    assert is_active(council, fresh)
    assert is_active(council, council.operators[4])


def test_one_that_was_frozen_meanwhile_stays_so_and_the_vote_holds(council):
    own, fresh = council.operators[3], new_account()
    _, proposal = council.propose(successor(council, 3, fresh, own))
    assert council.vote(proposal, 1) == Code.OK
    assert change_status(council, "freeze", council.kit.accounts[3, "administrator"], own, "lost_key") == Code.OK
    assert council.vote(proposal, 2) == Code.OK
    assert is_active(council, fresh)
    assert not is_active(council, own)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"organisation": organisation_code(70)}, Code.ORGANISATION_UNKNOWN),
        ({"organisation": ""}, Code.ORGANISATION_UNKNOWN),
        ({"algorithm": "ed25519"}, Code.ALGORITHM_NOT_ALLOWED),
        ({"key": "11" * 64}, Code.KEY_NOT_ON_CURVE),
        ({"roles": []}, Code.ACCOUNT_ROLES),
        ({"roles": ["department"]}, Code.ACCOUNT_ROLES),
        ({"roles": ["operator", "department"]}, Code.ACCOUNT_ROLES),
        ({"label": "a\nb"}, Code.GOVERNANCE_TEXT),
        ({"replaces": new_account()}, Code.ACCOUNT_UNKNOWN),
    ],
    ids=lambda value: value.name if isinstance(value, Code) else next(iter(value)),
)
def test_what_such_a_change_asks(council, given, refusal):
    given = dict(given)
    organisation, replaces = given.pop("organisation", 3), given.pop("replaces", None)
    change = successor(council, organisation, new_account(), replaces, **given)
    assert council.ledger.check(council.proposal(change)) == refusal


def test_it_replaces_nobody_of_another_organisation_and_no_account_twice(council):
    foreign = successor(council, 3, new_account(), council.operators[2])
    assert council.propose(foreign)[0] == Code.ORGANISATION_MISMATCH
    known = successor(council, 3, council.operators[2])
    assert council.propose(known)[0] == Code.ACCOUNT_EXISTS
    fresh = new_account()
    pair = [council.propose(successor(council, 3, fresh, council.operators[3]), by=by)[1] for by in range(2)]
    for proposal in pair:
        assert council.vote(proposal, 2) == Code.OK
    block = council.ledger.run(*(council.ballot(proposal, 3) for proposal in reversed(pair)))
    # The first froze who would have cast the second.
    assert block.codes == (Code.OK, Code.SIGNER_FROZEN)
    assert council.vote(pair[0], 1) == Code.ACCOUNT_EXISTS


def test_nobody_alone_speaks_for_others(council):
    for rule, named in (("any", ()), ("list", (council.organisations[0],))):
        assert council.propose(policy("organisation.account", rule, *named))[0] == Code.GOVERNANCE_POLICY
    assert council.propose(policy("organisation.account", "all"))[0] == Code.OK
