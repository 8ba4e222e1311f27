"""What a node tells about the requests that it answers: the value, and who listens.

Rules: a value names the route by its template and never holds anything that a client chose freely. Not here: the log
and the metrics, which listen (``node``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Answered", "LogControl", "Observer", "Operations"]


@dataclass(slots=True)
class Answered:
    """One answered request.

    Attributes:
        method: the method, as the client sent it; ``WEBSOCKET`` for a socket.
        route: the template of the route, ``unknown`` where there is none.
        status: HTTP status; 0 where the client went away before an answer began.
        code: name of the result code of a problem; ``OK`` without one.
        seconds: from the request's headers to the end of the answer.
        request: the request's id.
        account: address of the session's account, or an empty text.
        lasting: whether the answer is meant to last, as a stream does.
    """

    method: str
    route: str
    status: int
    code: str
    seconds: float
    request: str
    account: str = ""
    lasting: bool = False


class Observer(Protocol):
    """Hears of requests, on the event loop; quick, and never raises."""

    def began(self) -> None:
        """A request began."""

    def answered(self, answered: Answered) -> None:
        """A request ended."""


class LogControl(Protocol):
    """The level of a node's log."""

    @property
    def level(self) -> str:
        """The level now: ``debug``, ``info``, ``warning`` or ``error``."""

    def set_level(self, level: str) -> None:
        """Log from ``level`` on, until the settings are read again."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What operators change at run time."""

    logs: LogControl
