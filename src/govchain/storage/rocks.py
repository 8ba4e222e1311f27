"""The RocksDB driver of the store port.

Purpose: one column family for each table, one atomic write batch for each block, the write-ahead log always on.

Durability: every write reaches the operating system before it returns, so it survives the end of the process.
``durable=True`` and :meth:`RocksStore.sync` then synchronise the log, which covers everything written before, and note
the sequence number reached in a small file of the driver's own (the *witness*). When the store is opened and its log
ends before that number, something was lost that had been promised: the driver refuses with ``STORE_CORRUPT``.

Damage: every block of a table file and every record of the log has a checksum. A flipped bit either meets one of them
when it is read (``STORE_CORRUPT``, naming the file), or lies in bytes that nobody uses. Iterators of the binding end
early without a word when they meet damage, so each scan that comes to its end is checked for having truly got there.

A failed write (full disk) leaves the store readable and closed to writing until it is opened again; the batch is there
whole or not at all. Not here: what the keys mean (``blocks``), directories and locks (``directory``), tuning
(``rocks_options``).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from rocksdict import AccessType, Checkpoint, DBPath, Rdict, ReadOptions, WriteBatch

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.state import Batch, Pair, Table
from govchain.state.memory import check_checkpoint_name
from govchain.storage.rocks_options import MEMORY_BYTES, make_options

__all__ = ["RocksReader", "RocksStore", "translate_error"]

_WITNESS = "SYNCED"
_DROPPED = ".dropped-"
_FROZEN = ".frozen-"
#: Times that a reader tries to open a store whose writer removes a file under its hands.
_OPEN_ATTEMPTS = 5
#: A limit that no store reaches: where RocksDB may put table files is not limited.
_ANY_SIZE = 1 << 62
_FILE_NAME = re.compile(r"(?:[^\s:]*/)?(?:\d{6,}\.(?:sst|log|blob)|MANIFEST-\d+|CURRENT|OPTIONS-\d+)")
_FULL = ("No space left", "Disk quota exceeded", "File too large", "NoSpace", "SpaceLimit")
_NOT_WRITABLE = ("Permission denied", "Read-only file system", "Operation not permitted")
_LOCKED = ("lock hold by", "/LOCK: Resource temporarily unavailable", "/LOCK: No locks available")


def translate_error(error: BaseException, path: Path) -> UnavailableError:
    """Our error for what the binding raised, which is a bare exception with RocksDB's message.

    Args:
        error: what was raised.
        path: the store's directory, for the message; where RocksDB names a file, that file is named.
    """
    text = str(error)
    if any(mark in text for mark in _FULL):
        return UnavailableError(Code.DISK_FULL, path=str(path))
    if any(mark in text for mark in _LOCKED):
        return UnavailableError(Code.DATA_DIRECTORY_LOCKED, path=str(path))
    if any(mark in text for mark in _NOT_WRITABLE):
        return UnavailableError(Code.DATA_DIRECTORY_READ_ONLY, path=str(path))
    named = _FILE_NAME.search(text)
    return UnavailableError(Code.STORE_CORRUPT, path=named.group() if named else str(path), reason=text)


class RocksReader:
    """A store or checkpoint opened for reading: a fixed view of the moment when it was opened.

    Args:
        path: the directory.
        memory_bytes: of cache.
    """

    def __init__(self, path: Path, *, memory_bytes: int = MEMORY_BYTES) -> None:
        if not (path / "CURRENT").is_file():
            raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path))
        self._open(path, memory_bytes, read_only=True)

    def _open(self, path: Path, memory_bytes: int, *, read_only: bool) -> None:
        self._path = path
        self._closed = False
        self._scans: weakref.WeakSet[Generator[Pair, None, None]] = weakref.WeakSet()
        self._options = make_options(memory_bytes, read_only=read_only)
        try:
            self._db = self._open_reader(path) if read_only else self._open_database(path, AccessType.read_write())
        except GovChainError:
            raise
        except Exception as error:
            raise translate_error(error, path) from error
        families = [self._db.get_column_family(table.name.lower()) for table in Table]
        self._families: tuple[Any, ...] = tuple(families)
        self._gets: tuple[Any, ...] = tuple(family.get for family in families)
        self._handles: tuple[Any, ...] = ()

    def _open_database(self, path: Path, access: Any) -> Any:
        return Rdict(str(path), self._options.database, self._options.tables, access)

    def _open_mirrored(self, place: Path, path: Path) -> Any:
        try:
            return self._open_database(place, AccessType.read_only(False))
        except Exception as error:
            raise OSError(str(error).replace(str(place), str(path))) from error  # name the store's own file

    def _open_reader(self, path: Path) -> Any:
        """Open without writing anything there, whoever is writing meanwhile; again if the writer changed its files."""
        database = self._options.database
        database.set_wal_dir(str(path.absolute()))
        database.set_db_paths([DBPath(str(path.absolute()), _ANY_SIZE)])
        for attempt in range(1, _OPEN_ATTEMPTS + 1):
            last = attempt == _OPEN_ATTEMPTS
            durable = _read_note(path)
            before = _outline(path)
            try:
                with _mirror(path) as place:
                    opened = self._open_mirrored(place, path)
            except Exception:
                if not last and before != _outline(path):
                    continue  # the writer replaced or removed a file between our looking and opening
                raise
            if not last and before != _outline(path):
                opened.close()
                continue
            if durable is not None and (reached := opened.latest_sequence_number()) < durable:
                opened.close()
                raise _shortened(path, reached, durable)
            return opened
        raise AssertionError  # the last attempt returns or raises

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    def table_files(self) -> list[tuple[str, bytes]]:
        """Each table file's name and its first key."""
        return [(str(file["name"]).strip("/"), bytes(file["start_key"])) for file in self._db.live_files()]

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of ``key``, or ``None``."""
        try:
            value: bytes | None = self._gets[table](key)
        except Exception as error:
            raise self._told(error) from error
        return value

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order."""
        try:
            return list(map(self._gets[table], keys))
        except Exception as error:
            raise self._told(error) from error

    def scan(
        self,
        table: Table,
        start: bytes = b"",
        end: bytes | None = None,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Pair]:
        """Pairs in key order, as they are at the moment of the call."""
        if (end is not None and start >= end) or (limit is not None and limit <= 0):
            return iter(())
        options = ReadOptions()
        if end is not None:
            options.set_iterate_upper_bound(end)
        try:
            family = self._families[table]
            if reverse:
                items = family.items(backwards=True, read_opt=options)
            else:
                items = family.items(from_key=start, read_opt=options)
        except Exception as error:
            raise self._told(error) from error
        pairs = self._pairs(family, items, options, start, reverse=reverse, limit=limit)
        self._scans.add(pairs)
        return pairs

    def _pairs(
        self, family: Any, items: Any, options: Any, start: bytes, *, reverse: bool, limit: int | None
    ) -> Generator[Pair, None, None]:
        last: bytes | None = None
        left = -1 if limit is None else limit
        for pair in items:
            last = pair[0]
            if reverse and last < start:
                return
            yield pair
            left -= 1
            if not left:
                return
        damage = self._find_damage(family, options, start, last, reverse=reverse)
        del family, items  # an error's traceback must not keep the database open after close()
        if damage is not None:
            raise damage

    def _find_damage(
        self, family: Any, options: Any, start: bytes, last: bytes | None, *, reverse: bool
    ) -> UnavailableError | None:
        """The error if an iterator stopped at damage rather than at the end: go to where it stopped, and ask."""
        probe = family.iter(options)
        try:
            if reverse:
                probe.seek_to_last() if last is None else probe.seek_for_prev(last)
            else:
                probe.seek(start if last is None else last)
            if last is not None and probe.valid():
                probe.prev() if reverse else probe.next()
            probe.status()
        except Exception as error:  # noqa: BLE001 - the binding raises nothing more precise; it is answered, not lost
            return translate_error(error, self._path)
        return None

    def _told(self, error: Exception) -> UnavailableError:
        """Our error for what a read raised; a read that comes after the closing is no damage."""
        return UnavailableError(Code.NODE_STOPPING) if self._closed else translate_error(error, self._path)

    def close(self) -> None:
        """Let go of all files; scans that are under way end."""
        if self._closed:
            return
        self._closed = True
        for pairs in list(self._scans):
            with contextlib.suppress(ValueError):  # running in another thread: it holds the files until it ends
                pairs.close()
        # The binding unlocks the directory when the last of its objects is gone.
        self._gets = self._families = self._handles = ()
        database, self._db = self._db, None
        try:
            database.close()
        except Exception as error:
            raise translate_error(error, self._path) from error


