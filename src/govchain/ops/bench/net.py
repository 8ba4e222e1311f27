"""``govchain bench net``: evidence through a network of real nodes on this machine, beside its engine alone.

Measured: transactions a second that every node has verified, executed and made durable, handed in at all nodes for a
while; latency from the planned moment to the durable receipt at half of that; what the network does when nothing is
handed in; the same bytes through the same engines with an application that does nothing, for the ratio.
Rules: real ``govchain up`` processes with their engines, loopback, one organisation each; every transaction is signed
before the clock starts and verified by every node; clients share the machine. The clock stops when the last block is
durable on the last node; afterwards every node must have the same blocks, with as many transactions as were handed in.
Not here: the network's processes (``ops.net``), one client (``api_client``), the reference (``net_reference``).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import psutil

from govchain.model import Code, UnavailableError
from govchain.ops.bench.api import ClientProcess
from govchain.ops.bench.api_client import Job, Result
from govchain.ops.bench.machine import bench_folder, describe_machine, quantiles
from govchain.ops.bench.net_reference import run_reference
from govchain.ops.bench.workload import BenchAccount, make_accounts, write_files
from govchain.ops.net.creating import NetworkPlan, create_network
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry
from govchain.ops.net.looking import differing_heights, look_at_nodes, probe
from govchain.ops.net.processes import find_process, start_nodes, stop_nodes
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import decode_header
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.sdk.http import HttpTransport
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout

__all__ = ["BARS", "NetBench", "run"]

#: What two cores should reach, clients included: transactions a second, ms, ratio to the engine alone, share of a core.
BARS: Final = {
    "cometbft_per_second": 2_500,
    "etcd_per_second": 4_000,
    "half_load_p95_ms": 1_500,
    "ratio_to_engine": 0.25,
    "idle_engine_blocks_per_second": 2,
    "idle_cores": 0.15,
}
_WARM_UP: Final = 400
#: Accounts of each organisation that sign in turn.
_ACCOUNTS: Final = 4
#: Envelopes of one request under half load, where each waits for its receipt.
_SMALL_BATCH: Final = 10
_WAIT_S: Final = 120.0
_LOOK_S: Final = 0.1
#: How long all nodes are stopped in the pause measurement.
_PAUSE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class NetBench:
    """What to measure.

    ``seconds`` of throughput; ``half_seconds`` of half load; ``idle`` and ``reference`` seconds, 0 for none; at most
    ``rate_max`` transactions are signed for each second; ``batch`` envelopes of one request; ``connections`` of each
    client, one client for each node. ``pause``: stop all nodes for a while at the end.
    """

    engine: Literal["cometbft", "etcd"] = "cometbft"
    validators: int = 0
    seconds: int = 60
    half_seconds: int = 20
    idle_seconds: int = 30
    reference_seconds: int = 15
    rate_max: int = 5_000
    batch: int = 100
    connections: int = 2
    envelope_bytes: int = 1024
    pause: bool = False


def run(
    options: NetBench | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Measure in a new network below ``folder`` (default: a temporary one, removed afterwards)."""
    with bench_folder(folder) as base:
        return _Run(options or NetBench(), base, progress or (lambda done, total: None)).run()


