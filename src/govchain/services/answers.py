"""The node's side of the SDK's Transport port: a client in the same process and every HTTP route are answered from it.

Purpose: each question of :class:`govchain.sdk.transport.Transport`, answered from this node's parts, as values that the
client checks. Rules: safe to call from several threads; every list is bounded and goes on by a cursor; a malformed
cursor is ``CURSOR_INVALID``, a limit out of bounds ``REQUEST_SHAPE``; what is unknown is None, never an error.
Not here: who may ask (``api``), how proofs are made (``services.proofs``), checking (``sdk``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from govchain import __version__
from govchain.consensus.application import LedgerApplication
from govchain.consensus.ordering import OrderingState
from govchain.consensus.pool import Pool
from govchain.model import Code, UsageError
from govchain.model.identifiers import is_hex
from govchain.modules.accounts.messages import account_key, organisation_key
from govchain.proof.genesis import encode_genesis
from govchain.proof.transactions import decode_envelope, decode_receipt
from govchain.sdk.transport import (
    ACCOUNTS_PER_PAGE_MAX,
    BLOCKS_PER_PAGE_MAX,
    STATE_KEYS_MAX,
    TRANSACTION_BYTES_PER_PAGE_MAX,
    TRANSACTIONS_PER_PAGE_MAX,
    WRITES_PER_PAGE_MAX,
    AccountPage,
    BlockPage,
    BlockRange,
    BlockRecord,
    BlockTransaction,
    ChainStatus,
    EventPage,
    EventQuery,
    EventRecord,
    EvidenceQuery,
    OrganisationPage,
    StateHistory,
    StateValue,
    StatusProof,
    Submission,
    TransactionPage,
    TransactionRecord,
)
from govchain.services.build import build_id
from govchain.services.events import EventCursor, EventFeed, EventFilter
from govchain.services.proofs import Proofs
from govchain.services.queries import Queries
from govchain.services.submission import Acknowledgement, Submitter

__all__ = ["Answers", "as_submission"]

_HEIGHT_MAX: Final = 2**53 - 1
_ACCOUNTS: Final = account_key(b"")
_ORGANISATIONS: Final = organisation_key("")
_CODE_LENGTH: Final = 18


class _BodyType(msgspec.Struct):
    """Of a body, its type."""

    type: str


_type_decoder = msgspec.json.Decoder(_BodyType)
_event_decoder = msgspec.json.Decoder(EventRecord)


def as_submission(answer: Acknowledgement) -> Submission:
    """An acknowledgement as clients get it."""
    return Submission(answer.id.hex(), answer.code, answer.receipt, answer.retry_after_ms)


class Answers:
    """See the module."""

    def __init__(
        self,
        application: LedgerApplication,
        pool: Pool,
        submitter: Submitter,
        queries: Queries,
        proofs: Proofs,
        state: OrderingState | None = None,
    ) -> None:
        """Answer from the node's parts; without ``state`` nothing is said of the node's own."""
        self._application = application
        #: The events of committed blocks, one reader for all who ask.
        self.feed = EventFeed(application)
        self._pool = pool
        self._submitter = submitter
        self._queries = queries
        self._proofs = proofs
        self._state = state

    # The chain

    def genesis(self) -> bytes:
        """The genesis object as canonical JSON."""
        return encode_genesis(self._application.machine.genesis)

    def status(self) -> ChainStatus:
        """Where the chain stands now; waits for no commit, so that an event loop may ask."""
        application = self._application
        certified = application.certified_height  # before the head, which may move on meanwhile
        chain = application.chain
        return ChainStatus(
            chain=application.machine.genesis.chain,
            height=chain.height,
            identity=chain.identity.hex(),
            time=chain.time,
            certified_height=certified,
            pool_transactions=len(self._pool),
            node_version=__version__,
            node_build=build_id(),
            node_state="" if self._state is None else self._state.standing.phase.value,
            node_problem="" if self._state is None or self._state.problem is None else self._state.problem.name,
        )

    # Transactions

    def submit(self, envelopes: Sequence[bytes], *, wait: bool, timeout_ms: int = 30_000) -> list[Submission]:
        """Hand in envelopes; with ``wait`` until each is durable, refused, or the time is over."""
        answers = self._submitter.submit(envelopes, wait=wait, timeout_s=timeout_ms / 1000)
        return [as_submission(answer) for answer in answers]

    def transaction(self, transaction_id: str) -> TransactionRecord | None:
        """A committed transaction with its proofs."""
        return self._proofs.transaction(_identifier(transaction_id))

    def receipt(self, transaction_id: str) -> bytes | None:
        """The receipt of a committed transaction."""
        return self._application.receipt(_identifier(transaction_id))

    # Blocks

    def header(self, height: int) -> bytes | None:
        """The header's bytes."""
        return self._application.blocks.header(height) if 0 < height <= _HEIGHT_MAX else None

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes.

        Raises:
            RefusedError: ``BLOCK_ARCHIVED`` where it was pruned and no mounted archive holds it.
        """
        blocks = self._application.blocks
        found = blocks.certificate(height) if 0 < height <= _HEIGHT_MAX else None
        if found is None:
            blocks.require_here(height)
        return found

    def block(self, height: int) -> BlockRecord | None:
        """Header and certificate of a block."""
        header = self.header(height)
        return None if header is None else BlockRecord(height, header, self._application.blocks.certificate(height))

    def headers(self, first: int, last: int) -> BlockRange:
        """Blocks from ``first`` to ``last``, lowest first; fewer where the chain ends.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for a span that is empty or too long.
        """
        if not 0 < first <= last <= _HEIGHT_MAX or last - first >= BLOCKS_PER_PAGE_MAX:
            raise UsageError(
                Code.REQUEST_SHAPE, where="from, to", reason=f"1 to {BLOCKS_PER_PAGE_MAX} blocks, in order"
            )
        blocks = self._application.blocks
        found = blocks.headers(first, min(last, self._application.chain.height))
        return BlockRange(tuple(BlockRecord(height, data, blocks.certificate(height)) for height, data in found))

    def blocks(self, cursor: str | None = None, limit: int = 20) -> BlockPage:
        """Blocks, newest first; the cursor is the height of the last one shown.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        _check_limit(limit, BLOCKS_PER_PAGE_MAX)
        head = self._application.chain.height
        top = head if cursor is None else _number(cursor) - 1
        if top > head:
            raise UsageError(Code.CURSOR_INVALID, reason="beyond the head")
        low = max(1, top - limit + 1)
        found = self._application.blocks.headers(low, top, reverse=True) if top >= low else ()
        certificate = self._application.blocks.certificate
        blocks = tuple(BlockRecord(height, data, certificate(height)) for height, data in found)
        # Below a snapshot there are no blocks: the list ends where the store does.
        more = len(blocks) == top - low + 1 and low > 1
        return BlockPage(blocks, str(low) if more else None)

    def block_transactions(self, height: int, cursor: str | None = None, limit: int = 100) -> TransactionPage | None:
        """Transactions of a block in order; the cursor is the index of the last one shown.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        _check_limit(limit, TRANSACTIONS_PER_PAGE_MAX)
        start = 0 if cursor is None else _number(cursor) + 1
        if self.header(height) is None:
            return None
        envelopes = self._application.blocks.envelopes(height)
        receipts = self._application.blocks.receipts(height)
        if cursor is not None and start >= len(envelopes):
            raise UsageError(Code.CURSOR_INVALID, reason="beyond the block")
        found: list[BlockTransaction] = []
        size = 0
        for index in range(start, min(start + limit, len(envelopes))):
            size += len(envelopes[index]) + len(receipts[index])
            if found and size > TRANSACTION_BYTES_PER_PAGE_MAX:
                break
            found.append(_listed(index, envelopes[index], receipts[index]))
        ended = start + len(found) >= len(envelopes)
        return TransactionPage(height, len(envelopes), tuple(found), None if ended else str(found[-1].index))

    def history_path(self, height: int, head: int) -> tuple[bytes, ...]:
        """Inclusion path of block ``height`` in the ``history`` of header ``head``."""
        return self._proofs.history_path(height, head)

    # State

    def status_proof(self, keys: Sequence[bytes]) -> StatusProof:
        """Presence or absence of state keys at the newest certified height.

        Raises:
            UsageError: ``REQUEST_SHAPE`` for none or more than :data:`STATE_KEYS_MAX`.
        """
        if not 0 < len(keys) <= STATE_KEYS_MAX:
            raise UsageError(Code.REQUEST_SHAPE, where="key", reason=f"1 to {STATE_KEYS_MAX} keys")
        return self._proofs.live(keys)

    def state_value(self, key: bytes) -> bytes | None:
        """The committed value of a state key, unproved."""
        return self._application.committed.get(key)

    def state_now(self, key: bytes) -> StateValue:
        """The committed value of a state key and the height at which it is the value, unproved; waits for a commit."""
        application = self._application
        with application.lock:  # value and height of one block
            return StateValue(key, application.committed.get(key), application.chain.height)

    def state_history(self, key: bytes, cursor: str | None = None, limit: int = 100) -> StateHistory:
        """Writes to a state key, newest first; the cursor is the height of the last one shown.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        _check_limit(limit, WRITES_PER_PAGE_MAX)
        writes = self._queries.key_history(key, limit + 1, None if cursor is None else _number(cursor))
        more = len(writes) > limit
        return StateHistory(key, tuple(writes[:limit]), str(writes[limit - 1].height) if more else None)

    def accounts(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> AccountPage:
        """Accounts in the order of their addresses; the cursor is the address of the last one shown.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        if cursor is not None and not is_hex(cursor, 40):
            raise UsageError(Code.CURSOR_INVALID, reason="no address")
        after = None if cursor is None else bytes.fromhex(cursor)
        proof, last = self._proved_page(_ACCOUNTS, after, limit)
        return AccountPage(proof, None if last is None else last.hex())

    def organisations(self, cursor: str | None = None, limit: int = ACCOUNTS_PER_PAGE_MAX) -> OrganisationPage:
        """Organisations in the order of their codes; the cursor is the code of the last one shown.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        if cursor is not None and not (len(cursor) == _CODE_LENGTH and cursor.isascii() and cursor.isalnum()):
            raise UsageError(Code.CURSOR_INVALID, reason="no organisation code")
        proof, last = self._proved_page(_ORGANISATIONS, None if cursor is None else cursor.encode(), limit)
        return OrganisationPage(proof, None if last is None else last.decode())

    def _proved_page(self, prefix: bytes, after: bytes | None, limit: int) -> tuple[StatusProof, bytes | None]:
        """A status proof of up to ``limit`` keys of a namespace, and the last one's name where more follow."""
        _check_limit(limit, ACCOUNTS_PER_PAGE_MAX)
        start = None if after is None else prefix + after + b"\0"
        application = self._application
        with application.lock:  # keys and proof of one height
            keys = [key for key, _ in application.committed.scan(prefix, start, limit=limit + 1)]
            proof = self._proofs.live(keys[:limit])
        return proof, keys[limit - 1][len(prefix) :] if len(keys) > limit else None

    # Events and evidence

    def events(self, query: EventQuery, cursor: str | None = None, limit: int = 100) -> EventPage:
        """Events after ``cursor``, in the order in which they happened.

        Raises:
            UsageError: ``CURSOR_INVALID``, ``REQUEST_SHAPE``.
        """
        wanted = EventFilter.of(query.types, query.organisations, query.references)
        page = self.feed.page(wanted, None if cursor is None else EventCursor.parse(cursor), limit)
        events = tuple(_event_decoder.decode(event.json) for event in page.events)
        return EventPage(events, page.cursor.text, page.height, page.more)

    def find_evidence(self, query: EvidenceQuery) -> list[str]:
        """Transaction ids of evidence records that meet the query, newest first."""
        return [evidence.hex() for evidence in self._queries.find_evidence(query)]

    def evidence_history(self, evidence: str) -> list[str]:
        """Ids of the transactions that touched an evidence record, oldest first."""
        return [transaction.hex() for transaction in self._queries.evidence_history(_identifier(evidence))]


def _listed(index: int, envelope: bytes, receipt: bytes) -> BlockTransaction:
    body, _ = decode_envelope(envelope)
    decoded = decode_receipt(receipt)
    return BlockTransaction(
        index, decoded.transaction, _type_decoder.decode(body).type, decoded.code, envelope, receipt
    )


def _identifier(text: str) -> bytes:
    if not is_hex(text, 64):
        raise UsageError(Code.USAGE, reason=f"64 lower-case hex digits, not {text[:80]!r}")
    return bytes.fromhex(text)


def _number(cursor: str) -> int:
    if not (0 < len(cursor) <= 16 and cursor.isascii() and cursor.isdecimal()) or int(cursor) > _HEIGHT_MAX:
        raise UsageError(Code.CURSOR_INVALID, reason="no number")
    return int(cursor)


def _check_limit(limit: int, most: int) -> None:
    if not 0 < limit <= most:
        raise UsageError(Code.REQUEST_SHAPE, where="limit", reason=f"1 to {most}")
