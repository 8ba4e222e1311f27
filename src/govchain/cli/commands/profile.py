"""``govchain profile``: names for the nodes that a user works with."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from govchain.cli.output import emit, facts, line, table
from govchain.cli.profiles import Profile, Profiles, load_profiles, profiles_path, save_profiles
from govchain.cli.session import t
from govchain.model import Code, UsageError

__all__ = ["COMMANDS"]

_profile = typer.Typer(help=t("help.profile"), no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="PROFILE", help=t("option.profile_name"))]
OptionalName = Annotated[str, typer.Argument(metavar="[PROFILE]", help=t("option.profile_name"), show_default=False)]


@_profile.command("list", help=t("help.profile.list"))
def list_all() -> None:
    """Every profile, and which is in use."""
    profiles = load_profiles()
    rows = [_json(profiles, name) for name in sorted(profiles.entries)]

    def show() -> None:
        if not rows:
            line(t("profile.none"))
            return
        table(
            ["profile", "in_use", "url", "key", "language"],
            [
                (row["name"], t("cli.yes") if row["in_use"] else "", row["url"], row["key"], row["language"])
                for row in rows
            ],
        )

    emit({"path": str(profiles_path()), "current": profiles.current or None, "profiles": rows}, show)


@_profile.command("show", help=t("help.profile.show"))
def show_one(name: OptionalName = "") -> None:
    """One profile."""
    profiles = load_profiles()
    name = name or profiles.current
    if not name:
        raise UsageError(Code.USAGE, reason=t("profile.none_named"))
    profiles.named(name)
    _emit(profiles, name)


@_profile.command("set", help=t("help.profile.set"))
def set_one(
    name: Name,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help=t("option.profile_url"))] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help=t("option.profile_key"))] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ADDRESS", help=t("option.profile_account"))
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="zh|en", help=t("option.profile_language"))
    ] = None,
    ca: Annotated[str | None, typer.Option("--ca", metavar="FILE", help=t("option.profile_ca"))] = None,
) -> None:
    """Make or change a profile; an empty value takes a setting out."""
    profiles = load_profiles()
    old = profiles.entries.get(name)
    if old is None and not url:
        raise UsageError(Code.USAGE, reason=t("profile.needs_url"))
    given = {"url": url, "key": key, "account": account, "language": language, "ca": ca}
    values = {field: value for field, value in given.items() if value is not None}
    if "url" in values:
        values["url"] = values["url"].rstrip("/")
    # A profile is used from any folder.
    if values.get("ca"):
        values["ca"] = str(Path(values["ca"]).absolute())
    if values.get("key"):
        values["key"] = _absolute_key(values["key"])
    profiles = profiles.with_profile(name, replace(old or Profile(""), **values))
    save_profiles(profiles)
    _emit(profiles, name, said=t("profile.saved", name=name))


@_profile.command("remove", help=t("help.profile.remove"))
def remove(name: Name) -> None:
    """Remove a profile, with its session here."""
    from govchain.cli.target import Target  # noqa: PLC0415
    from govchain.cli.tokens import forget_session  # noqa: PLC0415

    profiles = load_profiles()
    removed = profiles.named(name)
    save_profiles(profiles.without(name))
    forget_session(Target(profile=removed, name=name))
    emit({"name": name, **_values(removed)}, lambda: line(t("profile.removed", name=name)))


@_profile.command("use", help=t("help.profile.use"))
def use(name: OptionalName = "") -> None:
    """Work with that profile wherever no node or directory is named."""
    profiles = load_profiles()
    profile = profiles.named(name) if name else None
    save_profiles(replace(profiles, current=name))
    words = t("profile.using_none") if profile is None else t("profile.using", name=name, url=profile.url)
    emit({"current": name or None}, lambda: line(words))


def _absolute_key(key: str) -> str:
    """A key's path as a URI that holds in any folder; names (of the user's own folder) and other URIs as they are.

    A bare word is a file where it ends like one, or is one here, unless the user's own folder has a key of that name.
    """
    scheme, colon, place = key.partition(":")
    if colon:
        return f"file:{Path(place).absolute()}" if scheme == "file" else key
    from govchain.cli.opening import keys_folder  # noqa: PLC0415
    from govchain.cli.target import Target  # noqa: PLC0415

    # Whatever was typed, also what can be no path: these two answer no.
    own = keys_folder(Target(profile=Profile(""))) / f"{key}.pem"
    named = "/" in key or (not os.path.exists(own) and (key.endswith(".pem") or os.path.isfile(key)))
    return f"file:{Path(key).absolute()}" if named else key


def _values(profile: Profile) -> dict[str, str | None]:
    return {key: value or None for key, value in asdict(profile).items()}


def _json(profiles: Profiles, name: str) -> dict[str, Any]:
    return {"name": name, "in_use": profiles.current == name, **_values(profiles.entries[name])}


def _emit(profiles: Profiles, name: str, *, said: str = "") -> None:
    row = _json(profiles, name)

    def show() -> None:
        if said:
            line(said)
        values = [(key, row[key]) for key in ("url", "key", "account", "language", "ca")]
        facts([("profile", name), ("in_use", t("cli.yes") if row["in_use"] else ""), *values])

    emit(row, show)


COMMANDS = {"profile": _profile}
