"""Archives of a node that serves: its part of the settings, and what is handed to ``services.archiving``.

Not here: what they do (``services.archiving``, ``storage.archives``, ``storage.pruning``).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

from govchain import __version__
from govchain.model import Code, UsageError
from govchain.node.opening import Node, system_clock
from govchain.node.settings import Settings
from govchain.services.archiving import Archiving, ArchivingOptions, checkpoint_floor
from govchain.services.indexing import IndexFollower
from govchain.storage import RocksStore
from govchain.storage.archives import ArchiveFacts
from govchain.storage.pruning import Pruned

__all__ = ["build_archiving", "peers_floor"]

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
        return {**checkpoint_floor(node.application), **own, **peers_floor(node)}

    archiving = Archiving(
        node.application,
        store,
        root,
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


def peers_floor(node: Node) -> Mapping[str, int]:
    """The height of the lowest of the other nodes that are connected, as they last said; nothing where there is none.

    A node that is away does not count: where it is away for longer than blocks are kept, it joins by a snapshot.
    """
    views = [] if node.network is None else node.network.status()
    heights = [view.height for view in views if view.status.connected]
    return {"peers": min(heights)} if heights else {}


def _say(done: ArchiveFacts | Pruned) -> None:
    if isinstance(done, Pruned):
        _log.info("blocks pruned: %d to %d", done.first, done.last)
    else:
        _log.info("archive made: %s, %d transactions", done.path.name, done.manifest.transactions)
