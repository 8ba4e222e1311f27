"""``govchain bench ledger``: pre-signed evidence transactions through check, pool, execution and durable commit.

Measured: throughput with every signature verified and every block on disk before it counts; latency at half of that
load; cost per transaction as the ledger grows; bytes on disk; peak memory; cold start. The last step opens the store
again and reads transactions back.
"""

from __future__ import annotations

import resource
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from govchain.consensus.pool import Outcome, Ticket
from govchain.crypto import get_suite
from govchain.model import Code, UnavailableError
from govchain.node.embedded import NodeOptions, create_chain, open_embedded
from govchain.node.opening import Node
from govchain.ops.bench.machine import (
    bench_folder,
    describe_machine,
    directory_bytes,
    memory_now_bytes,
    memory_peak_bytes,
    quantiles,
)
from govchain.ops.bench.workload import BenchAccount, make_accounts, read_batches, write_files
from govchain.services.chains import ChainOptions, default_organisation

__all__ = ["LedgerBench", "run"]

#: Envelopes handed in at once by the throughput run.
_BATCH = 500
#: Envelopes that the workload's processes sign before each timed part.
_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class LedgerBench:
    """What to measure: transactions in all, bytes of an envelope, accounts, seconds of the half-load run."""

    transactions: int = 100_000
    envelope_bytes: int = 1024
    accounts: int = 16
    half_load_seconds: int = 10


