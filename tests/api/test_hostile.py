"""What no client library sends: requests that are none, half, endless, doubled or smuggled; each ends soon, by name.

The node stays up, answers others meanwhile, writes nothing, and shows nobody a traceback.
"""

import contextlib
import gzip
import logging
import socket
import threading
import time

import pytest

from tests.api.events_kit import serving, until
from tests.api.raw_kit import Reply, connect, read_all, read_reply, replies, talk
from tests.api.route_cases import ENVELOPE, JSON, forged
from tests.node.kit import copy_chain

HOST = b"Host: node\r\n"
CLOSE = b"Connection: close\r\n"
GET = b"GET /v1/health/live HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"


@pytest.fixture(scope="module")
def hurried(template, tmp_path_factory):
    """A node with short times and low bounds."""
    path = copy_chain(template, tmp_path_factory.mktemp("hostile") / "data")
    limits = {
        "header_ms_max": 400,
        "body_ms_max": 400,
        "header_bytes_max": 4096,
        "body_bytes_max": 8192,
        "connections_max": 40,
        "wait_ms_max": 2000,
        "rate_address": 0,
        "rate_session": 0,
    }
    with serving(path, **limits) as running:
        yield running


@pytest.fixture(autouse=True)
def well(request):
    """After each test the node answers, and nothing was written that nobody asked for."""
    if "hurried" not in request.fixturenames:
        yield
        return
    running = request.getfixturevalue("hurried")
    height = running.node.transport.status().height
    yield
    (answer,) = talk(running.url, GET)
    assert answer.status == 200
    assert running.node.transport.status().height == height


def request_of(method=b"GET", path=b"/v1/health/live", *headers, body=b""):
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: node", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


NO_HTTP = {
    "nothing that is HTTP": b"hello\r\n\r\n",
    "a shell": b"SSH-2.0-OpenSSH\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "HTTP/0.9": b"GET /v1/chain\r\n\r\n",
    "an unknown method": request_of(b"FETCH"),
    "a method in lower case": request_of(b"get"),
    "NUL in the path": request_of(path=b"/v1/\x00chain"),
    "a blank in the path": request_of(path=b"/v1/a b"),
    "control characters in the path": request_of(path=b"/v1/\x7f\x01"),
    "a header without a colon": request_of(b"GET", b"/v1/chain", b"nocolon"),
    "a header without a name": request_of(b"GET", b"/v1/chain", b": x"),
    "a blank before the colon": request_of(b"GET", b"/v1/chain", b"X-A : x"),
    "NUL in a header": request_of(b"GET", b"/v1/chain", b"X-A: \x00"),
    "a header that goes on in the next line": request_of(b"GET", b"/v1/chain", b"X-A: x", b" more"),
    "a carriage return inside a header": request_of(b"GET", b"/v1/chain", b"X-A: x\rY: z"),
    "a length that is none": request_of(b"POST", b"/rpc", b"Content-Length: x"),
    "a negative length": request_of(b"POST", b"/rpc", b"Content-Length: -1"),
    "a length with a sign": request_of(b"POST", b"/rpc", b"Content-Length: +1", body=b"x"),
    "a length beyond all": request_of(b"POST", b"/rpc", b"Content-Length: " + b"9" * 40),
    "a chunk that is none": request_of(b"POST", b"/rpc", b"Transfer-Encoding: chunked", body=b"zz\r\nx\r\n0\r\n\r\n"),
    "a chunk beyond all": request_of(b"POST", b"/rpc", b"Transfer-Encoding: chunked", body=b"f" * 20 + b"\r\nx\r\n"),
    "a chunk of negative length": request_of(b"POST", b"/rpc", b"Transfer-Encoding: chunked", body=b"-1\r\nx\r\n"),
}


