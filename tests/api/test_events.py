"""Events over HTTP: pages, server-sent events, WebSocket; who may, limits, bad input, clients that vanish."""

import contextlib
import json
import socket as sockets
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from govchain.model import Code
from tests.api.events_kit import WAIT_S, Sse, officer, serving, until
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("events") / "data")
    with serving(path, streams_per_session=4, streams_max=12) as running:
        yield running


@pytest.fixture
def token(running, actor):  # noqa: F811
    token = running.login(actor)
    yield token
    hub = running.services.events
    running.services.sessions.end(running.services.sessions.check(token).id)
    until(lambda: len(hub) == 0)  # every test leaves nothing behind


@pytest.fixture
def client(running, token):
    with running.client(token) as client:
        yield client


def head(client):
    """The place of the newest event."""
    cursor = None
    while True:
        page = client.get("/v1/events", params={"cursor": cursor} if cursor else {}).json()
        cursor = page["cursor"]
        if not page["more"]:
            return cursor


def problem(response):
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()["code"]


@pytest.mark.requirement("BJ.function.protocol.04")
def test_a_page_a_stream_and_a_socket_tell_the_same(running, client, token, actor):  # noqa: F811
    place = head(client)
    with client.stream("GET", "/v1/events/stream") as answer, open_socket(running, token) as socket:
        sse = Sse(answer)
        subscribe(socket)
        ids = running.put(actor, "page-1", "page-2")
        streamed = [sse.next() for _ in ids]
        told = [json.loads(socket.recv(WAIT_S))["event"] for _ in ids]
        page = client.get("/v1/events", params={"cursor": place}).json()
    assert page["events"] == told == [one.data for one in streamed]
    assert [event["transaction"] for event in told] == ids
    assert [event["reference"] for event in told] == ["page-1", "page-2"]
    assert [one.id for one in streamed] == [event["cursor"] for event in told]
    assert {one.event for one in streamed} == {"evidence.anchored"}
    assert (page["more"], page["cursor"]) == (False, told[-1]["cursor"])
    assert sse.retry == 3_000
    receipt = running.node.application.receipt(bytes.fromhex(ids[0]))
    assert json.loads(receipt)["events"][0]["reference"] == "page-1"


def test_a_page_goes_on_from_its_cursor(running, client, actor):  # noqa: F811
    place = head(client)
    running.put(actor, *(f"go-on-{number}" for number in range(7)))
    found = []
    while True:
        page = client.get("/v1/events", params={"cursor": place, "limit": 3}).json()
        found += [event["reference"] for event in page["events"]]
        place = page["cursor"]
        if not page["more"]:
            break
    assert found == [f"go-on-{number}" for number in range(7)]


def test_a_page_of_what_is_wanted(running, client, actor):  # noqa: F811
    place = head(client)
    running.put(actor, "wanted-a", "wanted-b", "wanted-c")
    wanted = [("cursor", place), ("reference", "wanted-a"), ("reference", "wanted-c"), ("type", "evidence.*")]
    page = client.get("/v1/events", params=wanted).json()
    assert [event["reference"] for event in page["events"]] == ["wanted-a", "wanted-c"]
    page = client.get("/v1/events", params=[*wanted, ("type", "accounts.*"), ("organisation", "nobody")]).json()
    assert page["events"] == []


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("cursor=1.2", "CURSOR_INVALID"),
        ("cursor=", "CURSOR_INVALID"),
        ("cursor=999999999.0.0", "CURSOR_INVALID"),
        ("cursor=1.77.0", "CURSOR_INVALID"),  # of another chain: block 1 has no such place here
        ("cursor=-1.0.0", "CURSOR_INVALID"),
        ("cursor=1.0.0&cursor=2.0.0", "REQUEST_SHAPE"),
        ("type=evidence", "REQUEST_SHAPE"),
        ("type=", "REQUEST_SHAPE"),
        ("type=*", "REQUEST_SHAPE"),
        ("reference=%00", "REQUEST_SHAPE"),
        ("reference=" + "x" * 300, "REQUEST_SHAPE"),
        ("organisation=%0d%0aid:%201", "REQUEST_SHAPE"),
        ("&".join(["type=a.b"] * 33), "REQUEST_SHAPE"),
        ("nonsense=1", "REQUEST_SHAPE"),
    ],
)
def test_bad_queries_are_refused(client, path, query, code):
    answer = client.get(f"{path}?{query}")
    assert (answer.status_code, problem(answer)) == (400, code)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1.5", "", "9" * 400])
