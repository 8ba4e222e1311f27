"""Finality: when this member signs a block, how members' signatures become its certificate, what is certified so far.

Purpose: behind every commit. Under ``solo`` and ``raft`` a member signs once its own commit is durable; under ``bft``
when the next engine block arrives, since two thirds have then agreed on the block's identity (ARCHITECTURE decision 5).
A certificate is written as soon as signatures of a quorum of the block's own set are here; one signature is the quorum
under ``solo``. A certificate that another node completed is taken as it is, once verified.
Rules: a certificate is written behind its block, so a crash may leave the newest ones out: they are signed again at the
start. Nothing that comes from others is believed before its signature was verified. Memory is bounded: at most
``OPEN_BLOCKS_MAX`` blocks wait for signatures, the oldest make room. No height is given up: a block without a
certificate is opened again from the store by a late signature, a member signs again what its own store holds for
whoever asks, and :meth:`Finality.missing` goes through all of them in turn. This member signs only what it executed.
Not here: the member's key (``certifier``), signatures over other blocks (``disagreement``), those that come before
their block (``early``), the form of a certificate (``proof.certificates``), the route between nodes (``exchange``,
through :class:`SignatureRoute`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from govchain.consensus.certifier import Certifier
from govchain.consensus.disagreement import Disagreements, FinalitySignature, check_signature
from govchain.consensus.early import EarlySignatures
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

__all__ = ["OPEN_BLOCKS_MAX", "REOPENED_MAX", "Finality", "FinalitySignature", "SignatureRoute"]

#: Blocks that wait for other members' signatures, at most.
OPEN_BLOCKS_MAX = 1_024
#: Blocks that were opened again by a late signature, at most; more than one call of :meth:`Finality.missing` names.
REOPENED_MAX = 1_024
#: Heights that one call of :meth:`Finality.missing` looks at, at most.
_LOOKED_AT_MAX = 5_000


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
        self._reopened: OrderedDict[int, _Open] = OrderedDict()
        self._unsigned: list[int] = []  # heights that this member signs when the next engine block arrives
        self._early = EarlySignatures(chain)
        self._head = 0
        self._signers: SignerSet | None = None  # in force after the head
        self._complete = 0  # every block up to here that the store holds has its certificate
        self._passed = 0  # where the next look at what is missing begins, if above that
        self._looked = 0  # where the newest look ended
        self._named: frozenset[int] = frozenset()  # what it named
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
            self._reopened.clear()
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
        for signature in self._early.take(block.header.height):
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
            another block than the one that is here; what the algorithm says of a false signature. One that comes after
            the certificate is verified, too, and kept for a while: it proves what one over another block would be.
        """
        height = signature.height
        with self._lock:
            block = self._waiting(height)
            head, signers = self._head, self._signers
        if block is None and height > head:
            code = Code.NOT_FOUND if signers is None else self._early.add(head, signers, signature)
            if code is not Code.NOT_FOUND or height > self._head:
                return code
            # Its block came meanwhile, and may have looked for it before it was kept.
        if block is None:
            stored = self._blocks.certificate(height)
            if stored is not None:
                return self._add_to_closed(signature, decode_certificate(stored))
            block = self._from_store(height)
        if block is None:
            return Code.NOT_FOUND
        if not block.is_of(signature):
            own = block.signatures.get(signature.key)
            known = None if own is None else block.signed(signature.key, own)
            final = height < self._certified  # the certificate of a later block proves this one
            return self.disagreements.add(block.signers, block.header.epoch, signature, known, final=final)
        code = check_signature(self._chain, block.signers, signature)
        if not code:
            self._collect(self._reopen(block), signature)
        return code

    def add_certificate(self, height: int, data: bytes) -> Code:
        """Take a certificate that another node completed.

        Returns:
            OK, also where there is one already; NOT_FOUND for a block that is not here; NODE_DIVERGED when a quorum
            of the set signed another block than the one that is here, of which the watch hears unless a later block has
            its certificate here; otherwise why it is no certificate of it.
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
                if self.disagreements.watch is not None and height >= self._certified:
                    self.disagreements.watch.diverged(height, reason)
                return Code.NODE_DIVERGED
            verify_certificate(self._suite, header, identity, certificate)
        except GovChainError as error:
            return error.code
        with self._lock:
            self._open.pop(height, None)
            self._reopened.pop(height, None)
        self._write(height, data)
        return Code.OK

    def missing(self, limit: int) -> list[int]:
        """Up to ``limit`` heights, rising, whose certificates are not here although those around them may be.

        The same ones until they are certified or :meth:`pass_over` is called; then those that follow, and after the
        last ones the lowest again. The newest block is left out while the members are still signing it. Looks at a
        bounded number of blocks. For one thread.
        """
        found: list[int] = []
        if not self._complete:
            self._complete = max(0, self._blocks.first() - 1)
        # What was pruned had its certificate.
        self._complete = max(self._complete, self._blocks.pruned())
        start = max(self._complete, self._passed)
        self._looked = start
        for height in range(start + 1, min(self._head, start + 1 + _LOOKED_AT_MAX)):
            self._looked = height
            if self._blocks.certificate(height) is None:
                found.append(height)
                if len(found) >= limit:
                    break
            elif height == self._complete + 1:
                self._complete = height
        with self._lock:
            self._named = frozenset(found)
        if not found:
            self.pass_over()
        return found

    def pass_over(self) -> None:
        """Let :meth:`missing` go on behind what it named last: nobody who was asked had it. For the same thread."""
        self._passed = self._looked if self._looked < self._head - 1 else 0

    def own_signature(self, height: int) -> FinalitySignature | None:
        """This member's signature over a block without a certificate, for a peer that asks; None where there is none.

        Made again from the store for a block that waits no longer. A block that has its certificate is answered from
        there instead.
        """
        if self._certifier is None:
            return None
        key = self._certifier.public_key
        with self._lock:
            block = self._waiting(height)
            if block is not None:
                signature = block.signatures.get(key)
                return None if signature is None else block.signed(key, signature)
        if self._blocks.certificate(height) is not None:
            return None
        block = self._from_store(height)
        return None if block is None else self._signed_again(block)

    def open_heights(self) -> list[int]:
        """Heights that wait for other members' signatures, lowest first."""
        with self._lock:
            return sorted(self._open.keys() | self._reopened.keys())

    def waiting_for(self, height: int) -> list[bytes]:
        """Keys of the members whose signatures over an open block are not here."""
        with self._lock:
            block = self._waiting(height)
            if block is None:
                return []
            keys = (bytes.fromhex(entry.key) for entry in block.signers.keys)
            return [key for key in keys if key not in block.signatures]

    # -- inside --------------------------------------------------------------------------------------------------

    def _follow(self, head: int, signers: SignerSet) -> None:
        with self._lock:
            self._head = head
            self._signers = signers

    def _waiting(self, height: int) -> _Open | None:
        """The block at ``height`` that waits for signatures, if it does. Under the lock."""
        return self._open.get(height) or self._reopened.get(height)

    def _from_store(self, height: int) -> _Open | None:
        """The block at ``height`` without signatures, as it lies in the store; None where it or its set is not there.

        Pruned blocks had their certificates.
        """
        header_bytes = self._blocks.header(height)
        if header_bytes is None or height <= self._blocks.pruned():
            return None
        header = self._blocks.decoded_header(height)
        signers = self._blocks.signer_set(header.epoch)
        return None if signers is None else _Open(header, header_identity(self._suite, header_bytes), signers)

    def _signed_again(self, block: _Open) -> FinalitySignature | None:
        """This member's signature over a block from the store, if it owes one.

        Not for the block of a snapshot nor for one below it, which this node did not execute; and not for the head,
        which is signed in its time.
        """
        certifier = self._certifier
        height = block.header.height
        if certifier is None or not certifier.is_member(block.signers):
            return None
        if not self._blocks.begun() < height < self._head:
            return None
        return block.signed(certifier.public_key, certifier.sign(block.header, block.identity))

    def _reopen(self, block: _Open) -> _Open:
        """Let a block from the store wait for signatures again, with this member's own; the one that waits already.

        Where too many were opened again, one goes that :meth:`missing` does not name: no member can keep those from
        being completed by signing others.
        """
        height = block.header.height
        with self._lock:
            present = self._waiting(height)
        if present is not None:
            return present
        own = self._signed_again(block)
        if own is not None:
            block.signatures[own.key] = own.signature
        with self._lock:
            present = self._waiting(height)
            if present is not None:
                return present
            self._reopened[height] = block
            if len(self._reopened) > REOPENED_MAX:
                del self._reopened[next(one for one in self._reopened if one not in self._named)]
        return block

    def _add_to_closed(self, signature: FinalitySignature, certificate: Certificate) -> Code:
        """A signature over a block that has its certificate: nothing is needed, unless it speaks of another block."""
        here = (certificate.epoch, bytes.fromhex(certificate.identity), bytes.fromhex(certificate.state_root))
        key = signature.key.hex()
        own = next((entry.signature for entry in certificate.signatures if entry.key == key), None)
        if signature.block == here:
            if own == signature.signature.hex() and not self.disagreements.has(signature.height, signature.key):
                return Code.OK
            return self.disagreements.keep(certificate.set, signature)
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
            present = self._reopened.pop(header.height, None)
            if present is not None:
                block.signatures.update(present.signatures)
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
            height = block.header.height
            if not enough or (self._open.pop(height, None) or self._reopened.pop(height, None)) is None:
                return
            signatures = dict(block.signatures)
        certificate = assemble_certificate(block.header, block.identity, block.signers, signatures)
        self._write(block.header.height, encode_certificate(certificate))

    def _write(self, height: int, certificate: bytes) -> None:
        with self._writing:
            self._blocks.write_certificate(height, certificate)
            self._certified = max(self._certified, height)
