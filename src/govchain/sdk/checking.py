"""Check what a node answers: nothing it says is believed before it is proved from the user's own trust.

Purpose: certified headers, transactions with their receipts, and present state, each verified against a genesis (or a
certified header) that the user trusts. What comes out of here has a type of its own, ``Verified…``.
Rules: a header counts only with its finality certificate, signed by the set in force in its epoch, which is followed
from genesis through every change; every header must lie in one history with the highest that was seen before
(``HEAD_FORKED`` where the node has a certified other block at that height, ``HISTORY_INVALID`` where it only fails to
prove it); a node that is behind that head by more than ``stale_blocks_max`` blocks is ``HEAD_STALE``. ``verified_*``
raises, never answers false. Any thread may ask; one at a time is answered.
Not here: packages (``proof``), what to ask for (:mod:`govchain.sdk.client`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from govchain.crypto import Suite, get_suite
from govchain.merkle import root, root_from_inclusion
from govchain.model import Code, GovChainError, UnavailableError, UsageError, VerificationError
from govchain.model.wire import Body, Genesis, Header, Receipt
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.status import OtherLeaf, StatusEntry, verify_status
from govchain.proof.status import StatusProof as ProvedStatus
from govchain.proof.transactions import (
    TransactionProof,
    decode_body,
    decode_envelope,
    decode_receipt,
    verify_transaction,
)
from govchain.proof.trust import EpochWalk, TrustAnchors
from govchain.sdk.joined import find_change
from govchain.sdk.transport import (
    BLOCKS_PER_PAGE_MAX,
    TRANSACTIONS_PER_PAGE_MAX,
    BlockTransaction,
    StatusProof,
    TransactionRecord,
    Transport,
)

__all__ = [
    "CERTIFICATE_WAIT_MS",
    "STALE_BLOCKS_MAX",
    "ChainChecker",
    "HeadMemory",
    "VerifiedBlock",
    "VerifiedHeader",
    "VerifiedStatus",
    "VerifiedTransaction",
    "as_status_proof",
    "as_transaction_proof",
]

#: How long a certificate may lag behind its block before a node counts as unable to show one.
CERTIFICATE_WAIT_MS = 10_000
#: How many blocks a node may be behind the highest that was seen, where the user allows no more.
STALE_BLOCKS_MAX = 0
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
class VerifiedBlock:
    """A final block with all its transactions in order: those whose digests give its header's roots."""

    block: VerifiedHeader
    transactions: tuple[BlockTransaction, ...]


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
        stale_blocks_max: int = STALE_BLOCKS_MAX,
    ) -> None:
        """Read the chain's genesis and check that the user trusts it.

        ``stale_blocks_max``: how many blocks a node may be behind the highest seen; above 0 where several nodes answer
        behind one address. Present state may then be as old as that.

        Raises:
            VerificationError: ``TRUST_MISMATCH`` when neither it nor a header that proves it is trusted.
        """
        self._transport = transport
        self._memory = memory
        self._sleep = sleep
        self._stale_blocks_max = stale_blocks_max
        self._lock = threading.RLock()
        self._judging = False
        self.genesis_bytes = transport.genesis()
        self.genesis: Genesis = decode_genesis(self.genesis_bytes)
        self.suite: Suite = get_suite(self.genesis.suite)
        self.fingerprint = fingerprint(self.genesis)
        #: The signer set in force in each epoch that is known.
        self._epochs = [EpochWalk.from_genesis(self.suite, self.genesis)]
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

    @property
    def seen(self) -> int:
        """The height of :attr:`head`, or 0."""
        head = self._head
        return 0 if head is None else head.header.height

    def epoch_changes(self, height: int) -> list[VerifiedHeader]:
        """The headers below ``height`` that announce a new signer set, in order."""
        with self._lock:
            return [self.verified_header(change) for change in self._changes if change < height]

    def verified_header(self, height: int) -> VerifiedHeader:
        """The final header at ``height``, consistent with every header seen before.

        Raises:
            VerificationError: ``HEADER_INVALID``, ``CERTIFICATE_INVALID``, ``CERTIFICATE_QUORUM``, ``HISTORY_INVALID``,
                ``HEAD_FORKED``.
            UnavailableError: ``NOT_FOUND`` for a height that the chain has not reached; ``TIMED_OUT`` when none signs.
        """
        with self._lock:
            known = self._headers.get(height)
            if known is not None:
                return known
            found = self._final(height)
            self._join(found)
            self._keep(found)
            return found

    def verified_headers(self, first: int, last: int) -> list[VerifiedHeader]:
        """The final headers from ``first`` to ``last``, lowest first.

        1. The last one is final and in one history with every header seen before.
        2. Each other one is the one that the header above names, and has its own certificate.

        Raises:
            UsageError: heights out of order. What :meth:`verified_header` raises.
        """
        if not 0 < first <= last:
            raise UsageError(Code.USAGE, reason=f"blocks {first} to {last}")
        with self._lock:
            # 1.
            found = [self.verified_header(last)]
            # 2.
            while (top := found[-1].header.height - 1) >= first:
                low = max(first, top - BLOCKS_PER_PAGE_MAX + 1)
                records = self._transport.headers(low, top).blocks
                if [record.height for record in records] != list(range(low, top + 1)):
                    raise UnavailableError(Code.NOT_FOUND, reason=f"blocks {low} to {top}")
                for record in reversed(records):
                    below = self._certified(record.height, record.header, record.certificate)
                    if below.identity.hex() != found[-1].header.previous:
                        reason = f"block {record.height + 1} names another block before it"
                        raise VerificationError(Code.HISTORY_INVALID, reason=reason)
                    self._keep(below)
                    found.append(below)
            found.reverse()
            return found

    def newest_header(self) -> VerifiedHeader | None:
        """The newest certified header that the node shows; None before the first block.

        Raises:
            VerificationError: ``HEAD_STALE`` when the node shows less than was seen before.
        """
        with self._lock:
            height = self._transport.status().certified_height
            self._require_recent(height, self.seen)
            return self.verified_header(height) if height else None

    def verified_block(self, height: int) -> VerifiedBlock:
        """The final block at ``height`` with all its transactions and receipts.

        1. The header is final.
        2. There are as many transactions as it says, and each is what it is listed as.
        3. Envelopes and receipts give the header's two roots.

        Raises:
            VerificationError: ``TRANSACTION_PROOF``, ``RECEIPT_PROOF`` and those of :meth:`verified_header`.
        """
        # 1.
        block = self.verified_header(height)
        # 2.
        count = block.header.transaction_count
        found: list[BlockTransaction] = []
        cursor: str | None = None
        while len(found) < count:
            page = self._transport.block_transactions(height, cursor, TRANSACTIONS_PER_PAGE_MAX)
            if page is None or page.height != height or not page.transactions:
                break
            found += page.transactions
            cursor = page.next
            if cursor is None:
                break
        if len(found) != count or any(one.index != place for place, one in enumerate(found)):
            raise VerificationError(Code.TRANSACTION_PROOF, reason=f"not the {count} transactions of block {height}")
        for one in found:
            self._require_listed(one, height)
        # 3.
        digest = self.suite.digest
        if root(digest, [digest(one.envelope) for one in found]).hex() != block.header.transaction_root:
            raise VerificationError(Code.TRANSACTION_PROOF, reason="transaction root")
        if root(digest, [one.receipt for one in found]).hex() != block.header.receipt_root:
            raise VerificationError(Code.RECEIPT_PROOF, reason="receipt root")
        return VerifiedBlock(block, tuple(found))

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
        seen = self.seen
        return self.verified_proof(self._transport.status_proof(keys), keys, seen=seen)

    def verified_proof(self, proof: StatusProof, keys: Sequence[bytes], *, seen: int | None = None) -> VerifiedStatus:
        """What ``proof`` shows of ``keys``, which are all that it may be about.

        ``seen``: the height that was :attr:`seen` before the node was asked, where other threads ask at the same time.

        Raises:
            VerificationError: ``STATUS_PROOF``; ``HEAD_STALE`` when the answer is older than the head seen before.
        """
        with self._lock:
            self._require_recent(proof.height, self.seen if seen is None else seen)
            block = self.verified_header(proof.height)
        values = verify_status(self.suite, block.header, as_status_proof(proof), keys)
        return VerifiedStatus(block, values, proof)

    # The steps behind

    def _require_recent(self, height: int, seen: int) -> None:
        if height < seen - self._stale_blocks_max:
            reason = f"the node shows block {height}, block {seen} was seen before"
            raise VerificationError(Code.HEAD_STALE, reason=reason)

    def _keep(self, found: VerifiedHeader) -> None:
        if len(self._headers) >= _KEPT_HEADERS:
            self._headers.clear()
        self._headers[found.header.height] = found

    def _require_listed(self, one: BlockTransaction, height: int) -> None:
        """Require that a listed transaction is what its envelope and its receipt say."""
        data, _ = decode_envelope(one.envelope)
        receipt = decode_receipt(one.receipt)
        if self.suite.digest(data).hex() != one.id or decode_body(data).type != one.type:
            raise VerificationError(Code.TRANSACTION_PROOF, reason=f"{one.id} is not what it is listed as")
        if (receipt.transaction, receipt.height, receipt.index, receipt.code) != (one.id, height, one.index, one.code):
            raise VerificationError(Code.RECEIPT_PROOF, reason="another transaction")

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
        return self._certified(height, data, None)

    def _certified(self, height: int, data: bytes, certificate: bytes | None) -> VerifiedHeader:
        """That header, when its certificate (fetched where None is given) holds and is by the set in force."""
        header = decode_header(data)
        if header.height != height or header.chain != self.genesis.chain:
            raise VerificationError(Code.HEADER_INVALID, reason=f"not block {height} of {self.genesis.chain}")
        identity = header_identity(self.suite, data)
        certificate = self._certificate(height) if certificate is None else certificate
        verify_certificate(self.suite, header, identity, decode_certificate(certificate))
        self._follow_epochs(header)
        self._epochs[header.epoch].step(header)
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
        while len(self._epochs) <= header.epoch:
            epoch = len(self._epochs) - 1
            low, high = (self._changes[-1] + 1 if self._changes else 1), header.height
            # The last height of ``epoch``: what the node says guides the search, the certificate decides.
            while high - low > 1:
                middle = (low + high) // 2
                data = self._transport.header(middle)
                # A node that began from a snapshot has single headers only from before it.
                low, high = (middle, high) if data is None or decode_header(data).epoch <= epoch else (low, middle)
            if self._transport.header(low) is None:
                low = find_change(self._transport, epoch, self._changes[-1] + 1 if self._changes else 1, low)
            if low >= header.height:
                raise VerificationError(Code.HEADER_INVALID, reason=f"epoch {header.epoch} without a change")
            change = self._final(low)
            if change.header.epoch != epoch or change.header.next_signers == change.header.signers:
                raise VerificationError(Code.HEADER_INVALID, reason=f"epoch {header.epoch} without a change")
            self._join(change)
            self._epochs.append(self._epochs[epoch].step(change.header))
            self._changes.append(low)

    def _join(self, found: VerifiedHeader) -> None:
        """Require one history of ``found`` and the head; a higher one becomes the head."""
        head = self._head
        height = found.header.height
        if head is not None and height == head.header.height:
            if found.identity != head.identity:
                raise _forked(found, head)
            return
        if head is not None:
            low, high = (found, head) if height < head.header.height else (head, found)
            try:
                self._require_history(low.header.height, low.identity, high)
            except VerificationError:
                self._require_no_fork(head)
                raise
            if high is head:
                return
        self._head = found
        if self._memory is not None:
            self._memory.save_head(self.fingerprint.hex(), found.data, found.certificate, self.suite.name)

    def _require_no_fork(self, head: VerifiedHeader) -> None:
        """Raise ``HEAD_FORKED`` when the node has a certified other block at the head's height: proof of two pasts."""
        if self._judging:
            return
        self._judging = True
        try:
            other = self._final(head.header.height)
        except GovChainError:
            return
        finally:
            self._judging = False
        if other.identity != head.identity:
            raise _forked(other, head)

    def _require_history(self, height: int, identity: bytes, head: VerifiedHeader) -> None:
        top = head.header.height
        path = self._transport.history_path(height, top)
        try:
            shown = root_from_inclusion(self.suite.digest, identity, height - 1, top - 1, path)
        except VerificationError:
            shown = b""
        if shown.hex() != head.header.history:
            raise VerificationError(Code.HISTORY_INVALID, reason=f"block {height} is not in the history of block {top}")


def _forked(shown: VerifiedHeader, seen: VerifiedHeader) -> VerificationError:
    reason = f"block {seen.header.height} is {shown.identity.hex()}, seen before was {seen.identity.hex()}"
    return VerificationError(Code.HEAD_FORKED, reason=reason)


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
