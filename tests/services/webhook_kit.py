"""A receiver of webhooks on loopback that behaves as each test wants, and a ledger to feed a sender from."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_S = 20


@dataclass
class Got:
    """One message as it came."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def cursors(self) -> list[str]:
        return [event["cursor"] for event in self.json["events"]]


@dataclass
class Receiver:
    """``answers`` are the statuses of the next messages, in turn; afterwards ``status``. ``hold`` delays an answer."""

    url: str
    status: int = 204
    answers: list[int] = field(default_factory=list)
    location: str = ""
    hold: threading.Event | None = None
    got: list[Got] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[Got]:
        """The first so many messages, once they are there."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, WAIT_S), f"only {len(self.got)} came"
            return self.got[:count]

    def wait_cursors(self, count: int) -> list[str]:
        """The places of all events, once there are so many."""
        with self.changed:
            found = lambda: [cursor for one in self.got for cursor in one.cursors]  # noqa: E731
            assert self.changed.wait_for(lambda: len(found()) >= count, WAIT_S), f"only {len(found())} came"
            return found()


@contextlib.contextmanager
def receiving(context=None, host="127.0.0.1"):
    """A receiver, over TLS where a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            with receiver.changed:
                status = receiver.answers.pop(0) if receiver.answers else receiver.status
                receiver.got.append(Got(dict(self.headers), body, self.path))
                receiver.changed.notify_all()
            if receiver.hold is not None:
                receiver.hold.wait(WAIT_S)
            with contextlib.suppress(OSError):
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass  # a sender that breaks off

    server = Server((host, 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    receiver = Receiver(f"{scheme}://{host}:{server.server_port}/hook?x=1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


@contextlib.contextmanager
def answering(data: bytes, *, close: bool = True, reset: bool = False):
    """A server that answers each connection with these bytes, whatever it is sent; its URL, and how many came.

    With ``reset`` it ends the connection by a reset a little later.
    """
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    came = []

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(connection)
            with contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(data)
                if reset:
                    time.sleep(0.05)  # the other side reads them: a reset may overtake them, and nobody is told of that
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.close()
                if close:
                    connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in came:
            connection.close()
        thread.join(WAIT_S)


def until(holds, timeout_s: float = WAIT_S) -> None:
    """Wait until ``holds()``: for what another thread does, and tells nobody."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
