"""What all benches share: the machine, memory and disk that are used, a folder to measure in, and quantiles."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = [
    "bench_folder",
    "describe_machine",
    "directory_bytes",
    "memory_now_bytes",
    "memory_peak_bytes",
    "percentile",
    "quantiles",
]


@contextlib.contextmanager
def bench_folder(parent: Path | None) -> Iterator[Path]:
    """A new folder below ``parent`` (default: the system's temporary one), removed afterwards with all in it."""
    base = Path(tempfile.mkdtemp(prefix="govchain-bench-", dir=parent))
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def describe_machine() -> dict[str, object]:
    """Processor, cores, memory, kernel and Python version."""
    model = platform.processor() or "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(pages * size / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def memory_peak_bytes() -> int:
    """The largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_now_bytes() -> int:
    """The resident size of this process now."""
    statm = Path("/proc/self/statm").read_text().split()
    return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")


def directory_bytes(path: Path) -> int:
    """Bytes that the files below ``path`` occupy on disk; files that vanish meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def percentile(sorted_values: list[float], share: float) -> float:
    """The value below which ``share`` of the values lie (nearest rank)."""
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """``p50``, ``p95`` and ``p99`` of the values, in their unit, to one decimal; 0 where there are none."""
    ordered = sorted(values)
    return {f"p{share}": round(percentile(ordered, share / 100), 1) for share in (50, 95, 99)}
