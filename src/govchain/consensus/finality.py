"""Finality: when this member signs a block, how members' signatures become its certificate, what is certified so far.

Purpose: behind every commit. Under ``solo`` and ``raft`` a member signs once its own commit is durable; under ``bft``
when the next engine block arrives, since two thirds have then agreed on the block's identity (ARCHITECTURE decision 5).
A certificate is written as soon as signatures of a quorum of the block's own set are here; one signature is the quorum
under ``solo``.
Rules: a certificate is written behind its block, so a crash may leave the newest ones out: they are signed again at the
start. Nothing that comes from others is believed before its signature was verified. Memory is bounded: at most
``OPEN_BLOCKS_MAX`` blocks wait for signatures, the oldest are given up (they can be fetched from others' stores; any
later certified block proves them).
Not here: the member's key (``certifier``), the form of a certificate (``proof.certificates``), the route between nodes
(comes with networks, through :class:`SignatureRoute`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from govchain.consensus.certifier import Certifier
from govchain.crypto import ALGORITHMS, Suite
from govchain.ledger import ChainState, ExecutedBlock
from govchain.model import Code
from govchain.model.wire import Header, SignerSet
from govchain.proof.certificates import assemble_certificate, encode_certificate, finality_message
from govchain.proof.signers import quorum
from govchain.storage import BlockStore

__all__ = ["OPEN_BLOCKS_MAX", "Finality", "FinalitySignature", "SignatureRoute"]

#: Blocks that wait for other members' signatures, at most.
OPEN_BLOCKS_MAX = 1_024


@dataclass(frozen=True, slots=True)
class FinalitySignature:
    """One member's signature over the block at ``height``: its public key and the signature, raw as the ledger's."""

    height: int
    key: bytes
    signature: bytes


class SignatureRoute(Protocol):
    """Carries members' signatures to the others; a node without peers has none."""

    def publish(self, signature: FinalitySignature) -> None:
        """Send this member's own signature to every other member; must not block and must not raise."""


@dataclass(slots=True)
class _Open:
    """A block without a certificate: the set in force before it, and the signatures so far by public key."""

    header: Header
    identity: bytes
    signers: SignerSet
    signatures: dict[bytes, bytes] = field(default_factory=dict)


