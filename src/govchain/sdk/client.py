"""The client: anchor, find, mark, export and manage accounts, believing nothing that a node says without its proof.

Purpose: one set of calls for the command line and for programs, over any :class:`~govchain.sdk.transport.Transport`.
Rules: what a call returns was verified against the user's own trust (:mod:`govchain.sdk.checking`); the same calls can
be awaited, as ``client.aio`` (:mod:`govchain.sdk.aio`); several threads may use one client. Salts and batch
trees are written to the submitter's directory before anything is sent; sending the same transaction again gives the
same receipt; clock, nonces and waiting are passed in.
Not here: reading files (:mod:`govchain.sdk.capture`), keys (``signers``), packages' format (``proof``).

Example::

    client = Client(transport, trust=store.trusted(), signer=signer, catalogue=catalogue, memory=store)
    record = client.put_file(capture_paths(["a.pdf"], suite=client.suite, now=now_ms()).files[0], reference="2024-1")
    package = client.export_package(record.id)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from govchain.crypto import Suite, account_address
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError, VerificationError
from govchain.model.identifiers import is_hex
from govchain.model.wire import Genesis, Memo
from govchain.modules.accounts.messages import Freeze, Register, Unfreeze, account_key, decode_account
from govchain.modules.evidence.messages import (
    Supersede,
    Supplement,
    Withdraw,
    mark_keys,
)
from govchain.proof.trust import TrustAnchors
from govchain.sdk import anchoring, exporting, finding, listing
from govchain.sdk.anchoring import BATCH_MAX
from govchain.sdk.capture import CapturedFile
from govchain.sdk.catalogue import Anchored, Catalogue
from govchain.sdk.checking import (
    STALE_BLOCKS_MAX,
    ChainChecker,
    HeadMemory,
    VerifiedBlock,
    VerifiedHeader,
    VerifiedTransaction,
)
from govchain.sdk.events import VerifiedEvents, list_events
from govchain.sdk.reading import FileFacts
from govchain.sdk.records import (
    Account,
    EvidenceRecord,
    EvidenceStatus,
    FoundFile,
    HistoryStep,
    Organisation,
    describe_record,
    describe_status,
)
from govchain.sdk.sessions import SessionGrant, SessionTransport
from govchain.sdk.transactions import Prepared, Signing, build_transaction, new_nonce, now_ms
from govchain.sdk.transport import ChainStatus, EventQuery, EvidenceQuery, Submission, Transport

if TYPE_CHECKING:
    from govchain.sdk.aio import AsyncClient

__all__ = ["BATCH_MAX", "SUBMIT_WAIT_MS", "Client"]

#: How long a call waits for its receipt, sending again where that helps.
SUBMIT_WAIT_MS = 60_000
#: How long one question to the node waits.
_WAIT_ONCE_MS = 30_000
_RETRY_MS = 100
#: Reasons that sending again may cure.
_PASSING = frozenset({Code.POOL_FULL, Code.WINDOW_FULL, Code.TIMED_OUT, Code.NODE_CLOCK})


class Client:
    """A user of one chain through one node. See the module."""

    def __init__(
        self,
        transport: Transport,
        *,
        trust: TrustAnchors,
        signer: Signing | None = None,
        catalogue: Catalogue | None = None,
        memory: HeadMemory | None = None,
        now: Callable[[], int] = now_ms,
        nonce: Callable[[], str] = new_nonce,
        sleep: Callable[[float], None] = time.sleep,
        stale_blocks_max: int = STALE_BLOCKS_MAX,
    ) -> None:
        """Check that ``trust`` covers the node's chain. ``signer`` is for changes, ``catalogue`` for files.

        ``memory`` keeps the highest certified header between runs; a node behind it by more than ``stale_blocks_max``
        blocks is refused.

        Raises:
            VerificationError: ``TRUST_MISMATCH``.
        """
        self.transport = transport
        self.checker = ChainChecker(transport, trust, memory=memory, sleep=sleep, stale_blocks_max=stale_blocks_max)
        self.signer = signer
        self.catalogue = catalogue
        self._now = now
        self._nonce = nonce
        self._sleep = sleep

    @property
    def genesis(self) -> Genesis:
        """The chain's genesis, which the user trusts."""
        return self.checker.genesis

    @property
    def suite(self) -> Suite:
        """The chain's algorithms."""
        return self.checker.suite

    @property
    def account(self) -> str:
        """The signer's address (hex)."""
        signer = self._signer()
        return account_address(self.suite, self.genesis.chain, signer.algorithm, signer.public_key).hex()

    @cached_property
    def aio(self) -> AsyncClient:
        """The same calls for programs with an event loop."""
        from govchain.sdk.aio import AsyncClient  # noqa: PLC0415 - needs this class

        return AsyncClient(self)

    def login(self, *, account: str | None = None, node: str | None = None) -> SessionGrant:
        """Log in at the node by signing its challenge; protected reads need it. The session is renewed when it ends.

        Args:
            account: whose session (address in hex), where the signer's key is not the account's first.
            node: the node's name, where it is known: a challenge by another one is not signed.

        Raises:
            UsageError: the transport has no sessions, or this client no signer. RefusedError: ``CHALLENGE_INVALID``.
        """
        sessions = self._sessions()
        chain = self.genesis.chain
        return sessions.login(self._signer(), account=account or self.account, chain=chain, now=self._now, node=node)

    def logout(self) -> None:
        """End the session."""
        self._sessions().logout()

    # Transactions

    def prepare(
        self,
        type: str,  # noqa: A002 - the wire format's word
        payload: msgspec.Struct,
        *,
        co_signers: Sequence[Signing] = (),
        recipient: str | None = None,
        data: bytes | None = None,
        memo: Memo | None = None,
    ) -> Prepared:
        """Build and sign a transaction; ``co_signers`` sign the same bytes after this client's own key."""
        return build_transaction(
            suite=self.suite,
            chain=self.genesis.chain,
            type=type,
            payload=payload,
            signers=[self._signer(), *co_signers],
            nonce=self._nonce(),
            now=self._now(),
            recipient=recipient,
            data=data,
            memo=memo,
        )

    def send(self, prepared: Prepared) -> VerifiedTransaction:
        """Submit until there is a receipt, then check it; sending what was sent before gives the same answer.

        Raises:
            RefusedError: the code with which node or chain refused it; nothing changed.
            UnavailableError: no receipt in time; sending the same ``prepared`` again is safe.
            VerificationError: the answer does not hold.
        """
        return self._confirm(prepared, self._submit(prepared))

    def submit(
        self,
        type: str,  # noqa: A002 - the wire format's word
        payload: msgspec.Struct,
        *,
        co_signers: Sequence[Signing] = (),
        recipient: str | None = None,
        data: bytes | None = None,
        memo: Memo | None = None,
    ) -> VerifiedTransaction:
        """:meth:`prepare` and :meth:`send` in one."""
        return self.send(self.prepare(type, payload, co_signers=co_signers, recipient=recipient, data=data, memo=memo))

    def transaction(self, transaction_id: str) -> VerifiedTransaction:
        """A committed transaction with its receipt.

        Raises:
            RefusedError: ``NOT_FOUND``.
        """
        _require_hex(transaction_id, 64)
        found = self.checker.verified_transaction(transaction_id)
        if found is None:
            raise RefusedError(Code.NOT_FOUND, reason=transaction_id)
        return found

    def chain_status(self) -> ChainStatus:
        """Where the node says that the chain stands."""
        return self.transport.status()

    def blocks(self, *, before: int = 0, limit: int = 20) -> list[VerifiedHeader]:
        """Final headers, newest first, from the newest or below height ``before``."""
        return listing.list_blocks(self, before=before, limit=limit)

    def block(self, height: int) -> VerifiedBlock:
        """A final block with all its transactions and receipts."""
        return self.checker.verified_block(height)

    def events(self, query: EventQuery, *, cursor: str | None = None, limit: int = 100) -> VerifiedEvents:
        """Events after ``cursor`` that meet a query, each verified."""
        return list_events(self, query, cursor=cursor, limit=limit)

    # Making and marking records

    def put_file(self, file: CapturedFile, *, reference: str = "") -> EvidenceRecord:
        """Anchor one file (``evidence.put``)."""
        return anchoring.anchor(self, self.prepare_file(file, reference=reference))

    def put_batch(self, files: Sequence[CapturedFile], *, reference: str = "") -> EvidenceRecord:
        """Anchor many files by one root (``evidence.batch``), each provable alone.

        Raises:
            UsageError: none, or more than :data:`BATCH_MAX`; and what :meth:`send` raises.
        """
        return anchoring.anchor(self, self.prepare_batch(files, reference=reference))

    def prepare_file(self, file: CapturedFile, *, reference: str = "") -> Prepared:
        """What :meth:`put_file` would send, signed and written down as pending; :meth:`recover` settles it."""
        return anchoring.prepare_file(self, file, reference, self._now())

    def prepare_batch(self, files: Sequence[CapturedFile], *, reference: str = "") -> Prepared:
        """What :meth:`put_batch` would send, signed and written down as pending; :meth:`recover` settles it."""
        return anchoring.prepare_batch(self, files, reference, self._now())

    def supplement(self, evidence: str, file: CapturedFile, *, reference: str = "") -> EvidenceRecord:
        """Add a file to an earlier record."""
        return self._anchor("evidence.supplement", Supplement(evidence, reference, file.item), file, reference)

    def supersede(
        self,
        evidence: str,
        file: CapturedFile,
        *,
        member: int | None = None,
        reason: str = "error",
        reference: str = "",
    ) -> EvidenceRecord:
        """Anchor a file in the place of an earlier record, which stays, marked."""
        payload = Supersede(evidence, member, reason, reference, file.item)  # type: ignore[arg-type]
        return self._anchor("evidence.supersede", payload, file, reference)

    def withdraw(self, evidence: str, *, member: int | None = None, reason: str = "error") -> VerifiedTransaction:
        """Mark a record, or one leaf of a batch, as withdrawn; nothing is deleted."""
        return self.submit("evidence.withdraw", Withdraw(evidence, member, reason))  # type: ignore[arg-type]

    def recover(self) -> list[Anchored]:
        """Learn what became of records that were written down but not confirmed; those still unknown are returned.

        What is not committed yet and has not expired is sent again, unchanged.
        """
        unknown = []
        for pending in self._catalogue().pending() if self.catalogue is not None else []:
            if pending.chain != self.genesis.chain:
                continue
            done = self.checker.verified_transaction(pending.id)
            if done is None and pending.envelope is not None and pending.expires > self._now():
                self.transport.submit([pending.envelope], wait=True, timeout_ms=_WAIT_ONCE_MS)
                done = self.checker.verified_transaction(pending.id)
            if done is None:
                unknown.append(pending)
            elif done.receipt.code == 0:
                self._catalogue().settle(pending.id, height=done.receipt.height, time=done.block.header.time)
            else:
                self._catalogue().forget(pending.id)
        return unknown

    # Reading evidence

    def record(self, evidence: str) -> EvidenceRecord:
        """The record with that id.

        Raises:
            RefusedError: ``NOT_FOUND``, also for a transaction that made no record.
        """
        record = describe_record(self.transaction(evidence))
        if record is None:
            raise RefusedError(Code.NOT_FOUND, reason=evidence)
        return record

    def status(self, evidence: str, member: int | None = None) -> EvidenceStatus:
        """Whether the record (or the leaf) stands now."""
        return describe_status(self.checker.verified_status(mark_keys(bytes.fromhex(evidence), member)))

    def find(self, query: EvidenceQuery) -> list[FoundFile]:
        """Records on the ledger that meet a query, newest first, each verified."""
        return finding.find_on_ledger(self, query)

    def find_file(self, facts: FileFacts) -> list[FoundFile]:
        """Where a file that was read is anchored: on the ledger by its digest, and in this user's own batches."""
        return finding.find_file(self, facts)

    def find_digest(self, digest: str) -> list[FoundFile]:
        """The same for an SM3 or SHA-256 digest (hex)."""
        _require_hex(digest, 64)
        return finding.find_digest(self, digest)

    def history(self, evidence: str) -> list[HistoryStep]:
        """Everything that happened to a record, oldest first, each step verified."""
        _require_hex(evidence, 64)
        return finding.history(self, evidence)

    def export_package(
        self,
        evidence: str,
        member: int | None = None,
        *,
        disclose: Sequence[str] = (),
        content: bool = True,
        anchors: Sequence[int] = (),
    ) -> bytes:
        """An evidence package: the record, its proofs and its status now (docs/spec/evidence-package.md).

        ``disclose`` names private fields (``name``, ``content``) to open. ``content``: False claims only that the
        transaction was committed. ``anchors`` are heights of blocks that the package shows to be part of its past, for
        verifiers who trust those blocks' headers.

        Raises:
            UsageError: an anchor beyond the package's last block.
            RefusedError: ``NOT_FOUND`` when the own directory lacks the leaf or the salts that are asked for.
        """
        _require_hex(evidence, 64)
        return exporting.export_package(self, evidence, member, disclose=disclose, as_evidence=content, anchors=anchors)

    # Accounts

    def register(
        self, *, algorithm: str, key: bytes, label: str, roles: Sequence[str], administrator: bool = False
    ) -> Account:
        """Add an account to the signer's organisation."""
        roles = tuple(sorted(set(roles)))
        payload = Register(administrator, algorithm, key.hex(), label, roles)  # type: ignore[arg-type]
        self.submit("accounts.register", payload)
        return self.find_account(account_address(self.suite, self.genesis.chain, algorithm, key).hex())

    def freeze(self, account: str, *, reason: str = "other") -> Account:
        """Stop an account: nothing that it signs is accepted from then on."""
        _require_hex(account, 40)
        self.submit("accounts.freeze", Freeze(account, reason))  # type: ignore[arg-type]
        return self.find_account(account)

    def unfreeze(self, account: str) -> Account:
        """Lift a freeze."""
        _require_hex(account, 40)
        self.submit("accounts.unfreeze", Unfreeze(account))
        return self.find_account(account)

    def find_account(self, account: str) -> Account:
        """An account as it is now, proved.

        Raises:
            RefusedError: ``NOT_FOUND``, proved too.
        """
        _require_hex(account, 40)
        if self.checker.newest_header() is None:
            found = [one for one in listing.list_accounts(self) if one.address == account]
            if not found:
                raise RefusedError(Code.NOT_FOUND, reason=account)
            return found[0]
        status = self.checker.verified_status([account_key(bytes.fromhex(account))])
        value = status.values[0]
        if value is None:
            raise RefusedError(Code.NOT_FOUND, reason=account)
        return Account(account, decode_account(value), status.block.header.height)

    def accounts(self) -> list[Account]:
        """The accounts that the node shows, each proved; that none was left out is not."""
        return listing.list_accounts(self)

    def organisations(self) -> list[Organisation]:
        """The organisations that the node shows, each proved; that none was left out is not."""
        return listing.list_organisations(self)

    # The steps behind

    def _sessions(self) -> SessionTransport:
        if not isinstance(self.transport, SessionTransport):
            raise UsageError(Code.USAGE, reason="this way to the node has no sessions")
        return self.transport

    def _signer(self) -> Signing:
        if self.signer is None:
            raise UsageError(Code.USAGE, reason="this needs a signer")
        return self.signer

    def _catalogue(self) -> Catalogue:
        if self.catalogue is None:
            raise UsageError(Code.USAGE, reason="this needs the submitter's directory")
        return self.catalogue

    def _anchor(
        self,
        type: str,  # noqa: A002 - the wire format's word
        payload: msgspec.Struct,
        file: CapturedFile,
        reference: str,
    ) -> EvidenceRecord:
        return anchoring.anchor(self, anchoring.write_down(self, type, payload, [file], reference, self._now()))

    def _submit(self, prepared: Prepared) -> Submission:
        """Hand in the envelope, again where that may help, until the time is over."""
        deadline = min(self._now() + SUBMIT_WAIT_MS, prepared.expires)
        while True:
            answer = self.transport.submit([prepared.envelope], wait=True, timeout_ms=_WAIT_ONCE_MS)[0]
            left = deadline - self._now()
            if answer.code not in _PASSING or left <= 0:
                return answer
            self._sleep(min(answer.retry_after_ms or _RETRY_MS, left) / 1000)

    def _confirm(self, prepared: Prepared, answer: Submission) -> VerifiedTransaction:
        if answer.receipt is None:
            raise _refusal(answer)
        if answer.id != prepared.id:
            raise VerificationError(Code.RECEIPT_PROOF, reason="a receipt for another transaction")
        done = self.checker.verified_transaction(prepared.id)
        if done is None:
            raise VerificationError(Code.TRANSACTION_PROOF, reason="a receipt without a transaction")
        if done.record.receipt != answer.receipt:
            raise VerificationError(Code.RECEIPT_PROOF, reason="another receipt than the block's")
        if done.record.body != prepared.body:
            raise VerificationError(Code.TRANSACTION_PROOF, reason="another body")
        if done.receipt.code != 0:
            raise RefusedError(Code(done.receipt.code), transaction=prepared.id)
        return done


def _refusal(answer: Submission) -> GovChainError:
    params = {name: value for name, value in answer.detail.items() if name not in ("retry_after_ms", "code")}
    if answer.code is Code.OK:
        # Received, but no receipt within the time: it may still be committed.
        return UnavailableError(Code.TIMED_OUT, transaction=answer.id)
    if 400 <= answer.code < 500:
        return UnavailableError(answer.code, retry_after_ms=answer.retry_after_ms, transaction=answer.id, **params)
    return RefusedError(answer.code, transaction=answer.id, **params)


def _require_hex(text: str, digits: int) -> None:
    if not is_hex(text, digits):
        raise UsageError(Code.USAGE, reason=f"{digits} lower-case hex digits, not {text[:80]!r}")
