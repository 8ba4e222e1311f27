"""Snapshots by the application port: made from a certified checkpoint, fetched in pieces, refused when altered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from govchain.consensus import Certifier, LedgerApplication, Pool
from govchain.consensus.ports import SnapshotInfo
from govchain.model import Code
from govchain.storage import RocksStore
from govchain.storage.snapshot_checks import SnapshotTrust
from tests.ledger.kit import CREATED, Kit, make, put

LIMITS = {"checkpoint_writes_min": 20, "checkpoint_delay_blocks": 3}


class Node:
    """An application over a store of its own, driven block by block."""

    def __init__(self, kit: Kit, path: Path) -> None:
        self.kit = kit
        self.store = RocksStore(path / "store", checkpoints=path / "checkpoints")
        self.now = CREATED + 1000
        certifier = Certifier(kit.machine.suite, kit.member)
        self.application = LedgerApplication(
            kit.machine, self.store, Pool(), lambda: self.now, certifier, snapshots=path / "snapshots"
        )

    def block(self, *envelopes: bytes) -> None:
        self.now += 1000
        assert self.application.process_proposal(envelopes, self.now) == Code.OK
        self.application.finalize_block(envelopes, self.now, self.application.info().engine_height + 1)
        self.application.commit()

    def close(self) -> None:
        self.application.close()
        self.store.close()


@pytest.fixture
def kit() -> Kit:
    return Kit(limits=LIMITS)


@pytest.fixture
def source(kit: Kit, tmp_path: Path) -> Iterator[Node]:
    node = Node(kit, tmp_path / "source")
    node.application.init_chain()
    while not node.application.chain.checkpoint.last:
        envelopes = [put(kit.department, expires=node.now + 300_000) for _ in range(5)]
        node.block(*envelopes)
    marked = make("evidence.put", {"reference": "", "subject": _item()}, kit.department, expires=node.now + 300_000)
    node.block(marked)
    yield node
    node.close()


@pytest.fixture
def joiner(kit: Kit, tmp_path: Path) -> Iterator[Node]:
    node = Node(kit, tmp_path / "joiner")
    yield node
    node.close()


def _item() -> dict[str, object]:
    from tests.ledger.kit import item

    return item()


def _made(source: Node) -> tuple[SnapshotInfo, SnapshotTrust]:
    info = source.application.make_snapshot()
    assert info is not None
    header = source.application.blocks.header(info.height)
    assert header is not None
    return info, SnapshotTrust(source.kit.genesis.chain, info.height, header, info.root)


def _fetch(source: Node, joiner: Node, info: SnapshotInfo) -> Code:
    for index in range(info.chunks):
        code = joiner.application.apply_snapshot_chunk(
            index, source.application.load_snapshot_chunk(info.height, index)
        )
        if code:
            return code
    return Code.OK


def test_a_joiner_goes_on_from_a_snapshot_to_the_same_identities(source: Node, joiner: Node) -> None:
    info, trust = _made(source)
    assert source.application.list_snapshots() == [info]
    assert joiner.application.offer_snapshot(info, trust) == Code.OK
    assert _fetch(source, joiner, info) == Code.OK
    assert joiner.application.info().ledger_height == info.height
    for height in range(info.height + 1, source.application.chain.height + 1):
        header = source.application.blocks.decoded_header(height)
        joiner.now = header.time - 1000
        joiner.block(*source.application.blocks.envelopes(height))
        assert joiner.application.blocks.header(height) == source.application.blocks.header(height)
    assert joiner.application.chain.identity == source.application.chain.identity
    assert joiner.application.window_size == source.application.window_size


def test_the_replay_window_travels_with_the_snapshot(source: Node, joiner: Node) -> None:
    info, trust = _made(source)
    joiner.application.offer_snapshot(info, trust)
    _fetch(source, joiner, info)
    again = source.application.blocks.envelopes(info.height)
    assert joiner.application.process_proposal(again, joiner.now) == Code.REPLAYED


def test_an_altered_chunk_installs_nothing(source: Node, joiner: Node) -> None:
    info, trust = _made(source)
    joiner.application.offer_snapshot(info, trust)
    for index in range(info.chunks):
        chunk = bytearray(source.application.load_snapshot_chunk(info.height, index))
        chunk[len(chunk) // 2] ^= 1
        code = joiner.application.apply_snapshot_chunk(index, bytes(chunk))
    assert code == Code.STORE_CORRUPT
    assert joiner.application.info().app_hash == b""
    assert joiner.application.offer_snapshot(info, trust) == Code.OK
    assert _fetch(source, joiner, info) == Code.OK


def test_a_snapshot_of_another_root_is_not_fetched(source: Node, joiner: Node) -> None:
    info, trust = _made(source)
    assert joiner.application.offer_snapshot(info, replace(trust, checkpoint_root=bytes(32))) == Code.STORE_CORRUPT
    assert joiner.application.offer_snapshot(replace(info, root=bytes(32)), trust) == Code.STORE_CORRUPT
    assert joiner.application.apply_snapshot_chunk(0, b"") == Code.USAGE


def test_chunks_come_in_order(source: Node, joiner: Node) -> None:
    info, trust = _made(source)
    joiner.application.offer_snapshot(info, trust)
    assert joiner.application.apply_snapshot_chunk(1, b"x") == Code.USAGE


def test_a_running_chain_takes_no_snapshot(source: Node) -> None:
    info, trust = _made(source)
    assert source.application.offer_snapshot(info, trust) == Code.DATA_DIRECTORY_EXISTS


def test_ids_that_the_window_left_are_dropped_from_disk(kit: Kit, tmp_path: Path) -> None:
    node = Node(kit, tmp_path / "n")
    node.application.init_chain()
    node.block(put(kit.department, expires=node.now + 300_000))
    assert node.application.blocks.ids(1)
    node.now += kit.genesis.limits.expiry_ms_max + 20_000
    node.block(put(kit.department, expires=node.now + 300_000))
    assert not node.application.blocks.ids(1)
    assert node.application.blocks.ids(2)
    assert node.application.window_size == 1
    node.close()
