"""Restarts: the same state, the same window, the certificates that a crash left out; and replay from genesis."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govchain.consensus import Certifier
from govchain.ledger import build_machine
from govchain.ledger.window import BUCKET_MS
from govchain.model import Code, DecodingError, UnavailableError, VerificationError
from govchain.ops.replay import compare_tables, replay_blocks
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.state import Batch, MemoryStore, Table
from govchain.storage import BlockStore, RocksStore
from tests.consensus.kit import Node, contents
from tests.ledger.kit import CREATED, Kit, id_of, new_account, put
from tests.ledger.test_blocks import one_of_each


def height_key(height):
    return height.to_bytes(8, "big")


def drop(store, table, *heights):
    batch = Batch()
    for height in heights:
        batch.delete(table, height_key(height))
    store.write(batch, durable=True)


def window_of(node):
    return node.application._window.dump()


def mixed_blocks(kit, count):
    """Envelopes of blocks of every type, refused ones among them."""
    random = Random(5)
    blocks = [[put(kit.accounts[random.randrange(2), "department"]) for _ in range(random.choice([1, 2, 5]))]]
    blocks.append(one_of_each(kit, None))
    for _ in range(count - 2):
        envelopes = [put(kit.department) for _ in range(random.choice([1, 3]))]
        envelopes.append(put(kit.accounts[0, "auditor"]))
        blocks.append(envelopes)
    return blocks


def test_restart_after_every_block(small_kit, any_store):
    """Restarted each time or never: the same identities, and the same answers about what was sent before."""
    blocks = mixed_blocks(small_kit, 10)
    steady, shaken = Node(small_kit), Node(small_kit, any_store)
    for number, envelopes in enumerate(blocks):
        time = CREATED + number * 29_000
        codes = steady.block(*envelopes, time=time)
        assert shaken.block(*envelopes, time=time) == codes
        shaken = shaken.again()
        assert shaken.application.chain == steady.application.chain
        assert window_of(shaken) == window_of(steady)
        assert shaken.application.history.root() == steady.application.history.root()
        replayed = [result.code for result in shaken.application.check_tx(envelopes)]
        assert set(replayed) <= {Code.REPLAYED, Code.SIGNER_FROZEN, Code.EXPIRED}
    assert shaken.identities() == steady.identities()
    assert contents(shaken.store, [Table.CERTIFICATES]) == contents(steady.store, [Table.CERTIFICATES])
    assert shaken.verify_certificates() == len(blocks)


def test_restart_of_the_process_too(small_kit, tmp_path):
    """RocksDB closed and opened again."""
    store = RocksStore(tmp_path / "ledger")
    node = Node(small_kit, store)
    envelopes = [put(small_kit.department) for _ in range(3)]
    node.block(*envelopes)
    before, window = node.application.chain, window_of(node)
    node.application.close()
    store.close()
    store = RocksStore(tmp_path / "ledger")
    node = Node(small_kit, store)
    assert node.application.chain == before
    assert window_of(node) == window
    assert [result.code for result in node.application.check_tx(envelopes)] == [Code.REPLAYED] * 3
    assert node.block(put(small_kit.department)) == [Code.OK]
    node.application.close()
    store.close()


EDGES = [BUCKET_MS - 1, BUCKET_MS, BUCKET_MS + 1]


@pytest.mark.parametrize("gap", [1, *EDGES, 3 * BUCKET_MS - 1, 600_000 - 1, 600_000, 600_000 + BUCKET_MS, 700_000])
@pytest.mark.parametrize("offset", [0, 1, BUCKET_MS - 1])
def test_window_is_rebuilt_exactly(small_kit, gap, offset):
    """At every edge of a bucket and of the longest expiry, rebuilding gives what growing gave."""
    node = Node(small_kit)
    time = CREATED + BUCKET_MS + offset
    for ahead in (1, BUCKET_MS - offset, BUCKET_MS, 300_000, 600_000):
        node.block(put(small_kit.department, expires=time + ahead), time=time)
        time += 1
    assert window_of(node.again()) == window_of(node)
    time += gap
    node.block(put(small_kit.department, expires=time + 1), time=time)
    assert window_of(node.again()) == window_of(node)


@pytest.mark.parametrize("past", [-2, -1, 0, 1])
def test_window_at_the_last_moment_of_a_bucket(small_kit, past):
    """The newest block at, just before and just after the moment when a bucket is over."""
    node = Node(small_kit)
    node.block(put(small_kit.department, expires=CREATED + 3 * BUCKET_MS - 1), time=CREATED + 5)
    newest = CREATED + 3 * BUCKET_MS + past
    node.block(put(small_kit.department, expires=newest + 50_000), time=newest)
    assert node.application.window_size == (2 if past < -1 else 1)
    assert node.again().application.window_size == node.application.window_size
    assert window_of(node.again()) == window_of(node)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200_000), st.integers(1, 600_000)), min_size=1, max_size=12))
def test_window_is_rebuilt_exactly_for_any_times(small_kit, blocks):
    node, time = Node(small_kit), CREATED
    for gap, ahead in blocks:
        time += gap
        node.block(put(small_kit.department, expires=time + ahead), time=time)
        assert window_of(node.again()) == window_of(node)


def test_ids_leave_the_disk_when_the_window_has_passed(small_kit):
    node = Node(small_kit)
    for number in range(6):
        time = CREATED + number * 200_000
        node.block(put(small_kit.department, expires=time + 600_000), time=time)
    kept = [int.from_bytes(key, "big") for key, _ in node.store.scan(Table.IDS)]
    assert kept == [3, 4, 5, 6]  # blocks at most 610 s old
    assert window_of(node.again()) == window_of(node)


@pytest.mark.parametrize("lost", [[3], [2, 3], [1, 2, 3]], ids=str)
def test_missing_certificates_at_the_tip_are_signed_again(small_kit, any_store, lost):
    node = Node(small_kit, any_store)
    for _ in range(3):
        node.block(put(small_kit.department))
    drop(any_store, Table.CERTIFICATES, *lost)
    again = node.again()
    assert again.verify_certificates() == 3


def test_a_certificate_says_who_signed_what(small_kit):
    """One member, quorum one: it holds for its own header and for nothing else."""
    node = Node(small_kit)
    for _ in range(2):
        node.block(put(small_kit.department))
    blocks, suite = node.application.blocks, small_kit.machine.suite
    first, second = (decode_certificate(blocks.certificate(height)) for height in (1, 2))
    header, identity = blocks.decoded_header(1), node.identities()[0]
    assert [entry.key for entry in first.signatures] == [small_kit.member.key.hex()]
    assert (first.chain, first.height, first.epoch, first.identity) == ("test-chain", 1, 0, identity.hex())
    assert first.state_root == header.state_root
    with pytest.raises(VerificationError):
        verify_certificate(suite, header, identity, second)
    altered = msgspec.structs.replace(header, state_root="00" * 32)
    with pytest.raises(VerificationError):
        verify_certificate(suite, altered, identity, first)


def test_a_node_that_is_no_member_signs_nothing(small_kit):
    stranger = new_account()
    node = Node(small_kit, member=stranger)
    node.block(put(small_kit.department))
    assert node.application.blocks.certificate(1) is None
    certifier = Certifier(small_kit.machine.suite, stranger.signer)
    assert not certifier.is_member(node.application.chain.signers)
    assert Certifier(small_kit.machine.suite, small_kit.member.signer).is_member(node.application.chain.signers)
    node.store.write(Batch(), durable=True)
    assert Node(small_kit, node.store).verify_certificates() == 1  # the member's own node catches up


@pytest.mark.requirement("BJ.function.timing.01")
def test_replay_into_an_empty_store_gives_the_same_chain(small_kit, any_store):
    """Every header, receipt and state key; the replay is the other node, and its order is the same."""
    node = Node(small_kit)
    for number, envelopes in enumerate(mixed_blocks(small_kit, 12)):
        node.block(*envelopes, time=CREATED + number * 7)
    seen = []
    source = BlockStore(node.store)
    difference, reached = replay_blocks(
        small_kit.machine, source, 12, any_store, lambda done, total: seen.append((done, total))
    )
    assert difference is None
    assert reached.identity == node.application.chain.identity
    assert seen == [(height, 12) for height in range(1, 13)]
    for table in set(Table) - {Table.CERTIFICATES, Table.META}:
        assert compare_tables(node.store, any_store, table) is None, table
    assert Node(small_kit, any_store, certify=False).identities() == node.identities()


def forge(store, table, height, change):
    batch = Batch()
    batch.put(table, height_key(height), change(store.get(table, height_key(height))))
    store.write(batch, durable=True)


@pytest.mark.requirement("GD.general.security.06")
@pytest.mark.parametrize("table", [Table.HEADERS, Table.BODIES, Table.RECEIPTS])
def test_replay_names_the_first_block_that_was_altered(small_kit, table):
    node = Node(small_kit)
    for _ in range(6):
        node.block(put(small_kit.department))
    forge(node.store, table, 4, lambda value: value[:-9] + bytes([value[-9] ^ 1]) + value[-8:])
    if table is Table.HEADERS:
        with pytest.raises(DecodingError):  # it decodes no more; doctor, which goes on, names the height
            replay_blocks(small_kit.machine, BlockStore(node.store), 6, MemoryStore())
        return
    difference, reached = replay_blocks(small_kit.machine, BlockStore(node.store), 6, MemoryStore())
    assert (difference.height, difference.part) == (4, table.name.lower())
    assert reached.height in (3, 4)


def test_replay_names_an_altered_order(small_kit):
    node = Node(small_kit)
    node.block(put(small_kit.department), put(small_kit.department))

    def exchange(value):
        first, second = msgspec.msgpack.decode(value)
        return msgspec.msgpack.encode([second, first])

    forge(node.store, Table.BODIES, 1, exchange)
    difference, _ = replay_blocks(small_kit.machine, BlockStore(node.store), 1, MemoryStore())
    assert (difference.height, difference.part) == (1, "headers")


def test_damaged_moving_facts_stop_the_node(small_kit):
    node = Node(small_kit)
    node.block(put(small_kit.department))
    stored = node.store.get(Table.META, b"chain")
    for damaged in (stored[:-1], stored.replace(b'"history":"', b'"history":"AA')):
        batch = Batch()
        batch.put(Table.META, b"chain", damaged)
        node.store.write(batch, durable=True)
        with pytest.raises(UnavailableError) as caught:
            Node(small_kit, node.store)
        assert caught.value.code == Code.STORE_CORRUPT


@pytest.mark.requirement("BJ.compatibility.interoperability.02c")
def test_twice_and_out_of_order_over_a_restart(small_kit):
    """What was acknowledged before a restart is refused as used after it; order makes no difference to the records."""
    records = [put(small_kit.department) for _ in range(9)]
    node = Node(small_kit)
    for number in (8, 2, 5):
        assert node.block(records[number]) == [Code.OK]
    node = node.again()
    for number in range(9):
        (result,) = node.application.check_tx([records[number]])
        assert result.code == (Code.REPLAYED if number in (8, 2, 5) else Code.OK)
        if not result.code:
            assert node.block(records[number]) == [Code.OK]
    found = {key.removeprefix(b"evidence.record/") for key, _ in node.application.committed.scan(b"evidence.record/")}
    assert found == {id_of(record) for record in records}


def test_a_machine_of_other_families_cannot_open_the_chain():
    """Genesis is the chain's: another genesis, though with the same accounts and members, is another chain."""
    kit = Kit()
    node = Node(kit)
    node.block(put(kit.department))
    changed = msgspec.structs.replace(kit.genesis, created=kit.genesis.created - 1)
    digests = {module.name: "00" * 32 for module in kit.modules}
    kit.machine = build_machine(changed, kit.modules, digests, kit.machine.verifier)
    with pytest.raises(UnavailableError) as caught:
        Node(kit, node.store)
    assert caught.value.code == Code.GENESIS_INVALID
