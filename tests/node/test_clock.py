"""The clock against time servers on loopback: honest ones, and every kind that lies, is silent or floods."""

import logging
import os
import threading
import time

import pytest

from govchain.model import Code, UsageError
from govchain.node.clock import ClockWatch, combine_offsets
from govchain.node.observing import tell_clock
from govchain.node.sntp import ServerAnswer, TimeServer, ask_servers, time_servers
from tests.api.events_kit import serving, until
from tests.node.kit import Hands, copy_chain
from tests.node.udp_kit import TimeServers

TIMEOUT_S = 0.6


def watch(servers, drift_ms_max=1_000, **more):
    return ClockWatch(time_servers(servers.names), drift_ms_max, os.urandom, timeout_s=TIMEOUT_S, **more)


@pytest.mark.parametrize("kind", ["honest", "version 3", "huge", "flooding, then honest"])
def test_an_honest_server_is_believed(kind):
    with TimeServers(kind) as servers:
        (answer,) = ask_servers(time_servers(servers.names), os.urandom, TIMEOUT_S)
    assert answer.outcome == "answered"
    assert abs(answer.offset_ms) < 400
    assert 0 <= answer.delay_ms < 1_000


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("silent", "silent"),
        ("replaying", "silent"),
        ("guessing", "silent"),
        ("flooding", "silent"),
        ("short", "silent"),
        ("empty", "silent"),
        ("client mode", "silent"),
        ("broadcast mode", "silent"),
        ("version 7", "silent"),
        ("unsynchronised", "unsynchronised"),
        ("stratum 16", "unsynchronised"),
        ("far from its source", "unsynchronised"),
        ("zero times", "unsynchronised"),
        ("times in the wrong order", "unsynchronised"),
        ("kiss RATE", "kiss-of-death"),
        ("kiss DENY", "kiss-of-death"),
    ],
)
def test_a_bad_server_gives_no_offset_and_ends_in_time(kind, outcome):
    with TimeServers(kind) as servers:
        asked = time_servers(servers.names)
        began = time.monotonic()
        ask_servers(asked, os.urandom, TIMEOUT_S)
        (answer,) = ask_servers(asked, os.urandom, TIMEOUT_S)
        assert time.monotonic() - began < 2 * TIMEOUT_S + 2
        assert servers.asked == [2]
    assert answer.outcome == outcome


def test_who_cannot_be_asked_is_said():
    nobody = TimeServer("127.0.0.1", 9)
    unknown = TimeServer("nobody.invalid")
    with TimeServers("honest") as servers:
        answers = ask_servers([nobody, unknown, *time_servers(servers.names)], os.urandom, TIMEOUT_S)
    assert answers[0].outcome in ("unreachable", "silent")
    assert answers[1].outcome == "unknown-host"
    assert answers[2].outcome == "answered"


@pytest.mark.parametrize(
    "others", [("lying",), ("lying", "silent"), ("silent", "flooding"), ("replaying", "kiss DENY"), ("lying", "lying")]
)
def test_a_minority_moves_nothing(others):
    honest = ["honest"] * (len(others) + 1)
    with TimeServers(*honest, *others) as servers:
        status = watch(servers).check()
    assert status.offset_ms is not None
    assert abs(status.offset_ms) < 400
    assert not status.drifting
    assert status.agreeing == len(honest)


@pytest.mark.parametrize("kinds", [("honest", "lying"), ("honest", "silent"), ("honest", "lying", "silent")])
def test_without_a_majority_nothing_is_known(kinds):
    with TimeServers(*kinds) as servers:
        status = watch(servers).check()
    assert status.offset_ms is None
    assert not status.drifting
    assert status.asked == len(kinds)


def test_a_drift_is_said_once_and_its_end_too(caplog):
    told = []

    def note(status):
        told.append(status)
        tell_clock(status, 1_000)

    with TimeServers("slightly off", "slightly off", "slightly off") as servers, caplog.at_level(logging.INFO):
        clock = watch(servers, on_change=note)
        assert clock.status is None
        for _ in range(2):
            status = clock.check()
            assert status.drifting
            assert 2_000 < status.offset_ms < 3_000
        servers.kinds[:] = ["honest"] * 3
        assert not clock.check().drifting
        servers.kinds[:] = ["silent"] * 3
        assert clock.check().offset_ms is None
    assert [(status.drifting, status.offset_ms is None) for status in told] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    messages = [record.getMessage() for record in caplog.records if record.name == "govchain.node"]
    assert messages[0].startswith("clock drift")
    assert messages[1].startswith("clock agrees")
    assert messages[2].startswith("clock unknown")


