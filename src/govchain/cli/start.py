"""From ``sys.argv`` to an exit code: global options, the command tree loaded on demand, and every error caught.

Purpose: the one place where errors become messages and exit codes. Rules: what is ours prints its sentence; what is the
command line's prints how to call; anything else is INTERNAL in one line, its traceback goes to a log file.
Not here: the commands (:mod:`govchain.cli.commands`).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
import typer.core
import typer.main

from govchain.cli.completing import COMPLETE_VARIABLE, candidates
from govchain.cli.hints import hint_for
from govchain.cli.output import emit_error, exit_code, say, silence, told
from govchain.cli.session import Session, session, split_globals, start_session, t
from govchain.model import Code, GovChainError, UsageError

__all__ = ["COMMANDS", "build_root", "run"]

#: Exit code after Ctrl-C, as shells expect it.
EXIT_INTERRUPTED = 130

#: Every command and the module that holds it, in the order of the help page.
COMMANDS: dict[str, str] = {
    "init": "chain",
    "up": "up",
    "evidence": "evidence",
    "verify": "verify",
    "trust": "trust",
    "login": "login",
    "logout": "login",
    "profile": "profile",
    "account": "account",
    "key": "key",
    "block": "ledger",
    "tx": "ledger",
    "genesis": "genesis",
    "node": "node",
    "net": "net",
    "chain": "chain",
    "export": "export",
    "watch": "watch",
    "webhook": "webhook",
    "index": "index",
    "archive": "archive",
    "backup": "backup",
    "doctor": "doctor",
    "uninstall": "uninstall",
    "bench": "tools",
    "demo": "demo",
    "completion": "completion",
    "version": "tools",
}

# Typer brings or vendors click, by version; its errors are reached through what Typer itself exports.
_CommandLineError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


class _Commands(typer.core.TyperGroup):
    """Commands that are imported when they are called or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"govchain.cli.commands.{COMMANDS[cmd_name]}")
        command = typer.main.get_command(module.COMMANDS[cmd_name])
        command.name = cmd_name
        return command


def build_root() -> Any:
    """The command tree in the language of this run."""
    root = typer.Typer(
        cls=_Commands,
        name="govchain",
        help=t("help.govchain"),
        epilog=t("help.epilog"),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @root.callback()
    def options(
        as_json: bool = typer.Option(False, "--json", help=t("option.json")),
        language: str = typer.Option("", "--lang", metavar="zh|en", help=t("option.lang"), show_default=False),
        data: str = typer.Option("", "--data", metavar="DIR", help=t("option.data"), show_default=False),
        node: str = typer.Option("", "--node", metavar="URL", help=t("option.node"), show_default=False),
        profile: str = typer.Option("", "--profile", metavar="NAME", help=t("option.profile"), show_default=False),
    ) -> None:
        """Shown in the help page; taken out of the command line before it gets here."""

    return typer.main.get_command(root)


def _translate_help() -> None:
    """Help pages in the user's language: Typer keeps headings as names of its module, and breaks only at spaces."""
    from typer import rich_utils  # noqa: PLC0415 - loads a printer that other commands do without

    for name in ("ARGUMENTS", "OPTIONS", "COMMANDS"):
        if hasattr(rich_utils, f"{name}_PANEL_TITLE"):
            setattr(rich_utils, f"{name}_PANEL_TITLE", t(f"help.heading.{name.lower()}"))
    for name, text in (
        ("DEFAULT_STRING", t("help.default", value="{}")),
        ("REQUIRED_LONG_STRING", t("help.required")),
    ):
        if hasattr(rich_utils, name):
            setattr(rich_utils, name, text)
    maker = "_make_rich_text"
    make: Any = getattr(rich_utils, maker, None)
    if make is not None and make.__name__ == maker:

        def folded(**given: Any) -> Any:
            text = make(**given)
            # Chinese has no spaces: a text that is wider than its column would be cut there.
            text.overflow = "fold"
            return text

        setattr(rich_utils, maker, folded)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETE_VARIABLE in os.environ:
        _complete(words)
        sys.exit(0)
    code = _guarded(words)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    sys.exit(code)


def _complete(words: list[str]) -> None:
    """Print what may stand next; a shell that asks wants no error, whatever it asked."""
    with suppress(Exception):
        _prepare_streams()
        with suppress(GovChainError):
            split_globals(words)
        print("\n".join(candidates(build_root(), words)))


def _guarded(words: list[str]) -> int:
    start_session(Session())
    try:
        _prepare_streams()
        _, rest = split_globals(words)
        if {"-h", "--help"} & set(rest) or len(rest) < 2:
            _translate_help()
        result = build_root().main(args=rest, prog_name="govchain", standalone_mode=False)
        if result == EXIT_INTERRUPTED:
            say(t("cli.interrupted"))
        return result if isinstance(result, int) else 0
    except GovChainError as error:
        emit_error(error, hint=hint_for(error))
        return exit_code(error)
    except (typer.Exit, SystemExit) as error:
        return _exit_code(error)
    except (typer.Abort, KeyboardInterrupt):
        say(t("cli.interrupted"))
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return 0
    except _CommandLineError as error:
        return _usage(error)
    except Exception as error:  # noqa: BLE001 - the last resort, and the only one
        return _internal(error)


def _prepare_streams() -> None:
    """File names may hold what the terminal's encoding does not: show it escaped rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _exit_code(error: Any) -> int:
    code = getattr(error, "exit_code", getattr(error, "code", 1))
    return code if isinstance(code, int) else 1


def _usage(error: Any) -> int:
    """Say in the user's language what is wrong with the command line."""
    kind = type(error).__name__
    parameter = getattr(getattr(error, "param", None), "opts", None) or [getattr(error, "param_hint", None) or ""]
    name = getattr(getattr(error, "param", None), "metavar", None) or parameter[-1]
    if kind == "NoArgsIsHelpError":
        print(error.format_message())
        return 2
    if kind == "NoSuchOption":
        reason = t("cli.no_such_option", option=error.option_name)
    elif kind == "MissingParameter":
        reason = t("cli.missing_parameter", name=name)
    elif kind == "NoSuchCommand" or error.format_message().startswith("No such command"):
        reason = t("cli.no_such_command", name=error.format_message().split("'")[1])
    else:
        reason = told(error.format_message())
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "govchain"
    emit_error(UsageError(Code.USAGE, reason=reason), hint=t("cli.see_help", command=f"{path} --help"))
    return 2


def _internal(error: Exception) -> int:
    """One line for the user; the traceback goes to a file, or to the screen with GOVCHAIN_DEBUG=1."""
    if session().debug:
        traceback.print_exc()
    place = _write_log()
    emit_error(
        GovChainError(Code.INTERNAL, reason=type(error).__name__),
        hint=t("cli.internal_hint", path=place) if place else t("cli.internal_debug"),
    )
    return 1


def _write_log() -> str:
    try:
        name = f"govchain-error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
        path = Path(tempfile.gettempdir()) / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(traceback.format_exc())
    except OSError:
        return ""
    return str(path)
