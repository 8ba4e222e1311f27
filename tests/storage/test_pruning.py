"""Pruning removes what verified archives hold and nothing else; mounted archives serve it again; crashes do no harm."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.state import Batch, Table
from govchain.storage import BlockReader, BlockStore, RocksStore
from govchain.storage.archive_mounts import Mount, MountedArchives, decode_mounts, load_mounts, save_mounts
from govchain.storage.blocks import height_key
from govchain.storage.pruning import prune_blocks, prune_limit, replay_floor, uncertified_floor
from tests.consensus.kit import Node, contents
from tests.ledger.kit import Kit
from tests.storage.archive_kit import archive, found, grow, trusted

BLOCKS = 150


@pytest.fixture(scope="module")
def kit():
    return Kit(limits={"expiry_ms_max": 30_000})


@pytest.fixture
def node(kit, tmp_path):
    """A chain whose first blocks are archived; the replay window covers the last thirty."""
    made = grow(Node(kit), 60)
    archive(tmp_path / "archive", made, last=40, blocks_max=10)
    yield made
    made.application.close()


def fingerprint_of(kit):
    return trusted(kit).genesis[0]


def prune(node, tmp_path, limit, **options):
    archives = found(tmp_path / "archive")
    options = {"lock": node.application.lock, "genesis": fingerprint_of(node.kit), **options}
    return prune_blocks(node.store, archives, limit, **options)


def mounted(node, tmp_path):
    mounts = [
        Mount(facts.digest, facts.manifest.first, facts.manifest.last, str(facts.path))
        for facts in found(tmp_path / "archive")
    ]
    return MountedArchives(None, fingerprint_of(node.kit), mounts)


def test_contents_go_and_everything_that_proofs_need_stays(node, tmp_path):
    before = contents(node.store)
    pruned = prune(node, tmp_path, 25)
    assert (pruned.first, pruned.last, pruned.blocks, len(pruned.files)) == (1, 25, 25, 3)
    after = contents(node.store)
    blocks = node.application.blocks
    assert (blocks.pruned(), blocks.oldest(), blocks.first()) == (25, 26, 1)
    gone = {height_key(height) for height in range(1, 26)}
    for table in Table:
        if table in (Table.BODIES, Table.RECEIPTS, Table.CERTIFICATES):
            assert after[table] == {key: value for key, value in before[table].items() if key not in gone}
        elif table is not Table.META:
            assert after[table] == before[table]
    # The chain goes on, and starts again.
    grow(node, 2)
    again = node.again()
    grow(again, 1)
    assert again.application.chain.height == 63


def test_what_is_gone_is_named_with_its_archive(node, tmp_path):
    prune(node, tmp_path, 25)
    blocks = node.application.blocks
    for read in (blocks.envelopes, blocks.receipts):
        for height, name in ((1, "archive-000000000001-000000000010.gca"),
                             (25, "archive-000000000021-000000000030.gca")):  # fmt: skip
            with pytest.raises(RefusedError) as caught:
                read(height)
            assert caught.value.code is Code.BLOCK_ARCHIVED
            assert caught.value.params == {"height": height, "path": name}
            assert name in caught.value.text("zh")
            assert name in caught.value.text("en")
        assert read(26)
    assert blocks.certificate(25) is None


def test_mounted_archives_serve_it_again(node, tmp_path):
    blocks = node.application.blocks
    whole = [(blocks.envelopes(n), blocks.receipts(n), blocks.certificate(n)) for n in range(1, 61)]
    prune(node, tmp_path, 25)
    archives = mounted(node, tmp_path)
    blocks.archives = archives
    assert blocks.oldest() == 1
    assert [(blocks.envelopes(n), blocks.receipts(n), blocks.certificate(n)) for n in range(1, 61)] == whole
    with pytest.raises(RefusedError) as caught:
        blocks.envelopes(61)
    assert caught.value.code is Code.NOT_FOUND
    # A file that is away is as if it were not mounted; the others serve on.
    archives.close()
    (tmp_path / "archive" / "archive-000000000011-000000000020.gca").unlink()
    assert blocks.envelopes(10)
    assert blocks.oldest() == 21
    with pytest.raises(RefusedError) as caught:
        blocks.envelopes(11)
    assert caught.value.code is Code.BLOCK_ARCHIVED
    archives.close()


def test_a_store_without_early_blocks_reads_them_from_archives(node, tmp_path):
    """As a node that began from a snapshot: neither places nor contents of early blocks are here."""
    id_, place = next((key, value) for key, value in node.store.scan(Table.TRANSACTIONS) if value[7] == 3)
    batch = Batch()
    for height in range(1, 41):
        for table in (Table.HEADERS, Table.BODIES, Table.RECEIPTS, Table.CERTIFICATES):
            batch.delete(table, height_key(height))
    batch.delete(Table.TRANSACTIONS, id_)
    node.store.write(batch, durable=True)
    blocks = BlockReader(node.store)
    assert blocks.oldest() == 41
    assert blocks.location(id_) is None
    blocks.archives = mounted(node, tmp_path)
    assert blocks.oldest() == 1
    assert blocks.location(id_) == (3, int.from_bytes(place[8:], "big"))
    assert blocks.receipts(3)
    blocks.archives.close()


def test_nothing_goes_that_no_archive_holds(node, tmp_path):
    assert prune(node, tmp_path, 60).last == 40
    assert prune(node, tmp_path, 60).blocks == 0
    assert node.application.blocks.pruned() == 40


def test_a_gap_between_archives_ends_pruning(node, tmp_path):
    (tmp_path / "archive" / "archive-000000000021-000000000030.gca").unlink()
    assert prune(node, tmp_path, 60).last == 20
    assert prune(node, tmp_path, 60).blocks == 0


def test_an_unsound_archive_prunes_nothing(node, tmp_path):
    path = tmp_path / "archive" / "archive-000000000011-000000000020.gca"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    before = contents(node.store)
    with pytest.raises(GovChainError) as caught:
        prune(node, tmp_path, 35)
    assert caught.value.code is Code.ARCHIVE_ALTERED
    assert caught.value.params["path"] == path.name
    assert contents(node.store) == before


def test_archives_of_another_past_prune_nothing(node, tmp_path, kit):
    """A chain of the same genesis with other blocks: a fork, or what an old key could make."""
    other = grow(Node(kit), 40)
    shutil.rmtree(tmp_path / "archive")
    archive(tmp_path / "archive", other)
    other.application.close()
    before = contents(node.store)
    with pytest.raises(GovChainError) as caught:
        prune(node, tmp_path, 35)
    assert (caught.value.code, caught.value.params["height"]) == (Code.ARCHIVE_ALTERED, 1)
    assert contents(node.store) == before


def test_archives_of_another_chain_are_left_aside(node, tmp_path):
    stranger = grow(Node(Kit()), 3)
    archive(tmp_path / "archive", stranger)
    stranger.application.close()
    assert prune(node, tmp_path, 15).last == 15


def test_pruning_that_is_ended_goes_on_later(node, tmp_path, kit):
    calls = []

    def pulse():
        calls.append(1)
        if len(calls) > 1:
            raise UnavailableError(Code.NODE_STOPPING)

    with pytest.raises(UnavailableError):
        prune(node, tmp_path, 25, pulse=pulse)
    assert node.application.blocks.pruned() == 0
    assert prune(node, tmp_path, 25).blocks == 25


def test_floors(node, kit):
    blocks = node.application.blocks
    # The window covers forty blocks, a second each: an expiry of thirty seconds, and a bucket of ten.
    assert replay_floor(blocks, node.store) == 20
    assert uncertified_floor(blocks, 100) == 60
    batch = Batch()
    batch.delete(Table.CERTIFICATES, height_key(17))
    node.store.write(batch, durable=True)
    assert uncertified_floor(blocks, 100) == 16
    assert prune_limit({"retain": 40, "peers": 12, "certificates": 16}) == prune_limit({"peers": 12, "retain": 90})
    assert prune_limit({"retain": -5}).height == 0


def test_the_list_of_mounts_is_seen_when_it_changes(node, tmp_path):
    prune(node, tmp_path, 25)
    file = tmp_path / "mounts.json"
    blocks = node.application.blocks
    blocks.archives = MountedArchives(file, fingerprint_of(node.kit))
    with pytest.raises(RefusedError):
        blocks.envelopes(3)
    mounts = [
        Mount(facts.digest, facts.manifest.first, facts.manifest.last, str(facts.path))
        for facts in found(tmp_path / "archive")
    ]
    save_mounts(file, mounts)
    assert load_mounts(file) == tuple(mounts)
    assert blocks.envelopes(3)
    # Another file under the name is not believed.
    wrong = [Mount("00" * 32, mount.first, mount.last, mount.path) for mount in mounts]
    save_mounts(file, wrong)
    with pytest.raises(RefusedError):
        blocks.envelopes(3)
    save_mounts(file, [])
    with pytest.raises(RefusedError):
        blocks.envelopes(3)
    for bad in (b"", b"{}", b'{"format":"govchain-mounts/9","mounts":[]}'):
        with pytest.raises(GovChainError):
            decode_mounts(bad)


def test_damage_behind_a_mount_is_never_served(node, tmp_path):
    prune(node, tmp_path, 25)
    blocks = node.application.blocks
    wanted = blocks.header(3)
    assert wanted
    path = tmp_path / "archive" / "archive-000000000001-000000000010.gca"
    blocks.archives = mounted(node, tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(GovChainError) as caught:
        blocks.envelopes(3)
    assert caught.value.code is Code.ARCHIVE_ALTERED


CHILD = """
import sys
from pathlib import Path
from govchain.storage import BlockStore, RocksStore
from govchain.storage.archives import list_archives
from govchain.storage.pruning import prune_blocks
import threading
store = RocksStore(Path(sys.argv[1]))
archives = [one.archive for one in list_archives(Path(sys.argv[2]))]
print("ready", flush=True)
def pulse():
    print(BlockStore(store).pruned(), flush=True)