class Finality:
    """See the module. The engine's thread tells of blocks; any thread may add others' signatures and ask.

    Args:
        suite: the chain's.
        blocks: where certificates lie.
        lock: held while a certificate is written, as for every write to the store.
        certifier: this member's key, or None on a node that is no member or only reads.
        route: to the other members, or None.
    """

    def __init__(
        self,
        suite: Suite,
        blocks: BlockStore,
        lock: AbstractContextManager[object],
        certifier: Certifier | None = None,
        route: SignatureRoute | None = None,
    ) -> None:
        self._suite = suite
        self._blocks = blocks
        self._writing = lock
        self._certifier = certifier
        self._route = route
        self._lock = threading.Lock()
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._unsigned: list[int] = []  # heights that this member signs when the next engine block arrives
        self._certified = blocks.newest_certificate()

    @property
    def certified_height(self) -> int:
        """The newest height that has a certificate here, or 0; every earlier block is proved by it."""
        return self._certified

    def resume(self, chain: ChainState) -> None:
        """After a restart: take up the blocks at the tip whose certificates are missing, and sign what is due.

        Only blocks of the present epoch: an older one's set has changed since, and a later certificate proves it.
        """
        self._certified = self._blocks.newest_certificate()
        with self._lock:
            self._open.clear()
            self._unsigned.clear()
        if self._certifier is None:
            return
        blocks, head = self._blocks, chain.height
        alone = quorum(chain.signers.rule, len(chain.signers.keys)) == 1
        lowest = 1 if alone else max(1, head - OPEN_BLOCKS_MAX + 1)
        first = head + 1
        while first > lowest and blocks.header(first - 1) is not None and blocks.certificate(first - 1) is None:
            first -= 1
        for height in range(first, head + 1):
            header = blocks.decoded_header(height)
            if header.epoch == chain.epoch:
                identity = chain.identity if height == head else blocks.identity_after(height)
                # Under bft, what lies below the head was followed by an engine block, which is what signing waits for.
                self._take_up(header, identity, chain.signers, agreed=height < head)

    def committed(self, block: ExecutedBlock) -> None:
        """A block's own commit is durable: sign it now, or when the next engine block arrives."""
        self._take_up(block.header, block.identity, block.signers, agreed=False)

    def engine_block(self) -> None:
        """The next engine block arrived: sign what waited for it."""
        if not self._unsigned:
            return
        with self._lock:
            due, self._unsigned = self._unsigned, []
            blocks = [self._open[height] for height in due if height in self._open]
        for block in blocks:
            self._sign(block)

    def add(self, signature: FinalitySignature) -> Code:
        """Take another member's signature; with a quorum the certificate is written.

        Returns:
            OK, also where the block has its certificate already; NOT_FOUND for a block that is not here (yet);
            SIGNER_UNKNOWN for a key that is not in the block's set; what the algorithm says of a false signature.
        """
        with self._lock:
            block = self._open.get(signature.height)
        if block is None:
            return Code.OK if self._blocks.certificate(signature.height) is not None else Code.NOT_FOUND
        key = signature.key.hex()
        algorithm = next((entry.algorithm for entry in block.signers.keys if entry.key == key), None)
        if algorithm is None:
            return Code.SIGNER_UNKNOWN
        header = block.header
        message = finality_message(
            header.chain, header.epoch, header.height, block.identity, bytes.fromhex(header.state_root)
        )
        code = ALGORITHMS[algorithm].check_signature(signature.key, message, signature.signature)
        if not code:
            self._collect(block, signature)
        return code

    def own_signature(self, height: int) -> FinalitySignature | None:
        """This member's signature over a block that waits for others', for a peer that asks; None where there is none.

        A block that has its certificate is answered from there instead.
        """
        if self._certifier is None:
            return None
        key = self._certifier.public_key
        with self._lock:
            block = self._open.get(height)
            signature = None if block is None else block.signatures.get(key)
        return None if signature is None else FinalitySignature(height, key, signature)

    def _take_up(self, header: Header, identity: bytes, signers: SignerSet, *, agreed: bool) -> None:
        member = self._certifier is not None and self._certifier.is_member(signers)
        if not member and self._route is None:
            return  # no signature will ever come
        block = _Open(header, identity, signers)
        signs_now = member and (agreed or signers.rule != "bft")
        with self._lock:
            self._open[header.height] = block
            if member and not signs_now:
                self._unsigned.append(header.height)
            while len(self._open) > OPEN_BLOCKS_MAX:
                self._open.popitem(last=False)
        if signs_now:
            self._sign(block)

    def _sign(self, block: _Open) -> None:
        assert self._certifier is not None  # only a member's blocks are signed
        height, key = block.header.height, self._certifier.public_key
        own = FinalitySignature(height, key, self._certifier.sign(block.header, block.identity))
        self._collect(block, own)
        if self._route is not None:
            self._route.publish(own)

    def _collect(self, block: _Open, signature: FinalitySignature) -> None:
        """Note a valid signature; write the certificate with the one that completes a quorum."""
        with self._lock:
            block.signatures.setdefault(signature.key, signature.signature)
            enough = len(block.signatures) >= quorum(block.signers.rule, len(block.signers.keys))
            if not enough or self._open.pop(block.header.height, None) is None:
                return
            signatures = dict(block.signatures)
        certificate = assemble_certificate(block.header, block.identity, block.signers, signatures)
        with self._writing:
            self._blocks.write_certificate(block.header.height, encode_certificate(certificate))
            self._certified = max(self._certified, block.header.height)
