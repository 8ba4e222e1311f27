"""``govchain evidence``: anchor files, find and show records, mark them, export proofs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from govchain.cli.commands.certificate import certificate
from govchain.cli.opening import open_chain, trust_store
from govchain.cli.output import china_time, emit, line
from govchain.cli.reading import HEIGHT_MAX, check_line
from govchain.cli.session import t
from govchain.cli.target import Target, find_target
from govchain.model import Code, RefusedError, UsageError

__all__ = ["COMMANDS"]

_evidence = typer.Typer(help=t("help.evidence"), no_args_is_help=True, add_completion=False)

Reference = Annotated[str, typer.Option("--reference", "-r", metavar="TEXT", help=t("option.reference"))]
Key = Annotated[str, typer.Option("--key", metavar="KEY", help=t("option.key"))]
PublicName = Annotated[bool, typer.Option("--public-name", help=t("option.public_name"))]
PrivateContent = Annotated[bool, typer.Option("--private-content", help=t("option.private_content"))]
Reason = Annotated[
    str, typer.Option("--reason", metavar="duplicate|error|expired|lawful_order|other", help=t("option.reason"))
]
EvidenceId = Annotated[str, typer.Argument(metavar="ID[.N]", help=t("option.evidence"))]


@_evidence.command("put", help=t("help.evidence.put"))
def put(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help=t("option.paths"))],
    reference: Reference = "",
    public_name: PublicName = False,
    private_content: PrivateContent = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help=t("option.skip_bad"))] = False,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, max=100_000, metavar="N", help=t("option.batch_size"))
    ] = 100_000,
    key: Key = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=t("option.envelope_out"))
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=t("option.force"))] = False,
) -> None:
    """Anchor one file as a record of its own, or many as leaves of one record."""
    from govchain.cli.evidence_views import show_put  # noqa: PLC0415 - with the SDK, only where needed
    from govchain.cli.shapes import record_json  # noqa: PLC0415
    from govchain.sdk.capture import CaptureOptions  # noqa: PLC0415

    check_line(reference, "--reference")
    options = CaptureOptions(public_names=public_name, private_content=private_content, skip_bad=skip_bad)
    target = find_target()
    if target.path is not None:
        _refuse_own_directory(paths, target.path)
    # Files come first: a bad one is refused before the ledger is even opened.
    taken = _capture(paths, _suite(target), options)
    alone = len(taken.files) == 1 and not taken.files[0].planned.below
    if output is not None:
        if not alone and len(taken.files) > batch_size:
            raise UsageError(Code.USAGE, reason=t("evidence.one_envelope"))
        _put_into_file(taken, output, alone=alone, reference=reference, key=key, force=force)
        return
    with open_chain(write=True, key=key) as opened:
        if alone:
            records = [opened.client.put_file(taken.files[0], reference=reference)]
        else:
            files = taken.files
            chunks = [files[i : i + batch_size] for i in range(0, len(files), batch_size)]
            records = [opened.client.put_batch(chunk, reference=reference) for chunk in chunks]
        result: dict[str, Any] = {
            "id": records[0].id,
            "records": [record_json(record) for record in records],
            "files": len(taken.files),
            "bytes": taken.total_size,
            "skipped": [{"path": bad.path, "code": bad.code.name, "reason": bad.reason} for bad in taken.skipped],
        }
        emit(result, lambda: show_put(records, taken))


@_evidence.command("find", help=t("help.evidence.find"))
def find(
    what: Annotated[str, typer.Argument(metavar="[FILE|DIGEST|ID]", help=t("option.find"))] = "",
    reference: Reference = "",
    account: Annotated[str, typer.Option("--account", metavar="ADDRESS", help=t("option.account_filter"))] = "",
    time_from: Annotated[str, typer.Option("--from", metavar="TIME", help=t("option.from"))] = "",
    time_to: Annotated[str, typer.Option("--to", metavar="TIME", help=t("option.to"))] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help=t("option.limit"))] = 100,
) -> None:
    """Find records by file, digest, id, reference, submitter or time; each answer is proved before it is shown."""
    from govchain.cli.evidence_views import show_found  # noqa: PLC0415
    from govchain.cli.shapes import found_json  # noqa: PLC0415
    from govchain.sdk.finding import find_named  # noqa: PLC0415
    from govchain.sdk.transport import EvidenceQuery  # noqa: PLC0415

    start, end = _time(time_from, "--from"), _time(time_to, "--to")
    query = EvidenceQuery(
        reference=reference or None, account=account or None, time_from=start, time_to=end, limit=limit
    )
    if not any((what, reference, account, time_from, time_to)):
        raise UsageError(Code.USAGE, reason=t("find.nothing_asked"))
    with open_chain() as opened:
        found = find_named(opened.client, what, query) if what else opened.client.find(query)
        if not found:
            raise RefusedError(Code.NOT_FOUND, reason=what or t("find.criteria"))
        emit({"found": [found_json(one) for one in found[:limit]]}, lambda: show_found(found[:limit]))


@_evidence.command("show", help=t("help.evidence.show"))
def show(evidence: EvidenceId) -> None:
    """One record or leaf: what was anchored, by whom, when, and whether it stands."""
    from govchain.cli.evidence_views import show_one  # noqa: PLC0415
    from govchain.cli.shapes import found_json  # noqa: PLC0415
    from govchain.sdk.finding import load, resolve_evidence  # noqa: PLC0415

    with open_chain() as opened:
        found = load(opened.client, *resolve_evidence(opened.client, evidence))
        emit(found_json(found), lambda: show_one(found))


@_evidence.command("history", help=t("help.evidence.history"))
def history(evidence: EvidenceId) -> None:
    """Everything that happened to a record, oldest first."""
    from govchain.cli.evidence_views import show_history  # noqa: PLC0415
    from govchain.cli.shapes import step_json  # noqa: PLC0415
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415

    with open_chain() as opened:
        record, _ = resolve_evidence(opened.client, evidence)
        steps = opened.client.history(record)
        if not steps:
            raise RefusedError(Code.NOT_FOUND, reason=evidence)
        emit({"id": record, "history": [step_json(step) for step in steps]}, lambda: show_history(steps))


@_evidence.command("supplement", help=t("help.evidence.supplement"))
def supplement(
    evidence: EvidenceId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.file"))],
    reference: Reference = "",
    public_name: PublicName = False,
    private_content: PrivateContent = False,
    key: Key = "",
) -> None:
    """Add a file to an earlier record."""
    from govchain.cli.evidence_views import show_put  # noqa: PLC0415
    from govchain.cli.shapes import record_json  # noqa: PLC0415
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415

    check_line(reference, "--reference")
    taken = _capture_one(file, _suite(find_target()), public_name, private_content)
    with open_chain(write=True, key=key) as opened:
        record, _ = resolve_evidence(opened.client, evidence)
        made = opened.client.supplement(record, taken.files[0], reference=reference)
        emit({"id": made.id, "record": record_json(made)}, lambda: show_put([made], taken))


@_evidence.command("supersede", help=t("help.evidence.supersede"))
def supersede(
    evidence: EvidenceId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=t("option.file"))],
    reason: Reason = "error",
    reference: Reference = "",
    public_name: PublicName = False,
    private_content: PrivateContent = False,
    key: Key = "",
) -> None:
    """Anchor a file in the place of an earlier record, which stays, marked as superseded."""
    from govchain.cli.evidence_views import show_put  # noqa: PLC0415
    from govchain.cli.shapes import record_json  # noqa: PLC0415
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415

    _check_reason(reason)
    check_line(reference, "--reference")
    taken = _capture_one(file, _suite(find_target()), public_name, private_content)
    with open_chain(write=True, key=key) as opened:
        record, member = resolve_evidence(opened.client, evidence)
        made = opened.client.supersede(record, taken.files[0], member=member, reason=reason, reference=reference)
        emit({"id": made.id, "record": record_json(made)}, lambda: show_put([made], taken))


@_evidence.command("withdraw", help=t("help.evidence.withdraw"))
def withdraw(evidence: EvidenceId, reason: Reason = "error", key: Key = "") -> None:
    """Mark a record, or one file of a batch, as withdrawn; nothing is deleted."""
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415

    _check_reason(reason)
    with open_chain(write=True, key=key) as opened:
        record, member = resolve_evidence(opened.client, evidence)
        done = opened.client.withdraw(record, member=member, reason=reason)
        block = done.block.header
        result = {
            "id": done.id,
            "evidence": record,
            "member": member,
            "reason": reason,
            "height": block.height,
            "time": block.time,
            "time_text": china_time(block.time),
        }
        emit(result, lambda: line(t("evidence.withdrawn", id=evidence, height=block.height, by=done.id)))


@_evidence.command("export", help=t("help.evidence.export"))
def export(
    evidence: EvidenceId,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.gcp", help=t("option.output"))] = None,
    disclose: Annotated[
        list[str] | None, typer.Option("--disclose", metavar="name|content", help=t("option.disclose"))
    ] = None,
    anchor: Annotated[
        list[int] | None, typer.Option("--anchor", metavar="N", min=1, max=HEIGHT_MAX, help=t("option.anchor"))
    ] = None,
    force: Annotated[bool, typer.Option("--force", help=t("option.force"))] = False,
) -> None:
    """Write an evidence package that anyone can verify offline."""
    from govchain.cli.writing import write_file  # noqa: PLC0415
    from govchain.sdk.exporting import own_anchors  # noqa: PLC0415
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415

    with open_chain() as opened:
        record, member = resolve_evidence(opened.client, evidence)
        anchors = sorted({*(anchor or ()), *own_anchors(opened.client, trust_store().anchors())})
        data = opened.client.export_package(record, member, disclose=disclose or (), anchors=anchors)
        name = record[:16] if member is None else f"{record[:16]}.{member}"
        path = output or Path(f"{name}.gcp")
        write_file(path, data, force=force)
        disclosed = sorted(set(disclose or ()))
        result = {"id": evidence, "path": str(path), "bytes": len(data), "disclosed": disclosed, "anchors": anchors}
        emit(result, lambda: line(t("evidence.exported", path=path, size=len(data))))


_evidence.command("certificate", help=t("help.evidence.certificate"))(certificate)


# The steps behind


def _suite(target: Target) -> Any:
    from govchain.cli.opening import target_genesis  # noqa: PLC0415
    from govchain.crypto import get_suite  # noqa: PLC0415
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415

    return get_suite(decode_genesis(target_genesis(target)).suite)


def _capture(paths: list[Path], suite: Any, options: Any) -> Any:
    from govchain.cli.progress import capture_watcher  # noqa: PLC0415
    from govchain.sdk.capture import capture_paths  # noqa: PLC0415
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415

    with capture_watcher() as watcher:
        return capture_paths(paths, suite=suite, now=now_ms(), options=options, watcher=watcher)


def _capture_one(file: Path, suite: Any, public_name: bool, private_content: bool) -> Any:
    from govchain.sdk.capture import CaptureOptions  # noqa: PLC0415

    taken = _capture([file], suite, CaptureOptions(public_names=public_name, private_content=private_content))
    if len(taken.files) != 1 or taken.files[0].planned.below:
        raise UsageError(Code.USAGE, reason=t("evidence.one_file"))
    return taken


def _put_into_file(taken: Any, output: Path, *, alone: bool, reference: str, key: str, force: bool) -> None:
    """Sign, keep the record as pending, and leave the sending to whoever takes the file."""
    from govchain.cli.writing import check_free, write_file  # noqa: PLC0415

    check_free(output, force=force)
    with open_chain(write=True, key=key) as opened:
        client = opened.client
        prepared = (
            client.prepare_file(taken.files[0], reference=reference)
            if alone
            else client.prepare_batch(taken.files, reference=reference)
        )
        write_file(output, prepared.envelope, force=force)
        result = {
            "id": prepared.id,
            "path": str(output),
            "bytes": len(prepared.envelope),
            "expires": prepared.expires,
            "expires_text": china_time(prepared.expires),
        }
        until = result["expires_text"]
        emit(result, lambda: line(t("evidence.envelope", id=prepared.id, path=output, until=until)))


def _refuse_own_directory(paths: list[Path], data: Path) -> None:
    """A folder that holds the data directory would anchor files that the node is writing, and its keys' names."""
    inside = data.resolve()
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            folder = path.resolve()
            if folder == inside or folder in inside.parents or inside in folder.parents:
                raise UsageError(Code.USAGE, reason=t("evidence.own_directory", path=path))


def _check_reason(reason: str) -> None:
    from govchain.modules.evidence.messages import REASONS  # noqa: PLC0415

    if reason not in REASONS:
        raise UsageError(Code.USAGE, reason=t("evidence.reason", given=reason, known=", ".join(REASONS)))


def _time(text: str, option: str) -> int | None:
    from govchain.cli.output import parse_time  # noqa: PLC0415

    if not text:
        return None
    try:
        return max(0, parse_time(text))
    except (ValueError, OverflowError):
        raise UsageError(Code.USAGE, reason=t("cli.bad_time", option=option, given=text)) from None


COMMANDS = {"evidence": _evidence}
