"""Archives of a directory: what the doctor, backups and the index make of a pruned one; memory."""

import shutil
import tracemalloc
from pathlib import Path

import pytest

from govchain.index.database import IndexDatabase, database_url
from govchain.model import Code, GovChainError
from govchain.node.embedded import open_embedded
from govchain.node.settings import Settings
from govchain.ops import archive
from govchain.ops.backup import create_backup, restore_backup, verify_backup
from govchain.proof.trust import TrustAnchors
from govchain.services.indexing import rebuild_index
from govchain.storage import BlockReader, DataDirectory
from tests.consensus.kit import Node
from tests.ledger.kit import Kit
from tests.node.kit import SMALL, Hands, copy_chain, make_chain
from tests.ops.kit import NOW, START, examine, parts
from tests.storage.archive_kit import archive as archive_node
from tests.storage.archive_kit import found, grow, trusted, verify

BLOCKS = 45
SETTINGS = Settings({"index": False})


@pytest.fixture(scope="module")
def grown(tmp_path_factory, actor):
    """A block every twenty seconds: the replay window covers the last thirty; archives of all of them beside it."""
    folder = tmp_path_factory.mktemp("grown")
    path = make_chain(folder / "data", actor, now=START)
    hands = Hands(path, START)
    for number in range(1, BLOCKS + 1):
        now = START + number * 20_000
        hands.block(actor.put(now=now), at=now)
    hands.close()
    archive.create_archives(path, folder / "archive", now=NOW, blocks_max=5)
    return folder


@pytest.fixture
def both(grown, tmp_path):
    """A copy of it, pruned as far as it may be, and of its archives."""
    path, root = copy_chain(grown / "data", tmp_path / "data"), tmp_path / "archive"
    shutil.copytree(grown / "archive", root)
    result = archive.prune_directory(path, root, keep=4, settings=SETTINGS)
    assert (result.pruned.first, result.pruned.last, result.limit.by) == (1, result.height, "replay")
    assert result.height >= 10
    return path, root


def names(report):
    return sorted(finding.name for finding in report.findings)


def test_a_pruned_directory_is_sound_with_its_archives_and_without(both):
    path, root = both
    report = examine(path)
    assert report.clean, parts(report)
    assert "state" not in report.checks  # not every block is here to be executed again
    archive.mount_archives(path, root)
    report = examine(path)
    assert report.clean, parts(report)
    assert {"state", "archives"} <= set(report.checks)


def test_the_doctor_names_what_is_wrong_with_archives(both):
    path, root = both
    archive.mount_archives(path, root)
    files = sorted(root.glob("*.gca"))
    damaged = bytearray(files[3].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    files[3].write_bytes(damaged)
    report = examine(path)
    assert "archives.archive-altered" in names(report)
    assert any(files[3].name in finding.part for finding in report.findings)
    shutil.copy(files[4], files[3])
    assert set(names(examine(path, replay=False))) >= {"archives.archive-altered"}
    files[3].unlink()
    assert "archives.file-unreadable" in names(examine(path, replay=False))
    (path / "mounts.json").write_text("{}")
    assert "mounts.archive-invalid" in names(examine(path, replay=False))


def test_the_folder_of_the_settings_is_looked_at(both, tmp_path):
    path, root = both
    (path / "node.toml").write_text(f'archive_to = "{root}"\n')
    assert examine(path).clean
    files = sorted(root.glob("*.gca"))
    files[2].unlink()
    files[5].write_bytes(b"govchain-archive/9\n")
    assert names(examine(path, replay=False)) == ["archives.archive-gap", "archives.archive-gap",
                                                  "archives.archive-newer"]  # fmt: skip


def test_a_backup_of_a_pruned_directory_is_proved_with_its_archives(both, tmp_path):
    path, root = both
    made = create_backup(path, tmp_path / "backups", now=NOW)
    with pytest.raises(GovChainError) as caught:
        verify_backup(made.path)
    assert caught.value.code is Code.BLOCK_ARCHIVED
    assert verify_backup(made.path, archives=[root]).manifest.height == BLOCKS
    restored = restore_backup(made.path, tmp_path / "restored", archives=[root])
    with DataDirectory(restored.path, read_only=True) as directory:
        store = directory.open_reader()
        blocks = BlockReader(store)
        assert (blocks.pruned(), blocks.oldest()) == (0, 1)
        assert blocks.envelopes(1)
        assert blocks.certificate(1)
        store.close()


def test_an_index_is_not_thrown_away_when_it_could_not_be_made_again(both):
    path, root = both
    database = IndexDatabase(database_url("", path))
    with open_embedded(path, read_only=True, options=SMALL) as node:
        with pytest.raises(GovChainError) as caught:
            rebuild_index(node.application, database)
        assert caught.value.code is Code.BLOCK_ARCHIVED
        archive.mount_archives(path, root)
        assert rebuild_index(node.application, database).height == BLOCKS
    database.close()


def test_an_index_that_is_behind_is_waited_for(grown, tmp_path):
    path = copy_chain(grown / "data", tmp_path / "data")
    database = IndexDatabase(database_url("", path))
    with open_embedded(path, read_only=True, options=SMALL) as node:
        rebuild_index(node.application, database)
    database.close()
    limit = archive.prune_directory(path, grown / "archive", keep=4, settings=Settings()).limit
    assert limit.by == "replay"


def test_archives_are_made_again_from_mounted_ones(both, tmp_path):
    path, root = both
    with pytest.raises(GovChainError) as caught:
        archive.create_archives(path, tmp_path / "other", now=NOW, last=3)
    assert caught.value.code is Code.USAGE or caught.value.code is Code.BLOCK_ARCHIVED
    archive.mount_archives(path, root)
    made = archive.create_archives(path, tmp_path / "again", now=NOW)
    assert (made[0].manifest.first, made[-1].manifest.last) == (1, BLOCKS)
    genesis = made[0].manifest.genesis
    assert archive.verify_archive([tmp_path / "again"], TrustAnchors(genesis=(genesis,))).trusted


def test_a_node_goes_on_after_pruning(both, actor):
    path, _ = both
    hands = Hands(path, START)
    hands.now = hands.application.chain.time
    hands.block(actor.put(now=hands.now + 1000), at=hands.now + 1000)
    assert hands.application.chain.height == BLOCKS + 1
    assert hands.application.certified_height == BLOCKS + 1
    assert hands.application.finality.missing(10) == []
    assert hands.application.blocks.certificate(1) is None
    hands.close()
    assert examine(path, now=NOW + 3_600_000).clean


def test_memory_is_bounded_by_one_file(tmp_path):
    node = grow(Node(Kit()), 1_200, step=10)
    told: list[tuple[int, int]] = []
    tracemalloc.start()
    archive_node(tmp_path / "archive", node, blocks_max=300, progress=lambda done, total: told.append((done, total)))
    verify(tmp_path / "archive", trusted(node.kit), progress=lambda done, total: told.append((done, total)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    node.application.close()
    size = sum(facts.size for facts in found(tmp_path / "archive"))
    assert told[-1] == (1_200, 1_200)
    assert [done for done, _ in told] == [*range(50, 1_201, 50)] * 2
    print(f"archives of {size} bytes, peak {peak}")
    assert peak < size
    assert Path(found(tmp_path / "archive")[-1].path).name == "archive-000000000901-000000001200.gca"
