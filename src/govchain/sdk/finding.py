"""Find records: on the ledger by what it indexes, in the submitter's own directory by what only that holds.

Purpose: the reading half of :class:`~govchain.sdk.client.Client`. Rules: whatever a node or the directory says is
proved against the ledger before it is shown: the record's place, its status, and for a file in a batch the path from
its item to the anchored root. Not here: what is done with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from govchain.merkle import root_from_inclusion
from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.model.decoders import json_decoder
from govchain.model.identifiers import ADDRESS_BYTES, is_hex
from govchain.modules.evidence.messages import encode_item
from govchain.sdk.catalogue import Catalogue, Entry
from govchain.sdk.checking import VerifiedTransaction
from govchain.sdk.folders import PlannedFile
from govchain.sdk.reading import FileFacts, read_file
from govchain.sdk.records import EvidenceRecord, FoundFile, HistoryStep, describe_record
from govchain.sdk.transport import EvidenceQuery

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = [
    "find_digest",
    "find_file",
    "find_named",
    "find_on_ledger",
    "history",
    "load",
    "prove_entry",
    "resolve_evidence",
]

#: Hex digits of a record's id, and of a digest.
_ID_DIGITS = 64
_LEAF_DIGITS_MAX = 6
_HEX = frozenset("0123456789abcdef")


class _Mention(msgspec.Struct):
    """What payloads about an earlier record have in common."""

    evidence: str = ""
    member: int | None = None
    reason: str = ""
    reference: str = ""


def find_on_ledger(client: Client, query: EvidenceQuery) -> list[FoundFile]:
    """Records that meet ``query``; the node's answer is checked against it.

    Raises:
        UsageError: a malformed account. VerificationError: ``ITEM_INVALID`` when an answer does not meet the query.
    """
    _check(query)
    found = []
    for evidence in client.transport.find_evidence(query):
        record = client.record(evidence)
        if not _meets(record, query):
            raise VerificationError(Code.ITEM_INVALID, reason=f"{evidence} does not meet the query")
        entry = None if client.catalogue is None else client.catalogue.entry(evidence)
        found.append(FoundFile(record, None, client.status(evidence), entry))
    return found


def find_file(client: Client, facts: FileFacts) -> list[FoundFile]:
    """Everywhere that a file is anchored, as far as this user can know."""
    return find_digest(client, facts.sm3.hex())


def find_digest(client: Client, digest: str) -> list[FoundFile]:
    """Public records with that digest, and the user's own batches and private records that hold it."""
    found = {one.id: one for one in find_on_ledger(client, EvidenceQuery(digest=digest))}
    entries = [] if client.catalogue is None else client.catalogue.find_digest(digest)
    for one in _own(client, entries):
        found.setdefault(one.id, one)
    return sorted(found.values(), key=lambda one: (-one.record.height, -one.record.index, one.member or 0))


def prove_entry(catalogue: Catalogue, record: EvidenceRecord, entry: Entry, client: Client) -> tuple[bytes, ...]:
    """The path from an entry's item to the anchored root (nothing outside a batch).

    Raises:
        VerificationError: ``MEMBER_PROOF`` or ``ITEM_INVALID`` when the directory's entry is not what was anchored.
    """
    if entry.member is None or record.batch is None:
        if record.item is None or encode_item(record.item) != entry.item:
            raise VerificationError(Code.ITEM_INVALID, reason=f"{entry.id} is not what was anchored")
        return ()
    path = catalogue.member_path(entry.evidence, entry.member, record.batch.count)
    root = root_from_inclusion(client.suite.digest, entry.item, entry.member, record.batch.count, path)
    if root.hex() != record.batch.root:
        raise VerificationError(Code.MEMBER_PROOF, reason=f"{entry.id} is not a leaf of the anchored batch")
    return path


def resolve_evidence(client: Client, text: str) -> tuple[str, int | None]:
    """The record's id and the leaf in ``ID``, ``ID.LEAF``, or the beginning of an id that the own directory knows.

    Raises:
        UsageError: no id, or more than one begins so. RefusedError: ``NOT_FOUND`` when none does.
    """
    name, dot, leaf = text.strip().lower().partition(".")
    if (dot and not (leaf.isascii() and leaf.isdigit() and len(leaf) <= _LEAF_DIGITS_MAX)) or not (
        0 < len(name) <= _ID_DIGITS and _HEX.issuperset(name)
    ):
        raise UsageError(Code.USAGE, reason=f"{text} is neither a record's id nor ID.N")
    leaf_number = int(leaf) if dot else None
    if len(name) == _ID_DIGITS:
        return name, leaf_number
    known = [] if client.catalogue is None else client.catalogue.resolve(name)
    if len(known) > 1:
        raise UsageError(Code.USAGE, reason=f"{len(known)} ids begin with {text}; write more of it")
    if not known:
        raise RefusedError(Code.NOT_FOUND, reason=text)
    return known[0], leaf_number


