"""From genesis to a certified header: the walk over changes of the signer set, and what an offer must show.

Purpose: decide what a node that has nothing but genesis may believe of a running chain.
Rules: pure; a header counts when its certificate holds under the set that the walk arrived at. As for a package
(ARCHITECTURE decision 6), keys of former members could sign another past: of several walks the longest is taken, and
members are asked on their own connections.
Not here: asking (:mod:`govchain.consensus.joining.fetching`), the snapshot's contents (``storage.snapshot_checks``).
"""

from __future__ import annotations

from dataclasses import dataclass

from govchain.consensus.messages import Link, Offer
from govchain.crypto import Suite
from govchain.merkle import verify_inclusion
from govchain.model import Code, UnavailableError, VerificationError
from govchain.model.wire import Genesis, Header, SignerSet
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import fingerprint, first_signer_set
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.trust import EpochWalk
from govchain.storage.snapshot_checks import SnapshotTrust

__all__ = ["TrustedChain", "VerifiedOffer"]


@dataclass(frozen=True, slots=True)
class VerifiedOffer:
    """An offer whose header and checkpoint root are the chain's.

    ``trust`` is what the snapshot is checked against; ``identity`` the block's (32 bytes); ``signers`` the set that
    signed the carrier.
    """

    offer: Offer
    trust: SnapshotTrust
    identity: bytes
    signers: SignerSet


class TrustedChain:
    """The signer sets of a chain as far as certified headers show them, from genesis on."""

    def __init__(self, suite: Suite, genesis: Genesis) -> None:
        """Knows the first set."""
        self._suite = suite
        self._chain = genesis.chain
        self._fingerprint = fingerprint(genesis).hex()
        self._walks = [EpochWalk.from_genesis(suite, genesis)]
        self._height = 0
        #: The changes that were shown, in order.
        self.links: list[Link] = []
        #: The newest set that is known by its keys: that of genesis, then of each certificate.
        self.signers = first_signer_set(genesis)

    @property
    def epoch(self) -> int:
        """The newest epoch that is known."""
        return len(self._walks) - 1

    def step(self, link: Link) -> None:
        """Follow one change of the set.

        Raises:
            GovChainError: it is none, or not certified by the set in force.
        """
        header, _, _ = self._certified(link, self._walks[-1])
        if header.height <= self._height or header.next_signers == header.signers:
            raise VerificationError(Code.HEADER_INVALID, reason=f"block {header.height} changes no signer set")
        self._walks.append(self._walks[-1].step(header))
        self._height = header.height
        self.links.append(link)

    def verify_first(self, link: Link) -> None:
        """Raise a GovChainError unless it is block 1, certified by the first set."""
        header, _, _ = self._certified(link, self._walks[0])
        if header.height != 1:
            raise VerificationError(Code.HEADER_INVALID, reason="not block 1")

    def verify_offer(self, offer: Offer) -> VerifiedOffer:
        """What the offer's snapshot is checked against.

        1. The carrier is certified by the set in force in its epoch, and carries the checkpoint of the offer's height.
        2. The offer's header is a block of that height of this chain.
        3. The carrier's history contains it.

        Raises:
            UnavailableError: ``NOT_FOUND``: of an epoch that the walk does not know.
            GovChainError: it does not show that.
        """
        # 1.
        told = decode_header(offer.carrier.header)
        if told.epoch > self.epoch:
            raise UnavailableError(Code.NOT_FOUND, reason=f"epoch {told.epoch} was not shown yet")
        carrier, _, signers = self._certified(offer.carrier, self._walks[told.epoch])
        mark = carrier.checkpoint
        if mark is None or mark.height != offer.height or offer.height >= carrier.height:
            raise VerificationError(Code.HEADER_INVALID, reason=f"block {carrier.height} carries no such checkpoint")
        # 2.
        header = decode_header(offer.header)
        if (header.chain, header.height) != (self._chain, offer.height):
            raise VerificationError(Code.HEADER_INVALID, reason=f"not block {offer.height}")
        identity = header_identity(self._suite, offer.header)
        # 3.
        verify_inclusion(
            self._suite.digest,
            bytes.fromhex(carrier.history),
            identity,
            index=offer.height - 1,
            size=carrier.height - 1,
            path=offer.path,
        )
        trust = SnapshotTrust(self._chain, offer.height, offer.header, bytes.fromhex(mark.root))
        return VerifiedOffer(offer, trust, identity, signers)

    def _certified(self, link: Link, walk: EpochWalk) -> tuple[Header, bytes, SignerSet]:
        header = decode_header(link.header)
        if header.chain != self._chain:
            raise VerificationError(Code.HEADER_INVALID, reason="another chain's")
        if header.height == 1 and header.previous != self._fingerprint:
            raise VerificationError(Code.HEADER_INVALID, reason="block 1 does not continue the genesis")
        identity = header_identity(self._suite, link.header)
        certificate = decode_certificate(link.certificate)
        verify_certificate(self._suite, header, identity, certificate)
        walk.step(header)
        return header, identity, certificate.set
