"""What else is voted: organisations, parameters, policies, upgrades, chains (docs/spec/governance.md 2 and 5)."""

import json

import msgspec
import pytest

from govchain.ledger import check_proposal, execute_block, limits_in_force, prepare
from govchain.model import Code, UnavailableError
from govchain.modules.governance import views
from govchain.modules.governance.changing import CHAINS_MAX
from govchain.modules.governance.messages import Policy
from govchain.modules.governance.thresholds import bears_removal, can_pass, passes, tolerance, votes_needed
from govchain.proof.genesis import check_network_genesis, decode_genesis, encode_genesis, fingerprint
from tests.ledger.kit import CHAIN, new_account, prove_live, put
from tests.modules.governing import Council, organisation_code, parameter, policy


@pytest.fixture
def council():
    return Council()


def organisation(code, account, **changes):
    entry = {"algorithm": "sm2-sm3", "key": account.key.hex(), "label": "信息中心", "roles": ["department", "operator"]}
    return {"account": {**entry, **changes}, "code": code, "kind": "organisation.add", "name": "某市大数据局"}


def test_an_organisation_joins_with_its_first_account_and_then_with_a_member(council):
    code, boss = organisation_code(50), new_account()
    assert council.decide(organisation(code, boss)) == Code.OK
    facts = council.ledger.directory.account(boss.address)
    assert (facts.organisation, facts.roles, facts.administrator) == (code, ("department", "operator"), True)
    assert council.ledger.directory.organisation_name(code) == "某市大数据局"
    stored = prove_live(council.ledger, b"accounts.account/" + boss.address)
    assert json.loads(stored)["height"] == council.ledger.chain.height
    assert council.propose(organisation(code, new_account()))[0] == Code.GOVERNANCE_ORGANISATION
    council.organisations += (code,)
    council.operators.append(boss)
    number = len(council.organisations) - 1
    member = council.admit(number)
    assert member.key in council.active()
    assert council.propose(parameter(), by=number)[0] == Code.OK


@pytest.mark.parametrize(
    ("code", "changes", "refusal"),
    [
        ("11100000000000000X", {}, Code.GOVERNANCE_ORGANISATION),
        ("", {}, Code.GOVERNANCE_ORGANISATION),
        (organisation_code(1), {}, Code.GOVERNANCE_ORGANISATION),
        (organisation_code(60), {"algorithm": "ed25519"}, Code.ALGORITHM_NOT_ALLOWED),
        (organisation_code(60), {"key": "11" * 64}, Code.KEY_NOT_ON_CURVE),
        (organisation_code(60), {"roles": ["operator", "department"]}, Code.ACCOUNT_ROLES),
        (organisation_code(60), {"label": "a\nb"}, Code.GOVERNANCE_TEXT),
        (organisation_code(60), {"roles": ["king"]}, Code.PAYLOAD_SHAPE),
    ],
    ids=str,
)
def test_an_organisation_is_well_formed(council, code, changes, refusal):
    assert council.ledger.check(council.proposal(organisation(code, new_account(), **changes))) == refusal


def test_an_account_that_exists_founds_no_organisation(council):
    known = organisation(organisation_code(61), council.operators[0])
    assert council.propose(known)[0] == Code.ACCOUNT_EXISTS


def test_two_foundings_with_one_account_in_one_block(council):
    """The second deciding vote meets what the first has done."""
    boss = new_account()
    pair = [council.propose(organisation(organisation_code(70 + number), boss), by=number)[1] for number in range(2)]
    for proposal in pair:
        assert council.vote(proposal, 2) == Code.OK
    block = council.ledger.run(*(council.ballot(proposal, 3) for proposal in pair))
    assert block.codes == (Code.OK, Code.ACCOUNT_EXISTS)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("block_transactions_max", 1, Code.OK),
        ("block_transactions_max", 100_000, Code.OK),
        ("block_transactions_max", 100_001, Code.GOVERNANCE_PARAMETER),
        ("block_transactions_max", 10_000, Code.GOVERNANCE_UNCHANGED),
        ("block_transactions_max", 0, Code.PAYLOAD_SHAPE),
        ("block_bytes_max", 65_536, Code.OK),
        ("block_bytes_max", 65_535, Code.GOVERNANCE_PARAMETER),
        ("block_bytes_max", 4_194_304 + 1, Code.GOVERNANCE_PARAMETER),
        ("block_bytes_max", 64 * 1024 * 1024 + 1, Code.GOVERNANCE_PARAMETER),
        ("checkpoint_writes_min", 5_000_000, Code.OK),
        ("signatures_max", 3, Code.PAYLOAD_SHAPE),
    ],
)
def test_bounds_of_parameters(council, name, value, code):
    assert council.ledger.check(council.proposal(parameter(value, name))) == code


