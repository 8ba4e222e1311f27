"""Signing finality: this member's signature over a committed block, and the certificate once a quorum has signed.

Purpose: after a block's own commit is durable, the member signs ``frame("govchain/finality/1", …)``
(docs/spec/block.md 5.2). Under solo one signature is the quorum; with more members the same form is filled over the
node-to-node route.
Not here: verification (``proof.certificates``), keys (``signers``).
"""

from __future__ import annotations

from typing import Protocol

from govchain.crypto import Suite
from govchain.ledger import ExecutedBlock
from govchain.model import encode_struct
from govchain.model.wire import Certificate, Header, SignatureEntry, SignerSet
from govchain.proof.certificates import finality_message

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
    """Makes the solo engine's certificates: one member, quorum one."""

    def __init__(self, suite: Suite, signer: MemberSigner) -> None:
        """Sign with ``signer`` for a chain of ``suite``."""
        self._suite = suite
        self._signer = signer

    def is_member(self, signers: SignerSet) -> bool:
        """Whether this key is in the set."""
        own = self._signer.public_key.hex()
        return any(entry.key == own and entry.algorithm == self._signer.algorithm for entry in signers.keys)

    def certify(self, header: Header, identity: bytes, signers: SignerSet) -> bytes:
        """The certificate's bytes for a committed block, signed by this member alone."""
        message = finality_message(
            header.chain, header.epoch, header.height, identity, bytes.fromhex(header.state_root)
        )
        entry = SignatureEntry(key=self._signer.public_key.hex(), signature=self._signer.sign(message).hex())
        certificate = Certificate(
            chain=header.chain,
            epoch=header.epoch,
            height=header.height,
            identity=identity.hex(),
            set=signers,
            signatures=(entry,),
            state_root=header.state_root,
        )
        return encode_struct(certificate)

    def certify_block(self, block: ExecutedBlock, signers: SignerSet) -> bytes:
        """The certificate of a block that was just committed; ``signers`` is the set in force before it."""
        return self.certify(block.header, block.identity, signers)
