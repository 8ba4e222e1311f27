"""Check what a node answers: nothing it says is believed before it is proved from the user's own trust.

Purpose: certified headers, transactions with their receipts, and present state, each verified against a genesis (or a
certified header) that the user trusts. What comes out of here has a type of its own, ``Verified…``.
Rules: a header counts only with its finality certificate, signed by the set in force in its epoch, which is followed
from genesis through every change; every header must lie in one history with the highest that was seen before; present
state is refused when it is older than that head. ``verified_*`` raises, never answers false.
Not here: packages (``proof``), what to ask for (:mod:`govchain.sdk.client`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from govchain.crypto import Suite, get_suite
from govchain.merkle import root_from_inclusion
from govchain.model import Code, GovChainError, UnavailableError, VerificationError
from govchain.model.wire import Body, Genesis, Header, Receipt
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis, fingerprint, first_signer_set
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.signers import signer_set_digest
from govchain.proof.status import OtherLeaf, StatusEntry, verify_status
from govchain.proof.status import StatusProof as ProvedStatus
from govchain.proof.transactions import TransactionProof, verify_transaction
from govchain.proof.trust import TrustAnchors
from govchain.sdk.transport import StatusProof, TransactionRecord, Transport

__all__ = [
    "CERTIFICATE_WAIT_MS",
    "ChainChecker",
    "HeadMemory",
    "VerifiedHeader",
    "VerifiedStatus",
    "VerifiedTransaction",
    "as_status_proof",
    "as_transaction_proof",
]

#: How long a certificate may lag behind its block before a node counts as unable to show one.
CERTIFICATE_WAIT_MS = 10_000
#: Verified headers that are kept in memory.
_KEPT_HEADERS = 4096
_POLL_S = 0.01


class HeadMemory(Protocol):
    """Where the highest certified header of a chain is remembered between runs."""

    def load_head(self, fingerprint: str) -> tuple[bytes, bytes] | None:
        """Header and certificate that were remembered for the chain with that genesis fingerprint."""

    def save_head(self, fingerprint: str, header: bytes, certificate: bytes, suite: str) -> None:
        """Remember a higher one."""


@dataclass(frozen=True, slots=True)
class VerifiedHeader:
    """A header that is final: its bytes, its certificate's bytes, its identity."""

    header: Header
    data: bytes
    certificate: bytes
    identity: bytes


@dataclass(frozen=True, slots=True)
class VerifiedTransaction:
    """A transaction that is in a final block, with the receipt that it got there."""

    id: str
    body: Body
    receipt: Receipt
    block: VerifiedHeader
    record: TransactionRecord


@dataclass(frozen=True, slots=True)
class VerifiedStatus:
    """What ``live`` held for some keys after a final block: values in the keys' order, None for what is absent."""

    block: VerifiedHeader
    values: tuple[bytes | None, ...]
    proof: StatusProof


