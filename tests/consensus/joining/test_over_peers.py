"""Joining by snapshot over the route between nodes: real connections, a member that goes away in the middle."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import govchain.storage.snapshots as snapshots_module
from govchain.consensus.joining import SnapshotJoiner
from govchain.consensus.joining.fetching import JoinLimits
from govchain.consensus.messages import Ask, decode_message
from govchain.state import MemoryStore
from govchain.storage import RocksStore
from tests.consensus.exchange.kit import ExchangeKit, Member, connect, wait_until
from tests.ledger.kit import CREATED, put

# A network that stops while others are dialling it leaves their half-made connections to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
LIMITS = {"checkpoint_writes_min": 20, "checkpoint_delay_blocks": 3}


class Leaving:
    """The way to the others, from which the member that is asked goes away at the third chunk."""

    def __init__(self, route, leave) -> None:
        self.route, self.leave = route, leave
        self.left = b""

    def connected(self):
        return self.route.connected()

    def ask(self, key, body, timeout_s):
        ask = decode_message(body, Ask)
        if ask.what == "chunk" and ask.index == 2 and not self.left:
            self.left = key
            self.leave(key)
        return self.route.ask(key, body, timeout_s)


def test_a_joiner_goes_on_with_another_member_when_one_goes_away(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(snapshots_module, "CHUNK_BYTES", 1_500)
    kit = ExchangeKit(4, limits=LIMITS)
    records = [kit.record(number) for number in range(4)]
    stores = [RocksStore(tmp_path / f"s{number}", checkpoints=tmp_path / f"c{number}") for number in range(3)]
    running = [
        Member(kit, number, store=stores[number], known=records, snapshots=tmp_path / f"n{number}")
        for number in range(3)
    ]
    blocks = []
    while not running[0].application.chain.checkpoint.last:
        envelopes = [put(kit.department, expires=CREATED + 300_000) for _ in range(5)]
        blocks.append(envelopes)
        for member in running:
            member.block(*envelopes)
    for member in running:
        member.start()
        assert member.application.make_snapshot() is not None
    joiner = Member(kit, 3, store=MemoryStore(), known=records, snapshots=tmp_path / "joining", initialised=False)
    joiner.start()
    connect(*running, joiner)
    height = running[0].application.chain.checkpoint.last
    carrier = height + LIMITS["checkpoint_delay_blocks"]
    wait_until(
        lambda: all(member.application.blocks.certificate(carrier) is not None for member in running), "certificates"
    )
    stopped = []

    def leave(key: bytes) -> None:
        (member,) = (member for member in running if member.key == key)
        member.stop()
        stopped.append(member)

    route = Leaving(joiner.exchange.joining, leave)
    notices: list[str] = []
    limits = JoinLimits(patience_s=20.0, answer_s=5.0)
    joined = SnapshotJoiner(joiner.application, route, threading.Event(), notices.append, limits).join()
    try:
        assert joined is not None, notices
        assert joined.height == height
        assert any("does not answer" in notice for notice in notices)
        assert len(stopped) == 1
        for envelopes in blocks[height:]:
            joiner.block(*envelopes)
        other = next(member for member in running if member not in stopped)
        assert joiner.application.chain.identity == other.application.chain.identity
    finally:
        for member in [*running, joiner]:
            if member not in stopped:
                member.stop()
        for store in stores:
            store.close()
