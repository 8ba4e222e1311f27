"""The server of the engine's socket: framing, hostile bytes, connections that end, order of answers."""

import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govchain.consensus.cometbft.abci import AbciServer, FrameReader, FramingError, frame_message
from govchain.consensus.cometbft.protos import abci_pb2 as abci

LIMIT = 10_000


def reader(data, step=7):
    """Reads ``data`` in pieces of at most ``step`` bytes."""
    rest = [data]

    def receive(count):
        piece, rest[0] = rest[0][: min(step, count)], rest[0][min(step, count) :]
        return piece

    return FrameReader(receive, LIMIT)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 400))
def test_messages_come_back_as_they_were_framed(messages, step):
    found = reader(b"".join(frame_message(each) for each in messages), step)
    assert [found.next() for _ in messages] == messages
    assert found.next() is None


@given(st.binary(max_size=400))
def test_any_bytes_are_messages_or_a_framing_error(data):
    found = reader(data)
    try:
        while (message := found.next()) is not None:
            assert len(message) <= LIMIT
    except FramingError:
        pass


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame_message(b"x" * (LIMIT + 1)), f"a message of {LIMIT + 1} bytes"),
        (b"\xff\xff\xff\xff\x7f" + b"x", "a message of 34359738367 bytes"),
        (b"\x80" * 10, "a length of too many bytes"),
        (b"\x80", "cut within a length"),
        (frame_message(b"four")[:-1], "cut after 3 of 4 bytes"),
        (frame_message(b"one") + b"\x05ab", "cut after 2 of 5 bytes"),
    ],
)
def test_what_is_too_long_or_cut_is_refused(data, reason):
    with pytest.raises(FramingError, match=reason):
        list(iter(reader(data).next, None))


class Served:
    """A server with a handler that notes what came, in a folder whose path is longer than a socket's may be."""

    def __init__(self, folder):
        self.path = folder / ("d" * 100) / "abci.sock"
        self.path.parent.mkdir()
        self.problems = []
        self.seen = []
        self.told = threading.Condition()
        self.gate = threading.Event()
        self.gate.set()
        self.server = AbciServer(self.path, self.handle, LIMIT, self.problem)
        self.server.start()

    def handle(self, request, connection):
        with self.told:
            self.seen.append((request.WhichOneof("value"), connection))
            self.told.notify_all()
        assert self.gate.wait(10)
        if request.query.path == "raise":
            raise ValueError("it cannot be")
        return abci.Response(query=abci.ResponseQuery(log=request.query.path))

    def problem(self, text):
        with self.told:
            self.problems.append(text)
            self.told.notify_all()

    def wait(self, condition):
        with self.told:
            assert self.told.wait_for(condition, 10)

    def connect(self):
        import os

        folder = os.open(self.path.parent, os.O_RDONLY)
        found = socket.socket(socket.AF_UNIX)
        found.settimeout(10)
        found.connect(f"/proc/self/fd/{folder}/{self.path.name}")
        os.close(folder)
        return found


@pytest.fixture
def served(tmp_path):
    found = Served(tmp_path)
    yield found
    found.gate.set()
    found.server.stop()
    assert not found.path.exists()


def send(connection, *requests):
    connection.sendall(b"".join(frame_message(each.SerializeToString()) for each in requests))


def answers(connection, count):
    found = FrameReader(connection.recv, 1 << 20)
    return [abci.Response.FromString(found.next()) for _ in range(count)]


def query(path):
    return abci.Request(query=abci.RequestQuery(path=path))


FLUSH = abci.Request(flush=abci.RequestFlush())


def test_requests_are_answered_in_order_when_the_engine_asks(served):
    with served.connect() as connection:
        send(connection, abci.Request(echo=abci.RequestEcho(message="hello")), query("a"), query("b"), FLUSH)
        found = answers(connection, 4)
    assert [each.WhichOneof("value") for each in found] == ["echo", "query", "query", "flush"]
    assert (found[0].echo.message, found[1].query.log, found[2].query.log) == ("hello", "a", "b")
    assert served.problems == []


def test_a_handler_that_raises_is_an_exception_for_the_engine(served):
    with served.connect() as connection:
        send(connection, query("raise"), FLUSH)
        found = answers(connection, 2)
    assert found[0].exception.error == "it cannot be"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff" * 20, "too many bytes"),
        (frame_message(b"\xff\xff\xff"), "not a message of ABCI"),
        (frame_message(b""), "no kind"),
        (frame_message(abci.Response(info=abci.ResponseInfo(data="x" * LIMIT)).SerializeToString()), "a message of"),
        (frame_message(b"\x22\x00\x05"), "not a message of ABCI"),
    ],
)
def test_hostile_bytes_end_that_connection_only_and_are_told(served, data, reason):
    with served.connect() as good, served.connect() as bad:
        bad.sendall(data)
        assert bad.recv(1) == b""
        served.wait(lambda: served.problems)
        send(good, query("still here"), FLUSH)
        assert answers(good, 2)[0].query.log == "still here"
    assert len(served.problems) == 1
    assert reason in served.problems[0]


def test_dropped_connections_are_done_with_their_last_request(served):
    served.gate.clear()
    with served.connect() as connection:
        send(connection, query("slow"), FLUSH)
        served.wait(lambda: served.seen)
        dropping = threading.Thread(target=served.server.drop_connections)
        dropping.start()
        dropping.join(0.1)
        assert dropping.is_alive()  # the request is still at work
        served.gate.set()
        dropping.join(10)
        assert not dropping.is_alive()
        with pytest.raises((ConnectionError, FramingError, TypeError)):
            answers(connection, 2)
    with served.connect() as connection:  # and the server goes on
        send(connection, query("next"), FLUSH)
        assert answers(connection, 2)[0].query.log == "next"
    assert served.seen[0][1] != served.seen[-1][1]


def test_connections_are_bounded(served):
    from govchain.consensus.cometbft.abci import CONNECTIONS_MAX

    held = []
    for number in range(CONNECTIONS_MAX):
        held.append(served.connect())
        send(held[-1], query(str(number)), FLUSH)
        answers(held[-1], 2)
    with served.connect() as one_more:
        assert one_more.recv(1) == b""
    for each in held:
        each.close()
    assert served.path.stat().st_mode & 0o777 == 0o600
