"""``govchain demo``: the main job from an empty folder; ``govchain demo net``: on a network. Shells over ``ops``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from govchain.cli.output import emit, line
from govchain.cli.reading import chosen_engine
from govchain.cli.session import session, t

__all__ = ["COMMANDS"]

_demo = typer.Typer(help=t("help.demo"), invoke_without_command=True, add_completion=False)

Directory = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help=t("option.demo_dir"))]
Files = Annotated[Path | None, typer.Option("--files", metavar="DIR", help=t("option.demo_files"))]
Verifier = Annotated[Path | None, typer.Option("--verifier", metavar="FILE", help=t("option.demo_verifier"))]


@_demo.callback()
def demo(context: typer.Context, directory: Directory = None, files: Files = None, verifier: Verifier = None) -> None:
    """The main job from an empty folder, command by command."""
    if context.invoked_subcommand is not None:
        return
    from govchain.ops import demo as work  # noqa: PLC0415

    result = work.run(folder=files, verifier=verifier, language=session().language, keep=directory, tell=_tell)

    def show() -> None:
        line(t("demo.done", **result))
        for command in work.next_commands(Path(str(result["home"]))):
            line(f"    {command}")

    emit(result, show)


@_demo.command("net", help=t("help.demo.net"))
def demo_net(
    engine: Annotated[
        str, typer.Option("--engine", metavar="cometbft|etcd", help=t("option.engine_kind"))
    ] = "cometbft",
    validators: Annotated[int, typer.Option("--validators", min=0, max=32, help=t("option.validators"))] = 0,
    directory: Directory = None,
    files: Files = None,
    verifier: Verifier = None,
) -> None:
    """Several organisations, one ledger: made, used, hurt, healed and compared, command by command."""
    from govchain.ops.net import demonstration  # noqa: PLC0415

    result = demonstration.run(
        engine=chosen_engine(engine),
        validators=validators,
        folder=files,
        verifier=verifier,
        language=session().language,
        keep=directory,
        tell=_tell,
    )
    emit(result, lambda: line(t("demo.net_done", **result)))


def _tell(step: Any) -> None:
    if not session().json:
        line(t(f"demo.heading.{step.title}"))
        line(t("demo.step", command=step.command, seconds=f"{step.seconds:.2f}", code=step.exit_code))
        for row in step.output.splitlines():
            line(f"    {row}")
        line("")


COMMANDS = {"demo": _demo}
