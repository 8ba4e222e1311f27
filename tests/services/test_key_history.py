"""The history of a state key: every write to a key that a block's ``delta`` proves, oldest values included."""

import msgspec
import pytest

from govchain.model import Code, UsageError
from govchain.modules.accounts.messages import account_key
from govchain.modules.evidence.messages import mark_key, record_key
from govchain.ops.replay import COMPARED_TABLES, compare_tables, replay_blocks
from govchain.proof.transactions import decode_body, decode_envelope, decode_receipt
from govchain.services.queries import LIMIT_MAX, Queries
from govchain.state import MemoryStore, Table
from govchain.storage import BlockStore
from tests.consensus.kit import Node
from tests.ledger.kit import CREATED, Kit, id_of, make, put


def status_of(write):
    return (write.height, write.kind, msgspec.json.decode(write.value)["status"] if write.value else None)


@pytest.fixture
def changed():
    """An account that is frozen, thawed and frozen again, with other blocks between."""
    kit = Kit()
    node = Node(kit)
    account = kit.accounts[0, "auditor"].address
    for number, kind in enumerate(["freeze", None, "unfreeze", None, "freeze"]):
        at = CREATED + 1000 * (number + 1)
        if kind is None:
            envelope = put(kit.department)
        else:
            reason = {"reason": "left"} if kind == "freeze" else {}
            envelope = make(f"accounts.{kind}", {"account": account.hex(), **reason}, kit.administrator)
        assert node.block(envelope, time=at) == [Code.OK]
    return kit, node, account


@pytest.mark.requirement("GD.architecture.storage.02")
def test_all_versions_of_a_key_with_transaction_signer_and_time(changed):
    """From genesis on; which transaction made each, by whom and when, is in the block of that height."""
    kit, node, account = changed
    versions = Queries(node.application).key_history(account_key(account), 100)
    assert [status_of(version) for version in versions] == [
        (5, "value", "frozen"),
        (3, "value", "active"),
        (1, "value", "frozen"),
        (0, "value", "active"),
    ]
    blocks = node.application.blocks
    traced = []
    for version in versions[:-1]:
        envelopes, receipts = blocks.envelopes(version.height), blocks.receipts(version.height)
        for envelope, data in zip(envelopes, receipts, strict=True):
            receipt = decode_receipt(data)
            if any(event.reference == account.hex() for event in receipt.events):
                signer = decode_body(decode_envelope(envelope)[0]).signers[0].account
                traced.append((receipt.transaction, signer, blocks.header_time(version.height)))
    assert [time for _, _, time in traced] == [CREATED + 5000, CREATED + 3000, CREATED + 1000]
    assert {signer for _, signer, _ in traced} == {kit.administrator.address.hex()}
    assert len({transaction for transaction, _, _ in traced}) == 3


def test_pages(changed):
    _, node, account = changed
    queries, key = Queries(node.application), account_key(account)
    seen, before = [], None
    while page := queries.key_history(key, 2, before):
        assert len(page) <= 2
        seen += page
        before = page[-1].height
    assert seen == queries.key_history(key, LIMIT_MAX)
    assert queries.key_history(key, 5, 1) == seen[-1:]
    assert queries.key_history(key, 5, 0) == []
    for limit in (0, -1, LIMIT_MAX + 1):
        with pytest.raises(UsageError):
            queries.key_history(key, limit)


def test_a_record_that_is_written_once():
    """Its value is kept once, in the state; a look-up that proves nothing has no history."""
    kit = Kit()
    node = Node(kit)
    envelope = put(kit.department)
    node.block(put(kit.department))
    node.block(envelope)
    key = record_key(id_of(envelope))
    (version,) = Queries(node.application).key_history(key, 10)
    assert (version.height, version.kind, version.value) == (2, "present", node.application.committed.get(key))
    assert node.store.get(Table.KEY_HISTORY, len(key).to_bytes(4, "big") + key + (2).to_bytes(8, "big")) == b""
    for other in (b"", b"evidence.record/", record_key(bytes(32)), mark_key(id_of(envelope)), b"\xff" * 300):
        assert Queries(node.application).key_history(other, 10) == []
    lookups = [key for key, _ in node.store.scan(Table.STATE) if key.startswith(b"evidence.by_")]
    assert lookups
    assert not any(Queries(node.application).key_history(key, 10) for key in lookups)


def test_a_replay_gives_the_same_history(changed):
    kit, node, _ = changed
    target = MemoryStore()
    difference, _ = replay_blocks(kit.machine, BlockStore(node.store), 5, target)
    assert difference is None
    assert Table.KEY_HISTORY in COMPARED_TABLES
    assert compare_tables(node.store, target, Table.KEY_HISTORY) is None
    assert len(list(target.scan(Table.KEY_HISTORY))) > 10
