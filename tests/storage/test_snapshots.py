"""Snapshots: what is written installs and is equal; what is altered anywhere is refused, and nothing is installed."""

import random
import struct
from dataclasses import replace

import msgspec
import pytest

from govchain.crypto import get_suite
from govchain.merkle import EMPTY_SUBTREE, NodeLog
from govchain.model import Code, RefusedError, VerificationError, encode_struct
from govchain.proof.headers import encode_header, header_identity
from govchain.state import (
    NO_STATE_ROOT,
    Batch,
    CheckpointComputation,
    CommittedState,
    MemoryStore,
    Namespace,
    NamespaceRegistry,
    Overlay,
    Table,
    compute_state_root,
    state_key,
)
from govchain.storage import (
    BlockReader,
    BlockStore,
    RocksStore,
    SnapshotFacts,
    SnapshotReader,
    SnapshotTrust,
    install_snapshot,
    verify_snapshot,
    write_snapshot,
)
from govchain.storage import snapshots as snapshots_module
from tests.storage.test_blocks import header_of, items_of

SUITE = get_suite("gm")
REGISTRY = NamespaceRegistry(
    [Namespace("a.status", live=True), Namespace("b.record", delta=True), Namespace("c.by_time")]
)


def make_chain(store, heights, live_keys=30):
    """A chain as the ledger keeps it, with real roots; the snapshot's facts and trust at its tip."""
    chance = random.Random(heights)
    blocks, committed = BlockStore(store), CommittedState(store)
    log = NodeLog(SUITE.digest, lambda level, index: None)
    root, live, identity = NO_STATE_ROOT, EMPTY_SUBTREE, b"g" * 32
    for height in range(1, heights + 1):
        layer = Overlay(committed)
        for number in range(25):
            layer.put(state_key("b.record", height, number), b"r" * chance.randrange(60))
            layer.put(state_key("c.by_time", height, number), b"")
            if live_keys:
                key = state_key("a.status", f"{chance.randrange(live_keys)}")
                layer.delete(key) if chance.random() < 0.2 else layer.put(key, b"%d" % number)
        previous, writes = root, layer.writes()
        result = compute_state_root(SUITE, previous, writes, REGISTRY, store, live)
        root, live = result.root, result.live
        header = encode_header(header_of(height, identity, log.root(), root.hex()))
        identity = header_identity(SUITE, header)
        batch, items = Batch(), items_of(height)
        blocks.put_block(batch, height, header, items, [b"", b""])
        blocks.put_ids(batch, height, [(item.id, 1000 + height) for item in items])
        blocks.put_state(batch, writes, result.live_node_writes)
        blocks.put_history(batch, log.append(identity))
        blocks.put_chain_state(batch, b"facts at %d" % height)
        blocks.put_certificate(batch, height, b"certificate %d" % height)
        store.write(batch, durable=True)
        committed.apply(writes)
    computation = CheckpointComputation(SUITE, REGISTRY, store)
    computation.advance(1000)
    facts = SnapshotFacts(
        chain="test",
        height=heights,
        ids_from=max(1, heights - 3),
        checkpoint_root=computation.result.root,
        keys=computation.result.keys,
        previous_state_root=previous,
        delta_root=result.delta,
        live_root=live,
    )
    return facts, SnapshotTrust("test", heights, header, computation.result.root)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(snapshots_module, "CHUNK_BYTES", 4000)


def read_all(store, facts):
    """What a snapshot is to carry, from a store."""
    tip = facts.height.to_bytes(8, "big")
    kept = {table: dict(store.scan(table)) for table in (Table.STATE, Table.LIVE, Table.HISTORY, Table.META)}
    for table in (Table.HEADERS,):
        kept[table] = {tip: store.get(table, tip)}
    kept[Table.IDS] = dict(store.scan(Table.IDS, facts.ids_from.to_bytes(8, "big")))
    return kept


@pytest.mark.parametrize(("heights", "live_keys"), [(1, 30), (2, 1), (3, 0), (8, 200), (13, 30), (31, 2)])
def test_it_installs_equal_on_either_driver(tmp_path, small_chunks, heights, live_keys):
    store = RocksStore(tmp_path / "source")
    facts, trust = make_chain(store, heights, live_keys)
    store.checkpoint("tip")
    reader = store.open_checkpoint("tip")
    manifest = write_snapshot(reader, SUITE, facts, tmp_path / "snapshot")
    reader.close()
    assert heights < 8 or len(manifest.chunks) > 3
    snapshot = SnapshotReader(tmp_path / "snapshot", SUITE)
    assert snapshot.manifest == manifest
    for target in (MemoryStore(), RocksStore(tmp_path / "target")):
        install_snapshot(snapshot, SUITE, REGISTRY, trust, target)
        expected = read_all(store, facts)
        expected[Table.META] = expected[Table.META] | {b"begun": heights.to_bytes(8, "big")}
        assert read_all(target, facts) == expected
        assert BlockReader(target).begun() == heights
        assert sum(1 for table in (Table.BODIES, Table.RECEIPTS, Table.TRANSACTIONS) for _ in target.scan(table)) == 0
        blocks = BlockStore(target)
        assert (blocks.first(), blocks.tip(), blocks.chain_state()) == (heights, heights, b"facts at %d" % heights)
        with pytest.raises(RefusedError) as full:
            install_snapshot(snapshot, SUITE, REGISTRY, trust, target)
        assert full.value.code is Code.DATA_DIRECTORY_EXISTS
        target.close()
    store.close()


