"""``govchain verify``: check an evidence package or a certificate offline: no network, no node, no data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from govchain.cli.output import emit, line
from govchain.cli.session import session, t
from govchain.model import Code, RefusedError, UnavailableError, UsageError, VerificationError

__all__ = ["COMMANDS"]

_verify = typer.Typer(add_completion=False)


@_verify.command("verify", help=t("help.verify"))
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.gcp|FILE.pdf", help=t("option.package"))],
    original: Annotated[Path | None, typer.Option("--original", metavar="PATH", help=t("option.original"))] = None,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", metavar="GENESIS|HEADER", help=t("option.trust"))
    ] = None,
) -> None:
    """Verify in numbered steps; exit code 0 holds and trusted, 1 refused, 3 not trusted, 4 withdrawn or superseded."""
    from govchain.cli.verify_views import damaged_member, refused_json, report_json, show_refused, show_report  # noqa: PLC0415
    from govchain.documents.extract import verify_document  # noqa: PLC0415
    from govchain.documents.form import PAPER_BYTES_MAX  # noqa: PLC0415
    from govchain.proof.archive import FILE_BYTES_MAX  # noqa: PLC0415
    from govchain.sdk.kinds import installed_kinds  # noqa: PLC0415

    data = _read(file, PAPER_BYTES_MAX)
    if data.lstrip()[:1] == b"{":
        _verify_equivocation(data, trust or [])
    if len(data) > FILE_BYTES_MAX and not data.startswith(b"%PDF-"):
        raise RefusedError(Code.FILE_TOO_LARGE, path=str(file), size_max=FILE_BYTES_MAX)
    anchors = _anchors(trust or [])
    facts = None if original is None else _original(original)
    try:
        verified, _ = verify_document(data, trusted=anchors, kinds=installed_kinds(), original=facts)
    except VerificationError as refusal:
        error = refusal
        if error.code is Code.PACKAGE_CONTAINER and not error.member:
            error = VerificationError(error.code, **{**error.params, "member": damaged_member(_package(data))})  # type: ignore[arg-type]
        differences = _differences(_package(data), anchors, facts) if error.code is Code.ORIGINAL_DIFFERS else []
        package = _report(data, anchors, facts) if error.code is Code.PAPER_ALTERED else None
        emit(refused_json(error, differences, package), lambda: show_refused(error, differences, file, package))
        raise typer.Exit(error.exit_code) from None
    emit(report_json(verified.report), lambda: show_report(verified.report, session().language))
    raise typer.Exit(verified.report.exit_code)


def _verify_equivocation(data: bytes, trust: list[Path]) -> NoReturn:
    """A proof that a member signed two blocks of one height: 0 when a named genesis lists the key, 3 otherwise."""
    from govchain.crypto import get_suite  # noqa: PLC0415
    from govchain.proof.equivocation import decode_equivocation, verify_equivocation  # noqa: PLC0415

    data = data.strip()
    suite = get_suite("gm" if decode_equivocation(data).algorithm == "sm2-sm3" else "international")
    proof = verify_equivocation(suite, data)
    first, second = proof.blocks
    member = _member(proof.chain, proof.key, trust)
    result = {
        "result": "equivocation",
        "exit_code": 0 if member else 3,
        "chain": proof.chain,
        "epoch": proof.epoch,
        "height": proof.height,
        "member": member,
        "key": proof.key,
        "identities": [first.identity, second.identity],
    }

    def show() -> None:
        line(t("verify.equivocation", chain=proof.chain, height=proof.height, epoch=proof.epoch))
        line(t("verify.equivocation.blocks", signer=proof.key, first=first.identity, second=second.identity))
        line(
            t("verify.equivocation.member", member=member)
            if member
            else t("verify.equivocation.unknown", signer=proof.key[:16])
        )

    emit(result, show)
    raise typer.Exit(int(str(result["exit_code"])))


def _member(chain: str, key: str, trust: list[Path]) -> str:
    """The name of the member with that key in one of the named genesis files of that chain, or an empty string."""
    from govchain.model import DecodingError  # noqa: PLC0415
    from govchain.proof.genesis import decode_genesis  # noqa: PLC0415
    from govchain.sdk.trust import ANCHOR_BYTES_MAX  # noqa: PLC0415

    for path in trust:
        try:
            genesis = decode_genesis(_read(path, ANCHOR_BYTES_MAX))
        except DecodingError as error:
            raise UsageError(error.code, **{**error.params, "path": str(path)}) from None
        if genesis.chain == chain:
            for member in genesis.members:
                if member.key == key:
                    return member.name
    return ""


def _report(data: bytes, anchors: Any, facts: Any) -> Any:
    """What holds of the package inside a certificate whose page was refused."""
    from govchain.proof.verify import verify_package  # noqa: PLC0415
    from govchain.sdk.kinds import installed_kinds  # noqa: PLC0415

    return verify_package(_package(data), trusted=anchors, kinds=installed_kinds(), original=facts).report


def _package(data: bytes) -> bytes:
    """The package itself, of a certificate the one inside."""
    from govchain.documents.extract import decode_paper, is_pdf  # noqa: PLC0415

    return decode_paper(data).package if is_pdf(data) else data


def _anchors(files: list[Path]) -> Any:
    """The user's store, and whatever was named; a named file that is no anchor is a matter of usage."""
    from govchain.cli.opening import trust_store  # noqa: PLC0415
    from govchain.sdk.trust import ANCHOR_BYTES_MAX, as_trust_anchors, decode_anchor  # noqa: PLC0415

    anchors = trust_store().trusted()
    for path in files:
        try:
            anchors += as_trust_anchors([decode_anchor(_read(path, ANCHOR_BYTES_MAX))])
        except (RefusedError, VerificationError) as error:
            raise UsageError(error.code, **{**error.params, "path": str(path)}) from None
    return anchors


