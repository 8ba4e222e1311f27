"""The doctor's look at archives: those that are mounted, and those in the folder of the node's settings.

Rules: reads only. Without ``whole`` manifests and links are looked at, and that each mounted file is the one that was
mounted; with it every block of every file is compared with the node's headers.
Not here: the ledger (``ops.ledger_checks``), verifying (``storage.archive_checks``).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from govchain.model import Code, GovChainError
from govchain.node.settings import Settings
from govchain.ops.findings import Report
from govchain.proof.trust import TrustAnchors
from govchain.storage import BlockReader, DirectoryLayout
from govchain.storage.archive_checks import check_linked, verify_archives
from govchain.storage.archive_files import ArchiveReader
from govchain.storage.archive_mounts import load_mounts
from govchain.storage.archives import list_archives

__all__ = ["check_archives"]

_PART = "archives"


def check_archives(
    layout: DirectoryLayout,
    settings: Settings | None,
    blocks: BlockReader,
    genesis: str,
    report: Report,
    *,
    whole: bool,
) -> None:
    """Note what is wrong with archives; nothing is checked where there are none.

    Args:
        layout: the data directory.
        settings: of its node, or None where they cannot be read.
        blocks: its blocks.
        genesis: fingerprint of its chain (hex).
        report: where findings go.
        whole: read every block.
    """
    folder = "" if settings is None else settings.text("archive_to")
    if not layout.mounts.exists() and not (folder and Path(folder).is_dir()):
        return
    report.checks.append(_PART)
    paths = _mounted(layout, report)
    if folder and Path(folder).is_dir():
        paths |= _in_folder(Path(folder), genesis, report)
    _check_files(sorted(paths), blocks, genesis, report, whole=whole)


def _mounted(layout: DirectoryLayout, report: Report) -> set[Path]:
    """The mounted files that are there and are those that were mounted."""
    found: set[Path] = set()
    try:
        mounts = load_mounts(layout.mounts)
    except GovChainError as error:
        report.add_error(layout.mounts.name, error, "mounts")
        return found
    for mount in mounts:
        path = Path(mount.path)
        try:
            with ArchiveReader(path) as reader:
                if reader.digest != mount.digest:
                    raise reader.altered(mount.first, "replaced meanwhile")
        except GovChainError as error:
            report.add_error(f"{_PART}/{path.name}", error, "archive")
        else:
            found.add(path)
    return found


def _in_folder(folder: Path, genesis: str, report: Report) -> set[Path]:
    """The chain's own files in the folder of the settings."""
    found: set[Path] = set()
    try:
        listed = list_archives(folder)
    except GovChainError as error:
        report.add_error(_PART, error, "archive")
        return found
    for one in listed:
        if one.error is not None:
            report.add_error(f"{_PART}/{one.path.name}", one.error, "archive")
        elif one.archive is not None and one.archive.manifest.genesis == genesis:
            found.add(one.path.resolve())
    return found


def _check_files(paths: list[Path], blocks: BlockReader, genesis: str, report: Report, *, whole: bool) -> None:
    """Each file by itself, so that one that is damaged hides no other; then how they link up."""
    before: ArchiveReader | None = None
    with ExitStack() as stack:
        readers = sorted((stack.enter_context(ArchiveReader(path)) for path in paths), key=lambda one: one.first)
        for reader in readers:
            part = f"{_PART}/{reader.path.name}"
            try:
                if before is not None and before.digest != reader.digest:
                    check_linked(before, reader)
            except GovChainError as error:
                report.add_error(part, error, "archive")
            before = reader
            if not whole:
                continue
            try:
                verdict = verify_archives([reader], TrustAnchors(genesis=(genesis,)), own_header=blocks.header)
                if not verdict.trusted:
                    report.add(part, Code.ARCHIVE_FOREIGN, "code.ARCHIVE_FOREIGN", "archive", path=reader.path.name)
            except GovChainError as error:
                report.add_error(part, error, "archive")
