"""``govchain up``: run a node with its HTTP side; a shell over ``node.server``."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import typer

from govchain.cli.output import emit, line
from govchain.cli.session import session, t
from govchain.model import Code, UnavailableError
from govchain.node.settings import SETTINGS, Settings, load_settings

__all__ = ["COMMANDS"]

_up = typer.Typer(add_completion=False)


def _with_flags(function: Any) -> Any:
    """``function`` with one option for each row of the settings table, given to it as ``flags``."""
    own = [
        parameter
        for parameter in inspect.signature(function, eval_str=True).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    rows = [
        inspect.Parameter(
            row.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(
                None,
                row.flag,
                metavar=row.kind.upper(),
                help=t(f"setting.{row.name}"),
                show_default=_default_text(row.default),
            ),
            annotation=str | None,
        )
        for row in SETTINGS
    ]

    def called(**values: Any) -> None:
        flags = {row.name: values.pop(row.name) for row in SETTINGS}
        function(**values, **{name: value for name, value in flags.items() if value is not None})

    called.__signature__ = inspect.Signature([*own, *rows])  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *rows]}
    called.__doc__ = function.__doc__
    return called


def _default_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def up(
    directory: Path | None = typer.Argument(None, metavar="[DIR]", help=t("option.up_directory"), show_default=False),
    config: Path | None = typer.Option(
        None, "--config", metavar="FILE", help=t("option.up_config"), show_default=False
    ),
    **flags: str,
) -> None:
    """Run the node of a data directory until a signal ends it."""
    from govchain.cli.opening import find_data  # noqa: PLC0415 - heavy, and only needed here
    from govchain.node.server import serve  # noqa: PLC0415
    from govchain.storage import DirectoryLayout  # noqa: PLC0415

    path = directory or find_data()
    if not path.is_dir():
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path))

    def load() -> Settings:
        return load_settings(config or DirectoryLayout(path).settings, os.environ, flags, required=config is not None)

    def announce(url: str) -> None:
        emit({"listen": url, "path": str(path)}, lambda: line(t("up.listening", url=url)))

    serve(path, load(), announce, load)
    if not session().json:
        line(t("up.ended"))


_up.command("up", help=t("help.up"))(_with_flags(up))

COMMANDS = {"up": _up}
