"""Ending and beginning a node's part in consensus while it goes on following the chain.

Purpose: what ``govchain net consensus`` does: write the setting ``votes`` and have the running node read it.
Not here: what the engine does about it (``consensus.cometbft``).
"""

from __future__ import annotations

import signal
import time
from typing import Final

from govchain.model import Code, UnavailableError, UsageError
from govchain.node.settings import changed_settings, load_settings
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process, kill_node
from govchain.services.configurations import settings_file
from govchain.storage import DirectoryLayout

__all__ = ["set_voting"]

_LOOK_S: Final = 0.1


def set_voting(
    folder: NetworkFolder, network: NetworkFile, entry: NodeEntry, *, votes: bool, timeout_s: float = 30.0
) -> None:
    """Let the node vote or not, now and after a restart; waits until a running node does so.

    Raises:
        UsageError: the engine is etcd, whose members always take part.
        UnavailableError: ``NETWORK_NODE`` where a running node does not follow in time.
    """
    if network.engine != "cometbft":
        raise UsageError(Code.USAGE, reason=f"{network.engine}: its members always take part")
    layout = DirectoryLayout(folder.node(entry.name).data)
    values = changed_settings(load_settings(layout.settings, {}, {}))
    beside = layout.settings.with_name(f".{layout.settings.name}.partial")
    beside.write_bytes(settings_file({**values, "votes": votes}))
    beside.replace(layout.settings)
    if find_process(folder.node(entry.name)) is None:
        return
    kill_node(folder, entry, signal.SIGHUP)
    deadline = time.monotonic() + timeout_s
    while True:
        with probe(entry) as transport:
            if transport.network().votes == votes:
                return
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it does not read its settings")
        time.sleep(_LOOK_S)
