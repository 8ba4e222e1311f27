"""``govchain doctor``: checks a data directory from end to end and changes nothing.

Purpose: key files and who may read them; disk; clock; every store file's checksums; every block's links, roots,
receipts and certificate; the state against the roots, by executing every block again. Each finding names the part, the
reason and the remedy.
Rules: reads the directory, writes only to a temporary folder elsewhere, which is removed. Takes no lock, and runs
beside a node: it sees the store as it was at one moment.
Not here: repairing (nothing ever needs it: restore a backup or fetch from peers), the ledger's checks
(``ops.ledger_checks``), printing (``cli``).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from govchain.ledger import ChainState, Machine, decode_chain_state, require_protocol
from govchain.model import Code, GovChainError, UnavailableError
from govchain.model.wire import Genesis
from govchain.node.opening import load_machine
from govchain.node.settings import Settings
from govchain.ops.archive_checks import check_archives
from govchain.ops.clock_check import check_time_servers
from govchain.ops.doctor_machine import (
    DISK_FREE_BYTES_MIN,
    INDEX_BEHIND_BLOCKS_MAX,
    Minima,
    check_certificate_file,
    check_index,
    check_machine,
    check_settings,
)
from govchain.ops.doctor_network import check_membership
from govchain.ops.findings import Finding, Report
from govchain.ops.ledger_checks import REPLAY_MEMORY_BYTES_MAX, LedgerChecks, store_part
from govchain.ops.replay import Progress
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.signers import PASSPHRASE_FILE, open_signer, passphrase_given, passphrase_source
from govchain.state import CommittedState
from govchain.storage import BlockReader, DataDirectory, DirectoryLayout, RocksReader
from govchain.storage.archive_mounts import MountedArchives

__all__ = ["CLOCK_AHEAD_MS_MAX", "DISK_FREE_BYTES_MIN", "Finding", "Minima", "Report", "run"]

#: How far the newest block may lie ahead of the clock, in ms.
CLOCK_AHEAD_MS_MAX = 10_000
#: How often the newest block's certificate is asked for, and the pause between: a node writes it behind its block.
_CERTIFICATE_ATTEMPTS = 5
_CERTIFICATE_PAUSE_S = 0.2
#: Files beside the keys that hold secrets: the submitter's salts.
_PRIVATE_FILES = f"{DirectoryLayout(Path()).catalogue.name}*"


@dataclass(frozen=True, slots=True)
class _Manner:
    """How to examine: the arguments of :func:`run` that concern the ledger, and whether blocks can be executed."""

    now: int
    replay: bool
    exact: bool
    progress: Progress | None
    replay_memory_bytes_max: int
    index_behind_max: int
    sleep: Callable[[float], None]


def run(
    path: Path,
    *,
    now: int,
    replay: bool = True,
    progress: Progress | None = None,
    minima: Minima | None = None,
    environment: Mapping[str, str] | None = None,
    settings_file: Path | None = None,
    replay_memory_bytes_max: int = REPLAY_MEMORY_BYTES_MAX,
    index_behind_max: int = INDEX_BEHIND_BLOCKS_MAX,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Check the data directory at ``path``.

    Args:
        path: the data directory.
        now: ms since 1970, to compare the newest block with.
        replay: read every file, check every root, execute every block again; without it, links and certificates only.
        progress: called with (done, total) blocks.
        minima: less of processors, memory or disk than this is a finding.
        environment: where settings of the node are looked for beside its file.
        settings_file: that file, where it does not lie in the directory; it has to be there.
        replay_memory_bytes_max: stores up to this size are replayed in memory, larger ones in a temporary folder.
        index_behind_max: an index that is further behind, in blocks, is a finding.
        sleep: waits while a running node may be signing its newest block.

    Raises:
        UnavailableError: it is no data directory, half of one, or of a newer version.
    """
    report = Report()
    with DataDirectory(path, read_only=True) as directory:
        genesis = _read_genesis(directory, report)
        _check_keys(directory.path, genesis, report)
        check_machine(directory.path, minima or Minima(), report)
        named = settings_file is not None
        settings = check_settings(settings_file or directory.settings, environment or {}, report, required=named)
        if settings is not None:
            check_certificate_file(settings, now, report)
            check_time_servers(settings, report)
        if genesis is not None and genesis.rule != "solo":
            check_membership(directory, genesis, settings, environment or {}, report)
        if genesis is not None:
            machine, exact = _machine(directory, genesis, report)
            manner = _Manner(now, replay, exact, progress, replay_memory_bytes_max, index_behind_max, sleep)
            _check_ledger(directory, machine, settings, report, manner)
    report.settle()
    return report


def _read_genesis(directory: DataDirectory, report: Report) -> Genesis | None:
    report.checks.append("genesis")
    name = directory.genesis.name
    try:
        genesis = decode_genesis(directory.genesis.read_bytes())
    except FileNotFoundError:
        report.add(name, Code.GENESIS_INVALID, "missing", "genesis")
    except OSError as error:
        report.add(name, Code.FILE_UNREADABLE, "code.FILE_UNREADABLE", "genesis", path=name, reason=error.strerror)
    except GovChainError as error:
        report.add_error(name, error, "genesis")
    else:
        report.chain = genesis.chain
        return genesis
    return None


def _machine(layout: DirectoryLayout, genesis: Genesis, report: Report) -> tuple[Machine, bool]:
    """The machine, and whether its rules are exactly those that genesis names: otherwise it only reads."""
    try:
        return load_machine(genesis), True
    except GovChainError as error:
        report.add_error(layout.genesis.name, error, "genesis")
        reader = load_machine(msgspec.structs.replace(genesis, modules=()), reading=True)
        # Without its rules it is the same chain still: block 1 and the index name this fingerprint.
        return replace(reader, fingerprint=fingerprint(genesis)), False


