"""What must hold of every node's ledger after a fault, as a user of the SDK proves it over HTTP from the genesis alone.

Rules: blocks are read once for each node, and what comes later must continue what was read, so that a node that lost or
rewrote a block is caught by the next look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from govchain.ops.net.layout import NodeEntry
from govchain.sdk.checking import ChainChecker
from tests.net.kit import Net, wait_until


class Ledgers:
    """The ledgers of a network's nodes as far as they were proved; kept over several faults."""

    def __init__(self, net: Net) -> None:
        self._net = net
        #: For each node, by its name: the identity of its block at each height, from 1 on.
        self.identities: dict[str, list[str]] = {}
        #: For each node: how often each transaction (hex) is in its blocks with a receipt that it was executed.
        self.executed: dict[str, Counter[str]] = {}

    def agree(self, acknowledged: Iterable[str] = (), nodes: Iterable[NodeEntry] = ()) -> int:
        """Every node proves the same whole chain, with each acknowledged record in it once; the height.

        1. All come to where the first stands, certificates included.
        2. Each shows every block from 1 on, whole, certified by the signer set that genesis leads to.
        3. The identities are the same at every height.
        4. Each transaction is there once, and so is everything that was acknowledged.
        """
        asked = list(nodes) or list(self._net.present)
        # 1.
        height = max(self._net.height(node) for node in asked)
        for node in asked:
            wait_until(
                lambda node=node: self._net.certified(node) >= height, f"block {height} certified at {node.name}"
            )
        # 2.
        for node in asked:
            self._read(node, height)
        # 3.
        first = self.identities[asked[0].name][:height]
        assert len(first) == height
        for node in asked:
            assert self.identities[node.name][:height] == first, f"{node.name} has other blocks"
        # 4.
        wanted = set(acknowledged)
        for node in asked:
            executed = self.executed[node.name]
            twice = [id_ for id_, count in executed.items() if count > 1]
            assert not twice, f"{node.name} has executed twice: {twice}"
            lost = wanted - executed.keys()
            assert not lost, f"{node.name} has lost {len(lost)} of {len(wanted)} acknowledged records"
        return height

    def _read(self, node: NodeEntry, height: int) -> None:
        with self._net.transport(node) as transport:
            checker = ChainChecker(transport, self._net.trust)
            seen, executed = self.identities.setdefault(node.name, []), self.executed.setdefault(node.name, Counter())
            if len(seen) < height:
                checker.verified_headers(len(seen) + 1, height)
            while len(seen) < height:
                block = checker.verified_block(len(seen) + 1)
                if seen:
                    assert block.block.header.previous == seen[-1], f"a gap before block {len(seen) + 1}"
                seen.append(block.block.identity.hex())
                executed.update(one.id for one in block.transactions if one.code == 0)
