"""A network of real nodes for tests: made, started, hurt, looked at, and always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from govchain.model import Code, GovChainError
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry, load_network
from govchain.ops.net.looking import compare_nodes, look_at_nodes
from govchain.ops.net.processes import kill_node, start_nodes, stop_nodes
from govchain.sdk.http import HttpTransport, Timeouts
from govchain.sdk.transactions import now_ms
from govchain.signers import open_signer, passphrase_source
from tests.api.events_kit import Officer
from tests.node.kit import transaction_id

WAIT_S = 90


def wait_until(holds, what: str, timeout_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


@dataclass
class Net:
    """A network in a folder."""

    folder: NetworkFolder
    file: NetworkFile
    officers: dict[str, Officer] = field(default_factory=dict)

    @property
    def nodes(self) -> tuple[NodeEntry, ...]:
        return self.file.nodes

    def officer(self, node: NodeEntry, name: str = "department") -> Officer:
        """An account of the node's organisation."""
        key = f"{node.name}/{name}"
        if key not in self.officers:
            keys = self.folder.node(node.name).data / "keys"
            signer = open_signer(f"file:{keys / name}.pem", passphrase_source(keys))
            self.officers[key] = Officer(b"", self.file.chain, signer)
        return self.officers[key]

    def transport(self, node: NodeEntry, timeout_s: float = WAIT_S) -> HttpTransport:
        waits = Timeouts(connect_ms=2_000, read_ms=int(timeout_s * 1000), answer_ms=int(timeout_s * 1000))
        return HttpTransport(f"http://127.0.0.1:{node.api}", timeouts=waits, retries=0)

    def submit(self, node: NodeEntry, envelopes: list[bytes], *, timeout_s: float = 30) -> list[bytes]:
        """Submit and wait; the ids of those that were committed."""
        with self.transport(node) as transport:
            answers = transport.submit(envelopes, wait=True, timeout_ms=int(timeout_s * 1000))
        ids = [transaction_id(envelope) for envelope in envelopes]
        done = [id for id, answer in zip(ids, answers, strict=True) if answer.receipt is not None]
        told = {answer.code for answer in answers}
        assert told <= {Code.OK, Code.TIMED_OUT}, told
        return done

    def put(self, node: NodeEntry, count: int = 1, **more) -> list[bytes]:
        return self.submit(node, [self.officer(node).put() for _ in range(count)], **more)

    def height(self, node: NodeEntry) -> int:
        with self.transport(node) as transport:
            return transport.status().height

    def certified(self, node: NodeEntry) -> int:
        with self.transport(node) as transport:
            return transport.status().certified_height

    def has(self, node: NodeEntry, ids: list[bytes]) -> bool:
        with self.transport(node) as transport:
            return all(transport.receipt(id.hex()) is not None for id in ids)

    def start(self, *nodes: NodeEntry) -> None:
        start_nodes(self.folder, nodes or self.nodes)

    def stop(self, *nodes: NodeEntry) -> dict[str, bool]:
        return stop_nodes(self.folder, nodes or self.nodes)

    def kill(self, *nodes: NodeEntry, number: int = signal.SIGKILL) -> None:
        for node in nodes:
            kill_node(self.folder, node, number)

    def same_everywhere(self, *nodes: NodeEntry) -> int:
        """Every node has the same block at every height; the height."""
        found = compare_nodes(nodes or self.nodes, self.file.suite, timeout_s=WAIT_S)
        assert found.differing == ()
        return found.height

    def states(self) -> list[str]:
        return [look.state for look in look_at_nodes(self.folder, self.nodes)]

    def processes(self) -> list[str]:
        """What runs anywhere in the network's folder: the nodes, their engines."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(self.folder.path):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found


@contextlib.contextmanager
def network(path: Path, engine: str, validators: int = 0, **more):
    """A network that runs; stopped, whatever happens."""
    plan = NetworkPlan(now=now_ms(), engine=engine, validators=validators, **more)
    net = Net(NetworkFolder(path), create_network(path, plan))
    try:
        net.start()
        yield net
    finally:
        stop_nodes(net.folder, load_network(path).nodes, timeout_s=20)  # those, too, whose joining failed


class Load:
    """Submits to one node in a thread until it is ended; a context manager. ``acknowledged``: ids with receipts."""

    def __init__(self, net: Net, node: NodeEntry) -> None:
        self.acknowledged: list[bytes] = []
        self._net, self._node = net, node
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self.acknowledged += self._net.put(self._node, 5)
            except (GovChainError, AssertionError):
                self._end.wait(0.1)  # the node is away: nothing was acknowledged

    def wait_for(self, count: int) -> None:
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, f"{count} more transactions")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(WAIT_S)