@pytest.mark.parametrize("data", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_no_request_is_told_so(hurried, data):
    found = talk(hurried.url, data)
    assert [(answer.status, answer.code) for answer in found] == [(400, "REQUEST_SHAPE")]
    assert found[0].headers["connection"] == "close"


SECOND = b"GET /v1/chain HTTP/1.1\r\nHost: node\r\n\r\n"
SMUGGLED = {
    "two lengths that differ": request_of(
        b"POST", b"/rpc", b"Content-Length: 0", b"Content-Length: %d" % len(SECOND), body=SECOND
    ),
    "two lengths that agree": request_of(b"POST", b"/rpc", b"Content-Length: 1", b"Content-Length: 1", body=b"x"),
    "two lengths in one": request_of(b"POST", b"/rpc", b"Content-Length: 0, 40", body=SECOND),
    "a length and chunks": request_of(
        b"POST", b"/rpc", b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND
    ),
    "chunks and a length": request_of(
        b"POST", b"/rpc", b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SECOND
    ),
    "chunks that are not last": request_of(
        b"POST", b"/rpc", b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SECOND
    ),
    "chunks of another name": request_of(b"POST", b"/rpc", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SECOND),
    "chunks and a blank": request_of(b"POST", b"/rpc", b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SECOND),
    "chunks and a tab": request_of(b"POST", b"/rpc", b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n" + SECOND),
    "chunks that end by a line feed": request_of(
        b"POST", b"/rpc", b"Transfer-Encoding: chunked", body=b"1\nx\n0\n\n" + SECOND
    ),
}


@pytest.mark.requirement("BJ.baas.secure_environment.06")
@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_a_request_inside_a_request_is_not_answered(hurried, data):
    """However a proxy before the node would read the length: what follows is never another's request."""
    found = talk(hurried.url, data, shut=True)
    assert len(found) == 1, found
    assert found[0].status == 400
    assert found[0].headers["connection"] == "close"


def test_requests_one_after_the_other_are_answered_in_order(hurried):
    paths = [b"/v1/health/live", b"/v1/nothing", b"/v1/chain", b"/v1/health/ready"]
    data = b"".join(request_of(path=path) for path in paths[:-1]) + request_of(b"GET", paths[-1], b"Connection: close")
    assert [answer.status for answer in talk(hurried.url, data)] == [200, 404, 200, 200]


def test_a_long_body_and_what_follows_it_at_once(hurried):
    """The bytes of a body are none of the next request's headers."""
    long = request_of(b"POST", b"/rpc", b"Content-Type: text/plain", b"Content-Length: 8000", body=b"x" * 8000)
    with connect(hurried.url) as connection:
        connection.sendall(long + b"GET /v1/health/li")
        first = read_reply(connection)
        connection.sendall(b"ve HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        (second,) = replies(read_all(connection))
    assert (first.status, second.status) == (415, 200)


PATHS = {
    b"/v1/../etc/passwd": 404,
    b"/../../etc/passwd": 404,
    b"/v1/%2e%2e/%2e%2e/etc/passwd": 404,
    b"/v1/..%2f..%2fetc/passwd": 404,
    b"/v1/.%00/chain": 404,
    b"//v1/chain": 404,
    b"/v1//chain": 404,
    b"/v1/chain/": 404,
    b"/v1/./chain": 404,
    b"/v1/chain;a=b": 404,
    b"/v1/%63hain": 200,
    b"/V1/chain": 404,
    b"/v1%2fchain": 200,
    b"/v1/%c0%ae%c0%ae/chain": 404,
    b"/v1/%ff": 404,
    b"/v1/%": 404,
    b"/v1/%zz": 404,
    b"/v1/chain%0d%0aX-Evil:%201": 404,
    b"http://elsewhere/v1/chain": 200,
    b"\\v1\\chain": 400,
    b"*": 404,
}


@pytest.mark.parametrize(("path", "status"), PATHS.items(), ids=str)
def test_tricks_with_the_path(hurried, path, status):
    """No path means a file; one route has one spelling, but for what percent signs may stand for."""
    (answer,) = talk(hurried.url, request_of(b"GET", path, b"Connection: close"))
    assert answer.status == status
    assert "x-evil" not in answer.headers
    if status == 404:
        assert answer.code == "ROUTE_UNKNOWN"


FLOODS = {
    "many headers": request_of(b"GET", b"/v1/chain", *[b"X-%d: y" % n for n in range(200)]),
    "a long header": request_of(b"GET", b"/v1/chain", b"X-Long: " + b"y" * 8000),
    "a long name": request_of(b"GET", b"/v1/chain", b"y" * 8000 + b": x"),
    "a long path": request_of(b"GET", b"/v1/" + b"y" * 8000),
    "an endless header": b"GET /v1/chain HTTP/1.1\r\nX-Long: " + b"y" * 300_000,
    "an endless path": b"GET /" + b"y" * 300_000,
    "headers without end": b"GET /v1/chain HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
}


@pytest.mark.requirement("GD.general.security.07")
@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_of_headers(hurried, data):
    found = talk(hurried.url, data)
    # Where the node closes while we still send, the system may drop its answer.
    assert [(answer.status, answer.code) for answer in found] in ([(431, "REQUEST_TOO_LARGE")], [])
    if len(data) < 10_000:
        assert found


def test_trailers_are_no_headers(hurried):
    body = b"2\r\n{}\r\n0\r\nContent-Type: application/json\r\n\r\n"
    head = (b"POST", b"/v1/sessions/challenges", b"Content-Type: text/plain", b"Transfer-Encoding: chunked")
    (answer,) = talk(hurried.url, request_of(*head, b"Connection: close", body=body))
    assert (answer.status, answer.code) == (415, "CONTENT_TYPE")


SLOW = {
    "nothing at all": b"",
    "half a line": b"GET /v1/chain HT",
    "half the headers": b"GET /v1/chain HTTP/1.1\r\nHost: node\r\nX-A",
}


@pytest.mark.requirement("GD.general.security.07")
@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW.keys())
def test_headers_that_do_not_come(hurried, data):
    (answer,) = talk(hurried.url, data)
    assert (answer.status, answer.code) == (408, "REQUEST_SLOW")


def test_headers_that_drip(hurried):
    """A byte now and then does not put off the end."""
    with connect(hurried.url) as connection:
        began_s = time.monotonic()
        connection.sendall(b"GET /v1/chain HTTP/1.1\r\nX: ")
        connection.settimeout(0.05)
        data = b""
        while time.monotonic() - began_s < 15:
            try:
                data = connection.recv(65_536)
                break
            except TimeoutError:
                # Where the node has closed meanwhile, what it said before is still there to be read.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(b"y")
        assert time.monotonic() - began_s < 10
    (answer,) = replies(data)
    assert (answer.status, answer.code) == (408, "REQUEST_SLOW")


@pytest.mark.parametrize("path", [b"/v1/transactions", b"/rpc", b"/v1/sessions/challenges"])
def test_a_body_that_does_not_come(hurried, path):
    kind = b"application/vnd.govchain.envelope" if path == b"/v1/transactions" else b"application/json"
    head = request_of(b"POST", path, b"Content-Type: " + kind, b"Content-Length: 100")
    (answer,) = talk(hurried.url, head + b"{")
    assert (answer.status, answer.code) == (408, "REQUEST_SLOW")
    assert answer.headers["connection"] == "close"
    assert talk(hurried.url, head + b"{", shut=True) == []


def test_a_body_that_is_not_read_is_not_waited_for_for_ever(hurried):
    """A route that takes no body answers at once; who sends one all the same holds nothing but a socket."""
    with connect(hurried.url) as connection:
        connection.sendall(request_of(b"GET", b"/v1/health/live", b"Content-Length: 100") + b"x")
        assert read_reply(connection).status == 200


BIG = {
    "by its length": request_of(
        b"POST", b"/v1/transactions", b"Content-Type: application/vnd.govchain.envelope", b"Content-Length: 8193"
    ),
    "of endless length": request_of(b"POST", b"/rpc", b"Content-Length: 999999999999999"),
    "by its length, asking first": request_of(
        b"POST", b"/rpc", b"Content-Length: 99999", b"Expect: 100-continue", b"Content-Type: application/json"
    ),
    "in chunks": request_of(
        b"POST",
        b"/v1/transactions",
        b"Content-Type: application/vnd.govchain.envelope",
        b"Transfer-Encoding: chunked",
        body=b"".join(b"1000\r\n" + b"x" * 4096 + b"\r\n" for _ in range(3)),
    ),
}


@pytest.mark.parametrize("data", BIG.values(), ids=BIG.keys())
def test_a_body_beyond_the_limit(hurried, data):
    (answer,) = talk(hurried.url, data)
    assert (answer.status, answer.code) == (413, "REQUEST_TOO_LARGE")
    assert answer.headers["connection"] == "close"


def test_who_asks_before_sending_is_told_to_go_on(hurried):
    with connect(hurried.url) as connection:
        head = (b"Content-Type: application/json", b"Content-Length: 2", b"Expect: 100-continue", b"Connection: close")
        connection.sendall(request_of(b"POST", b"/v1/sessions/challenges", *head))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"{}")
        (answer,) = replies(read_all(connection))
    assert answer.code == "REQUEST_SHAPE"


def test_compressed_bodies_are_not_unpacked(hurried):
    """What a kilobyte may unpack to is not for the node to find out."""
    bomb = gzip.compress(bytes(4 * 1024 * 1024), 9)
    assert len(bomb) < 8192
    with hurried.client() as client:
        for path, media in (
            ("/v1/transactions", ENVELOPE["content-type"]),
            ("/v1/transactions", "application/json"),
            ("/rpc", "application/json"),
            ("/v1/sessions/challenges", "application/json"),
        ):
            for encoding in ("gzip", "deflate", "br", "gzip, identity"):
                headers = {"content-type": media, "content-encoding": encoding}
                answer = client.post(path, content=bomb, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (415, "CONTENT_TYPE"), (path, encoding)
        plain = {**JSON, "content-encoding": "identity"}
        assert client.post("/v1/sessions/challenges", content=b"{}", headers=plain).json()["code"] == "REQUEST_SHAPE"


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0"])
def test_upgrades_to_what_is_not_spoken_are_not_taken(hurried, upgrade):
    """The request is answered as if it asked for none (RFC 9110, 7.8)."""
    headers = (b"Connection: close, Upgrade", b"Upgrade: " + upgrade)
    (answer,) = talk(hurried.url, request_of(b"GET", b"/v1/chain", *headers))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (b"/v1/events/socket", (), 400, ""),
        (b"/v1/events/socket", (KEY,), 400, ""),
        (b"/v1/events/socket", (KEY, b"Sec-WebSocket-Version: 8"), 400, ""),
        (b"/v1/chain", (KEY, b"Sec-WebSocket-Version: 13"), 404, "ROUTE_UNKNOWN"),
    ],
    ids=["no key", "no version", "another version", "no socket there"],
)
def test_a_handshake_of_a_websocket_that_is_none(hurried, path, headers, status, code):
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    (answer,) = talk(hurried.url, request_of(b"GET", path, *upgrade, *headers))
    assert (answer.status, answer.code, answer.headers["connection"]) == (status, code, "close")


