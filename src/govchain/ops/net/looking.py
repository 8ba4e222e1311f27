"""Where each node of a network stands: one look at all of them at once, and whether their blocks are the same.

Rules: a node that does not answer is told as such and holds up nobody; all are asked at the same time. What a node
says of itself is not proved here. Not here: the table for people (``cli``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from govchain.crypto import get_suite
from govchain.model import Code, GovChainError, UnavailableError
from govchain.ops.net.layout import NetworkFolder, NodeEntry
from govchain.ops.net.processes import find_process
from govchain.proof.headers import header_identity
from govchain.sdk.http import Timeouts
from govchain.sdk.network import NetworkStatus
from govchain.sdk.probing import ProbeTransport
from govchain.sdk.transport import BLOCKS_PER_PAGE_MAX, ChainStatus

__all__ = ["Comparison", "NodeLook", "compare_nodes", "differing_heights", "identities", "look_at_nodes", "probe"]

#: Limits of one look, ms.
_LOOK_S: Final = 0.25
_TIMEOUTS: Final = Timeouts(connect_ms=1_000, read_ms=4_000, answer_ms=5_000)


@dataclass(frozen=True, slots=True)
class NodeLook:
    """One node at one moment; ``reason`` names the code for which it is not ready; no facts where it does not answer.

    ``state``: ``ready``; ``waiting`` and ``halted``, where the node says that it does not order for now, or any more;
    ``unready``, where it cannot be asked; ``stopped``, ``removed``.
    """

    node: NodeEntry
    state: Literal["ready", "waiting", "halted", "unready", "stopped", "removed"]
    pid: int | None = None
    reason: str = ""
    chain: ChainStatus | None = None
    network: NetworkStatus | None = None

    @property
    def url(self) -> str:
        """Where its API is."""
        return self.node.url


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several nodes' blocks up to ``height``: the newest one's identity (hex), and where not all have the same."""

    height: int
    identity: str
    differing: tuple[int, ...]


def probe(node: NodeEntry) -> ProbeTransport:
    """A way to the node for one question or a few; the caller closes it."""
    return ProbeTransport(node.url, timeouts=_TIMEOUTS, retries=0)


def look_at_nodes(folder: NetworkFolder, nodes: Sequence[NodeEntry]) -> list[NodeLook]:
    """A look at each node, in their order."""
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        return list(pool.map(lambda node: _look(folder, node), nodes))


def identities(node: NodeEntry, suite: str, first: int, last: int) -> dict[int, str]:
    """The identities (hex) of the node's blocks ``first`` to ``last`` that are there, computed from their headers.

    Raises:
        UnavailableError: the node does not answer.
    """
    found: dict[int, str] = {}
    with probe(node) as transport:
        for start in range(first, last + 1, BLOCKS_PER_PAGE_MAX):
            for record in transport.headers(start, min(last, start + BLOCKS_PER_PAGE_MAX - 1)).blocks:
                found[record.height] = header_identity(get_suite(suite), record.header).hex()
    return found


def compare_nodes(
    nodes: Sequence[NodeEntry],
    suite: str,
    *,
    timeout_s: float = 0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Comparison:
    """Compare the blocks of the nodes at every height, once those that are behind have come to where the first stood.

    Raises:
        UnavailableError: a node does not answer; ``NETWORK_NODE`` names one that is still behind after ``timeout_s``.
    """
    height = max(_height(node) for node in nodes)
    deadline = clock() + timeout_s
    for node in nodes:
        while (reached := _height(node)) < height:
            if clock() > deadline:
                raise UnavailableError(Code.NETWORK_NODE, name=node.name, reason=f"height {reached} of {height}")
            sleep(_LOOK_S)
    newest = identities(nodes[0], suite, height, height).get(height, "") if height else ""
    return Comparison(height, newest, tuple(differing_heights(nodes, suite, height)))


def differing_heights(nodes: Sequence[NodeEntry], suite: str, last: int) -> list[int]:
    """The heights up to ``last`` at which not every node that has a block there has the same, or none has one.

    A node that joined by snapshot has no blocks from before it, but for a few headers.

    Raises:
        UnavailableError: a node does not answer.
    """
    chains = [identities(node, suite, 1, last) for node in nodes]
    return [height for height in range(1, last + 1) if len({chain[height] for chain in chains if height in chain}) != 1]


def _height(node: NodeEntry) -> int:
    with probe(node) as transport:
        return transport.status().height


def _look(folder: NetworkFolder, node: NodeEntry) -> NodeLook:
    process = find_process(folder.node(node.name))
    if process is None:
        return NodeLook(node, "removed" if node.removed else "stopped")
    with probe(node) as transport:
        try:
            chain, network = transport.status(), transport.network()
        except GovChainError as error:
            return NodeLook(node, "unready", process.pid, error.code.name)
    told: Mapping[str, Literal["ready", "waiting", "halted"]] = {
        "ordering": "ready",
        "waiting": "waiting",
        "halted": "halted",
    }
    return NodeLook(node, told.get(network.state, "unready"), process.pid, network.problem, chain, network)
