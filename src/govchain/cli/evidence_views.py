"""How evidence looks to people."""

from __future__ import annotations

from collections.abc import Sequence

from govchain.cli.output import bad_member, china_time, facts, line, size_text, table
from govchain.cli.session import t
from govchain.modules.evidence.messages import decode_item
from govchain.sdk.capture import CapturedSet
from govchain.sdk.records import EvidenceRecord, EvidenceStatus, FoundFile, HistoryStep

__all__ = ["show_found", "show_history", "show_one", "show_put", "status_text"]


def show_put(records: Sequence[EvidenceRecord], taken: CapturedSet) -> None:
    """What was anchored, and what was left out."""
    line(t("evidence.anchored", files=len(taken.files), size=size_text(taken.total_size)))
    only = taken.files[0] if len(taken.files) == 1 else None
    for record in records:
        facts(
            [
                ("evidence", record.id),
                ("height", record.height),
                ("time", china_time(record.time)),
                ("files", None if record.batch is None else record.batch.count),
                ("root", None if record.batch is None else record.batch.root),
                ("reference", record.reference),
                ("file", None if only is None else only.planned.relative),
                ("sm3", None if only is None else only.facts.sm3.hex()),
                ("sha256", None if only is None else only.facts.sha256.hex()),
            ]
        )
    if taken.skipped:
        line(t("evidence.skipped", count=len(taken.skipped)))
        for bad in taken.skipped:
            line("  " + bad_member(bad.path, bad.code.name, bad.reason))
    example = records[0].id if records[0].batch is None else f"{records[0].id}.0"
    line(t("evidence.next", id=example))


def show_found(found: Sequence[FoundFile]) -> None:
    """A table of records."""
    table(
        ["evidence", "height", "time", "status", "file", "reference"],
        [
            (
                one.id,
                one.record.height,
                china_time(one.record.time),
                status_text(one.status),
                _name(one),
                one.record.reference,
            )
            for one in found
        ],
    )


def show_one(found: FoundFile) -> None:
    """Everything about one record or leaf."""
    record, entry = found.record, found.entry
    item = decode_item(entry.item) if entry is not None else record.item
    batch = record.batch
    facts(
        [
            ("evidence", found.id),
            ("type", t(f"type.{record.type}")),
            ("status", status_text(found.status)),
            ("height", record.height),
            ("time", china_time(record.time)),
            ("organisation", record.organisation),
            ("account", record.account),
            ("reference", record.reference),
            ("of", record.of if record.of_member is None else f"{record.of}.{record.of_member}"),
            ("files", None if batch is None else batch.count),
            ("total_size", None if batch is None else size_text(batch.total_size)),
            ("root", None if batch is None else batch.root),
            ("file", _name(found)),
            ("path", None if entry is None or entry.path == entry.name else entry.path),
            ("size", None if item is None else size_text(item.size)),
            ("media_type", None if item is None else item.media_type),
            ("captured", None if item is None else china_time(item.capture.time)),
            ("sm3", entry.sm3 if entry is not None else None if item is None else item.sm3),
            ("sha256", entry.sha256 if entry is not None else None if item is None else item.sha256),
        ]
    )


def show_history(steps: Sequence[HistoryStep]) -> None:
    """A record's history as a table."""
    table(
        ["height", "time", "event", "reason", "transaction", "account"],
        [
            (
                step.height,
                china_time(step.time),
                t(f"type.{step.type}") + ("" if step.member is None else f" .{step.member}"),
                t(f"reason.{step.reason}") if step.reason else "",
                step.id,
                step.account,
            )
            for step in steps
        ],
    )


def status_text(status: EvidenceStatus) -> str:
    """A status in words, with the block that it was proved at."""
    words = t(f"status.{status.state}")
    if status.mark is None:
        return t("status.as_of", status=words, height=status.height)
    return t("status.marked", status=words, reason=t(f"reason.{status.mark.reason}"), time=china_time(status.mark.time))


def _name(found: FoundFile) -> str:
    if found.entry is not None:
        return found.entry.name
    item = found.record.item
    if item is not None:
        return item.name or t("evidence.private_name")
    return t("evidence.batch_of", count=found.record.batch.count if found.record.batch else 0)
