"""The data directory of one chain: layout, format version, and who may use it.

Purpose: a directory is made whole or not at all, is written by one process at a time, and says in one clear error why
it cannot be used. Rules: a new directory is built beside its place under another name, synchronised, and renamed; what
a crash leaves under that name is swept by the next attempt. The lock is the operating system's (``flock``): it ends
with its process, however that ends, and a restart needs no repair.

::

    <directory>/
      format.json            {"format":"govchain-data/2"}: written last, so a directory without it was only half made
      lock                   locked by the writer; holds its process id
      store/                 RocksDB
      checkpoints/           checkpoints of the store
      snapshots/             snapshots made or fetched
      genesis.json           the chain's genesis
      keys/                  key files: node.pem is the member's; tls.pem and its certificate tls.crt name the node to
                             other nodes; passphrase, where an embedded node starts unattended
      peers/                 records of other members, by the first 16 hex digits of their keys
      equivocations/         proofs that a member signed two blocks of one height
      catalogue.sqlite3      the submitter's own records: salts, pending transactions
      node.toml              settings of a node that serves
      member.json            the node's own member file: what it sent to the others
      engine/                the home of an external engine, where the chain has one
      webhooks.sqlite3       its webhooks
      index.sqlite3          its index
      mounts.json            archives from which pruned blocks are read
      chains/                other chains that the members created by vote, each a data directory named by its id

The names are properties of :class:`DirectoryLayout`. They stand elsewhere only where this room may not be imported
(``index``) or would take too long to load (the look for a directory in ``cli``); a test compares. Format 2 has the
table ``key_history``; a directory of format 1, which no release wrote, is refused.
Not here: what the files of others mean (``services``, ``sdk``, ``node``).

Example::

    with create_directory(Path("d")) as building:
        (building / "genesis.json").write_bytes(genesis)
    with DataDirectory(Path("d")) as directory:
        store = directory.open_store()
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.model.decoders import json_decoder
from govchain.storage.rocks import RocksReader, RocksStore
from govchain.storage.rocks_options import MEMORY_BYTES

__all__ = [
    "FORMAT_VERSION",
    "FORMAT_VERSION_MIN",
    "DataDirectory",
    "DirectoryLayout",
    "complete_directory",
    "create_directory",
    "held_directory",
    "inspect_directory",
    "synchronise_tree",
]

#: Version of the layout that this program writes.
FORMAT_VERSION: Final = 2
#: The lowest version that it still reads.
FORMAT_VERSION_MIN: Final = 2

_FORMAT_NAME = "govchain-data"
_FORMAT_FILE = "format.json"
_LOCK_FILE = "lock"
_STORE = "store"
_CHECKPOINTS = "checkpoints"
_SNAPSHOTS = "snapshots"
_FORMAT_BYTES_MAX = 4096


class DirectoryLayout:
    """The names inside a data directory, whether it is there or not.

    Args:
        path: the directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    @property
    def format_file(self) -> Path:
        """The file that says the format; a directory without it is no data directory."""
        return self._path / _FORMAT_FILE

    @property
    def lock(self) -> Path:
        """The file that the writer locks."""
        return self._path / _LOCK_FILE

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self._path / _STORE

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints of the store lie."""
        return self._path / _CHECKPOINTS

    @property
    def snapshots(self) -> Path:
        """Where snapshots lie."""
        return self._path / _SNAPSHOTS

    @property
    def genesis(self) -> Path:
        """The genesis file."""
        return self._path / "genesis.json"

    @property
    def keys(self) -> Path:
        """The folder of key files."""
        return self._path / "keys"

    @property
    def node_key(self) -> Path:
        """The member's key file."""
        return self.keys / "node.pem"

    @property
    def tls_key(self) -> Path:
        """The key by which other nodes know this one, encrypted as ``node_key`` is."""
        return self.keys / "tls.pem"

    @property
    def tls_certificate(self) -> Path:
        """The self-signed certificate over ``tls_key``, PEM."""
        return self.keys / "tls.crt"

    @property
    def peers(self) -> Path:
        """Records of other members, ``<first 16 hex digits of the key>.json``."""
        return self._path / "peers"

    @property
    def equivocations(self) -> Path:
        """Proofs that a member signed two blocks of one height, a file each."""
        return self._path / "equivocations"

    @property
    def member_record(self) -> Path:
        """The node's own member file; absent where a chain has one node only."""
        return self._path / "member.json"

    @property
    def engine(self) -> Path:
        """The home of the external engine; absent under ``solo``."""
        return self._path / "engine"

    @property
    def catalogue(self) -> Path:
        """The submitter's own records."""
        return self._path / "catalogue.sqlite3"

    @property
    def settings(self) -> Path:
        """The settings file of a node that serves."""
        return self._path / "node.toml"

    @property
    def webhooks(self) -> Path:
        """Webhooks of a node that serves, and how far they have come."""
        return self._path / "webhooks.sqlite3"

    @property
    def mounts(self) -> Path:
        """Which archives are mounted."""
        return self._path / "mounts.json"

    @property
    def chains(self) -> Path:
        """Data directories of further chains, by chain id."""
        return self._path / "chains"

    @property
    def index(self) -> Path:
        """The index, where no other database is named: made from the blocks, so that it is never missed."""
        return self._path / "index.sqlite3"


