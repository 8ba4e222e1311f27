"""``govchain backup create | list | verify | restore``: shells over ``ops.backup`` and a node's own backups."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govchain.cli.node_settings import SettingsFile, node_settings
from govchain.cli.output import china_time, emit, facts, line, say, size_text, table
from govchain.cli.progress import counted
from govchain.cli.session import session, t
from govchain.cli.target import Target, find_data, find_target
from govchain.model import Code, UsageError

if TYPE_CHECKING:
    from govchain.sdk.backups import BackupFacts, BackupTransport
    from govchain.storage.backup_checks import Backup

__all__ = ["COMMANDS"]

_backup = typer.Typer(help=t("help.backup"), no_args_is_help=True, add_completion=False)

#: Seconds between two questions whether a node's backup is done.
_POLL_S = 0.2

Given = Annotated[
    str, typer.Option("--fingerprint", metavar="HEX", help=t("option.backup_genesis"), show_default=False)
]
Archives = Annotated[
    list[Path] | None,
    typer.Option("--archive", metavar="DIR", help=t("option.backup_archive"), show_default=False),
]
Place = Annotated[Path, typer.Argument(metavar="BACKUP", help=t("option.backup_path"))]


@_backup.command("create", help=t("help.backup.create"))
def create(
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help=t("option.backup_to"), show_default=False)
    ] = None,
    with_keys: Annotated[bool, typer.Option("--with-keys", help=t("option.backup_keys"))] = False,
    config: SettingsFile = None,
) -> None:
    """Make a backup, here or at the node."""
    target = find_target()
    if target.path is None:
        if to is not None or with_keys or config is not None:
            raise UsageError(Code.USAGE, reason=t("backup.node_options"))
        result = _ask_node(target)
    else:
        from govchain.ops.backup import create_backup  # noqa: PLC0415 - heavy, and only needed here
        from govchain.sdk.transactions import now_ms  # noqa: PLC0415

        result = _described(create_backup(target.path, to or _folder(config), now=now_ms(), with_keys=with_keys))
    _show_one(result, t("backup.made"))


@_backup.command("list", help=t("help.backup.list"))
def list_all(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help=t("option.backup_to"), show_default=False)
    ] = None,
    config: SettingsFile = None,
) -> None:
    """What there is."""
    result: dict[str, Any]
    now = session()
    if folder is not None and now.place_typed and now.data is None:
        raise UsageError(Code.USAGE, reason=t("backup.node_options"))
    target = Target(path=folder) if folder is not None else find_target()
    if target.path is None:
        if config is not None:
            raise UsageError(Code.USAGE, reason=t("backup.node_options"))
        with _transport(target) as transport:
            state = transport.backups()
        found = [{"state": "", **_facts_of(one)} for one in state.backups]
        result = {"backups": found, "running": state.running, "error": state.error, "due": state.due}
    else:
        from govchain.storage.backups import list_backups  # noqa: PLC0415 - only needed here

        root = folder or _folder(config)
        found = []
        for one in reversed(list_backups(root)):
            if one.backup is not None:
                found.append({"state": "", **_described(one.backup)})
            elif one.error is not None:
                found.append({"state": one.error.code.name, "name": one.path.name})
        result = {"path": str(root), "backups": found}

    def show() -> None:
        if not found:
            line(t("backup.none"))
        else:
            rows = [
                (
                    one["name"],
                    one.get("height"),
                    china_time(one.get("created")),
                    size_text(one["size"]) if "size" in one else "",
                    one["state"] or t(f"backup.kind.{one['kind']}"),
                )
                for one in found
            ]
            table(["backup", "height", "created", "size", "state"], rows)
        if result.get("running"):
            line(t("backup.running"))
        if result.get("due"):
            facts([("due", china_time(result["due"]))])

    emit(result, show)


@_backup.command("verify", help=t("help.backup.verify"))
def verify(
    path: Place,
    fingerprint: Given = "",
    quick: Annotated[bool, typer.Option("--quick", help=t("option.backup_quick"))] = False,
    archive: Archives = None,
) -> None:
    """Whether a backup can be restored; changes nothing."""
    from govchain.ops.backup import verify_backup  # noqa: PLC0415 - heavy, and only needed here

    with counted(t("progress.executing")) as progress:
        backup = verify_backup(path, genesis=fingerprint, replay=not quick, archives=archive or (), progress=progress)
    _show_one({**_described(backup), "executed": not quick}, t("backup.compared") if quick else t("backup.verified"))


@_backup.command("restore", help=t("help.backup.restore"))
def restore(
    path: Place,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=t("option.backup_target"))],
    height: Annotated[
        int | None, typer.Option("--height", metavar="N", min=0, help=t("option.backup_height"), show_default=False)
    ] = None,
    fingerprint: Given = "",
    archive: Archives = None,
) -> None:
    """Make a data directory from a backup."""
    from govchain.ops.backup import restore_backup  # noqa: PLC0415 - heavy, and only needed here

    with counted(t("progress.executing")) as progress:
        restored = restore_backup(
            path, directory, height=height, genesis=fingerprint, archives=archive or (), progress=progress
        )
    manifest = restored.backup.manifest
    result = {
        "path": str(directory),
        "chain": manifest.chain,
        "fingerprint": manifest.genesis,
        "height": restored.height,
        "identity": restored.identity,
        "keys": restored.keys,
    }

    def show() -> None:
        line(t("backup.restored", height=restored.height))
        facts([(name, result[name]) for name in ("path", "chain", "fingerprint", "identity")])

    emit(result, show)
    if not session().json:
        if not restored.keys:
            say(t("backup.keys_missing", path=directory / "keys"))
        say(t("backup.older"))


def _folder(config: Path | None) -> Path:
    """The folder that the settings of the data directory's node name."""
    named = node_settings(find_data(), config).text("backup_dir")
    if not named:
        raise UsageError(Code.USAGE, reason=t("backup.no_folder"))
    return Path(named)


def _transport(target: Target) -> BackupTransport:
    from govchain.cli.opening import open_http_as  # noqa: PLC0415 - loaded by the commands that need it
    from govchain.sdk.backups import BackupTransport  # noqa: PLC0415 - loads an HTTP client

    return open_http_as(BackupTransport, target)


def _ask_node(target: Target) -> dict[str, Any]:
    """Have the node make one, and wait for it."""
    from govchain.sdk.backups import wait_for_backup  # noqa: PLC0415 - loads an HTTP client

    with _transport(target) as transport:
        return _facts_of(wait_for_backup(transport.start_backup(), transport.backups, lambda: time.sleep(_POLL_S)))


def _facts_of(one: BackupFacts) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _described(backup: Backup) -> dict[str, Any]:
    manifest = backup.manifest
    return {
        "path": str(backup.path),
        "name": backup.path.name,
        "chain": manifest.chain,
        "fingerprint": manifest.genesis,
        "height": manifest.height,
        "identity": manifest.identity,
        "created": manifest.created,
        "kind": manifest.kind,
        "software": manifest.software,
        "keys": manifest.keys,
        "files": len(manifest.files),
        "size": manifest.size,
        "digest": backup.digest,
    }


def _show_one(result: dict[str, Any], words: str) -> None:
    def show() -> None:
        line(words)
        shown = ("path", "name", "chain", "fingerprint", "height", "identity", "digest")
        told = [("backup" if name == "name" else name, result.get(name)) for name in shown]
        facts([*told, ("created", china_time(result["created"])), ("size", size_text(result["size"]))])

    emit(result, show)


COMMANDS = {"backup": _backup}
