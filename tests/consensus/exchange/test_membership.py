"""Whom a node lets in follows the ledger while it runs; what the vote's rules are is governance's own matter."""

import contextlib

import pytest

from govchain.consensus.exchange.membership import Membership
from govchain.model.canonical import encode_struct
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.governance import MODULE as GOVERNANCE
from govchain.modules.governance.messages import MemberValue, member_key
from govchain.peers.records import ExpectedMember, RecordBook, record_file
from govchain.proof.members import tls_digest
from govchain.state import Batch, Table
from tests.consensus.exchange.kit import SUITE, ExchangeKit, Member, connect, everywhere, wait_until
from tests.ledger.kit import CHAIN, put


def name_member(node, person, status):
    """Put what a vote writes into the node's state."""
    value = MemberValue(
        algorithm=person.account.algorithm,
        engine_key="",
        height=1,
        key=person.key.hex(),
        name=person.name,
        organisation=node.kit.organisations[0],
        status=status,
        tls=tls_digest(SUITE, person.identity.certificate).hex(),
    )
    batch = Batch()
    batch.put(Table.STATE, member_key(person.key.hex()), encode_struct(value))
    node.store.write(batch, durable=True)
    node.application.committed.clear()


@pytest.mark.requirement("BJ.function.p2p.04a", "BJ.function.node_auth.02")
def test_a_member_that_the_ledger_names_is_let_in_and_one_that_it_drops_is_cut_off(tmp_path):
    kit = ExchangeKit(2, others=1, modules=(ACCOUNTS, EVIDENCE, GOVERNANCE))
    records = [kit.record(number) for number in range(3)]
    newcomer = kit.people[2]
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(2):
            member = Member(kit, number, known=records, records=tmp_path / str(number))
            member.start()
            stack.callback(member.stop)
            found.append(member)
        first, second = found
        connect(first, second)
        joiner = Member(kit, 2, known=records, initialised=False)
        joiner.start()
        stack.callback(joiner.stop)
        wait_until(lambda: first.network.refused().get("handshake", 0) > 0, "nobody knows it yet")
        assert [view.status.name for view in first.exchange.peers()] == ["node-2"]
        for member in found:
            name_member(member, newcomer, "invited")
        everywhere(found, put(kit.department))
        # It knows the members of genesis; they have its record only from itself, since it was nobody before.
        for member in found:
            wait_until(lambda member=member: member.exchange.membership.lacking() == [newcomer.key], "that it may come")
        # An operator puts the file there; the other node hears of it from the first.
        record_file(tmp_path / "0", newcomer.key).write_bytes(encode_struct(kit.record(2)))
        connect(first, second, joiner)
        for member in found:
            name_member(member, newcomer, "removed")
        everywhere(found, put(kit.department))
        wait_until(lambda: first.network.connected(CHAIN) == [second.key], "that it is cut off")
        wait_until(lambda: joiner.network.connected(CHAIN) == [], "by both")


def test_a_peer_that_sends_what_nobody_would_keep_is_not_heard_for_a_while():
    kit = ExchangeKit(3)
    member, now = Member(kit, 0), [0.0]
    book = RecordBook(SUITE, CHAIN)
    membership = Membership(member.application, member.network, book, None, steady=lambda: now[0])
    book.expect([ExpectedMember(person.key) for person in kit.people])
    member.network.host(CHAIN, member.exchange, genesis=kit.machine.fingerprint)
    bad, good = [b"no record"] * 21, encode_struct(kit.record(1))
    assert not membership.offer([*bad, good], kit.people[2].key)
    assert not membership.offer([good], kit.people[2].key)
    assert book.records() == []
    now[0] = 59.9
    assert not membership.offer([good], kit.people[2].key)
    now[0] = 60.0
    assert membership.offer([good], kit.people[2].key)
    assert membership.offer([b"no record", encode_struct(kit.record(0))], kit.people[1].key)
