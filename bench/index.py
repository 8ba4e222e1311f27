"""What the index costs: rows into SQLite and PostgreSQL, and a follower's share beside a node under load.

Purpose: transactions and rows per second when an index is made anew, processor time of the writing thread for each
transaction, the time of a whole comparison, bytes on disk; then a node that takes in evidence at a fixed rate while its
follower keeps up: the longest lag seen, and the follower's processor time. Every index is compared with the ledger at
the end. Not here: HTTP (``govchain bench api``), the store (``bench/store.py``).

Run: ``python bench/index.py [transactions] [--rate N] [--seconds N] [--json]``. PostgreSQL is measured where the
package ``pgserver`` is installed; its server's own processor time is not in the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from govchain.index.database import INDEX_FILE, IndexDatabase, database_url
from govchain.node.embedded import open_embedded
from govchain.services.indexing import IndexFollower, check_index, rebuild_index
from tests.node.kit import SMALL, Actor, Hands, make_chain, new_actor

#: Transactions of a block when an index is made anew.
BLOCK = 300
#: How often the loaded node is handed transactions, in seconds.
TICK_S = 0.05
START = 1_790_000_000_000
FILLER = "ab" * 150


def fill(path: Path, actor: Actor, count: int) -> Hands:
    """A chain of ``count`` records of about 1 KB with references."""
    hands = Hands(path, START)
    for first in range(0, count, BLOCK):
        at = START + (first // BLOCK + 1) * 100
        size = min(BLOCK, count - first)
        hands.block(*(actor.put(reference=f"case-{first + n}", now=at, data=FILLER) for n in range(size)), at=at)
    return hands


def measure_rebuild(hands: Hands, database: IndexDatabase, count: int) -> dict[str, Any]:
    wall, processor = time.perf_counter(), time.thread_time()
    rebuild_index(hands.application, database)
    wall, processor = time.perf_counter() - wall, time.thread_time() - processor
    begun = time.perf_counter()
    report = check_index(hands.application, database)
    assert report.difference is None
    rows = sum(entry.rows for entry in report.tables)
    return {
        "transactions_per_s": round(count / wall),
        "rows_per_s": round(rows / wall),
        "thread_us_per_transaction": round(processor / count * 1e6, 1),
        "check_transactions_per_s": round(count / (time.perf_counter() - begun)),
    }


def measure_follower(path: Path, actor: Actor, database: IndexDatabase, rate: int, seconds: int) -> dict[str, Any]:
    """Hand in envelopes signed before at ``rate`` a second; sample the lag."""
    size = max(1, round(rate * TICK_S))
    batches = [[actor.put(reference="load", data=FILLER) for _ in range(size)] for _ in range(round(seconds / TICK_S))]
    lags: list[int] = []
    with open_embedded(path, options=SMALL) as node:
        follower = _Timed(node.application, database)
        node.application.add_listener(follower.wake)
        follower.start()
        follower.wait_for(0, 30)
        begun = time.perf_counter()
        tickets = []
        for number, batch in enumerate(batches):
            delay = begun + number * TICK_S - time.perf_counter()
            if delay > 0:
                time.sleep(delay)
            tickets.append(_submit(node, batch))
            lags.append(follower.status().lag)
        for ticket in tickets:
            ticket.join()
        taken = time.perf_counter() - begun
        height = node.application.chain.height
        at = time.perf_counter()
        assert follower.wait_for(height, 120)
        behind = time.perf_counter() - at
        total = follower.status().transactions
        report = check_index(node.application, database)
        assert report.difference is None
        assert total == size * len(batches), f"{total} of {size * len(batches)}"
        follower.stop()
    return {
        "committed_per_s": round(total / taken),
        "blocks": height,
        "lag_blocks_max": max(lags),
        "caught_up_s": round(behind, 2),
        "thread_us_per_transaction": round(follower.seconds / total * 1e6, 1),
    }


class _Timed(IndexFollower):
    """Counts the processor time of its thread."""

    seconds = 0.0

    def _run(self) -> None:
        super()._run()
        self.seconds = time.thread_time()


def _submit(node: Any, batch: list[bytes]) -> threading.Thread:
    thread = threading.Thread(target=node.submitter.submit, args=(batch,), kwargs={"wait": True, "timeout_s": 60})
    thread.start()
    return thread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("transactions", type=int, nargs="?", default=30_000)
    parser.add_argument("--rate", type=int, default=3_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result: dict[str, Any] = {"transactions": given.transactions, "rate": given.rate}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        server = _postgres(root)
        actor = new_actor()
        path = make_chain(root / "data", actor, now=START)
        hands = fill(path, actor, given.transactions)
        for name, url in (("sqlite", ""), ("postgresql", server and server.get_uri())):
            if url is None:
                continue
            database = IndexDatabase(database_url(url, root))
            result[f"{name}.rebuild"] = measure_rebuild(hands, database, given.transactions)
            database.close()
        result["sqlite.rebuild"]["bytes_per_transaction"] = round(
            (root / INDEX_FILE).stat().st_size / given.transactions
        )
        hands.close()
        for name in ("sqlite", "postgresql"):
            if name == "postgresql" and server is None:
                continue
            loaded = make_chain(root / f"loaded-{name}", actor)
            if name == "postgresql":
                server.psql("CREATE DATABASE loaded;")
            url = "" if name == "sqlite" else server.get_uri("loaded")
            database = IndexDatabase(database_url(url, loaded))
            result[f"{name}.follower"] = measure_follower(loaded, actor, database, given.rate, given.seconds)
        if server is not None:
            server.cleanup()
    if given.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(name, value)


def _postgres(root: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pgserver  # noqa: PLC0415 - not on every Python
    except ImportError:
        return None
    return pgserver.get_server(root / "postgres", cleanup_mode="stop")


if __name__ == "__main__":
    main()
