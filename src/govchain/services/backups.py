"""Backups of a running node: on request and by schedule, on a thread of their own.

Purpose: one backup at a time into the folder that the settings name; the oldest scheduled ones go when there are more
than are kept. Rules: the engine never waits: what is copied is a frozen copy of the store. The schedule counts from the
last scheduled backup that lies in the folder, so that restarts neither skip nor repeat one; after a failure it is tried
again soon, and the failure is said. Old ones that cannot be removed are said too, and make no backup a failure.
Stopping ends what is under way, and nothing of it is left.
Not here: the folder and its manifest (``storage.backups``), restoring (``ops.backup``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.sdk.backups import BACKUPS_LISTED_MAX, BackupFacts, BackupState
from govchain.storage.backup_checks import Backup
from govchain.storage.backups import list_backups, prune_backups

__all__ = ["BackupOptions", "Backups"]


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """How often and how many.

    Attributes:
        every_ms: from one scheduled backup to the next; 0: on request only.
        keep: scheduled backups that are kept.
        retry_ms: wait after a scheduled one that failed.
        stop_s: how long stopping waits for what is under way to end.
    """

    every_ms: int = 0
    keep: int = 7
    retry_ms: int = 60_000
    stop_s: float = 30.0


class Backups:
    """See the module. :meth:`start` it once, :meth:`stop` it before the store closes; any thread may ask.

    Args:
        make: makes a backup now: whether it is a scheduled one, and what to call again and again meanwhile.
        root: the folder of backups.
        genesis: fingerprint of the chain (hex).
        clock: ms since 1970.
        options: how often and how many.
        on_done: told of each backup that was made.
        on_problem: told of each failure: code and reason.
    """

    def __init__(
        self,
        make: Callable[[bool, Callable[[], None]], Backup],
        root: Path,
        genesis: str,
        clock: Callable[[], int],
        options: BackupOptions | None = None,
        on_done: Callable[[Backup], None] = lambda backup: None,
        on_problem: Callable[[Code, str], None] = lambda code, reason: None,
    ) -> None:
        """Remember the parts; nothing is made yet."""
        self._make = make
        self._root = root
        self._genesis = genesis
        self._clock = clock
        self._options = options or BackupOptions()
        self._on_done = on_done
        self._on_problem = on_problem
        self._changed = threading.Condition()
        self._asked = False
        self._running = False
        self._stopping = False
        self._run = 0
        self._error = ""
        self._due = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        if self._options.every_ms:
            self._due = self._first_due()
        self._thread = threading.Thread(target=self._work, name="govchain-backups", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what is under way, and the thread. Stopping twice is allowed."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._options.stop_s)

    def request(self) -> BackupState:
        """Have a backup made now; it goes on after the answer.

        Raises:
            RefusedError: ``BACKUP_RUNNING``. UnavailableError: ``NODE_STOPPING``, ``FILE_UNREADABLE`` of the folder.
        """
        with self._changed:
            if self._stopping:
                raise UnavailableError(Code.NODE_STOPPING)
            if self._asked or self._running:
                raise RefusedError(Code.BACKUP_RUNNING)
            # Listed before it begins, and while none can begin: who asked tells the new one from these.
            found = self._own()
            self._asked = True
            self._run += 1
            self._changed.notify_all()
            return self._state(found)

    def state(self) -> BackupState:
        """What is under way, what comes next and what there is.

        Raises:
            UnavailableError: ``FILE_UNREADABLE`` of the folder.
        """
        with self._changed:
            now = self._state([])
        # Listed afterwards: one that is under way no more is in the folder.
        return structs.replace(now, backups=_listed(self._own()))

    def _state(self, found: list[Backup]) -> BackupState:
        """The flags now, with these backups; the caller has the lock."""
        return BackupState(
            run=self._run,
            running=self._asked or self._running,
            error=self._error,
            due=self._due,
            backups=_listed(found),
        )

    # The thread

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._stopping or self._asked or self._overdue()):
                    self._changed.wait(self._wait_s())
                if self._stopping:
                    return
                scheduled = not self._asked
                self._run += scheduled
                self._asked, self._running = False, True
            error = self._make_one(scheduled)
            if scheduled and not error:
                self._prune()
            with self._changed:
                self._running = False
                self._error = error
                if scheduled:
                    now = self._clock()
                    self._due = now + (self._options.retry_ms if error else self._options.every_ms)

    def _make_one(self, scheduled: bool) -> str:
        """Make one; the name of the code of what failed, or nothing."""
        try:
            made = self._make(scheduled, self._pulse)
        except GovChainError as error:
            if not self._stopping:
                self._on_problem(error.code, error.text("en"))
            return error.code.name
        except Exception as error:  # noqa: BLE001 - a backup that fails must not end the schedule; it is told
            self._on_problem(Code.INTERNAL, type(error).__name__)
            return Code.INTERNAL.name
        self._on_done(made)
        return ""

    def _prune(self) -> None:
        """Remove the oldest scheduled ones. The new one is made, whatever comes of this: the next removes them."""
        try:
            prune_backups(self._root, self._genesis, self._options.keep)
        except GovChainError as error:
            self._on_problem(error.code, error.text("en"))
        except Exception as error:  # noqa: BLE001 - as of one that fails
            self._on_problem(Code.INTERNAL, type(error).__name__)

    def _pulse(self) -> None:
        if self._stopping:
            raise UnavailableError(Code.NODE_STOPPING)

    def _overdue(self) -> bool:
        if not self._due:
            return False
        now = self._clock()
        # A clock that was set back puts nothing off for longer than one period.
        self._due = min(self._due, now + self._options.every_ms)
        return now >= self._due

    def _wait_s(self) -> float | None:
        """Until the next is due; a clock that was set is noticed within a minute."""
        return min(max(self._due - self._clock(), 0) / 1000, 60.0) if self._due else None

    def _first_due(self) -> int:
        last = max((one.manifest.created for one in self._own() if one.manifest.kind == "scheduled"), default=0)
        now = self._clock()
        # A backup that seems to come from the future, since a clock was wrong, puts nothing off for longer.
        return max(min(last + self._options.every_ms, now + self._options.every_ms), now) if last else now

    def _own(self) -> list[Backup]:
        """This chain's backups, oldest first."""
        found = [one.backup for one in list_backups(self._root)]
        return [backup for backup in found if backup is not None and backup.manifest.genesis == self._genesis]


def _listed(found: list[Backup]) -> tuple[BackupFacts, ...]:
    """The newest of those, newest first."""
    return tuple(_facts(backup) for backup in reversed(found[-BACKUPS_LISTED_MAX:]))


def _facts(backup: Backup) -> BackupFacts:
    manifest = backup.manifest
    return BackupFacts(
        name=backup.path.name,
        height=manifest.height,
        identity=manifest.identity,
        created=manifest.created,
        kind=manifest.kind,
        software=manifest.software,
        size=manifest.size,
        digest=backup.digest,
    )
