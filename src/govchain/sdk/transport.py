"""The Transport port: what a client asks of a node, whether it lives in the same process or behind HTTP.

Purpose: one narrow set of questions and answers, all of them bytes or frozen values that the client checks itself;
nothing that comes back is believed. The in-process driver is ``services.answers``, which the HTTP routes use, too; the
HTTP driver is :mod:`govchain.sdk.http`. Over HTTP each answer is one JSON object with exactly the field names of the
value here (:mod:`govchain.sdk.wire`).
Rules: lists have a limit and a cursor: ``next`` is what to ask with for the rest, None at the end; cursors are opaque.
What a list leaves out cannot be noticed unless its docstring says how; each of its entries can be checked.
Not here: checking (``sdk.checking``), building transactions (``sdk.transactions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from govchain.model import Code

__all__ = [
    "ACCOUNTS_PER_PAGE_MAX",
    "BLOCKS_PER_PAGE_MAX",
    "EVENTS_PER_PAGE_MAX",
    "STATE_KEYS_MAX",
    "TRANSACTIONS_PER_PAGE_MAX",
    "TRANSACTION_BYTES_PER_PAGE_MAX",
    "WRITES_PER_PAGE_MAX",
    "AccountPage",
    "BlockPage",
    "BlockRange",
    "BlockRecord",
    "BlockTransaction",
    "ChainStatus",
    "EventPage",
    "EventQuery",
    "EventRecord",
    "EvidenceHit",
    "EvidencePage",
    "EvidenceQuery",
    "EvidenceTransactions",
    "HistoryPath",
    "LiveEntry",
    "OrganisationPage",
    "ReceiptRecord",
    "StateHistory",
    "StateValue",
    "StateWrite",
    "StatusProof",
    "Submission",
    "Submissions",
    "TransactionPage",
    "TransactionRecord",
    "Transport",
]

#: State keys of one status proof, at most (evidence-package.md 3.4).
STATE_KEYS_MAX: Final = 64
#: Accounts or organisations of one page, at most: one status proof carries them.
ACCOUNTS_PER_PAGE_MAX: Final = STATE_KEYS_MAX
#: Blocks of one page or range, at most.
BLOCKS_PER_PAGE_MAX: Final = 256
#: Transactions of one page of a block, at most.
TRANSACTIONS_PER_PAGE_MAX: Final = 1_000
#: Bytes of envelopes and receipts after which a page of a block ends, whatever its limit.
TRANSACTION_BYTES_PER_PAGE_MAX: Final = 1024 * 1024
#: Writes of one page of a state key's history, at most.
WRITES_PER_PAGE_MAX: Final = 1_000
#: Events of one page, at most.
EVENTS_PER_PAGE_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Where the chain stands: head height (0 before the first block), its identity (hex), its time in ms, pool size.

    ``node_version`` and ``node_build`` name the node's program. ``node_state`` says whether it orders (see
    :class:`govchain.sdk.network.NetworkStatus`), ``node_problem`` why not, by the name of a result code; both are empty
    where the node did not say.
    """

    chain: str
    height: int
    identity: str
    time: int
    certified_height: int
    pool_transactions: int
    node_version: str
    node_build: str = ""
    node_state: str = ""
    node_problem: str = ""


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
class Submissions:
    """What became of submitted envelopes, in their order."""

    submissions: tuple[Submission, ...]


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """A block: its header's bytes, and its finality certificate's once there is one."""

    height: int
    header: bytes
    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Consecutive blocks, lowest first; their headers name each other, so that none can be left out."""

    blocks: tuple[BlockRecord, ...]


@dataclass(frozen=True, slots=True)
class BlockPage:
    """Blocks, newest first; consecutive, so that none can be left out."""

    blocks: tuple[BlockRecord, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class BlockTransaction:
    """A transaction of a block, and its receipt. ``id`` and ``type`` are the body's, ``code`` the receipt's."""

    index: int
    id: str
    type: str
    code: int
    envelope: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Some of the ``count`` transactions of block ``height``, in order.

    All pages together give the header's transaction and receipt roots; one alone proves nothing.
    """

    height: int
    count: int
    transactions: tuple[BlockTransaction, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """The receipt of transaction ``id`` (hex), as bytes."""

    id: str
    receipt: bytes


@dataclass(frozen=True, slots=True)
class HistoryPath:
    """The inclusion path of block ``height`` in the ``history`` of header ``head``."""

    height: int
    head: int
    path: tuple[bytes, ...]


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
class AccountPage:
    """Accounts in the order of their addresses, as ``live`` holds them: ``status`` proves each one that is shown.

    That none was left out is not proved: the tree is in the order of the keys' digests.
    """

    status: StatusProof
    next: str | None = None


@dataclass(frozen=True, slots=True)
class OrganisationPage:
    """Organisations in the order of their codes; as in :class:`AccountPage`, each is proved and the list is not."""

    status: StatusProof
    next: str | None = None


@dataclass(frozen=True, slots=True)
class StateValue:
    """The committed value of a state key after block ``height``, None when there is none; unproved."""

    key: bytes
    value: bytes | None
    height: int


@dataclass(frozen=True, slots=True)
class StateWrite:
    """A write to a state key by block ``height``.

    ``kind`` is ``value`` (``value`` holds it), ``present`` (written once; the value is the one that holds now) or
    ``removed``.
    """

    height: int
    kind: Literal["value", "present", "removed"]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class StateHistory:
    """Writes to a state key, newest first; unproved."""

    key: bytes
    writes: tuple[StateWrite, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: any of the types (``family.past_tense``, ``family.*``), organisations, references; empty: all."""

    types: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event: number ``index`` of the receipt of ``transaction`` (hex), in block ``height``."""

    chain: str
    cursor: str
    data: dict[str, Any]
    height: int
    index: int
    organisation: str
    reference: str
    transaction: str
    type: str
    version: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in order; ``cursor`` goes on after all that was read, ``more`` tells that there is more to read now."""

    events: tuple[EventRecord, ...]
    cursor: str
    height: int
    more: bool


@dataclass(frozen=True, slots=True)
class EvidenceHit:
    """An evidence record that a search found, by its id (hex); what else a node says of it is not believed."""

    id: str


@dataclass(frozen=True, slots=True)
class EvidencePage:
    """What a search found, newest first, with the ``height`` of the chain and the one up to which it was searched."""

    evidence: tuple[EvidenceHit, ...]
    height: int
    indexed_height: int
    next: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceTransactions:
    """Ids (hex) of the transactions that touched an evidence record, itself first, oldest first."""

    evidence: str
    transactions: tuple[str, ...]


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

    def headers(self, first: int, last: int) -> BlockRange:
        """Blocks from ``first`` to ``last`` (both included), at most :data:`BLOCKS_PER_PAGE_MAX`; fewer at the head."""

    def blocks(self, cursor: str | None = None, limit: int = 20) -> BlockPage:
        """Blocks, newest first, from the head or where a page ended."""

    def block_transactions(self, height: int, cursor: str | None = None, limit: int = 100) -> TransactionPage | None:
        """Transactions of a block in order; a page may end before ``limit`` where it is large."""

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes, once there is one."""

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """A committed transaction with its proofs."""

    def receipt(self, transaction_id: str) -> bytes | None:
        """The receipt's bytes, unproved."""

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of block ``height`` in the ``history`` of header ``head`` (``height`` < ``head``)."""

    def status_proof(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys in ``live`` at the newest certified height."""

    def state_value(self, key: bytes) -> bytes | None:
        """The committed value of a state key, unproved."""

    def state_history(self, key: bytes, cursor: str | None = None, limit: int = 100) -> StateHistory:
        """Writes to a state key, newest first."""

    def accounts(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> AccountPage:
        """Accounts in the order of their addresses."""

    def organisations(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> OrganisationPage:
        """Organisations in the order of their codes."""

    def events(self, query: EventQuery, cursor: str | None = None, limit: int = 100) -> EventPage:
        """Events after ``cursor`` (None: from the first block on), in the order in which they happened."""

    def find_evidence(self, query: EvidenceQuery) -> list[str]:
        """Transaction ids of evidence records that meet the query, newest first."""

    def evidence_history(self, evidence: str) -> list[str]:
        """Ids of the transactions that touched an evidence record (itself, supplements, marks), oldest first."""