@pytest.fixture
def made(tmp_path, small_chunks):
    store = MemoryStore()
    facts, trust = make_chain(store, 11)
    return store, facts, trust, tmp_path / "snapshot"


def refused(directory, trust, step):
    """The snapshot is refused at ``step``, and nothing of it is installed."""
    target = MemoryStore()
    with pytest.raises(VerificationError) as error:
        install_snapshot(SnapshotReader(directory, SUITE), SUITE, REGISTRY, trust, target)
    assert error.value.code is Code.STORE_CORRUPT
    assert error.value.step == step, str(error.value)
    assert target.approximate_size() == 0
    return error.value


def test_a_second_one_of_that_name_is_refused(made):
    store, facts, _, directory = made
    write_snapshot(store, SUITE, facts, directory)
    with pytest.raises(RefusedError):
        write_snapshot(store, SUITE, facts, directory)


def test_every_flipped_byte_of_a_chunk_is_noticed(made):
    store, facts, trust, directory = made
    manifest = write_snapshot(store, SUITE, facts, directory)
    chance = random.Random(1)
    for index, chunk in enumerate(manifest.chunks):
        file = directory / f"{index:06}.chunk"
        good = file.read_bytes()
        for place in (0, chunk.bytes - 1, chance.randrange(chunk.bytes)):
            bad = bytearray(good)
            bad[place] ^= 1
            file.write_bytes(bad)
            assert refused(directory, trust, 2).member == file.name
        for bad in (good[:-1], good + b"x", b""):
            file.write_bytes(bad)
            refused(directory, trust, 2)
        file.unlink()
        refused(directory, trust, 2)
        file.symlink_to(directory / "manifest.json")
        refused(directory, trust, 2)
        file.unlink()
        file.write_bytes(good)
    verify_snapshot(SnapshotReader(directory, SUITE), SUITE, REGISTRY, trust)


def change(store, table, key, value):
    batch = Batch()
    batch.extend(table, [(key, value)])
    store.write(batch, durable=True)


def some_key(store, table, prefix=b""):
    return next(key for key, _ in store.scan(table, prefix))