def _read(path: Path, size_max: int) -> bytes:
    from govchain.cli.reading import read_small  # noqa: PLC0415

    try:
        return read_small(path, size_max)
    except RefusedError as error:
        raise _unread(error) from None


def _unread(error: RefusedError) -> RefusedError | UnavailableError:
    """What cannot be read, or may never end, is not refused but not looked at."""
    if error.code in (Code.FILE_UNREADABLE, Code.FILE_KIND):
        return UnavailableError(error.code, **error.params)  # type: ignore[arg-type]
    return error


def _original(path: Path) -> Any:
    from govchain.cli.progress import capture_watcher  # noqa: PLC0415
    from govchain.proof.report import OriginalFacts  # noqa: PLC0415
    from govchain.sdk.folders import PlannedFile  # noqa: PLC0415
    from govchain.sdk.reading import read_file  # noqa: PLC0415

    # The user named it: what a link leads to is meant.
    target = path.resolve() if path.is_symlink() else path
    try:
        with capture_watcher() as watcher:
            watcher.planned(1, target.stat().st_size if target.exists() else 0)
            read = read_file(PlannedFile(str(target), target.name, 0), progress=watcher.read)
    except RefusedError as error:
        raise _unread(error) from None
    return OriginalFacts(read.size, read.sm3.hex(), read.sha256.hex())


def _differences(data: bytes, anchors: Any, given: Any) -> list[dict[str, Any]]:
    """For each claimed item, which of size, SM3 and SHA-256 the original does not share."""
    from govchain.proof.verify import verify_package  # noqa: PLC0415
    from govchain.sdk.kinds import installed_kinds  # noqa: PLC0415

    found = []
    for claim in verify_package(data, trusted=anchors, kinds=installed_kinds()).facts.claims:
        comparison = None if claim.subject is None else claim.subject.compare(given)
        if comparison is None:
            continue
        found.append(
            {
                "transaction": claim.transaction,
                "member": comparison.leaf,
                "differs": list(comparison.differs),
                "content_private": comparison.content_private,
                "recorded": dict(comparison.recorded),
                "original": dict(comparison.original),
            }
        )
    return found


COMMANDS = {"verify": _verify}
