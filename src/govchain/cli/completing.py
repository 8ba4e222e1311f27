"""What may stand next on the command line: commands, options, and values where they are known.

Purpose: the shells' scripts (``govchain completion``) run the program with ``_GOVCHAIN_COMPLETE`` set and the words so
far; what is printed, one a line, is offered. Nothing printed means that the shell offers files.
Rules: reads at most the user's profiles and the names of keys; never fails, whatever the words.
Not here: the scripts (``commands.completion``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from govchain.texts import LANGUAGES

__all__ = ["COMPLETE_VARIABLE", "candidates"]

#: Set in the environment when candidates are wanted instead of a run.
COMPLETE_VARIABLE = "_GOVCHAIN_COMPLETE"
#: A metavar that lists its values, such as ``zh|en``.
_VALUES = re.compile(r"\[?([a-z0-9_-]+(?:\|[a-z0-9_-]+)+)\]?")
#: Options that every command takes, and whether a value follows.
_GLOBALS = {"--json": False, "--lang": True, "--data": True, "--node": True, "--profile": True, "--help": False}


def candidates(root: Any, words: Sequence[str]) -> list[str]:
    """What may stand in the place of the last of ``words``, which is as far as it was typed (empty: nothing yet).

    ``root`` is the command tree (Typer's). An option and its value are one word with ``=`` or two.
    """
    *before, typed = [word for word in words if word != "="] or [""]
    command, waiting, places = _walk(root, before)
    if command is None:
        return []
    name, equals, value = typed.partition("=")
    if equals and typed.startswith("--"):
        return [f"{name}={one}" for one in _matching(_option_values(command, name), value)]
    if waiting:
        return _matching(_option_values(command, waiting), typed)
    if typed.startswith("-"):
        return _matching([*(one for option in _options(command) for one in option.opts), *_GLOBALS], typed)
    inner = _inner(command)
    if inner:
        return _matching(inner, typed)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if not arguments:
        return []
    return _matching(_values(command, arguments[min(places, len(arguments) - 1)]), typed)


def _walk(root: Any, words: Iterable[str]) -> tuple[Any, str, int]:
    """The command that ``words`` lead to (None: to none), the option that waits, and how many arguments were given."""
    command, waiting, places = root, "", 0
    for word in words:
        if waiting:
            waiting = ""
        elif word.startswith("-") and len(word) > 1:
            if "=" not in word and _takes_value(command, word):
                waiting = word
        elif inner := _inner(command):
            if word not in inner:
                return None, "", places
            command = command.get_command(None, word)
        else:
            places += 1
    return command, waiting, places


def _inner(command: Any) -> list[str]:
    """The names of a group's commands; none for a command."""
    return list(command.list_commands(None)) if hasattr(command, "list_commands") else []


def _options(command: Any) -> list[Any]:
    return [one for one in command.params if one.param_type_name == "option"]


def _option(command: Any, name: str) -> Any:
    return next((one for one in _options(command) if name in one.opts), None)


def _takes_value(command: Any, name: str) -> bool:
    option = _option(command, name)
    return _GLOBALS.get(name, False) if option is None else not option.is_flag


def _option_values(command: Any, name: str) -> list[str]:
    if name == "--lang":
        return list(LANGUAGES)
    if name == "--profile":
        return _profile_names()
    option = _option(command, name)
    return [] if option is None else _values(command, option)


def _values(command: Any, parameter: Any) -> list[str]:
    """The values of an option or argument, where its metavar lists them or names something that can be looked up."""
    metavar = str(parameter.metavar or "")
    if metavar in ("PROFILE", "[PROFILE]"):
        return _profile_names()
    if metavar == "KEY":
        return _key_names()
    listed = _VALUES.fullmatch(metavar)
    return listed[1].split("|") if listed else []


def _profile_names() -> list[str]:
    from govchain.cli.profiles import load_profiles  # noqa: PLC0415 - only where a name may stand
    from govchain.model import GovChainError  # noqa: PLC0415

    try:
        return sorted(load_profiles().entries)
    except GovChainError:
        return []


def _key_names() -> list[str]:
    from govchain.cli.opening import keys_folder  # noqa: PLC0415 - only where a key may stand
    from govchain.cli.target import find_target  # noqa: PLC0415
    from govchain.model import GovChainError  # noqa: PLC0415

    try:
        return sorted(path.stem for path in keys_folder(find_target()).glob("*.pem"))
    except (GovChainError, OSError):
        return []


def _matching(words: Iterable[str], beginning: str) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(beginning) and (beginning or word[:1] != "-")]