class RocksStore(RocksReader):
    """A :class:`govchain.state.Store` on disk, opened for writing by one process.

    Args:
        path: the directory, made when absent.
        checkpoints: where checkpoints go; on the same file system. By default beside the store.
        memory_bytes: of block cache and memtables together.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_LOCKED``, ``DATA_DIRECTORY_READ_ONLY``, ``DISK_FULL``, ``STORE_CORRUPT``.
    """

    def __init__(self, path: Path, *, checkpoints: Path | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._checkpoints = checkpoints if checkpoints is not None else path.parent / f"{path.name}-checkpoints"
        self._memory_bytes = memory_bytes
        self._failure: tuple[Code, dict[str, Any]] | None = None
        self._witness = -1
        self._unsynced = False
        #: Synchronisations of the log since the store was opened.
        self.syncs = 0
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise translate_error(error, path) from error
        self._open(path, memory_bytes, read_only=False)
        self._handles = tuple(self._db.get_column_family_handle(table.name.lower()) for table in Table)
        try:
            self._check_witness()
            self._sweep()
        except BaseException:
            self.close()
            raise

    def write(self, batch: Batch, *, durable: bool) -> None:
        """Apply ``batch`` to all its tables at once; with ``durable``, synchronise the log as well.

        Raises:
            UnavailableError: ``DISK_FULL`` or ``STORE_CORRUPT``; the store takes no more writes until it is reopened.
        """
        self._refuse_after_failure()
        native = self._native_batch(batch)
        try:
            self._db.write(native)
        except Exception as error:
            raise self._fail(error) from error
        finally:
            del native  # an error's traceback must not keep the database open after close()
        self._unsynced = True
        if durable:
            self.sync()

    def sync(self) -> None:
        """Make everything written before durable: one synchronisation of the log, other threads running meanwhile.

        Raises:
            UnavailableError: as for :meth:`write`.
        """
        self._refuse_after_failure()
        if not self._unsynced:
            return
        self._unsynced = False  # before, so that a write of another thread meanwhile is not taken for done
        try:
            reached = self._db.latest_sequence_number()
            self._db.flush_wal(True)
            self.syncs += 1
        except Exception as error:
            raise self._fail(error) from error
        self._note(reached)

    def checkpoint(self, name: str) -> None:
        """Keep the present contents under ``name``: links to files, after the memtables were written out."""
        check_checkpoint_name(name)
        target = self._checkpoints / name
        if target.exists():
            raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(target))
        self.sync()
        try:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            # RocksDB builds it under another name and renames it, so that it is there whole or not at all.
            Checkpoint(self._db).create_checkpoint(str(target))
        except Exception as error:
            raise translate_error(error, target) from error

    @contextlib.contextmanager
    def frozen(self) -> Iterator[Path]:
        """A folder with the present contents while the block runs, to be copied; writing goes on meanwhile.

        It holds links to files, and so takes hardly any room; what a crash leaves of it is swept at the next opening.

        Raises:
            UnavailableError: ``DISK_FULL``, ``DATA_DIRECTORY_READ_ONLY``.
        """
        place = self._checkpoints / (_FROZEN + secrets.token_hex(8))
        self.sync()
        try:
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            Checkpoint(self._db).create_checkpoint(str(place))
        except Exception as error:
            raise translate_error(error, place) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def checkpoints(self) -> tuple[str, ...]:
        """Names of the checkpoints that exist, sorted."""
        if not self._checkpoints.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self._checkpoints.iterdir() if "." not in entry.name))

    def open_checkpoint(self, name: str) -> RocksReader:
        """Read a checkpoint; close the reader before dropping it."""
        check_checkpoint_name(name)
        return RocksReader(self._checkpoints / name, memory_bytes=self._memory_bytes // 4)

    def drop_checkpoint(self, name: str) -> None:
        """Remove a checkpoint: renamed first, so that a half-removed one is never taken for one."""
        check_checkpoint_name(name)
        dropped = self._checkpoints / (_DROPPED + name)
        shutil.rmtree(dropped, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            (self._checkpoints / name).rename(dropped)
            shutil.rmtree(dropped)

    def reclaim(self) -> None:
        """Give the room of removed bodies, receipts and certificates back: rewrites what is left of these tables."""
        try:
            for table in (Table.BODIES, Table.RECEIPTS, Table.CERTIFICATES):
                family = self._families[table]
                family.flush()
                family.compact_range(None, None)
        except Exception as error:
            raise self._fail(error) from error

    def approximate_size(self) -> int:
        """Bytes of the store's files."""
        total = 0
        with os.scandir(self._path) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat().st_size
        return total

    def close(self) -> None:
        """Synchronise what is written and let go of all files."""
        if self._closed:
            return
        try:
            if self._failure is None:
                self.sync()
                super().close()
        finally:
            # After a failure, which was told, the memtables cannot be written out; the log has them.
            with contextlib.suppress(UnavailableError):
                super().close()
            if self._witness >= 0:
                os.close(self._witness)
                self._witness = -1

    def _native_batch(self, batch: Batch) -> Any:
        native = WriteBatch(raw_mode=True)
        for table in batch.tables():
            handle = self._handles[table]
            native.set_default_column_family(handle)
            for key, value in batch.operations(table):
                if value is None:
                    native.delete(key, handle)
                else:
                    native[key] = value
        return native

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            code, params = self._failure
            raise UnavailableError(code, **params)

    def _fail(self, error: BaseException) -> UnavailableError:
        """Close the store to writing; the failure is kept without its traceback, which holds the database open."""
        failed = translate_error(error, self._path)
        params = {name: value for name, value in failed.params.items() if name != "retry_after_ms"}
        self._failure = (failed.code, params)
        return failed

    def _sweep(self) -> None:
        """Remove what a crash left of checkpoints that were being made or dropped."""
        if self._checkpoints.is_dir():
            for entry in list(self._checkpoints.iterdir()):
                if "." in entry.name:
                    shutil.rmtree(entry, ignore_errors=True)

    def _check_witness(self) -> None:
        """Compare the sequence number reached with the one noted at the last synchronisation."""
        expected = _read_note(self._path)
        try:
            self._witness = os.open(self._path / _WITNESS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise translate_error(error, self._path) from error
        if expected is not None and (reached := self._db.latest_sequence_number()) < expected:
            raise _shortened(self._path, reached, expected)

    def _note(self, reached: int) -> None:
        """Note a durable sequence number. The note itself need not be durable: it may lag, never lead."""
        number = reached.to_bytes(8, "big")
        try:
            os.pwrite(self._witness, number + zlib.crc32(number).to_bytes(4, "big"), 0)
        except OSError as error:
            raise self._fail(error) from error


def _read_note(path: Path) -> int | None:
    """The sequence number noted as durable; a note that is absent or differs from its own checksum says nothing."""
    try:
        noted = (path / _WITNESS).read_bytes()
    except OSError:
        return None
    whole = len(noted) == 12 and zlib.crc32(noted[:8]) == int.from_bytes(noted[8:], "big")
    return int.from_bytes(noted[:8], "big") if whole else None


def _shortened(path: Path, reached: int, durable: int) -> UnavailableError:
    reason = f"the log ends at {reached}, before {durable}, which was durable"
    return UnavailableError(Code.STORE_CORRUPT, path=str(path), reason=reason)


def _outline(path: Path) -> tuple[object, ...]:
    """What changes when a writer begins a log, flushes or compacts: manifest in force, its size, names of the logs."""
    seen: list[object] = []
    for name in ("CURRENT", *sorted(entry.name for entry in path.iterdir())):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile, and so is not in the outline
            if name == "CURRENT":
                seen.append((path / name).read_bytes())
            elif name.startswith("MANIFEST-"):
                seen.append((name, (path / name).stat().st_size))
            elif name.endswith(".log"):
                seen.append(name)
    return tuple(seen)


@contextlib.contextmanager
def _mirror(path: Path) -> Iterator[Path]:
    """A folder elsewhere with links to what RocksDB looks for in the store's own folder.

    The binding writes a small file into the folder that it opens, even for reading; a store on a read-only file system
    could not be read, and a check that promises to change nothing would change it.
    """
    try:
        place = Path(tempfile.mkdtemp(prefix="govchain-reader-"))
    except OSError:
        yield path  # no room elsewhere: rather read it where it is
        return
    try:
        for entry in path.iterdir():
            if entry.name == "CURRENT" or entry.name.startswith("MANIFEST-"):
                (place / entry.name).symlink_to(entry.absolute())
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
