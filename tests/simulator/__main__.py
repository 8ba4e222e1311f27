"""Run seeds: ``python -m tests.simulator --seeds 1000 --first 0``, or one with its trace: ``--seed 17 --trace``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulator.run import SimulationFailure, run_seed

#: Failures after which a run over many seeds ends.
FAILURES_MAX = 5


def main() -> int:
    """Run, print what happened, and answer 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print what happens as it happens")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds) if options.seed is None else [options.seed]
    totals: Counter[str] = Counter()
    began = time.monotonic()
    for seed in seeds:
        try:
            simulation = run_seed(seed, echo=options.trace)
        except SimulationFailure as failure:
            totals["failed"] += 1
            print(failure, flush=True)
            if totals["failed"] >= FAILURES_MAX:
                print(f"stopped after {FAILURES_MAX} failures")
                break
            continue
        totals["passed"] += 1
        totals.update(simulation.counts())
        if totals["passed"] % 100 == 0:
            print(f"{totals['passed']} seeds, {time.monotonic() - began:.0f} s", flush=True)
    print(", ".join(f"{name} {count}" for name, count in sorted(totals.items())))
    print(f"{time.monotonic() - began:.1f} s")
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
