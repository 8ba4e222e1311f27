"""Counting what goes to one peer and comes from it, by chain and kind; any thread may read.

Not here: totals over peers, and how metrics are named (``node``).
"""

from __future__ import annotations

from collections import defaultdict

from govchain.peers.ports import Kind

__all__ = ["Traffic"]


class Traffic:
    """Bytes of frames since the start, before encryption. One thread writes, so that additions are whole."""

    __slots__ = ("_in", "_out")

    def __init__(self) -> None:
        """Nothing yet."""
        self._in: defaultdict[tuple[str, Kind], int] = defaultdict(int)
        self._out: defaultdict[tuple[str, Kind], int] = defaultdict(int)

    def received(self, chain: str, kind: Kind, count: int) -> None:
        """Note a frame of ``count`` bytes that came."""
        self._in[chain, kind] += count

    def sent(self, chain: str, kind: Kind, count: int) -> None:
        """Note a frame of ``count`` bytes that was handed to the system."""
        self._out[chain, kind] += count

    def bytes_in(self, chain: str) -> dict[str, int]:
        """Bytes received on ``chain`` by name of kind; keep-alives of the connection count for chain ``""``."""
        return {kind.name.lower(): self._in.get((chain, kind), 0) for kind in Kind}

    def bytes_out(self, chain: str) -> dict[str, int]:
        """Bytes sent on ``chain``, as :meth:`bytes_in`."""
        return {kind.name.lower(): self._out.get((chain, kind), 0) for kind in Kind}
