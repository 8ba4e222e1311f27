"""Lists of blocks, transactions, accounts, organisations and events: each entry proved, each lie noticed."""

import dataclasses
from typing import ClassVar

import pytest

from govchain.model import Code, GovChainError
from govchain.node.embedded import open_embedded
from govchain.proof.genesis import fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk import Client, EventQuery
from govchain.sdk.transport import BlockRange, EventRecord
from tests.node.kit import SMALL, Actor, copy_chain, make_chain, new_actor
from tests.sdk.fake import Lying

replace = dataclasses.replace


@pytest.fixture(scope="module")
def actor():
    return new_actor()


@pytest.fixture(scope="module")
def empty(tmp_path_factory, actor):
    return make_chain(tmp_path_factory.mktemp("lists") / "data", actor)


@pytest.fixture(scope="module")
def node(empty, actor: Actor, tmp_path_factory):
    """A node with five blocks; block 2 has five transactions, of which one failed; the others have one each."""
    with open_embedded(copy_chain(empty, tmp_path_factory.mktemp("lists") / "data"), options=SMALL) as opened:
        (first,) = opened.transport.submit([actor.put(reference="first")], wait=True)
        mark = {"evidence": first.id, "member": None, "reason": "error"}
        twice = [actor.seal(actor.body("evidence.withdraw", mark)) for _ in range(2)]
        sent = opened.transport.submit([*(actor.put(reference=f"r{n}") for n in range(3)), *twice], wait=True)
        assert {opened.transport.transaction(one.id).height for one in sent} == {2}
        for number in range(3):
            opened.transport.submit([actor.put(reference=f"later-{number}")], wait=True)
        yield opened


def client_on(node, transport=None, **lies):
    trust = TrustAnchors(genesis=(fingerprint(node.genesis).hex(),))
    return Client(Lying(transport or node.transport, **lies), trust=trust, sleep=lambda _seconds: None)


def caught(node, call, **lies):
    with pytest.raises(GovChainError) as refused:
        call(client_on(node, **lies))
    return refused.value.code


@pytest.mark.requirement("BJ.function.access.01b", "BJ.function.access.01c", "BJ.function.access.01d")
def test_blocks_newest_first(node):
    client = client_on(node)
    blocks = client.blocks()
    assert [block.header.height for block in blocks] == [5, 4, 3, 2, 1]
    assert [block.identity.hex() for block in blocks[1:]] == [block.header.previous for block in blocks[:-1]]
    assert [block.header.height for block in client.blocks(before=4, limit=2)] == [3, 2]
    assert client.blocks(before=1) == client.blocks(limit=0) == []
    assert blocks[0] == client.checker.verified_header(5)


BLOCK_LIES = {
    "one left out": (lambda found: BlockRange(found.blocks[1:]), Code.NOT_FOUND),
    "none": (lambda found: BlockRange(()), Code.NOT_FOUND),
    "another order": (lambda found: BlockRange(found.blocks[::-1]), Code.NOT_FOUND),
    "one twice": (lambda found: BlockRange((found.blocks[0],) * len(found.blocks)), Code.NOT_FOUND),
    "another header": (
        lambda found: BlockRange((replace(found.blocks[0], header=found.blocks[1].header), *found.blocks[1:])),
        Code.HEADER_INVALID,
    ),
    "another certificate": (
        lambda found: BlockRange(
            (replace(found.blocks[0], certificate=found.blocks[1].certificate), *found.blocks[1:])
        ),
        Code.CERTIFICATE_INVALID,
    ),
}


@pytest.mark.parametrize(("lie", "code"), BLOCK_LIES.values(), ids=BLOCK_LIES.keys())
def test_a_false_range_of_blocks(node, lie, code):
    assert caught(node, lambda client: client.blocks(), headers=lambda found, *_: lie(found)) is code


def test_a_certificate_that_a_range_lacks_is_asked_for(node):
    bare = lambda found, *_: BlockRange(tuple(replace(one, certificate=None) for one in found.blocks))  # noqa: E731
    assert len(client_on(node, headers=bare).blocks()) == 5


@pytest.mark.requirement("BJ.function.access.01e", "BJ.function.ledger.03")
def test_a_block_with_all_its_transactions(node):
    shown = client_on(node).block(2)
    assert shown.block.header.transaction_count == 5
    listed = [(one.type, one.code) for one in shown.transactions]
    assert listed == [("evidence.put", 0)] * 3 + [("evidence.withdraw", 0), ("evidence.withdraw", 2050)]


