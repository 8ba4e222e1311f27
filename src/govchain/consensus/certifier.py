"""The member's own finality signature: which key signs, and over what.

Purpose: a member signs ``frame("govchain/finality/1", …)`` of a block (docs/spec/block.md 5.2). When it signs, and how
signatures become a certificate, is :mod:`govchain.consensus.finality`'s.
Not here: verification (``proof.certificates``), keys (``signers``).
"""

from __future__ import annotations

from typing import Protocol

from govchain.crypto import Suite
from govchain.model.wire import Header, SignerSet
from govchain.proof.certificates import assemble_certificate, encode_certificate, finality_message

__all__ = ["Certifier", "MemberSigner"]


class MemberSigner(Protocol):
    """The member's key: any object of ``signers`` will do."""

    @property
    def algorithm(self) -> str:
        """Name of the signature algorithm."""

    @property
    def public_key(self) -> bytes:
        """The public key as the signer set lists it."""

    def sign(self, message: bytes) -> bytes:
        """Sign a message."""


class Certifier:
    """This member's key, signing blocks of a chain of ``suite``."""

    def __init__(self, suite: Suite, signer: MemberSigner) -> None:
        """Sign with ``signer`` for a chain of ``suite``."""
        self._suite = suite
        self._signer = signer

    @property
    def public_key(self) -> bytes:
        """The key as the signer set lists it."""
        return self._signer.public_key

    def is_member(self, signers: SignerSet) -> bool:
        """Whether this key is in the set."""
        own = self._signer.public_key.hex()
        return any(entry.key == own and entry.algorithm == self._signer.algorithm for entry in signers.keys)

    def sign(self, header: Header, identity: bytes) -> bytes:
        """This member's signature over a block."""
        state_root = bytes.fromhex(header.state_root)
        return self._signer.sign(finality_message(header.chain, header.epoch, header.height, identity, state_root))

    def certify(self, header: Header, identity: bytes, signers: SignerSet) -> bytes:
        """The bytes of a certificate that this member signs alone, whatever the quorum of ``signers`` is."""
        signatures = {self.public_key: self.sign(header, identity)}
        return encode_certificate(assemble_certificate(header, identity, signers, signatures))
