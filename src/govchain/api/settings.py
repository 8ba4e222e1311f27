"""What an operator may set about the HTTP side; ``node.settings`` has the table for people.

Times in ms unless named otherwise, sizes in bytes. Not here: reading files or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ApiSettings"]


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Limits and choices of the HTTP side; the defaults are those of ``govchain up``.

    Attributes:
        node: the node's name, as genesis calls the member; part of each challenge.
        reads: who may search and list: ``session``, ``open`` or ``closed`` (docs/adr/0010).
        body_bytes_max: bytes of a request's body.
        envelopes_max: transactions in one request.
        header_bytes_max: bytes of a request's line and headers.
        header_ms_max: time in which a request's headers must have come.
        body_ms_max: time in which a request's body must have come.
        answer_ms_max: time in which a request must be answered; waiting for a commit and streams have their own.
        wait_ms_max: longest wait for a commit that a client may ask for.
        idle_ms_max: time after which an idle connection is closed.
        connections_max: open connections; at the limit the one idle for longest is closed.
        rate_address: requests a second for each address; 0 for no limit.
        rate_session: requests a second for each session; 0 for no limit.
        rate_burst_s: seconds' worth of requests that may come at once.
        addresses_max: addresses and sessions whose rate is remembered.
        origins: web origins that may call from a browser; none by default.
        read_threads: threads that answer reads.
        stall_ms_max: time in which a stream's client must take what it was sent.
    """

    node: str = "node-1"
    reads: str = "session"
    body_bytes_max: int = 8 * 1024 * 1024
    envelopes_max: int = 1000
    header_bytes_max: int = 16 * 1024
    header_ms_max: int = 10_000
    body_ms_max: int = 20_000
    answer_ms_max: int = 30_000
    wait_ms_max: int = 60_000
    idle_ms_max: int = 60_000
    connections_max: int = 4096
    rate_address: int = 5_000
    rate_session: int = 2_000
    rate_burst_s: int = 2
    addresses_max: int = 65_536
    origins: tuple[str, ...] = ()
    read_threads: int = 4
    stall_ms_max: int = 30_000
