"""The doctor's look at the clock by the time servers of the settings.

Rules: asks the network only where the settings name servers, for a few seconds at most; changes nothing. Not here: the
newest block against the clock (``ops.doctor``), what a running node says of its clock (``/v1/health/ready``).
"""

from __future__ import annotations

import secrets

from govchain.model import Code, GovChainError
from govchain.node.clock import ClockWatch
from govchain.node.settings import Settings
from govchain.node.sntp import time_servers
from govchain.ops.findings import Report

__all__ = ["check_time_servers"]


def check_time_servers(settings: Settings, report: Report) -> None:
    """Note a clock that is off, or that cannot be compared; nothing where the settings name no servers."""
    if not settings.list("ntp_servers"):
        return
    report.checks.append("time_servers")
    try:
        servers = time_servers(settings.list("ntp_servers"))
    except GovChainError as error:
        report.add_error("settings", error, "settings")
        return
    limit_ms = settings.integer("clock_drift_ms_max")
    status = ClockWatch(servers, limit_ms, secrets.token_bytes).check()
    if status.offset_ms is None:
        told = ", ".join(f"{server} {outcome}" for server, outcome in status.outcomes.items())
        report.add(
            "clock", Code.CLOCK_DRIFT, "clock_servers_disagree", "time_servers", asked=status.asked, servers=told
        )
    elif status.drifting:
        report.add(
            "clock", Code.CLOCK_DRIFT, "clock_servers_off", "clock", offset_ms=status.offset_ms, limit_ms=limit_ms
        )