def test_limits_in_force_bound_the_next_block(council):
    ledger = council.ledger
    envelopes = [put(council.kit.department, expires=council.expires()) for _ in range(3)]
    prepared = prepare(ledger.machine, envelopes)

    def judged():
        limits = limits_in_force(ledger.machine, ledger.state)
        return check_proposal(ledger.machine, prepared, ledger.directory, ledger.window, ledger.chain.time + 1, limits)

    assert judged() == Code.OK
    assert council.decide(parameter(2)) == Code.OK
    assert judged() == Code.BLOCK_INVALID
    assert council.decide(parameter(3)) == Code.OK
    assert judged() == Code.OK


@pytest.mark.parametrize(
    ("rule", "voters", "needed"),
    [
        ("any", 4, 1), ("majority", 4, 3), ("majority", 5, 3), ("two_thirds", 1, 1), ("two_thirds", 2, 2),
        ("two_thirds", 3, 2), ("two_thirds", 4, 3), ("two_thirds", 7, 5), ("all", 4, 4), ("all", 0, 1), ("any", 0, 1),
    ],
)  # fmt: skip
def test_thresholds(rule, voters, needed):
    assert votes_needed(rule, voters) == needed
    names = [f"o{number}" for number in range(voters)]
    counted = Policy(organisations=(), rule=rule)
    assert passes(counted, names, names[:needed]) is (voters >= needed)
    assert not passes(counted, names, [*names[: needed - 1], "stranger"])
    assert can_pass(counted, names, names[: voters - needed]) is (voters >= needed)
    assert not can_pass(counted, names, names[: voters - needed + 1])


def test_a_list_needs_each_of_those_named():
    named = Policy(organisations=("a", "b"), rule="list")
    assert passes(named, ["a", "b", "c"], ["b", "a"])
    assert not passes(named, ["a", "b", "c"], ["a", "c"])
    assert not passes(named, ["a", "c"], ["a", "b", "c"])
    assert can_pass(named, ["a", "b", "c"], ["c"])
    assert not can_pass(named, ["a", "b", "c"], ["b"])
    assert not passes(Policy(organisations=(), rule="list"), ["a"], ["a"])


def test_how_many_a_chain_can_lose():
    assert [tolerance("bft", n) for n in range(8)] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert [tolerance("raft", n) for n in range(6)] == [0, 0, 0, 1, 1, 2]
    assert [n for n in range(1, 9) if not bears_removal("bft", n)] == [1, 4]
    assert [n for n in range(1, 9) if not bears_removal("raft", n)] == [1, 2, 3]
    assert not bears_removal("solo", 1)


@pytest.mark.parametrize(
    ("rule", "named", "votes"),
    [("any", (), 1), ("majority", (), 3), ("two_thirds", (), 3), ("all", (), 4), ("list", (1, 2), 3)],
)
def test_each_policy_decides_at_its_threshold(council, rule, named, votes):
    codes = sorted(council.organisations[number] for number in named)
    if rule != "two_thirds":
        assert council.decide(policy("parameter.change", rule, *codes)) == Code.OK
    _, proposal = council.propose(parameter())
    cast = 1
    for voter in (1, 2, 3):
        if council.state(proposal).status == "open":
            assert council.vote(proposal, voter) == Code.OK
            cast += 1
    assert (council.state(proposal).status, cast) == ("executed", votes)


