"""Every metric of a node: the one table. docs/spec/metrics.md tells the same, and a test compares them.

Rules: a name is never given another meaning; it carries its unit (``_seconds``, ``_bytes``, ``_ratio``), and sums end
in ``_total``. Not here: values (``node.metrics``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BLOCK_BUCKETS_S", "METHODS", "METRICS", "REQUEST_BUCKETS_S", "STATES", "MetricRow"]

#: Upper bounds of the histograms' buckets, in seconds.
REQUEST_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)
BLOCK_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
#: Values of ``method``; any other method is told as ``OTHER``.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
#: All values of ``state``, by metric.
STATES: Final = {
    "govchain_index_state": ("following", "catching_up", "unavailable", "refused", "failed", "stopped"),
    "govchain_webhook_deliveries": ("pending", "delivered", "dead", "again"),
}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: its name as it is scraped, its kind (as ``# TYPE`` tells it), what it means, its labels."""

    name: str
    kind: str
    text: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, text: str, *labels: str) -> MetricRow:
    return MetricRow(name, "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> MetricRow:
    return MetricRow(name, "counter", text, labels)


def _histogram(name: str, text: str, *labels: str) -> MetricRow:
    return MetricRow(name, "histogram", text, labels)


#: Every metric, in the order of the document.
METRICS: Final[tuple[MetricRow, ...]] = (
    _gauge("govchain_build_info", "1, for what the node is", "version", "build", "chain", "python"),
    # the ledger
    _gauge("govchain_height", "height of the newest block"),
    _gauge("govchain_certified_height", "height of the newest block with a finality certificate"),
    _gauge("govchain_block_time_seconds", "time of the newest block, since 1970"),
    _gauge("govchain_ordering", "1 while the node orders transactions, else 0"),
    _gauge("govchain_node_state", "1 for the state that the node is in", "state"),
    _gauge("govchain_node_problem", "1 for the result code for which it does not order; none while it does", "code"),
    _gauge("govchain_pool_transactions", "transactions in the pool"),
    _gauge("govchain_pool_bytes", "bytes of the transactions in the pool"),
    _gauge("govchain_intake_transactions", "transactions that wait for their check"),
    _gauge("govchain_replay_window_transactions", "ids in the replay window"),
    _counter("govchain_transactions_total", "transactions in blocks of this run, by result code", "code"),
    _counter("govchain_transactions_refused_total", "transactions that were not taken, by result code", "code"),
    _histogram("govchain_block_seconds", "from a block's execution to its durability"),
    _histogram("govchain_commit_seconds", "the durable write of a block"),
    _counter("govchain_verified_transactions_total", "transactions that were decoded and verified"),
    _counter("govchain_verify_seconds_total", "time that took, all threads together"),
    _counter("govchain_verified_before_total", "transactions of proposals that had been verified before: none of it"),
    _counter("govchain_verifier_hits_total", "SM2 verifications with a table of the key"),
    _counter("govchain_verifier_misses_total", "SM2 verifications without one"),
    _counter("govchain_store_syncs_total", "synchronisations of the store's log (fsync)"),
    _gauge("govchain_software_keys", "software keys in use"),
    # the engine; all but the height are 0 where there is no other member
    _gauge("govchain_engine_height", "the engine's newest block, empty ones counted"),
    _gauge("govchain_engine_round", "rounds that the block in work has failed, or its predecessor"),
    _gauge("govchain_engine_peers", "engines that this node's engine is connected to"),
    _gauge("govchain_engine_members_missing", "members whose votes are missing"),
    _counter("govchain_engine_starts_total", "starts of the engine's process"),
    _counter("govchain_engine_proposals_rejected_total", "proposals of others that this node rejected"),
    _counter("govchain_engine_misbehaviour_total", "proofs that a member voted twice at one height"),
    _counter("govchain_equivocations_total", "proofs that a member signed two blocks of one height"),
    # the other nodes; 0 or without samples where there is none
    _gauge("govchain_peers_known", "other members whose files are known"),
    _gauge("govchain_peers_connected", "other members that this node is connected to"),
    _gauge("govchain_peer_rtt_seconds", "time from asking another node to its answer", "peer"),
    _counter("govchain_peer_received_bytes_total", "received from another node, by kind of message", "peer", "kind"),
    _counter("govchain_peer_sent_bytes_total", "sent to another node, by kind of message", "peer", "kind"),
    _counter("govchain_peers_refused_total", "connections, requests and messages turned away, by reason", "reason"),
    _counter("govchain_propagated_total", "transactions and signatures that came from other nodes", "kind"),
    _counter("govchain_propagation_seconds_total", "how long these were on the way, by the senders' clocks", "kind"),
    # requests
    _counter("govchain_http_requests_total", "answered requests", "method", "route", "status"),
    _histogram("govchain_http_request_seconds", "from a request to the end of its answer", "method", "route"),
    _gauge("govchain_http_requests_in_flight", "requests under way, streams included"),
    _counter("govchain_http_problems_total", "problems that were answered, by result code", "code"),
    _gauge("govchain_http_connections", "open connections"),
    _counter("govchain_http_connections_refused_total", "connections refused at the limit"),
    _counter("govchain_http_connections_evicted_total", "idle connections closed at the limit"),
    _counter("govchain_http_connections_stalled_total", "closing connections cut off, their clients not reading"),
    # parts
    _gauge("govchain_sessions", "sessions"),
    _gauge("govchain_subscribers", "open event streams"),
    _counter("govchain_subscribers_dropped_total", "event streams given up because their clients did not read"),
    _gauge("govchain_webhooks", "webhooks"),
    _gauge("govchain_webhook_deliveries", "deliveries of webhooks by state", "state"),
    _gauge("govchain_index_height", "last block in the index"),
    _gauge("govchain_index_lag_blocks", "blocks that the index is behind"),
    _gauge("govchain_index_state", "1 for the state that the index is in", "state"),
    _gauge("govchain_archive_height", "highest block in an archive of the node's folder"),
    _gauge("govchain_archive_time_seconds", "when that archive was made, since 1970"),
    _gauge("govchain_archive_failing", "1 while the last archiving or pruning failed"),
    _gauge("govchain_pruned_height", "highest block whose contents were pruned"),
    _counter("govchain_log_lines_dropped_total", "lines of the log that could not be written"),
    _gauge("govchain_clock_offset_seconds", "how far the time servers are ahead of this clock"),
    _gauge("govchain_clock_servers_agreeing", "time servers that agree"),
    _gauge("govchain_clock_drifting", "1 while the clock is off by more than clock_drift_ms_max"),
    # the machine, and this process
    _gauge("govchain_host_cpus", "processors"),
    _gauge("govchain_host_cpu_busy_ratio", "share of all processors that was busy, 0 to 1"),
    _gauge("govchain_host_memory_bytes", "memory"),
    _gauge("govchain_host_memory_available_bytes", "memory that programs can still get"),
    _gauge("govchain_host_disk_bytes", "size of the data directory's file system"),
    _gauge("govchain_host_disk_free_bytes", "what is free there"),
    _counter("govchain_host_network_received_bytes_total", "received over all interfaces"),
    _counter("govchain_host_network_sent_bytes_total", "sent over all interfaces"),
    _gauge("govchain_process_memory_bytes", "resident memory of the node"),
    _counter("govchain_process_cpu_seconds_total", "processor time of the node"),
    _gauge("govchain_process_threads", "threads of the node"),
    _gauge("govchain_process_descriptors", "open files and sockets of the node"),
    _gauge("govchain_process_descriptors_max", "how many it may open"),
    _gauge("govchain_process_start_time_seconds", "when it began, since 1970"),
)
