"""The client against a server that answers what it likes: every answer becomes a value or an error with a code."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from govchain.consensus.etcd.client import ANSWER_BYTES_MAX, Compare, EtcdClient, EtcdError, put, range_end
from govchain.model import Code
from tests.consensus.kit import PATIENCE_S


class Server:
    """HTTP over a unix socket: for each request the next of the given raw answers, then the connection ends."""

    def __init__(self, path, answers):
        self.path, self.answers, self.requests = path, list(answers), []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while self.answers:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                while self.answers:
                    request = self._read(connection)
                    if request is None:
                        break
                    self.requests.append(request)
                    answer = self.answers.pop(0)
                    if answer is None:
                        break  # it hangs up without a word
                    connection.sendall(answer)

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(
            next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1]
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head.split()[1].decode(), json.loads(body)

    def close(self):
        self.answers.clear()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE_S)


def answer(body, status=200, length=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(data) if length is None else length) + data


@pytest.fixture
def serve(tmp_path):
    made = []

    def start(*answers, timeout_s=PATIENCE_S):
        server = Server(tmp_path / f"s{len(made)}", answers)
        client = EtcdClient(server.path, timeout_s=timeout_s)
        made.append((server, client))
        return server, client

    yield start
    for server, client in made:
        client.close()
        server.close()


def test_calls_are_what_etcd_expects(serve):
    found = {"key": "aw==", "value": "dg==", "create_revision": "3", "mod_revision": "4", "version": "2"}
    range_ = {"header": {"revision": "9"}, "kvs": [found]}
    txn = {
        "header": {"revision": "10"},
        "succeeded": True,
        "responses": [{"response_put": {}}, {"response_range": range_}],
    }
    server, client = serve(answer(range_), answer(txn))
    item = client.get(b"k", local=True)
    assert (item.key, item.value, item.create_revision, item.mod_revision, item.version) == (b"k", b"v", 3, 4, 2)
    result = client.txn(
        [Compare(b"k", value=b"v"), Compare(b"k", mod_revision=4), Compare(b"c", exists=True)], [put(b"k", b"w")]
    )
    assert (result.succeeded, result.revision, result.found) == (True, 10, ((item,),))
    assert server.requests[0] == ("/v3/kv/range", {"key": "aw==", "serializable": True})
    assert server.requests[1][1]["compare"] == [
        {"key": "aw==", "target": "VALUE", "result": "EQUAL", "value": "dg=="},
        {"key": "aw==", "target": "MOD", "result": "EQUAL", "mod_revision": 4},
        {"key": "Yw==", "target": "MOD", "result": "GREATER", "mod_revision": 0},
    ]
    assert range_end(b"a/") == b"a0"


@pytest.mark.parametrize(
    ("raw", "unknown"),
    [
        (answer(b"\xff not json"), True),
        (answer({"responses": 7}), True),
        (answer(b"[" * 100_000), True),
        (answer({"responses": [{"response_range": {"kvs": [{"key": "!!"}]}}]}), True),
        (b"\x00\xff nonsense\r\n\r\n", True),
        (None, True),
        (answer(b"{}", length=1000), True),
        (answer({"code": 14, "message": "etcdserver: no leader"}, 503), True),
        (answer({"code": 4, "message": "deadline"}, 504), True),
        (answer({"code": 8, "message": "etcdserver: mvcc: database space exceeded"}, 429), False),
        (answer({"code": 3, "message": "etcdserver: request is too large"}, 400), False),
        (answer(b"<html>", 502), True),
    ],
)
def test_every_answer_that_is_none_is_an_error_with_a_code(serve, raw, unknown):
    """``unknown`` decides whether a proposer must read the tip before it writes again."""
    _, client = serve(raw, timeout_s=0.5)
    with pytest.raises(EtcdError) as caught:
        client.txn([], [put(b"k", b"v")])
    assert (caught.value.code, caught.value.unknown) == (Code.ENGINE_UNREACHABLE, unknown)


def test_an_answer_that_does_not_end_is_given_up(serve):
    _, client = serve(b"HTTP/1.1 200 x\r\nContent-Length: 99999999999\r\n\r\n" + bytes(ANSWER_BYTES_MAX + 2))
    with pytest.raises(EtcdError, match="too long"):
        client.get(b"k")


def test_nobody_listens(tmp_path):
    with pytest.raises(EtcdError) as caught:
        EtcdClient(tmp_path / "none", timeout_s=1).put(b"k", b"v")
    assert not caught.value.unknown


def test_a_kept_connection_that_had_ended_is_made_anew_for_reads_only(serve):
    empty = answer({"header": {"revision": "1"}})
    server, client = serve(empty, None, empty, None, empty)
    assert client.get(b"k") is None
    assert client.get(b"k") is None
    with pytest.raises(EtcdError) as caught:
        client.put(b"k", b"v")
    assert caught.value.unknown
    assert [path for path, _ in server.requests] == ["/v3/kv/range"] * 3 + ["/v3/kv/put"]


def test_closing_ends_a_call_in_work(serve):
    server, client = serve(b"")
    failed = []

    def call():
        try:
            client.get(b"k")
        except EtcdError as error:
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    pause = threading.Event()
    while not server.requests:
        pause.wait(0.01)
    client.close()
    thread.join(PATIENCE_S)
    assert failed
    with pytest.raises(EtcdError):
        client.get(b"k")


def watch_answer(*lines):
    head = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def test_a_watch_gives_events_and_then_says_that_it_ended(serve):
    event = {
        "result": {"events": [{"kv": {"key": "aw==", "value": "dg=="}}, {"type": "DELETE", "kv": {"key": "aw=="}}]}
    }
    server, client = serve(watch_answer({"result": {"created": True}}, event))
    watch = client.watch(b"p/", 7)
    events = iter(watch)
    assert [(each.item.key, each.item.value, each.deleted) for each in next(events)] == [
        (b"k", b"v", False),
        (b"k", b"", True),
    ]
    with pytest.raises(EtcdError, match="watch ended"):
        next(events)
    watch.release()
    assert server.requests[0][1] == {"create_request": {"key": "cC8=", "range_end": "cDA=", "start_revision": 8}}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\n",
        b"{}\n",
        {"result": {"canceled": True, "cancel_reason": "no leader"}},
        {"error": {"message": "x"}},
        {"result": {"compact_revision": "5"}},
    ],
)
def test_a_watch_that_says_anything_else_ends(serve, line):
    _, client = serve(watch_answer(line))
    watch = client.watch(b"p/", 7)
    with pytest.raises(EtcdError):
        next(iter(watch))
    watch.release()
