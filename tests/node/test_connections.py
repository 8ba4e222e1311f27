"""Clients that do not read, or go away: the node is not held up, and nothing of them is left."""

import asyncio
import json
import os
import socket
import threading
import time

import httpx
import pytest

from govchain.sdk.wire import ENVELOPE_TYPE
from tests.api.events_kit import serving, until
from tests.api.raw_kit import connect
from tests.node.kit import copy_chain

#: How long a client may leave what it was sent, in ms; the look at it comes every second.
STALL_MS_MAX = 500
#: Bytes that the kernel keeps for a client, and records whose events are far more than that.
SEND_BUFFER = 32_768
RECORDS = 2_000

STREAM = b"GET /v1/events/stream?cursor=0.0.0 HTTP/1.1\r\nHost: x\r\n\r\n"
PAGE = b"GET /v1/events?cursor=0.0.0&limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET /v1/events/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
WANTED = b'{"subscribe":{"cursor":"0.0.0"}}'
#: A text frame with a mask of zeros: the subscription from the beginning.
SUBSCRIBE = bytes([0x81, 0x80 | len(WANTED), 0, 0, 0, 0]) + WANTED
RESET = b"\x01\0\0\0\0\0\0\0"


@pytest.fixture(scope="module")
def running(template, actor, tmp_path_factory):
    path = copy_chain(template, tmp_path_factory.mktemp("connections") / "data")
    settings = {"stall_ms_max": STALL_MS_MAX, "rate_address": 0, "streams_per_session": 64, "index": False}
    with serving(path, send_bytes=SEND_BUFFER, reads="open", webhooks=False, **settings) as running:
        for first in range(0, RECORDS, 500):
            running.put(actor, *(f"{'r' * 60}-{first + number}" for number in range(500)))
        yield running


def deaf(running, data):
    """A connection with small buffers of its own that sends ``data`` and never reads."""
    host, port = running.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect((host, int(port)))
    connection.sendall(data)
    return connection


def left_of(running):
    """Connections, subscriptions, requests under way, tasks, descriptors: what a client may leave behind."""
    loop = running.server.loop
    return (
        len(running.server.bounded),
        len(running.services.events),
        len(running.server.server_state.tasks),
        sum(1 for task in asyncio.all_tasks(loop) if not task.get_name().startswith("event-")),
        len(os.listdir("/proc/self/fd")),
    )


@pytest.fixture
def nothing_left(running):
    """Whatever a test does with clients, afterwards all is as it was."""
    until(lambda: left_of(running)[:3] == (0, 0, 0))
    before = left_of(running)
    yield before
    until(lambda: left_of(running) == before)


@pytest.mark.requirement("GD.general.security.07")
@pytest.mark.parametrize("data", [STREAM, PAGE * 20, UPGRADE], ids=["stream", "answers", "socket"])
def test_a_client_that_does_not_read_holds_nobody_up(running, actor, nothing_left, data):
    bounded = running.server.bounded
    with deaf(running, data) as connection:
        if data == UPGRADE:
            assert b"101" in connection.recv(4_096)  # frames may follow only now
            connection.sendall(SUBSCRIBE)
        until(lambda: len(bounded) == 1)
        # The others are served meanwhile, and blocks are made.
        for number in range(3):
            running.put(actor, f"meanwhile-{number}")
            assert httpx.get(f"{running.url}/v1/chain", trust_env=False).status_code == 200
    # It goes without having read: nothing of it stays (tests/api shows that one who stays is cut off).


