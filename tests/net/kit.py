"""A network of real nodes for tests: made, started, hurt, looked at, and always stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from govchain.model import Code
from govchain.model.wire import Genesis
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry, load_network
from govchain.ops.net.looking import compare_nodes, look_at_nodes
from govchain.ops.net.processes import RunningProcess, find_process, kill_node, start_nodes, stop_nodes
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk.http import HttpTransport, Timeouts
from govchain.sdk.transactions import now_ms
from govchain.signers import open_signer, passphrase_source
from tests.api.events_kit import Officer
from tests.node.kit import transaction_id

WAIT_S = 90


def wait_until(holds: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Look until it holds; ``what`` says what did not come about."""
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
        """All, those included that were voted out."""
        return self.file.nodes

    @property
    def present(self) -> tuple[NodeEntry, ...]:
        """Those that were not voted out."""
        return self.file.present

    @cached_property
    def genesis(self) -> Genesis:
        """The chain's."""
        return decode_genesis(self.folder.genesis.read_bytes())

    @property
    def trust(self) -> TrustAnchors:
        """What a user trusts who was given the genesis and nothing else."""
        return TrustAnchors(genesis=(fingerprint(self.genesis).hex(),))

    def officer(self, node: NodeEntry, name: str = "department") -> Officer:
        """An account of the node's organisation."""
        key = f"{node.name}/{name}"
        if key not in self.officers:
            keys = self.folder.node(node.name).accounts
            signer = open_signer(f"file:{keys / name}.pem", passphrase_source(keys))
            self.officers[key] = Officer(b"", self.file.chain, signer)
        return self.officers[key]

    def transport(self, node: NodeEntry, timeout_s: float = WAIT_S, *, retries: int = 0) -> HttpTransport:
        """The SDK's way to the node; by default it says at once that the node is away."""
        waits = Timeouts(connect_ms=2_000, read_ms=int(timeout_s * 1000), answer_ms=int(timeout_s * 1000))
        return HttpTransport(f"http://127.0.0.1:{node.api}", timeouts=waits, retries=retries)

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

    def engine_pid(self, node: NodeEntry) -> int | None:
        """The node's engine, where it runs: the process that works in the engine's home."""
        home = self.folder.node(node.name).data / "engine"
        return next((pid for pid, place, _ in running_processes() if place.is_relative_to(home)), None)

    def kill_engine(self, node: NodeEntry, number: int = signal.SIGKILL) -> int:
        """Send the node's engine a signal, and the node none; the engine's process id."""
        pid = self.engine_pid(node)
        assert pid is not None, f"{node.name} has no engine"
        os.kill(pid, number)
        return pid

    @contextlib.contextmanager
    def frozen(self, *nodes: NodeEntry) -> Iterator[None]:
        """Neither these nodes nor their engines run (SIGSTOP), though the system keeps their connections."""
        held: list[tuple[NodeEntry, RunningProcess, int | None]] = []
        try:
            for node in nodes:
                process = kill_node(self.folder, node, signal.SIGSTOP)
                held.append((node, process, self.engine_pid(node)))
                if held[-1][2] is not None:
                    os.kill(held[-1][2], signal.SIGSTOP)
            yield
        finally:
            for node, process, engine in held:
                if engine is not None and self.engine_pid(node) == engine:
                    os.kill(engine, signal.SIGCONT)
                if find_process(self.folder.node(node.name)) == process:
                    os.kill(process.pid, signal.SIGCONT)

    def healthy(self) -> None:
        """Start what does not run, and show that every node takes part: each is ready and gives a receipt."""
        self.start(*self.present)
        wait_until(
            lambda: {look.state for look in look_at_nodes(self.folder, self.present)} == {"ready"},
            "every node is ready",
        )
        for node in self.present:
            assert self.put(node, 1), f"{node.name} gives no receipt"
        self.same_everywhere(*self.present)

    def grows(self, *nodes: NodeEntry, blocks: int = 1, timeout_s: float = WAIT_S) -> None:
        """Wait for so many new blocks at each of the nodes."""
        wanted = {node: self.height(node) + blocks for node in nodes}
        for node, height in wanted.items():
            wait_until(lambda node=node, height=height: self.height(node) >= height, f"{node.name} grows", timeout_s)

    def said(self, node: NodeEntry) -> str:
        """The node's log, and what its process printed."""
        place = self.folder.node(node.name)
        return "".join(file.read_text("utf-8", "replace") for file in (place.log, place.output) if file.exists())

    def same_everywhere(self, *nodes: NodeEntry) -> int:
        """Every node has the same block at every height; the height."""
        found = compare_nodes(nodes or self.nodes, self.file.suite, timeout_s=WAIT_S)
        assert found.differing == ()
        return found.height

    def states(self) -> list[str]:
        return [look.state for look in look_at_nodes(self.folder, self.nodes)]

    def processes(self) -> list[str]:
        """What runs anywhere in the network's folder: the nodes, their engines."""
        return [line for _, place, line in running_processes() if place.is_relative_to(self.folder.path)]


def running_processes() -> Iterator[tuple[int, Path, str]]:
    """Each process that may be looked at: its id, the folder that it works in, its command line."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                place = Path(os.readlink(entry / "cwd"))
                yield int(entry.name), place, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()


@contextlib.contextmanager
def network(path: Path, engine: str, validators: int = 0, **more) -> Iterator[Net]:
    """A network that runs; stopped, whatever happens. ``more`` are fields of the plan (limits, settings)."""
    plan = NetworkPlan(now=now_ms(), engine=engine, validators=validators, **more)
    net = Net(NetworkFolder(path), create_network(path, plan))
    try:
        net.start()
        yield net
    finally:
        stop_nodes(net.folder, load_network(path).nodes, timeout_s=20)  # those, too, whose joining failed
