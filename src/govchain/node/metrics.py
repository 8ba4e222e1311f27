"""What a node tells its monitoring, in the Prometheus exposition format.

Purpose: ``METRICS`` is the one table of names, kinds, labels and meanings, from which docs/spec/metrics.md is checked;
:class:`Metrics` counts what only passes by (requests, blocks) and asks the node's parts for everything else when it is
scraped. Rules: a registry of its own; whoever counts does constant work without a lock that is held for long: requests
are counted on the event loop alone, blocks on the engine's thread alone; a scrape takes no lock of the ledger and waits
for no disk (what needs one is sampled beside: ``node.host``). Labels come from our own tables only (routes' templates,
result codes, statuses), so that clients cannot make series. Names carry their unit; sums end in ``_total``.
Not here: the log (``node.logs``), who looks at what when (``node.observing``).
"""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from govchain import __version__
from govchain.consensus.ordering import Phase
from govchain.ledger import ExecutedBlock
from govchain.model import Code
from govchain.node.metric_names import BLOCK_BUCKETS_S, METHODS, METRICS, REQUEST_BUCKETS_S, STATES, MetricRow
from govchain.services.build import build_id
from govchain.services.observing import Answered
from govchain.signers import software_keys_open

if TYPE_CHECKING:
    from govchain.node.clock import ClockWatch
    from govchain.node.connections import Connections
    from govchain.node.host import HostSample
    from govchain.node.logs import Logs
    from govchain.node.opening import Node
    from govchain.peers import PeerStatus
    from govchain.services.archiving import Archiving
    from govchain.services.indexing import IndexFollower
    from govchain.services.intake import Intake
    from govchain.services.sessions import Sessions
    from govchain.services.subscriptions import Subscriptions

__all__ = ["MetricSources", "Metrics"]

#: A value with its labels' values.
_Sample = tuple[tuple[str, ...], float]


@dataclass(slots=True)
class MetricSources:
    """The parts that are asked; those that a node goes without are None, and their metrics are left out.

    ``host`` and ``deliveries`` give the last sample: of the machine, and of webhooks' deliveries by state.
    """

    node: Node
    intake: Intake
    sessions: Sessions
    events: Subscriptions
    index: IndexFollower | None = None
    logs: Logs | None = None
    clock: ClockWatch | None = None
    connections: Connections | None = None
    archiving: Archiving | None = None
    host: Callable[[], HostSample | None] = lambda: None
    deliveries: Callable[[], dict[str, int] | None] = lambda: None


