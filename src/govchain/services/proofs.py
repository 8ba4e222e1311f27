"""Everything that proves a transaction's place, read from the node's own store.

Purpose: inclusion paths of a transaction and its receipt, history paths between headers, sparse proofs of present
state. Nothing here is trusted by who asks; the SDK checks it.
Not here: packaging (``proof``), checking (``sdk``).
"""

from __future__ import annotations

from collections.abc import Sequence

import govchain_native as native
from govchain.consensus.application import LedgerApplication
from govchain.merkle import SparseTree
from govchain.model import Code, UsageError
from govchain.proof.transactions import decode_envelope
from govchain.sdk.transport import LiveEntry, StatusProof, TransactionRecord
from govchain.state import Table
from govchain.state.roots import digest_name_of

__all__ = ["Proofs"]


class Proofs:
    """See the module."""

    def __init__(self, application: LedgerApplication) -> None:
        """Prove from ``application``'s store."""
        self._application = application
        self._suite = application.machine.suite

    def transaction(self, transaction: bytes) -> TransactionRecord | None:
        """The transaction with that id, or None."""
        blocks = self._application.blocks
        place = blocks.location(transaction)
        if place is None:
            return None
        height, index = place
        envelopes = blocks.envelopes(height)
        receipts = blocks.receipts(height)
        name = digest_name_of(self._suite)
        body, signatures = decode_envelope(envelopes[index])
        leaves = native.digest_many(name, list(envelopes))
        return TransactionRecord(
            id=transaction.hex(),
            height=height,
            index=index,
            count=len(envelopes),
            body=body,
            signatures=signatures,
            receipt=receipts[index],
            transaction_path=tuple(native.merkle_inclusion_path(name, leaves, index)),
            receipt_path=tuple(native.merkle_inclusion_path(name, list(receipts), index)),
        )

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of block ``height`` in the ``history`` of header ``head``."""
        application = self._application
        with application.lock:
            if not 0 < height < head <= application.chain.height:
                raise UsageError(Code.USAGE, reason=f"history of {height} in {head}")
            return application.history.inclusion_path(height - 1, head - 1)

    def live(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys now, at the newest certified block."""
        application = self._application
        with application.lock:
            chain = application.chain
            tree = SparseTree(self._suite.digest, self._live_node)
            entries = []
            for key in keys:
                proof = tree.prove(self._suite.digest(key))
                entries.append(LiveEntry(key, application.committed.get(key), proof.siblings, proof.other))
            return StatusProof(
                chain.height, chain.previous_state_root, chain.delta_root, chain.live_root, tuple(entries)
            )

    def _live_node(self, position: bytes) -> bytes | None:
        return self._application.blocks.store.get(Table.LIVE, position)
