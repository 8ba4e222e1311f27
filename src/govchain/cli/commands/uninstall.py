"""``govchain uninstall``: what an installation has put where; a shell over ``ops.uninstall``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from govchain.cli.node_settings import SettingsFile
from govchain.cli.output import emit, line, say, size_text, table
from govchain.cli.session import session, t

__all__ = ["COMMANDS"]

_uninstall = typer.Typer(add_completion=False)


@_uninstall.command("uninstall", help=t("help.uninstall"))
def uninstall(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=t("option.uninstall_directory"))],
    config: SettingsFile = None,
    purge: Annotated[str, typer.Option("--purge", metavar="CHAIN", help=t("option.purge"), show_default=False)] = "",
) -> None:
    """List, and with the chain's id typed remove the data directory."""
    import govchain  # noqa: PLC0415 - only its place
    from govchain.ops import uninstall as work  # noqa: PLC0415 - heavy, and only needed here
    from govchain.sdk.home import default_home  # noqa: PLC0415

    found = work.survey(directory, default_home(), os.environ, settings_file=config)
    other = [str(path) for path in work.purge(directory, purge)] if purge else []
    left = [one for one in found.found if not (purge and one.inside) or one.place in other]
    entries: list[dict[str, Any]] = [
        {"kind": one.kind, "place": one.place, "size": one.size, "inside": one.inside} for one in left
    ]
    program = str(Path(govchain.__file__).parent)
    entries.append({"kind": "program", "place": program, "size": 0, "inside": False})

    reason = None if found.unread is None else found.unread.text(session().language)

    def show() -> None:
        if purge:
            line(t("uninstall.purged", path=directory))
            line(t("uninstall.left"))
        rows = [
            (t(f"uninstall.kind.{entry['kind']}"), entry["place"], size_text(entry["size"]) if entry["size"] else "")
            for entry in entries
        ]
        table(["kind", "place", "size"], rows)
        if not purge:
            line(t("uninstall.nothing", path=directory, chain=found.chain))

    told = {"path": str(directory), "chain": found.chain, "purged": bool(purge), "left": entries, "unread": reason}
    emit(told, show)
    if reason and not session().json:
        say(t("uninstall.unread", reason=reason))


COMMANDS = {"uninstall": _uninstall}
