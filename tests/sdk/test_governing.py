"""Governance over the SDK, by several organisations over several nodes; and nodes that leave something out."""

from dataclasses import replace

import pytest

from govchain.model import Code, RefusedError, VerificationError
from govchain.modules.governance.messages import MemberAdd, MemberRemove, ParameterChange, Policy, PolicyChange
from govchain.sdk import governing
from tests.modules.governing import new_member
from tests.services.test_membership import Network, Seat


class Committing:
    """A transport that commits what it is given in a block of its own, on every seat."""

    def __init__(self, network, inner):
        self.network, self.inner = network, inner

    def submit(self, envelopes, *, wait, timeout_ms=30_000):
        if self.network.council.ledger.check(envelopes[0]) == Code.OK:
            self.network.council.ledger.run(*envelopes)
        return self.inner.submit(envelopes, wait=False)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture
def network():
    return Network(guests=1)


@pytest.fixture
def desk(network):
    """A client of the organisation of each number."""

    def make(number, seat=0):
        client = network.seats[seat].client()
        client.transport = Committing(network, client.transport)
        client.checker._transport = client.transport
        client.signer = network.council.operators[number].signer
        client._now = lambda: network.council.ledger.chain.time
        return client

    return make


@pytest.mark.requirement("BJ.function.node.08a")
def test_organisations_admit_a_member_from_their_own_desks(network, desk):
    council = network.council
    assert [one.as_of for one in governing.list_members(desk(0))] == [0] * 4
    joiner = Seat(network.machine, new_member())
    change = MemberAdd(
        joiner.member.engine_key, joiner.member.key, "数据局", council.organisations[4], joiner.member.tls
    )
    done = governing.propose(desk(0), change, reason="扩容", now=0)
    assert done.receipt.code == 0
    (waiting,) = governing.list_proposals(desk(1, seat=1))
    assert (waiting.id, waiting.status, waiting.state.reason) == (done.id, "open", "扩容")
    assert governing.find_proposal(desk(1), done.id[:8]).id == done.id
    governing.vote(desk(1, seat=1), done.id, approve=True)
    with pytest.raises(RefusedError) as refused:
        governing.vote(desk(1), done.id, approve=True)
    assert refused.value.code == Code.GOVERNANCE_VOTED
    governing.vote(desk(2, seat=2), done.id, approve=True)
    assert governing.find_proposal(desk(3), done.id).status == "executed"
    assert governing.list_proposals(desk(3)) == []
    network.seats.append(joiner)
    for height, envelopes in enumerate(network.blocks, 1):
        joiner.run(envelopes)
        joiner.application.finality.add_certificate(height, network.seats[0].application.blocks.certificate(height))
    invited = governing.list_members(desk(0))[-1]
    assert (invited.state.status, invited.state.name) == ("invited", "数据局")
    governing.ready(desk(4), joiner.member.signer)
    assert sorted(one.state.key for one in governing.list_members(desk(4, seat=4))) == council.active()


def test_rotation_rules_and_withdrawal(network, desk):
    fresh = new_member()
    change = governing.rotation(
        desk(0), network.council.members[0].key, fresh.signer, engine_key=fresh.engine_key, tls=fresh.tls
    )
    done = governing.propose(desk(0), change, now=0)
    for number in (1, 2):
        governing.vote(desk(number), done.id, approve=True)
    by_status = {one.state.key: one.state.status for one in governing.list_members(desk(1, seat=1))}
    assert by_status[fresh.key] == "active"
    assert by_status[network.council.members[0].key] == "rotated"
    network.seats[0].member = fresh
    limits = governing.propose(desk(1, seat=1), ParameterChange("block_transactions_max", 9), now=0)
    for number in (2, 3):
        governing.vote(desk(number, seat=1), limits.id, approve=True)
    policy = governing.propose(desk(1, seat=1), PolicyChange(Policy((), "all"), "upgrade"), now=0)
    governing.withdraw(desk(1, seat=1), policy.id)
    assert governing.find_proposal(desk(1, seat=1), policy.id).status == "withdrawn"
    rules = governing.governance_rules(desk(1, seat=1))
    assert (rules.limits.block_transactions_max, rules.voted) == (9, {"block_transactions_max": 9})
    assert rules.policies["upgrade"] == governing.DEFAULT_POLICY
    assert len(governing.list_proposals(desk(1, seat=1), every=True)) == 3
    with pytest.raises(RefusedError):
        governing.find_proposal(desk(1, seat=1), policy.id[:7])


def test_an_expired_proposal_is_told_apart(network, desk):
    done = governing.propose(desk(0), MemberRemove(network.join(4, (0, 1, 2)).member.key), days=10 / 86_400_000, now=0)
    for _ in range(12):
        network.evidence()
    assert governing.find_proposal(desk(0), done.id).status == "expired"
    assert governing.list_proposals(desk(0)) == []


def test_a_node_that_leaves_out_an_active_member_is_found_out(network, desk):
    network.join(4, (0, 1, 2))
    client = desk(0)
    whole = client.transport.events

    def without(query, cursor=None, limit=100):
        page = whole(query, cursor, limit)
        return replace(page, events=())

    client.transport.events = without
    with pytest.raises(VerificationError) as found:
        governing.list_members(client)
    assert found.value.code == Code.STATUS_PROOF
    client.transport.events = whole
    assert len(governing.list_members(client)) == 5


def test_on_an_idle_chain_a_proposal_stays_open_from_now_on(network, desk):
    client = desk(0)
    now = network.council.ledger.chain.time + 60 * governing.DAYS_OPEN
    done = governing.propose(client, ParameterChange("block_transactions_max", 9), now=now)
    assert governing.find_proposal(client, done.id).state.expires == now + governing.DAYS_OPEN * 86_400_000
