"""Members forward, copy, sign, complete and serve, over real connections; the test orders the blocks."""

import contextlib
import time

import pytest

from govchain.consensus import Certifier
from govchain.consensus.exchange.signatures import HEIGHTS_MAX
from govchain.consensus.messages import (
    HeightAnswer,
    PeerBlock,
    TransactionsMessage,
    decode_message,
    encode_message,
)
from govchain.model import Code, RefusedError
from govchain.model.canonical import encode_struct
from govchain.peers import Kind
from govchain.proof.certificates import (
    assemble_certificate,
    decode_certificate,
    encode_certificate,
    verify_certificate,
)
from govchain.proof.headers import decode_header
from tests.consensus.exchange.kit import Counter, ExchangeKit, Member, connect, everywhere, members, wait_until
from tests.ledger.kit import CHAIN, CREATED, put
from tests.peers.raw import address, dropping, proxy_to


def puts(member, count, **options):
    return [put(member.kit.department, **options) for _ in range(count)]


def announce_until(member, height, condition, what):
    """Announce as a member does that proposes: again, where the connection changed meanwhile."""

    def again():
        member.exchange.announce(height, 4_000_000)
        return condition()

    wait_until(again, what, pause_s=0.1)


# -- transactions ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("BJ.function.p2p.03", "GD.architecture.network.02")
def test_whoever_is_about_to_propose_gets_what_the_others_hold_and_what_comes_then():
    with members(4) as (first, second, third, fourth):
        early, late = puts(first, 30), puts(third, 5)
        assert set(first.submit(*early[:10]) + second.submit(*early[10:20]) + third.submit(*early[20:])) == {Code.OK}
        assert len(fourth.pool) == 0  # nobody asked for anything
        started = time.monotonic()
        fourth.exchange.announce(1, 4_000_000)
        wait_until(lambda: fourth.has(*early), "what the others hold")
        assert time.monotonic() - started < 5
        third.submit(*late)
        wait_until(lambda: fourth.has(*late), "what comes while it waits")
        assert len(fourth.pool) == 35
        assert len(first.pool) == 10  # and nobody else got anything
        measured = fourth.exchange.propagation()["transactions"]
        assert measured.count == 35
        assert measured.most_ms < 5_000


def test_nothing_is_sent_twice_over_one_connection():
    with members(2) as (first, second):
        envelopes = puts(first, 20)
        first.submit(*envelopes)
        for height in range(1, 6):
            second.exchange.announce(height, 4_000_000)
            wait_until(lambda: second.has(*envelopes), "what the other one holds")
        time.sleep(0.2)
        assert second.exchange.propagation()["transactions"].count == 20


def test_no_more_is_sent_than_was_asked_for():
    with members(2) as (first, second):
        envelopes = puts(first, 40)
        size = len(envelopes[0])
        first.submit(*envelopes)
        second.exchange.announce(1, 10 * size)
        wait_until(lambda: len(second.pool) >= 9, "as many as there is room for")
        time.sleep(0.2)
        assert 9 <= len(second.pool) <= 11
        second.exchange.announce(2, 100 * size)
        wait_until(lambda: second.has(*envelopes), "the rest")


def test_what_is_committed_is_not_sent():
    with members(2) as (first, second):
        envelopes = puts(first, 10)
        first.submit(*envelopes)
        everywhere([first, second], *envelopes[:5])
        announce_until(second, 2, lambda: second.has(*envelopes[5:]), "the rest")
        assert second.exchange.propagation()["transactions"].count == 5


def test_what_one_member_announces_takes_nothing_from_another():
    """A height that no chain reaches: whoever is about to propose in truth still gets what comes."""
    with members(3) as (first, honest, liar):
        early, late = puts(first, 3), puts(first, 3)
        first.submit(*early)
        announce_until(honest, 1, lambda: honest.has(*early), "what the first holds")
        announce_until(liar, 2**53 - 1, lambda: liar.has(*early), "what a member may have that says so")
        first.submit(*late)
        wait_until(lambda: honest.has(*late), "what comes while it waits")


def test_an_invitation_ends_with_its_block():
    with members(3) as (first, second, third):
        early, late = puts(first, 3), puts(first, 3)
        first.submit(*early)
        announce_until(second, 1, lambda: second.has(*early), "what the first holds")
        everywhere([first, second, third], *early)
        first.submit(*late)
        announce_until(third, 2, lambda: third.has(*late), "what comes next")
        assert len(second.pool) == 0