def test_nobody_is_shut_out_by_a_policy(council):
    """What decides who votes needs more than one; a list names those who vote, in order."""
    own, guest = council.organisations[0], council.organisations[4]
    for subject in ("member.add", "member.remove", "organisation.account", "policy.change"):
        for rule, named in (("any", ()), ("list", (own,))):
            assert council.propose(policy(subject, rule, *named))[0] == Code.GOVERNANCE_POLICY
    assert council.propose(policy("policy.change", "majority"))[0] == Code.GOVERNANCE_POLICY
    assert council.propose(policy("member.add", "majority"))[0] == Code.OK
    for named in ((), (guest,), (own, own), tuple(sorted(council.organisations[:2], reverse=True)), ("",)):
        assert council.propose(policy("upgrade", "list", *named))[0] == Code.GOVERNANCE_POLICY
    assert council.propose(policy("upgrade", "all", own))[0] == Code.GOVERNANCE_POLICY
    for subject in ("chain.stop", "upgrade"):
        assert council.propose(policy(subject, "any"))[0] == Code.GOVERNANCE_POLICY
        assert council.propose(policy(subject, "majority"))[0] == Code.OK
    assert council.propose(policy("upgrade", "two_thirds"))[0] == Code.GOVERNANCE_UNCHANGED


def test_what_needs_all_is_changed_by_all(council):
    assert council.decide(policy("upgrade", "all")) == Code.OK
    _, proposal = council.propose(policy("upgrade", "majority"))
    for voter in (1, 2):
        assert council.vote(proposal, voter) == Code.OK
    assert council.state(proposal).status == "open"
    assert council.vote(proposal, 3) == Code.OK
    assert views.policy_of(council.ledger.state, "upgrade").rule == "majority"


def test_the_last_member_of_a_named_organisation_stays_until_the_policy_goes(council):
    council.admit(4)
    named = council.organisations[3]
    assert council.decide(policy("upgrade", "list", named), (0, 1, 2, 3)) == Code.OK
    assert council.decide(council.remove(council.members[3]), (0, 1, 2, 4)) == Code.GOVERNANCE_LISTED
    assert council.decide(policy("upgrade", "two_thirds"), (0, 1, 2, 4)) == Code.OK
    assert council.decide(council.remove(council.members[3]), (0, 1, 2, 4)) == Code.OK


def upgrade(height, version=2):
    return {"height": height, "kind": "upgrade", "software": "govchain 0.9", "version": version}


@pytest.mark.requirement("BJ.function.protocol.01")
def test_a_protocol_is_planned_for_a_height(council):
    head = council.ledger.chain.height
    assert council.propose(upgrade(head + 10))[0] == Code.GOVERNANCE_UPGRADE
    assert council.propose(upgrade(head + 99, version=3))[0] == Code.GOVERNANCE_UPGRADE
    assert council.ledger.check(council.proposal(upgrade(head + 99, version=1))) == Code.PAYLOAD_SHAPE
    target = head + 20
    assert council.decide(upgrade(target)) == Code.OK
    plan = views.upgrade(council.ledger.state)
    assert (plan.version, plan.height, plan.previous, plan.software) == (2, target, 1, "govchain 0.9")
    assert views.protocol_at(council.ledger.state, target - 1) == 1
    assert views.protocol_at(council.ledger.state, target) == 2
    assert council.decide(upgrade(target + 30)) == Code.OK  # put off
    assert views.protocol_at(council.ledger.state, target) == 1


@pytest.mark.requirement("BJ.function.protocol.01")
def test_software_that_does_not_know_the_protocol_stops_before_its_height():
    """Old and new software make the same blocks until then; the old one touches nothing from there on."""
    council = Council(protocol_max=2)
    old = council.machine(protocol_max=1)
    target = council.ledger.chain.height + 14
    assert council.decide(upgrade(target)) == Code.OK
    ledger = council.ledger

    def both():
        prepared = prepare(ledger.machine, [put(council.kit.department, expires=council.expires())])
        arguments = (ledger.chain, ledger.state, ledger.store, prepared, ledger.chain.time + 1)
        new = execute_block(ledger.machine, *arguments)
        return new, lambda: execute_block(old, *arguments)

    while ledger.chain.height < target - 1:
        new, run_old = both()
        assert run_old().identity == new.identity
        council.step()
    _, run_old = both()
    with pytest.raises(UnavailableError) as stopped:
        run_old()
    error = stopped.value
    assert (error.code, error.params["version"], error.params["height"]) == (Code.UPGRADE_REQUIRED, 2, target)
    council.step(3)
    assert council.propose(upgrade(ledger.chain.height + 50))[0] == Code.GOVERNANCE_UPGRADE
    assert council.propose(upgrade(ledger.chain.height + 50, version=3))[0] == Code.OK


