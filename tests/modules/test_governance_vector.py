"""The same votes give the same state, byte for byte, on every Python and machine: fixed keys, one fixed digest."""

import hashlib

from govchain.model import Code
from tests.ledger.kit import TestAccount
from tests.modules.governing import Council, new_member, organisation_code, parameter, policy

#: SM3 over key and value of everything that governance keeps, in key order, each part with its length before it.
DIGEST = "70013b0faa35fb4ebce9d03920115d176a4cf9fb2049197dcf90166971714680"


def everything(council):
    digest = hashlib.new("sm3")
    for key, value in council.ledger.state.scan(b"governance."):
        for part in (key, value):
            digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()


def test_the_same_votes_give_the_same_state():
    council = Council(seed="vector")
    joiner = new_member(seed="vector joiner")
    assert council.decide(council.add(joiner, 4, name="数据局")) == Code.OK
    identity = council.ledger.chain.identity.hex()
    assert council.ready(joiner, 4, identity=identity) == Code.OK
    assert council.decide(council.remove(council.members[0]), (1, 2, 3, 4)) == Code.OK
    assert council.decide(parameter(77), (4, 3, 2)) == Code.OK
    assert council.decide(policy("upgrade", "list", council.organisations[2]), (3, 1, 2)) == Code.OK
    upgrade = {"height": 400, "kind": "upgrade", "software": "next", "version": 2}
    assert council.decide(upgrade, (2,)) == Code.OK
    boss: TestAccount = council._operator(99)
    account = {"algorithm": "sm2-sm3", "key": boss.key.hex(), "label": "", "roles": ["operator"]}
    found = {"account": account, "code": organisation_code(9), "kind": "organisation.add", "name": "n"}
    assert council.decide(found, (4, 1, 2)) == Code.OK
    assert council.decide(council.found("other", 4), (4, 1, 2)) == Code.OK
    council.propose(parameter(78), by=1)
    _, proposal = council.propose(parameter(79), by=2)
    for voter in (1, 3):
        assert council.vote(proposal, voter, approve=False) == Code.OK
    assert everything(council) == DIGEST
