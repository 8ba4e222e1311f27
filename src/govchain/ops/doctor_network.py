"""The doctor's look at what a node among others has beside its ledger: member files, engine keys, the engine's program.

Rules: reads only, asks nobody. Not here: whether the others can be reached (``doctor_remote``), findings' form.
"""

from __future__ import annotations

from collections.abc import Mapping

from govchain.consensus.cometbft.keys import read_engine_keys
from govchain.consensus.engine_binary import find_engine
from govchain.model import Code, GovChainError
from govchain.model.wire import Genesis
from govchain.node.members import load_own_record
from govchain.node.settings import Settings
from govchain.ops.findings import Report
from govchain.peers.records import record_file
from govchain.proof.members import MemberRecord
from govchain.services.ceremony import check_record, read_records
from govchain.services.node_keys import ENGINE_KINDS
from govchain.storage import DirectoryLayout

__all__ = ["check_membership"]

_PROGRAMS: Mapping[str, str] = {rule: program for program, rule in ENGINE_KINDS.items()}


def check_membership(
    layout: DirectoryLayout, genesis: Genesis, settings: Settings | None, environment: Mapping[str, str], report: Report
) -> None:
    """Check the node's own member file, those of the members of genesis, the engine's keys and its program."""
    report.checks.append("members")
    try:
        own = load_own_record(layout, genesis)
    except GovChainError as error:
        report.add_error(layout.member_record.name, error, "member")
        return
    _check_others(layout, genesis, own, report)
    if genesis.rule == "bft":
        _check_engine_keys(layout, own, report)
    folder = "" if settings is None else settings.text("engine_path")
    try:
        find_engine(_PROGRAMS[genesis.rule], environment, folder)
    except GovChainError as error:
        report.add_error(layout.engine.name, error, "engine")


def _check_others(layout: DirectoryLayout, genesis: Genesis, own: MemberRecord, report: Report) -> None:
    """A file that is there must hold; one that is not arrives with the first connection, if any node knows it."""
    known = 0
    for member in genesis.members:
        if member.key == own.key:
            continue
        path = record_file(layout.peers, bytes.fromhex(member.key))
        part = path.relative_to(layout.path)
        try:
            record = read_records([(str(part), path.read_bytes())])[0]
        except FileNotFoundError:
            continue
        except OSError as error:
            report.add(part, Code.FILE_UNREADABLE, "code.FILE_UNREADABLE", "member", path=part, reason=error.strerror)
            continue
        except GovChainError as error:
            report.add_error(part, error, "member")
            continue
        known += not check_record(genesis, record)
    if len(genesis.members) > 1 and not known:
        report.add(layout.peers.name, Code.MEMBER_RECORD_INVALID, "peers_unknown", "member")


def _check_engine_keys(layout: DirectoryLayout, own: MemberRecord, report: Report) -> None:
    try:
        keys = read_engine_keys(layout.engine)
    except GovChainError as error:
        report.add_error(layout.engine.name, error, "engine_keys")
        return
    if (keys.engine_key.hex(), keys.node_id.hex()) != (own.engine_key, own.engine_node):
        report.add(layout.engine.name, Code.ENGINE_MISMATCH, "engine_other", "engine_keys")