class _Run:
    def __init__(self, options: NetBench, base: Path, progress: Callable[[int, int], None]) -> None:
        self._options = options
        self._base = base
        self._progress = progress
        self._steps = 6
        self._done = 0
        self._network: NetworkFile
        self._folder = NetworkFolder(base / "net")
        self._accounts: list[BenchAccount] = []

    def run(self) -> dict[str, object]:
        options = self._options
        load = os.getloadavg()[0]
        self._create()
        self._step()
        nodes = self._network.present
        try:
            start_nodes(self._folder, nodes)
            self._register()
            self._drive(self._jobs(_WARM_UP, batch=_SMALL_BATCH, wait=True))
            self._step()
            idle = self._idle() if options.idle_seconds else None
            self._step()
            full = self._throughput()
            self._step()
            half = self._half_load(full["transactions_per_second"] / 2) if options.half_seconds else None
            self._step()
            pause = self._pause() if options.pause else None
            same = self._same()
        finally:
            stop_nodes(self._folder, nodes)
        reference = self._reference() if options.engine == "cometbft" and options.reference_seconds else None
        self._step()
        return {
            "machine": {**describe_machine(), "load_before": round(load, 2)},
            "workload": {
                **{name: getattr(options, name) for name in options.__slots__},
                "validators": len(nodes),
                "durable": True,
                "signatures_verified": "by every node",
            },
            "throughput": full,
            "half_load": half,
            "idle": idle,
            "pause": pause,
            "engine_alone": reference,
            "ratio": self._ratios(full, half, idle, reference),
            "read_back": same,
        }

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, self._steps)

    def _ratios(self, full: dict[str, Any], half: Any, idle: Any, reference: Any) -> dict[str, float]:
        """Figures over their bars, and over the engine alone."""
        found = {
            "throughput_to_bar": full["transactions_per_second"] / BARS[f"{self._options.engine}_per_second"],
        }
        if half is not None:
            found["half_load_p95_to_bar"] = half["latency_ms"]["p95"] / BARS["half_load_p95_ms"]
        if idle is not None:
            found["idle_cores_to_bar"] = idle["cores"] / BARS["idle_cores"]
            found["idle_engine_blocks_to_bar"] = (
                idle["engine_blocks_per_second"] / BARS["idle_engine_blocks_per_second"]
            )
        if reference is not None:
            found["to_engine_alone"] = full["bytes_per_second"] / reference["bytes_per_second"]
            found["to_engine_alone_to_bar"] = found["to_engine_alone"] / BARS["ratio_to_engine"]
        return {name: round(value, 3) for name, value in found.items()}

    def _create(self) -> None:
        options = self._options
        settings: dict[str, str | int | bool] = {
            "reads": "open",
            "rate_address": 0,
            "rate_session": 0,
            "envelopes_max": max(1_000, options.batch),
        }
        plan = NetworkPlan(
            now=time.time_ns() // 1_000_000,
            engine=options.engine,
            validators=options.validators,
            settings=settings,
        )
        self._network = create_network(self._base / "net", plan)

    def _register(self) -> None:
        """Accounts for the load: each organisation's operator registers some of its own."""
        trust = TrustAnchors((fingerprint(decode_genesis(self._folder.genesis.read_bytes())).hex(),))
        chain = self._network.chain
        for node in self._network.present:
            keys = DirectoryLayout(self._folder.node(node.name).data).keys
            accounts, entries = make_accounts(_ACCOUNTS, chain, node.organisation)
            with (
                contextlib.closing(open_key_file(keys / "operator.pem", passphrase_source(keys))) as signer,
                HttpTransport(node.url) as transport,
            ):
                client = Client(transport, trust=trust, signer=signer)
                for entry in entries:
                    key = bytes.fromhex(entry.key)
                    client.register(algorithm=entry.algorithm, key=key, label=entry.label, roles=entry.roles)
            self._accounts += accounts

    # -- load ----------------------------------------------------------------------------------------------------

    def _jobs(self, count: int, *, batch: int, wait: bool, rate: float = 0, seconds: float = 0) -> list[Job]:
        """Signed transactions and the jobs that hand them in, one client process for each node."""
        nodes = self._network.present
        files = write_files(
            self._base, self._network.chain, self._accounts, count, self._options.envelope_bytes, processes=len(nodes)
        )
        return [
            Job(
                kind="submit",
                host="127.0.0.1",
                port=node.api,
                connections=self._options.connections if not wait else 16,
                files=[str(file)],
                batch=batch,
                wait=wait,
                rate=rate / batch / len(files),
                seconds=seconds,
            )
            for node, file in zip(nodes, files, strict=True)
        ]

    def _drive(self, jobs: Sequence[Job]) -> tuple[float, list[Result], float]:
        """Let the clients go together; seconds until the last transaction is durable on every node, results, heights.

        Raises:
            UnavailableError: a request failed, or a client did.
        """
        clients = [ClientProcess(job) for job in jobs]
        try:
            for client in clients:
                client.ready()
            start = time.perf_counter()
            for client in clients:
                client.go()
            results = [client.result() for client in clients]
            handed_in_s = time.perf_counter() - start
            self._until_durable()
            seconds = time.perf_counter() - start
        finally:
            for client in clients:
                client.close()
            for job in jobs:
                for name in job.files:
                    Path(name).unlink(missing_ok=True)
        failed = sum(result.failed for result in results)
        if failed:
            reason = next(result.first_failure for result in results if result.first_failure)
            raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason=f"{failed} requests failed: {reason}")
        return seconds, results, handed_in_s

    def _until_durable(self) -> None:
        """Until every node's pool is empty and all have the same height: what was received is in a block everywhere."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            looks = [self._chain(node) for node in self._network.present]
            if not any(pool for _, pool in looks) and len({height for height, _ in looks}) == 1:
                return
            if time.monotonic() > deadline:
                raise UnavailableError(Code.TIMED_OUT, seconds=_WAIT_S)
            time.sleep(_LOOK_S)

    def _chain(self, node: NodeEntry) -> tuple[int, int]:
        """A node's height and pool."""
        with probe(node) as transport:
            status = transport.status()
            return status.height, status.pool_transactions

    def _height(self) -> int:
        return self._chain(self._network.present[0])[0]

    def _blocks(self, first: int, last: int) -> Iterator[Any]:
        """The headers from ``first`` to ``last``, of node 0."""
        with probe(self._network.present[0]) as transport:
            while first <= last:
                found = transport.headers(first, last).blocks
                yield from (decode_header(record.header) for record in found)
                first += len(found)

    def _throughput(self) -> dict[str, Any]:
        """As fast as the nodes take it, for as long as it says; the clock stops when all have all."""
        options = self._options
        jobs = self._jobs(options.rate_max * options.seconds, batch=options.batch, wait=False, seconds=options.seconds)
        before = self._height()
        with _Costs(self._folder, self._network.present) as costs:
            seconds, results, handed_in_s = self._drive(jobs)
        headers = list(self._blocks(before + 1, self._height()))
        count = sum(header.transaction_count for header in headers)
        handed_in = sum(result.requests for result in results) * options.batch
        # Only the last request of each client may hold fewer than a batch.
        if not handed_in - len(jobs) * options.batch < count <= handed_in:
            raise UnavailableError(Code.STORE_CORRUPT, reason=f"{count} of {handed_in} transactions")
        gaps = [later.time - earlier.time for earlier, later in itertools.pairwise(headers)]
        return {
            "transactions": count,
            "handed_in": handed_in,
            "handed_in_seconds": round(handed_in_s, 2),
            "seconds": round(seconds, 2),
            "transactions_per_second": round(count / seconds),
            "bytes_per_second": round(count * options.envelope_bytes / seconds),
            "blocks": len(headers),
            "transactions_per_block": round(count / len(headers)),
            "block_interval_ms": quantiles(gaps),
            "sent_again": sum(result.again for result in results),
            "answer_ms": quantiles([one for result in results for one in result.latencies_ms]),
            "client_cores": round(sum(result.processor_s for result in results) / seconds, 2),
            **costs.told(seconds, count),
        }

    def _half_load(self, rate: float) -> dict[str, Any]:
        """Small batches by the clock, each answered once durable; latency from the planned moment."""
        count = round(rate * self._options.half_seconds)
        jobs = self._jobs(count, batch=_SMALL_BATCH, wait=True, rate=rate)
        seconds, results, _ = self._drive(jobs)
        standing = [look.network for look in self._looks() if look.network is not None]
        lag = [one.height - one.certified_height for one in standing]
        return {
            "planned_per_second": round(rate),
            "transactions_per_second": round(count / seconds),
            "latency_ms": quantiles([one for result in results for one in result.latencies_ms]),
            "certificate_lag_blocks": max(lag, default=0),
        }

    def _looks(self) -> list[Any]:
        return look_at_nodes(self._folder, self._network.present)

    def _engine_height(self) -> int:
        return max((look.network.engine_height for look in self._looks() if look.network is not None), default=0)

    def _idle(self) -> dict[str, Any]:
        """Nothing is handed in: what the engines and nodes do all the same."""
        height, engine = self._height(), self._engine_height()
        with _Costs(self._folder, self._network.present) as costs:
            start = time.perf_counter()
            time.sleep(self._options.idle_seconds)
            seconds = time.perf_counter() - start
        told = costs.told(seconds, 0)
        return {
            "seconds": round(seconds, 1),
            "engine_blocks_per_second": round((self._engine_height() - engine) / seconds, 2),
            "ledger_blocks": self._height() - height,
            "cores": round(told["node_cores"] + told["engine_cores"], 3),
            **told,
        }

    def _pause(self) -> dict[str, Any]:
        """All nodes and engines stand still for a while; what is handed in afterwards commits, its times in order."""
        stopped = [pid for node in self._network.present for pid in _pids(self._folder, node)]
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(_PAUSE_S)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        before = self._height()
        start = time.perf_counter()
        self._drive(self._jobs(_WARM_UP, batch=_SMALL_BATCH, wait=True))
        seconds = time.perf_counter() - start
        times = [header.time for header in self._blocks(max(1, before), self._height())]
        if times != sorted(set(times)):
            raise UnavailableError(Code.STORE_CORRUPT, reason="block times out of order")
        return {"paused_seconds": _PAUSE_S, "committed": _WARM_UP, "seconds": round(seconds, 2), "times_in_order": True}

    def _same(self) -> str:
        """Every node has the same block at every height.

        Raises:
            UnavailableError: ``STORE_CORRUPT``.
        """
        height = self._height()
        differing = differing_heights(self._network.present, self._network.suite, height)
        if differing:
            raise UnavailableError(Code.STORE_CORRUPT, reason=f"nodes differ at height {differing[0]}")
        return f"{len(self._network.present)} nodes have the same {height} blocks"

    def _reference(self) -> dict[str, Any]:
        """The same bytes through the same engines, with an application that does nothing."""
        place = self._base / "reference"
        place.mkdir()
        found = run_reference(
            place,
            validators=len(self._network.present),
            seconds=self._options.reference_seconds,
            transaction_bytes=self._options.envelope_bytes,
        )
        return {
            "transactions_per_second": round(found.transactions_per_s),
            "bytes_per_second": round(found.bytes_per_s),
            "block_interval_ms": round(found.interval_ms, 1),
            "engine_cores": round(found.engine_cores, 2),
            "application_cores": round(found.application_cores, 2),
            "engine_memory_mib": round(found.engine_memory_bytes / 2**20),
        }


