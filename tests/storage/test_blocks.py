"""Blocks by height: what was put is read back, from both drivers, and what is missing is named."""

import hashlib
from dataclasses import dataclass

import msgspec
import pytest

from govchain.crypto import get_suite
from govchain.merkle import Frontier, NodeLog
from govchain.model import Code, RefusedError, UnavailableError
from govchain.model.wire import Header
from govchain.proof.headers import encode_header, header_identity
from govchain.state import Batch, MemoryStore, Table
from govchain.storage import BlockReader, BlockStore, RocksStore
from govchain.storage.blocks import height_key

SUITE = get_suite("gm")


@dataclass(frozen=True)
class Item:
    id: bytes
    envelope: bytes


def header_of(height, previous=b"p" * 32, history=None, state_root="0" * 64):
    return Header(
        chain="test",
        checkpoint=None,
        epoch=0,
        height=height,
        history=(history or Frontier(SUITE.digest).root()).hex(),
        next_signers="1" * 64,
        previous=previous.hex(),
        receipt_root="2" * 64,
        signers="1" * 64,
        state_root=state_root,
        time=1000 + height,
        transaction_count=2,
        transaction_root="3" * 64,
    )


def items_of(height, count=2):
    bodies = [b"envelope %d/%d" % (height, index) * 20 for index in range(count)]
    return [Item(hashlib.sha256(body).digest(), body) for body in bodies]


def put_chain(store, heights):
    """Blocks 1 to ``heights``; their identities."""
    blocks, log = BlockStore(store), NodeLog(SUITE.digest, lambda level, index: None)
    identities = [b"p" * 32]
    for height in range(1, heights + 1):
        header = encode_header(header_of(height, identities[-1], log.root()))
        identities.append(header_identity(SUITE, header))
        items, batch = items_of(height), Batch()
        blocks.put_block(batch, height, header, items, [b"receipt %d/0" % height, b""])
        blocks.put_ids(batch, height, [(item.id, 5000 + height) for item in items])
        blocks.put_history(batch, log.append(identities[-1]))
        blocks.put_chain_state(batch, b"after %d" % height)
        blocks.put_state(batch, [(b"a.b/%d" % height, b"x")], {b"\0\0": b"node"})
        store.write(batch, durable=True)
        blocks.write_certificate(height, b"certificate %d" % height)
    return identities[1:]


