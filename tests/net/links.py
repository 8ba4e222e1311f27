"""A network whose nodes reach each other through proxies: what their member files declare is where the proxies are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFolder, NodeEntry, free_ports
from govchain.ops.net.processes import find_process
from govchain.sdk.transactions import now_ms
from govchain.services.configurations import settings_file
from govchain.storage import DirectoryLayout
from tests.net.kit import Net
from tests.net.proxy import Links


@dataclass
class LinkedNet(Net):
    """A network with its ways."""

    links: Links | None = None


def processes_of(folder: NetworkFolder, node: NodeEntry) -> list[int]:
    """The node's process and those that it started: its engine."""
    process = find_process(folder.node(node.name))
    if process is None:
        return []
    pids = [process.pid]
    for tasks in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            pids += map(int, tasks.read_text("ascii").split())
    return pids


@contextlib.contextmanager
def linked_network(path: Path, engine: str, **more) -> Iterator[LinkedNet]:
    """A network that runs, all its ways clear; stopped, whatever happens."""
    folder = NetworkFolder(path)
    file = create_network(path, NetworkPlan(now=now_ms(), engine=engine, **more))
    taken = [port for node in file.nodes for port in (node.api, node.peers, node.engine)]
    ports = free_ports(2 * len(file.nodes), taken)
    ways: dict[tuple[str, str], tuple[int, int]] = {}
    for node in file.nodes:
        peers, behind = next(ports), next(ports)
        ways[node.name, "peers"] = (node.peers, peers)
        ways[node.name, "engine"] = (node.engine, behind)
        settings = {"peers_listen": f"127.0.0.1:{peers}", "engine_listen": f"127.0.0.1:{behind}"}
        with DirectoryLayout(folder.node(node.name).data).settings.open("ab") as place:
            place.write(settings_file(settings))

    def processes() -> dict[str, list[int]]:
        return {node.name: processes_of(folder, node) for node in file.nodes}

    with Links(ways, processes) as links:
        net = LinkedNet(folder, file, links=links)
        try:
            net.start()
            yield net
        finally:
            net.stop()