def test_bad_limits_are_refused(client, limit):
    answer = client.get("/v1/events", params={"limit": limit})
    assert (answer.status_code, problem(answer)) == (400, "REQUEST_SHAPE")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
@pytest.mark.parametrize("given", ["", "wrong"])
def test_without_a_session_nothing_is_told(running, path, given):
    with running.client(given) as stranger:
        answer = stranger.get(path)
    assert (answer.status_code, problem(answer)) == (401, "SESSION_INVALID" if given else "SESSION_REQUIRED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_stream_goes_on_where_it_was(running, client, actor):  # noqa: F811
    with client.stream("GET", "/v1/events/stream") as answer:
        sse = Sse(answer)
        running.put(actor, "first")
        place = sse.next().id
    running.put(actor, "second", "third")
    with client.stream("GET", "/v1/events/stream", headers={"Last-Event-ID": place}) as answer:
        sse = Sse(answer)
        assert [sse.next().data["reference"] for _ in range(2)] == ["second", "third"]
    with client.stream("GET", f"/v1/events/stream?cursor={place}&reference=third") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert Sse(answer).next().data["reference"] == "third"
    answer = client.get("/v1/events/stream", headers={"Last-Event-ID": "x"})
    assert (answer.status_code, problem(answer)) == (400, "CURSOR_INVALID")


def test_streams_of_a_session_are_limited_and_a_closed_one_makes_room(running, client):
    hub = running.services.events
    streams = [client.stream("GET", "/v1/events/stream") for _ in range(4)]
    opened = [stream.__enter__() for stream in streams]
    assert [answer.status_code for answer in opened] == [200] * 4
    refused = client.get("/v1/events/stream")
    assert (refused.status_code, problem(refused)) == (429, "STREAMS_TOO_MANY")
    streams[0].__exit__(None, None, None)
    until(lambda: len(hub) == 3)
    with client.stream("GET", "/v1/events/stream") as again:
        assert again.status_code == 200
    for stream in streams[1:]:
        stream.__exit__(None, None, None)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_vanishes_leaves_nothing_behind(running, client, token, actor, how):  # noqa: F811
    hub = running.services.events
    host, port = running.url.removeprefix("http://").split(":")
    raw = sockets.create_connection((host, int(port)), WAIT_S)
    raw.sendall(f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    assert raw.recv(12) == b"HTTP/1.1 200"
    until(lambda: len(hub) == 1)
    if how == "reset":
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    raw.close()
    until(lambda: len(hub) == 0)
    running.put(actor, "nobody hears")


def test_logging_out_ends_the_stream_and_says_so(running, actor):  # noqa: F811
    token = running.login(actor)
    sessions = running.services.sessions
    with running.client(token) as client, client.stream("GET", "/v1/events/stream") as answer:
        sse = Sse(answer)
        running.put(actor, "before")
        assert sse.next().data["reference"] == "before"
        sessions.end(sessions.check(token).id)
        running.put(actor, "after")
        last = sse.next()
        assert (last.event, last.data["code"]) == ("end", "SESSION_INVALID")
        assert sse.next() is None


# -- the socket ----------------------------------------------------------------------------------------------------


def open_socket(running, token="", **options):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = running.url.replace("http://", "ws://") + "/v1/events/socket"
    return connect(url, additional_headers=headers, proxy=None, open_timeout=WAIT_S, **options)


def subscribe(socket, token="", **wanted):
    message = {"subscribe": wanted, **({"token": token} if token else {})}
    socket.send(json.dumps(message))
    return json.loads(socket.recv(WAIT_S))["subscribed"]["cursor"]


def ended(socket):
    """The code of the problem that the node sent last, and its close code."""
    told = json.loads(socket.recv(WAIT_S))["end"]["code"]
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(WAIT_S)
    return told, closed.value.rcvd.code


def test_a_socket_with_the_token_in_its_first_message(running, client, token, actor):  # noqa: F811
    place = head(client)
    running.put(actor, "socket-1", "socket-2")
    with open_socket(running) as socket:
        assert subscribe(socket, token, types=["evidence.*"], references=["socket-2"], cursor=place) == place
        event = json.loads(socket.recv(WAIT_S))["event"]
        assert event["reference"] == "socket-2"
        socket.send('{"ping":"here"}')
        assert json.loads(socket.recv(WAIT_S)) == {"pong": "here"}
        assert socket.ping().wait(WAIT_S)
    until(lambda: len(running.services.events) == 0)


@pytest.mark.parametrize("path", ["/v1/events/nothing", "/v1/chain", "/"])
def test_a_socket_where_there_is_none_is_refused_by_name(running, path):
    with pytest.raises(InvalidStatus) as refused:
        connect(running.url.replace("http", "ws", 1) + path, proxy=None, open_timeout=WAIT_S)
    response = refused.value.response
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    document = json.loads(response.body)
    assert (document["code"], document["params"]) == ("ROUTE_UNKNOWN", {"path": path})
    assert document["instance"] == response.headers["x-request-id"]


def test_a_socket_that_the_gate_refuses_is_told_why(template, tmp_path, actor):  # noqa: F811
    with serving(copy_chain(template, tmp_path / "data"), rate_address=1) as running:
        with running.client() as client:
            until(lambda: client.get("/v1/health/live").status_code == 429)
        with pytest.raises(InvalidStatus) as refused:
            open_socket(running)
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["code"]) == (429, "RATE_LIMITED")
    assert int(response.headers["retry-after"]) >= 1


def test_a_socket_with_a_wrong_token_is_refused_at_the_handshake(running):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(running, "wrong")
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["code"] == "SESSION_INVALID"


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ('{"subscribe":{}}', "SESSION_REQUIRED", 4401),
        ('{"subscribe":{},"token":"wrong"}', "SESSION_INVALID", 4401),
        ("", "REQUEST_SHAPE", 4400),
        ("{", "REQUEST_SHAPE", 4400),
        ("[]", "REQUEST_SHAPE", 4400),
        ("{}", "REQUEST_SHAPE", 4400),
        ('{"subscribe":null}', "REQUEST_SHAPE", 4400),
        ('{"subscribe":{"types":"evidence.*"}}', "REQUEST_SHAPE", 4400),
        ('{"subscribe":{"unknown":1}}', "REQUEST_SHAPE", 4400),
        ("[" * 30_000, "REQUEST_SHAPE", 4400),
        ('{"subscribe":{"cursor":"' + "1" * 40_000 + '"}}', "REQUEST_SHAPE", 4400),
        (b"\xff\xfe", "REQUEST_SHAPE", 4400),
    ],
)
def test_a_first_message_that_is_none_ends_the_socket(running, message, code, close):
    with open_socket(running) as socket:
        socket.send(message)
        assert ended(socket) == (code, close)
    assert len(running.services.events) == 0


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"types": ["evidence"]}, "REQUEST_SHAPE"),
        ({"cursor": "1"}, "CURSOR_INVALID"),
        ({"cursor": "999999999.0.0"}, "CURSOR_INVALID"),
    ],
)
def test_a_socket_that_wants_what_cannot_be(running, token, wanted, code):
    with open_socket(running, token) as socket:
        socket.send(json.dumps({"subscribe": wanted}))
        assert ended(socket) == (code, 4400)


