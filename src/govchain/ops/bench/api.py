"""``govchain bench api``: HTTP clients in processes of their own against a running ``govchain up``.

Measured: transactions a second, one for each request and in batches, until the last is durable; reads; latency from the
planned moment to the durable receipt at half of that load; what idle subscribers cost; how far the index falls behind
and how soon it is there; where the node's time goes. Rules: every transaction is signed before the clock starts, every
signature is verified by the node, every answer is looked at; clients and node share the machine. Afterwards the store
is opened again: each transaction that was acknowledged must be there, and none twice.
Not here: one client (``api_client``), the node's process (``api_node``), the profile (``sampler``).
"""

from __future__ import annotations

import itertools
import math
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from govchain.crypto import get_suite
from govchain.model import Code, UnavailableError
from govchain.model.decoders import json_decoder
from govchain.node.embedded import create_chain, open_embedded
from govchain.ops.bench.api_client import Job, Result
from govchain.ops.bench.api_node import NodeProcess
from govchain.ops.bench.machine import bench_folder, describe_machine, quantiles
from govchain.ops.bench.workload import BenchAccount, make_accounts, read_batches, write_files
from govchain.services.chains import ChainOptions, default_organisation

__all__ = ["BARS", "ApiBench", "ClientProcess", "idle_subscribers", "mixed", "run"]

#: What two cores should reach, clients included: transactions a second; ms; MiB for 1,000 subscribers.
BARS: Final = {"one_per_request": 3_000, "batches": 8_000, "half_load_p95_ms": 150, "subscribers_mib": 50}
#: Transactions before anything is measured: tables for the keys, caches, memory that a first request takes.
_WARM_UP: Final = 500
#: How often the index is asked how far it is, in seconds.
_LOOK_S: Final = 0.25
#: Longest wait for what should come by itself, in seconds.
_WAIT_S: Final = 120
#: Time that memory is given to settle before it is read, in seconds.
_SETTLE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ApiBench:
    """What to measure.

    ``transactions`` for each of the two throughput runs; ``batch`` envelopes of one request in the second; ``clients``
    processes with ``connections`` each; ``seconds`` of reads and of half load; ``subscribers`` that only listen.
    """

    transactions: int = 30_000
    batch: int = 100
    clients: int = 2
    connections: int = 64
    seconds: int = 10
    subscribers: int = 1_000
    envelope_bytes: int = 1024
    accounts: int = 16