prune_blocks(store, archives, 10_000, lock=threading.Lock(), genesis=sys.argv[3], pulse=pulse)
print("done", flush=True)
"""


@pytest.mark.parametrize("lines", [4, 5, 6])
def test_a_kill_in_the_middle_leaves_a_store_that_needs_no_repair(kit, tmp_path, lines):
    store = RocksStore(tmp_path / "store")
    made = grow(Node(kit, store), BLOCKS)
    archive(tmp_path / "archive", made)
    blocks = made.application.blocks
    whole = {height: (blocks.envelopes(height), blocks.receipts(height)) for height in range(1, BLOCKS + 1)}
    made.application.close()
    store.close()
    arguments = [str(tmp_path / "store"), str(tmp_path / "archive"), fingerprint_of(kit)]
    with subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True) as child:
        for _ in range(lines):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            child.stdout.read()
    store = RocksStore(tmp_path / "store")
    after = Node(kit, store)
    blocks = BlockStore(store)
    pruned = blocks.pruned()
    for height in range(1, BLOCKS + 1):
        if height <= pruned:
            assert store.get(Table.BODIES, height_key(height)) is None
            assert blocks.archive_note(height).name == found(tmp_path / "archive")[0].path.name
        else:
            assert (blocks.envelopes(height), blocks.receipts(height)) == whole[height]
    prune_blocks(store, found(tmp_path / "archive"), BLOCKS, lock=threading.Lock(), genesis=fingerprint_of(kit))
    assert blocks.pruned() == BLOCKS
    after.application.close()
    store.close()