def load(client: Client, evidence: str, leaf: int | None = None) -> FoundFile:
    """A record or one leaf of it, its status, and what the own directory knows of it, all proved.

    Raises:
        RefusedError: ``NOT_FOUND``, or ``EVIDENCE_MEMBER`` for a leaf that the record does not have.
    """
    record = client.record(evidence)
    if leaf is not None and (record.batch is None or leaf >= record.batch.count):
        raise RefusedError(Code.EVIDENCE_MEMBER, evidence=evidence, member=leaf)
    entry = None if client.catalogue is None else client.catalogue.entry(evidence, leaf)
    if entry is not None and client.catalogue is not None:
        prove_entry(client.catalogue, record, entry, client)
    return FoundFile(record, leaf, client.status(evidence, leaf), entry)


def find_named(client: Client, what: str, query: EvidenceQuery | None = None) -> list[FoundFile]:
    """What a person means by ``what``: a file that is there, else a digest, else a record's id or its beginning.

    Those that do not meet ``query`` are left out.

    Raises:
        RefusedError: ``NOT_FOUND`` for what is none of them; and what reading the file raises.
    """
    path = Path(what)
    if query is not None:
        _check(query)
    if _is_there(path):
        found = find_file(client, read_file(PlannedFile(what, path.name or what, 0)))
    else:
        found = _find_text(client, what)
    return found if query is None else [one for one in found if _meets(one.record, query)]


def _find_text(client: Client, what: str) -> list[FoundFile]:
    """Records with that digest, or the record with that id."""
    text = what.strip().lower()
    if not text or not _HEX.union(".").issuperset(text):
        raise RefusedError(Code.NOT_FOUND, reason=f"{what} is no file, digest or id")
    found: list[FoundFile] = []
    if len(text) == _ID_DIGITS and "." not in text:
        found = find_digest(client, text)
        if not found and client.checker.verified_transaction(text) is None:
            return []
    return found or [load(client, *resolve_evidence(client, text))]


def history(client: Client, evidence: str) -> list[HistoryStep]:
    """The record's own transaction, supplements and marks, oldest first."""
    steps = []
    for transaction_id in client.transport.evidence_history(evidence):
        transaction = client.transaction(transaction_id)
        step = _step(transaction)
        if transaction_id != evidence and step.detail.get("of") != evidence:
            raise VerificationError(Code.TRANSACTION_PROOF, reason=f"{transaction_id} is not about {evidence}")
        steps.append(step)
    return steps


def _is_there(path: Path) -> bool:
    try:
        return path.is_symlink() or path.exists()
    except (OSError, ValueError):
        return False  # a name that no file can have


def _own(client: Client, entries: Iterable[Entry]) -> Iterable[FoundFile]:
    catalogue = client.catalogue
    if catalogue is None:
        return
    records: dict[str, EvidenceRecord | None] = {}
    for entry in entries:
        if entry.evidence not in records:
            transaction = client.checker.verified_transaction(entry.evidence)
            records[entry.evidence] = None if transaction is None else describe_record(transaction)
        record = records[entry.evidence]
        if record is None:
            continue  # written down, never committed
        prove_entry(catalogue, record, entry, client)
        yield FoundFile(record, entry.member, client.status(entry.evidence, entry.member), entry)


def _check(query: EvidenceQuery) -> None:
    """Refuse here what every node would refuse, with the same code whichever way it is asked."""
    if query.account is not None and not is_hex(query.account, 2 * ADDRESS_BYTES):
        raise UsageError(Code.USAGE, reason=f"{2 * ADDRESS_BYTES} hex digits, not {query.account[:80]!r}")


def _meets(record: EvidenceRecord, query: EvidenceQuery) -> bool:
    item = record.item
    if query.evidence is not None and record.id != query.evidence:
        return False
    if query.digest is not None and (item is None or query.digest not in (item.sm3, item.sha256)):
        return False
    if query.reference is not None and record.reference != query.reference:
        return False
    if query.account is not None and record.account != query.account:
        return False
    after = query.time_from is None or record.time >= query.time_from
    return after and (query.time_to is None or record.time < query.time_to)


def _step(transaction: VerifiedTransaction) -> HistoryStep:
    body = transaction.body
    mention = json_decoder(_Mention).decode(body.payload)
    return HistoryStep(
        id=transaction.id,
        type=body.type,
        account=body.signers[0].account,
        height=transaction.receipt.height,
        time=transaction.block.header.time,
        reason=mention.reason,
        member=mention.member,
        reference=mention.reference,
        detail={"of": mention.evidence} if mention.evidence else {},
    )
