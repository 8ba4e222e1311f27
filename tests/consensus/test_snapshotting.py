"""Snapshots on a schedule: one for each checkpoint, the newest few kept, faults told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from govchain.consensus.snapshotting import SnapshotSchedule
from govchain.model import Code
from tests.consensus.joining.kit import Chain
from tests.consensus.kit import wait_until


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    chain = Chain(tmp_path, 1, "solo")
    yield chain
    chain.close()


def _grow_to(chain: Chain, checkpoint: int) -> None:
    while chain.nodes[0].application.chain.checkpoint.last < checkpoint:
        chain.grow(1)


def test_each_checkpoint_becomes_a_snapshot_and_the_newest_are_kept(chain: Chain) -> None:
    application = chain.nodes[0].application
    problems: list[tuple[Code, str]] = []
    schedule = SnapshotSchedule(application, 1, lambda code, reason: problems.append((code, reason)), kept=2)
    schedule.start()
    heights = []
    for _ in range(4):
        _grow_to(chain, schedule.newest + 1)
        wait_until(lambda: schedule.newest == application.chain.checkpoint.last, "a snapshot")
        heights.append(schedule.newest)
    wait_until(lambda: len(application.list_snapshots()) == 2, "the older ones to go")
    assert [info.height for info in application.list_snapshots()] == heights[:-3:-1]
    schedule.stop()
    assert not problems


def test_seldom_means_seldom_and_a_restart_takes_up_what_is_there(chain: Chain) -> None:
    application = chain.nodes[0].application
    _grow_to(chain, 1)
    first = SnapshotSchedule(application, 1, lambda *_: None)
    first.start()
    wait_until(lambda: first.newest, "a snapshot")
    first.stop()
    seldom = SnapshotSchedule(application, 20, lambda *_: None)
    seldom.start()
    assert seldom.newest == first.newest
    _grow_to(chain, first.newest + 1)
    seldom.stop()
    assert [info.height for info in application.list_snapshots()] == [first.newest]


def test_a_snapshot_that_cannot_be_made_is_told_and_made_later(chain: Chain) -> None:
    application = chain.nodes[0].application
    place = chain.nodes[0].path / "snapshots"
    place.write_text("in the way", "utf-8")
    problems: list[tuple[Code, str]] = []
    schedule = SnapshotSchedule(application, 1, lambda code, reason: problems.append((code, reason)))
    schedule.start()
    _grow_to(chain, 1)
    wait_until(lambda: problems, "a problem")
    assert schedule.newest == 0
    place.unlink()
    chain.grow(1)
    wait_until(lambda: schedule.newest, "a snapshot")
    schedule.stop()


def test_nought_means_none(chain: Chain) -> None:
    application = chain.nodes[0].application
    schedule = SnapshotSchedule(application, 0, lambda *_: None)
    schedule.start()
    _grow_to(chain, 1)
    schedule.stop()
    assert (schedule.newest, application.list_snapshots()) == (0, [])