def test_a_check_that_fails_is_logged_and_the_next_one_comes(caplog):
    rounds, known = [], threading.Event()

    def ask(servers, random, timeout_s):
        rounds.append(len(servers))
        if len(rounds) == 2:
            raise RuntimeError("nobody foresaw this")
        return [ServerAnswer(server, "answered", offset_ms=5_000) for server in servers]

    def note(status):
        told.append(status.drifting)
        if len(told) == 2:
            known.set()

    told = []
    clock = ClockWatch(time_servers(["a.invalid"]), 1_000, os.urandom, note, ask, check_s=0.01)
    with caplog.at_level(logging.ERROR):
        clock.start()
        try:
            assert known.wait(20)
        finally:
            clock.stop()
    # Known, then not known any more, then known again: the same drift is told once more.
    assert told == [True, True]
    faults = [record for record in caplog.records if record.name == "govchain.node.clock"]
    assert [record.getMessage() for record in faults] == ["the clock could not be checked"]
    assert faults[0].exc_info


def test_a_server_that_sends_a_kiss_of_death_is_left_alone():
    with TimeServers("kiss DENY", "kiss RATE", "honest") as servers:
        clock = watch(servers)
        for _ in range(3):
            status = clock.check()
        assert servers.asked == [1, 1, 3]
    assert sorted(status.outcomes.values()) == ["answered", "resting", "resting"]


def test_offsets_of_peers_are_combined_alike():
    assert combine_offsets([], 3) == (None, 0)
    assert combine_offsets([10], 1) == (10, 1)
    assert combine_offsets([10], 2) == (None, 1)
    assert combine_offsets([10, 20, 30, -80_000], 4) == (20, 3)
    assert combine_offsets([0, 1, 90_000, 90_001], 4) == (None, 2)
    assert combine_offsets([-5_000, -5_100, 3], 3) == (-5_050, 2)


@pytest.mark.parametrize(
    "text", ["", ":123", "host:0", "host:65536", "host:x", "[::1]:", "[::1", "a" * 300, "h:1:2x:", "a b", "主机"]
)
def test_what_is_no_server_is_refused(text):
    with pytest.raises(UsageError) as refused:
        time_servers([text])
    assert refused.value.code == Code.USAGE


def test_servers_are_named_in_three_forms():
    assert [str(server) for server in time_servers(["ntp.example", "ntp.example:1123", "[::1]:1123", "::1"])] == [
        "ntp.example",
        "ntp.example:1123",
        "[::1]:1123",
        "[::1]",
    ]
    with pytest.raises(UsageError):
        time_servers(["ntp.example"] * 17)


def test_readiness_says_how_the_clock_is(template, tmp_path):
    with (
        TimeServers("slightly off") as servers,
        serving(copy_chain(template, tmp_path / "data"), ntp_servers=servers.names) as node,
        node.client() as client,
    ):
        until(lambda: "clock" in client.get("/v1/health/ready").json())
        answer = client.get("/v1/health/ready")
        assert answer.status_code == 200
        clock = answer.json()["clock"]
    assert clock["drifting"] is True
    assert 2_000 < clock["offset_ms"] < 3_000
    assert (clock["agreeing"], clock["asked"]) == (1, 1)


def test_a_node_without_servers_says_nothing_of_its_clock(template, tmp_path):
    with serving(copy_chain(template, tmp_path / "data")) as node, node.client() as client:
        assert client.get("/v1/health/ready").json() == {"ready": True, "height": 0}


@pytest.mark.requirement("BJ.function.timing.01")
def test_block_time_grows_whatever_the_clock_does(template, actor, tmp_path):
    """Within what the engine tolerates and far beyond it: each block is at least 1 ms after the one before."""
    hands = Hands(copy_chain(template, tmp_path / "data"), int(time.time() * 1000))
    try:
        begin = hands.now + 60_000
        moments = [begin, begin - 1, begin - 9_000, begin - 20_000, begin, begin + 5, begin - 30_000, begin + 1_000]
        for moment in moments:
            hands.now = moment
            hands.block(actor.put(now=moment), at=moment)
        times = [hands.application.blocks.header_time(height) for height in range(1, len(moments) + 1)]
    finally:
        hands.close()
    assert times == [begin, begin + 1, begin + 2, begin + 3, begin + 4, begin + 5, begin + 6, begin + 1_000]