@dataclass(slots=True)
class _Histogram:
    """Counts of values by bucket, and their sum. One thread adds; reading meanwhile may miss the newest value."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def told(self) -> tuple[list[tuple[str, int]], float]:
        """Cumulative buckets, and the sum."""
        buckets: list[tuple[str, int]] = []
        running = 0
        for bound, count in zip((*self.bounds, None), tuple(self.counts), strict=True):
            running += count
            buckets.append(("+Inf" if bound is None else str(bound), running))
        return buckets, self.total


class Metrics(Collector):
    """See the module. Also an ``Observer`` of requests and a listener of blocks."""

    def __init__(self, sources: MetricSources) -> None:
        """Tell about ``sources``."""
        self._sources = sources
        self._in_flight = 0
        self._requests: dict[tuple[str, str, str], int] = {}
        self._problems: Counter[str] = Counter()
        self._seconds: dict[tuple[str, str], _Histogram] = {}
        self._transactions: Counter[Code] = Counter()
        self._block_seconds = _Histogram(BLOCK_BUCKETS_S)
        self._write_seconds = _Histogram(BLOCK_BUCKETS_S)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        chain = sources.node.genesis.chain
        self._build = (__version__, build_id(), chain, platform.python_version())

    # -- counting ------------------------------------------------------------------------------------------------

    def began(self) -> None:
        """A request began; on the event loop."""
        self._in_flight += 1

    def answered(self, answered: Answered) -> None:
        """A request ended; on the event loop."""
        self._in_flight -= 1
        method = answered.method if answered.method in METHODS else "OTHER"
        place = (method, answered.route, str(answered.status))
        self._requests[place] = self._requests.get(place, 0) + 1
        if answered.code != "OK":
            self._problems[answered.code] += 1
        if not answered.lasting:
            histogram = self._seconds.get(place[:2])
            if histogram is None:
                histogram = self._seconds[place[:2]] = _Histogram(REQUEST_BUCKETS_S)
            histogram.add(answered.seconds)

    def block_committed(self, block: ExecutedBlock) -> None:
        """A block was committed; on the engine's thread."""
        self._transactions.update(block.codes)
        pace = self._sources.node.application.pace
        self._block_seconds.add(pace.block_s)
        self._write_seconds.add(pace.write_s)

    # -- telling -------------------------------------------------------------------------------------------------

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry) + self._requests_text().encode()

    def collect(self) -> Iterator[Metric]:
        """Every family that this node has but the two of requests, in the order of the table."""
        values = self._values()
        for row in METRICS:
            if row.name in values:
                yield _family(row, values[row.name])

    def _requests_text(self) -> str:
        """The two families of requests, written here with little work: their samples are many."""
        lines: list[str] = []
        for row in METRICS:
            if row.name == "govchain_http_requests_total":
                lines += _head(row)
                for (method, route, status), count in list(self._requests.items()):
                    lines.append(f'{row.name}{{method="{method}",route="{route}",status="{status}"}} {count}.0')
            elif row.name == "govchain_http_request_seconds":
                lines += _head(row)
                for (method, route), histogram in list(self._seconds.items()):
                    labels = f'method="{method}",route="{route}"'
                    buckets, total = histogram.told()
                    lines += [f'{row.name}_bucket{{le="{le}",{labels}}} {count}.0' for le, count in buckets]
                    lines.append(f"{row.name}_count{{{labels}}} {buckets[-1][1]}.0")
                    lines.append(f"{row.name}_sum{{{labels}}} {total!r}")
        return "\n".join(lines) + "\n"

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry need not look for doubles."""
        return []

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {"govchain_build_info": [(self._build, 1)]}
        for part in (self._ledger, self._http, self._parts, self._host):
            values.update(part())
        return values

    def _ledger(self) -> dict[str, Any]:
        node = self._sources.node
        chain = node.application.chain
        status = node.engine.status()
        verifier = node.machine.verifier.stats()
        verifying = node.application.verifying.costs
        values: dict[str, Any] = {
            "govchain_height": chain.height,
            "govchain_certified_height": node.application.certified_height,
            "govchain_block_time_seconds": chain.time / 1000,
            "govchain_ordering": int(node.state.standing.orders),
            "govchain_node_state": [((phase.value,), int(phase is node.state.standing.phase)) for phase in Phase],
            "govchain_node_problem": [] if node.state.problem is None else [((node.state.problem.name,), 1)],
            "govchain_pool_transactions": len(node.pool),
            "govchain_pool_bytes": node.pool.size_bytes,
            "govchain_intake_transactions": self._sources.intake.queued,
            "govchain_replay_window_transactions": node.application.window_size,
            "govchain_transactions_total": _by_code(dict(self._transactions)),
            "govchain_transactions_refused_total": _by_code(node.submitter.refused()),
            "govchain_block_seconds": [((), self._block_seconds)],
            "govchain_commit_seconds": [((), self._write_seconds)],
            "govchain_verified_transactions_total": verifying.transactions,
            "govchain_verify_seconds_total": verifying.seconds,
            "govchain_verified_before_total": verifying.known,
            "govchain_verifier_hits_total": verifier["hits"],
            "govchain_verifier_misses_total": verifier["misses"],
            "govchain_store_syncs_total": getattr(node.store, "syncs", 0),
            "govchain_software_keys": software_keys_open(),
            "govchain_engine_height": status.height,
            "govchain_engine_round": status.round,
            "govchain_engine_peers": status.peers,
            "govchain_engine_members_missing": len(status.validators_missing),
            "govchain_engine_starts_total": status.starts,
            "govchain_engine_proposals_rejected_total": status.proposals_rejected,
            "govchain_engine_misbehaviour_total": status.misbehaved,
            "govchain_equivocations_total": node.application.finality.disagreements.proofs,
        }
        return {**values, **self._peers()}

    def _peers(self) -> dict[str, Any]:
        network = self._sources.node.network
        peers = [] if network is None else [view.status for view in network.status()]
        refused = {} if network is None else network.peers.refused()
        propagation = {} if network is None else network.exchange.propagation()
        return {
            "govchain_peers_known": len(peers),
            "govchain_peers_connected": sum(peer.connected for peer in peers),
            "govchain_peer_rtt_seconds": [
                ((peer.name,), peer.rtt_ms / 1000) for peer in peers if peer.rtt_ms is not None
            ],
            "govchain_peer_received_bytes_total": _by_kind(peers, lambda peer: peer.bytes_in),
            "govchain_peer_sent_bytes_total": _by_kind(peers, lambda peer: peer.bytes_out),
            "govchain_peers_refused_total": [((reason,), count) for reason, count in sorted(refused.items())],
            "govchain_propagated_total": [((kind,), found.count) for kind, found in sorted(propagation.items())],
            "govchain_propagation_seconds_total": [
                ((kind,), found.total_ms / 1000) for kind, found in sorted(propagation.items())
            ],
        }

    def _http(self) -> dict[str, Any]:
        problems = dict(self._problems)
        values: dict[str, Any] = {
            "govchain_http_requests_in_flight": self._in_flight,
            "govchain_http_problems_total": [((code,), count) for code, count in sorted(problems.items())],
        }
        connections = self._sources.connections
        if connections is not None:
            values["govchain_http_connections"] = len(connections)
            values["govchain_http_connections_refused_total"] = connections.refused
            values["govchain_http_connections_evicted_total"] = connections.evicted
            values["govchain_http_connections_stalled_total"] = connections.stalled
        return values

    def _parts(self) -> dict[str, Any]:
        sources = self._sources
        values: dict[str, Any] = {
            "govchain_sessions": len(sources.sessions),
            "govchain_subscribers": len(sources.events),
            "govchain_subscribers_dropped_total": sources.events.dropped,
        }
        deliveries = sources.deliveries()
        if deliveries is not None:
            values["govchain_webhooks"] = deliveries.get("webhooks", 0)
            values["govchain_webhook_deliveries"] = [
                ((state,), deliveries.get(state, 0)) for state in STATES["govchain_webhook_deliveries"]
            ]
        if sources.index is not None:
            status = sources.index.status()
            values["govchain_index_height"] = status.indexed_height
            values["govchain_index_lag_blocks"] = status.lag
            values["govchain_index_state"] = [
                ((state,), int(state == status.state)) for state in STATES["govchain_index_state"]
            ]
        if sources.logs is not None:
            values["govchain_log_lines_dropped_total"] = sources.logs.dropped
        if sources.archiving is not None:
            archives = sources.archiving.state()
            values["govchain_archive_height"] = archives.archived
            values["govchain_archive_time_seconds"] = archives.archived_at / 1000
            values["govchain_archive_failing"] = int(bool(archives.error))
            values["govchain_pruned_height"] = archives.pruned
        clock = None if sources.clock is None else sources.clock.status
        if clock is not None:
            values["govchain_clock_servers_agreeing"] = clock.agreeing
            values["govchain_clock_drifting"] = int(clock.drifting)
            if clock.offset_ms is not None:
                values["govchain_clock_offset_seconds"] = clock.offset_ms / 1000
        return values

    def _host(self) -> dict[str, Any]:
        sample = self._sources.host()
        if sample is None:
            return {}
        return {
            "govchain_host_cpus": sample.cpus,
            "govchain_host_cpu_busy_ratio": sample.cpu_ratio,
            "govchain_host_memory_bytes": sample.memory_total,
            "govchain_host_memory_available_bytes": sample.memory_available,
            "govchain_host_disk_bytes": sample.disk_total,
            "govchain_host_disk_free_bytes": sample.disk_free,
            "govchain_host_network_received_bytes_total": sample.network_received,
            "govchain_host_network_sent_bytes_total": sample.network_sent,
            "govchain_process_memory_bytes": sample.process_memory,
            "govchain_process_cpu_seconds_total": sample.process_cpu,
            "govchain_process_threads": sample.process_threads,
            "govchain_process_descriptors": sample.process_descriptors,
            "govchain_process_descriptors_max": sample.process_descriptors_max,
            "govchain_process_start_time_seconds": sample.process_started,
        }


def _head(row: MetricRow) -> list[str]:
    return [f"# HELP {row.name} {row.text}", f"# TYPE {row.name} {row.kind}"]


def _by_kind(peers: Sequence[PeerStatus], counts: Callable[[PeerStatus], Mapping[str, int]]) -> list[_Sample]:
    """Bytes by peer and kind."""
    return [((peer.name, kind), count) for peer in peers for kind, count in sorted(counts(peer).items())]


def _by_code(counts: dict[Code, int]) -> list[_Sample]:
    return [((Code(code).name,), count) for code, count in sorted(counts.items())]


def _family(row: MetricRow, value: Any) -> Metric:
    """The family of ``row`` with its values: a number, or pairs of labels' values and number or histogram."""
    samples = value if isinstance(value, list) else [((), value)]
    if row.kind == "histogram":
        histogram = HistogramMetricFamily(row.name, row.text, labels=row.labels)
        for labels, counts in samples:
            histogram.add_metric(labels, *counts.told())
        return histogram
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(row.name, row.text, labels=row.labels)
    for labels, number in samples:
        family.add_metric(labels, number)
    return family
