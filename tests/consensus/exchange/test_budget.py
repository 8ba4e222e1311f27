"""What a member may cost another one: requests, messages, and what does not hold; the others go on beside it."""

from dataclasses import replace

import pytest

from govchain.consensus.exchange.budget import Allowance, BudgetLimits
from govchain.consensus.messages import (
    BlockRange,
    HeightAnswer,
    PeerBlock,
    SignatureMessage,
    decode_message,
    encode_message,
    signature_row,
)
from govchain.model import Code, RefusedError, UnavailableError
from govchain.peers import Kind
from tests.consensus.exchange.kit import connect, everywhere, members, wait_until
from tests.ledger.kit import CHAIN, put

#: Small enough for a test to use up.
SMALL = BudgetLimits(
    requests=Allowance(0.5, 10), refusals=Allowance(0.1, 20), invitations=Allowance(0.1, 5), false=Allowance(0.1, 10)
)


def false_rows(member, count):
    """Signatures under the member's own key that do not hold."""
    signature = member.application.finality.own_signature(1)
    return tuple(
        signature_row(replace(signature, signature=number.to_bytes(2, "big") + signature.signature[2:]))
        for number in range(count)
    )


def refused(member):
    return member.network.refused()


def test_who_sends_signatures_that_do_not_hold_loses_its_connection_for_a_while():
    with members(3, budget=SMALL) as (first, second, third):
        first.application.finality.route = None
        second.application.finality.route = None
        everywhere([first, second], put(first.kit.department))  # the third has not come so far: they are early there
        for _ in range(2):
            body = encode_message(SignatureMessage(0, false_rows(second, 8)))
            assert second.network.send(CHAIN, first.key, Kind.SIGNATURES, body)
        wait_until(lambda: refused(first).get("protocol", 0) == 1, "the end of the connection")
        assert refused(first)["false"] == 11
        assert first.application.blocks.certificate(1) is None
        assert [code for code, _ in first.problems] == [Code.PEER_PROTOCOL]
        assert "signatures that do not hold" in first.problems[0][1]
        connect(first, second, third)  # let in again
        wait_until(lambda: first.certified() == [1], "the certificate, of true ones")


def test_false_signatures_before_their_block_count_too():
    with members(2, budget=SMALL) as (first, second):
        second.application.finality.route = None
        everywhere([second], put(first.kit.department))
        body = encode_message(SignatureMessage(0, false_rows(second, 12)))
        assert second.network.send(CHAIN, first.key, Kind.SIGNATURES, body)
        wait_until(lambda: refused(first).get("protocol", 0) == 1, "the end of the connection")
        assert len(first.application.finality._early) == 0


def test_false_answers_count_too():
    with members(2, budget=SMALL) as (first, second):
        first.application.finality.route = second.application.finality.route = None
        everywhere([first, second], *[put(first.kit.department)])
        for _ in range(14):
            everywhere([first, second], put(first.kit.department))
        row = false_rows(second, 1)[0]

        def lying(body):
            heights = decode_message(body, tuple[int, ...])
            return encode_message(
                [HeightAnswer(height, b"{}", None) for height in heights] + [HeightAnswer(1, b"", row)]
            )

        kept, second.exchange.signatures.answer = second.exchange.signatures.answer, lying
        first.exchange._due.set()
        wait_until(lambda: refused(first).get("protocol", 0) == 1, "the end of the connection")
        second.exchange.signatures.answer = kept
        connect(first, second)
        wait_until(lambda: len(first.certified()) >= 14, "the true ones")


def test_requests_above_the_rate_are_refused_and_others_are_served():
    with members(3, budget=SMALL) as (first, second, third):
        everywhere([first, second, third], put(first.kit.department))
        body = encode_message(BlockRange(1, 1, 1))
        codes = []
        for _ in range(14):
            try:
                answer = second.network.request(CHAIN, first.key, Kind.BLOCKS, body, 10)
                codes.append(len(decode_message(answer, tuple[PeerBlock, ...])))
            except RefusedError as error:
                codes.append(error.code)
        assert codes[0] == 1
        assert codes[-3:] == [Code.RATE_LIMITED] * 3
        assert refused(first)["rate"] >= 3
        # Transactions have bounds of their own, and another member has an allowance of its own.
        assert first.network.request(CHAIN, second.key, Kind.BLOCKS, body, 10)
        assert third.network.request(CHAIN, first.key, Kind.BLOCKS, body, 10)
        envelope = put(first.kit.department)
        second.submit(envelope)
        first.exchange.announce(2, 4_000_000)
        wait_until(lambda: first.has(envelope), "a transaction")


def test_who_asks_without_end_loses_its_connection():
    with members(2, budget=SMALL) as (first, second):
        body = encode_message(BlockRange(1, 1, 1))
        lost = []
        for _ in range(60):
            try:
                second.network.request(CHAIN, first.key, Kind.BLOCKS, body, 10)
            except RefusedError:
                continue
            except UnavailableError as error:
                lost.append(error.code)
                break
        assert lost == [Code.NODE_UNREACHABLE]
        wait_until(lambda: any("requests without end" in reason for _, reason in first.problems), "the reason")


def test_large_answers_are_paid_by_the_next_requests():
    limits = BudgetLimits(answer_bytes=Allowance(1_000, 2_000))
    with members(2, budget=limits) as (first, second):
        everywhere([first, second], *[put(first.kit.department) for _ in range(8)])
        body = encode_message(BlockRange(1, 1, 1))
        answer = second.network.request(CHAIN, first.key, Kind.BLOCKS, body, 10)
        assert len(answer) > 2_000
        with pytest.raises(RefusedError) as caught:
            second.network.request(CHAIN, first.key, Kind.BLOCKS, body, 10)
        assert caught.value.code is Code.RATE_LIMITED


def test_announcements_above_the_rate_are_dropped():
    with members(2, budget=SMALL) as (first, second):
        for _ in range(9):
            second.exchange.announce(1, 4_000_000)
        wait_until(lambda: refused(first).get("rate", 0) == 4, "the drop")
        assert second.key in first.network.connected(CHAIN)
