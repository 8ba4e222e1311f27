"""Kind of claim ``evidence``: what a package proves of a record, its item and its status (evidence-package.md 3.3-3.5).

Purpose: the family's part of building and verifying packages, of the statement and of the report; for readers only, no
part of the rules. Rules: words and formats are those of the specification; changing one is a new version of it.
Not here: transactions, status proofs, the container (``proof``); finding and fetching (``sdk``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from govchain.merkle import root_from_inclusion
from govchain.model import Code, VerificationError, encode_struct
from govchain.model.wire import Body, Digest, Receipt
from govchain.modules.evidence.messages.items import Capture, Item, decode_item, item_fault
from govchain.modules.evidence.messages.openings import Opening, Openings, verify_openings
from govchain.modules.evidence.messages.payloads import LEAVES_MAX
from govchain.modules.evidence.messages.records import (
    EVIDENCE_TYPES,
    BatchFacts,
    RecordFacts,
    Relation,
    first_mark,
    read_record,
)
from govchain.modules.evidence.messages.values import MarkValue, mark_keys
from govchain.proof.claims import Claim, ClaimKind, ClaimMembers, ClaimReading, ProvedValues
from govchain.proof.exact import decode_exact
from govchain.proof.facts import Comparison, OriginalFacts
from govchain.proof.layout import body_name, claim_place
from govchain.proof.organisations import Organisation
from govchain.proof.package import ClaimContents
from govchain.proof.page import StatementPage, china_time, shown
from govchain.proof.refusing import refusing
from govchain.proof.status import StatusProof

__all__ = [
    "EVIDENCE_KIND",
    "BatchLeaf",
    "EvidenceKind",
    "LeafProof",
    "ProvedEvidence",
    "ProvedStatus",
    "evidence_contents",
    "item_name",
    "leaf_proof_name",
    "openings_name",
]

#: What the manifest calls this kind.
_NAME = "evidence"


class LeafProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That an item is leaf ``index`` of a batch of ``count``; path from leaf to root."""

    count: Annotated[int, Meta(ge=1, le=LEAVES_MAX)]
    index: Annotated[int, Meta(ge=0)]
    path: Annotated[tuple[Digest, ...], Meta(max_length=64)]


@dataclass(frozen=True, slots=True)
class BatchLeaf:
    """The leaf of a batch that a claim is about: its item's bytes and its proof."""

    item: bytes
    proof: LeafProof


def leaf_proof_name(transaction: str, leaf: int) -> str:
    """Member that proves an item to be a leaf of a batch."""
    return f"proofs/member-{claim_place(transaction, leaf)}.json"


def item_name(transaction: str, leaf: int) -> str:
    """Member with the item of a leaf."""
    return f"attachments/item-{claim_place(transaction, leaf)}.json"


def openings_name(transaction: str, leaf: int | None) -> str:
    """Member that opens commitments of an item."""
    return f"attachments/openings-{claim_place(transaction, leaf)}.json"


def evidence_contents(
    transaction: str, status: StatusProof, *, leaf: BatchLeaf | None = None, openings: Openings | None = None
) -> ClaimContents:
    """The claim that ``transaction`` (hex) made a record: ``leaf`` for one item of a batch, openings if shown."""
    members: dict[str, bytes] = {}
    place = None
    if leaf is not None:
        place = leaf.proof.index
        members[item_name(transaction, place)] = leaf.item
        members[leaf_proof_name(transaction, place)] = encode_struct(leaf.proof)
    if openings is not None:
        members[openings_name(transaction, place)] = encode_struct(openings)
    return ClaimContents(_NAME, place, status, members)


@dataclass(frozen=True, slots=True)
class ProvedStatus:
    """A record's status after block ``height`` (time in ms); ``mark`` says who ended it and why."""

    height: int
    time: int
    state: Literal["in_force", "superseded", "withdrawn"]
    mark: MarkValue | None
    organisation: Organisation | None