def in_small_pages(node):
    """The node's transport with two transactions to a page."""

    class Small:
        def __getattr__(self, name):
            return getattr(node.transport, name)

        def block_transactions(self, height, cursor=None, limit=2):
            return node.transport.block_transactions(height, cursor, 2)

    return Small()


def test_a_block_page_by_page(node):
    assert client_on(node, in_small_pages(node)).block(2) == client_on(node).block(2)


def swapped(page):
    first, second, *rest = page.transactions
    pair = (replace(first, receipt=second.receipt), replace(second, receipt=first.receipt))
    return replace(page, transactions=(*pair, *rest))


def with_first(page, **changes):
    return replace(page, transactions=(replace(page.transactions[0], **changes), *page.transactions[1:]))


TRANSACTION_LIES = {
    "no block": (lambda page: None, Code.TRANSACTION_PROOF),
    "one left out": (lambda page: replace(page, transactions=page.transactions[1:]), Code.TRANSACTION_PROOF),
    "none": (lambda page: replace(page, transactions=()), Code.TRANSACTION_PROOF),
    "one too many": (lambda page: replace(page, transactions=page.transactions * 2), Code.TRANSACTION_PROOF),
    "another order": (lambda page: replace(page, transactions=page.transactions[::-1]), Code.TRANSACTION_PROOF),
    "another block's": (lambda page: replace(page, height=1), Code.TRANSACTION_PROOF),
    "receipts swapped": (swapped, Code.RECEIPT_PROOF),
    "another id": (lambda page: with_first(page, id="ab" * 32), Code.TRANSACTION_PROOF),
    "another type": (lambda page: with_first(page, type="accounts.register"), Code.TRANSACTION_PROOF),
    "another code": (lambda page: with_first(page, code=7), Code.RECEIPT_PROOF),
    "another envelope": (
        lambda page: with_first(page, envelope=page.transactions[1].envelope, id=page.transactions[1].id),
        Code.RECEIPT_PROOF,
    ),
    "an altered receipt": (
        lambda page: with_first(page, receipt=page.transactions[0].receipt.replace(b'"r', b'"s', 1)),
        Code.RECEIPT_PROOF,
    ),
}


@pytest.mark.parametrize(("lie", "code"), TRANSACTION_LIES.values(), ids=TRANSACTION_LIES.keys())
def test_a_false_list_of_transactions(node, lie, code):
    found = caught(node, lambda client: client.block(2), block_transactions=lambda page, *_: lie(page))
    assert found in (code, Code.BODY_SHAPE, Code.JSON_NOT_CANONICAL)


def test_a_list_of_transactions_without_an_end_is_left(node):
    asked = []

    def endless(page, *_):
        asked.append(page)
        return replace(page, transactions=page.transactions[:1], next="0")

    assert caught(node, lambda client: client.block(2), block_transactions=endless) is Code.TRANSACTION_PROOF
    assert len(asked) <= 5


@pytest.mark.requirement("BJ.function.access.01a", "BJ.data.01_001", "BJ.data.01_004")
def test_accounts_and_organisations_are_each_proved(node, actor):
    client = client_on(node)
    accounts = {account.address: account for account in client.accounts()}
    assert len(accounts) == 5
    assert accounts[actor.address].state.key == actor.key.hex()
    assert accounts[actor.address].as_of == 5
    assert [one.code for one in client.organisations()] == [accounts[actor.address].state.organisation]


def forged(page, **changes):
    entries = page.status.entries
    return replace(page, status=replace(page.status, entries=(replace(entries[0], **changes), *entries[1:])))


ACCOUNT_LIES = {
    "another value": (lambda page: forged(page, value=b"{}"), Code.STATUS_PROOF),
    "absent": (lambda page: forged(page, value=None), Code.STATUS_PROOF),
    "another key": (lambda page: forged(page, key=b"accounts.account/" + bytes(20)), Code.STATUS_PROOF),
    "the proof of another leaf": (
        lambda page: forged(page, siblings=page.status.entries[1].siblings),
        Code.STATUS_PROOF,
    ),
    "the same again and again": (lambda page: replace(page, next="00" * 20), Code.STATUS_PROOF),
    "an older state": (lambda page: replace(page, status=replace(page.status, height=4)), Code.HEAD_STALE),
    "a height that is not": (lambda page: replace(page, status=replace(page.status, height=99)), Code.NOT_FOUND),
    "other roots": (lambda page: replace(page, status=replace(page.status, live=bytes(32))), Code.STATUS_PROOF),
}