@pytest.fixture(params=["memory", "rocks"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "store")
    yield store
    store.close()


@pytest.mark.requirement("GD.architecture.storage.01")
def test_what_was_put_is_read_back_with_its_place_and_digest(store):
    identities = put_chain(store, 5)
    blocks = BlockStore(store)
    assert (blocks.first(), blocks.tip()) == (1, 5)
    for height in range(1, 6):
        items = items_of(height)
        for index, item in enumerate(items):
            assert blocks.location(item.id) == (height, index)
            assert hashlib.sha256(blocks.envelopes(height)[index]).digest() == item.id
        assert blocks.receipts(height) == (b"receipt %d/0" % height, b"")
        assert blocks.ids(height) == [(item.id, 5000 + height) for item in items]
        assert blocks.certificate(height) == b"certificate %d" % height
        assert blocks.decoded_header(height).height == height
        assert blocks.header_time(height) == 1000 + height
        assert header_identity(SUITE, blocks.header(height)) == identities[height - 1]
        if height < 5:
            assert blocks.identity_after(height) == identities[height - 1]
    assert blocks.chain_state() == b"after 5"
    assert store.get(Table.STATE, b"a.b/3") == b"x"
    log = NodeLog(SUITE.digest, blocks.history_node, 5)
    assert log.root_at(3).hex() == blocks.decoded_header(4).history


def test_the_stored_form_is_what_the_documentation_says(store):
    put_chain(store, 1)
    items = items_of(1)
    assert msgspec.msgpack.decode(store.get(Table.BODIES, (1).to_bytes(8, "big"))) == [i.envelope for i in items]
    assert store.get(Table.TRANSACTIONS, items[1].id) == (1).to_bytes(8, "big") + (1).to_bytes(4, "big")
    assert store.get(Table.IDS, (1).to_bytes(8, "big"))[:40] == items[0].id + (5001).to_bytes(8, "big")
    assert store.get(Table.HISTORY, b"\0" + bytes(8)) is not None


def test_headers_in_order(store):
    put_chain(store, 300)
    blocks = BlockStore(store)
    assert [height for height, _ in blocks.headers()] == list(range(1, 301))
    assert [height for height, _ in blocks.headers(254, 258)] == [254, 255, 256, 257, 258]
    assert [height for height, _ in blocks.headers(298, reverse=True)] == [300, 299, 298]
    assert list(blocks.headers(301)) == []


def test_an_empty_store(store):
    blocks = BlockStore(store)
    assert (blocks.first(), blocks.tip(), blocks.chain_state()) == (0, 0, None)
    assert (blocks.header(1), blocks.certificate(1), blocks.location(bytes(32)), blocks.ids(1)) == (
        None,
        None,
        None,
        [],
    )
    for read in (blocks.envelopes, blocks.receipts, blocks.decoded_header, blocks.header_time, blocks.identity_after):
        with pytest.raises(RefusedError) as missing:
            read(1)
        assert missing.value.code is Code.NOT_FOUND


def test_ids_are_dropped_when_the_window_has_passed(store):
    put_chain(store, 4)
    blocks, batch = BlockStore(store), Batch()
    blocks.drop_ids(batch, 1, 3)
    store.write(batch, durable=True)
    assert [len(blocks.ids(height)) for height in range(1, 5)] == [0, 0, 0, 2]


@pytest.mark.parametrize("bad", [None, b"", b"\x91", b"\x81\x01\x02", b"\x91\xc4\x01a\x00", b"\x91\x01"])
@pytest.mark.parametrize("table", [Table.BODIES, Table.RECEIPTS])
def test_a_damaged_body_is_named(store, table, bad):
    put_chain(store, 2)
    batch = Batch()
    batch.extend(table, [(height_key(2), bad)])
    store.write(batch, durable=True)
    blocks = BlockReader(store)
    with pytest.raises(UnavailableError) as corrupt:
        blocks.envelopes(2) if table is Table.BODIES else blocks.receipts(2)
    assert corrupt.value.code is Code.STORE_CORRUPT
    assert corrupt.value.params["path"] == f"{table.name.lower()}/2"


def test_other_damage_is_named(store):
    put_chain(store, 1)
    batch = Batch()
    batch.put(Table.TRANSACTIONS, b"i" * 32, b"short")
    batch.put(Table.IDS, height_key(1), b"short")
    batch.put(Table.HEADERS, height_key(1), b"{}")
    store.write(batch, durable=True)
    blocks = BlockReader(store)
    for read in (lambda: blocks.location(b"i" * 32), lambda: blocks.ids(1), lambda: blocks.header_time(1)):
        with pytest.raises(UnavailableError) as corrupt:
            read()
        assert corrupt.value.code is Code.STORE_CORRUPT


def history_of(blocks, key, **bounds):
    return [(height, kind.name, value) for height, kind, value in blocks.key_history(key, **bounds)]


def test_each_write_to_a_key_by_height(store):
    """Values of ``live`` namespaces, marks of the others, removals; no other key's, however alike."""
    blocks, batch = BlockStore(store), Batch()
    key, longer, once = b"a.live/k", b"a.live/k" + bytes(8), b"b.once/k"
    blocks.put_key_history(batch, 0, [(key, b"genesis")], [])
    blocks.put_key_history(batch, 2, [(key, b""), (longer, b"other")], [(once, b"never kept")])
    blocks.put_key_history(batch, 3, [], [])
    blocks.put_key_history(batch, 256, [(key, None), (b"a.live/", b"shorter")], [(once, None)])
    blocks.put_key_history(batch, 2**53 - 1, [(key, b"\x00last")], [(once + b"2", b"x")])
    store.write(batch, durable=True)
    whole = [(0, "VALUE", b"genesis"), (2, "VALUE", b""), (256, "REMOVED", None), (2**53 - 1, "VALUE", b"\x00last")]
    assert history_of(blocks, key) == whole
    assert history_of(blocks, key, reverse=True) == whole[::-1]
    assert history_of(blocks, key, before=256) == whole[:2]
    assert history_of(blocks, key, before=257, reverse=True) == whole[2::-1]
    assert history_of(blocks, key, before=0) == history_of(blocks, key, before=-5) == []
    assert history_of(blocks, longer) == [(2, "VALUE", b"other")]
    assert history_of(blocks, b"a.live/") == [(256, "VALUE", b"shorter")]
    assert history_of(blocks, once) == [(2, "PRESENT", None), (256, "REMOVED", None)]
    assert history_of(blocks, b"") == history_of(blocks, b"a.live") == history_of(blocks, b"x" * 5000) == []


@pytest.mark.parametrize("entry", [b"\x02", b"\x00more", b"value"])
def test_an_entry_that_is_none_is_damage(store, entry):
    batch = Batch()
    batch.put(Table.KEY_HISTORY, len(b"a.live/k").to_bytes(4, "big") + b"a.live/k" + height_key(7), entry)
    store.write(batch, durable=True)
    with pytest.raises(UnavailableError) as caught:
        list(BlockStore(store).key_history(b"a.live/k"))
    assert (caught.value.code, caught.value.params["path"]) == (Code.STORE_CORRUPT, "key_history/7")