def _pids(folder: NetworkFolder, node: NodeEntry) -> list[int]:
    """A node's process and those below it."""
    found = find_process(folder.node(node.name))
    if found is None:
        return []
    with contextlib.suppress(psutil.Error):
        return [found.pid, *(child.pid for child in psutil.Process(found.pid).children(recursive=True))]
    return [found.pid]


class _Costs:
    """Processor time and memory of all nodes and of all engines, while a block of code runs."""

    def __init__(self, folder: NetworkFolder, nodes: Sequence[NodeEntry]) -> None:
        self._places = [_pids(folder, node) for node in nodes]
        self._before = (0.0, 0.0)
        self._spent = (0.0, 0.0)

    def __enter__(self) -> Self:
        self._before = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        now = self._read()
        self._spent = (now[0] - self._before[0], now[1] - self._before[1])

    def _read(self) -> tuple[float, float]:
        nodes = [place[0] for place in self._places if place]
        engines = [pid for place in self._places for pid in place[1:]]
        return sum(map(_processor_s, nodes)), sum(map(_processor_s, engines))

    def told(self, seconds: float, count: int) -> dict[str, Any]:
        """Cores in use, memory of the largest, and microseconds of a node for each transaction."""
        nodes = [place[0] for place in self._places if place]
        engines = [pid for place in self._places for pid in place[1:]]
        told = {
            "node_cores": round(self._spent[0] / seconds, 3),
            "engine_cores": round(self._spent[1] / seconds, 3),
            "node_memory_mib": round(max(map(_memory, nodes), default=0) / 2**20),
            "engine_memory_mib": round(max(map(_memory, engines), default=0) / 2**20),
        }
        if count:
            told["node_us_per_transaction"] = round(self._spent[0] / len(nodes) / count * 1e6, 1)
            told["engine_us_per_transaction"] = round(self._spent[1] / len(nodes) / count * 1e6, 1)
        return told


def _processor_s(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def _memory(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss)
    return 0.0
