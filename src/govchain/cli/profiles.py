"""Profiles: names for the nodes that a user works with, each with its URL, key, account, language and CA file.

Purpose: ``profiles.toml`` in the user's folder, written whole or not at all, mode 0600. Rules: unknown names in the
file are an error that names them; nothing secret is in it (keys are addresses, tokens lie elsewhere).
Not here: sessions (:mod:`govchain.cli.tokens`), what a profile is used for (:mod:`govchain.cli.target`).

Example of the file::

    current = "city"

    [profiles.city]
    url = "https://ledger.example.gov.cn"
    key = "file:/etc/govchain/keys/counter.pem"
    language = "zh"
"""

from __future__ import annotations

import json
import string
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.model.identifiers import is_hex
from govchain.sdk.home import default_home
from govchain.texts import LANGUAGES

__all__ = ["PROFILES_MAX", "Profile", "Profiles", "check_url", "load_profiles", "profiles_path", "save_profiles"]

#: Profiles of one user, bytes of the file and of one value, at most.
PROFILES_MAX = 100
_FILE_BYTES_MAX = 256 * 1024
_VALUE_CHARACTERS_MAX = 1024
_NAME_CHARACTERS_MAX = 32
_NAME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "-_")
_ACCOUNT_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Profile:
    """One node as a user reaches it; empty values are not set. ``account`` is an address in hex, ``ca`` a path."""

    url: str
    key: str = ""
    account: str = ""
    language: str = ""
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles by name, and the one in use (empty for none)."""

    current: str = ""
    entries: dict[str, Profile] = field(default_factory=dict)

    def named(self, name: str) -> Profile:
        """The profile with that name.

        Raises:
            RefusedError: ``NOT_FOUND``.
        """
        found = self.entries.get(name)
        if found is None:
            raise RefusedError(Code.NOT_FOUND, reason=name)
        return found

    def with_profile(self, name: str, profile: Profile) -> Profiles:
        """With that profile added or replaced, both checked.

        Raises:
            UsageError: a malformed name or value, or too many.
        """
        check_name(name)
        check_profile(name, profile)
        entries = {**self.entries, name: profile}
        if len(entries) > PROFILES_MAX:
            raise UsageError(Code.USAGE, reason=f"at most {PROFILES_MAX} profiles")
        return replace(self, entries=entries)

    def without(self, name: str) -> Profiles:
        """Without that profile; if it was in use, none is.

        Raises:
            RefusedError: ``NOT_FOUND``.
        """
        self.named(name)
        entries = {other: profile for other, profile in self.entries.items() if other != name}
        return Profiles("" if self.current == name else self.current, entries)


def profiles_path() -> Path:
    """Where the user's profiles lie."""
    return default_home() / "profiles.toml"


def load_profiles(path: Path | None = None) -> Profiles:
    """The profiles of the file at ``path`` (the user's own); none where there is no file.

    Raises:
        UsageError: the file does not follow its form. UnavailableError: ``FILE_UNREADABLE``.
    """
    path = profiles_path() if path is None else path
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None
    try:
        if len(data) > _FILE_BYTES_MAX:
            raise UsageError(Code.USAGE, reason=f"more than {_FILE_BYTES_MAX} bytes")
        return _decode(tomllib.loads(data.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(Code.USAGE, reason=f"{path}: {error}") from None
    except UsageError as error:
        raise UsageError(Code.USAGE, reason=f"{path}: {error.params['reason']}") from None


def save_profiles(profiles: Profiles, path: Path | None = None) -> None:
    """Write the file whole, mode 0600, beside and then into place.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    from govchain.cli.private import write_private  # noqa: PLC0415 - only where something is written

    write_private(profiles_path() if path is None else path, _encode(profiles).encode())


def check_name(name: str) -> None:
    """Refuse what is no name.

    Raises:
        UsageError: not 1 to 32 lower-case letters, digits, hyphens and underscores.
    """
    if not 0 < len(name) <= _NAME_CHARACTERS_MAX or not _NAME_CHARACTERS.issuperset(name):
        raise UsageError(Code.USAGE, reason=f"profile name {name[:80]!r}: 1 to 32 of a-z, 0-9, - and _")


def check_profile(name: str, profile: Profile) -> None:
    """Refuse a value that can be none of its kind, naming it.

    Raises:
        UsageError: it.
    """
    check_url(profile.url)
    for key, value in asdict(profile).items():
        if len(value) > _VALUE_CHARACTERS_MAX or not value.isprintable():
            raise UsageError(Code.USAGE, reason=f"profile {name}: {key} is one printable line")
    if profile.language and profile.language not in LANGUAGES:
        raise UsageError(Code.USAGE, reason=f"profile {name}: language is zh or en, not {profile.language!r}")
    if profile.account and not is_hex(profile.account, _ACCOUNT_DIGITS):
        raise UsageError(Code.USAGE, reason=f"profile {name}: account is an address of {_ACCOUNT_DIGITS} hex digits")


def check_url(url: str) -> str:
    """The node's URL without a slash at its end: ``http`` or ``https``, a host, nothing behind the path.

    Raises:
        UsageError: anything else, also a URL with a user's name or password in it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = len(url) <= _VALUE_CHARACTERS_MAX and url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise UsageError(Code.USAGE, reason=f"node {url[:80]!r}: write http://HOST:PORT or https://HOST")
    if parts.query or parts.fragment:
        raise UsageError(Code.USAGE, reason=f"node {url[:80]!r}: write http://HOST:PORT or https://HOST")
    return url.rstrip("/")


def _decode(document: dict[str, Any]) -> Profiles:
    _refuse_unknown("the file", document, {"current", "profiles"})
    tables = document.get("profiles", {})
    current = document.get("current", "")
    if not isinstance(tables, dict) or not isinstance(current, str):
        raise UsageError(Code.USAGE, reason="current is a name, profiles are tables")
    profiles = Profiles()
    known = {one.name for one in fields(Profile)}
    for name, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise UsageError(Code.USAGE, reason=f"profile {name}: a table of texts")
        _refuse_unknown(f"profile {name}", table, known)
        profiles = profiles.with_profile(name, Profile(**{"url": "", **table}))
    if current and current not in profiles.entries:
        raise UsageError(Code.USAGE, reason=f"current names no profile: {current[:80]!r}")
    return replace(profiles, current=current)


def _refuse_unknown(where: str, table: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise UsageError(Code.USAGE, reason=f"{where}: unknown names {', '.join(unknown)[:200]}")


def _encode(profiles: Profiles) -> str:
    """The file. Values are printable, so that a JSON string is a TOML string."""
    lines = [f"current = {_text(profiles.current)}"] if profiles.current else []
    for name, profile in sorted(profiles.entries.items()):
        lines += ["", f"[profiles.{name}]"]
        lines += [f"{key} = {_text(value)}" for key, value in asdict(profile).items() if value]
    return "\n".join([*lines, ""]).lstrip("\n")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
