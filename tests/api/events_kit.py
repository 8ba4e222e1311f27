"""A node with its HTTP side in a thread of this process, for tests of streams and webhooks: real sockets, loopback."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass

import httpx
import uvicorn

import govchain_native as native
from govchain.api import create_app
from govchain.node.building import api_settings, build_services
from govchain.node.embedded import open_embedded
from govchain.node.listening import make_connections, make_server
from govchain.node.settings import Settings
from govchain.sdk.sessions import challenge_message
from govchain.signers import Signer, open_signer
from tests.node.kit import CHAIN, SMALL, Actor, passphrase_source, transaction_id

WAIT_S = 60


@dataclass(frozen=True)
class Officer(Actor):
    """An account that the chain was made with, which signs with its key file."""

    signer: Signer | None = None

    @property
    def key(self) -> bytes:
        return self.signer.public_key

    def seal(self, body: bytes) -> bytes:
        return native.seal_envelope(1, body, [self.signer.sign(body)])


def officer(path, name: str) -> Officer:
    """The account ``name`` (operator, supervisor, department, auditor) of the chain in ``path``."""
    keys = path / "keys"
    return Officer(b"", CHAIN, open_signer(f"file:{keys / name}.pem", passphrase_source(keys)))


def sign(actor: Actor, message: bytes) -> bytes:
    if isinstance(actor, Officer):
        return actor.signer.sign(message)
    return native.sm2_sign(actor.secret, actor.key, message)


@dataclass
class Running:
    """A node that serves; ``token`` is a session of its department's account."""

    node: object
    services: object
    url: str
    server: uvicorn.Server

    def login(self, actor) -> str:
        """A new session of the actor's account."""
        sessions = self.services.sessions
        text = sessions.challenge(actor.address)
        token, _ = sessions.create(text, sign(actor, challenge_message(text)))
        return token

    def client(self, token: str = "", **options) -> httpx.Client:
        """A client with that session; it takes no proxy from the environment."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT_S, trust_env=False, **options)

    def put(self, actor, *references: str) -> list[str]:
        """Commit one record for each reference, in one block or several; their transaction ids."""
        envelopes = [actor.put(reference=reference) for reference in references]
        answers = self.node.submitter.submit(envelopes, wait=True, timeout_s=WAIT_S)
        assert [answer.code for answer in answers] == [0] * len(envelopes)
        return [transaction_id(envelope).hex() for envelope in envelopes]


@contextlib.contextmanager
def serving(path, *, options=SMALL, logs=None, send_bytes=0, **settings):
    """The node at ``path``, serving on a free port of loopback, with these settings.

    ``logs`` is the process's log, ``send_bytes`` the kernel's buffer of each connection.
    """
    values = Settings(settings)
    listener = socket.socket()
    if send_bytes:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    connections = make_connections(values)
    with (
        listener,
        open_embedded(path, options=options) as node,
        build_services(node, values, logs, connections) as services,
    ):
        app = create_app(services, api_settings(values))
        server = make_server(app, values, connections)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        host, port = listener.getsockname()
        try:
            scheme = "http" if server.tls is None else "https"
            yield Running(node, services, f"{scheme}://{host}:{port}", server)
        finally:
            if services.events is not None:
                # As the process of `govchain up` does before it waits for connections.
                server.loop.call_soon_threadsafe(services.events.close)
            server.should_exit = True
            thread.join(WAIT_S)
            assert not thread.is_alive()


def until(holds, timeout_s: float = WAIT_S) -> None:
    """Wait until ``holds()``: for what another thread does, and tells nobody."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


@dataclass
class Sent:
    """One server-sent event."""

    id: str
    event: str
    data: dict


class Sse:
    """Reads server-sent events from an open answer; comments are counted."""

    def __init__(self, response) -> None:
        self._lines = response.iter_lines()
        self.last_id = ""
        self.comments = 0
        self.retry = 0

    def next(self) -> Sent | None:
        """The next event; None at the end of the answer."""
        event, data = "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if line == "":
                if data:
                    return Sent(self.last_id, event, json.loads(data))
                event = ""
            elif line.startswith(":"):
                self.comments += 1
            elif name == "id":
                self.last_id = value
            elif name == "event":
                event = value
            elif name == "retry":
                self.retry = int(value)
            else:
                assert name == "data"
                data = value
        return None