def run(
    options: LedgerBench | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Measure in a new chain below ``folder`` (default: a temporary one, removed afterwards)."""
    options = options or LedgerBench()
    with bench_folder(folder) as base:
        return _Run(options, base, progress).run()


class _Run:
    def __init__(self, options: LedgerBench, base: Path, progress: Callable[[int, int], None] | None) -> None:
        self._options = options
        self._base = base
        self._data = base / "data"
        self._progress = progress
        self._chain = f"bench-{secrets.token_hex(4)}"
        self._accounts: list[BenchAccount] = []
        self._sample: list[bytes] = []

    def run(self) -> dict[str, object]:
        start = time.perf_counter()
        self._create()
        created_s = time.perf_counter() - start
        first_commit_s, node = self._cold_start()
        idle = memory_now_bytes()
        try:
            stages = self._stages(node)
            memory_peak = memory_peak_bytes()
            verifier = dict(node.machine.verifier.stats())
            latency = self._half_load(node, min(stage["transactions_per_second"] for stage in stages) / 2)
            blocks = node.application.chain.height
        finally:
            node.close()
        total = sum(int(stage["transactions"]) for stage in stages)
        return {
            "machine": describe_machine(),
            "workload": {
                "transactions": total,
                "envelope_bytes": self._options.envelope_bytes,
                "accounts": self._options.accounts,
                "durable": True,
                "signatures_verified": True,
            },
            "transactions_per_second": round(total / sum(stage["seconds"] for stage in stages)),
            "stages": stages,
            "growth_cost_ratio": _growth(stages),
            "half_load": latency,
            "blocks": blocks,
            "disk_bytes_per_transaction": round(directory_bytes(self._data) / total),
            "memory_idle_mib": round(idle / 2**20),
            "memory_peak_mib": round(memory_peak / 2**20),
            "create_seconds": round(created_s, 2),
            "cold_start_to_first_commit_seconds": round(first_commit_s, 2),
            "verifier": verifier,
            "read_back": self._read_back(),
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

    def _cold_start(self) -> tuple[float, Node]:
        """Seconds from opening to the first transaction committed durably."""
        first = next(read_batches(write_files(self._base, self._chain, self._accounts, 1, 1024, 1), 1))
        start = time.perf_counter()
        node = open_embedded(self._data, options=NodeOptions())
        answers = node.submitter.submit(first, wait=True, timeout_s=30)
        seconds = time.perf_counter() - start
        _expect_committed(answers[0].code)
        return seconds, node

    def _stages(self, node: Node) -> list[dict[str, float]]:
        stages: list[dict[str, float]] = []
        left = self._options.transactions
        done = 0
        while left > 0:
            count = min(left, _CHUNK)
            paths = write_files(self._base, self._chain, self._accounts, count, self._options.envelope_bytes)
            stages.append(self._throughput(node, paths, count))
            for path in paths:
                path.unlink()
            left -= count
            done += count
            if self._progress is not None:
                self._progress(done, self._options.transactions)
        return stages

    def _throughput(self, node: Node, paths: Sequence[Path], count: int) -> dict[str, float]:
        """Hand in as fast as the node takes it; the clock stops when the last one is durable."""
        tickets: list[Ticket] = []
        before = resource.getrusage(resource.RUSAGE_SELF)
        height = node.application.chain.height
        start = time.perf_counter()
        for batch in read_batches(paths, _BATCH):
            self._sample = batch
            tickets.append(_hand_in(node, batch))
        for ticket in tickets:
            if not ticket.wait(120):
                raise UnavailableError(Code.TIMED_OUT, seconds=120)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
        for ticket in tickets:
            for outcome in ticket.outcomes:
                _expect_committed(outcome.code if outcome is not None else Code.TIMED_OUT)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "transactions": count,
            "seconds": round(seconds, 3),
            "transactions_per_second": round(count / seconds),
            "cpu_us_per_transaction": round(cpu / count * 1e6, 1),
            "blocks": node.application.chain.height - height,
            "memory_mib": round(memory_now_bytes() / 2**20),
            "disk_mib": round(directory_bytes(self._data) / 2**20),
        }

    def _half_load(self, node: Node, rate: float) -> dict[str, object]:
        """Open-loop load: a small batch every 5 ms by the clock; latency from the planned moment to durability."""
        interval = 0.005
        size = max(1, round(rate * interval))
        count = int(self._options.half_load_seconds / interval) * size
        paths = write_files(self._base, self._chain, self._accounts, count, self._options.envelope_bytes)
        latencies: list[float] = []
        failures: list[int] = []
        waiting: list[tuple[float, Ticket]] = []
        ready = threading.Semaphore(0)

        def collect() -> None:
            position = 0
            while True:
                ready.acquire()
                if position == len(waiting):
                    return
                planned, ticket = waiting[position]
                position += 1
                done = ticket.wait(60) and not any(outcome is None or outcome.code for outcome in ticket.outcomes)
                latencies.append((time.perf_counter() - planned) * 1000)
                failures.extend([] if done else [position])

        collector = threading.Thread(target=collect)
        collector.start()
        start = time.perf_counter()
        for index, batch in enumerate(read_batches(paths, size)):
            planned = start + index * interval
            delay = planned - time.perf_counter()
            if delay > 0:
                time.sleep(delay)
            waiting.append((planned, _hand_in(node, batch)))
            ready.release()
        ready.release()
        collector.join()
        seconds = time.perf_counter() - start
        if failures:
            raise UnavailableError(Code.TIMED_OUT, seconds=60, reason=f"{len(failures)} batches were not committed")
        return {
            "transactions_per_second": round(count / seconds),
            "planned_per_second": round(size / interval),
            "latency_ms": quantiles(latencies),
        }

    def _read_back(self) -> str:
        """Open the store again and find the last transactions handed in by the throughput run."""
        suite = get_suite("gm")
        node = open_embedded(self._data, read_only=True)
        try:
            for envelope in self._sample:
                body = msgspec.msgpack.decode(envelope)[1]
                if node.application.receipt(suite.digest(body)) is None:
                    raise UnavailableError(Code.STORE_CORRUPT, reason="an acknowledged transaction is missing")
        finally:
            node.close()
        return f"{len(self._sample)} of {len(self._sample)} found after reopening"


def _hand_in(node: Node, batch: list[bytes]) -> Ticket:
    """Check and pool a batch, coming back when the pool says so."""
    results = node.application.check_tx(batch)
    ticket = Ticket(len(results))
    places = list(range(len(results)))
    while places:
        codes = node.pool.add_many([results[place] for place in places], ticket, places)
        for place, code in zip(places, codes, strict=True):
            if code and code != Code.POOL_FULL:
                ticket.settle(place, Outcome(code))
        places = [place for place, code in zip(places, codes, strict=True) if code == Code.POOL_FULL]
        if places:
            time.sleep(node.pool.retry_after_ms() / 1000)
    return ticket


def _growth(stages: list[dict[str, float]]) -> float | None:
    """CPU per transaction of the last whole stage against the first; None when there is only one."""
    whole = [stage for stage in stages if stage["transactions"] == _CHUNK]
    if len(whole) < 2:
        return None
    return round(whole[-1]["cpu_us_per_transaction"] / whole[0]["cpu_us_per_transaction"], 2)


def _expect_committed(code: Code) -> None:
    if code:
        raise UnavailableError(code, reason="benchmark transaction", seconds=0)
