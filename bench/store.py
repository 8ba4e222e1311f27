"""What the store costs: state writes through overlay, roots and a durable RocksDB commit, as the state grows.

Purpose: CPU and wall time per transaction, bytes on disk and memory, for blocks of 1,000 transactions that each write
five small values under random keys (four provable, one look-up) and carry a body of 1 KB; the same figures at the
beginning and at the end show whether the cost grows. The contents are read back at the end from a reopened store.
Not here: signatures, execution, the pool (``govchain bench ledger``).

Run: ``python bench/store.py [transactions] [--json]``. Reading it: ``cpu`` counts every thread, compaction included;
``main`` is the committing thread alone; ``growth`` is the mean over all transactions against the mean over the first
100,000.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govchain.crypto import get_suite
from govchain.state import (
    NO_STATE_ROOT,
    Batch,
    CommittedState,
    Namespace,
    NamespaceRegistry,
    Overlay,
    Table,
    compute_state_root,
)
from govchain.storage import MEMORY_BYTES, BlockStore, RocksStore

BLOCK = 1000
WRITES = 5
EARLY = 100
REGISTRY = NamespaceRegistry([Namespace("bench.record", delta=True), Namespace("bench.by_key")])


@dataclass(frozen=True)
class Item:
    """A transaction as the block store takes it."""

    id: bytes
    envelope: bytes


@dataclass(frozen=True)
class Block:
    """A block's material: the same at every run, made outside the measured time."""

    items: list[Item]
    receipts: list[bytes]
    writes: list[list[tuple[bytes, bytes]]]


def make_block(height: int) -> Block:
    block = Block([], [], [])
    for index in range(BLOCK):
        seed = hashlib.sha256(height.to_bytes(8, "big") + index.to_bytes(4, "big")).digest()
        text = hashlib.shake_128(seed).hexdigest(420).encode()
        body = b'{"chain":"bench","payload":"%s","type":"bench.put","version":1}' % text
        block.items.append(Item(seed, body + seed * 4))  # the end stands for the signature, which does not compress
        block.receipts.append(
            b'{"code":0,"events":[],"height":%d,"index":%d,"transaction":"%s","version":1}'
            % (height, index, seed.hex().encode())
        )
        keys = [hashlib.sha256(seed + bytes([number])).digest() for number in range(WRITES)]
        value = b'{"account":"%s","height":%d,"kind":"file"}' % (text[:40], height)
        puts = [(b"bench.record/" + key, value) for key in keys[:-1]]
        block.writes.append([*puts, (b"bench.by_key/" + keys[-1] + seed[:8], b"")])
    return block


def run(path: Path, transactions: int, memory_bytes: int) -> dict[str, Any]:
    suite = get_suite("gm")
    store = RocksStore(path, memory_bytes=memory_bytes)
    blocks, committed, batch = BlockStore(store), CommittedState(store), Batch()
    root = NO_STATE_ROOT
    idle = peak_memory()
    samples = []
    for height in range(1, transactions // BLOCK + 1):
        block = make_block(height)
        wall, cpu, main = time.perf_counter(), time.process_time(), time.thread_time()
        layer = Overlay(committed)
        for puts in block.writes:
            transaction = layer.nested()
            for key, value in puts:
                transaction.put(key, value)
                transaction.get(key)
            transaction.commit()
        writes = layer.writes()
        result = compute_state_root(suite, root, writes, REGISTRY, store)
        root = result.root
        batch.clear()
        blocks.put_block(batch, height, b"{}", block.items, block.receipts)
        blocks.put_ids(batch, height, [(item.id, height) for item in block.items])
        blocks.put_state(batch, writes, result.live_node_writes)
        store.write(batch, durable=True)
        committed.apply(writes)
        samples.append((time.perf_counter() - wall, time.process_time() - cpu, time.thread_time() - main))
    peak = peak_memory()
    store.close()
    started = time.perf_counter()
    store = RocksStore(path, memory_bytes=memory_bytes)
    reopened = time.perf_counter() - started
    checked = read_back(store, transactions)
    reads = time_reads(store, transactions)
    store.close()
    size = sum(entry.stat().st_size for entry in path.iterdir())
    seconds = sum(sample[0] for sample in samples)
    first, last = mean(samples[:EARLY]), mean(samples)
    return {
        "transactions": transactions,
        "transactions_per_s": round(transactions / seconds),
        "state_puts_per_s": round(transactions * WRITES / seconds),
        "us_per_tx_first_100k": first,
        "us_per_tx_all": last,
        "us_per_tx_last_100k": mean(samples[-EARLY:]),
        "growth": {name: round(last[name] / first[name], 2) for name in first},
        "us_per_read": reads,
        "bytes_per_tx": round(size / transactions),
        "memory_growth_mib": round((peak - idle) / 1024),
        "reopen_s": round(reopened, 3),
        "values_read_back": checked,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def mean(samples: list[tuple[float, float, float]]) -> dict[str, float]:
    names = ("wall", "cpu", "main")
    return {name: round(sum(s[i] for s in samples) / len(samples) / BLOCK * 1e6, 1) for i, name in enumerate(names)}


def read_back(store: RocksStore, transactions: int) -> int:
    """Compare a sample of blocks, from the first to the last, with what was written; how many values were compared."""
    blocks, checked = BlockStore(store), 0
    last = transactions // BLOCK
    for height in sorted({1, last} | {1 + last * part // 20 for part in range(20)}):
        block = make_block(height)
        if list(blocks.envelopes(height)) != [item.envelope for item in block.items]:
            sys.exit(f"block {height} differs")
        for index, (item, puts) in enumerate(zip(block.items, block.writes, strict=True)):
            wrong = [key for key, value in puts if store.get(Table.STATE, key) != value]
            if wrong or blocks.location(item.id) != (height, index):
                sys.exit(f"transaction {height}/{index} differs")
            checked += len(puts)
    return checked


def time_reads(store: RocksStore, transactions: int) -> dict[str, float]:
    """Microseconds of one read under a random key, of a present and of an absent one, after a first pass over them."""
    keys = [
        key
        for height in range(1, transactions // BLOCK, max(1, transactions // BLOCK // 4))
        for puts in make_block(height).writes
        for key, _ in puts
    ]
    absent = [key[:-1] + b"?" for key in keys]
    figures = {}
    for name, wanted in (("present", keys), ("absent", absent)):
        store.get_many(Table.STATE, wanted)
        started = time.perf_counter()
        store.get_many(Table.STATE, wanted)
        figures[name] = round((time.perf_counter() - started) / len(wanted) * 1e6, 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="What the store costs as the state grows.")
    parser.add_argument("transactions", nargs="?", type=int, default=200_000)
    parser.add_argument("--memory-mib", type=int, default=MEMORY_BYTES // 1024 // 1024)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dir", type=Path, default=None, help="where to make the store; removed afterwards")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="govchain-bench-", dir=options.dir))
    try:
        result = run(place / "store", max(options.transactions, BLOCK), options.memory_mib * 1024 * 1024)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        shown = "  ".join(f"{part} {figure}" for part, figure in value.items()) if isinstance(value, dict) else value
        print(f"{name:22} {shown}")


if __name__ == "__main__":
    main()
