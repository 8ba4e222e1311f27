"""The in-process Transport: a client in the same process as its node.

Purpose: the SDK's port over this node's services, so that the CLI on an embedded directory and a client over HTTP use
one SDK. The client still checks everything it is told.
Not here: services, checking.
"""

from __future__ import annotations

from collections.abc import Sequence

from govchain import __version__
from govchain.consensus.application import LedgerApplication
from govchain.consensus.pool import Pool
from govchain.proof.genesis import encode_genesis
from govchain.sdk.transport import ChainStatus, EvidenceQuery, StatusProof, Submission, TransactionRecord
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Submitter

__all__ = ["InProcessTransport"]


class InProcessTransport:
    """See the module."""

    def __init__(
        self, application: LedgerApplication, pool: Pool, submitter: Submitter, queries: Queries, proofs: Proofs
    ) -> None:
        """Answer from the node's parts."""
        self._application = application
        self._pool = pool
        self._submitter = submitter
        self._queries = queries
        self._proofs = proofs

    def genesis(self) -> bytes:
        """The genesis object as canonical JSON."""
        return encode_genesis(self._application.machine.genesis)

    def status(self) -> ChainStatus:
        """Where the chain stands now."""
        application = self._application
        with application.lock:
            chain = application.chain
            certified = application.certified_height
        return ChainStatus(
            chain=application.machine.genesis.chain,
            height=chain.height,
            identity=chain.identity.hex(),
            time=chain.time,
            certified_height=certified,
            pool_transactions=len(self._pool),
            node_version=__version__,
        )

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_ms: int = 30_000) -> list[Submission]:
        """Hand in envelopes; with ``wait`` until each is durable, refused, or the time is over."""
        answers = self._submitter.submit(envelopes, wait=wait, timeout_s=timeout_ms / 1000)
        return [Submission(answer.id.hex(), answer.code, answer.receipt, answer.retry_after_ms) for answer in answers]

    def header(self, height: int) -> bytes | None:
        """The header's bytes."""
        return self._application.blocks.header(height)

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes."""
        return self._application.blocks.certificate(height)

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """A committed transaction with its proofs."""
        return self._proofs.transaction(bytes.fromhex(transaction_id))

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of block ``height`` in the ``history`` of header ``head``."""
        return self._proofs.history_path(height, head)

    def status_proof(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys at the newest certified height."""
        return self._proofs.live(keys)

    def state_value(self, key: bytes) -> bytes | None:
        """The committed value of a state key, unproved."""
        return self._application.committed.get(key)

    def find_evidence(self, query: EvidenceQuery) -> list[str]:
        """Transaction ids of evidence records that meet the query, newest first."""
        return [evidence.hex() for evidence in self._queries.find_evidence(query)]

    def evidence_history(self, evidence: str) -> list[str]:
        """Ids of the transactions that touched an evidence record, oldest first."""
        return [transaction.hex() for transaction in self._queries.evidence_history(bytes.fromhex(evidence))]
