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
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint
from govchain.proof.members import MemberRecord, encode_member_record
from govchain.services.ceremony import check_record, read_records, verify_own_part
from govchain.storage import DirectoryLayout, RocksStore
from govchain.storage.directory import complete_directory

__all__ = ["FoundedNode", "found_node"]


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
    records = _records(genesis, own, files)
    machine = load_machine(genesis)
    with complete_directory(path) as building:
        building.genesis.write_bytes(encode_genesis(genesis))
        building.peers.mkdir(mode=0o700, exist_ok=True)
        for record in records:
            (building.peers / f"{record.key[:16]}.json").write_bytes(encode_member_record(record))
        store = RocksStore(building.store, checkpoints=building.checkpoints)
        try:
            LedgerApplication(machine, store, Pool(), system_clock().wall).init_chain()
        finally:
            store.close()
    return FoundedNode(path, genesis, fingerprint(genesis).hex(), own, member)


def _own_record(layout: DirectoryLayout) -> MemberRecord:
    try:
        data = layout.member_record.read_bytes()
    except OSError as error:
        raise UnavailableError(
            Code.DATA_DIRECTORY_MISSING, path=str(layout.path), reason=error.strerror or ""
        ) from None
    return read_records([(str(layout.member_record), data)])[0]


def _records(genesis: Genesis, own: MemberRecord, files: Sequence[tuple[str, bytes]]) -> list[MemberRecord]:
    """The newest file of every other member; raises where one is missing or is another's."""
    newest: dict[str, MemberRecord] = {}
    for record in read_records(files):
        fault = "" if record.key == own.key else check_record(genesis, record)
        if fault:
            raise _refused(f"{record.name}: {fault}")
        known = newest.get(record.key)
        if known is None or known.issued < record.issued:
            newest[record.key] = record
    newest.pop(own.key, None)
    missing = [member.name for member in genesis.members if member.key != own.key and member.key not in newest]
    if missing:
        raise _refused(f"the member file of {', '.join(missing)} is missing")
    return [newest[key] for key in sorted(newest)]


def _refused(reason: str) -> RefusedError:
    return RefusedError(Code.CEREMONY_REFUSED, reason=reason)
