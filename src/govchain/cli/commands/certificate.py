"""``govchain evidence certificate``: draw the printable certificate (存证证书) of a record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from govchain.cli.output import emit, line
from govchain.cli.session import t
from govchain.model import Code, UsageError

__all__ = ["certificate"]


def certificate(
    evidence: Annotated[str, typer.Argument(metavar="[ID[.N]]", help=t("option.evidence"))] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.pdf", help=t("option.certificate_output"))
    ] = None,
    package: Annotated[
        Path | None, typer.Option("--package", metavar="FILE.gcp", help=t("option.certificate_package"))
    ] = None,
    disclose: Annotated[
        list[str] | None, typer.Option("--disclose", metavar="name|content", help=t("option.disclose"))
    ] = None,
    url: Annotated[str, typer.Option("--url", metavar="URL", help=t("option.certificate_url"))] = "",
    force: Annotated[bool, typer.Option("--force", help=t("option.force"))] = False,
) -> None:
    """Write a PDF in Chinese and English that carries the evidence package; ``govchain verify`` takes it."""
    from govchain.cli.writing import write_file  # noqa: PLC0415 - loaded by the command that needs it
    from govchain.documents.form import check_url  # noqa: PLC0415

    if bool(evidence) == (package is not None) or (package is not None and disclose):
        raise UsageError(Code.USAGE, reason=t("evidence.certificate_what"))
    check_url(url)
    if package is not None:
        name, data = package.stem, _from_package(package, url)
    else:
        name, data = _from_chain(evidence, disclose or [], url)
    path = output or Path(f"{name}.pdf")
    write_file(path, data, force=force)
    result = {"id": evidence or None, "path": str(path), "bytes": len(data), "url": url or None}
    emit(result, lambda: line(t("evidence.certified", path=path, size=len(data))))


def _from_package(path: Path, url: str) -> bytes:
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.proof.archive import FILE_BYTES_MAX  # noqa: PLC0415
    from govchain.services.paper import certify_package  # noqa: PLC0415

    return certify_package(read_small(path, FILE_BYTES_MAX), url=url)


def _from_chain(evidence: str, disclose: list[str], url: str) -> tuple[str, bytes]:
    from govchain.cli.opening import open_chain, trust_store  # noqa: PLC0415
    from govchain.sdk.exporting import own_anchors  # noqa: PLC0415
    from govchain.sdk.finding import resolve_evidence  # noqa: PLC0415
    from govchain.services.paper import certify  # noqa: PLC0415

    with open_chain() as opened:
        record, member = resolve_evidence(opened.client, evidence)
        anchors = own_anchors(opened.client, trust_store().anchors())
        data = certify(opened.client, record, member, disclose=disclose, anchors=anchors, url=url)
        return (record[:16] if member is None else f"{record[:16]}.{member}"), data
