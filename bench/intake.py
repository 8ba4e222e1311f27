"""CPU of taking transactions in: one by one through ``services.intake`` against batches of 100, in one process.

Both go through the same node: every signature verified, every block durable. What is left between the two is the price
of a request: its future, its timer, its place in the queue, its share of a wake-up. No HTTP.
Run: ``python bench/intake.py [--transactions 20000] [--clients 64] [--profile]``.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import resource
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from govchain.node.embedded import EmbeddedNode, create_chain, open_embedded
from govchain.ops.bench.workload import make_accounts, read_batches, write_files
from govchain.services.chains import ChainOptions, default_organisation
from govchain.services.intake import Intake

#: What the client keeps going at once: requests of one envelope, or of a hundred.
BATCH = 100


async def one_by_one(intake: Intake, envelopes: list[bytes], clients: int) -> None:
    rest = iter(envelopes)

    async def client() -> None:
        for envelope in rest:
            (answer,) = await intake.submit([envelope], wait=True, timeout_ms=60_000)
            assert answer.receipt, answer

    await asyncio.gather(*(client() for _ in range(clients)))


async def received_only(intake: Intake, envelopes: list[bytes], clients: int) -> None:
    rest = iter(envelopes)

    async def client() -> None:
        for envelope in rest:
            (answer,) = await intake.submit([envelope], wait=False)
            assert not answer.code, answer

    await asyncio.gather(*(client() for _ in range(clients)))
    (answer,) = await intake.submit([envelopes[-1]], wait=True, timeout_ms=60_000)
    assert answer.receipt


async def in_batches(intake: Intake, envelopes: list[bytes], clients: int) -> None:
    rest = iter([envelopes[at : at + BATCH] for at in range(0, len(envelopes), BATCH)])

    async def client() -> None:
        for batch in rest:
            answers = await intake.submit(batch, wait=True, timeout_ms=60_000)
            assert all(answer.receipt for answer in answers)

    await asyncio.gather(*(client() for _ in range(max(1, clients // BATCH + 3))))


def measure(
    node: EmbeddedNode, run: Callable[[Intake, list[bytes], int], Awaitable[None]], envelopes: list[bytes], clients: int
) -> dict[str, float]:
    intake = Intake(node.submitter)
    height = node.application.chain.height
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    uvloop.run(run(intake, envelopes, clients))
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    intake.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "transactions_per_second": round(len(envelopes) / seconds),
        "cpu_us_per_transaction": round(cpu / len(envelopes) * 1e6, 1),
        "blocks": node.application.chain.height - height,
        "context_switches": after.ru_nvcsw - before.ru_nvcsw,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--transactions", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--profile", action="store_true", help="print where the event loop's thread spends its time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        base, chain = Path(name), f"bench-{secrets.token_hex(4)}"
        code, label = default_organisation()
        accounts, entries = make_accounts(16, chain, code)
        now = time.time_ns() // 1_000_000
        create_chain(
            base / "data",
            ChainOptions(now=now, chain=chain, organisation=code, organisation_name=label, extra_accounts=entries),
        )
        runs = (in_batches, one_by_one, received_only)
        results = {}
        with open_embedded(base / "data") as node:
            for run in runs:
                paths = write_files(base, chain, accounts, options.transactions, 1024)
                envelopes = [envelope for batch in read_batches(paths, 1_000) for envelope in batch]
                for path in paths:
                    path.unlink()
                profile = cProfile.Profile()
                if options.profile:
                    profile.enable()
                results[run.__name__] = measure(node, run, envelopes, options.clients)
                if options.profile:
                    profile.disable()
                    pstats.Stats(profile).sort_stats("tottime").print_stats(18)
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
