"""``govchain doctor``: checks a data directory from end to end and changes nothing.

Purpose: every block's links, roots, receipts and certificate; state against the roots, by executing every block again;
key files' permissions; disk; clock. Each finding names the part, the reason and the remedy.
Rules: reads the directory, writes only to a temporary folder elsewhere, which is removed. Runs beside a node.
Not here: repairing (nothing ever needs it: restore a backup or fetch from peers), printing (``cli``).
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from govchain.ledger import Machine, decode_chain_state
from govchain.model import Code, GovChainError
from govchain.node.embedded import load_machine
from govchain.ops.replay import compare_tables, replay_blocks
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis
from govchain.proof.headers import decode_header, header_identity
from govchain.services.chains import KEYS_FOLDER
from govchain.state import Table
from govchain.storage import BlockReader, DataDirectory, RocksReader, RocksStore

__all__ = ["Finding", "Report", "run"]

#: Free disk below which a finding is made, in bytes.
DISK_FREE_BYTES_MIN = 1024**3
#: How far the newest block may lie ahead of the clock, in ms.
CLOCK_AHEAD_MS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: where, what, and what to do. ``remedy`` is a key of the catalogue."""

    part: str
    code: Code
    reason: str
    remedy: str
    height: int | None = None


@dataclass(slots=True)
class Report:
    """What was checked and what was found; clean when ``findings`` is empty."""

    chain: str = ""
    height: int = 0
    checks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def run(path: Path, *, now: int, replay: bool = True, progress: Callable[[int, int], None] | None = None) -> Report:
    """Check the data directory at ``path``.

    Args:
        path: the data directory.
        now: ms since 1970, to compare the newest block with.
        replay: execute every block again and compare the whole state; without it, links and certificates only.
        progress: called with (done, total) blocks.
    """
    report = Report()
    directory = DataDirectory(path, read_only=True)
    try:
        _check_keys(directory, report)
        _check_disk(directory, report)
        _check_ledger(directory, report, now, replay, progress)
    finally:
        directory.close()
    return report


def _check_keys(directory: DataDirectory, report: Report) -> None:
    report.checks.append("keys")
    keys = directory.path / KEYS_FOLDER
    paths = [keys, *sorted(keys.glob("*"))] if keys.is_dir() else []
    for path in paths:
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        if mode & 0o077:
            report.findings.append(
                Finding(str(path), Code.KEY_FILE_PERMISSIONS, f"mode {mode:04o}", "doctor.remedy.permissions")
            )
    if not (keys / "node.pem").exists():
        report.findings.append(Finding(str(keys / "node.pem"), Code.KEY_FILE_INVALID, "missing", "doctor.remedy.key"))


def _check_disk(directory: DataDirectory, report: Report) -> None:
    report.checks.append("disk")
    usage = shutil.disk_usage(directory.path)
    if usage.free < DISK_FREE_BYTES_MIN:
        free = f"{usage.free // 2**20} MiB free"
        report.findings.append(Finding(str(directory.path), Code.DISK_FULL, free, "doctor.remedy.disk"))


def _check_ledger(
    directory: DataDirectory,
    report: Report,
    now: int,
    replay: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    report.checks.append("genesis")
    try:
        machine = load_machine(decode_genesis((directory.path / "genesis.json").read_bytes()))
    except GovChainError as error:
        report.findings.append(Finding("genesis.json", error.code, error.text(), "doctor.remedy.genesis"))
        return
    report.chain = machine.genesis.chain
    try:
        store = directory.open_reader()
    except GovChainError as error:
        report.findings.append(Finding("ledger", error.code, error.text(), "doctor.remedy.store"))
        return
    try:
        blocks = BlockReader(store)
        stored = blocks.chain_state()
        if stored is None:
            report.findings.append(
                Finding("ledger", Code.DATA_DIRECTORY_INCOMPLETE, "no chain state", "doctor.remedy.restore")
            )
            return
        chain = decode_chain_state(stored)
        report.height = chain.height
        _check_clock(report, chain.time, now)
        if _check_chain(machine, blocks, report, chain.height, chain.identity) and replay:
            _check_replay(machine, store, blocks, report, chain.height, progress)
    except GovChainError as error:
        report.findings.append(Finding("ledger", error.code, error.text(), "doctor.remedy.store"))
    finally:
        store.close()


def _check_clock(report: Report, newest: int, now: int) -> None:
    report.checks.append("clock")
    if newest > now + CLOCK_AHEAD_MS_MAX:
        ahead = f"newest block is {newest - now} ms ahead of the clock"
        report.findings.append(Finding("clock", Code.NODE_CLOCK, ahead, "doctor.remedy.clock"))


def _check_chain(machine: Machine, blocks: BlockReader, report: Report, head: int, identity: bytes) -> bool:
    """Links, identities and certificates of every header; whether all hold."""
    report.checks += ["headers", "certificates"]
    previous = machine.fingerprint
    time = machine.genesis.created
    before = len(report.findings)
    for height in range(1, head + 1):
        try:
            data = blocks.header(height)
            if data is None:
                raise GovChainError(Code.HEADER_INVALID, reason="missing")
            header = decode_header(data)
            own = header_identity(machine.suite, data)
            if header.height != height or header.previous != previous.hex() or header.time <= time:
                raise GovChainError(Code.HEADER_INVALID, reason="does not follow the block before it")
            certificate = blocks.certificate(height)
            if certificate is None:
                raise GovChainError(Code.CERTIFICATE_INVALID, reason="missing")
            verify_certificate(machine.suite, header, own, decode_certificate(certificate))
        except GovChainError as error:
            report.findings.append(Finding("headers", error.code, error.text(), "doctor.remedy.restore", height))
            return False
        previous, time = own, header.time
    if previous != identity and head:
        report.findings.append(
            Finding("headers", Code.HEADER_INVALID, "the head is not the last block", "doctor.remedy.restore", head)
        )
    return len(report.findings) == before


def _check_replay(
    machine: Machine,
    store: RocksReader,
    blocks: BlockReader,
    report: Report,
    head: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Execute every block again; compare headers, receipts, and every key of state, look-ups and indexes."""
    report.checks += ["bodies", "receipts", "roots", "state"]
    folder = Path(tempfile.mkdtemp(prefix="govchain-doctor-"))
    try:
        target = RocksStore(folder / "replay")
        try:
            difference = replay_blocks(machine, blocks, head, target, progress)
            for table in (Table.STATE, Table.LIVE, Table.TRANSACTIONS, Table.HISTORY, Table.IDS):
                difference = difference or compare_tables(store, target, table)
        finally:
            target.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if difference is not None:
        report.findings.append(
            Finding(difference.part, Code.STORE_CORRUPT, difference.reason, "doctor.remedy.restore", difference.height)
        )
