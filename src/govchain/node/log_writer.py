"""Where log lines go: a bounded queue and one thread that renders and writes.

Purpose: whoever logs puts an entry into the queue and goes on; the thread turns entries into lines and writes many at
once to standard error or a file. Rules: putting never waits, whatever the disk does; what does not fit is dropped and
counted, and the next line that can be written says how many; a file is rotated by size, and opened again when asked,
for logrotate; a failing file costs lines, never the node. Not here: what is logged (``node.logs``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from govchain.model import Code, UnavailableError

__all__ = ["QUEUE_ENTRIES_MAX", "Entry", "LogFile", "LogStream", "LogWriter"]

#: Entries that wait for the writer, at most.
QUEUE_ENTRIES_MAX: Final = 10_000
#: Entries of one write.
_BATCH_MAX: Final = 256
#: How long closing waits for the last lines, in seconds: a disk that hangs does not keep a node from ending.
CLOSE_S_MAX: Final = 2.0
#: Pause after a failed write, in seconds.
_PAUSE_S: Final = 0.2
#: A log tells who did what: its owner writes it, its group reads it.
_FILE_MODE: Final = 0o640

#: One line that is not rendered yet: names and values, ``time`` (seconds since 1970) first.
Entry = dict[str, Any]


class LogStream:
    """Lines to standard error."""

    def write(self, data: bytes) -> None:
        """Write all of ``data``.

        Raises:
            OSError: it cannot be written.
        """
        _write_all(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, data)

    def reopen(self) -> None:
        """Nothing to open again."""

    def close(self) -> None:
        """Standard error stays open."""


class LogFile:
    """Lines to a file that is rotated by size: ``NAME.1`` is the newest of the older ones.

    Args:
        path: the file; added to where it exists.
        bytes_max: size at which a new one is begun; 0 for never.
        files: older ones that are kept.

    Raises:
        UnavailableError: ``FILE_UNWRITABLE``.
    """

    def __init__(self, path: Path, bytes_max: int, files: int) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._files = files
        self._descriptor = -1
        self._size = 0
        try:
            self._open()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnavailableError(Code.FILE_UNWRITABLE, path=str(path), reason=reason) from None

    def write(self, data: bytes) -> None:
        """Write all of ``data``, into a new file where the present one would grow too large.

        Raises:
            OSError: it cannot be written.
        """
        if self._descriptor < 0:
            self._open()
        if self._bytes_max and self._size and self._size + len(data) > self._bytes_max:
            self._rotate()
        _write_all(self._descriptor, data)
        self._size += len(data)

    def reopen(self) -> None:
        """Open the path again: another program has moved the file away."""
        self.close()
        self._open()

    def close(self) -> None:
        """Close the file; writing opens it again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        self._size = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        """Move each file on by one; the oldest goes."""
        self.close()
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._files + 1))]
        if self._files:
            for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
                with contextlib.suppress(FileNotFoundError):
                    newer.replace(older)
        else:
            self._path.unlink(missing_ok=True)
        self._open()


class LogWriter:
    """See the module; :meth:`start` it once.

    Args:
        target: where lines go.
        render: a line, without its end, for an entry; must not raise.
        clock: seconds since 1970, for the line about dropped ones.
        entries_max: entries that wait, at most.
    """

    def __init__(
        self,
        target: LogFile | LogStream,
        render: Callable[[Entry], str],
        clock: Callable[[], float] = time.time,
        entries_max: int = QUEUE_ENTRIES_MAX,
    ) -> None:
        self._target = target
        self._render = render
        self._clock = clock
        self._entries_max = entries_max
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._dropped = 0
        self._told = 0
        self._reopen = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the start."""
        return self._dropped

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Queue an entry, or drop it where the queue is full. Any thread; never waits."""
        if self._queue.qsize() >= self._entries_max:
            self._drop(1)
        else:
            self._queue.put(entry)

    def reopen(self) -> None:
        """Let the thread open the file again before it writes the next line."""
        self._reopen.set()
        self._queue.put({})

    def close(self) -> None:
        """Write what is queued, for a moment at most, and end. Closing twice is allowed."""
        if self._closing:
            return
        self._closing = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_S_MAX)
        if not self._thread.is_alive():
            self._target.close()  # a thread that hangs in a write keeps the file: it is a daemon, and the end is near

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count

    def _run(self) -> None:
        ended = False
        while not ended:
            entries: list[Entry] = []
            entry = self._queue.get()
            while True:
                if entry is None:
                    ended = True
                elif entry:
                    entries.append(entry)
                if ended or len(entries) >= _BATCH_MAX or self._queue.empty():
                    break
                entry = self._queue.get()
            self._write(entries)

    def _write(self, entries: list[Entry]) -> None:
        dropped = self._dropped
        if dropped > self._told:
            lost = {"time": self._clock(), "level": "warning", "logger": "govchain.log", "event": "lines were dropped"}
            entries.insert(0, {**lost, "lines": dropped - self._told})
        try:
            if self._reopen.is_set():
                self._reopen.clear()
                self._target.reopen()
            if entries:
                self._target.write(
                    "".join([self._render(entry) + "\n" for entry in entries]).encode("utf-8", "replace")
                )
            self._told = dropped
        except OSError:
            # A full or failing disk: these lines are lost, and the next that can be written says so.
            self._drop(len(entries) - (dropped > self._told))
            if not self._closing:
                time.sleep(_PAUSE_S)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            time.sleep(_PAUSE_S)  # a terminal that another program made non-blocking