class ChainChecker:
    """One chain as one node shows it, believed only as far as it is proved."""

    def __init__(
        self,
        transport: Transport,
        anchors: TrustAnchors,
        *,
        memory: HeadMemory | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the chain's genesis and check that the user trusts it.

        Raises:
            VerificationError: ``TRUST_MISMATCH`` when neither it nor a header that proves it is trusted.
        """
        self._transport = transport
        self._memory = memory
        self._sleep = sleep
        self.genesis_bytes = transport.genesis()
        self.genesis: Genesis = decode_genesis(self.genesis_bytes)
        self.suite: Suite = get_suite(self.genesis.suite)
        self.fingerprint = fingerprint(self.genesis)
        self._sets = [signer_set_digest(self.suite, first_signer_set(self.genesis)).hex()]
        #: For each epoch change, the height whose header announced it.
        self._changes: list[int] = []
        self._headers: dict[int, VerifiedHeader] = {}
        self._head: VerifiedHeader | None = None
        self._require_trust(anchors)
        self._recall()

    @property
    def head(self) -> VerifiedHeader | None:
        """The highest certified header seen so far, in this run or an earlier one."""
        return self._head

    def epoch_changes(self, height: int) -> list[VerifiedHeader]:
        """The headers below ``height`` that announce a new signer set, in order."""
        return [self.verified_header(change) for change in self._changes if change < height]

    def verified_header(self, height: int) -> VerifiedHeader:
        """The final header at ``height``, consistent with every header seen before.

        Raises:
            VerificationError: ``HEADER_INVALID``, ``CERTIFICATE_INVALID``, ``CERTIFICATE_QUORUM``, ``HISTORY_INVALID``.
            UnavailableError: ``NOT_FOUND`` for a height that the chain has not reached; ``TIMED_OUT`` when none signs.
        """
        known = self._headers.get(height)
        if known is not None:
            return known
        found = self._final(height)
        self._join(found)
        if len(self._headers) >= _KEPT_HEADERS:
            self._headers.clear()
        self._headers[height] = found
        return found

    def newest_header(self) -> VerifiedHeader | None:
        """The newest certified header that the node shows; None before the first block.

        Raises:
            VerificationError: ``HISTORY_INVALID`` when the node shows less than was seen before.
        """
        height = self._transport.status().certified_height
        if self._head is not None and height < self._head.header.height:
            raise VerificationError(
                Code.HISTORY_INVALID,
                reason=f"the node shows block {height}, block {self._head.header.height} was seen before",
            )
        return self.verified_header(height) if height else None

    def verified_transaction(self, transaction_id: str) -> VerifiedTransaction | None:
        """The committed transaction with that id, or None when the node has none.

        Raises:
            VerificationError: ``TRANSACTION_PROOF``, ``RECEIPT_PROOF`` and those of :meth:`verified_header`.
        """
        record = self._transport.transaction(transaction_id)
        if record is None:
            return None
        if record.id != transaction_id:
            raise VerificationError(Code.TRANSACTION_PROOF, reason="another transaction")
        block = self.verified_header(record.height)
        proof = as_transaction_proof(record)
        body, receipt = verify_transaction(self.suite, block.header, record.body, record.receipt, proof)
        return VerifiedTransaction(transaction_id, body, receipt, block, record)

    def verified_status(self, keys: Sequence[bytes]) -> VerifiedStatus:
        """What holds now for state keys of namespaces in ``live``; raises as :meth:`verified_proof` does."""
        return self.verified_proof(self._transport.status_proof(keys), keys)

    def verified_proof(self, proof: StatusProof, keys: Sequence[bytes]) -> VerifiedStatus:
        """What ``proof`` shows of ``keys``, which are all that it may be about.

        Raises:
            VerificationError: ``STATUS_PROOF``; ``HISTORY_INVALID`` when the answer is older than the head seen before.
        """
        if self._head is not None and proof.height < self._head.header.height:
            raise VerificationError(
                Code.HISTORY_INVALID,
                reason=f"status of block {proof.height}, block {self._head.header.height} was seen before",
            )
        block = self.verified_header(proof.height)
        values = verify_status(self.suite, block.header, as_status_proof(proof), keys)
        return VerifiedStatus(block, values, proof)

    # The steps behind

    def _require_trust(self, anchors: TrustAnchors) -> None:
        if self.fingerprint.hex() in anchors.genesis or any(self._anchored_by(data) for data in anchors.headers):
            return
        reason = f"{self.genesis.chain}, {self.fingerprint.hex()}"
        raise VerificationError(
            Code.TRUST_MISMATCH, reason=reason, fingerprint=self.fingerprint.hex(), chain=self.genesis.chain
        )

    def _anchored_by(self, data: bytes) -> bool:
        """Whether a trusted header's own history begins with a block that continues our genesis."""
        try:
            header = decode_header(data)
            anchor = VerifiedHeader(header, data, b"", header_identity(self.suite, data))
            first = data if header.height == 1 else self._transport.header(1)
            if header.chain != self.genesis.chain or first is None:
                return False
            if decode_header(first).previous != self.fingerprint.hex():
                return False
            if header.height > 1:
                self._require_history(1, header_identity(self.suite, first), anchor)
        except GovChainError:
            return False
        if self._head is None or header.height > self._head.header.height:
            self._head = anchor
        return True

    def _recall(self) -> None:
        if self._memory is None:
            return
        remembered = self._memory.load_head(self.fingerprint.hex())
        if remembered is None:
            return
        data, certificate = remembered
        header = decode_header(data)
        if self._head is None or header.height > self._head.header.height:
            self._head = VerifiedHeader(header, data, certificate, header_identity(self.suite, data))

    def _final(self, height: int) -> VerifiedHeader:
        """The header at ``height`` with a certificate by the set in force; its history is not looked at yet."""
        data = self._transport.header(height)
        if data is None:
            raise UnavailableError(Code.NOT_FOUND, what="block", id=height)
        header = decode_header(data)
        if header.height != height or header.chain != self.genesis.chain:
            raise VerificationError(Code.HEADER_INVALID, reason=f"not block {height} of {self.genesis.chain}")
        identity = header_identity(self.suite, data)
        certificate = self._certificate(height)
        verify_certificate(self.suite, header, identity, decode_certificate(certificate))
        self._follow_epochs(header)
        if header.signers != self._sets[header.epoch]:
            raise VerificationError(Code.CERTIFICATE_INVALID, reason="not the signer set in force")
        if height == 1 and header.previous != self.fingerprint.hex():
            raise VerificationError(Code.HEADER_INVALID, reason="block 1 does not continue the genesis")
        return VerifiedHeader(header, data, certificate, identity)

    def _certificate(self, height: int) -> bytes:
        waited = 0.0
        while (data := self._transport.certificate(height)) is None:
            if waited * 1000 >= CERTIFICATE_WAIT_MS:
                raise UnavailableError(Code.TIMED_OUT, reason=f"no finality certificate for block {height} yet")
            self._sleep(_POLL_S)
            waited += _POLL_S
        return data

    def _follow_epochs(self, header: Header) -> None:
        """Learn the signer sets up to the header's epoch from the headers that announced them."""
        while len(self._sets) <= header.epoch:
            epoch = len(self._sets) - 1
            low, high = (self._changes[-1] + 1 if self._changes else 1), header.height
            # The last height of ``epoch``: what the node says guides the search, the certificate decides.
            while high - low > 1:
                middle = (low + high) // 2
                data = self._transport.header(middle)
                if data is None:
                    raise UnavailableError(Code.NOT_FOUND, what="block", id=middle)
                low, high = (middle, high) if decode_header(data).epoch <= epoch else (low, middle)
            if low >= header.height:
                raise VerificationError(Code.HEADER_INVALID, reason=f"epoch {header.epoch} without a change")
            change = self._final(low)
            if change.header.epoch != epoch or change.header.next_signers == change.header.signers:
                raise VerificationError(Code.HEADER_INVALID, reason=f"epoch {header.epoch} without a change")
            self._join(change)
            self._sets.append(change.header.next_signers)
            self._changes.append(low)

    def _join(self, found: VerifiedHeader) -> None:
        """Require one history of ``found`` and the head; a higher one becomes the head."""
        head = self._head
        height = found.header.height
        if head is not None and height == head.header.height:
            if found.identity != head.identity:
                raise VerificationError(Code.HISTORY_INVALID, reason=f"two blocks {height}")
            return
        if head is not None and height < head.header.height:
            self._require_history(height, found.identity, head)
            return
        if head is not None:
            self._require_history(head.header.height, head.identity, found)
        self._head = found
        if self._memory is not None:
            self._memory.save_head(self.fingerprint.hex(), found.data, found.certificate, self.suite.name)

    def _require_history(self, height: int, identity: bytes, head: VerifiedHeader) -> None:
        top = head.header.height
        path = self._transport.history_path(height, top)
        try:
            root = root_from_inclusion(self.suite.digest, identity, height - 1, top - 1, path)
        except VerificationError:
            root = b""
        if root.hex() != head.header.history:
            raise VerificationError(Code.HISTORY_INVALID, reason=f"block {height} is not in the history of block {top}")


def as_transaction_proof(record: TransactionRecord) -> TransactionProof:
    """A node's answer in the form that packages carry (evidence-package.md 3.1)."""
    return TransactionProof(
        count=record.count,
        height=record.height,
        index=record.index,
        receipt_path=tuple(node.hex() for node in record.receipt_path),
        signatures=tuple(signature.hex() for signature in record.signatures),
        transaction=record.id,
        transaction_path=tuple(node.hex() for node in record.transaction_path),
    )


def as_status_proof(proof: StatusProof) -> ProvedStatus:
    """A node's answer in the form that packages carry (evidence-package.md 3.4)."""
    return ProvedStatus(
        delta=proof.delta.hex(),
        entries=tuple(
            StatusEntry(
                key=entry.key.hex(),
                other=None if entry.other is None else OtherLeaf(entry.other[0].hex(), entry.other[1].hex()),
                siblings=tuple(node.hex() for node in entry.siblings),
                value=None if entry.value is None else entry.value.hex(),
            )
            for entry in proof.entries
        ),
        height=proof.height,
        live=proof.live.hex(),
        previous=proof.previous.hex(),
    )
