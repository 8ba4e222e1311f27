"""Archives: written beside a chain, verified on their own, and refused for every defect, naming file and block."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import msgspec
import pytest

from govchain.consensus import Certifier
from govchain.crypto import get_suite
from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.proof.certificates import decode_certificate, encode_certificate
from govchain.proof.genesis import encode_genesis
from govchain.proof.headers import decode_header, encode_header, header_identity
from govchain.proof.trust import TrustAnchors
from govchain.state import Batch, Table
from govchain.storage import RocksStore
from govchain.storage.archive_files import (
    ArchiveReader,
    archive_name,
    decode_archive_manifest,
    decode_archived_block,
    encode_archived_block,
)
from govchain.storage.archives import list_archives, locked_archives
from govchain.storage.blocks import height_key
from tests.consensus.kit import Node
from tests.ledger.kit import Kit, new_account
from tests.storage.archive_kit import BLOCKS, NOBODY, archive, blocks_of, found, grow, rewrite, trusted, verify
from tests.storage.faults import small_disk


@pytest.fixture(scope="module")
def kit():
    return Kit()


@pytest.fixture(scope="module")
def chain(kit):
    """A chain of some blocks, never to be changed."""
    node = grow(Node(kit), BLOCKS)
    yield node
    node.application.close()


@pytest.fixture(scope="module")
def written(chain, tmp_path_factory):
    """Its archive in files of five blocks, never to be changed."""
    root = tmp_path_factory.mktemp("archive")
    archive(root, chain, blocks_max=5)
    return root


@pytest.fixture
def files(written, tmp_path):
    """A copy to damage."""
    return shutil.copytree(written, tmp_path / "archive")


def refused(root, **options):
    with pytest.raises(GovChainError) as caught:
        verify(root, **options)
    error = caught.value
    return error.code, error.params.get("path"), error.params.get("height"), error.params.get("reason")


def test_files_hold_every_block_and_verify_on_their_own(chain, written, kit):
    blocks = chain.application.blocks
    names = [facts.path.name for facts in found(written)]
    assert names == [archive_name(1, 5), archive_name(6, 10), archive_name(11, 15), archive_name(16, 20),
                     archive_name(21, 23)]  # fmt: skip
    height = 0
    for facts in found(written):
        for block in blocks_of(facts.path):
            height += 1
            assert block.header == blocks.header(height)
            assert block.envelopes == blocks.envelopes(height)
            assert block.receipts == blocks.receipts(height)
            assert block.certificate == blocks.certificate(height)
    assert height == BLOCKS
    verdict = verify(written, trusted(kit))
    assert (verdict.first, verdict.last, verdict.by) == (1, BLOCKS, "genesis")
    assert verdict.identity == chain.application.chain.identity.hex()
    assert verdict.transactions == sum(number % 3 + 1 for number in range(BLOCKS))


def test_only_what_is_trusted_vouches(written, chain):
    blocks = chain.application.blocks
    assert verify(written).by == ""
    assert not verify(written).trusted
    assert verify(written, TrustAnchors(genesis=("11" * 32,))).by == ""
    inside = TrustAnchors(headers=(blocks.header(12),))
    assert verify(written, inside).by == "header 12"
    later = written / archive_name(11, 15)
    # A file in the middle needs a header of its own, or the one before it.
    assert verify(later, TrustAnchors(genesis=(found(written)[0].manifest.genesis,))).by == ""
    assert verify(later, TrustAnchors(headers=(blocks.header(10),))).by == "header 10"
    assert verify(later, own_header=blocks.header).by == "node"
    assert verify(later, own_header=lambda height: None).by == ""


def test_more_blocks_go_into_further_files(kit, tmp_path):
    node = grow(Node(kit), 4)
    assert [facts.manifest.last for facts in archive(tmp_path, node, last=3)] == [3]
    assert [facts.manifest.last for facts in archive(tmp_path, node)] == [4]
    assert archive(tmp_path, node) == []
    grow(node, 2)
    (made,) = archive(tmp_path, node)
    assert (made.manifest.first, made.manifest.last) == (5, 6)
    assert verify(tmp_path, trusted(kit)).last == 6
    node.application.close()


def test_every_changed_byte_is_noticed_and_its_file_named(kit, tmp_path):
    node = grow(Node(kit), 2)
    (made,) = archive(tmp_path, node)
    node.application.close()
    data = made.path.read_bytes()
    for at in range(0, len(data), 13):
        changed = bytearray(data)
        changed[at] ^= 1
        made.path.write_bytes(changed)
        code, path, _, _ = refused(tmp_path)
        assert code in (Code.ARCHIVE_INVALID, Code.ARCHIVE_ALTERED, Code.ARCHIVE_NEWER), at
        assert path == made.path.name
    for size in (0, 10, 19, 500, len(data) // 2, len(data) - 1):
        made.path.write_bytes(data[:size])
        assert refused(tmp_path)[0] is Code.ARCHIVE_INVALID
    made.path.write_bytes(data + b"\0")
    assert refused(tmp_path)[0] is Code.ARCHIVE_INVALID
    made.path.write_bytes(data)
    verify(tmp_path)


def test_a_changed_byte_names_its_block(files):
    path = files / archive_name(6, 10)
    data = path.read_bytes()
    for height, block in enumerate(blocks_of(path), 6):
        for part in (block.header, block.envelopes[0], block.receipts[-1], block.certificate):
            changed = bytearray(data)
            changed[data.index(part) + len(part) // 2] ^= 1
            path.write_bytes(changed)
            assert refused(files)[:3] == (Code.ARCHIVE_ALTERED, path.name, height)


@pytest.mark.requirement("GD.architecture.consensus.03")
def test_a_rewritten_old_block_is_refused_naming_it(files, kit):
    """Rewritten with digests, roots and even the member's own signature: the next block still names the old one."""
    path = files / archive_name(6, 10)
    suite = get_suite("gm")
    certifier = Certifier(suite, kit.member.signer)

    def forge(blocks):
        old = blocks[2]
        header = msgspec.structs.replace(decode_header(old.header), time=decode_header(old.header).time + 1)
        data = encode_header(header)

        signers = decode_certificate(old.certificate).set
        certificate = certifier.certify(header, header_identity(suite, data), signers)
        blocks[2] = replace(old, header=data, certificate=certificate)

    rewrite(path, kit.genesis, forge)
    code, name, height, reason = refused(files)
    assert (code, name, height) == (Code.ARCHIVE_ALTERED, path.name, 9)
    assert "continue" in reason
    # Whoever knows the true chain is told the block itself.
    assert refused(files, anchors=NOBODY)[2] == 9


