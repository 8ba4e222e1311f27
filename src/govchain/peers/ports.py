"""Kinds of messages, limits, what a chain hands in to hear them, and what is told of a peer.

Not here: bytes (:mod:`govchain.peers.frames`), connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Final, Protocol

__all__ = ["KIND_BYTES_MAX", "Kind", "KindBounds", "PeerHandler", "PeerLimits", "PeerStatus"]


@unique
class Kind(IntEnum):
    """What a message is about; the number travels (docs/spec/peers.md 3)."""

    HELLO = 1
    PREPARING = 2
    TRANSACTIONS = 3
    SIGNATURES = 4
    BLOCKS = 5
    SNAPSHOT = 6
    TUNNEL = 7


@dataclass(frozen=True, slots=True)
class KindBounds:
    """Bytes of a body, at most: of a message or request, and of the answer to a request."""

    message: int
    answer: int


_KIB: Final = 1024
_MIB: Final = 1024 * 1024

#: What a body may measure, by kind, where a node says nothing else. One block of the largest size fits an answer.
KIND_BYTES_MAX: Final[Mapping[Kind, KindBounds]] = MappingProxyType(
    {
        Kind.HELLO: KindBounds(256 * _KIB, 64 * _KIB),
        Kind.PREPARING: KindBounds(4 * _KIB, 4 * _KIB),
        Kind.TRANSACTIONS: KindBounds(8 * _MIB, 1 * _MIB),
        Kind.SIGNATURES: KindBounds(1 * _MIB, 4 * _MIB),
        Kind.BLOCKS: KindBounds(4 * _KIB, 96 * _MIB),
        Kind.SNAPSHOT: KindBounds(4 * _KIB, 8 * _MIB),
        Kind.TUNNEL: KindBounds(64 * _KIB, 8 * _MIB),
    }
)


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """Bounds of the route; seconds and bytes.

    ``handshakes_max``: connections that have not shown a known key yet; the oldest makes room. ``handshake_s``: for
    TLS. ``frame_s``: from a frame's first byte to its last. ``ping_s``: between two keep-alives; ``silence_s``: without
    a byte, after which a connection is given up. ``queue_bytes_max``: waiting to be sent to one peer.
    ``inbox_bytes_max``: received from one peer and not handled yet, after which no more is read from it.
    ``requests_max``: own requests to one peer that wait for an answer. ``redial_s_min``, ``redial_s_max``: between
    attempts to connect, doubling. ``courtesy_s``: for which the node with the larger key leaves dialling to the other.
    ``penalty_s``: for which a key whose connection broke the protocol is not let in again. ``threads``: that run
    handlers.
    """

    handshakes_max: int = 64
    handshake_s: float = 5.0
    frame_s: float = 30.0
    ping_s: float = 2.0
    silence_s: float = 8.0
    queue_bytes_max: int = 64 * _MIB
    inbox_bytes_max: int = 16 * _MIB
    requests_max: int = 256
    redial_s_min: float = 0.1
    redial_s_max: float = 5.0
    courtesy_s: float = 2.0
    penalty_s: float = 5.0
    threads: int = 6
    kinds: Mapping[Kind, KindBounds] = field(default_factory=lambda: KIND_BYTES_MAX)


class PeerHandler(Protocol):
    """What one chain does with what comes in; called on the route's threads, in order for each peer and kind."""

    def greeting(self) -> bytes:
        """What the next hello tells other nodes of this chain."""

    def connected(self, peer: bytes) -> None:
        """The member with this key can be sent to from now on."""

    def disconnected(self, peer: bytes) -> None:
        """It cannot any more."""

    def received(self, peer: bytes, kind: Kind, body: bytes) -> None:
        """A message came; for ``HELLO`` the other side's greeting."""

    def requested(self, peer: bytes, kind: Kind, body: bytes) -> bytes:
        """The answer to a request.

        Raises:
            GovChainError: to refuse; the code travels back.
        """


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """How one known member stands to this node.

    Counts are bytes of frames since the start, by name of kind, on this chain; ``rtt_ms`` of the newest keep-alive;
    ``clock_offset_ms``: how far its clock is ahead of this node's, as keep-alives tell; ``connected_since`` in ms;
    ``problem``: why the newest attempt to connect failed.
    """

    key: bytes
    name: str
    address: str
    connected: bool
    bytes_in: Mapping[str, int]
    bytes_out: Mapping[str, int]
    rtt_ms: float | None = None
    clock_offset_ms: float | None = None
    connected_since: int | None = None
    problem: str = ""