@pytest.mark.requirement("GD.general.security.07")
def test_at_the_limit_the_connection_idle_for_longest_gives_way(hurried):
    """Forty may be open: the forty-first takes the place of the oldest, and who works is not disturbed."""
    evicted = hurried.server.bounded.evicted
    opened = []
    try:
        for _ in range(60):
            connection = connect(hurried.url)
            connection.sendall(request_of())
            assert read_reply(connection).status == 200
            opened.append(connection)
        until(lambda: hurried.server.bounded.evicted - evicted >= 20)
        assert len(hurried.server.bounded) <= 40
        newest, oldest = opened[-1], opened[0]
        newest.sendall(request_of())
        assert read_reply(newest).status == 200
        try:
            oldest.sendall(request_of())
            assert read_reply(oldest) == Reply()
        except (BrokenPipeError, ConnectionResetError):
            pass
    finally:
        for connection in opened:
            connection.close()
    until(lambda: len(hurried.server.bounded) <= 1)


def test_when_all_listen_the_next_is_refused_by_name(template, tmp_path):
    """Three that are being answered leave no room, and none of them gives way; the next may come again."""
    path = copy_chain(template, tmp_path / "data")
    with serving(path, connections_max=3, reads="open", rate_address=0, index=False, webhooks=False) as running:
        head = request_of(b"GET", b"/v1/events/stream")
        opened = [connect(running.url) for _ in range(3)]
        try:
            for connection in opened:
                connection.sendall(head)
                assert b"200 OK" in connection.recv(4096)
            (answer,) = talk(running.url, b"")
            assert (answer.status, answer.code) == (503, "RATE_LIMITED")
            assert answer.headers["retry-after"] == "1"
        finally:
            for connection in opened:
                connection.close()
        until(lambda: len(running.server.bounded) <= 1)


