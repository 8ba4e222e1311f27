"""Archiving of a running node: by schedule and on request, off the engine's thread; pruning by what archives hold."""

import threading
import time
from contextlib import ExitStack

import pytest

from govchain.model import Code, GovChainError, UsageError
from govchain.node.archiving import build_archiving, lowest_height
from govchain.node.embedded import open_embedded
from govchain.node.settings import Settings
from govchain.proof.trust import TrustAnchors
from govchain.services.archiving import Archiving, ArchivingOptions, prune_floors
from govchain.services.packages import Packages
from govchain.storage.archive_mounts import Mount, save_mounts
from govchain.storage.archives import list_archives, locked_archives
from tests.api.events_kit import officer, serving, until
from tests.consensus.joining.kit import Chain
from tests.node.fixtures import actor, chain, node, template  # noqa: F401 - fixtures
from tests.node.kit import SMALL, Hands, make_chain, system_clock, transaction_id
from tests.storage.archive_kit import verify

START = 1_790_000_000_000


@pytest.fixture
def archiving(node, tmp_path):  # noqa: F811
    started = []

    def begin(floors=dict, clock=None, problems=None, **options):
        part = Archiving(
            node.application,
            node.store,
            tmp_path / "archive",
            node.directory.snapshots,
            clock or system_clock().wall,
            "test",
            ArchivingOptions(**options),
            floors,
            on_problem=lambda code, reason: problems.append(code) if problems is not None else None,
        )
        part.start()
        started.append(part)
        return part

    yield begin
    for part in started:
        part.stop()


def put(node, actor, blocks):  # noqa: F811
    """Blocks of one transaction each; their envelopes."""
    envelopes = [actor.put() for _ in range(blocks)]
    for envelope in envelopes:
        node.submitter.submit([envelope], wait=True, timeout_s=20)
    return envelopes


def run(part):
    before = part.state().run
    part.request()
    until(lambda: part.state().run > before and not part.state().running)
    return part.state()


@pytest.mark.requirement("BJ.compliance.backup.01b")
def test_two_periods_give_archives_with_height_range_and_digest(archiving, node, actor, tmp_path):  # noqa: F811
    part = archiving(every_ms=100)
    put(node, actor, 3)
    until(lambda: part.state().archived >= 3)
    put(node, actor, 2)
    until(lambda: part.state().archived >= 5)
    part.stop()
    found = [one.archive for one in list_archives(tmp_path / "archive")]
    assert len(found) >= 2
    assert [facts.manifest.first for facts in found[1:]] == [facts.manifest.last + 1 for facts in found[:-1]]
    assert (found[0].manifest.first, found[-1].manifest.last) == (1, 5)
    assert all(len(facts.digest) == 64 for facts in found)
    genesis = node.machine.fingerprint.hex()
    assert verify(tmp_path / "archive", TrustAnchors(genesis=(genesis,))).trusted


def test_it_runs_on_a_thread_of_its_own_and_an_empty_chain_makes_none(archiving, tmp_path):
    part = archiving()
    assert run(part).error == ""
    assert not (tmp_path / "archive").exists()
    assert "govchain-archives" in [thread.name for thread in threading.enumerate()]


def test_a_restart_neither_skips_nor_repeats_one(archiving, node, actor):  # noqa: F811
    put(node, actor, 1)
    first = archiving(every_ms=3_600_000)
    until(lambda: first.state().archived == 1)
    first.stop()
    made = first.state().archived_at
    again = archiving(every_ms=3_600_000).state()
    assert (again.running, again.run, again.due, again.archived) == (False, 0, made + 3_600_000, 1)


def test_another_process_at_the_folder_is_told_and_tried_again(archiving, node, actor, tmp_path):  # noqa: F811
    put(node, actor, 1)
    problems = []
    with locked_archives(tmp_path / "archive"):
        part = archiving(every_ms=3_600_000, retry_ms=50, problems=problems)
        until(lambda: part.state().error == "ARCHIVE_RUNNING")
    until(lambda: part.state().archived == 1)
    assert Code.ARCHIVE_RUNNING in problems
    assert part.state().error == ""


def hands_with(path, actor, blocks):  # noqa: F811
    """A chain of blocks twenty seconds after each other, so that the replay window soon ends."""
    hands = Hands(path, START)
    for _ in range(blocks):
        now = max(hands.now, START) + 20_000
        hands.block(actor.put(now=now), at=now)
    return hands


@pytest.fixture
def long(tmp_path, actor):  # noqa: F811
    """Sixty blocks, of which the replay window covers the last thirty."""
    made = hands_with(make_chain(tmp_path / "data", actor, now=START), actor, 60)
    yield made
    made.close()


def part_of(hands, tmp_path, floors=dict, **options):
    problems = []
    part = Archiving(
        hands.application,
        hands.store,
        tmp_path / "archive",
        tmp_path / "snapshots",
        lambda: hands.now,
        "test",
        ArchivingOptions(**options),
        floors,
        on_problem=lambda code, reason: problems.append(code),
    )
    part.start()
    return part, problems


