"""``govchain archive create | list | verify | mount | unmount | prune``: shells over ``ops.archive``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govchain.cli.node_settings import SettingsFile, node_settings
from govchain.cli.output import china_time, emit, facts, line, say, size_text, table
from govchain.cli.progress import counted
from govchain.cli.session import session, t
from govchain.cli.target import find_data
from govchain.model import Code, GovChainError, UsageError

if TYPE_CHECKING:
    from govchain.node.settings import Settings
    from govchain.storage.archive_mounts import Mount
    from govchain.storage.archives import ArchiveFacts, FoundArchive

__all__ = ["COMMANDS"]

_archive = typer.Typer(help=t("help.archive"), no_args_is_help=True, add_completion=False)

#: Exit code of archives that are sound, and for which nobody vouches who is trusted.
_UNTRUSTED = 3

Folder = Annotated[Path | None, typer.Option("--to", metavar="DIR", help=t("option.archive_to"), show_default=False)]
Given = Annotated[
    str, typer.Option("--fingerprint", metavar="HEX", help=t("option.archive_genesis"), show_default=False)
]


@_archive.command("create", help=t("help.archive.create"))
def create(
    to: Folder = None,
    height: Annotated[
        int | None, typer.Option("--height", metavar="N", min=1, help=t("option.archive_height"), show_default=False)
    ] = None,
    blocks: Annotated[
        int, typer.Option("--blocks", metavar="N", min=0, help=t("option.archive_blocks"), show_default=False)
    ] = 0,
    config: SettingsFile = None,
) -> None:
    """Archive what is new."""
    from govchain.ops.archive import create_archives  # noqa: PLC0415 - heavy, and only needed here
    from govchain.sdk.transactions import now_ms  # noqa: PLC0415

    data = find_data()
    root = to or _folder(node_settings(data, config))
    with counted(t("progress.archiving")) as progress:
        made = create_archives(data, root, now=now_ms(), last=height, blocks_max=blocks, progress=progress)
    rows = [_described(one) for one in made]
    result = {"path": str(root), "archives": rows}

    def show() -> None:
        line(t("archive.made", count=len(made)) if made else t("archive.nothing_new"))
        if made:
            _rows(rows)

    emit(result, show)


@_archive.command("list", help=t("help.archive.list"))
def list_all(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help=t("option.archive_to"), show_default=False)
    ] = None,
    config: SettingsFile = None,
) -> None:
    """What there is."""
    from govchain.storage.archives import list_archives  # noqa: PLC0415 - only needed here

    root = folder or _folder(node_settings(find_data(), config))
    found = [_listed(one) for one in list_archives(root)]
    mounted = _mounted(anywhere=folder is not None)
    paths = {one["path"] for one in mounted}
    for one in found:
        one["mounted"] = str(Path(one["path"]).resolve()) in paths
    result = {"path": str(root), "archives": found, "mounted": mounted}

    def show() -> None:
        if found:
            _rows(found)
        else:
            line(t("archive.none"))
        elsewhere = [one for one in mounted if one["path"] not in {str(Path(own["path"]).resolve()) for own in found}]
        if elsewhere:
            line(t("archive.mounted_elsewhere"))
            table(["path", "first", "last"], [(one["path"], one["first"], one["last"]) for one in elsewhere])

    emit(result, show)


@_archive.command("verify", help=t("help.archive.verify"))
def verify(
    places: Annotated[list[Path], typer.Argument(metavar="FILE|DIR", help=t("option.archive_places"))],
    fingerprint: Given = "",
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", metavar="FILE", help=t("option.archive_trust"), show_default=False)
    ] = None,
) -> None:
    """Whether archives are sound, offline; changes nothing."""
    from govchain.cli.opening import trust_store  # noqa: PLC0415 - loaded by the commands that need it
    from govchain.cli.reading import read_small  # noqa: PLC0415
    from govchain.ops.archive import verify_archive  # noqa: PLC0415 - heavy, and only needed here
    from govchain.sdk.trust import ANCHOR_BYTES_MAX, as_trust_anchors, decode_anchor  # noqa: PLC0415

    anchors = trust_store().trusted()
    anchors += as_trust_anchors(decode_anchor(read_small(path, ANCHOR_BYTES_MAX)) for path in trust or ())
    with counted(t("progress.verifying_blocks")) as progress:
        verdict = verify_archive(places, anchors, data=session().data, genesis=fingerprint.lower(), progress=progress)
    result = {
        "holds": True,
        "trusted": verdict.trusted,
        "trusted_by": verdict.by,
        "chain": verdict.chain,
        "fingerprint": verdict.genesis,
        "first": verdict.first,
        "last": verdict.last,
        "identity": verdict.identity,
        "transactions": verdict.transactions,
        "files": [
            {"path": str(path), "digest": digest} for path, digest in zip(verdict.files, verdict.digests, strict=True)
        ],
    }

    def show() -> None:
        line(t("archive.verified") if verdict.trusted else t("archive.untrusted"))
        shown = ("chain", "fingerprint", "first", "last", "identity", "transactions", "trusted_by")
        facts([*((name, result[name]) for name in shown), ("files", len(verdict.files))])

    emit(result, show)
    if not verdict.trusted:
        raise typer.Exit(_UNTRUSTED)


@_archive.command("mount", help=t("help.archive.mount"))
def mount(place: Annotated[Path, typer.Argument(metavar="FILE|DIR", help=t("option.archive_places"))]) -> None:
    """Read pruned blocks from archives again."""
    from govchain.ops.archive import mount_archives  # noqa: PLC0415 - heavy, and only needed here

    data = find_data()
    with counted(t("progress.verifying_blocks")) as progress:
        added = mount_archives(data, place, progress=progress)
    _show_mounts(t("archive.mounted", count=len(added)), added)


@_archive.command("unmount", help=t("help.archive.unmount"))
def unmount(place: Annotated[Path, typer.Argument(metavar="FILE|DIR", help=t("option.archive_places"))]) -> None:
    """Read them no more."""
    from govchain.ops.archive import unmount_archives  # noqa: PLC0415 - heavy, and only needed here

    gone = unmount_archives(find_data(), place)
    _show_mounts(t("archive.unmounted", count=len(gone)), gone)


@_archive.command("prune", help=t("help.archive.prune"))
def prune(
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=1, help=t("option.archive_keep"))],
    to: Folder = None,
    config: SettingsFile = None,
) -> None:
    """Remove what verified archives hold."""
    from govchain.ops.archive import prune_directory  # noqa: PLC0415 - heavy, and only needed here

    data = find_data()
    settings = node_settings(data, config)
    root = to or _folder(settings)
    with counted(t("progress.verifying_blocks")) as progress:
        done = prune_directory(data, root, keep=keep, settings=settings, progress=progress)
    result = {
        "path": str(root),
        "pruned": done.height,
        "first": done.pruned.first if done.pruned.blocks else 0,
        "last": done.pruned.last if done.pruned.blocks else 0,
        "blocks": done.pruned.blocks,
        "files": [path.name for path in done.pruned.files],
        "limit": done.limit.height,
        "limit_by": done.limit.by,
    }

    def show() -> None:
        words = {"first": done.pruned.first, "last": done.pruned.last}
        line(t("archive.pruned", **words) if done.pruned.blocks else t("archive.nothing_pruned"))
        facts([("pruned", done.height), ("limit", done.limit.height), ("limit_by", t(f"floor.{done.limit.by}"))])

    emit(result, show)
    if done.pruned.blocks and not session().json:
        say(t("archive.mount_hint", path=root))


def _folder(settings: Settings) -> Path:
    """The folder that the settings name."""
    named = settings.text("archive_to")
    if not named:
        raise UsageError(Code.USAGE, reason=t("archive.no_folder"))
    return Path(named)


def _mounted(*, anywhere: bool) -> list[dict[str, Any]]:
    """What is mounted at the data directory; nothing where there is none, if a folder of archives was named."""
    from govchain.ops.archive import mounts_of  # noqa: PLC0415 - heavy, and only needed here

    try:
        data = find_data()
    except GovChainError:
        if anywhere:
            return []
        raise
    return [_mount(one) for one in mounts_of(data)]


def _mount(one: Mount) -> dict[str, Any]:
    return {"path": one.path, "first": one.first, "last": one.last, "digest": one.digest}


def _show_mounts(words: str, mounts: list[Mount]) -> None:
    result = {"archives": [_mount(one) for one in mounts]}

    def show() -> None:
        line(words)
        table(["path", "first", "last"], [(one.path, one.first, one.last) for one in mounts])

    emit(result, show)


def _described(one: ArchiveFacts) -> dict[str, Any]:
    manifest = one.manifest
    return {
        "path": str(one.path),
        "name": one.path.name,
        "state": "",
        "chain": manifest.chain,
        "fingerprint": manifest.genesis,
        "first": manifest.first,
        "last": manifest.last,
        "identity": manifest.identity,
        "transactions": manifest.transactions,
        "created": manifest.created,
        "software": manifest.software,
        "size": one.size,
        "digest": one.digest,
    }


def _listed(found: FoundArchive) -> dict[str, Any]:
    if found.archive is not None:
        return _described(found.archive)
    code = "" if found.error is None else found.error.code.name
    return {"path": str(found.path), "name": found.path.name, "state": code}


def _rows(found: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["name"],
            one.get("first"),
            one.get("last"),
            one.get("transactions"),
            china_time(one.get("created")),
            size_text(one["size"]) if "size" in one else "",
            one.get("digest"),
            one["state"] or (t("archive.is_mounted") if one.get("mounted") else ""),
        )
        for one in found
    ]
    table(["archive", "first", "last", "transactions", "created", "size", "digest", "state"], rows)


COMMANDS = {"archive": _archive}