@pytest.mark.parametrize(("lie", "code"), ACCOUNT_LIES.values(), ids=ACCOUNT_LIES.keys())
def test_a_false_list_of_accounts(node, lie, code):
    honest = node.transport

    def answer(page, cursor=None, *_):
        return lie(honest.accounts() if cursor else page)

    class Endless:
        def __getattr__(self, name):
            return getattr(honest, name)

        def accounts(self, cursor=None, limit=64):
            return answer(honest.accounts(), cursor)

    trust = TrustAnchors(genesis=(fingerprint(node.genesis).hex(),))
    with pytest.raises(GovChainError) as refused:
        Client(Endless(), trust=trust).accounts()
    assert refused.value.code is code


def test_before_the_first_block_they_are_those_of_genesis(empty, tmp_path):
    with open_embedded(copy_chain(empty, tmp_path / "data"), options=SMALL) as opened:
        client = client_on(opened)
        assert {account.as_of for account in client.accounts()} == {0}
        assert len(client.accounts()) == len(opened.genesis.accounts)
        assert [one.as_of for one in client.organisations()] == [0]
        assert client.blocks() == []
        assert client.events(EventQuery()).events == ()


def test_a_node_that_went_back_to_the_beginning_is_stale(node, empty, tmp_path):
    client = client_on(node)
    client.blocks()
    with open_embedded(copy_chain(empty, tmp_path / "data"), options=SMALL) as opened:
        client.checker._transport = opened.transport
        client.transport = opened.transport
        with pytest.raises(GovChainError) as refused:
            client.accounts()
    assert refused.value.code is Code.HEAD_STALE


def test_a_lag_that_the_user_allows(node):
    trust = TrustAnchors(genesis=(fingerprint(node.genesis).hex(),))
    behind = Lying(node.transport)
    client = Client(behind, trust=trust, stale_blocks_max=2)
    assert client.checker.newest_header().header.height == 5
    behind.lies["status"] = lambda status, *_: replace(status, certified_height=3)
    assert client.checker.newest_header().header.height == 3
    behind.lies["status"] = lambda status, *_: replace(status, certified_height=2)
    with pytest.raises(GovChainError) as refused:
        client.checker.newest_header()
    assert refused.value.code is Code.HEAD_STALE


class TestEvents:
    QUERY = EventQuery(types=("evidence.*",))

    def test_each_is_in_its_receipt(self, node):
        client = client_on(node)
        first = client.events(self.QUERY, limit=3)
        rest = client.events(self.QUERY, cursor=first.cursor)
        events = first.events + rest.events
        assert [event.reference for event in events][-3:] == [f"later-{number}" for number in range(3)]
        assert len({event.transaction for event in events}) == len(events) == 8
        assert first.more
        assert not client.events(self.QUERY, cursor=rest.cursor).events

    LIES: ClassVar = {
        "another type": (lambda e: replace(e, type="evidence.withdrawn"), Code.RECEIPT_PROOF),
        "not asked for": (lambda e: replace(e, type="accounts.registered"), Code.TRANSACTION_PROOF),
        "other data": (lambda e: replace(e, data={}), Code.RECEIPT_PROOF),
        "another reference": (lambda e: replace(e, reference="r9"), Code.RECEIPT_PROOF),
        "another block": (lambda e: replace(e, height=2), Code.RECEIPT_PROOF),
        "another chain": (lambda e: replace(e, chain="other"), Code.RECEIPT_PROOF),
        "another place": (lambda e: replace(e, index=1), Code.RECEIPT_PROOF),
        "no transaction": (lambda e: replace(e, transaction="00" * 32), Code.TRANSACTION_PROOF),
    }

    @pytest.mark.parametrize(("lie", "code"), LIES.values(), ids=LIES.keys())
    def test_a_false_event(self, node, lie, code):
        def answer(page, *_):
            event: EventRecord = lie(page.events[0])
            return replace(page, events=(event, *page.events[1:]))

        assert caught(node, lambda client: client.events(self.QUERY), events=answer) is code

    def test_the_same_twice_and_too_many(self, node):
        def twice(page, *_):
            return replace(page, events=page.events[:1] * 2)

        assert caught(node, lambda client: client.events(self.QUERY), events=twice) is Code.RECEIPT_PROOF
        many = lambda client: client.events(self.QUERY, limit=1)  # noqa: E731
        assert caught(node, many, events=twice) is Code.ANSWER_UNUSABLE