def test_a_transaction_received_by_two_survives_the_node_that_it_came_to():
    with members(3, copies=2) as (first, second, third):
        envelopes = puts(first, 10)
        codes = first.submit(*envelopes)
        ids = [item.id for item in first.pool.candidates()]
        assert set(codes) == {Code.OK}
        assert first.exchange.wait_received(ids, 10) == 2
        keeper = next(member for member in (second, third) if member.has(*envelopes))
        other = third if keeper is second else second
        assert len(other.pool) == 0
        first.exchange.stop()
        first.network.stop()
        connect(second, third)
        other.exchange.announce(1, 4_000_000)
        wait_until(lambda: other.has(*envelopes), "what only the copy has")


def test_received_tells_how_many_have_it_when_there_are_too_few():
    with members(2, copies=3) as (first, second):
        envelopes = puts(first, 3)
        first.submit(*envelopes)
        ids = [item.id for item in first.pool.candidates()]
        wait_until(lambda: second.has(*envelopes), "the copy")
        assert first.exchange.wait_received(ids, 1.0) == 2
        assert first.exchange.wait_received([], 5) == 3  # nothing to wait for
        heard = Counter()
        first.exchange.when_received(ids, heard, 30)
        everywhere([first, second], *envelopes)  # what is committed is everywhere
        assert heard.heard.wait(10)
        assert heard.value == 3


def test_a_node_alone_answers_when_the_time_is_over():
    with members(1, copies=2) as (alone,):
        alone.submit(*puts(alone, 1))
        assert alone.exchange.wait_received([alone.pool.candidates()[0].id], 0.3) == 1


@pytest.mark.requirement("GD.architecture.network.01")
def test_where_a_way_is_cut_messages_take_another():
    kit = ExchangeKit(3)
    # The first two never reach each other: each knows an address of the other at which nobody is.
    nowhere = "127.0.0.1:1"
    known = {
        0: [kit.record(0), kit.record(1, nowhere, issued=kit.genesis.created + 9), kit.record(2)],
        1: [kit.record(0, nowhere, issued=kit.genesis.created + 9), kit.record(1), kit.record(2)],
        2: [kit.record(number) for number in range(3)],
    }
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(3):
            member = Member(kit, number, known=known[number], copies=2)
            member.start()
            stack.callback(member.stop)
            found.append(member)
        first, second, third = found
        wait_until(lambda: len(third.network.connected(CHAIN)) == 2, "the way around")
        assert second.key not in first.network.connected(CHAIN)
        envelopes = puts(first, 5)
        first.submit(*envelopes)
        wait_until(lambda: third.has(*envelopes), "the copy")
        second.exchange.announce(1, 4_000_000)
        wait_until(lambda: second.has(*envelopes), "what came around")
        everywhere(found, *envelopes)
        wait_until(lambda: all(member.certified() == [1] for member in found), "certificates")


def test_what_nobody_may_have_checked_makes_a_peer_unheard():
    with members(2) as (first, second):
        good = puts(first, 1)
        bad = []
        for envelope in puts(first, 101):
            changed = bytearray(envelope)
            changed[-1] ^= 1
            bad.append(bytes(changed))
        first.exchange.forwarder._pool.on_arrival = None
        body = encode_message(TransactionsMessage(0, tuple(bad)))
        answer = first.network.request(CHAIN, second.key, Kind.TRANSACTIONS, body, 10)
        assert {answer[place : place + 2] for place in range(0, 202, 2)} == {Code.SIGNATURE_INVALID.to_bytes(2, "big")}
        assert len(second.pool) == 0
        body = encode_message(TransactionsMessage(0, tuple(good)))
        with pytest.raises(RefusedError) as refused:
            first.network.request(CHAIN, second.key, Kind.TRANSACTIONS, body, 10)
        assert refused.value.code is Code.RATE_LIMITED


