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
        reads: who may search and list: ``session``, ``open`` or ``closed`` (docs/adr/0010).
        body_bytes_max: bytes of a request's body.
        envelopes_max: transactions in one request.
        body_ms_max: time in which a request's body must have come.
        answer_ms_max: time in which a request must be answered; waiting for a commit and streams have their own.
        wait_ms_max: longest wait for a commit that a client may ask for.
        rate_address: requests a second for each address; 0 for no limit.
        rate_session: requests a second for each session; 0 for no limit.
        rate_burst_s: seconds' worth of requests that may come at once.
        addresses_max: addresses and sessions whose rate is remembered.
        origins: web origins that may call from a browser; none by default.
        stall_ms_max: time in which a stream's client must take what it was sent.
    """

    reads: str = "session"
    body_bytes_max: int = 8 * 1024 * 1024
    envelopes_max: int = 1000
    body_ms_max: int = 20_000
    answer_ms_max: int = 30_000
    wait_ms_max: int = 60_000
    rate_address: int = 5_000
    rate_session: int = 2_000
    rate_burst_s: int = 2
    addresses_max: int = 65_536
    origins: tuple[str, ...] = ()
    stall_ms_max: int = 30_000
