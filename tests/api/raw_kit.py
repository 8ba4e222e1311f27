"""HTTP by hand: bytes over a socket, and what came back, for what no client library would send."""

from __future__ import annotations

import contextlib
import json
import socket
import urllib.parse
from dataclasses import dataclass, field

WAIT_S = 15


@dataclass
class Reply:
    """One answer: status (0 where none came), headers in lower case, body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def code(self) -> str:
        """The result code of a problem document; empty for none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(json.loads(self.body)["code"])


def connect(url: str) -> socket.socket:
    """A connection to the node at ``url``."""
    place = urllib.parse.urlsplit(url)
    connection = socket.create_connection((place.hostname, place.port), timeout=WAIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Everything until the node closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            data += part
    return data


def replies(data: bytes) -> list[Reply]:
    """The answers in what a connection gave; each has a length or is the last one."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *rows = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        length = int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            length = len(data)
        status = int(first.split(" ")[1])
        found.append(Reply(status, headers, data[:length]))
        data = data[length:]
    return found


def talk(url: str, data: bytes, *, shut: bool = False) -> list[Reply]:
    """Send ``data`` and give every answer until the node closes; ``shut`` ends our own side first."""
    with connect(url) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(data)
            if shut:
                connection.shutdown(socket.SHUT_WR)
        return replies(read_all(connection))


def read_reply(connection: socket.socket) -> Reply:
    """One answer of a connection that stays open; an empty one where the node closed it."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while b"\r\n\r\n" not in data:
            part = connection.recv(65_536)
            if not part:
                return Reply()
            data += part
        head = data.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
        length = next(int(row.partition(":")[2]) for row in head.split("\r\n") if row.startswith("content-length:"))
        while len(data) - len(head) - 4 < length:
            part = connection.recv(65_536)
            if not part:
                return Reply()
            data += part
    return replies(data)[0] if data else Reply()