@pytest.mark.requirement("GD.architecture.network.03")
def test_ten_thousand_messages_arrive_over_a_way_that_drops():
    kit = ExchangeKit(2)
    with contextlib.ExitStack() as stack:
        second = Member(kit, 1, known=[kit.record(0, "127.0.0.1:1"), kit.record(1)])
        second.start()
        stack.callback(second.stop)
        second_address = (second.person.address.rpartition(":")[0], int(second.person.address.rpartition(":")[2]))
        way = stack.enter_context(proxy_to(second_address, dropping(0.05, seed=3)))
        way.piece = 65_536  # bytes: about a hundred pieces carry them all
        later = kit.genesis.created + 1
        first = Member(kit, 0, known=[kit.record(0), kit.record(1, way.address, issued=later)], copies=2)
        first.start()
        stack.callback(first.stop)
        envelopes = puts(first, 10_000)
        for start in range(0, 10_000, 500):
            first.submit(*envelopes[start : start + 500])
        wait_until(lambda: len(second.pool) == 10_000, "all of them")
        assert way.cuts > 0, "nothing was dropped"
        assert second.has(*envelopes)


# -- signatures and certificates ---------------------------------------------------------------------------------


def test_signatures_are_pushed_and_complete_the_certificate_on_every_node():
    with members(4, rule="bft") as found:
        envelope = put(found[0].kit.department)
        everywhere(found, envelope)
        everywhere(found)  # under bft a block is signed when the next engine block arrives
        wait_until(lambda: all(member.certified() == [1] for member in found), "certificates")
        for member in found:
            header = member.application.blocks.decoded_header(1)
            certificate = decode_certificate(member.application.blocks.certificate(1))
            verify_certificate(member.kit.machine.suite, header, member.application.chain.identity, certificate)
        assert found[0].exchange.propagation()["signatures"].count >= 2


def test_a_node_that_was_away_completes_its_own_certificates():
    with members(3) as (first, second, third):
        third.stop()
        envelopes = [[put(first.kit.department)] for _ in range(30)]
        for block in envelopes:
            everywhere([first, second], *block)
        wait_until(lambda: len(first.certified()) == 30, "certificates of those that are there")
        again = Member(first.kit, 2, store=third.store, known=third.known)
        try:
            for block in envelopes:
                again.block(*block)  # as its engine gives them to it afterwards, when nobody signs them any more
            assert again.certified() == []
            again.start()
            connect(first, second, again)
            wait_until(lambda: len(again.certified()) == 30, "its own certificates")
            assert all(again.application.blocks.certificate(height) is not None for height in range(1, 31))
        finally:
            again.stop()
            third.stop = lambda: None


def test_heights_that_nobody_has_do_not_hold_up_those_above_them():
    """More of them than one question names; the others know only the certificates of the newest."""
    kit = ExchangeKit(3)
    records = [kit.record(number) for number in range(3)]
    first, second, third = (Member(kit, number, known=records, signs=number == 0) for number in range(3))
    count, known = HEIGHTS_MAX + 4, HEIGHTS_MAX + 1
    for number in range(count):
        everywhere([first, second, third], put(kit.department, expires=CREATED + 100_000 + number))
    certifiers = [Certifier(kit.machine.suite, kit.people[number].account.signer) for number in (1, 2)]
    blocks = second.application.blocks
    for height in range(known, count):
        header, identity = blocks.decoded_header(height), blocks.identity_after(height)
        signatures = {one.public_key: one.sign(header, identity) for one in certifiers}
        certificate = assemble_certificate(header, identity, second.application.chain.signers, signatures)
        assert second.application.finality.add_certificate(height, encode_certificate(certificate)) == Code.OK
    with contextlib.ExitStack() as stack:
        for member in (first, second, third):
            member.start()
            stack.callback(member.stop)
        connect(first, second, third)
        wait_until(lambda: first.certified() == list(range(known, count)), "what is to be had above")


def test_a_false_certificate_is_not_kept():
    with members(3) as (first, second, third):
        envelope = put(first.kit.department)
        second.exchange.publish = third.exchange.publish = lambda signature: None
        second.application.finality.route = third.application.finality.route = None
        everywhere([first, second, third], envelope)
        blocks = first.application.blocks
        assert blocks.certificate(1) is None

        class Liar:
            """Answers with certificates of another block."""

            def answer(self, body):
                return encode_message([HeightAnswer(1, b"{}", None), HeightAnswer(7, b"x", None)])

        kept = second.exchange.signatures.answer
        second.exchange.signatures.answer = third.exchange.signatures.answer = Liar().answer
        first.exchange._due.set()
        time.sleep(2.5)
        assert first.certified() == []
        second.exchange.signatures.answer = kept
        wait_until(lambda: first.certified() == [1], "the true one")


# -- blocks, membership ------------------------------------------------------------------------------------------


