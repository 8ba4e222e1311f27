"""Every event that governance tells is on the page of events, with its fields, organisation and reference."""

import pytest

from tests.ledger.kit import new_account
from tests.modules.governing import Council, new_member, organisation_code, parameter, policy
from tests.services.test_event_pages import table_of_events


@pytest.fixture(scope="module")
def told():
    """All events of a council that does everything once."""
    council = Council()
    member = council.admit(4)
    assert council.decide(council.remove(member), (0, 1, 2, 3)) == 0
    assert council.decide(council.rotate(council.members[0], new_member())) == 0
    account = {"algorithm": "sm2-sm3", "key": new_account().key.hex(), "label": "", "roles": []}
    found = {"account": account, "code": organisation_code(80), "kind": "organisation.add", "name": "n"}
    other = {**account, "key": new_account().key.hex(), "roles": ["operator"]}
    given = {"account": other, "code": organisation_code(80), "kind": "organisation.account", "replaces": ""}
    create = council.found("other")
    upgrade = {"height": 1_000, "kind": "upgrade", "software": "s", "version": 2}
    for change in (
        found,
        given,
        create,
        {"chain": "other", "kind": "chain.stop"},
        parameter(),
        policy("upgrade", "all"),
        upgrade,
    ):
        voters = (0, 1, 2, 3) if change is upgrade else (0, 1, 2)
        assert council.decide(change, voters) == 0
    _, proposal = council.propose(parameter(7))
    for voter in (1, 2):
        assert council.vote(proposal, voter, approve=False) == 0
    _, proposal = council.propose(parameter(8))
    assert council.send(council.make("governance.withdraw", {"proposal": proposal}, council.operators[0])) == 0
    return council, [event for block in council.ledger.blocks for events in block.events for event in events]


def test_the_page_names_every_event_with_its_fields(told):
    seen = {}
    for event in told[1]:
        assert event.version == 1
        assert seen.setdefault(event.type, set(event.data)) == set(event.data)
    assert seen == {kind: fields for kind, fields in table_of_events().items() if kind.startswith("governance.")}


def test_events_lead_back_to_their_proposal(told):
    council, events = told
    executed = {event.reference for event in events if event.type == "governance.executed"}
    assert {event.data["proposal"] for event in events if "proposal" in event.data} == executed
    assert {council.state(proposal).status for proposal in executed} == {"executed"}
    assert {event.organisation for event in events} <= set(council.organisations)