def run(
    options: ApiBench | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Measure in a new chain below ``folder`` (default: a temporary one, removed afterwards)."""
    with bench_folder(folder) as base:
        return _Run(options or ApiBench(), base, progress or (lambda done, total: None)).run()


class _Run:
    def __init__(self, options: ApiBench, base: Path, progress: Callable[[int, int], None]) -> None:
        self._options = options
        self._base = base
        self._data = base / "data"
        self._progress = progress
        self._chain = f"bench-{secrets.token_hex(4)}"
        self._accounts: list[BenchAccount] = []
        self._settings = {
            "reads": "open",
            "log_file": str(base / "node.log"),
            "rate_address": "0",
            "rate_session": "0",
            "streams_per_session": str(max(16, options.subscribers)),
            "streams_max": str(options.subscribers + 16),
            "connections_max": str(options.subscribers + options.clients * options.connections + 64),
            "envelopes_max": str(max(1_000, options.batch)),
        }
        self._handed_in: list[Path] = []

    def run(self) -> dict[str, object]:
        options, steps = self._options, 7
        load = os.getloadavg()[0]
        self._create()
        self._progress(1, steps)
        with NodeProcess(self._data, self._settings) as node:
            self._drive(node, self._submit(node, _WARM_UP, batch=options.batch, wait=True))
            subscribers = idle_subscribers(node, options.subscribers)
            self._progress(2, steps)
            one = self._throughput(node, batch=1)
            self._progress(3, steps)
            batches = self._throughput(node, batch=options.batch)
            self._progress(4, steps)
            half = self._half_load(node, one["transactions_per_second"] / 2)
            self._progress(5, steps)
            reads = self._reads(node)
            memory = node.memory_bytes()
            stop_s = node.stop()
        self._progress(6, steps)
        profile = self._profile()
        read_back = self._read_back()
        self._progress(7, steps)
        return {
            "machine": {**describe_machine(), "load_before": round(load, 2)},
            "workload": {
                **{name: getattr(options, name) for name in options.__slots__},
                "durable": True,
                "signatures_verified": True,
            },
            "one_per_request": one,
            "batches": batches,
            "half_load": half,
            "reads": reads,
            "subscribers": subscribers,
            "ratio_to_bar": {
                "one_per_request": round(one["transactions_per_second"] / BARS["one_per_request"], 2),
                "batches": round(batches["transactions_per_second"] / BARS["batches"], 2),
                "half_load_p95": round(half["latency_ms"]["p95"] / BARS["half_load_p95_ms"], 2),
                "subscribers_mib": round(subscribers["mib_per_thousand"] / BARS["subscribers_mib"], 2),
            },
            "memory_mib": round(memory / 2**20),
            "stop_seconds": round(stop_s, 2),
            "profile": profile,
            "read_back": read_back,
        }

    def _create(self) -> None:
        """A chain whose genesis has the benchmark's accounts besides its own."""
        code, name = default_organisation()
        self._accounts, entries = make_accounts(self._options.accounts, self._chain, code)
        options = ChainOptions(
            now=time.time_ns() // 1_000_000,
            chain=self._chain,
            organisation=code,
            organisation_name=name,
            extra_accounts=entries,
        )
        create_chain(self._data, options)

    # -- load ----------------------------------------------------------------------------------------------------

    def _submit(self, node: NodeProcess, count: int, *, batch: int, wait: bool, rate: float = 0) -> list[Job]:
        """Signed transactions and the jobs that hand them in, one for each client process."""
        clients = self._options.clients
        files = write_files(
            self._base, self._chain, self._accounts, count, self._options.envelope_bytes, processes=clients
        )
        self._handed_in += files
        return [
            Job(
                kind="submit",
                host=node.host,
                port=node.port,
                connections=self._options.connections if batch == 1 else max(1, self._options.connections // 16),
                files=[str(file)],
                batch=batch,
                wait=wait,
                rate=rate / len(files),
            )
            for file in files
        ]

    def _drive(
        self, node: NodeProcess, jobs: Sequence[Job], until: Callable[[], None] = lambda: None
    ) -> tuple[float, list[Result], dict[str, float]]:
        """Start the clients, let them go together; seconds from then to the end of ``until``, results, costs.

        Raises:
            UnavailableError: a request failed, or a client did.
        """
        clients = [ClientProcess(job) for job in jobs]
        try:
            for client in clients:
                client.ready()
            before = node.processor_s()
            start = time.perf_counter()
            for client in clients:
                client.go()
            results = [client.result() for client in clients]
            until()
            seconds = time.perf_counter() - start
            spent = node.processor_s() - before
        finally:
            for client in clients:
                client.close()
        failed = sum(result.failed for result in results)
        if failed:
            reason = next(result.first_failure for result in results if result.first_failure)
            raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason=f"{failed} requests failed: {reason}")
        costs = {"node_s": spent, "clients_s": sum(result.processor_s for result in results)}
        return seconds, results, costs

    def _throughput(self, node: NodeProcess, *, batch: int) -> dict[str, Any]:
        """As fast as the node takes it; the clock stops when the last one is durable."""
        count = self._options.transactions
        jobs = self._submit(node, count, batch=batch, wait=False)
        before = node.ask("/v1/chain")["height"]
        with _IndexWatch(node) as index:
            seconds, results, costs = self._drive(node, jobs, lambda: _until_durable(node))
            height = node.ask("/v1/chain")["height"]
            behind_s = index.wait_for(height)
        return {
            "transactions": count,
            "seconds": round(seconds, 2),
            "transactions_per_second": round(count / seconds),
            "node_us_per_transaction": round(costs["node_s"] / count * 1e6, 1),
            "clients_us_per_transaction": round(costs["clients_s"] / count * 1e6, 1),
            "blocks": height - before,
            "sent_again": sum(result.again for result in results),
            "answer_ms": quantiles(_latencies(results)),
            "index_lag_blocks_max": index.lag_max,
            "index_catch_up_seconds": round(behind_s, 2),
        }

    def _half_load(self, node: NodeProcess, rate: float) -> dict[str, Any]:
        """Requests by the clock, each answered once it is durable; latency from the planned moment."""
        count = max(self._options.clients, round(rate * self._options.seconds))
        jobs = self._submit(node, count, batch=1, wait=True, rate=rate)
        with _IndexWatch(node) as index:
            seconds, results, _ = self._drive(node, jobs)
            lag = index.lag_max
        return {
            "planned_per_second": round(rate),
            "transactions_per_second": round(count / seconds),
            "latency_ms": quantiles(_latencies(results)),
            "index_lag_blocks_max": lag,
        }

    def _reads(self, node: NodeProcess) -> dict[str, Any]:
        """Chain, blocks, transactions, receipts, proofs, records and searches in turn."""
        height = node.ask("/v1/chain")["height"]
        suite = get_suite("gm")
        paths = ["/v1/chain", "/v1/transactions?limit=10"]
        for envelope in next(read_batches(self._handed_in[-1:], 200)):
            id_ = suite.digest(msgspec.msgpack.decode(envelope)[1]).hex()
            paths += [f"/v1/transactions/{id_}{part}" for part in ("", "/receipt", "/proof")]
            paths.append(f"/v1/evidence/{id_}")
        paths += [f"/v1/blocks/{max(1, height - place)}" for place in range(100)]
        job = Job(
            kind="read",
            host=node.host,
            port=node.port,
            connections=max(1, self._options.connections // 4),
            paths=mixed(paths),
            seconds=self._options.seconds,
        )
        seconds, results, costs = self._drive(node, [job] * self._options.clients)
        count = sum(result.requests for result in results)
        return {
            "requests": count,
            "requests_per_second": round(count / seconds),
            "node_us_per_request": round(costs["node_s"] / count * 1e6, 1),
            "answer_ms": quantiles(_latencies(results)),
        }

    def _profile(self) -> dict[str, object]:
        """The same two loads on a node that is looked at: slower by what looking costs, so no figure is taken."""
        found: dict[str, object] = {}
        count = max(_WARM_UP, self._options.transactions // 3)
        with NodeProcess(self._data, self._settings, sampled=True) as node:
            self._drive(node, self._submit(node, _WARM_UP, batch=self._options.batch, wait=True))
            for name, batch in (("one_per_request", 1), ("batches", self._options.batch)):
                jobs = self._submit(node, count, batch=batch, wait=False)
                node.begin_profile()
                self._drive(node, jobs, lambda: _until_durable(node))
                found[name] = node.end_profile()
            node.stop()
        return found

    def _read_back(self) -> str:
        """Open the store and find every transaction that was acknowledged, each once."""
        suite = get_suite("gm")
        count = 0
        node = open_embedded(self._data, read_only=True)
        try:
            for batch in read_batches(self._handed_in, 1_000):
                for envelope in batch:
                    if node.application.blocks.location(suite.digest(msgspec.msgpack.decode(envelope)[1])) is None:
                        raise UnavailableError(Code.STORE_CORRUPT, reason="an acknowledged transaction is missing")
                count += len(batch)
            blocks = node.application.blocks
            heights = range(1, node.application.chain.height + 1)
            held = sum(blocks.decoded_header(height).transaction_count for height in heights)
        finally:
            node.close()
        if held != count:
            raise UnavailableError(Code.STORE_CORRUPT, reason=f"{held} transactions in blocks, {count} handed in")
        return f"{count} of {count} found after reopening, each once"


def idle_subscribers(node: NodeProcess, count: int) -> dict[str, Any]:
    """Memory of the node before and while ``count`` subscribers wait for what never comes; MiB.

    Raises:
        UnavailableError: ``STREAMS_TOO_MANY`` when not all of them were taken.
    """
    time.sleep(_SETTLE_S)
    before, files = node.memory_bytes(), node.descriptors()
    paths = ["/v1/events/stream?type=nothing.of_this_kind"]
    client = ClientProcess(Job(kind="listen", host=node.host, port=node.port, connections=count, paths=paths))
    try:
        client.ready()
        time.sleep(_SETTLE_S)
        cost = node.memory_bytes() - before
        client.go()
        result = client.result()
    finally:
        client.close()
    if result.failed:
        raise UnavailableError(Code.STREAMS_TOO_MANY, count_max=result.requests)
    deadline = time.monotonic() + _WAIT_S
    while node.descriptors() > files and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return {
        "count": count,
        "mib": round(cost / 2**20, 1),
        "mib_per_thousand": round(cost / 2**20 * 1_000 / count, 1),
        "descriptors_left": node.descriptors() - files,
    }


class ClientProcess:
    """A client process."""

    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "govchain.ops.bench.api_client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._say(msgspec.json.encode(job))

    def _say(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> bytes:
        assert self._process.stdout is not None
        row = self._process.stdout.readline()
        if not row:
            raise UnavailableError(Code.NODE_UNREACHABLE, url="", reason="a client process ended")
        return row

    def ready(self) -> None:
        """Wait until it is connected and has read its files."""
        self._hear()

    def go(self) -> None:
        """Let it begin."""
        self._say(b"go")

    def result(self) -> Result:
        """Wait for its end."""
        return json_decoder(Result).decode(self._hear())

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.kill()
        self._process.communicate()


class _IndexWatch:
    """Asks now and then how many blocks the index is behind."""

    def __init__(self, node: NodeProcess) -> None:
        self._node = node
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.lag_max = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> int:
        answer = self._node.ask("/v1/transactions?limit=1")
        self.lag_max = max(self.lag_max, answer["height"] - answer["indexed_height"])
        return int(answer["indexed_height"])

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._look()

    def wait_for(self, height: int) -> float:
        """Seconds until the index has ``height``."""
        start = time.perf_counter()
        while self._look() < height:
            if time.perf_counter() - start > _WAIT_S:
                raise UnavailableError(Code.TIMED_OUT, seconds=_WAIT_S)
            time.sleep(_LOOK_S / 10)
        return time.perf_counter() - start


def _until_durable(node: NodeProcess) -> None:
    """Until the pool is empty: what was received is in a block on disk."""
    deadline = time.monotonic() + _WAIT_S
    while node.ask("/v1/chain")["pool_transactions"]:
        if time.monotonic() > deadline:
            raise UnavailableError(Code.TIMED_OUT, seconds=_WAIT_S)
        time.sleep(0.01)


def mixed(paths: Sequence[str]) -> list[str]:
    """Every path once, mixed up the same way each time: by a step that shares no factor with their number."""
    step = next(step for step in itertools.count(37) if math.gcd(step, len(paths)) == 1)
    return [paths[place * step % len(paths)] for place in range(len(paths))]


def _latencies(results: Sequence[Result]) -> list[float]:
    return [value for result in results for value in result.latencies_ms]