@dataclass(frozen=True, slots=True)
class ProvedEvidence:
    """An evidence record: one item, or a batch without a claimed ``leaf`` (``item`` is ``None``)."""

    reference: str
    item: Item | None
    batch: BatchFacts | None
    leaf: int | None
    relation: Relation | None
    openings: tuple[Opening, ...]
    status: ProvedStatus

    @property
    def ended(self) -> bool:
        """Whether it was withdrawn or superseded."""
        return self.status.mark is not None

    @property
    def is_whole_batch(self) -> bool:
        """Whether the claim is about a batch as a whole, whose single items may have been marked on their own."""
        return self.batch is not None and self.leaf is None

    @property
    def remarks(self) -> tuple[str, ...]:
        """That a status is that of the whole batch."""
        return ("verify.batch_whole",) if self.is_whole_batch else ()

    def compare(self, original: OriginalFacts) -> Comparison | None:
        """Size and digests of the item; a private content's SM3 where it is opened."""
        if self.item is None:
            return None
        opened = next((opening.value for opening in self.openings if opening.field == "content"), None)
        recorded = {"size": self.item.size, "sm3": self.item.sm3 or opened, "sha256": self.item.sha256}
        return Comparison(self.leaf, recorded, {"size": original.size, "sm3": original.sm3, "sha256": original.sha256})

    def describe(self) -> dict[str, object]:
        """Every field; a leaf under the wire's word ``member``, beside the batch that it is of."""
        about: dict[str, Any] = msgspec.to_builtins(self)
        leaf = about.pop("leaf")
        if about["batch"] is not None:
            about["batch"]["member"] = leaf
        if about["relation"] is not None:
            about["relation"]["member"] = about["relation"].pop("leaf")
        return about

    def tell(self, page: StatementPage) -> None:
        """The lines of evidence-package.md 6 for records."""
        if self.reference:
            page.line("reference", reference=shown(self.reference))
        batch = self.batch
        if batch is not None:
            page.line("batch", count=batch.count, size=batch.total_size, root=batch.root)
            if self.leaf is None:
                _tell_capture(page, batch.capture)
            else:
                page.line("member", place=self.leaf + 1, count=batch.count)
        if self.relation is not None:
            _tell_relation(page, self.relation)
        if self.item is not None:
            _tell_item(page, self.item)
        for opening in self.openings:
            page.line("opened", field=page.words(f"field.{opening.field}"), value=shown(opening.value))
        _tell_status(page, self.status)
        if self.is_whole_batch:
            page.line("batch_status")


def _tell_relation(page: StatementPage, relation: Relation) -> None:
    if relation.reason is None:
        page.line("supplements", evidence=relation.evidence)
        return
    if relation.leaf is None:
        page.line("supersedes", evidence=relation.evidence)
    else:
        page.line("supersedes_member", evidence=relation.evidence, place=relation.leaf + 1)
    page.line("reason", reason=page.words(f"reason.{relation.reason}"))


def _tell_item(page: StatementPage, item: Item) -> None:
    if item.name is None:
        page.line("name_private")
    else:
        page.line("name", name=shown(item.name))
    page.line("size", size=item.size)
    if item.sm3 is None:
        page.line("content_private")
    else:
        page.line("sm3", sm3=item.sm3)
        page.line("sha256", sha256=item.sha256)
    page.line("media_type", media_type=shown(item.media_type))
    _tell_capture(page, item.capture)


def _tell_capture(page: StatementPage, capture: Capture) -> None:
    page.line("captured", method=page.words(f"method.{capture.method}"), time=china_time(capture.time))


def _tell_status(page: StatementPage, status: ProvedStatus) -> None:
    page.line(f"status.{status.state}", height=status.height, time=china_time(status.time))
    mark = status.mark
    if mark is not None:
        page.line("marked", transaction=mark.by, time=china_time(mark.time))
        page.line("marked_by", organisation=page.organisation(status.organisation), account=mark.account)
        page.line("reason", reason=page.words(f"reason.{mark.reason}"))


@dataclass(frozen=True, slots=True)
class _Found:
    """What step 8 finds: the record, the claimed item, and the openings shown."""

    record: RecordFacts
    item: Item | None
    openings: tuple[Opening, ...]


