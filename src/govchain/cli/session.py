"""What holds for one run of the command: language, form of output, data directory or node.

Purpose: the global options, found before any command is built, since help texts depend on the language too.
Rules: a language that is named comes before the profile's, and that before the locale's; at most one of directory, node
and profile is named, and what the command line names comes before the environment.
Not here: printing (:mod:`govchain.cli.output`), what is worked on where none is named (:mod:`govchain.cli.target`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.model import Code, GovChainError, UsageError
from govchain.texts import LANGUAGES, sentence

__all__ = ["Session", "default_language", "session", "split_globals", "start_session", "t"]

_SWITCHES = ("--json",)
_VALUED = ("--lang", "--data", "--node", "--profile")
#: Options that name what to work on, and the variables that do.
_PLACES = {"--node": "GOVCHAIN_NODE", "--data": "GOVCHAIN_DATA", "--profile": "GOVCHAIN_PROFILE"}


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of this run.

    At most one of ``data`` (a directory), ``node`` (a URL) and ``profile`` (a name) is set; without any, the profile in
    use or the directory where we are is meant. ``place_typed``: the command line names it, not the environment.
    """

    language: str = "en"
    json: bool = False
    data: Path | None = None
    debug: bool = False
    node: str = ""
    profile: str = ""
    place_typed: bool = False


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
    """Take the global options out of ``arguments``, wherever they stand before ``--``.

    Raises:
        UsageError: a value is missing, the language is unknown, or two places are named; the session so far is in force
            for its message.
    """
    environment = os.environ if environment is None else environment
    values = dict.fromkeys(_VALUED, "")
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
    named = [name for name in _PLACES if values[name]]
    if not named:
        by_variable = next((name for name, variable in _PLACES.items() if environment.get(variable)), "")
        values[by_variable] = environment.get(_PLACES.get(by_variable, ""), "")
    given = values["--lang"]
    language = given if given in LANGUAGES else _profile_language(values["--profile"]) or default_language(environment)
    found = Session(
        language,
        as_json,
        Path(values["--data"]) if values["--data"] else None,
        environment.get("GOVCHAIN_DEBUG", "") not in ("", "0"),
        values["--node"],
        values["--profile"],
        bool(named),
    )
    start_session(found)
    if missing:
        raise UsageError(Code.USAGE, reason=sentence("cli.option_value", language, option=missing))
    if given and given not in LANGUAGES:
        raise UsageError(Code.USAGE, reason=sentence("cli.language_unknown", language, given=given))
    if len(named) > 1:
        raise UsageError(Code.USAGE, reason=sentence("cli.one_place", language, options=", ".join(named)))
    return found, rest


def _profile_language(name: str) -> str:
    """The language of that profile, or of the one in use; empty where there is none, or no readable file."""
    from govchain.sdk.home import default_home  # noqa: PLC0415 - with the SDK's names only, not its parts

    path = default_home() / "profiles.toml"
    if not path.is_file():
        return ""
    from govchain.cli.profiles import load_profiles  # noqa: PLC0415 - only where there are profiles

    try:
        profiles = load_profiles(path)
    except GovChainError:
        return ""  # whoever uses the profile hears of it
    profile = profiles.entries.get(name or profiles.current)
    return "" if profile is None else profile.language