def test_only_what_nobody_needs_any_more_is_pruned(long, tmp_path):
    part, problems = part_of(long, tmp_path, retain=50)
    state = run(part)
    assert (state.archived, state.pruned, state.limit.by) == (60, 10, "retain")
    part.stop()
    # The window covers more than is kept: ten minutes and a bucket of ten seconds, a block every twenty.
    part, _ = part_of(long, tmp_path, retain=5)
    state = run(part)
    assert (state.limit.by, state.pruned) == ("replay", 29)
    part.stop()
    assert not problems


def test_a_floor_that_is_handed_in_holds(long, tmp_path):
    behind = {"peers": 7}
    part, _ = part_of(long, tmp_path, lambda: behind, retain=5)
    state = run(part)
    assert (state.pruned, state.limit.by) == (7, "peers")
    behind["peers"] = 9
    assert run(part).pruned == 9
    behind["peers"] = 3  # a node that came back from further behind takes nothing back
    assert run(part).pruned == 9
    part.stop()


def test_a_member_far_behind_keeps_nobody_from_pruning():
    assert lowest_height([0, 900, 950], 1_000, 100) == {"peers": 900}
    assert lowest_height([0, 899], 1_000, 100) == {}
    assert lowest_height([0, 899], 1_000, 1_000) == {"peers": 0}
    assert lowest_height([2**53, 1_001], 1_000, 0) == {"peers": 1_001}
    assert lowest_height([], 1_000, 100) == {}


def test_in_a_network_pruning_ends_at_the_newest_snapshot_that_is_there(tmp_path):
    """Not at the last checkpoint: whoever joins takes a snapshot, and needs every block after that."""
    members = Chain(tmp_path, 2)
    member, folder = members.nodes[0], members.nodes[0].path / "snapshots"

    def floor():
        application = member.application
        return prune_floors(application.blocks, member.store, application.machine.genesis, folder, 1).get("snapshot")

    try:
        while member.application.chain.checkpoint.last < 3:
            members.grow(1)
        assert floor() == 0
        first = member.application.make_snapshot()
        assert floor() == first.height
        while member.application.chain.checkpoint.last == first.height:
            members.grow(1)
        assert floor() == first.height
        second = member.application.make_snapshot()
        assert floor() == second.height > first.height
        (folder / str(second.height) / "manifest.json").write_bytes(b"{}")
        assert floor() == first.height
    finally:
        members.close()


def test_a_damaged_archive_is_told_and_nothing_is_pruned(long, tmp_path):
    part, problems = part_of(long, tmp_path)
    run(part)
    part.stop()
    (one,) = (tmp_path / "archive").glob("*.gca")
    data = bytearray(one.read_bytes())
    data[len(data) // 2] ^= 1
    one.write_bytes(data)
    part, problems = part_of(long, tmp_path, retain=5)
    state = run(part)
    assert (state.error, state.pruned) == ("ARCHIVE_ALTERED", 0)
    assert problems == [Code.ARCHIVE_ALTERED]
    part.stop()


@pytest.mark.requirement("BJ.compliance.backup.01c")
def test_what_lies_only_in_the_archive_is_found_with_proof(long, tmp_path, actor):  # noqa: F811
    first = transaction_id(long.application.blocks.envelopes(1)[0]).hex()
    part, _ = part_of(long, tmp_path, retain=5)
    run(part)
    part.stop()
    path = long.directory.path
    long.close()
    with open_embedded(path, read_only=True, options=SMALL) as reader:
        with pytest.raises(GovChainError) as caught:
            reader.transport.transaction(first)
        assert caught.value.code is Code.BLOCK_ARCHIVED
        assert caught.value.params["path"].endswith(".gca")
        with pytest.raises(GovChainError) as caught:
            reader.transport.certificate(1)
        assert caught.value.code is Code.BLOCK_ARCHIVED
        assert reader.transport.block(1).certificate is None
        # Mounted while it runs: it is found again, and its package proves it.
        (one,) = [found.archive for found in list_archives(tmp_path / "archive")]
        save_mounts(reader.directory.mounts, [Mount(one.digest, 1, 60, str(one.path))])
        record = reader.transport.transaction(first)
        assert (record.id, record.height) == (first, 1)
        assert reader.transport.certificate(1)
        packages = Packages(reader.transport)
        assert packages.check(packages.make(first))["trusted"]


def test_settings_that_do_not_fit(chain, tmp_path):  # noqa: F811
    with open_embedded(chain, read_only=True, options=SMALL) as reader, ExitStack() as stack:
        assert build_archiving(reader, Settings(), None, stack) is None
        assert build_archiving(reader, Settings({"archive_to": str(tmp_path / "a")}), None, stack) is None
        for values in ({"retain": 10}, {"archive_to": str(chain / "archive")}):
            with pytest.raises(UsageError):
                build_archiving(reader, Settings(values), None, stack)


def test_a_serving_node_archives_and_tells_its_metrics(chain, tmp_path):  # noqa: F811
    with serving(chain, archive_to=str(tmp_path / "archive"), retain=1000) as one:
        one.put(officer(chain, "department"), "case-1")
        with one.client() as client:
            until(lambda: "govchain_archive_height" in client.get("/metrics").text)
    with serving(chain, archive_to=str(tmp_path / "archive"), archive_every_min=1) as one, one.client() as client:
        text = client.get("/metrics").text
        assert "govchain_pruned_height 0.0" in text
        assert time.time() > 0
