"""Where a login's token is kept: a file of mode 0600 for each node and profile, in the user's folder.

Rules: a token is sent only to the URL that it was given for; a file that others may read is refused.
Not here: how a token is obtained (``sdk.sessions``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from govchain.cli.private import read_private, remove_private, write_private
from govchain.cli.target import Target
from govchain.model import Code, UsageError
from govchain.model.decoders import json_decoder
from govchain.sdk.home import default_home

__all__ = ["SavedSession", "forget_session", "load_session", "save_session", "session_path"]

_FILE_BYTES_MAX = 64 * 1024


class SavedSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session as it was granted: the node's URL, the account (hex), the bearer token, and its end in ms."""

    url: str
    account: str
    token: str
    expires: int


def session_path(target: Target) -> Path:
    """The file of that node and profile; its name tells neither."""
    assert target.profile is not None
    mark = hashlib.sha256(f"{target.name}\n{target.profile.url}".encode()).hexdigest()
    return default_home() / "sessions" / f"{mark[:32]}.json"


def save_session(target: Target, saved: SavedSession) -> Path:
    """Keep a session, in the place of an earlier one.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """
    path = session_path(target)
    write_private(path, msgspec.json.encode(saved))
    return path


def load_session(target: Target) -> SavedSession | None:
    """The session kept for that node and profile, whether or not it is over.

    Raises:
        RefusedError: ``KEY_FILE_PERMISSIONS`` when others may read it. UsageError: the file was altered.
    """
    path = session_path(target)
    data = read_private(path, _FILE_BYTES_MAX)
    if data is None:
        return None
    try:
        saved = json_decoder(SavedSession).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError):
        raise UsageError(Code.USAGE, reason=f"{path} is no session file; remove it and log in again") from None
    assert target.profile is not None
    return saved if saved.url == target.profile.url else None


def forget_session(target: Target) -> bool:
    """Remove the file; False where there was none."""
    return remove_private(session_path(target))
