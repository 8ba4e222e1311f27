"""``govchain doctor --node URL``: a node looked at from outside.

Purpose: TLS and its expiry, whether the node answers and takes transactions, its version, its clock, which members it
misses, the chain of its headers with their certificates against the caller's own trust, how far its index is behind.
Rules: the same findings and names as the doctor of a data directory; what the node says of itself is never taken for a
proof: headers are checked by ``sdk``. Not here: what only the node's own machine shows (``ops.doctor``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from govchain import __version__
from govchain.model import Code, GovChainError
from govchain.ops.doctor_machine import INDEX_BEHIND_BLOCKS_MAX, check_certificate
from govchain.ops.findings import Report
from govchain.ops.replay import Progress
from govchain.proof.trust import TrustAnchors
from govchain.sdk.checking import HeadMemory
from govchain.sdk.client import Client
from govchain.sdk.probing import ProbeTransport, shown_certificate
from govchain.sdk.transport import BLOCKS_PER_PAGE_MAX
from govchain.services.sessions import SessionLimits

__all__ = ["CERTIFICATES_BEHIND_BLOCKS_MAX", "CLOCK_DRIFT_MS_MAX", "run"]

#: How far the node's clock may be from ours, in ms.
CLOCK_DRIFT_MS_MAX: Final = 10_000
#: How far certificates may be behind the newest block, in blocks.
CERTIFICATES_BEHIND_BLOCKS_MAX: Final = 16
#: A vote may be late once: a member is missing when every one of so many looks misses it, so far apart.
_LOOKS: Final = 3
_BETWEEN_LOOKS_S: Final = 1.5


def run(
    transport: ProbeTransport,
    trust: TrustAnchors,
    *,
    now: int,
    memory: HeadMemory | None = None,
    quick: bool = False,
    progress: Progress | None = None,
    clock_drift_ms_max: int = CLOCK_DRIFT_MS_MAX,
    index_behind_max: int = INDEX_BEHIND_BLOCKS_MAX,
) -> Report:
    """Look at the node behind ``transport``.

    Args:
        transport: the way to it; with a session its index is looked at, too.
        trust: what the caller believes.
        now: ms since 1970.
        memory: the highest certified header that was seen before.
        quick: check the newest header only.
        progress: called with (done, total) headers.
        clock_drift_ms_max: a larger difference of clocks is a finding.
        index_behind_max: an index that is further behind, in blocks, is a finding.
    """
    report = Report()
    if not _check_way(transport, now, report):
        return report
    _noting(report, "ready", "ready", "node", transport.ready)
    _noting(report, "clock", "clock", "node", lambda: _check_clock(transport, now, clock_drift_ms_max, report))

    _noting(report, "network", "network", "node", lambda: _check_network(transport, report))

    def chain() -> None:
        _check_chain(transport, trust, memory, quick, progress, report)

    _noting(report, "headers", "headers", "trust", chain)
    _noting(report, "index", "index", "node", lambda: _check_index(transport, index_behind_max, report))
    return report


def _check_way(transport: ProbeTransport, now: int, report: Report) -> bool:
    """TLS, then whether anything answers; False where there is no use in asking further."""
    report.checks.append("live")
    try:
        shown = shown_certificate(transport.url)
        if shown is not None:
            check_certificate(shown, now, report)
            if any(finding.name == "tls.expired" for finding in report.findings):
                return False
        transport.live()
    except GovChainError as error:
        report.add_error("live", error, "node")
        return False
    return True


def _noting(report: Report, check: str, part: str, remedy: str, work: Callable[[], None]) -> None:
    report.checks.append(check)
    try:
        work()
    except GovChainError as error:
        report.add_error(part, error, remedy)


def _check_clock(transport: ProbeTransport, now: int, drift_ms_max: int, report: Report) -> None:
    theirs = transport.challenge_expiry() - SessionLimits().challenge_ms
    if abs(theirs - now) > drift_ms_max:
        report.add("clock", Code.NODE_CLOCK, "drift", "clock", seconds=(theirs - now) // 1000)


def _check_network(transport: ProbeTransport, report: Report) -> None:
    """Who of the members is missing, by the node's own view; nothing for a node alone."""
    status = transport.network()
    if status.members <= 1:
        return
    missing, away = set(status.missing), {peer.name or peer.key for peer in status.peers if not peer.connected}
    for _ in range(_LOOKS - 1):
        if not missing and not away:
            break
        time.sleep(_BETWEEN_LOOKS_S)
        status = transport.network()
        missing &= set(status.missing)
        away &= {peer.name or peer.key for peer in status.peers if not peer.connected}
    if missing:
        report.add("network", Code.NETWORK_NODE, "votes_missing", "members", names=", ".join(sorted(missing)))
    if away:
        report.add("network", Code.NETWORK_NODE, "members_away", "members", names=", ".join(sorted(away)))
    lag = status.height - status.certified_height
    if lag > CERTIFICATES_BEHIND_BLOCKS_MAX:
        report.add("network", Code.CERTIFICATE_QUORUM, "certificates_behind", "members", count=lag)


def _check_chain(
    transport: ProbeTransport,
    trust: TrustAnchors,
    memory: HeadMemory | None,
    quick: bool,
    progress: Progress | None,
    report: Report,
) -> None:
    status = transport.status()
    report.checks.append("version")
    if status.node_version != __version__:
        report.add("version", Code.PROTOCOL_UNKNOWN, "version", "upgrade", theirs=status.node_version, own=__version__)
    client = Client(transport, trust=trust, memory=memory)
    report.chain, report.height = client.genesis.chain, status.height
    newest = client.checker.newest_header()
    if newest is None or quick:
        return
    head = status.certified_height
    for first in range(1, head + 1, BLOCKS_PER_PAGE_MAX):
        last = min(first + BLOCKS_PER_PAGE_MAX - 1, head)
        client.checker.verified_headers(first, last)
        if progress is not None:
            progress(last, head)


def _check_index(transport: ProbeTransport, behind_max: int, report: Report) -> None:
    lag = transport.index_lag()
    if lag is not None and lag > behind_max:
        report.add("index", Code.INDEX_UNAVAILABLE, "index_behind", "index", count=lag)
