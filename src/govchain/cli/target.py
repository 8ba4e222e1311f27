"""What a command works on: a data directory here, or a node behind a URL.

Purpose: one decision for every command. Order: ``--node``, ``--data`` or ``--profile``; ``GOVCHAIN_NODE``,
``GOVCHAIN_DATA``; the profile in use; the data directory where we are or above.
Not here: opening it (:mod:`govchain.cli.opening`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from govchain.cli.profiles import Profile, check_url, load_profiles
from govchain.cli.session import session, t
from govchain.model import Code, UnavailableError, UsageError

__all__ = ["Target", "find_data", "find_node", "find_target"]

_FORMAT_NAME = "format.json"


@dataclass(frozen=True, slots=True)
class Target:
    """A data directory (``path``), or a node (``profile`` with its URL; ``name`` where the profile has one)."""

    path: Path | None = None
    profile: Profile | None = None
    name: str = ""

    @property
    def place(self) -> str:
        """The directory or URL, for people."""
        return str(self.path) if self.profile is None else self.profile.url


def find_target() -> Target:
    """What this run works on.

    Raises:
        UsageError: a malformed URL or profile file. RefusedError: ``NOT_FOUND`` for an unknown profile.
        UnavailableError: ``DATA_DIRECTORY_MISSING``.
    """
    now = session()
    if now.node:
        return Target(profile=Profile(check_url(now.node)))
    if now.data is None:
        profiles = load_profiles()
        name = now.profile or profiles.current
        if name:
            profile = profiles.named(name)
            return Target(profile=profile, name=name)
    return Target(path=find_data())


def find_node(needed: str) -> Target:
    """The node of this run, for commands that work on nothing else.

    Raises:
        UsageError: none is named, for the reason ``needed``; and as :func:`find_target`.
    """
    try:
        target = find_target()
    except UnavailableError as error:
        if error.code is not Code.DATA_DIRECTORY_MISSING:
            raise
        target = Target()
    if target.profile is None:
        raise UsageError(Code.USAGE, reason=needed)
    return target


def find_data() -> Path:
    """The data directory: the one named, else the nearest from the current directory upwards; never a node.

    Raises:
        UsageError: a node was named. UnavailableError: ``DATA_DIRECTORY_MISSING``.
    """
    now = session()
    if now.node or now.profile:
        raise UsageError(Code.USAGE, reason=t("cli.needs_directory"))
    if now.data is not None:
        if not now.data.is_dir():
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(now.data))
        return now.data
    here = Path.cwd()
    for path in (here, *here.parents):
        if (path / _FORMAT_NAME).is_file() and (path / "genesis.json").is_file():
            return path
    raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(here))
