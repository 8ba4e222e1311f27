"""Rules of the evidence family: check and apply.

A record's content (the item) is its transaction, which the transaction tree proves; state holds the small record that
later rules need, and marks, whose presence or absence the ``live`` tree proves at every block.
"""

from __future__ import annotations

from govchain.model import Code, encode_struct
from govchain.model.printable import has_control_characters
from govchain.model.wire import Event
from govchain.modules.evidence import views
from govchain.modules.evidence.keys import (
    BY_ACCOUNT,
    BY_DIGEST,
    BY_REFERENCE,
    LINK,
    MARK,
    RECORD,
    by_account_key,
    by_digest_key,
    by_reference_key,
    link_key,
)
from govchain.modules.evidence.messages import (
    Batch,
    Item,
    MarkValue,
    Put,
    RecordValue,
    Supersede,
    Supplement,
    Withdraw,
    check_item,
    mark_key,
    record_key,
)
from govchain.modules.port import Context, Handler, Module, Outcome, Write

__all__ = ["CAPTURE_AHEAD_MS_MAX", "MODULE"]

#: How far a capture time may lie ahead of block time: clocks differ, but evidence from the future is refused.
CAPTURE_AHEAD_MS_MAX = 600_000


def check_put_message(message: Put | Supplement | Supersede) -> Code:
    """The item obeys its field rules, and the reference is one printable line."""
    return Code.EVIDENCE_ITEM if has_control_characters(message.reference) else check_item(message.subject)


def check_batch_message(message: Batch) -> Code:
    """The reference is one printable line."""
    return Code.EVIDENCE_BATCH if has_control_characters(message.reference) else Code.OK


def check_put(context: Context, message: Put) -> Code:
    """The item was not captured in the future."""
    return _check_capture(context, message.subject.capture.time)


def apply_put(context: Context, message: Put) -> Outcome:
    """Add the record."""
    return _anchor(context, "file", message.reference, item=message.subject)


def check_batch(context: Context, message: Batch) -> Code:
    """The batch was not captured in the future."""
    return _check_capture(context, message.capture.time)


def apply_batch(context: Context, message: Batch) -> Outcome:
    """Add one record for all leaves."""
    return _anchor(context, "batch", message.reference, count=message.count)


def check_supplement(context: Context, message: Supplement) -> Code:
    """Own record, still in force."""
    return _check_own(context, bytes.fromhex(message.evidence), None) or _check_capture(
        context, message.subject.capture.time
    )


def apply_supplement(context: Context, message: Supplement) -> Outcome:
    """Add a record that belongs to an earlier one."""
    return _anchor(context, "supplement", message.reference, item=message.subject, of=message.evidence)


def check_supersede(context: Context, message: Supersede) -> Code:
    """Own record, still in force."""
    return _check_own(context, bytes.fromhex(message.evidence), message.member) or _check_capture(
        context, message.subject.capture.time
    )


def apply_supersede(context: Context, message: Supersede) -> Outcome:
    """Add a record and mark the earlier one as superseded by it."""
    anchored = _anchor(context, "replacement", message.reference, item=message.subject, of=message.evidence)
    marked = _mark(context, message, "superseded")
    return Outcome(writes=(*anchored.writes, *marked.writes), events=anchored.events + marked.events)


def check_withdraw(context: Context, message: Withdraw) -> Code:
    """Own record, still in force."""
    return _check_own(context, bytes.fromhex(message.evidence), message.member)


def apply_withdraw(context: Context, message: Withdraw) -> Outcome:
    """Mark the record as withdrawn."""
    marked = _mark(context, message, "withdrawn")
    place = context.height.to_bytes(8, "big") + context.index.to_bytes(4, "big")
    link = (link_key(bytes.fromhex(message.evidence), place), context.transaction)
    return Outcome(writes=(*marked.writes, link), events=marked.events)


def _check_capture(context: Context, time: int) -> Code:
    return Code.EVIDENCE_CAPTURE_TIME if time > context.time + CAPTURE_AHEAD_MS_MAX else Code.OK


