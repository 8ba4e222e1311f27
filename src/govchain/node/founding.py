"""A node's data directory from its keys, a genesis and the members' files: the last step of the genesis ceremony.

Purpose: what ``govchain node init`` does with the folder that ``govchain node keys`` made.
Rules: nothing is written before genesis, files and keys were found to go together; then all of it or nothing. A node
that genesis does not name may take part as a follower, where the caller says so (``join``).
Not here: making keys (``services.node_keys``), assembling and signing (``services.ceremony``), running (``embedded``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.consensus import LedgerApplication, Pool
from govchain.model import Code, RefusedError, UnavailableError
from govchain.model.wire import Genesis
from govchain.node.opening import load_machine, system_clock
from govchain.peers.records import record_file
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.members import MemberRecord, encode_member_record
from govchain.services.ceremony import check_record, read_records, verify_own_part
from govchain.storage import DirectoryLayout, RocksStore
from govchain.storage.directory import complete_directory, inspect_directory

__all__ = ["FoundedNode", "admit_records", "found_node"]


@dataclass(frozen=True, slots=True)
class FoundedNode:
    """What was made: the directory, its genesis with the fingerprint (hex), the node's own member file.

    ``member``: whether genesis names the node; else it follows.
    """

    path: Path
    genesis: Genesis
    fingerprint: str
    record: MemberRecord
    member: bool


def found_node(
    path: Path, genesis_bytes: bytes, files: Sequence[tuple[str, bytes]], *, join: bool = False
) -> FoundedNode:
    """Make the folder at ``path`` the data directory of a node of the chain of ``genesis_bytes``.

    Args:
        path: a folder that ``create_node_keys`` made.
        genesis_bytes: the genesis file that all signed.
        files: the members' files as (name for people, bytes), its own among them or not; a later one of the same
            member replaces an earlier one.
        join: the node need not be one of those that genesis names.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` where they do not go together; ``DATA_DIRECTORY_EXISTS``.
        UnavailableError: no such folder, or a family that genesis names is not installed.
    """
    layout = DirectoryLayout(path)
    genesis = decode_genesis(genesis_bytes)
    own = _own_record(layout)
    member = any(entry.key == own.key for entry in genesis.members)
    if member:
        verify_own_part(genesis, own)
    elif not join:
        raise _refused(f"{own.name}: no member of this genesis")
    elif own.chain != genesis.chain:
        raise _refused(f"{own.name}: another chain")
    records = _records(genesis, own, files, join=join)
    machine = load_machine(genesis)
    with complete_directory(path) as building:
        building.genesis.write_bytes(encode_genesis(genesis))
        building.peers.mkdir(mode=0o700, exist_ok=True)
        for record in records:
            record_file(building.peers, bytes.fromhex(record.key)).write_bytes(encode_member_record(record))
        store = RocksStore(building.store, checkpoints=building.checkpoints)
        try:
            LedgerApplication(machine, store, Pool(), system_clock().wall).init_chain()
        finally:
            store.close()
    return FoundedNode(path, genesis, fingerprint(genesis).hex(), own, member)


def admit_records(path: Path, files: Sequence[tuple[str, bytes]]) -> list[MemberRecord]:
    """Lay other members' files into the data directory at ``path``, so that its node knows them once the ledger does.

    The node may be running: it looks there whenever the members change.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` for a file that is none, or of another chain.
        UnavailableError: it is no data directory, or cannot be written.
    """
    inspect_directory(path)
    layout = DirectoryLayout(path)
    chain = decode_genesis(layout.genesis.read_bytes()).chain
    records = read_records(files)
    for record in records:
        if record.chain != chain:
            raise _refused(f"{record.name}: another chain")
    try:
        layout.peers.mkdir(mode=0o700, exist_ok=True)
        for record in records:
            place = record_file(layout.peers, bytes.fromhex(record.key))
            beside = place.with_name(f".{place.name}.admitted")
            beside.write_bytes(encode_member_record(record))
            beside.replace(place)
    except OSError as error:
        raise UnavailableError(Code.FILE_UNWRITABLE, path=str(layout.peers), reason=error.strerror or "") from None
    return records


def _own_record(layout: DirectoryLayout) -> MemberRecord:
    try:
        data = layout.member_record.read_bytes()
    except OSError as error:
        raise UnavailableError(
            Code.DATA_DIRECTORY_MISSING, path=str(layout.path), reason=error.strerror or ""
        ) from None
    return read_records([(str(layout.member_record), data)])[0]


def _fault(genesis: Genesis, record: MemberRecord, *, join: bool) -> str:
    """Why the file is not one of another member; whoever joins later may meet members that genesis does not name."""
    if join and all(member.key != record.key for member in genesis.members):
        return "" if record.chain == genesis.chain else "another chain"
    return check_record(genesis, record)


def _records(
    genesis: Genesis, own: MemberRecord, files: Sequence[tuple[str, bytes]], *, join: bool
) -> list[MemberRecord]:
    """The newest file of every other member; raises where one is missing or is another's.

    Whoever joins needs one other file: that node tells of the rest, and members of genesis may have left.
    """
    newest: dict[str, MemberRecord] = {}
    for record in read_records(files):
        fault = "" if record.key == own.key else _fault(genesis, record, join=join)
        if fault:
            raise _refused(f"{record.name}: {fault}")
        known = newest.get(record.key)
        if known is None or known.issued < record.issued:
            newest[record.key] = record
    newest.pop(own.key, None)
    missing = [member.name for member in genesis.members if member.key != own.key and member.key not in newest]
    if missing and not (join and newest):
        raise _refused(f"the member file of {', '.join(missing)} is missing")
    return [newest[key] for key in sorted(newest)]


def _refused(reason: str) -> RefusedError:
    return RefusedError(Code.CEREMONY_REFUSED, reason=reason)
