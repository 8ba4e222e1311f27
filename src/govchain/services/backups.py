"""Backups of a running node: on request and by schedule, on a thread of their own.

Purpose: one backup at a time into the folder that the settings name; the oldest scheduled ones go when there are more
than are kept. Rules: the engine never waits: what is copied is a frozen copy of the store. The schedule counts from the
last scheduled backup that lies in the folder, so that restarts neither skip nor repeat one; after a failure it is tried
again soon, and the failure is said. Old ones that cannot be removed are said too, and make no backup a failure.
Stopping ends what is under way, and nothing of it is left.
Not here: the folder and its manifest (``storage.backups``), restoring (``ops.backup``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from govchain.model import Code, GovChainError
from govchain.sdk.backups import BACKUPS_LISTED_MAX, BackupFacts, BackupState
from govchain.services.schedule import RunState, ScheduledRuns
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
        options = options or BackupOptions()
        self._keep = options.keep
        self._on_done = on_done
        self._on_problem = on_problem
        self._runs = ScheduledRuns(
            "govchain-backups",
            self._one,
            clock,
            every_ms=options.every_ms,
            retry_ms=options.retry_ms,
            stop_s=options.stop_s,
            busy=Code.BACKUP_RUNNING,
            on_problem=on_problem,
        )

    def start(self) -> None:
        """Start the thread."""
        scheduled = (one.manifest.created for one in self._own() if one.manifest.kind == "scheduled")
        self._runs.start(max(scheduled, default=0))

    def stop(self) -> None:
        """End what is under way, and the thread. Stopping twice is allowed."""
        self._runs.stop()

    def request(self) -> BackupState:
        """Have a backup made now; it goes on after the answer.

        Raises:
            RefusedError: ``BACKUP_RUNNING``. UnavailableError: ``NODE_STOPPING``, ``FILE_UNREADABLE`` of the folder.
        """
        found: list[Backup] = []
        # Listed before it begins, and while none can begin: who asked tells the new one from these.
        return _told(self._runs.request(lambda: found.extend(self._own())), found)

    def state(self) -> BackupState:
        """What is under way, what comes next and what there is.

        Raises:
            UnavailableError: ``FILE_UNREADABLE`` of the folder.
        """
        now = self._runs.state()
        # Listed afterwards: one that is under way no more is in the folder.
        return _told(now, self._own())

    def _one(self, scheduled: bool) -> None:
        """Make one; after a scheduled one the oldest go."""
        self._on_done(self._make(scheduled, self._runs.pulse))
        if scheduled:
            self._prune()

    def _prune(self) -> None:
        """Remove the oldest scheduled ones. The new one is made, whatever comes of this: the next removes them."""
        try:
            prune_backups(self._root, self._genesis, self._keep)
        except GovChainError as error:
            self._on_problem(error.code, error.text("en"))
        except Exception as error:  # noqa: BLE001 - as of one that fails
            self._on_problem(Code.INTERNAL, type(error).__name__)

    def _own(self) -> list[Backup]:
        """This chain's backups, oldest first."""
        found = [one.backup for one in list_backups(self._root)]
        return [backup for backup in found if backup is not None and backup.manifest.genesis == self._genesis]


def _told(now: RunState, found: list[Backup]) -> BackupState:
    """The state with these backups."""
    return BackupState(run=now.run, running=now.running, error=now.error, due=now.due, backups=_listed(found))


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
