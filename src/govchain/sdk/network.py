"""What a node tells of the network that it is in: its engine, its part in it, and the other nodes.

Purpose: the answer of ``GET /v1/network``, for operators and for tools that watch several nodes. Nothing here is
proved: it is one node's view of itself. Rules: no addresses and nothing secret. Not here: the chain's own standing
(:class:`~govchain.sdk.transport.ChainStatus`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

__all__ = ["ChainState", "HostedChain", "HostedChains", "NetworkStatus", "PeerFacts"]


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """Another node as this one sees it. Times in ms; ``rtt_ms`` is -1 before the first answer.

    ``height`` is the newest that it spoke of, 0 before; ``software`` what it says of its program.
    """

    name: str
    key: str
    connected: bool
    connected_since: int
    rtt_ms: int
    bytes_in: int
    bytes_out: int
    height: int
    software: str


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """A node's view of its network.

    ``engine`` is ``solo``, ``cometbft`` or ``etcd``. ``state`` says since ``since`` (ms) whether it orders:
    ``starting``, ``ordering``, ``waiting`` (it goes on by itself), ``halted`` (it does not), ``reading`` or ``closed``;
    ``problem`` is the name of the code for which it orders nothing, or empty. ``round`` and ``proposer`` are the
    engine's, where it has them; ``missing`` names members whose votes it waits for. ``member``: whether this node's key
    is in the set that signs the next block, of ``members`` keys of which ``quorum`` must sign; ``votes``: whether its
    engine votes, else it follows.
    """

    chain: str
    name: str
    key: str
    engine: str
    rule: str
    running: bool
    state: str
    problem: str
    since: int
    engine_height: int
    round: int
    proposer: str
    engine_peers: int
    missing: tuple[str, ...]
    member: bool
    votes: bool
    members: int
    quorum: int
    epoch: int
    height: int
    certified_height: int
    peers: tuple[PeerFacts, ...]


#: How a chain stands at one node (docs/spec/chains.md 4).
ChainState = Literal["absent", "failing", "idle", "off", "running", "starting", "stopped", "stopping", "waiting"]


@dataclass(frozen=True, slots=True)
class HostedChain:
    """A chain at one node, as that node says.

    ``decided``: the block of the parent chain that decided on it last. ``address``: URL of its API, or empty;
    ``height``, ``certified_height``: -1 before they are known. ``reason``: why it is as it is, in a few words for
    people, or empty. ``starts``: how often its process was started since the node's own start.
    """

    chain: Annotated[str, Meta(description="The chain's id.", examples=["county-7"])]
    fingerprint: Annotated[str, Meta(description="SM3 or SHA-256 of its genesis, in hex.", examples=["7d" * 32])]
    decided: Annotated[
        int, Meta(description="Height of the parent's block that decided on it last. Unit: blocks.", examples=[120])
    ]
    state: Annotated[ChainState, Meta(description="What the node does with it.", examples=["running"])]
    address: Annotated[str, Meta(description="URL of its API, or empty.", examples=["http://127.0.0.1:28600"])]
    height: Annotated[
        int, Meta(description="Its newest block at this node; -1 before it is known. Unit: blocks.", examples=[42])
    ]
    certified_height: Annotated[
        int,
        Meta(description="Its newest block with a certificate; -1 before it is known. Unit: blocks.", examples=[42]),
    ]
    reason: Annotated[str, Meta(description="Why it is as it is, in a few words, or empty.", examples=[""])]
    starts: Annotated[
        int,
        Meta(description="How often its process was started since the node's own start. Unit: starts.", examples=[1]),
    ]


@dataclass(frozen=True, slots=True)
class HostedChains:
    """The chains that the members created by vote, by chain id, as the node of chain ``parent`` sees them."""

    parent: Annotated[str, Meta(description="The chain whose members created them.", examples=["city"])]
    chains: Annotated[tuple[HostedChain, ...], Meta(description="By chain id.", examples=[[]])]
