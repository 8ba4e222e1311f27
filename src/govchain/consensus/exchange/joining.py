"""The way of a joiner's questions: requests of kind ``snapshot`` to the members that are connected.

Not here: what is asked and believed (``consensus.joining``), connections (``peers``).
"""

from __future__ import annotations

from collections.abc import Sequence

from govchain.peers import Kind, PeerNetwork

__all__ = ["PeersJoinRoute"]


class PeersJoinRoute:
    """See the module; a :class:`govchain.consensus.joining.JoinRoute` of one chain."""

    def __init__(self, chain: str, network: PeerNetwork) -> None:
        """Over ``network``, which hosts ``chain``."""
        self._chain = chain
        self._network = network

    def connected(self) -> Sequence[bytes]:
        """Member keys of the nodes that can be asked now."""
        return self._network.connected(self._chain)

    def ask(self, key: bytes, body: bytes, timeout_s: float) -> bytes:
        """That node's answer; raises UnavailableError, or what it refuses with."""
        return self._network.request(self._chain, key, Kind.SNAPSHOT, body, timeout_s)