@pytest.mark.requirement("GD.general.security.07")
def test_ten_thousand_open_connections(world):
    """With the limit that a node has by default: ten thousand connect, the node holds 4,096 and goes on answering."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_000
    if hard < wanted + 4096 + 500:
        pytest.skip(f"the system allows {hard} descriptors to a process")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    running = world.running
    opened = []
    try:
        for number in range(wanted):
            opened.append(connect(running.url))
            if number % 500 == 0:
                (answer,) = talk(running.url, GET)
                assert answer.status == 200
        until(lambda: running.server.bounded.evicted >= wanted - 4096)
        assert len(running.server.bounded) <= 4096
        (answer,) = talk(running.url, GET)
        assert answer.status == 200
    finally:
        for connection in opened:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: len(running.server.bounded) <= 1)


def test_others_are_answered_while_some_are_slow(hurried):
    slow = [connect(hurried.url) for _ in range(10)]
    try:
        for connection in slow:
            connection.sendall(b"POST /rpc HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        began_s = time.monotonic()
        (answer,) = talk(hurried.url, GET)
        assert answer.status == 200
        assert time.monotonic() - began_s < 2
    finally:
        for connection in slow:
            connection.close()


def test_who_goes_away_in_the_middle_of_an_answer(hurried, caplog):
    """No traceback in the log, and the connection is forgotten."""
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            with connect(hurried.url) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                connection.sendall(request_of(path=b"/v1/openapi.json") * 3)
        until(lambda: len(hurried.server.bounded) == 0)
    assert [record for record in caplog.records if record.exc_info] == []


def test_many_at_once_send_nonsense(hurried, actor):
    """Threads with forged, cut and wrong bodies; each is answered for itself."""
    height = hurried.node.transport.status().height
    codes = []

    def one(number):
        bodies = (forged(actor), actor.put()[:-1], b"\x93" * 100, b"")
        with hurried.client() as client:
            answer = client.post("/v1/transactions?wait=committed", content=bodies[number % 4], headers=ENVELOPE)
            codes.append((answer.status_code, answer.json()["code"]))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(codes) == 24
    assert {status for status, _ in codes} == {400, 422}
    assert hurried.node.transport.status().height == height
