"""Backups of a node that serves: its part of the settings, and what is handed to ``services.backups``.

Not here: what they do (``services.backups``, ``storage.backups``).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from govchain import __version__
from govchain.model import Code, UsageError
from govchain.node.opening import Node, system_clock
from govchain.node.settings import Settings
from govchain.proof.genesis import fingerprint
from govchain.services.backups import BackupOptions, Backups
from govchain.storage import RocksStore
from govchain.storage.backup_checks import Backup
from govchain.storage.backups import check_outside, write_backup

__all__ = ["build_backups"]

_log = logging.getLogger("govchain.node.backups")


def build_backups(node: Node, settings: Settings, stack: contextlib.ExitStack) -> Backups | None:
    """The backups of an open node, their schedule running; ``stack`` ends them. None without ``backup_dir``.

    Raises:
        UsageError: a schedule without a folder, or a folder inside the data directory.
    """
    folder, every = settings.text("backup_dir"), settings.integer("backup_every_min")
    if not folder:
        if every:
            raise UsageError(Code.USAGE, reason="backup_every_min needs backup_dir")
        return None
    root = Path(folder)
    check_outside(root, node.directory.path)
    store = node.store
    if not isinstance(store, RocksStore):
        return None  # a node that only reads writes nothing elsewhere either
    clock = system_clock().wall

    def make(scheduled: bool, pulse: Callable[[], None]) -> Backup:
        return write_backup(
            root, node.directory, store, created=clock(), software=__version__, scheduled=scheduled, pulse=pulse
        )

    backups = Backups(
        make,
        root,
        fingerprint(node.genesis).hex(),
        clock,
        BackupOptions(every_ms=every * 60_000, keep=settings.integer("backup_keep")),
        lambda made: _log.info("backup made: %s, height %d", made.path.name, made.manifest.height),
        lambda code, reason: _log.warning("backups: %s: %s", code.name, reason),
    )
    stack.callback(backups.stop)
    backups.start()
    return backups