def _check_keys(path: Path, genesis: Genesis | None, report: Report) -> None:
    """Who may read what is secret, and whether the node's key opens and is a member's."""
    report.checks.append("keys")
    layout = DirectoryLayout(path)
    keys = layout.keys
    for entry in [keys, *sorted(keys.glob("*")), *sorted(path.glob(_PRIVATE_FILES))]:
        try:
            mode = stat.S_IMODE(os.stat(entry).st_mode)
        except OSError:
            continue  # what must be there is looked for below
        if mode & 0o077:
            name = entry.relative_to(path)
            report.add(name, Code.KEY_FILE_PERMISSIONS, "mode", "permissions", mode=f"{mode:04o}")
    node = layout.node_key
    part = node.relative_to(path)
    if not node.exists():
        report.add(part, Code.KEY_FILE_INVALID, "missing", "key")
    elif passphrase_given() is not None or (keys / PASSPHRASE_FILE).exists():
        _check_node_key(node, part, genesis, report)


def _check_node_key(node: Path, part: Path, genesis: Genesis | None, report: Report) -> None:
    try:
        signer = open_signer(f"file:{node}", passphrase_source(node.parent))
    except GovChainError as error:
        if error.code != Code.KEY_FILE_PERMISSIONS:  # said already
            remedy = "key" if error.code == Code.KEY_FILE_INVALID else "passphrase"
            report.add_error(part, error, remedy)
        return
    try:
        # Among several, a node may follow, or have been voted in later.
        alone = genesis is not None and genesis.rule == "solo"
        if genesis and alone and signer.public_key.hex() not in {member.key for member in genesis.members}:
            report.add(part, Code.KEY_FILE_INVALID, "no_member", "key")
    finally:
        signer.close()


def _check_ledger(
    directory: DataDirectory, machine: Machine, settings: Settings | None, report: Report, manner: _Manner
) -> None:
    path = directory.store
    try:
        store = directory.open_reader()
    except GovChainError as error:
        report.checks.append("files")
        report.add_error(store_part(error, path), error, "store")
        return
    try:
        stored = BlockReader(store).chain_state()
        if stored is None:
            report.add("meta", Code.DATA_DIRECTORY_INCOMPLETE, "no_state", "restore")
            return
        chain = decode_chain_state(stored)
        report.height = chain.height
        _check_clock(report, chain.time, manner.now)
        before = len(report.findings) + report.dropped
        _check_store(directory, store, chain, machine, report, manner)
        # Beside damage to the ledger the index says nothing; what else was found takes nothing from it.
        if settings is not None and len(report.findings) + report.dropped == before:
            own = machine.fingerprint.hex()
            check_index(directory, settings, BlockReader(store), chain, own, report, manner.index_behind_max)
            check_archives(directory, settings, BlockReader(store), own, report, whole=manner.replay)
    except GovChainError as error:
        report.add_error(store_part(error, path), error, "store")
    finally:
        store.close()


def _check_store(
    directory: DataDirectory, store: RocksReader, chain: ChainState, machine: Machine, report: Report, manner: _Manner
) -> None:
    blocks = BlockReader(store)
    blocks.archives = archives = MountedArchives(directory.mounts, machine.fingerprint.hex())
    _check_protocol(store, chain, machine, report)
    _check_checkpoint(directory, report, chain.checkpoint.outstanding, chain.height)

    def find_certificate(height: int) -> bytes | None:
        return _ask_again(directory, height, manner.sleep)

    checks = LedgerChecks(machine, store, chain, report, find_certificate, manner.replay_memory_bytes_max)
    try:
        if manner.replay and not checks.check_files():
            return  # everything else would stumble over the same files
        whole = checks.check_headers(blocks)
        # What was pruned is executed again where archives of all of it are mounted; from a snapshot on nothing can be:
        # its state was checked against the roots when it was taken.
        complete = blocks.oldest() <= 1 and not blocks.begun()
        if manner.replay and checks.check_roots(blocks) and whole and manner.exact and complete:
            checks.check_state(blocks, manner.progress)
    finally:
        archives.close()


def _check_protocol(store: RocksReader, chain: ChainState, machine: Machine, report: Report) -> None:
    """Whether this software may make the next block: the members may have voted for a newer one from there on."""
    try:
        require_protocol(machine, CommittedState(store), chain.height + 1)
    except UnavailableError as error:
        report.add_error("protocol", error, "protocol")


def _check_clock(report: Report, newest: int, now: int) -> None:
    report.checks.append("clock")
    if newest > now + CLOCK_AHEAD_MS_MAX:
        report.add("clock", Code.NODE_CLOCK, "clock", "clock", ahead_s=(newest - now) // 1000)


def _check_checkpoint(directory: DataDirectory, report: Report, outstanding: int, height: int) -> None:
    """A checkpoint whose root a later header must carry has to be there; that of the head is taken at the start."""
    report.checks.append("checkpoint")
    place = Path(directory.checkpoints.name) / f"height-{outstanding}"
    if outstanding and outstanding != height and not (directory.path / place).is_dir():
        report.add(place, Code.STORE_CORRUPT, "checkpoint_missing", "restore", height=outstanding)


def _ask_again(directory: DataDirectory, height: int, sleep: Callable[[float], None]) -> bytes | None:
    """The newest block's certificate, where a running node was about to write it."""
    for _ in range(_CERTIFICATE_ATTEMPTS):
        sleep(_CERTIFICATE_PAUSE_S)
        reader = directory.open_reader()
        try:
            found = BlockReader(reader).certificate(height)
        finally:
            reader.close()
        if found is not None:
            return found
    return None