def test_blocks_are_served_fetched_and_checked():
    with members(2) as (first, second):
        for number in range(1, 21):
            everywhere([first] if number > 5 else [first, second], *puts(first, 3))
        wait_until(lambda: len(first.certified()) >= 5, "certificates")
        fetched = second.exchange.blocks.fetch_blocks(6, 20)
        assert [decode_header_height(block) for block in fetched] == list(range(6, 21))
        blocks = first.application.blocks
        assert fetched[0].envelopes == blocks.envelopes(6)
        assert fetched[0].receipts == blocks.receipts(6)
        assert second.exchange.blocks.fetch_blocks(21, 30) == []
        found = second.exchange.fetch(3)
        assert (found.header, found.envelopes) == (blocks.header(3), blocks.envelopes(3))
        assert found.certificate == blocks.certificate(3)
        assert second.exchange.fetch(4).header == blocks.header(4)
        assert second.exchange.fetch(20) is None  # nobody has its certificate


def decode_header_height(block):
    return decode_header(block.header).height


def test_blocks_that_do_not_hang_together_are_not_taken():
    with members(2) as (first, second):
        for _ in range(3):
            everywhere([first], *puts(first, 2))
        true = first.exchange.blocks.answer

        def lying(body):
            one, two, three = decode_message(true(body), tuple[PeerBlock, ...])
            changed = PeerBlock(two.header, one.envelopes, two.receipts, two.certificate)
            return encode_message([one, changed, three])

        first.exchange.blocks.answer = lying
        fetched = second.exchange.blocks.fetch_blocks(1, 3)
        assert [decode_header_height(block) for block in fetched] == [1]


def test_records_travel_so_that_nodes_find_each_other(tmp_path):
    kit = ExchangeKit(3)
    with contextlib.ExitStack() as stack:
        found = []
        for number, known in enumerate(([0], [0, 1], [0, 2])):
            member = Member(kit, number, known=[kit.record(one) for one in known], records=tmp_path / str(number))
            member.start()
            stack.callback(member.stop)
            found.append(member)
        first = found[0]
        # The first knows nobody: it cannot let anybody in until it is given one record.
        assert first.exchange.membership.lacking() == sorted(person.key for person in kit.people[1:])
        first.exchange.membership.offer([encode_struct(kit.record(1))])
        first.exchange.membership.offer([encode_struct(kit.record(2))])
        connect(*found)
        assert found[1].exchange.membership.lacking() == []
        names = sorted(path.name for path in (tmp_path / "1").iterdir())
        assert names == sorted(f"{person.key.hex()[:16]}.json" for person in kit.people)
        assert [(view.software, view.status.name) for view in first.exchange.peers()] == [
            ("test 1", "node-2"),
            ("test 1", "node-3"),
        ]
    again = Member(kit, 1, records=tmp_path / "1")
    again.start()
    assert again.exchange.membership.lacking() == []  # it knows them after a restart
    again.stop()


def test_a_record_with_another_tls_key_than_genesis_names_counts_for_nothing():
    kit = ExchangeKit(2, others=1)
    with contextlib.ExitStack() as stack:
        member = Member(kit, 0)
        member.start()
        stack.callback(member.stop)
        other = kit.people[1]
        stolen = type(other)(other.name, other.account, kit.people[2].identity, other.address)
        membership = member.exchange.membership
        assert not membership.offer([encode_struct(stolen.record(kit.organisations[0]))])
        assert not membership.offer([encode_struct(kit.record(2))])  # no member at all
        assert not membership.offer([b"garbage", encode_struct(kit.record(1))[:-1]])
        assert membership.lacking() == [other.key]
        assert membership.offer([b"garbage", encode_struct(kit.record(1))])
        assert membership.lacking() == []
        assert not membership.offer([encode_struct(kit.record(1))])
        assert membership.offer([encode_struct(kit.record(1, "127.0.0.1:7", issued=kit.genesis.created + 5))])
        assert not membership.offer([encode_struct(kit.record(1, "127.0.0.1:8", issued=kit.genesis.created + 4))])
        assert member.network.peers(CHAIN)[0].address == "127.0.0.1:7"


def test_bodies_of_the_wrong_form_end_the_connection():
    with members(2) as (first, second):
        assert address_of(second)
        first.network.send(CHAIN, second.key, Kind.SIGNATURES, b"\xc1garbage")
        wait_until(lambda: second.network.refused().get("protocol") == 1, "the refusal")
        connect(first, second)  # and it comes again


def address_of(member):
    return address(type("Found", (), {"network": member.network}))