def _check_own(context: Context, evidence: bytes, leaf: int | None) -> Code:
    """The record exists, belongs to the sender's organisation, has that leaf, and bears no mark yet."""
    record = views.record(context.state, evidence)
    if record is None:
        return Code.EVIDENCE_UNKNOWN
    if leaf is not None and (record.kind != "batch" or leaf >= record.count):
        return Code.EVIDENCE_MEMBER
    if record.organisation != context.sender.organisation:
        return Code.EVIDENCE_NOT_OWNER
    mark = views.mark(context.state, evidence, leaf)
    if mark is None:
        return Code.OK
    return Code.EVIDENCE_WITHDRAWN if mark.kind == "withdrawn" else Code.EVIDENCE_SUPERSEDED


def _anchor(
    context: Context, kind: str, reference: str, *, item: Item | None = None, count: int = 1, of: str | None = None
) -> Outcome:
    sender = context.sender
    evidence = context.transaction
    place = context.height.to_bytes(8, "big") + context.index.to_bytes(4, "big")
    value = RecordValue(
        account=sender.address.hex(),
        count=count,
        height=context.height,
        index=context.index,
        kind=kind,  # type: ignore[arg-type]
        of=of,
        organisation=sender.organisation,
        time=context.time,
    )
    writes: list[Write] = [
        (record_key(evidence), encode_struct(value)),
        (by_account_key(sender.address, place), evidence),
    ]
    if item is not None and item.sm3 is not None and item.sha256 is not None:
        writes.append((by_digest_key(bytes.fromhex(item.sm3), evidence), b""))
        writes.append((by_digest_key(bytes.fromhex(item.sha256), evidence), b""))
    if reference:
        writes.append((by_reference_key(context.suite.digest(reference.encode()), place), evidence))
    if of is not None:
        writes.append((link_key(bytes.fromhex(of), place), evidence))
    event = Event(
        data={"count": count, "kind": kind},
        organisation=sender.organisation,
        reference=reference,
        type="evidence.supplemented" if kind == "supplement" else "evidence.anchored",
    )
    return Outcome(writes=writes, events=(event,))


def _mark(context: Context, message: Supersede | Withdraw, kind: str) -> Outcome:
    sender = context.sender
    value = MarkValue(
        account=sender.address.hex(),
        by=context.transaction.hex(),
        kind=kind,  # type: ignore[arg-type]
        organisation=sender.organisation,
        reason=message.reason,
        time=context.time,
    )
    event = Event(
        data={"evidence": message.evidence, "member": message.member, "reason": message.reason},
        organisation=sender.organisation,
        reference=message.evidence,
        type=f"evidence.{kind}",
    )
    key = mark_key(bytes.fromhex(message.evidence), message.member)
    return Outcome(writes=((key, encode_struct(value)),), events=(event,))


_DEPARTMENT = frozenset({"department"})

#: The evidence family.
MODULE = Module(
    name="evidence",
    version=1,
    namespaces=(RECORD, MARK, BY_DIGEST, BY_ACCOUNT, BY_REFERENCE, LINK),
    handlers=(
        Handler("evidence.put", 1, Put, check_put, apply_put, check_put_message, _DEPARTMENT),
        Handler("evidence.batch", 1, Batch, check_batch, apply_batch, check_batch_message, _DEPARTMENT),
        Handler(
            "evidence.supplement", 1, Supplement, check_supplement, apply_supplement, check_put_message, _DEPARTMENT
        ),
        Handler("evidence.supersede", 1, Supersede, check_supersede, apply_supersede, check_put_message, _DEPARTMENT),
        Handler("evidence.withdraw", 1, Withdraw, check_withdraw, apply_withdraw, roles=_DEPARTMENT),
    ),
    package="govchain.modules.evidence",
    readers=("messages/claims.py", "messages/openings.py", "messages/records.py"),
    sources=("govchain.model.printable",),
)
