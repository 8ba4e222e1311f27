"""The Transport port: what a client asks of a node, whether it lives in the same process or behind HTTP.

Purpose: one narrow set of questions and answers, all of them bytes or frozen values that the client checks itself;
nothing that comes back is believed. The in-process driver is ``node.transport``; the HTTP driver comes with the API.
Not here: checking (``sdk.client``), building transactions (``sdk.transactions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from govchain.model import Code

__all__ = [
    "ChainStatus",
    "EvidenceQuery",
    "LiveEntry",
    "StatusProof",
    "Submission",
    "TransactionRecord",
    "Transport",
]


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where the chain stands: head height (0 before the first block), its identity (hex), its time in ms, pool size."""

    chain: str
    height: int
    identity: str
    time: int
    certified_height: int
    pool_transactions: int
    node_version: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of one submitted envelope.

    ``code`` is OK when it was received (or committed, when waiting); ``receipt`` is the receipt's bytes once
    committed. A refused envelope has a code and no receipt; ``retry_after_ms`` hints when the pool was full.
    """

    id: str
    code: Code
    receipt: bytes | None = None
    retry_after_ms: int | None = None
    detail: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A committed transaction with everything that proves its place (block.md 3 and 4)."""

    id: str
    height: int
    index: int
    count: int
    body: bytes
    signatures: tuple[bytes, ...]
    receipt: bytes
    transaction_path: tuple[bytes, ...]
    receipt_path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """A sparse-tree proof for one state key; see evidence-package.md 3.4."""

    key: bytes
    value: bytes | None
    siblings: tuple[bytes, ...]
    other: tuple[bytes, bytes] | None


@dataclass(frozen=True, slots=True)
class StatusProof:
    """What the ``live`` tree says about some keys at a certified height."""

    height: int
    previous: bytes
    delta: bytes
    live: bytes
    entries: tuple[LiveEntry, ...]


@dataclass(frozen=True, slots=True)
class EvidenceQuery:
    """Criteria of an evidence search; those given must all hold. Times are ms, ``time_to`` exclusive."""

    digest: str | None = None
    evidence: str | None = None
    reference: str | None = None
    account: str | None = None
    time_from: int | None = None
    time_to: int | None = None
    limit: int = 100


class Transport(Protocol):
    """Questions to one node about one chain. Every method may raise ``UnavailableError``."""

    def genesis(self) -> bytes:
        """The genesis object as canonical JSON."""

    def status(self) -> ChainStatus:
        """Where the chain stands now."""

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_ms: int = 30_000) -> list[Submission]:
        """Hand in envelopes; with ``wait`` until each is committed durably (or refused); one answer each, in order."""

    def header(self, height: int) -> bytes | None:
        """The header's bytes."""

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes, once there is one."""

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """A committed transaction with its proofs."""

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of block ``height`` in the ``history`` of header ``head`` (``height`` < ``head``)."""

    def status_proof(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys in ``live`` at the newest certified height."""

    def state_value(self, key: bytes) -> bytes | None:
        """The committed value of a state key, unproved."""

    def find_evidence(self, query: EvidenceQuery) -> list[str]:
        """Transaction ids of evidence records that meet the query, newest first."""

    def evidence_history(self, evidence: str) -> list[str]:
        """Ids of the transactions that touched an evidence record (itself, supplements, marks), oldest first."""