def test_what_differs_from_the_node_is_named(files, kit, chain):
    blocks = chain.application.blocks
    other = grow(Node(kit), BLOCKS)
    code, _, height, reason = refused(files, own_header=other.application.blocks.header)
    assert (code, height, reason) == (Code.ARCHIVE_ALTERED, 1, "not the block of this node")
    other.application.close()
    wrong = encode_header(msgspec.structs.replace(decode_header(blocks.header(8)), time=1))
    assert refused(files, anchors=TrustAnchors(headers=(wrong,)))[2:] == (8, "not the trusted block")


@pytest.mark.parametrize(
    ("defect", "height"),
    [
        (lambda blocks: blocks.pop(1), 7),
        (lambda blocks: blocks.insert(2, blocks[1]), 8),
        (lambda blocks: blocks.__setitem__(1, replace(blocks[1], certificate=blocks[2].certificate)), 7),
        (lambda blocks: blocks.__setitem__(3, replace(blocks[3], receipts=blocks[3].receipts[:-1])), 9),
        (lambda blocks: blocks.__setitem__(0, replace(blocks[0], envelopes=blocks[1].envelopes)), 6),
        (lambda blocks: blocks.__setitem__(4, replace(blocks[4], certificate=b"")), 10),
    ],
    ids=["left out", "twice", "another's certificate", "receipt left out", "other envelopes", "no last certificate"],
)  # fmt: skip
def test_forged_files_are_refused(files, kit, defect, height):
    made = rewrite(files / archive_name(6, 10), kit.genesis, defect)
    assert refused(made)[:3] == (Code.ARCHIVE_ALTERED, made.name, height)
    assert refused(files)[0] in (Code.ARCHIVE_ALTERED, Code.ARCHIVE_GAP)


