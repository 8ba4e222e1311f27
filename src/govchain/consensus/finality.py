"""Finality: when this member signs a block, how members' signatures become its certificate, what is certified so far.

Purpose: behind every commit. Under ``solo`` and ``raft`` a member signs once its own commit is durable; under ``bft``
when the next engine block arrives, since two thirds have then agreed on the block's identity (ARCHITECTURE decision 5).
A certificate is written as soon as signatures of a quorum of the block's own set are here; one signature is the quorum
under ``solo``. A certificate that another node completed is taken as it is, once verified.
Rules: a certificate is written behind its block, so a crash may leave the newest ones out: they are signed again at the
start. Nothing that comes from others is believed before its signature was verified. Memory is bounded: at most
``OPEN_BLOCKS_MAX`` blocks wait for signatures, the oldest are given up (their certificates can be fetched from others:
:meth:`Finality.missing`); signatures that arrive before their block wait for it, ``EARLY_BLOCKS_MAX`` blocks far.
Not here: the member's key (``certifier``), signatures over other blocks (``disagreement``), the form of a certificate
(``proof.certificates``), the route between nodes (``exchange``, through :class:`SignatureRoute`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from govchain.consensus.certifier import Certifier
from govchain.consensus.disagreement import Disagreements, FinalitySignature, check_signature
from govchain.crypto import Suite
from govchain.ledger import ChainState, ExecutedBlock
from govchain.model import Code, GovChainError, VerificationError
from govchain.model.wire import Certificate, Header, SignerSet
from govchain.proof.certificates import (
    assemble_certificate,
    decode_certificate,
    encode_certificate,
    verify_certificate,
    verify_certificate_signatures,
)
from govchain.proof.headers import header_identity
from govchain.proof.signers import quorum
from govchain.storage import BlockStore

__all__ = ["EARLY_BLOCKS_MAX", "OPEN_BLOCKS_MAX", "Finality", "FinalitySignature", "SignatureRoute"]

#: Blocks that wait for other members' signatures, at most.
OPEN_BLOCKS_MAX = 1_024
#: How far above the head a signature may be to be kept until its block is here.
EARLY_BLOCKS_MAX = 64
#: Heights that one call of :meth:`Finality.missing` looks at, at most.
_LOOKED_AT_MAX = 10_000


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

    def signed(self, key: bytes, signature: bytes) -> FinalitySignature:
        """A member's signature over this block."""
        header = self.header
        root = bytes.fromhex(header.state_root)
        return FinalitySignature(header.height, key, signature, header.epoch, self.identity, root)

    def is_of(self, signature: FinalitySignature) -> bool:
        """Whether the signature speaks of this block."""
        root = bytes.fromhex(self.header.state_root)
        return signature.block == (self.header.epoch, self.identity, root)


