"""What the ledger makes of governance: chains without it, families that found organisations or may not, the protocol
that rules see, and texts of families that earlier ones are executed alike by.
"""

import dataclasses

import pytest
from msgspec import Struct

from govchain.ledger import build_machine, current_members, limits_in_force, protocol_at, require_protocol
from govchain.ledger.governing import member_updates, next_signer_set
from govchain.model import Code, UnavailableError
from govchain.model.wire import Event
from govchain.modules.port import Foundation, Handler, Module, Outcome
from govchain.state import Namespace
from tests.ledger.kit import id_of, make, new_account
from tests.modules.governing import MODULES, Council, organisation_code


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """Found the organisation of a code; an empty one only tells the protocol."""

    code: str
    key: str


def apply_act(context, message):
    told = Event(data={"protocol": context.protocol}, organisation="", reference="", type="found.told")
    if not message.code:
        return Outcome(events=(told,))
    one = Foundation(message.code, "name", "sm2-sm3", bytes.fromhex(message.key), "label", ("department",))
    return Outcome(events=(told,), foundations=(one,))


def family(**changes):
    handler = Handler("found.act", 1, Act, lambda context, message: Code.OK, apply_act)
    return dataclasses.replace(
        Module("found", 1, (Namespace("found.nothing"),), (handler,), package="tests.ledger", founds=True), **changes
    )


def council(**changes):
    return Council(rule="solo", count=1, modules=(*MODULES[:2], family(**changes), MODULES[2]), protocol_max=2)


def act(found, code, key):
    envelope = make("found.act", {"code": code, "key": key}, found.operators[0], expires=found.expires())
    return envelope, found.ledger.run(envelope)


def test_a_family_that_founds_adds_an_organisation_and_its_administrator():
    found, account = council(), new_account()
    _, block = act(found, organisation_code(30), account.key.hex())
    assert block.codes == (Code.OK,)
    facts = found.ledger.directory.account(account.address)
    assert (facts.organisation, facts.administrator) == (organisation_code(30), True)
    assert found.ledger.directory.organisation_name(organisation_code(30)) == "name"


def test_what_exists_is_never_founded_again():
    found, account = council(), new_account()
    own = found.organisations[0]
    before = dict(found.ledger.state.scan(b"accounts."))
    for code, key in ((own, account.key.hex()), (organisation_code(31), found.operators[0].key.hex())):
        assert act(found, code, key)[1].codes == (Code.RULE_FAILED,)
    assert dict(found.ledger.state.scan(b"accounts.")) == before


def test_a_family_that_may_not_found_fails():
    found = council(founds=False)
    envelope, block = act(found, organisation_code(32), new_account().key.hex())
    assert block.codes == (Code.RULE_FAILED,)
    assert found.ledger.directory.organisation_name(organisation_code(32)) is None
    assert id_of(envelope)


def test_rules_see_the_protocol_of_their_block():
    found = council()
    height = found.ledger.chain.height + 12
    change = {"height": height, "kind": "upgrade", "software": "", "version": 2}
    assert found.decide(change, (0,)) == Code.OK
    seen = {}
    while found.ledger.chain.height < height + 1:
        _, block = act(found, "", "")
        seen[block.header.height] = block.events[0][0].data["protocol"]
    assert {number: 1 + (number >= height) for number in seen} == seen


def test_a_chain_without_the_family_keeps_what_genesis_says(kit, ledger):
    machine, state = kit.machine, ledger.state
    assert not machine.governed
    assert limits_in_force(machine, state) is machine.genesis.limits
    assert protocol_at(machine, state, 10**9) == require_protocol(machine, state, 10**9) == 1
    assert [facts.key.hex() for facts in current_members(machine, state)] == [kit.member.key.hex()]
    writes = [(b"governance.member/x", b"1")]
    assert next_signer_set(machine, ledger.chain.signers, state, writes) is ledger.chain.signers
    assert member_updates(machine, state, state, writes) == ()


@pytest.mark.parametrize(("former", "there"), [((), False), (("00" * 32,), True), (("02" * 32,), False)])
def test_a_family_names_the_texts_that_it_executes_alike(kit, former, there):
    modules = tuple(dataclasses.replace(module, former=former) for module in kit.modules)
    digests = {module.name: "01" * 32 for module in modules}
    if there:
        assert build_machine(kit.genesis, modules, digests, kit.machine.verifier).types == kit.machine.types
        return
    with pytest.raises(UnavailableError) as missing:
        build_machine(kit.genesis, modules, digests, kit.machine.verifier)
    assert missing.value.code == Code.MODULE_MISSING
