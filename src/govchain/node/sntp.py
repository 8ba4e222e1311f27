"""Asking time servers: a minimal SNTP client (RFC 5905, client mode 3, server mode 4) over UDP.

Purpose: :func:`ask_servers` asks several servers at once and says of each what came of it. Rules: a reply counts only
when it carries the 64 random bits that this request carried in its transmit timestamp (which also tells the server
nothing about our clock), comes from the address that was asked, and shows a server that is synchronised itself; other
datagrams are ignored, a bounded number of them, until the time is over. The round trip is measured on a clock that
never jumps. Not here: what several answers together mean (``node.clock``), authenticated time (NTS).
"""

from __future__ import annotations

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from govchain.model import Code, UsageError

__all__ = ["DATAGRAMS_MAX", "PORT", "ServerAnswer", "TimeServer", "ask_servers", "time_servers"]

#: Where time servers listen.
PORT: Final = 123
#: Datagrams that are looked at for one request; a server that floods is left after that.
DATAGRAMS_MAX: Final = 32
#: How far a server may be from its own source, in ms: root delay / 2 + root dispersion (RFC 5905 A.1.1, MAXDIST).
_ROOT_DISTANCE_MS_MAX: Final = 1_500
_PACKET_BYTES: Final = 48
_DATAGRAM_BYTES_MAX: Final = 2048
_CLIENT: Final = 0x23  # leap 0, version 4, mode 3
_SERVER_MODE: Final = 4
_STRATUM_MAX: Final = 15
_UNSYNCHRONISED: Final = 3
#: Seconds from 1900, where NTP counts from, to 1970.
_EPOCH_S: Final = 2_208_988_800
_ERA_NS: Final = 2**32 * 10**9
_SERVERS_MAX: Final = 16
#: ``HOST``, ``HOST:PORT``, ``[ADDRESS]``, ``[ADDRESS]:PORT`` and an IPv6 address as it is.
_NAMED: Final = re.compile(
    r"(?P<host>[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"|\[(?P<address>[0-9A-Fa-f:.]{2,45})\](?::(?P<port_of_address>[0-9]{1,5}))?"
    r"|(?P<bare>[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)"
)
_FIELDS: Final = struct.Struct("!BBbbII4s8s8s8s8s")


@dataclass(frozen=True, slots=True)
class TimeServer:
    """A server to ask: a host name or an address, and a port."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORT else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What came of asking one server.

    Attributes:
        server: who was asked.
        outcome: ``answered``; ``unknown-host``, ``unreachable``, ``silent``; ``unsynchronised``: it does not know the
            time itself; ``kiss-of-death``: it wants to be asked less, or not at all.
        offset_ms: how far the server's clock is ahead of ours.
        delay_ms: of the round trip.
        kiss: the four letters of a kiss of death.
    """

    server: TimeServer
    outcome: str
    offset_ms: float = 0.0
    delay_ms: float = 0.0
    kiss: str = ""


def time_servers(texts: Sequence[str]) -> tuple[TimeServer, ...]:
    """The servers of the setting ``ntp_servers``: ``HOST``, ``HOST:PORT`` or ``[ADDRESS]:PORT``.

    Raises:
        UsageError: ``USAGE`` for a text that is none, or for too many.
    """
    if len(texts) > _SERVERS_MAX:
        raise UsageError(Code.USAGE, reason=f"ntp_servers: at most {_SERVERS_MAX}")
    servers: list[TimeServer] = []
    for text in texts:
        found = _NAMED.fullmatch(text)
        host = "" if found is None else found["address"] or found["bare"] or found["host"]
        port = str(PORT) if found is None else found["port"] or found["port_of_address"] or str(PORT)
        if not host or not 0 < int(port) < 65_536:
            raise UsageError(Code.USAGE, reason=f"ntp_servers: HOST or HOST:PORT, not {text[:80]!r}")
        servers.append(TimeServer(host, int(port)))
    return tuple(servers)


class _Request:
    """One server that is being asked."""

    __slots__ = ("datagrams", "mark", "sent_steady_ns", "sent_wall_ns", "server", "socket")

    def __init__(self, server: TimeServer, mark: bytes, wall_ns: int, steady_ns: int) -> None:
        """Ask; the socket takes datagrams of that address alone."""
        family, kind, protocol, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)[0]
        self.server = server
        self.mark = mark
        self.datagrams = 0
        self.socket = socket.socket(family, kind, protocol)
        try:
            self.socket.setblocking(False)
            self.socket.connect(address)
            self.sent_wall_ns = wall_ns
            self.sent_steady_ns = steady_ns
            self.socket.send(bytes((_CLIENT,)) + bytes(39) + mark)
        except OSError:
            self.socket.close()
            raise