class _Format(msgspec.Struct, frozen=True):
    """The format file; further fields are a later version's business."""

    format: str


@contextlib.contextmanager
def create_directory(path: Path) -> Iterator[Path]:
    """Make a data directory: the block fills the directory that it is given, then it appears at ``path`` at once.

    The block may open and close a store in ``building / "store"``. If it raises, nothing is left behind.

    Raises:
        RefusedError: ``DATA_DIRECTORY_EXISTS`` when ``path`` is anything but absent or an empty directory.
        UnavailableError: ``DATA_DIRECTORY_READ_ONLY``, ``DISK_FULL``, ``DATA_DIRECTORY_MISSING`` (no parent), or
            ``DATA_DIRECTORY_LOCKED`` when another process is making it now.
    """
    place = Path(os.path.abspath(path))
    building = place.parent / f".{place.name}.creating"
    with _translated(path):
        if place.is_symlink() or (place.exists() and not (place.is_dir() and not any(place.iterdir()))):
            raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(path))
        building.mkdir(mode=0o700, exist_ok=True)
        lock = _lock(building / _LOCK_FILE, path)
    try:
        with _translated(path):
            _sweep(building)
            for name in (_STORE, _CHECKPOINTS, _SNAPSHOTS):
                (building / name).mkdir(mode=0o700)
        yield building
        with _translated(path):
            _write_format(building)
            synchronise_tree(building)
            building.rename(place)
            synchronise_tree(place.parent, files=False)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    finally:
        os.close(lock)


@contextlib.contextmanager
def complete_directory(path: Path) -> Iterator[DirectoryLayout]:
    """Make the folder at ``path``, which holds keys and no ledger yet, a data directory where it is.

    The block fills it; if it raises, or the process ends, the folder is no data directory and the next attempt begins
    anew. What was there before stays.

    Raises:
        RefusedError: ``DATA_DIRECTORY_EXISTS`` when it is a data directory already.
        UnavailableError: ``DATA_DIRECTORY_MISSING`` without such a folder, ``DATA_DIRECTORY_LOCKED``, ``DISK_FULL``,
            ``DATA_DIRECTORY_READ_ONLY``.
    """
    layout = DirectoryLayout(path)
    made = (layout.store, layout.checkpoints, layout.snapshots)
    with _translated(path):
        if not layout.keys.is_dir():
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path))
    with held_directory(path):
        with _translated(path):
            if layout.format_file.exists():
                raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(path))
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(mode=0o700)
            layout.genesis.unlink(missing_ok=True)
        try:
            yield layout
            with _translated(path):
                synchronise_tree(path)
                _write_format(path)
                _synchronise_entry(layout.format_file)
                synchronise_tree(path, files=False)
        except BaseException:
            layout.format_file.unlink(missing_ok=True)
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)
            layout.genesis.unlink(missing_ok=True)
            raise