def test_a_certificate_of_somebody_else_is_refused(files, kit):
    stranger = Certifier(get_suite("gm"), new_account().signer)
    path = files / archive_name(1, 5)

    def forge(blocks):

        header, old = decode_header(blocks[4].header), decode_certificate(blocks[4].certificate)
        identity = header_identity(get_suite("gm"), blocks[4].header)
        assert encode_certificate(old) == blocks[4].certificate
        blocks[4] = replace(blocks[4], certificate=stranger.certify(header, identity, old.set))

    rewrite(path, kit.genesis, forge)
    assert refused(files)[2] == 5


def test_a_missing_file_in_the_middle_is_named(files, chain, kit):
    (files / archive_name(11, 15)).unlink()
    with pytest.raises(GovChainError) as caught:
        verify(files, trusted(kit))
    assert caught.value.code is Code.ARCHIVE_GAP
    assert caught.value.params["reason"] == "blocks 11 to 15 missing"


def test_a_second_file_of_the_same_blocks_is_refused(files, chain, tmp_path):
    (other,) = archive(tmp_path / "other", chain, last=12)
    shutil.copy(other.path, files / "archive-copy.gca")
    assert refused(files)[0] is Code.ARCHIVE_GAP


def test_archives_of_another_chain_are_told_apart(files, kit):
    node = grow(Node(Kit()), 2)
    (other,) = archive(files, node)  # beside the first chain's: it begins at its own block 1
    assert other.manifest.first == 1
    assert refused(files)[0] is Code.ARCHIVE_FOREIGN
    only = files / archive_name(6, 10)
    assert refused(only, genesis=other.manifest.genesis)[:2] == (Code.ARCHIVE_FOREIGN, only.name)
    assert verify(only, genesis=trusted(kit).genesis[0]).first == 6
    node.application.close()


def test_a_store_whose_past_was_rewritten_is_not_archived(kit, tmp_path):
    node = grow(Node(kit), 6)
    (body,) = [value for key, value in node.store.scan(Table.BODIES) if key == height_key(2)]

    batch = Batch()
    batch.put(Table.BODIES, height_key(4), body)
    node.store.write(batch, durable=True)
    with pytest.raises(UnavailableError) as caught:
        archive(tmp_path, node)
    assert caught.value.code is Code.STORE_CORRUPT
    assert caught.value.params["path"] == "blocks/4"
    assert [one.name for one in tmp_path.iterdir()] == [".lock"]
    node.application.close()


def test_archives_that_end_with_another_block_are_not_continued(kit, tmp_path):
    node, other = grow(Node(kit), 3), grow(Node(kit), 5)
    archive(tmp_path, node)
    with pytest.raises(GovChainError) as caught:
        archive(tmp_path, other)
    assert (caught.value.code, caught.value.params["height"]) == (Code.ARCHIVE_ALTERED, 3)
    node.application.close()
    other.application.close()


def test_a_full_disk_leaves_no_half_file(chain, tmp_path):
    with small_disk(tmp_path / "disk", 48 * 1024) as disk:
        with pytest.raises(UnavailableError) as caught:
            archive(disk / "archive", chain)
        assert caught.value.code is Code.DISK_FULL
        assert [one.name for one in (disk / "archive").iterdir()] == [".lock"]
        # What fits is whole.
        archive(disk / "archive", chain, last=2)
        assert verify(disk / "archive").last == 2


def test_one_process_at_a_time(chain, tmp_path):
    with locked_archives(tmp_path), pytest.raises(RefusedError) as caught:
        archive(tmp_path, chain)
    assert caught.value.code is Code.ARCHIVE_RUNNING


def test_what_a_crash_left_is_swept_and_never_taken_for_one(chain, tmp_path):
    (tmp_path / ".making-1.gca").write_bytes(b"half")
    assert list_archives(tmp_path) == []
    archive(tmp_path, chain, last=3)
    assert sorted(one.name for one in tmp_path.iterdir()) == [".lock", archive_name(1, 3)]