class Finality:
    """See the module. The engine's thread tells of blocks; any thread may add others' signatures and ask.

    Args:
        suite: the chain's.
        chain: its id.
        blocks: where certificates lie.
        lock: held while a certificate is written, as for every write to the store.
        certifier: this member's key, or None on a node that is no member or only reads.
        route: to the other members, or None.
    """

    def __init__(
        self,
        suite: Suite,
        chain: str,
        blocks: BlockStore,
        lock: AbstractContextManager[object],
        certifier: Certifier | None = None,
        route: SignatureRoute | None = None,
    ) -> None:
        self._suite = suite
        self._blocks = blocks
        self._chain = chain
        self._writing = lock
        self._certifier = certifier
        self.route = route
        self._lock = threading.Lock()
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._unsigned: list[int] = []  # heights that this member signs when the next engine block arrives
        self._early: dict[int, dict[bytes, FinalitySignature]] = {}
        self._head = 0
        self._members: frozenset[bytes] = frozenset()
        self._complete = 0  # every block up to here that the store holds has its certificate
        self._certified = blocks.newest_certificate()
        self.disagreements = Disagreements(chain, suite.member_algorithm)

    @property
    def certified_height(self) -> int:
        """The newest height that has a certificate here, or 0; every earlier block is proved by it."""
        return self._certified

    def resume(self, chain: ChainState) -> None:
        """After a restart: take up the newest blocks whose certificates are missing, and sign what is due.

        Each under the set of its own epoch: where several members crashed, nobody else may have the certificate.
        """
        self._certified = self._blocks.newest_certificate()
        with self._lock:
            self._open.clear()
            self._unsigned.clear()
            self._early.clear()
        self._follow(chain.height, chain.signers)
        if self._certifier is None:
            return
        blocks, head = self._blocks, chain.height
        alone = quorum(chain.signers.rule, len(chain.signers.keys)) == 1
        lowest = 1 if alone else max(1, head - OPEN_BLOCKS_MAX + 1)
        missing: list[int] = []
        for height in range(head, lowest - 1, -1):
            if blocks.header(height) is None or (alone and blocks.certificate(height) is not None):
                break  # alone, certificates are written in order and a crash loses the last ones
            if blocks.certificate(height) is None:
                missing.append(height)
        for height in reversed(missing):
            header = blocks.decoded_header(height)
            signers = chain.signers if header.epoch == chain.epoch else blocks.signer_set(header.epoch)
            if signers is not None:
                identity = chain.identity if height == head else blocks.identity_after(height)
                # Under bft, what lies below the head was followed by an engine block, which is what signing waits for.
                self._take_up(header, identity, signers, agreed=height < head)

    def committed(self, block: ExecutedBlock) -> None:
        """A block's own commit is durable: sign it now, or when the next engine block arrives."""
        self._follow(block.header.height, block.next_signers)
        self._take_up(block.header, block.identity, block.signers, agreed=False)
        with self._lock:
            early = self._early.pop(block.header.height, {})
            for height in [height for height in self._early if height <= block.header.height]:
                del self._early[height]
        for signature in early.values():
            self.add(signature)

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
            OK, also where the block has its certificate already; NOT_FOUND for a block that is not here (yet), whose
            signatures are kept for a while; SIGNER_UNKNOWN for a key that is not in the block's set; BLOCK_INVALID for
            another block than the one that is here; what the algorithm says of a false signature.
        """
        height = signature.height
        with self._lock:
            block = self._open.get(height)
            if block is None and height > self._head:
                self._keep_early(signature)
                return Code.NOT_FOUND
        if block is None:
            return self._add_to_closed(signature)
        if not block.is_of(signature):
            own = block.signatures.get(signature.key)
            known = None if own is None else block.signed(signature.key, own)
            return self.disagreements.add(block.signers, block.header.epoch, signature, known)
        code = check_signature(self._chain, block.signers, signature)
        if not code:
            self._collect(block, signature)
        return code

    def add_certificate(self, height: int, data: bytes) -> Code:
        """Take a certificate that another node completed.

        Returns:
            OK, also where there is one already; NOT_FOUND for a block that is not here; NODE_DIVERGED when a quorum
            of the set signed another block than the one that is here; otherwise why it is no certificate of it.
        """
        header_bytes = self._blocks.header(height)
        if header_bytes is None:
            return Code.NOT_FOUND
        if self._blocks.certificate(height) is not None or height <= self._blocks.pruned():
            return Code.OK
        header = self._blocks.decoded_header(height)
        identity = header_identity(self._suite, header_bytes)
        try:
            certificate = decode_certificate(data)
            if self._is_of_another(header, identity, certificate):
                reason = f"certificate {certificate.identity[:16]}, here {identity.hex()[:16]}"
                if self.disagreements.watch is not None:
                    self.disagreements.watch.diverged(height, reason)
                return Code.NODE_DIVERGED
            verify_certificate(self._suite, header, identity, certificate)
        except GovChainError as error:
            return error.code
        with self._lock:
            self._open.pop(height, None)
        self._write(height, data)
        return Code.OK

    def missing(self, limit: int) -> list[int]:
        """Up to ``limit`` heights, lowest first, whose certificates are not here although those around them may be.

        The newest block is left out while the members are still signing it. Looks at a bounded number of blocks.
        """
        found: list[int] = []
        if not self._complete:
            self._complete = max(0, self._blocks.first() - 1)
        # What was pruned had its certificate.
        height = self._complete = max(self._complete, self._blocks.pruned())
        for height in range(self._complete + 1, min(self._head, self._complete + 1 + _LOOKED_AT_MAX)):
            if self._blocks.certificate(height) is None:
                found.append(height)
                if len(found) >= limit:
                    break
            elif not found:
                self._complete = height
        return found

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
            return None if block is None or signature is None else block.signed(key, signature)

    def open_heights(self) -> list[int]:
        """Heights that wait for other members' signatures, lowest first."""
        with self._lock:
            return sorted(self._open)

    def waiting_for(self, height: int) -> list[bytes]:
        """Keys of the members whose signatures over an open block are not here."""
        with self._lock:
            block = self._open.get(height)
            if block is None:
                return []
            keys = (bytes.fromhex(entry.key) for entry in block.signers.keys)
            return [key for key in keys if key not in block.signatures]

    def _follow(self, head: int, signers: SignerSet) -> None:
        with self._lock:
            self._head = head
            self._members = frozenset(bytes.fromhex(entry.key) for entry in signers.keys)

    def _keep_early(self, signature: FinalitySignature) -> None:
        """Keep a signature whose block is not here yet; verified when it is. Under the lock.

        Bounded by the members of the present set, one signature of each for each height.
        """
        if signature.height <= self._head + EARLY_BLOCKS_MAX and signature.key in self._members:
            self._early.setdefault(signature.height, {}).setdefault(signature.key, signature)

    def _add_to_closed(self, signature: FinalitySignature) -> Code:
        """A signature over a block that is not open any more: nothing is needed, unless it speaks of another block."""
        stored = self._blocks.certificate(signature.height)
        if stored is None:
            return Code.NOT_FOUND
        certificate = decode_certificate(stored)
        here = (certificate.epoch, bytes.fromhex(certificate.identity), bytes.fromhex(certificate.state_root))
        if signature.block == here:
            if not self.disagreements.has(signature.height, signature.key):
                return Code.OK
            code = check_signature(self._chain, certificate.set, signature)
            if not code:
                self.disagreements.complete(signature)
            return code
        key = signature.key.hex()
        own = next((entry.signature for entry in certificate.signatures if entry.key == key), None)
        known = None if own is None else FinalitySignature(signature.height, signature.key, bytes.fromhex(own), *here)
        return self.disagreements.add(certificate.set, certificate.epoch, signature, known, final=True)

    def _is_of_another(self, header: Header, identity: bytes, certificate: Certificate) -> bool:
        """Whether a quorum of the header's own set signed another block of its height."""
        same_place = (certificate.chain, certificate.height) == (header.chain, header.height)
        same_block = (certificate.identity, certificate.state_root) == (identity.hex(), header.state_root)
        if not same_place or same_block:
            return False
        try:
            verify_certificate_signatures(self._suite, certificate, header.signers)
        except VerificationError:
            return False
        return True

    def _take_up(self, header: Header, identity: bytes, signers: SignerSet, *, agreed: bool) -> None:
        member = self._certifier is not None and self._certifier.is_member(signers)
        if not member and self.route is None:
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
        own = block.signed(self._certifier.public_key, self._certifier.sign(block.header, block.identity))
        self._collect(block, own)
        if self.route is not None:
            self.route.publish(own)

    def _collect(self, block: _Open, signature: FinalitySignature) -> None:
        """Note a valid signature; write the certificate with the one that completes a quorum."""
        self.disagreements.complete(signature)
        with self._lock:
            block.signatures.setdefault(signature.key, signature.signature)
            enough = len(block.signatures) >= quorum(block.signers.rule, len(block.signers.keys))
            if not enough or self._open.pop(block.header.height, None) is None:
                return
            signatures = dict(block.signatures)
        certificate = assemble_certificate(block.header, block.identity, block.signers, signatures)
        self._write(block.header.height, encode_certificate(certificate))

    def _write(self, height: int, certificate: bytes) -> None:
        with self._writing:
            self._blocks.write_certificate(height, certificate)
            self._certified = max(self._certified, height)
