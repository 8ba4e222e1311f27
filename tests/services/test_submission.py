"""Submitting: one answer for each envelope, a receipt only for what is durable, a hint when the pool is full."""

import threading
import time

import msgspec
import pytest

from govchain.consensus.ports import BlockOptions
from govchain.model import Code
from govchain.node.embedded import NodeOptions, open_embedded
from govchain.proof.transactions import decode_receipt
from govchain.services.submission import Submitter
from tests.node.kit import SMALL, Hands, new_actor, system_clock, transaction_id, with_pool

WAIT_S = 20


def submit(node, *envelopes, wait=True, timeout_s=WAIT_S):
    return node.submitter.submit(envelopes, wait=wait, timeout_s=timeout_s)


@pytest.fixture
def slow(chain):
    """A node that gathers for a long time before it makes a block."""
    with open_embedded(chain, options=NodeOptions(blocks=BlockOptions(linger_ms=2_000))) as node:
        yield node


@pytest.mark.requirement("BJ.function.business.03", "BJ.function.ledger_app.01")
def test_waiting_gives_each_its_receipt_in_order(node, actor):
    envelopes = [actor.put() for _ in range(7)]
    answers = submit(node, *envelopes)
    assert [answer.id for answer in answers] == [transaction_id(envelope) for envelope in envelopes]
    for answer in answers:
        receipt = decode_receipt(answer.receipt)
        assert (answer.code, receipt.code, receipt.transaction) == (Code.OK, 0, answer.id.hex())
        assert node.application.blocks.location(answer.id) == (receipt.height, receipt.index)
        assert node.application.receipt(answer.id) == answer.receipt


def test_without_waiting_it_is_received_and_committed_later(node, actor):
    (answer,) = submit(node, actor.put(), wait=False)
    assert (answer.code, answer.receipt) == (Code.OK, None)
    deadline = time.monotonic() + WAIT_S
    while node.application.receipt(answer.id) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert node.application.receipt(answer.id) is not None


def test_nothing_gives_nothing(node):
    assert submit(node) == []


def test_a_wait_that_is_too_short_says_so_and_the_transaction_commits_all_the_same(slow, actor):
    envelope = actor.put()
    start = time.monotonic()
    (answer,) = submit(slow, envelope, timeout_s=0.1)
    assert time.monotonic() - start < 1.5
    assert (answer.code, answer.receipt) == (Code.TIMED_OUT, None)
    # Sending the same again joins the waiting, and then gives the receipt that there is.
    (again,) = submit(slow, envelope)
    assert again.receipt is not None
    assert slow.application.receipt(answer.id) == again.receipt


def test_a_replay_answers_the_old_receipt(node, actor):
    envelope = actor.put()
    (first,) = submit(node, envelope)
    height = node.application.chain.height
    (again,) = submit(node, envelope)
    assert (again.code, again.id, again.receipt) == (Code.REPLAYED, first.id, first.receipt)
    # The same body with another valid signature is the same transaction.
    (resigned,) = submit(node, actor.seal(body_of(envelope)))
    assert (resigned.code, resigned.receipt) == (Code.REPLAYED, first.receipt)
    assert node.application.chain.height == height


def body_of(envelope):
    return msgspec.msgpack.decode(envelope)[1]