def inspect_directory(path: Path) -> int:
    """The format version of the data directory at ``path``; changes nothing.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_MISSING``, ``DATA_DIRECTORY_INCOMPLETE``, ``DATA_DIRECTORY_NEWER``,
            ``DATA_DIRECTORY_OLDER``, or ``DATA_DIRECTORY_READ_ONLY`` when it cannot even be read.
    """
    if not path.is_dir():
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path))
    with _translated(path):
        try:
            with (path / _FORMAT_FILE).open("rb") as file:
                content = file.read(_FORMAT_BYTES_MAX)
        except FileNotFoundError:
            # An empty or foreign directory is no data directory; one with a store in it is half of one.
            code = Code.DATA_DIRECTORY_INCOMPLETE if (path / _STORE).exists() else Code.DATA_DIRECTORY_MISSING
            raise UnavailableError(code, path=str(path)) from None
    try:
        name, _, number = json_decoder(_Format).decode(content).format.partition("/")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path / _FORMAT_FILE)) from None
    if name != _FORMAT_NAME or not (number.isascii() and number.isdigit()):
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path / _FORMAT_FILE))
    if int(number) > FORMAT_VERSION:
        raise UnavailableError(Code.DATA_DIRECTORY_NEWER, path=str(path), found=int(number), known=FORMAT_VERSION)
    if int(number) < FORMAT_VERSION_MIN:
        raise UnavailableError(Code.DATA_DIRECTORY_OLDER, path=str(path), found=int(number), known=FORMAT_VERSION_MIN)
    if not (path / _STORE).is_dir():
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=str(path / _STORE))
    return int(number)


class DataDirectory(DirectoryLayout):
    """An existing data directory, opened and locked for writing, or for reading beside a writer.

    Args:
        path: the directory.
        read_only: take no lock and write nothing; readers see the store as it is when they open it.

    Raises:
        UnavailableError: as :func:`inspect_directory`; for writing also ``DATA_DIRECTORY_LOCKED`` (naming the process)
            and ``DATA_DIRECTORY_READ_ONLY``.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        super().__init__(path)
        self._lock: int | None = None
        self.read_only = read_only
        self.version = inspect_directory(path)
        if not read_only:
            with _translated(path):
                self._lock = _lock(path / _LOCK_FILE, path)

    def open_store(self, *, memory_bytes: int = MEMORY_BYTES) -> RocksStore:
        """Open the store for writing; close it before the directory.

        Raises:
            UnavailableError: ``DATA_DIRECTORY_READ_ONLY`` in a directory opened for reading; as :class:`RocksStore`.
        """
        if self.read_only:
            raise UnavailableError(Code.DATA_DIRECTORY_READ_ONLY, path=str(self._path))
        return RocksStore(self.store, checkpoints=self.checkpoints, memory_bytes=memory_bytes)

    def open_reader(self, *, memory_bytes: int = MEMORY_BYTES) -> RocksReader:
        """Open the store as it is now for reading, whoever is writing to it."""
        return RocksReader(self.store, memory_bytes=memory_bytes)

    def close(self) -> None:
        """Let go of the lock. Closing twice is allowed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def held_directory(path: Path) -> Iterator[None]:
    """Keep nodes and commands from writing to the directory at ``path``, sound or not, while the block runs.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_LOCKED``, ``DATA_DIRECTORY_READ_ONLY``.
    """
    with _translated(path):
        descriptor = _lock(path / _LOCK_FILE, path)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(file: Path, path: Path) -> int:
    """Lock ``file`` for this process and write its id into it; the descriptor that holds the lock."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
            named = f"{path} (pid {holder})"
            raise UnavailableError(Code.DATA_DIRECTORY_LOCKED, path=named, pid=holder) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except GovChainError:
        raise
    except OSError as error:
        named = str(path)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UnavailableError(Code.DISK_FULL, path=named) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UnavailableError(Code.DATA_DIRECTORY_READ_ONLY, path=named) from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=named) from error
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=named) from error
        raise UnavailableError(Code.FILE_UNREADABLE, path=named, reason=error.strerror or str(error)) from error


def _sweep(building: Path) -> None:
    """Remove what an earlier attempt left, but for the lock file that we hold."""
    for entry in list(building.iterdir()):
        if entry.name == _LOCK_FILE:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_format(building: Path) -> None:
    content = msgspec.json.encode(_Format(f"{_FORMAT_NAME}/{FORMAT_VERSION}")) + b"\n"
    (building / _FORMAT_FILE).write_bytes(content)


def synchronise_tree(directory: Path, *, files: bool = True) -> None:
    """Make a directory's entries durable and, with ``files``, everything below it as well."""
    if not files:
        _synchronise_entry(directory)
        return
    for root, _, names in os.walk(directory):
        for name in names:
            _synchronise_entry(Path(root) / name)
        _synchronise_entry(Path(root))


def _synchronise_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
