"""Blocks between nodes: served from this node's store, fetched from others', checked against their own headers.

Rules: what is fetched hangs together (its envelopes and receipts are those of its header); whether the header is the
chain's is for the caller, who has a certificate or executes the block. Answers are bounded, and so is what is kept.
Not here: executing (``application``), who has which block: everybody is asked in turn.
"""

from __future__ import annotations

import threading
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.consensus.messages import BlockRange, PeerBlock, decode_message, encode_message
from govchain.consensus.ports import FetchedBlock
from govchain.crypto import Suite
from govchain.ledger.contents import check_contents
from govchain.model import DecodingError, GovChainError
from govchain.peers import Kind, PeerNetwork
from govchain.proof.headers import decode_header

__all__ = ["BLOCKS_BYTES", "BlockExchange", "check_block"]

#: Bytes of blocks in one answer, unless one alone is larger.
BLOCKS_BYTES: Final = 4 * 1024 * 1024
#: Blocks in one answer, at most.
_BLOCKS_MAX: Final = 512
_ASK_S: Final = 30.0


def check_block(suite: Suite, height: int, block: PeerBlock) -> str:
    """The reason why ``block`` is not one of ``height`` that hangs together, or an empty string.

    1. Its header is a header of that height.
    2. Its envelopes and its receipts are those that the header's roots and count name.

    The caller still owes: that the header is the chain's.
    """
    # 1.
    try:
        header = decode_header(block.header)
    except DecodingError:
        return "header"
    if header.height != height:
        return "height"
    # 2.
    return check_contents(suite, header, block.envelopes, block.receipts)


class BlockExchange:
    """See the module.

    Args:
        chain: its id.
        application: whose store serves.
        network: carries.
    """

    def __init__(self, chain: str, application: LedgerApplication, network: PeerNetwork) -> None:
        self._chain = chain
        self._application = application
        self._network = network
        self._suite = application.machine.suite
        self._lock = threading.Lock()
        self._ahead: dict[int, FetchedBlock] = {}
        self._turn = 0

    def answer(self, body: bytes) -> bytes:
        """Blocks that a peer asks for, as far as they are here and fit.

        Raises:
            DecodingError: ``PEER_PROTOCOL``.
        """
        asked = decode_message(body, BlockRange)
        blocks = self._application.blocks
        room = min(asked.bytes_max, BLOCKS_BYTES)
        found: list[PeerBlock] = []
        last = min(asked.last, self._application.chain.height, asked.first + _BLOCKS_MAX - 1)
        for height in range(max(1, asked.first), last + 1):
            header = blocks.header(height)
            if header is None:
                break
            envelopes, receipts = blocks.envelopes(height), blocks.receipts(height)
            certificate = blocks.certificate(height) or b""
            room -= len(header) + len(certificate) + sum(map(len, envelopes)) + sum(map(len, receipts))
            if room < 0 and found:
                break
            found.append(PeerBlock(header, envelopes, receipts, certificate))
        return encode_message(found)

    def fetch_from(self, peer: bytes, first: int, last: int) -> list[PeerBlock]:
        """Blocks from ``first`` on that one peer has; each hangs together, and none follows one that does not.

        Raises:
            GovChainError: ``NODE_UNREACHABLE``, ``TIMED_OUT``, ``PEER_PROTOCOL``, or what the peer answers.
        """
        body = encode_message(BlockRange(first, last, BLOCKS_BYTES))
        data = self._network.request(self._chain, peer, Kind.BLOCKS, body, _ASK_S)
        found: list[PeerBlock] = []
        for height, block in enumerate(decode_message(data, tuple[PeerBlock, ...]), first):
            if height > last or check_block(self._suite, height, block):
                break
            found.append(block)
        return found

    def fetch_blocks(self, first: int, last: int) -> list[PeerBlock]:
        """Blocks from ``first`` on, as many as the first peer that has any gives at once; empty when nobody has."""
        for peer in self._in_turn():
            try:
                found = self.fetch_from(peer, first, last)
            except GovChainError:
                continue
            if found:
                return found
        return []

    def fetch(self, height: int) -> FetchedBlock | None:
        """The block at ``height`` with its certificate, from whoever has both; None when nobody answers soon.

        Blocks that came along are kept for the next call. Never raises.
        """
        with self._lock:
            found = self._ahead.pop(height, None)
            if found is not None:
                return found
            self._ahead.clear()
        for peer in self._in_turn():
            try:
                blocks = self.fetch_from(peer, height, height + _BLOCKS_MAX - 1)
            except GovChainError:
                continue
            ahead: dict[int, FetchedBlock] = {}
            for number, block in enumerate(blocks, height):
                if not block.certificate:
                    break
                ahead[number] = FetchedBlock(block.header, block.envelopes, block.certificate)
            if ahead:
                with self._lock:
                    self._ahead = ahead
                    return ahead.pop(height)
        return None

    def _in_turn(self) -> list[bytes]:
        """The peers that are connected, beginning with another one each time."""
        peers = self._network.connected(self._chain)
        if not peers:
            return []
        self._turn = (self._turn + 1) % len(peers)
        return peers[self._turn :] + peers[: self._turn]
