"""A few questions to another member's engine, carried between nodes, so that a joining engine can check its snapshot.

Purpose: the engine's light client wants two RPC servers; each is a port on loopback here, and the answers come from a
peer's engine over the route between nodes. Rules: only :data:`TUNNEL_METHODS`, which read; JSON-RPC bodies of bounded
size; the port is on loopback, and nothing of the engine is reachable from outside. Not here: the engine's own address
(handed in as a function), what its answers prove (the engine checks them).
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any, Final

from govchain.model import Code, DecodingError, GovChainError, RefusedError, UnavailableError
from govchain.peers import Kind, PeerNetwork

__all__ = ["TUNNEL_METHODS", "EngineTunnel", "check_question", "encode_question"]

#: What may be asked: what the light client of state sync needs.
TUNNEL_METHODS: Final = frozenset({"commit", "consensus_params", "status", "validators"})
#: Parameters of those methods.
_PARAMETERS: Final = frozenset({"height", "page", "per_page"})
#: Bytes of a question, at most.
_QUESTION_BYTES_MAX: Final = 4 * 1024
_ASK_S: Final = 15.0


def check_question(body: bytes) -> str:
    """The reason why ``body`` is no JSON-RPC request for one of the methods, or an empty string."""
    if len(body) > _QUESTION_BYTES_MAX:
        return "size"
    try:
        question: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "form"
    method = question.get("method") if isinstance(question, dict) else None
    if not isinstance(method, str) or method not in TUNNEL_METHODS:
        return "method"
    parameters = question.get("params", {})
    if not isinstance(parameters, dict) or not _PARAMETERS.issuperset(parameters):
        return "parameters"
    if not all(isinstance(value, str | int | None) for value in parameters.values()):
        return "parameters"
    return ""


def encode_question(body: bytes) -> bytes:
    """The question in ``body``, which :func:`check_question` let pass, written anew.

    Never the asker's own bytes: the engine reads names without their case and takes the last of several.
    """
    question = json.loads(body)
    id_ = question.get("id")
    plain = {
        "jsonrpc": "2.0",
        "id": id_ if isinstance(id_, str | int) else 1,
        "method": question["method"],
        "params": question.get("params", {}),
    }
    return json.dumps(plain).encode("ascii")


class EngineTunnel:
    """Both ends: answers peers' questions from this node's engine, and carries this engine's questions to a peer.

    Args:
        chain: its id. network: carries. ask: puts a JSON-RPC body to this node's engine and answers its bytes, or None
        when it does not answer; None on a
            node whose engine has no such interface.
    """

    def __init__(self, chain: str, network: PeerNetwork, ask: Callable[[bytes], bytes | None] | None = None) -> None:
        self._chain = chain
        self._network = network
        self._ask = ask
        self._servers: list[tuple[http.server.ThreadingHTTPServer, threading.Thread]] = []

    def answer(self, body: bytes) -> bytes:
        """The engine's answer to a peer's question.

        Raises:
            DecodingError: ``PEER_PROTOCOL`` for what may not be asked.
            RefusedError: ``SERVICE_OFF`` without such an engine.
            UnavailableError: ``NODE_UNREACHABLE`` when it does not answer.
        """
        fault = check_question(body)
        if fault:
            raise DecodingError(Code.PEER_PROTOCOL, reason=fault)
        if self._ask is None:
            raise RefusedError(Code.SERVICE_OFF)
        found = self._ask(encode_question(body))
        if found is None:
            raise UnavailableError(Code.NODE_UNREACHABLE, reason="the engine does not answer")
        return found

    def open(self, peer: bytes) -> str:
        """A port on loopback (``127.0.0.1:PORT``) that leads to the peer's engine, until :meth:`close`."""
        tunnel = self

        class Handler(_Handler):
            """One question at a time, on each connection."""

            def carry(self, body: bytes) -> bytes:
                return tunnel._network.request(tunnel._chain, peer, Kind.TUNNEL, body, _ASK_S)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="exchange-tunnel", daemon=True)
        thread.start()
        self._servers.append((server, thread))
        return f"127.0.0.1:{server.server_address[1]}"

    def close(self) -> None:
        """Close every port."""
        servers, self._servers = self._servers, []
        for server, thread in servers:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    """POST of a JSON-RPC body; everything else is refused."""

    protocol_version = "HTTP/1.1"
    #: None: a light client keeps its connection between questions, and takes one that closed for a server that lies.
    timeout = None

    def carry(self, body: bytes) -> bytes:
        """Put the question to the peer."""
        raise NotImplementedError

    def do_POST(self) -> None:
        """Carry one question."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > _QUESTION_BYTES_MAX:
            self._say(413, b"")
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        if check_question(body):
            self._say(403, b"")
            return
        try:
            self._say(200, self.carry(body))
        except GovChainError as error:
            self._say(502, error.code.name.encode("ascii"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: the engine tells its own side."""

    def _say(self, status: int, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
