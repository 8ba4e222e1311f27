"""What holds for one run of the command: language, form of output, data directory.

Purpose: the global options, found before any command is built, since help texts depend on the language too.
Not here: printing (:mod:`govchain.cli.output`), opening the directory (:mod:`govchain.cli.opening`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.model import Code, UsageError
from govchain.texts import LANGUAGES, sentence

__all__ = ["Session", "default_language", "session", "split_globals", "start_session", "t"]

_SWITCHES = ("--json",)
_VALUED = ("--lang", "--data")


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of this run. ``data`` is None where the directory is to be found from where we are."""

    language: str = "en"
    json: bool = False
    data: Path | None = None
    debug: bool = False


_current = Session()


def session() -> Session:
    """The options of this run."""
    return _current


def start_session(new: Session) -> None:
    """Make ``new`` the options of this run."""
    global _current  # noqa: PLW0603 - a process runs one command
    _current = new


def t(key: str, **params: object) -> str:
    """The sentence for ``key`` in the language of this run."""
    return sentence(key, _current.language, **params)


def default_language(environment: Mapping[str, str]) -> str:
    """The locale's language: ``zh`` where the first of LC_ALL, LC_MESSAGES, LANG that is set says so, else ``en``."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def split_globals(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Session, list[str]]:
    """Take ``--json``, ``--lang`` and ``--data`` out of ``arguments``, wherever they stand before ``--``.

    Raises:
        UsageError: a value is missing, or the language is unknown; the session so far is in force for its message.
    """
    environment = os.environ if environment is None else environment
    values = {"--lang": default_language(environment), "--data": environment.get("GOVCHAIN_DATA", "")}
    rest: list[str] = []
    as_json = False
    missing = ""
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word in _SWITCHES:
            as_json = True
        elif name in _VALUED and equals:
            values[name] = value
        elif word in _VALUED:
            given = next(words, None)
            missing, values[word] = (word, values[word]) if given is None else (missing, given)
        else:
            rest.append(word)
    language = values["--lang"] if values["--lang"] in LANGUAGES else default_language(environment)
    data = Path(values["--data"]) if values["--data"] else None
    found = Session(language, as_json, data, environment.get("GOVCHAIN_DEBUG", "") not in ("", "0"))
    start_session(found)
    if missing:
        raise UsageError(Code.USAGE, reason=sentence("cli.option_value", language, option=missing))
    if values["--lang"] not in LANGUAGES:
        raise UsageError(Code.USAGE, reason=sentence("cli.language_unknown", language, given=values["--lang"]))
    return found, rest