@pytest.mark.requirement("BJ.compatibility.interoperability.02c")
def test_the_same_twice_at_once_is_one_transaction(slow, actor):
    envelope = actor.put()
    answers = []
    threads = [threading.Thread(target=lambda: answers.extend(submit(slow, envelope))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.receipt for answer in answers} == {slow.application.receipt(transaction_id(envelope))}
    assert len(slow.application.blocks.envelopes(1)) == slow.application.chain.height == 1


def test_the_same_body_signed_again_waits_for_the_first(slow, actor):
    envelope = actor.put()
    first, second = envelope, actor.seal(body_of(envelope))
    received, duplicate = submit(slow, first, second, wait=False)
    assert (received.code, duplicate.code) == (Code.OK, Code.POOL_DUPLICATE)


def test_one_bad_member_hurts_nobody_else(node, actor):
    """Each gets its own code, in its place; the good ones commit."""
    stranger = new_actor()
    good = [actor.put(), actor.put()]
    body, envelope = actor.body("evidence.put", {}), actor.put()
    flipped = bytearray(envelope)
    flipped[-1] ^= 1
    now = system_clock().wall()
    bad = {
        Code.SIGNER_UNKNOWN: stranger.put(),
        Code.SIGNATURE_INVALID: bytes(flipped),
        Code.PAYLOAD_SHAPE: actor.seal(body),
        Code.EXPIRED: actor.put(expires=now - 1),
        Code.CHAIN_WRONG: new_actor("another-chain").put(),
        Code.TYPE_UNKNOWN: actor.seal(actor.body("evidence.nothing", {})),
        Code.ROLE_MISSING: actor.seal(actor.body("accounts.freeze", {"account": "00" * 20, "reason": "other"})),
    }
    answers = submit(node, good[0], *bad.values(), good[1])
    assert answers[0].receipt
    assert answers[-1].receipt
    for wanted, answer in zip(bad, answers[1:-1], strict=True):
        allowed = {wanted, Code.ADMINISTRATOR_REQUIRED} if wanted == Code.ROLE_MISSING else {wanted}
        assert answer.code in allowed
        assert answer.receipt is None


@pytest.mark.parametrize("junk", [b"", b"\x93", b"\xff" * 100, b"\x93\x01\xc4\x00\x90", bytes(70_000)])
def test_junk_gets_a_code_and_changes_nothing(node, junk):
    (answer,) = submit(node, junk)
    assert 100 <= answer.code < 300
    assert answer.receipt is None
    assert node.application.chain.height == 0


def test_a_full_pool_refuses_with_a_hint_and_takes_more_when_it_drained(chain, actor):
    options = with_pool(transactions_max=4)
    options = NodeOptions(pool=options.pool, blocks=BlockOptions(linger_ms=500))
    with open_embedded(chain, options=options) as node:
        envelopes = [actor.put() for _ in range(9)]
        answers = submit(node, *envelopes, wait=False)
        assert [answer.code for answer in answers] == [Code.OK] * 4 + [Code.POOL_FULL] * 5
        assert all(10 <= answer.retry_after_ms <= 10_000 for answer in answers[4:])
        assert all(answer.retry_after_ms is None for answer in answers[:4])
        left = envelopes[4:]
        deadline = time.monotonic() + WAIT_S
        while left and time.monotonic() < deadline:
            answers = submit(node, *left)
            time.sleep(max((answer.retry_after_ms or 0) for answer in answers) / 1000)
            left = [envelope for envelope, answer in zip(left, answers, strict=True) if answer.receipt is None]
        assert not left
        assert all(node.application.receipt(transaction_id(envelope)) for envelope in envelopes)


def test_a_full_pool_by_bytes(chain, actor):
    envelope = actor.put()
    options = NodeOptions(pool=with_pool(bytes_max=2 * len(envelope)).pool, blocks=BlockOptions(linger_ms=1_000))
    with open_embedded(chain, options=options) as node:
        answers = submit(node, *(actor.put() for _ in range(3)), wait=False)
        assert [answer.code for answer in answers] == [Code.OK, Code.OK, Code.POOL_FULL]


def test_a_stopped_node_answers_why_and_still_shows_old_receipts(chain, actor):
    envelope = actor.put()
    node = open_embedded(chain, options=SMALL)
    (first,) = submit(node, envelope)
    node.engine.stop()
    fresh, old, bad = submit(node, actor.put(), envelope, b"junk")
    assert (fresh.code, fresh.receipt) == (Code.NODE_STOPPING, None)
    assert (old.code, old.receipt) == (Code.REPLAYED, first.receipt)
    assert 100 <= bad.code < 200
    node.close()


def test_a_problem_of_the_engine_is_the_answer(pristine_hands, actor):
    """A stopped engine answers at once, with its reason, and refuses nothing twice."""
    hands, envelope = pristine_hands
    submitter = Submitter(hands.application, hands.pool, lambda: Code.DISK_FULL)
    start = time.monotonic()
    fresh, old = submitter.submit([actor.put(), envelope], wait=True, timeout_s=5)
    assert time.monotonic() - start < 2
    assert (fresh.code, fresh.receipt) == (Code.DISK_FULL, None)
    assert (old.code, old.receipt) == (Code.REPLAYED, hands.application.receipt(old.id))
    assert len(hands.pool) == 0


@pytest.fixture
def pristine_hands(chain, actor):
    hands = Hands(chain, system_clock().wall())
    envelope = actor.put()
    hands.block(envelope)
    yield hands, envelope
    hands.close()


def test_what_a_proposal_refuses_is_told_to_who_waits(pristine_hands, actor):
    """Checked, then outdated before its block: the waiting submitter hears the code, the pool is empty."""
    hands, _ = pristine_hands
    submitter = Submitter(hands.application, hands.pool, lambda: None)
    envelope = actor.put(expires=hands.now + 2_000)
    told = []
    thread = threading.Thread(target=lambda: told.extend(submitter.submit([envelope], wait=True, timeout_s=WAIT_S)))
    thread.start()
    deadline = time.monotonic() + WAIT_S
    while not len(hands.pool) and time.monotonic() < deadline:
        time.sleep(0.005)
    hands.now += 60_000
    assert not hands.engine.step()
    thread.join(WAIT_S)
    assert [answer.code for answer in told] == [Code.EXPIRED]
    assert len(hands.pool) == 0
