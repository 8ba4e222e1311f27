"""Archives of a node that serves: its part of the settings, and what is handed to ``services.archiving``.

Not here: what they do (``services.archiving``, ``storage.archives``, ``storage.pruning``).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from govchain import __version__
from govchain.ledger.governing import current_members
from govchain.model import Code, UsageError
from govchain.node.opening import Node, system_clock
from govchain.node.settings import Settings
from govchain.services.archiving import Archiving, ArchivingOptions
from govchain.services.indexing import IndexFollower
from govchain.storage import RocksStore
from govchain.storage.archives import ArchiveFacts
from govchain.storage.pruning import Pruned

__all__ = ["build_archiving", "lowest_height", "peers_floor"]

_log = logging.getLogger("govchain.node.archives")


def build_archiving(
    node: Node, settings: Settings, index: IndexFollower | None, stack: contextlib.ExitStack
) -> Archiving | None:
    """The archiving of an open node, its schedule running; ``stack`` ends it. None without ``archive_to``.

    Raises:
        UsageError: ``retain`` without a folder, or a folder inside the data directory.
    """
    folder, retain = settings.text("archive_to"), settings.integer("retain")
    if not folder:
        if retain:
            raise UsageError(Code.USAGE, reason="retain needs archive_to")
        return None
    root = Path(folder)
    if root.resolve().is_relative_to(node.directory.path.resolve()):
        raise UsageError(Code.USAGE, reason="archive_to lies inside the data directory")
    store = node.store
    if not isinstance(store, RocksStore):
        return None  # a node that only reads writes nothing elsewhere either

    def floors() -> Mapping[str, int]:
        own = {} if index is None else {"index": index.status().indexed_height}
        return {**own, **peers_floor(node, settings.integer("prune_behind_max"))}

    archiving = Archiving(
        node.application,
        store,
        root,
        node.directory.snapshots,
        system_clock().wall,
        __version__,
        ArchivingOptions(every_ms=settings.integer("archive_every_min") * 60_000, retain=retain),
        floors,
        _say,
        lambda code, reason: _log.warning("archives: %s: %s", code.name, reason),
    )
    stack.callback(archiving.stop)
    archiving.start()
    return archiving


def peers_floor(node: Node, behind_max: int) -> Mapping[str, int]:
    """What the members that are connected still need of this node's blocks: :func:`lowest_height` of what they said."""
    if node.network is None:
        return {}
    application = node.application
    members = {facts.key for facts in current_members(node.machine, application.committed)}
    views = [view for view in node.network.status() if view.status.connected and view.status.key in members]
    return lowest_height([view.height for view in views], application.chain.height, behind_max)


def lowest_height(heights: Iterable[int], tip: int, behind_max: int) -> Mapping[str, int]:
    """The lowest of the heights that are at most ``behind_max`` blocks below ``tip``; nothing where there is none.

    A node that is away does not count, and one that is further behind neither: it joins by a snapshot, and what it says
    of itself keeps nobody from pruning.
    """
    near = [height for height in heights if tip - height <= behind_max]
    return {"peers": min(near)} if near else {}


def _say(done: ArchiveFacts | Pruned) -> None:
    if isinstance(done, Pruned):
        _log.info("blocks pruned: %d to %d", done.first, done.last)
    else:
        _log.info("archive made: %s, %d transactions", done.path.name, done.manifest.transactions)
