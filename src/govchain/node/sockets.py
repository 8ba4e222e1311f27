"""WebSockets of the HTTP side: how many frames a second that are no message, or only a part of one.

Purpose: uvicorn's protocol answers every ping at once, whether or not the client reads the answers, and keeps every
part of a message until its last one: a client that sends nothing else would fill the memory and hold up all others.
Rules: who sends more of these than :data:`SMALL_FRAMES_MAX` in a second is cut off. Not here: messages, which wait
until the one before is handled (``api.streams``); connections before they become sockets (``node.connections``).
"""

from __future__ import annotations

import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

__all__ = ["SMALL_FRAMES_MAX", "BoundedSocket"]

#: Pings, pongs and parts of messages that a client may send in a second.
SMALL_FRAMES_MAX: Final = 100

_log = logging.getLogger("govchain.node.sockets")


class BoundedSocket(WebSocketsSansIOProtocol):
    """See the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*args, **options)
        self._small_frames = 0
        self._since_s = 0.0

    def handle_ping(self) -> None:
        """Answer a ping."""
        if self._takes_frame():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping of ours, or one that nobody asked for."""
        if self._takes_frame():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """Take a further part of a message."""
        if self._takes_frame():
            super().handle_cont(event)

    def _takes_frame(self) -> bool:
        """Count a frame; the one too many ends the connection without sending what still waits."""
        if self.transport.is_closing():
            return False
        now_s = self.loop.time()
        if now_s - self._since_s >= 1:
            self._small_frames, self._since_s = 0, now_s
        self._small_frames += 1
        if self._small_frames > SMALL_FRAMES_MAX:
            _log.info("socket aborted: too many frames that are no message")
            self.transport.abort()
            return False
        return True