TIP = (11).to_bytes(8, "big")
# A forger who makes a consistent manifest: what is altered, how, and the step that finds it.
FORGERIES = {
    "record altered": (4, lambda s: change(s, Table.STATE, some_key(s, Table.STATE, b"b.record/"), b"forged")),
    "record removed": (4, lambda s: change(s, Table.STATE, some_key(s, Table.STATE, b"b.record/"), None)),
    "record added": (4, lambda s: change(s, Table.STATE, b"b.record/x", b"forged")),
    "status altered": (4, lambda s: change(s, Table.STATE, some_key(s, Table.STATE, b"a.status/"), b"forged")),
    "namespace unknown": (4, lambda s: change(s, Table.STATE, b"x.y/z", b"forged")),
    "live node altered": (5, lambda s: change(s, Table.LIVE, some_key(s, Table.LIVE, b"\0\1"), b"\0" * 65)),
    "live node removed": (5, lambda s: change(s, Table.LIVE, some_key(s, Table.LIVE, b"\0\2"), None)),
    "last live node removed": (5, lambda s: change(s, Table.LIVE, next(s.scan(Table.LIVE, reverse=True))[0], None)),
    "live node added": (5, lambda s: change(s, Table.LIVE, b"\1\0" + bytes(32), b"\0" * 65)),
    "live root removed": (5, lambda s: change(s, Table.LIVE, b"\0\0", None)),
    "header altered": (6, lambda s: change(s, Table.HEADERS, TIP, encode_header(header_of(11)))),
    "header removed": (6, lambda s: change(s, Table.HEADERS, TIP, None)),
    "ids cut": (7, lambda s: change(s, Table.IDS, TIP, b"short")),
    "history node altered": (7, lambda s: change(s, Table.HISTORY, b"\1" + bytes(8), b"f" * 32)),
    "history leaf altered": (7, lambda s: change(s, Table.HISTORY, b"\0" + bytes(8), b"f" * 32)),
    "newest history leaf altered": (7, lambda s: change(s, Table.HISTORY, b"\0" + bytes(7) + b"\x0a", b"f" * 32)),
    "history node removed": (7, lambda s: change(s, Table.HISTORY, b"\0" + bytes(8), None)),
    "history node added": (7, lambda s: change(s, Table.HISTORY, b"\0" + bytes(7) + b"\x0b", b"f" * 32)),
    "history peak removed": (7, lambda s: change(s, Table.HISTORY, b"\3" + bytes(8), None)),
    "history level added": (7, lambda s: change(s, Table.HISTORY, b"\4" + bytes(8), b"f" * 32)),
    "facts removed": (8, lambda s: change(s, Table.META, b"chain", None)),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_consistent_forgery_is_refused(made, name):
    store, facts, trust, directory = made
    step, forge = FORGERIES[name]
    forge(store)
    write_snapshot(store, SUITE, facts, directory)
    refused(directory, trust, step)


@pytest.mark.parametrize("field", ["previous_state_root", "delta_root", "live_root"])
def test_the_three_roots_must_make_the_state_root(made, field):
    store, facts, trust, directory = made
    write_snapshot(store, SUITE, replace(facts, **{field: b"f" * 32}), directory)
    refused(directory, trust, 5)


def test_another_chain_height_or_root_is_refused(made):
    store, facts, trust, directory = made
    write_snapshot(store, SUITE, facts, directory)
    for other in (
        replace(trust, chain="other"),
        replace(trust, height=12),
        replace(trust, checkpoint_root=b"f" * 32),
    ):
        refused(directory, other, 1)


def test_a_wrong_count_of_keys_is_refused(made):
    store, facts, trust, directory = made
    write_snapshot(store, SUITE, replace(facts, keys=facts.keys + 1), directory)
    refused(directory, trust, 4)


def rewrite(directory, index, data, entries=None):
    """Replace a chunk and make the manifest agree."""
    (directory / f"{index:06}.chunk").write_bytes(data)
    manifest = SnapshotReader(directory, SUITE).manifest
    facts = manifest.chunks[index]
    chunk = msgspec.structs.replace(
        facts, bytes=len(data), digest=SUITE.digest(data).hex(), entries=entries or facts.entries
    )
    chunks = (*manifest.chunks[:index], chunk, *manifest.chunks[index + 1 :])
    (directory / "manifest.json").write_bytes(encode_struct(msgspec.structs.replace(manifest, chunks=chunks)))


def entry(table, key, value):
    return struct.pack(">BI", table, len(key)) + key + struct.pack(">I", len(value)) + value


@pytest.mark.parametrize(
    ("data", "step"),
    [
        (lambda good: good[:-1], 3),
        (lambda good: good + b"\0", 3),
        (lambda good: good + b"\0\xff\xff\xff\xff", 3),
        (lambda good: good + entry(Table.BODIES, b"k", b"v"), 3),
        (lambda good: good + entry(200, b"k", b"v"), 3),
        (lambda good: good + good, 3),
        (lambda good: entry(Table.STATE, b"zzzz", b"") + good, 3),  # out of order: the chunk begins in a later table
        (lambda good: good + entry(Table.META, b"zzz", b""), 8),
        (lambda good: entry(Table.CERTIFICATES, b"\0", b"") + good, 6),
    ],
)
def test_malformed_chunks_are_refused(made, data, step):
    store, facts, trust, directory = made
    manifest = write_snapshot(store, SUITE, facts, directory)
    last = len(manifest.chunks) - 1
    file = directory / f"{last:06}.chunk"
    rewrite(directory, last, data(file.read_bytes()))
    refused(directory, trust, step)


def test_a_wrong_number_of_entries_is_refused(made):
    store, facts, trust, directory = made
    manifest = write_snapshot(store, SUITE, facts, directory)
    last = len(manifest.chunks) - 1
    rewrite(directory, last, (directory / f"{last:06}.chunk").read_bytes(), manifest.chunks[last].entries + 1)
    refused(directory, trust, 2)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"x", b"[]", b" " * 100])
def test_a_manifest_that_is_none_is_refused(made, content):
    store, facts, trust, directory = made
    write_snapshot(store, SUITE, facts, directory)
    good = (directory / "manifest.json").read_bytes()
    if content is None:
        (directory / "manifest.json").unlink()
    else:
        (directory / "manifest.json").write_bytes(content)
    refused(directory, trust, 1)
    (directory / "manifest.json").unlink(missing_ok=True)
    (directory / "manifest.json").write_bytes(b" " + good)
    refused(directory, trust, 1)


def test_another_suite_is_refused(made):
    store, facts, _, directory = made
    write_snapshot(store, SUITE, facts, directory)
    with pytest.raises(VerificationError):
        SnapshotReader(directory, get_suite("international"))


def test_what_was_begun_is_removed(made):
    store, facts, _, directory = made

    class Failing:
        def scan(self, table, start=b"", end=None):
            yield from store.scan(table, start, end)
            if table is Table.LIVE:
                raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_snapshot(Failing(), SUITE, facts, directory)
    assert list(directory.parent.iterdir()) == []
    write_snapshot(store, SUITE, facts, directory)
