"""The doctor's checks of what is around the ledger: the machine, the settings, the TLS certificate, the index.

Purpose: each check notes what it finds in a :class:`govchain.ops.findings.Report`. Rules: reads only; a node that runs
meanwhile is not disturbed. Not here: the ledger (``ops.ledger_checks``), keys and clock (``ops.doctor``), a node that
is only reached from outside (``ops.doctor_remote``).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from govchain.index.database import IndexDatabase, database_url
from govchain.index.writer import read_cursor, read_facts
from govchain.ledger import ChainState
from govchain.model import Code, GovChainError
from govchain.node.resources import memory_bytes
from govchain.node.settings import Settings, load_settings
from govchain.ops.findings import Report
from govchain.storage import BlockReader, DirectoryLayout

__all__ = [
    "CPU_MIN",
    "DISK_FREE_BYTES_MIN",
    "INDEX_BEHIND_BLOCKS_MAX",
    "MEMORY_BYTES_MIN",
    "TLS_LEFT_MS_MIN",
    "Minima",
    "check_certificate",
    "check_certificate_file",
    "check_index",
    "check_machine",
    "check_settings",
]

#: Free disk below which a finding is made, in bytes.
DISK_FREE_BYTES_MIN: Final = 1024**3
#: Memory of the machine (or of the control group) below which a finding is made, in bytes.
MEMORY_BYTES_MIN: Final = 1024**3
#: Processors below which a finding is made.
CPU_MIN: Final = 1
#: Time that a TLS certificate must still be good for, in ms: two weeks.
TLS_LEFT_MS_MIN: Final = 14 * 86_400_000
#: Blocks that an index may be behind.
INDEX_BEHIND_BLOCKS_MAX: Final = 1_000
_CERTIFICATE_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Minima:
    """What a machine must have: processors, bytes of memory, bytes of free disk."""

    cpu: int = CPU_MIN
    memory_bytes: int = MEMORY_BYTES_MIN
    disk_free_bytes: int = DISK_FREE_BYTES_MIN


def check_machine(path: Path, minima: Minima, report: Report) -> None:
    """Processors, memory, and free disk where the data directory lies."""
    report.checks += ["cpu", "memory", "disk"]
    count = len(os.sched_getaffinity(0))
    if count < minima.cpu:
        report.add("cpu", Code.MACHINE_TOO_SMALL, "cpu", "machine", count=count, wanted=minima.cpu)
    memory = memory_bytes()
    if memory < minima.memory_bytes:
        facts = {"mib": memory // 2**20, "wanted_mib": minima.memory_bytes // 2**20}
        report.add("memory", Code.MACHINE_TOO_SMALL, "memory", "machine", **facts)
    free = shutil.disk_usage(path).free
    if free < minima.disk_free_bytes:
        wanted = minima.disk_free_bytes // 2**20
        report.add(path, Code.DISK_FULL, "disk", "disk", free_mib=free // 2**20, wanted_mib=wanted)


def check_settings(
    file: Path, environment: Mapping[str, str], report: Report, *, required: bool = False
) -> Settings | None:
    """The settings of the node, from ``file`` and the environment; None where they cannot be read.

    A file that is not there is a finding only where it is ``required``.
    """
    report.checks.append("settings")
    try:
        return load_settings(file, environment, {}, required=required)
    except GovChainError as error:
        report.add_error("settings", error, "settings")
        return None


def check_certificate(pem: bytes, now: int, report: Report, part: str = "tls") -> None:
    """Whether the first certificate of ``pem`` is in force at ``now`` (ms) and for two weeks more."""
    report.checks.append("tls")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        report.add(part, Code.TLS_UNUSABLE, "tls_unreadable", "tls")
        return
    begins = int(certificate.not_valid_before_utc.timestamp() * 1000)
    left = int(certificate.not_valid_after_utc.timestamp() * 1000) - now
    if begins > now:
        report.add(part, Code.TLS_UNUSABLE, "tls_early", "tls")
    elif left <= 0:
        report.add(part, Code.TLS_UNUSABLE, "tls_expired", "tls", days=-left // 86_400_000)
    elif left < TLS_LEFT_MS_MIN:
        report.add(part, Code.TLS_UNUSABLE, "tls_expiring", "tls", days=left // 86_400_000)


def check_certificate_file(settings: Settings, now: int, report: Report) -> None:
    """The certificate that the settings name, if they do."""
    named = settings.text("tls_certificate")
    if not named:
        return
    try:
        with Path(named).open("rb") as file:
            pem = file.read(_CERTIFICATE_BYTES_MAX)
    except OSError as error:
        report.checks.append("tls")
        report.add("tls", Code.FILE_UNREADABLE, "code.FILE_UNREADABLE", "tls", path=named, reason=error.strerror)
        return
    check_certificate(pem, now, report)


def check_index(
    layout: DirectoryLayout,
    settings: Settings,
    blocks: BlockReader,
    chain: ChainState,
    genesis: str,
    report: Report,
    behind_max: int = INDEX_BEHIND_BLOCKS_MAX,
) -> None:
    """Whether the index is this chain's, not far behind and not ahead of the ledger; one never made is fine."""
    url = settings.text("index_url")
    if not settings.flag("index") or (not url and not layout.index.exists()):
        return
    report.checks.append("index")
    try:
        # SQLite keeps a log beside the file while somebody writes to it.
        written = layout.index.with_name(layout.index.name + "-wal").exists()
        database = IndexDatabase(database_url(url, layout.path), untouched=not url and not written)
        try:
            with database.reading() as connection:
                facts, cursor = read_facts(connection), read_cursor(connection)
        finally:
            database.close()
    except GovChainError as error:
        report.add_error("index", error, "index")
        return
    if cursor is None:
        return
    if facts.get("fingerprint") != genesis:
        report.add("index", Code.INDEX_FOREIGN, "index_chain", "index")
    elif cursor.height > chain.height:
        report.add("index", Code.INDEX_FOREIGN, "index_ahead", "index", count=cursor.height - chain.height)
    elif cursor.height and cursor.identity != _identity(blocks, chain, cursor.height):
        report.add("index", Code.INDEX_FOREIGN, "index_history", "index", height=cursor.height)
    elif chain.height - cursor.height > behind_max:
        report.add("index", Code.INDEX_UNAVAILABLE, "index_behind", "index", count=chain.height - cursor.height)


def _identity(blocks: BlockReader, chain: ChainState, height: int) -> str:
    return (chain.identity if height == chain.height else blocks.identity_after(height)).hex()
