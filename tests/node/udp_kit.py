"""Time servers on loopback: real UDP sockets, each in a thread, honest or with one fault."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from typing import Self

EPOCH_S = 2_208_988_800


def stamp(seconds: float) -> bytes:
    """An NTP timestamp for a Unix time."""
    whole = int(seconds)
    return struct.pack("!II", (whole + EPOCH_S) % 2**32, int((seconds - whole) * 2**32))


def packet(origin: bytes, ahead_s: float = 0.0, **changes) -> bytes:
    """A server's reply; ``changes`` replace its fields."""
    now = time.time() + ahead_s
    fields = {
        "first": 0x24,
        "stratum": 2,
        "root_delay": 0,
        "root_dispersion": 0,
        "name": b"TEST",
        "origin": origin,
        "received": stamp(now),
        "sent": stamp(now),
        **changes,
    }
    head = struct.pack(
        "!BBbbII4s",
        fields["first"],
        fields["stratum"],
        6,
        -20,
        fields["root_delay"],
        fields["root_dispersion"],
        fields["name"],
    )
    return head + bytes(8) + fields["origin"] + fields["received"] + fields["sent"]


#: What each kind of server sends for a request; ``mark`` is the request's transmit timestamp.
KINDS = {
    "honest": lambda mark, past: [packet(mark)],
    "version 3": lambda mark, past: [packet(mark, first=0x1C)],
    "lying": lambda mark, past: [packet(mark, ahead_s=3_600)],
    "slightly off": lambda mark, past: [packet(mark, ahead_s=2.5)],
    "silent": lambda mark, past: [],
    "replaying": lambda mark, past: [packet(past[0] if past else os.urandom(8), ahead_s=3_600)],
    "guessing": lambda mark, past: [packet(os.urandom(8), ahead_s=3_600) for _ in range(5)],
    "flooding": lambda mark, past: [os.urandom(48) for _ in range(200)],
    "flooding, then honest": lambda mark, past: [*[os.urandom(48) for _ in range(10)], packet(mark)],
    "short": lambda mark, past: [packet(mark)[:47]],
    "empty": lambda mark, past: [b""],
    "huge": lambda mark, past: [packet(mark) + bytes(1500)],
    "client mode": lambda mark, past: [packet(mark, first=0x23)],
    "broadcast mode": lambda mark, past: [packet(mark, first=0x25)],
    "version 7": lambda mark, past: [packet(mark, first=0x3C)],
    "unsynchronised": lambda mark, past: [packet(mark, first=0xE4)],
    "stratum 16": lambda mark, past: [packet(mark, stratum=16)],
    "far from its source": lambda mark, past: [packet(mark, root_dispersion=5 << 16)],
    "zero times": lambda mark, past: [packet(mark, received=bytes(8), sent=bytes(8))],
    "times in the wrong order": lambda mark, past: [packet(mark, sent=stamp(time.time() - 5))],
    "kiss RATE": lambda mark, past: [packet(mark, stratum=0, name=b"RATE")],
    "kiss DENY": lambda mark, past: [packet(mark, stratum=0, name=b"DENY")],
}


class TimeServers:
    """One server for each kind; ``names`` are what the setting takes, ``asked`` counts requests by place."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = list(kinds)
        self.asked = [0] * len(kinds)
        self._stack = contextlib.ExitStack()
        self._stopping = False

    def __enter__(self) -> Self:
        self._sockets = [self._bound() for _ in self.kinds]
        self.names = tuple(f"127.0.0.1:{place.getsockname()[1]}" for place in self._sockets)
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), daemon=True) for number in range(len(self.kinds))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def _bound(self) -> socket.socket:
        place = self._stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        place.bind(("127.0.0.1", 0))
        place.settimeout(0.05)
        return place

    def _serve(self, number: int) -> None:
        place, past = self._sockets[number], []
        while not self._stopping:
            try:
                data, sender = place.recvfrom(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            assert len(data) == 48
            assert data[0] == 0x23
            assert not any(data[1:40]), "a request tells nothing of the client"
            self.asked[number] += 1
            mark = data[40:48]
            for reply in KINDS[self.kinds[number]](mark, past):
                place.sendto(reply, sender)
            past.append(mark)

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        for thread in self._threads:
            thread.join(5)
        self._stack.close()
