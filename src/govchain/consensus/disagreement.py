"""Members' signatures over other blocks than this node's: noticed, proved, counted.

Purpose: what :mod:`govchain.consensus.finality` does with a valid signature that names another block at a height that
is here. The member may sign two blocks (then its two signatures are a proof), its node may have gone astray, or this
node has: when a quorum of the set names one other block, it is this node that must stop.
Rules: a signature counts only after it was verified under a key of the block's own set; each member's first other
block at a height is kept, and its first one of another epoch (which proves nothing, so it must not take the place of
one that does), at most ``HEIGHTS_MAX`` heights; so is its signature over the block that is here where that came after
the certificate; whoever is told must not block and must not raise.
Not here: the proof's form (``proof.equivocation``), what a node does about it (``node``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from govchain.crypto import ALGORITHMS
from govchain.model import Code
from govchain.model.wire import SignerSet
from govchain.proof.certificates import finality_message
from govchain.proof.equivocation import SignedBlock, build_equivocation
from govchain.proof.signers import quorum

__all__ = ["HEIGHTS_MAX", "Disagreements", "FinalitySignature", "FinalityWatch", "check_signature"]

#: Heights whose other blocks are remembered, at most; the oldest make room.
HEIGHTS_MAX = 256


@dataclass(frozen=True, slots=True)
class FinalitySignature:
    """One member's signature and what it speaks of: epoch, height, block identity and state root (32 bytes each).

    ``key`` is the member's public key, ``signature`` raw as the ledger's.
    """

    height: int
    key: bytes
    signature: bytes
    epoch: int
    identity: bytes
    state_root: bytes

    @property
    def block(self) -> tuple[int, bytes, bytes]:
        """What it speaks of at its height."""
        return (self.epoch, self.identity, self.state_root)


class FinalityWatch(Protocol):
    """Hears what goes wrong between members."""

    def equivocated(self, key: bytes, height: int, proof: bytes) -> None:
        """A member signed two blocks of one height; ``proof`` is :mod:`govchain.proof.equivocation`'s."""

    def disagreed(self, signature: FinalitySignature) -> None:
        """A member signed another block than the one that is here."""

    def diverged(self, height: int, reason: str) -> None:
        """A quorum signed another block than the one that is here: this node must stop."""


def check_signature(chain: str, signers: SignerSet, signature: FinalitySignature) -> Code:
    """OK when a member of ``signers`` signed what ``signature`` says; SIGNER_UNKNOWN, or what the algorithm says."""
    key = signature.key.hex()
    algorithm = next((entry.algorithm for entry in signers.keys if entry.key == key), None)
    if algorithm is None:
        return Code.SIGNER_UNKNOWN
    message = finality_message(chain, signature.epoch, signature.height, signature.identity, signature.state_root)
    return ALGORITHMS[algorithm].check_signature(signature.key, message, signature.signature)


class Disagreements:
    """See the module; any thread may use it. Whom it tells is :attr:`watch`; None: then it is only noticed.

    Args:
        chain: its id.
        algorithm: the members' signature algorithm.
    """

    def __init__(self, chain: str, algorithm: str) -> None:
        self.watch: FinalityWatch | None = None
        #: Proofs of this run.
        self.proofs = 0
        self._chain = chain
        self._algorithm = algorithm
        self._lock = threading.Lock()
        # By height, then by the member's key and whether it speaks of the epoch of the block that is here.
        self._others: OrderedDict[int, dict[tuple[bytes, bool], FinalitySignature]] = OrderedDict()
        self._proved: set[tuple[int, bytes]] = set()
        # Signatures over the block that is here which came after its certificate, by height and key.
        self._late: dict[int, dict[bytes, FinalitySignature]] = {}

    def has(self, height: int, key: bytes) -> bool:
        """Whether that member is known to have signed another block at ``height``."""
        return (key, True) in self._others.get(height, ())

    def add(
        self,
        signers: SignerSet,
        epoch: int,
        other: FinalitySignature,
        own: FinalitySignature | None,
        *,
        final: bool = False,
    ) -> Code:
        """Take a signature over another block than the one that is here, which the set ``signers`` signs in ``epoch``.

        ``own`` is the same member's valid signature over the block that is here, where it is known. ``final``: the
        block that is here has its certificate, so that it is not this node that went astray, however many sign another:
        whoever holds the keys of a quorum of an old set could otherwise stop every node.

        Returns:
            BLOCK_INVALID for a valid signature; otherwise why it is none.
        """
        code = check_signature(self._chain, signers, other)
        if code:
            return code
        with self._lock:
            at_height = self._others.setdefault(other.height, {})
            first = at_height.setdefault((other.key, other.epoch == epoch), other)
            while len(self._others) > HEIGHTS_MAX:
                height, _ = self._others.popitem(last=False)
                self._proved = {place for place in self._proved if place[0] != height}
            own = own or self._late.get(other.height, {}).get(other.key)
            alike = sum(one.block == other.block for one in at_height.values())
        if first.block != other.block:
            self._prove(first, other)
        elif own is not None:
            self._prove(own, other)
        if self.watch is not None and first is other:
            self.watch.disagreed(other)
            if not final and alike >= quorum(signers.rule, len(signers.keys)):
                self.watch.diverged(other.height, f"{alike} of {len(signers.keys)}")
        return Code.BLOCK_INVALID

    def keep(self, signers: SignerSet, late: FinalitySignature) -> Code:
        """Keep a member's signature over the block that is here, whose certificate stands without it.

        Without it, one over another block that comes later would prove nothing. Only :data:`HEIGHTS_MAX` heights.

        Returns:
            OK for a valid signature; otherwise why it is none.
        """
        with self._lock:
            known = self._late.get(late.height, {}).get(late.key)
        if known == late:
            return Code.OK
        code = check_signature(self._chain, signers, late)
        if code:
            return code
        with self._lock:
            self._late.setdefault(late.height, {})[late.key] = late
            while len(self._late) > HEIGHTS_MAX:
                del self._late[min(self._late)]
        self.complete(late)
        return Code.OK

    def complete(self, own: FinalitySignature) -> None:
        """Hear a member's valid signature over the block that is here: after one over another, that proves it."""
        other = self._others.get(own.height, {}).get((own.key, True))
        if other is not None:
            self._prove(own, other)

    def _prove(self, one: FinalitySignature, other: FinalitySignature) -> None:
        """Report two signatures of one member over different blocks of one height and epoch; once each."""
        if one.epoch != other.epoch:
            return
        place = (other.height, other.key)
        with self._lock:
            if place in self._proved:
                return
            self._proved.add(place)
            self.proofs += 1
        if self.watch is not None:
            blocks = (_signed(one), _signed(other))
            proof = build_equivocation(self._chain, one.epoch, one.height, self._algorithm, one.key, blocks)
            self.watch.equivocated(one.key, one.height, proof)


def _signed(signature: FinalitySignature) -> SignedBlock:
    return SignedBlock(signature.identity.hex(), signature.state_root.hex(), signature.signature.hex())