def ask_servers(
    servers: Sequence[TimeServer],
    random: Callable[[int], bytes],
    timeout_s: float = 2.0,
    wall_ns: Callable[[], int] = time.time_ns,
    steady_ns: Callable[[], int] = time.monotonic_ns,
) -> list[ServerAnswer]:
    """What each of ``servers`` says, in their order, after ``timeout_s`` at most (beside looking up names)."""
    answers: dict[TimeServer, ServerAnswer] = {}
    with selectors.DefaultSelector() as selector:
        try:
            for server in servers:
                try:
                    request = _Request(server, random(8), wall_ns(), steady_ns())
                    selector.register(request.socket, selectors.EVENT_READ, request)
                except socket.gaierror:
                    answers[server] = ServerAnswer(server, "unknown-host")
                except OSError:
                    answers[server] = ServerAnswer(server, "unreachable")
            deadline_ns = steady_ns() + int(timeout_s * 1e9)
            while selector.get_map() and (left_ns := deadline_ns - steady_ns()) > 0:
                for key, _ in selector.select(left_ns / 1e9):
                    answer = _receive(key.data, steady_ns)
                    if answer is not None:
                        answers[answer.server] = answer
                        selector.unregister(key.fileobj)
                        key.data.socket.close()
        finally:
            for key in list(selector.get_map().values()):
                key.data.socket.close()
    return [answers.get(server, ServerAnswer(server, "silent")) for server in servers]


def _receive(request: _Request, steady_ns: Callable[[], int]) -> ServerAnswer | None:
    """Look at one datagram; None where it says nothing and another may come."""
    try:
        data = request.socket.recv(_DATAGRAM_BYTES_MAX)
    except BlockingIOError:
        return None
    except OSError:
        return ServerAnswer(request.server, "unreachable")
    request.datagrams += 1
    answer = _read_reply(request, data, steady_ns() - request.sent_steady_ns)
    if answer is None and request.datagrams >= DATAGRAMS_MAX:
        return ServerAnswer(request.server, "silent")
    return answer


def _read_reply(request: _Request, data: bytes, elapsed_ns: int) -> ServerAnswer | None:
    """The answer in a datagram; None for what is no reply to this request."""
    # 1. A server's packet of a version that we know, to this very request.
    if len(data) < _PACKET_BYTES:
        return None
    first, stratum, _, _, root_delay, root_dispersion, name, _, origin, received, sent = _FIELDS.unpack_from(data)
    leap, version, mode = first >> 6, first >> 3 & 7, first & 7
    if mode != _SERVER_MODE or version not in (3, 4) or origin != request.mark:
        return None
    # 2. A server that answers, and knows the time.
    if stratum == 0:
        kiss = name.decode("ascii", "replace") if name.isalpha() else ""
        return ServerAnswer(request.server, "kiss-of-death", kiss=kiss)
    distance_ms = (root_delay / 2 + root_dispersion) * 1000 / 65_536
    if (
        leap == _UNSYNCHRONISED
        or stratum > _STRATUM_MAX
        or distance_ms > _ROOT_DISTANCE_MS_MAX
        or not any(received)
        or not any(sent)
    ):
        return ServerAnswer(request.server, "unsynchronised")
    # 3. Offset and delay from the four times (RFC 5905 section 8).
    began = request.sent_wall_ns
    ended = began + elapsed_ns
    arrived, left = _unix_ns(received, began), _unix_ns(sent, began)
    delay_ns = elapsed_ns - (left - arrived)
    if left < arrived or delay_ns < -1_000_000:
        return ServerAnswer(request.server, "unsynchronised")
    return ServerAnswer(
        request.server, "answered", ((arrived - began) + (left - ended)) / 2 / 1e6, max(0, delay_ns) / 1e6
    )


def _unix_ns(stamp: bytes, near_ns: int) -> int:
    """A timestamp in ns since 1970, in the era that is nearest to ``near_ns``: NTP's seconds wrap in 2036."""
    seconds, fraction = struct.unpack("!II", stamp)
    value: int = (seconds - _EPOCH_S) * 10**9 + (fraction * 10**9 >> 32)
    return value + round((near_ns - value) / _ERA_NS) * _ERA_NS