class EvidenceKind:
    """See the module; the calls are those of :class:`govchain.proof.claims.ClaimKind`."""

    name = _NAME
    states_status = True
    has_leaves = True

    def members(self, claim: Claim) -> ClaimMembers:
        """For a leaf its proof and its item; openings where there are any."""
        of, leaf = claim.transaction, claim.member
        needed = () if leaf is None else (leaf_proof_name(of, leaf), item_name(of, leaf))
        return ClaimMembers(needed, (openings_name(of, leaf),))

    def verify_type(self, body: Body, receipt: Receipt) -> None:
        """A type that makes a record, with code 0."""
        if body.type not in EVIDENCE_TYPES or body.version != 1:
            raise VerificationError(Code.TRANSACTION_PROOF, reason="not a transaction that makes a record")
        if receipt.code != Code.OK:
            raise VerificationError(Code.RECEIPT_PROOF, reason=f"code {receipt.code}")

    def read(self, reading: ClaimReading) -> _Found:
        """Step 8: payload, item, leaf; openings where present."""
        claim = reading.claim
        of, leaf = claim.transaction, claim.member
        with refusing(8, body_name(of), Code.ITEM_INVALID):
            record = read_record(reading.body)
            item = record.item
            if item is not None:
                _verify_item(item)
            if leaf is not None and record.batch is None:
                raise VerificationError(Code.ITEM_INVALID, reason="not a batch")
        if leaf is not None and record.batch is not None:
            item = _read_leaf(reading, leaf, record.batch)
        openings: tuple[Opening, ...] = ()
        name = openings_name(of, leaf)
        if name in reading.members:
            with refusing(8, name, Code.OPENING_INVALID):
                opened = decode_exact(reading.members[name], Openings)
                if item is None:
                    raise VerificationError(Code.OPENING_INVALID, reason="no item")
                verify_openings(reading.suite, item, opened)
                openings = opened.openings
        return _Found(record, item, openings)

    def status_keys(self, reading: ClaimReading, _found: Any) -> tuple[bytes, ...]:
        """The marks of the record and of the leaf."""
        return mark_keys(bytes.fromhex(reading.claim.transaction), reading.claim.member)

    def conclude(self, reading: ClaimReading, found: Any, status: ProvedValues | None) -> ProvedEvidence:
        """The record, and what the first mark says of it."""
        assert isinstance(found, _Found)
        assert status is not None  # this kind states a status
        mark = first_mark(status.values)
        organisation = None if mark is None else reading.register.organisation(mark.organisation)
        state = "in_force" if mark is None else mark.kind
        return ProvedEvidence(
            reference=found.record.reference,
            item=found.item,
            batch=found.record.batch,
            leaf=reading.claim.member,
            relation=found.record.relation,
            openings=found.openings,
            status=ProvedStatus(status.height, status.time, state, mark, organisation),
        )


#: The kind, as ``sdk.kinds`` lists it.
EVIDENCE_KIND: ClaimKind = EvidenceKind()


def _read_leaf(reading: ClaimReading, leaf: int, batch: BatchFacts) -> Item:
    """The item of a leaf, proved to be one of the batch."""
    name = item_name(reading.claim.transaction, leaf)
    with refusing(8, name, Code.ITEM_INVALID):
        data = reading.members[name]
        item = decode_item(data)
        _verify_item(item)
    name = leaf_proof_name(reading.claim.transaction, leaf)
    with refusing(8, name, Code.MEMBER_PROOF):
        proof = decode_exact(reading.members[name], LeafProof)
        if (proof.index, proof.count) != (leaf, batch.count):
            raise VerificationError(Code.MEMBER_PROOF, reason="another leaf")
        path = [bytes.fromhex(node) for node in proof.path]
        if root_from_inclusion(reading.suite.digest, data, leaf, batch.count, path).hex() != batch.root:
            raise VerificationError(Code.MEMBER_PROOF, reason="root")
    return item


def _verify_item(item: Item) -> None:
    fault = item_fault(item)
    if fault:
        raise VerificationError(Code.ITEM_INVALID, reason=fault)
