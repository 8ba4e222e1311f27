"""Clients of streams that stop reading: cut off after their bound, leaving nothing, holding nobody up."""

import base64
import contextlib
import json
import os
import socket as sockets
import time

import pytest

from tests.api.events_kit import WAIT_S, Sse, serving, until
from tests.api.raw_kit import read_all
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain

#: More events than a small buffer of the kernel and the server's own hold.
EVENTS = 600
STALL_MS = 1000


@pytest.fixture(scope="module")
def running(template, actor, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("stalled") / "data")
    with serving(path, send_bytes=4096, stall_ms_max=STALL_MS, rate_address=0, rate_session=0) as running:
        for _ in range(EVENTS // 200):
            running.put(actor, *["many"] * 200)
        yield running


def unread(running, token, path, *headers, window=4096):
    """A connection with a small window that has asked for ``path`` and reads no more than the status."""
    raw = sockets.socket()
    if window:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, window)
    raw.settimeout(WAIT_S)
    host, port = running.url.removeprefix("http://").split(":")
    raw.connect((host, int(port)))
    lines = [f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *headers, "", ""]
    raw.sendall("\r\n".join(lines).encode())
    return raw


def text_frame(text):
    """A client's frame, masked with zeros."""
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data


def stalled(running, token, kind, window=4096):
    if kind == "stream":
        raw = unread(running, token, "/v1/events/stream?cursor=0.0.0", window=window)
        assert raw.recv(12) == b"HTTP/1.1 200"
        return raw
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    key = f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"
    raw = unread(running, token, "/v1/events/socket", *upgrade, key)
    assert raw.recv(12) == b"HTTP/1.1 101"
    raw.sendall(text_frame(json.dumps({"subscribe": {"cursor": "0.0.0"}})))
    return raw


@pytest.mark.parametrize("kind", ["stream", "socket"])
def test_a_client_that_stops_reading_is_cut_off_and_leaves_nothing(running, actor, kind, caplog):  # noqa: F811
    hub, connections = running.services.events, running.server.bounded
    token, dropped = running.login(actor), hub.dropped
    raw = stalled(running, token, kind)
    until(lambda: len(hub) == 1)
    with running.client(token) as client, client.stream("GET", "/v1/events/stream") as answer:
        sse = Sse(answer)
        running.put(actor, "meanwhile")
        assert sse.next().data["reference"] == "meanwhile"  # the others hear at once
        until(lambda: len(hub) == 1)  # the one that reads is left
    until(lambda: len(hub) == 0)
    until(lambda: len(connections) == 0)  # aborted: nobody took the rest
    assert hub.dropped == dropped + 1  # it alone is counted, not the one that went by itself
    with contextlib.closing(raw):
        assert read_all(raw).count(b"evidence.anchored") < EVENTS
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_a_client_that_reads_slowly_is_not_cut_off(running, actor):  # noqa: F811
    """It takes each delivery within the bound, pauses for longer than the bound in sum, and gets all there is."""
    data, paused_at = b"", 0
    with contextlib.closing(stalled(running, running.login(actor), "stream", window=0)) as raw:
        while data.count(b"\ndata: ") < EVENTS:
            if data.count(b"\ndata: ") >= paused_at:
                time.sleep(STALL_MS / 2000)  # time itself is what is waited for
                paused_at += EVENTS // 4
            part = raw.recv(16_384)
            assert part, "cut off"
            data += part
    until(lambda: len(running.services.events) == 0)


@pytest.mark.parametrize("kind", ["stream", "socket"])
def test_connections_of_streams_are_counted_until_they_end(running, actor, kind):  # noqa: F811
    connections = running.server.bounded
    token = running.login(actor)
    raw = stalled(running, token, kind)
    until(lambda: len(running.services.events) == 1)
    until(lambda: len(connections) == 1)
    raw.close()
    until(lambda: len(connections) == 0)
    until(lambda: len(running.services.events) == 0)