def test_who_does_not_read_while_its_connection_closes_is_cut_off_and_counted(running, nothing_left):
    """The answer is all there, and the connection ends with it: without a bound it would wait for ever."""
    bounded = running.server.bounded
    before = bounded.stalled
    with deaf(running, PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")):
        until(lambda: bounded.stalled == before + 1)
        until(lambda: len(bounded) == 0)
        told = httpx.get(f"{running.url}/metrics", trust_env=False).text
    assert f"govchain_http_connections_stalled_total {before + 1}.0" in told.splitlines()


def test_slow_is_not_deaf(running, nothing_left):
    """A client that takes a little now and then keeps its connection and gets everything."""
    stalled = running.server.bounded.stalled
    with deaf(running, PAGE) as connection:
        connection.settimeout(20)
        taken = b""
        while b"\r\n\r\n" not in taken:
            taken += connection.recv(1_000)
        head = taken.partition(b"\r\n\r\n")[0].decode().lower()
        length = len(head) + 4 + int(head.partition("content-length: ")[2].partition("\r\n")[0])
        began_s, clock = time.monotonic(), threading.Event()
        while len(taken) < length:
            # Spread over twice the limit, and never silent for long.
            if len(taken) / length > (time.monotonic() - began_s) * 1000 / (2 * STALL_MS_MAX):
                clock.wait(0.005)
            else:
                taken += connection.recv(16_384)
        assert len(taken) == length
        assert json.loads(taken.partition(b"\r\n\r\n")[2])["more"] is True
    assert running.server.bounded.stalled == stalled


@pytest.mark.parametrize("frame", [b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0", b"\x00\x80\0\0\0\0"])
def test_a_socket_that_sends_small_frames_without_end_is_cut_off(running, nothing_left, frame):
    """Pings, pongs, and parts of one message."""
    first = b"\x01\x80\0\0\0\0" if frame[0] == 0 else b""
    with connect(running.url) as connection:
        connection.sendall(UPGRADE)
        assert b"101" in connection.recv(4_096)
        connection.sendall(first + frame * 50)
        time.sleep(1.1)
        connection.sendall(frame * 50)  # so many are taken
        time.sleep(1.1)
        assert len(running.server.bounded) == 1
        connection.sendall(frame * 500)
        until(lambda: len(running.server.bounded) == 0)


def test_slow_bodies_do_not_keep_others_out(template, tmp_path):
    """At the limit the one whose body has been coming for longest gives way."""
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    path = copy_chain(template, tmp_path / "data")
    with serving(path, connections_max=5, rate_address=0, index=False, webhooks=False) as running:
        slow = [connect(running.url) for _ in range(5)]
        for one in slow:
            one.sendall(head)
        until(lambda: len(running.server.server_state.tasks) == 5)
        for _ in range(3):
            assert httpx.get(f"{running.url}/v1/health/live", trust_env=False).status_code == 200
        assert running.server.bounded.refused == 0
        for one in slow:
            one.close()


def test_clients_that_speak_no_http_leave_one_line(template, tmp_path, caplog):
    """However many come: the first in ten seconds is logged."""
    path = copy_chain(template, tmp_path / "data")
    with serving(path, rate_address=0, index=False, webhooks=False) as running, caplog.at_level("INFO", "govchain"):
        for _ in range(30):
            with connect(running.url) as client:
                client.sendall(b"no http at all\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 400"
        lines = [record.getMessage() for record in caplog.records if "connection refused" in record.getMessage()]
        assert lines == ["connection refused: REQUEST_SHAPE"]


def test_sockets_that_end_leave_their_place(running, nothing_left):
    """Each connection counts while it is there, also once it has become a socket, and no longer."""
    bounded = running.server.bounded
    sockets = [connect(running.url) for _ in range(5)]
    for one in sockets:
        one.sendall(UPGRADE)
        assert one.recv(12) == b"HTTP/1.1 101"
    assert len(bounded) == 5
    for number, one in enumerate(sockets):
        if number % 2:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.close()
        until(lambda left=4 - number: len(bounded) == left)


def test_the_first_of_several_requests_learns_that_its_client_went(running, nothing_left):
    """A stream with another request behind it on the same connection."""
    hub = running.services.events
    with connect(running.url) as connection:
        connection.sendall(STREAM.replace(b"?cursor=0.0.0", b"?type=no.such") + PAGE)
        until(lambda: len(hub) == 1)
    until(lambda: len(hub) == 0, 5)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_clients_that_vanish_leave_nothing(running, actor, nothing_left, how):
    """In the middle of a head, of a body, of an answer, of a wait for a block, of a stream, of a socket's handshake."""
    envelope = actor.put(reference="vanishing")
    head = f"POST /v1/transactions?wait=committed HTTP/1.1\r\nHost: x\r\nContent-Type: {ENVELOPE_TYPE}\r\n".encode()
    length = b"Content-Length: %d\r\n\r\n" % len(envelope)
    whole = head + length + envelope
    cases = [head, head + length, whole[:-100], whole, STREAM, PAGE, PAGE * 20, UPGRADE[:90], UPGRADE]
    for data in cases * 3:
        connection = connect(running.url)
        connection.sendall(data)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()
    until(lambda: left_of(running) == nothing_left)
    until(lambda: running.services.intake.queued == 0)
    until(lambda: running.node.transport.status().pool_transactions == 0)
    running.put(actor, "afterwards")