def test_chains_are_created_and_stopped_by_vote(council):
    create = council.found("licences-1")
    stop = {"chain": "licences-1", "kind": "chain.stop"}
    assert council.propose(stop)[0] == Code.GOVERNANCE_CHAIN
    assert council.decide(create) == Code.OK
    decided = views.chain_decision(council.ledger.state, "licences-1")
    assert (decided.number, decided.fingerprint) == (1, fingerprint(decided.genesis).hex())
    assert council.propose(create)[0] == Code.GOVERNANCE_CHAIN
    for chain in (CHAIN, "Licences"):
        assert council.propose(create | {"chain": chain})[0] == Code.GOVERNANCE_CHAIN
    assert council.decide(stop) == Code.OK
    assert council.propose(stop)[0] == Code.GOVERNANCE_CHAIN
    assert council.propose(create)[0] == Code.GOVERNANCE_CHAIN  # an id is never used for another chain
    assert council.decide({"chain": CHAIN, "kind": "chain.stop"}) == Code.OK
    assert {name: one.status for name, one in views.chain_decisions(council.ledger.state).items()} == {
        "licences-1": "stopped", CHAIN: "stopped",
    }  # fmt: skip


def test_a_chain_begins_with_the_members_that_there_are_and_the_accounts_that_are_named(council):
    """Whoever has the state has that genesis, and proves it by the state."""
    assert council.decide(parameter()) == Code.OK
    joiner = council.admit(4)
    assert council.decide(council.remove(council.members[0]), (1, 2, 3, 4)) == Code.OK
    department = council.kit.accounts[0, "department"].address.hex()
    create = council.found("licences-1", 4)
    create["accounts"] = sorted({*create["accounts"], department})
    assert council.decide(create, (1, 2, 3, 4)) == Code.OK
    stored = msgspec.json.decode(prove_live(council.ledger, b"governance.chain/licences-1"))
    genesis = decode_genesis(msgspec.json.encode(stored["genesis"]))
    assert fingerprint(genesis).hex() == stored["fingerprint"]
    assert check_network_genesis(genesis) == ""
    assert [one.key for one in genesis.members] == sorted(council.active())
    assert joiner.key in council.active()
    assert council.members[0].key not in council.active()
    parent = council.kit.genesis
    assert {one.key for one in genesis.accounts} == {
        *(council.operators[number].key.hex() for number in range(5)),
        council.kit.accounts[0, "department"].key.hex(),
    }
    assert all(one in parent.accounts for one in genesis.accounts)
    assert (genesis.chain, genesis.created) == ("licences-1", council.ledger.chain.time)
    assert genesis.limits.block_transactions_max == 20
    same = ("algorithms", "format", "modules", "rule", "suite", "test_clock")
    assert all(getattr(genesis, name) == getattr(parent, name) for name in same)
    assert decode_genesis(encode_genesis(genesis), canonical=True) == genesis


def test_a_chain_begins_only_with_accounts_that_are_there_and_govern_it(council):
    create = council.found("licences-1")
    every = create["accounts"]
    department = council.kit.accounts[0, "department"].address.hex()
    for accounts in (every[1:], [*reversed(every)], [*every, every[-1]], sorted([*every, "00" * 20]), [department]):
        assert council.propose(create | {"accounts": accounts})[0] == Code.GOVERNANCE_CHAIN_ACCOUNTS
    assert council.ledger.check(council.proposal(create | {"accounts": []})) == Code.PAYLOAD_SHAPE
    code, proposal = council.propose(create)
    assert code == Code.OK
    assert council.vote(proposal, 1) == Code.OK
    council.admit(4)  # its organisation could not govern the chain: nothing is created behind its back
    assert council.vote(proposal, 2) == Code.OK
    assert council.vote(proposal, 3) == Code.GOVERNANCE_CHAIN_ACCOUNTS
    assert views.chain_decisions(council.ledger.state) == {}


def test_so_many_chains_and_no_more_each_with_a_number_of_its_own(council):
    assert council.decide(policy("chain.create", "any")) == Code.OK
    for number in range(CHAINS_MAX):
        assert council.decide(council.found(f"chain-{number}")) == Code.OK
    assert council.decide({"chain": "chain-0", "kind": "chain.stop"}) == Code.OK
    assert council.propose(council.found("one-more"))[0] == Code.GOVERNANCE_CHAINS_MAX
    assert sorted(one.number for one in views.chain_decisions(council.ledger.state).values()) == [
        *range(1, CHAINS_MAX + 1)
    ]
