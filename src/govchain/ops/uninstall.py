"""``govchain uninstall``: what an installation has put where, and removing a data directory on demand.

Purpose: :func:`survey` lists everything that belongs to a data directory, inside and outside it, with kind and size;
:func:`purge` removes the directory's own contents. Rules: a survey changes nothing; a purge wants the chain's id
as the caller typed it, waits for no node (a running one keeps the directory), removes known names only and follows no
link: what somebody else put into the directory stays. What lies outside is never removed, only listed.
Not here: removing the program itself, which is its installer's business.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govchain.model import Code, GovChainError, UnavailableError, UsageError
from govchain.model.wire import Genesis
from govchain.node.settings import Settings, load_settings
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.sdk.home import catalogue_path
from govchain.sdk.trust import TrustStore
from govchain.storage import DirectoryLayout
from govchain.storage.directory import held_directory

__all__ = ["UNIT_FOLDERS", "Left", "Survey", "purge", "survey"]

#: Where an operator puts units of systemd.
UNIT_FOLDERS: Final = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
#: Known entries of a data directory and their kind, in the order in which they are removed: the genesis file, which
#: names the chain, last but the lock, so that a removal that was cut short can be taken up again.
_INSIDE: Final = DirectoryLayout(Path())
_DATABASES: Final = ((_INSIDE.catalogue, "records"), (_INSIDE.webhooks, "webhooks"), (_INSIDE.index, "index"))
_KNOWN: Final = (
    (_INSIDE.format_file.name, "data"),
    (_INSIDE.store.name, "data"),
    (_INSIDE.checkpoints.name, "data"),
    (_INSIDE.snapshots.name, "data"),
    (_INSIDE.keys.name, "keys"),
    (_INSIDE.engine.name, "data"),
    (_INSIDE.peers.name, "data"),
    (_INSIDE.equivocations.name, "data"),
    (_INSIDE.chains.name, "data"),
    (_INSIDE.member_record.name, "data"),
    # SQLite keeps two files beside a database.
    *((file.name + end, kind) for file, kind in _DATABASES for end in ("", "-wal", "-shm")),
    (_INSIDE.mounts.name, "settings"),
    (_INSIDE.settings.name, "settings"),
    (_INSIDE.genesis.name, "data"),
    (_INSIDE.lock.name, "data"),
)


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is there.

    Attributes:
        kind: ``data``, ``keys``, ``records``, ``webhooks``, ``index``, ``settings``, ``other`` (not ours), ``backups``,
            ``archives``, ``log``, ``trust``, ``profiles``, ``sessions``, ``units``.
        place: its path, or the URL of a database without its password.
        size: bytes, where it is files.
        inside: whether it lies in the data directory; of that, a purge removes all but ``other``.
    """

    kind: str
    place: str
    size: int
    inside: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """A data directory and everything that belongs to it.

    ``unread`` is why the directory's settings could not be read, so that what they name outside is not listed; None
    where they could.
    """

    path: Path
    chain: str
    found: tuple[Left, ...]
    unread: GovChainError | None = None


def survey(
    path: Path,
    home: Path,
    environment: Mapping[str, str],
    unit_folders: Sequence[Path] = UNIT_FOLDERS,
    settings_file: Path | None = None,
) -> Survey:
    """List what belongs to the data directory at ``path``; changes nothing.

    Args:
        path: the data directory, sound or not.
        home: the user's own folder: trust, profiles, sessions.
        environment: where settings are looked for beside the directory's file.
        unit_folders: where units of systemd lie.
        settings_file: the settings, where they do not lie in the directory; the file has to be there and sound.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING`` where there is no genesis file, ``FILE_UNREADABLE`` where there is
            no ``settings_file``.
        UsageError: a setting in it, or in the environment beside it, that does not fit.
    """
    layout = DirectoryLayout(path)
    genesis = _genesis(layout)
    mark = fingerprint(genesis).hex()
    known = dict(_KNOWN)
    inside = [
        Left(known.get(entry.name, "other"), str(entry), _size(entry), inside=True) for entry in sorted(path.iterdir())
    ]
    unread: GovChainError | None = None
    if settings_file is not None:
        settings = load_settings(settings_file, environment, {}, required=True)
    else:
        try:
            settings = load_settings(layout.settings, environment, {})
        except GovChainError as error:
            # A directory is listed, sound or not; what its settings name outside is then not known, and that is said.
            settings, unread = Settings(), error
    outside = [
        *_of_settings(settings),
        *_of_user(home, mark),
        *(
            Left("units", str(unit), _size(unit), inside=False)
            for folder in unit_folders
            for unit in sorted(folder.glob("govchain*"))
        ),
    ]
    return Survey(path, genesis.chain, (*inside, *outside), unread)


def purge(path: Path, typed: str) -> list[Path]:
    """Remove the contents of the data directory at ``path``; what was not ours stays, and is returned.

    Args:
        path: the data directory.
        typed: the chain's id, as a person typed it.

    Raises:
        UsageError: another chain's id. UnavailableError: ``DATA_DIRECTORY_LOCKED`` while a node runs.
    """
    chain = _genesis(DirectoryLayout(path)).chain
    if typed != chain:
        raise UsageError(Code.USAGE, reason=f"--purge {typed[:40]}: the chain here is {chain}")
    try:
        with held_directory(path):
            for name, _ in _KNOWN:
                _remove(path / name)
        left = sorted(path.iterdir())
        if not left:
            path.absolute().rmdir()  # by its name: the system removes no "."
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(error.filename or path), reason=reason) from None
    return left


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _genesis(layout: DirectoryLayout) -> Genesis:
    try:
        return decode_genesis(layout.genesis.read_bytes())
    except OSError as error:
        reason = error.strerror or ""
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(layout.path), reason=reason) from None


def _of_settings(settings: Settings) -> Iterator[Left]:
    """What the settings name outside the directory."""
    url = settings.text("index_url")
    if url:
        yield Left("index", _without_password(url), 0, inside=False)
    for name, kind in (("backup_dir", "backups"), ("archive_to", "archives"), ("log_file", "log")):
        named = settings.text(name)
        if named and Path(named).exists():
            yield Left(kind, named, _size(Path(named)), inside=False)


def _of_user(home: Path, mark: str) -> Iterator[Left]:
    """What the user's own folder holds of the chain with that fingerprint, and of nodes."""
    trust = home / "trust"
    with_trust = TrustStore(trust)
    if any(anchor.fingerprint == mark for anchor in with_trust.anchors()):
        yield Left("trust", str(trust), _size(trust), inside=False)
    own = catalogue_path(home, mark).parent
    for kind, place in (("records", own), ("profiles", home / "profiles.toml"), ("sessions", home / "sessions")):
        if place.exists():
            yield Left(kind, str(place), _size(place), inside=False)


def _without_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{found}{user.partition(':')[0]}{at}{host}"


def _size(path: Path) -> int:
    """Bytes of a file, or of everything below a folder; links count as they are."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue  # a running node removed it meanwhile
    return total