def test_work_that_is_ended_leaves_finished_files_only(chain, tmp_path):
    stopping = threading.Event()

    def pulse():
        if any(tmp_path.glob("*.gca")):
            raise UnavailableError(Code.NODE_STOPPING)

    with pytest.raises(UnavailableError):
        archive(tmp_path, chain, blocks_max=10, pulse=pulse, progress=lambda done, total: stopping.set())
    assert [one.name for one in sorted(tmp_path.glob("*.gca"))] in (
        [archive_name(1, 10)],
        [archive_name(1, 10), archive_name(11, 20)],
    )
    archive(tmp_path, chain)
    assert verify(tmp_path).last == BLOCKS


def test_blocks_and_places_are_found_by_height_and_id(chain, written):
    blocks = chain.application.blocks
    facts = found(written)[1]
    with ArchiveReader(facts.path) as reader:
        for height in (10, 6, 8, 8):
            assert reader.block(height).envelopes == blocks.envelopes(height)
        seen = 0
        for id_, place in chain.store.scan(Table.TRANSACTIONS):
            expected = (
                blocks.location(id_) if facts.manifest.first <= blocks.location(id_)[0] <= facts.manifest.last else None
            )
            assert place
            assert reader.location(id_) == expected
            seen += expected is not None
        assert seen == facts.manifest.transactions
        assert reader.location(bytes(32)) is None
        assert reader.location(b"\xff" * 32) is None


def test_a_later_format_is_named(files):
    path = files / archive_name(1, 5)
    path.write_bytes(path.read_bytes().replace(b"govchain-archive/1\n", b"govchain-archive/2\n", 1))
    assert refused(files)[:2] == (Code.ARCHIVE_NEWER, path.name)


def test_links_and_folders_are_no_archives(files, tmp_path):
    path = files / archive_name(1, 5)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert refused(files)[0] is Code.FILE_UNREADABLE
    path.unlink()
    os.mkfifo(path)
    assert refused(files)[0] is Code.FILE_UNREADABLE


def test_decoders_take_one_encoding_only():
    for data in (b"", b"\x90", b"\x94\xc4\x00\x90\x90\xc4\x00\x00", b"\x94\xc5\x00\x00\x90\x90\xc4\x00"):
        with pytest.raises(GovChainError):
            decode_archived_block(data)
    assert (
        encode_archived_block(decode_archived_block(b"\x94\xc4\x00\x90\x90\xc4\x00")) == b"\x94\xc4\x00\x90\x90\xc4\x00"
    )
    with pytest.raises(GovChainError):
        decode_archive_manifest(b"{}")


CHILD = """
import os, signal, sys
from pathlib import Path
from govchain.proof.genesis import decode_genesis
from govchain.storage import BlockReader, RocksReader
from govchain.storage.archives import write_archives
root = Path(sys.argv[2])
def progress(done, total):
    print(done, flush=True)
    if done >= 100:
        os.kill(os.getpid(), signal.SIGKILL)
genesis = decode_genesis(Path(sys.argv[3]).read_bytes())
blocks = BlockReader(RocksReader(Path(sys.argv[1])))
write_archives(root, blocks, genesis, created=1, software="test", blocks_max=70, progress=progress)
"""


def test_a_kill_in_the_middle_leaves_finished_files_only(kit, tmp_path):
    store = RocksStore(tmp_path / "store")
    node = grow(Node(kit, store), 120)
    (tmp_path / "genesis.json").write_bytes(encode_genesis(kit.genesis))
    store.sync()
    arguments = [str(tmp_path / name) for name in ("store", "archive", "genesis.json")]
    done = subprocess.run([sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = sorted(one.name for one in (tmp_path / "archive").iterdir())
    assert left[0] == ".lock"
    assert left[1].startswith(".making-")
    assert left[2:] == [archive_name(1, 70)]
    assert verify(tmp_path / "archive", trusted(kit)).last == 70
    # The next one sweeps what was left, and goes on.
    (made,) = archive(tmp_path / "archive", node)
    assert (made.manifest.first, made.manifest.last) == (71, 120)
    assert verify(tmp_path / "archive", trusted(kit)).last == 120
    assert not list((tmp_path / "archive").glob(".making-*"))
    node.application.close()
    store.close()
