"""Answers to what a joiner asks: the path of signer sets, the snapshots that are here, pieces of their files.

Purpose: behind kind ``snapshot`` of the route between nodes; any thread.
Rules: an answer is bounded, and found without reading the whole chain: epochs rise with the height, so that a change is
found by halving, once. A node that began from a snapshot passes on the path that it was shown itself.
Not here: the route (``exchange``), when snapshots are made (``consensus.snapshotting``).
"""

from __future__ import annotations

import threading

from govchain.consensus.application import LedgerApplication
from govchain.consensus.joining.shown import load_shown_path
from govchain.consensus.messages import (
    LINKS_MAX,
    OFFERS_MAX,
    PIECE_BYTES,
    Ask,
    Link,
    Offer,
    Offers,
    SignerPath,
    decode_message,
    encode_message,
)
from govchain.consensus.ports import SnapshotInfo
from govchain.model import Code, DecodingError, UnavailableError
from govchain.proof.headers import decode_header

__all__ = ["SnapshotServer"]


class SnapshotServer:
    """See the module. ``application`` is the node's."""

    def __init__(self, application: LedgerApplication) -> None:
        """Reads nothing yet."""
        self._application = application
        self._lock = threading.Lock()
        self._changes: list[int] | None = None  # heights whose headers change the set, after what was shown
        self._shown: list[Link] = []

    def answer(self, body: bytes) -> bytes:
        """The answer to one request.

        Raises:
            DecodingError: ``PEER_PROTOCOL``, also for a place where no piece begins. UnavailableError: ``NOT_FOUND``.
        """
        ask = decode_message(body, Ask)
        match ask.what:
            case "first":
                link = self._certified(1)
                if link is None:
                    raise UnavailableError(Code.NOT_FOUND, reason="block 1")
                return encode_message(link)
            case "path":
                return encode_message(self._path(ask.height))
            case "offers":
                return encode_message(self._offers())
            case "manifest":
                _require_piece(ask)
                return self._info(ask).manifest[ask.offset : ask.offset + PIECE_BYTES]
            case "chunk":
                _require_piece(ask)
                chunk = self._application.load_snapshot_chunk(ask.height, ask.index)
                return chunk[ask.offset : ask.offset + PIECE_BYTES]

    def _info(self, ask: Ask) -> SnapshotInfo:
        for info in self._application.list_snapshots():
            if info.height == ask.height:
                return info
        raise UnavailableError(Code.NOT_FOUND, reason=f"snapshot {ask.height}")

    def _path(self, epoch: int) -> SignerPath:
        with self._lock:
            self._follow()
            assert self._changes is not None
            wanted = range(epoch, min(epoch + LINKS_MAX, len(self._shown) + len(self._changes)))
            links = [self._link(number) for number in wanted]
            found = [link for link in links if link is not None]
            if len(found) < len(links):  # a certificate that is still to come: what follows it is of no use before
                found = found[: links.index(None)]
            return SignerPath(tuple(found), epoch + len(found) < len(self._shown) + len(self._changes) and bool(found))

    def _link(self, epoch: int) -> Link | None:
        assert self._changes is not None
        if epoch < len(self._shown):
            return self._shown[epoch]
        return self._certified(self._changes[epoch - len(self._shown)])

    def _follow(self) -> None:
        """Find the changes of the set up to the newest block."""
        application = self._application
        blocks, chain = application.blocks, application.chain
        if self._changes is None:
            self._shown = load_shown_path(application.snapshots_directory, application.machine)
            self._changes = []
        first = self._changes[-1] + 1 if self._changes else max(1, blocks.first())
        while len(self._shown) + len(self._changes) < chain.epoch:
            epoch = len(self._shown) + len(self._changes)
            low, high = first, chain.height + 1  # the last block of ``epoch`` is at ``low`` or above, below ``high``
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if blocks.decoded_header(middle).epoch <= epoch else (low, middle)
            self._changes.append(low)
            first = low + 1

    def _certified(self, height: int) -> Link | None:
        blocks = self._application.blocks
        header, certificate = blocks.header(height), blocks.certificate(height)
        return None if header is None or certificate is None else Link(header, certificate)

    def _offers(self) -> Offers:
        offers = []
        for info in self._application.list_snapshots()[:OFFERS_MAX]:
            offer = self._offer(info)
            if offer is not None:
                offers.append(offer)
        return Offers(tuple(offers))

    def _offer(self, info: SnapshotInfo) -> Offer | None:
        application = self._application
        place = info.height + application.machine.genesis.limits.checkpoint_delay_blocks
        header, carrier = application.blocks.header(info.height), self._certified(place)
        if header is None or carrier is None:
            return None
        with application.lock:
            path = application.history.inclusion_path(info.height - 1, decode_header(carrier.header).height - 1)
        return Offer(
            height=info.height,
            engine_height=info.engine_height,
            header=header,
            carrier=carrier,
            path=path,
            manifest=application.machine.suite.digest(info.manifest),
            manifest_bytes=len(info.manifest),
        )


def _require_piece(ask: Ask) -> None:
    """Each piece costs reading the whole file: they are asked for one after the other, and in no smaller steps."""
    if ask.offset % PIECE_BYTES:
        raise DecodingError(Code.PEER_PROTOCOL, reason="offset")
