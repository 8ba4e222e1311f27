"""Archiving of a running node: on request and by schedule, on a thread of its own; and pruning what archives hold.

Purpose: each run writes the blocks that no archive holds yet into the folder that the settings name, and then, where
the node keeps only its newest blocks, prunes those before them that verified archives hold. Rules: the engine never
waits: writing reads the store, pruning takes the lock for one batch at a time. Nothing is pruned above the lowest of
the floors: the blocks that are kept, the replay window, blocks that have no certificate yet, in a network the newest
snapshot, and what else the node hands in (its index, nodes that are behind). The schedule counts from the newest
archive in the folder, so that restarts neither skip nor repeat one; after a failure it is tried again soon, and the
failure is said.
Not here: files and folders (``storage.archives``), pruning itself (``storage.pruning``), archives of a directory that
no node is using (``ops.archive``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from govchain.consensus.application import LedgerApplication
from govchain.crypto import get_suite
from govchain.model import Code, GovChainError
from govchain.model.wire import Genesis
from govchain.proof.genesis import fingerprint
from govchain.services.schedule import RunState, ScheduledRuns
from govchain.state import Store
from govchain.storage.archives import (
    ArchiveFacts,
    archived_up_to,
    list_archives,
    locked_archives,
    newest_archivable,
    write_archives,
)
from govchain.storage.blocks import BlockReader
from govchain.storage.pruning import Pruned, PruneLimit, prune_blocks, prune_limit, replay_floor, uncertified_floor
from govchain.storage.snapshots import snapshot_heights

__all__ = ["Archiving", "ArchivingOptions", "ArchivingState", "prune_floors"]


@dataclass(frozen=True, slots=True)
class ArchivingOptions:
    """How often, and how much the node keeps.

    Attributes:
        every_ms: from one scheduled run to the next; 0: on request only.
        retain: newest blocks that are never pruned; 0: none is ever pruned.
        retry_ms: wait after a run that failed.
        stop_s: how long stopping waits for what is under way to end.
    """

    every_ms: int = 0
    retain: int = 0
    retry_ms: int = 60_000
    stop_s: float = 30.0


@dataclass(frozen=True, slots=True)
class ArchivingState:
    """What is under way, what comes next and what was reached.

    Attributes:
        running: whether a run was asked for or is under way.
        run: how many runs were begun or asked for since the start.
        error: name of the code with which the last run failed, or empty.
        due: when the next scheduled run is due, ms since 1970; 0: never.
        archived: the highest block in an archive of the folder; 0: none is known.
        archived_at: when that file was made, ms since 1970; 0: none is known.
        pruned: the highest block that was pruned.
        limit: how far pruning might have gone in the last run, and which floor it was that said so.
    """

    running: bool = False
    run: int = 0
    error: str = ""
    due: int = 0
    archived: int = 0
    archived_at: int = 0
    pruned: int = 0
    limit: PruneLimit = field(default_factory=lambda: PruneLimit(0, ""))


def prune_floors(blocks: BlockReader, store: Store, genesis: Genesis, snapshots: Path, retain: int) -> dict[str, int]:
    """The floors that hold for every node, whether it runs or not.

    Blocks that are kept (at least one), the replay window, certificates; and in a network the newest snapshot that is
    really below ``snapshots``: a node that joins takes it and needs every block after it. Without one it needs them
    all, so that a node that makes none prunes none.
    """
    kept = blocks.tip() - max(1, retain)
    floors = {
        "retain": kept,
        "replay": replay_floor(blocks, store),
        "certificates": uncertified_floor(blocks, kept),
    }
    if genesis.rule != "solo":
        floors["snapshot"] = max(snapshot_heights(snapshots, get_suite(genesis.suite)), default=0)
    return floors


class Archiving:
    """See the module. :meth:`start` it once, :meth:`stop` it before the store closes; any thread may ask.

    Args:
        application: whose blocks are archived.
        store: its store, opened for writing.
        root: the folder of archives.
        snapshots: the folder of the node's snapshots.
        clock: ms since 1970.
        software: version of the program.
        options: how often, and how much is kept.
        floors: further floors by name, asked before each pruning: the highest block that nobody needs here any more.
        on_done: told of each file that was written, and of each pruning.
        on_problem: told of each failure: code and reason.
    """

    def __init__(
        self,
        application: LedgerApplication,
        store: Store,
        root: Path,
        snapshots: Path,
        clock: Callable[[], int],
        software: str,
        options: ArchivingOptions | None = None,
        floors: Callable[[], Mapping[str, int]] = dict,
        on_done: Callable[[ArchiveFacts | Pruned], None] = lambda done: None,
        on_problem: Callable[[Code, str], None] = lambda code, reason: None,
    ) -> None:
        """Remember the parts; nothing is written yet."""
        self._application = application
        self._store = store
        self._root = root
        self._snapshots = snapshots
        self._genesis = fingerprint(application.machine.genesis).hex()
        self._clock = clock
        self._software = software
        options = options or ArchivingOptions()
        self._retain = options.retain
        self._floors = floors
        self._on_done = on_done
        self._on_problem = on_problem
        self._reached = ArchivingState(pruned=application.blocks.pruned())
        self._runs = ScheduledRuns(
            "govchain-archives",
            self._run,
            clock,
            every_ms=options.every_ms,
            retry_ms=options.retry_ms,
            stop_s=options.stop_s,
            busy=Code.ARCHIVE_RUNNING,
            on_problem=on_problem,
        )

    def start(self) -> None:
        """Look at the folder, and start the thread."""
        self._look()
        self._runs.start(self._reached.archived_at)

    def stop(self) -> None:
        """End what is under way, and the thread. Stopping twice is allowed."""
        self._runs.stop()

    def request(self) -> ArchivingState:
        """Have a run made now; it goes on after the answer.

        Raises:
            RefusedError: ``ARCHIVE_RUNNING``. UnavailableError: ``NODE_STOPPING``.
        """
        return self._told(self._runs.request())

    def state(self) -> ArchivingState:
        """The state now."""
        return self._told(self._runs.state())

    def _told(self, now: RunState) -> ArchivingState:
        return replace(self._reached, running=now.running, run=now.run, error=now.error, due=now.due)

    def _run(self, scheduled: bool) -> None:
        """One run, asked for or scheduled alike."""
        del scheduled
        try:
            self._archive()
            if self._retain:
                self._prune()
        finally:
            self._look()

    def _archive(self) -> None:
        blocks = self._application.blocks
        if not newest_archivable(blocks):
            return
        genesis = self._application.machine.genesis
        for made in write_archives(
            self._root, blocks, genesis, created=self._clock(), software=self._software, pulse=self._runs.pulse
        ):
            self._on_done(made)

    def _prune(self) -> None:
        application = self._application
        genesis = application.machine.genesis
        floors = prune_floors(application.blocks, self._store, genesis, self._snapshots, self._retain)
        floors.update(self._floors())
        limit = prune_limit(floors)
        self._reached = replace(self._reached, limit=limit)
        if limit.height <= application.blocks.pruned():
            return
        with locked_archives(self._root):
            archives = [one.archive for one in list_archives(self._root) if one.archive is not None]
            pruned = prune_blocks(
                self._store,
                archives,
                limit.height,
                lock=application.lock,
                genesis=self._genesis,
                pulse=self._runs.pulse,
            )
        application.retention.pruned()
        if pruned.blocks:
            self._on_done(pruned)

    def _look(self) -> None:
        """What is in the folder and how far the store is pruned; a folder that cannot be read says nothing."""
        newest = None
        if self._root.is_dir():
            try:
                newest = archived_up_to(list_archives(self._root), self._genesis)
            except GovChainError as error:
                self._on_problem(error.code, error.text("en"))
        self._reached = replace(
            self._reached,
            archived=0 if newest is None else newest.manifest.last,
            archived_at=0 if newest is None else newest.manifest.created,
            pruned=self._application.blocks.pruned(),
        )
