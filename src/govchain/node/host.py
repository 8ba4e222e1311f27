"""What the machine and the process use: samples for metrics, taken beside the busy threads.

Rules: taking a sample may wait for a disk, so that only the observing thread does it; whoever tells metrics reads the
last one. Not here: limits that are checked at the start (``node.resources``).
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["HostSample", "Sampler"]


@dataclass(frozen=True, slots=True)
class HostSample:
    """One look. Sizes in bytes, times in seconds; sums count from the start of the machine, or of the process.

    Attributes:
        cpu_ratio: share of all processors that was busy since the last look, 0 to 1.
        cpus: processors.
        memory_total: of the machine.
        memory_available: that programs could still get.
        disk_total: of the file system of the data directory.
        disk_free: of it, for us.
        network_received: over all interfaces.
        network_sent: the same.
        process_memory: resident memory of this process.
        process_cpu: processor time of this process.
        process_threads: of this process.
        process_descriptors: open files and sockets of this process.
        process_descriptors_max: that it may open.
        process_started: when it began, in seconds since 1970.
    """

    cpu_ratio: float
    cpus: int
    memory_total: int
    memory_available: int
    disk_total: int
    disk_free: int
    network_received: int
    network_sent: int
    process_memory: int
    process_cpu: float
    process_threads: int
    process_descriptors: int
    process_descriptors_max: int
    process_started: float


class Sampler:
    """Looks at this process and at the machine, with the file system of ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = psutil.Process()
        self._started = self._process.create_time()

    def take(self) -> HostSample:
        """A sample.

        Raises:
            OSError: the data directory's file system does not answer.
        """
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._path))
        network = psutil.net_io_counters()
        process = self._process
        with process.oneshot():
            times = process.cpu_times()
            resident = process.memory_info().rss
            threads = process.num_threads()
            descriptors = process.num_fds()
        return HostSample(
            cpu_ratio=psutil.cpu_percent(None) / 100,
            cpus=psutil.cpu_count() or 1,
            memory_total=memory.total,
            memory_available=memory.available,
            disk_total=disk.total,
            disk_free=disk.free,
            network_received=network.bytes_recv if network else 0,
            network_sent=network.bytes_sent if network else 0,
            process_memory=resident,
            process_cpu=times.user + times.system,
            process_threads=threads,
            process_descriptors=descriptors,
            process_descriptors_max=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            process_started=self._started,
        )