def test_too_large_a_message_closes_the_socket(running, token):
    with open_socket(running, token) as socket:
        socket.send("x" * 200_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(WAIT_S)
    assert closed.value.rcvd.code == 1009


def test_only_a_ping_may_follow(running, token):
    with open_socket(running, token) as socket:
        subscribe(socket)
        socket.send('{"subscribe":{}}')
        assert ended(socket) == ("REQUEST_SHAPE", 4400)


def test_sockets_count_as_streams(running, token):
    with contextlib.ExitStack() as stack:
        open_ones = [stack.enter_context(open_socket(running, token)) for _ in range(5)]
        for socket in open_ones[:4]:
            subscribe(socket)
        open_ones[4].send('{"subscribe":{}}')
        assert ended(open_ones[4]) == ("STREAMS_TOO_MANY", 4429)


def test_a_frozen_account_hears_nothing_more(template, tmp_path):  # noqa: F811
    """Streams of both kinds end with the freeze, of that account and of no other; what is frozen gets no new one."""
    path = copy_chain(template, tmp_path / "data")
    with serving(path) as running:
        keys = {name: officer(path, name) for name in ("department", "operator", "supervisor")}
        token, other = running.login(keys["department"]), running.login(keys["supervisor"])
        with (
            running.client(token) as client,
            running.client(other) as observer,
            client.stream("GET", "/v1/events/stream") as answer,
            observer.stream("GET", "/v1/events/stream?type=accounts.*") as watched,
            open_socket(running, token) as socket,
        ):
            subscribe(socket)
            sse, witness = Sse(answer), Sse(watched)
            payload = {"account": keys["department"].address, "reason": "left"}
            freeze = keys["operator"].seal(keys["operator"].body("accounts.freeze", payload))
            (answered,) = running.node.submitter.submit([freeze], wait=True, timeout_s=WAIT_S)
            assert answered.code == 0
            assert (json.loads(answered.receipt)["code"], witness.next().event) == (0, "accounts.frozen")
            last = sse.next()
            assert (last.event, last.data["code"]) == ("end", "SESSION_INVALID")
            assert ended(socket) == ("SESSION_INVALID", 4401)
            refused = client.get("/v1/events")
            assert (refused.status_code, problem(refused)) == (401, "SESSION_INVALID")


def test_a_stopping_node_ends_streams_and_sockets(template, tmp_path, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    told = {}
    ready = threading.Barrier(3)

    def follow(running, token):
        with running.client(token) as client, client.stream("GET", "/v1/events/stream") as answer:
            ready.wait(WAIT_S)
            told["stream"] = Sse(answer).next().data["code"]

    def listen(running, token):
        with open_socket(running, token) as socket:
            subscribe(socket)
            ready.wait(WAIT_S)
            told["socket"] = ended(socket)

    with serving(path) as running:
        token = running.login(actor)
        threads = [threading.Thread(target=each, args=(running, token)) for each in (follow, listen)]
        for thread in threads:
            thread.start()
        ready.wait(WAIT_S)
    for thread in threads:
        thread.join(WAIT_S)
    assert told == {"stream": Code.NODE_STOPPING.name, "socket": ("NODE_STOPPING", 1001)}


def test_open_reads_need_no_session_and_count_by_address(template, tmp_path, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with serving(path, reads="open", streams_per_session=1) as running, running.client() as client:
        assert client.get("/v1/events").json()["events"] == []
        with open_socket(running) as socket:
            subscribe(socket)
            running.put(actor, "open")
            assert json.loads(socket.recv(WAIT_S))["event"]["reference"] == "open"
            refused = client.get("/v1/events/stream")
            assert (refused.status_code, problem(refused)) == (429, "STREAMS_TOO_MANY")
