"""A member whose etcd lost its data comes back as a new one: said by the operator of another member.

Purpose: ``govchain node renew``. A member whose etcd lost its data may not come back as who it was, since its votes are
gone with the data; etcd's members are those of the ledger, so that a member that is taken out of etcd is added anew at
once, as a learner.
Rules: it is done through the engine of a member that runs, by whoever may reach the sockets in its data directory; a
member whose etcd still answers is not taken out; etcd itself refuses what would leave it without a majority.
Not here: how etcd's members follow the ledger's (``consensus.etcd``), a node that lost everything (``net.rebuilding``).
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Final

from govchain.consensus.etcd.client import EtcdClient
from govchain.consensus.etcd.membership import renew_member
from govchain.consensus.etcd.process import EtcdHome
from govchain.crypto import get_suite
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.proof.genesis import decode_genesis
from govchain.proof.members import MEMBER_RECORD_BYTES_MAX, MemberRecord, verify_member_record
from govchain.storage import DirectoryLayout

__all__ = ["renew_engine"]

#: How long the own engine, and the other one, may take to answer, in seconds.
_CALL_S: Final = 5.0
_LOOK_S: Final = 2.0


def renew_engine(path: Path, member: str) -> MemberRecord:
    """Have the member, by name or public key (hex), begin its etcd anew, through the running node at ``path``.

    Raises:
        UsageError: the chain's engine is another one, or the member's etcd answers.
        RefusedError: ``NOT_FOUND`` where no such member's file is here or etcd does not have it.
        UnavailableError: ``ENGINE_UNREACHABLE``: the node does not run, or etcd refuses, since no majority would be
            left. ``DATA_DIRECTORY_MISSING``.
    """
    layout = DirectoryLayout(path)
    try:
        genesis = decode_genesis(layout.genesis.read_bytes())
    except OSError as error:
        raise UnavailableError(Code.DATA_DIRECTORY_MISSING, path=str(path), reason=error.strerror or "") from None
    if genesis.rule != "raft":
        raise UsageError(Code.USAGE, reason=f"rule {genesis.rule}: its engine is not etcd")
    record = _find(layout, genesis.suite, member)
    if _answers(record.addresses.engine):
        raise UsageError(Code.USAGE, reason=f"{record.name}: its etcd runs at {record.addresses.engine}")
    client = EtcdClient(EtcdHome(layout.engine).socket, timeout_s=_CALL_S)
    try:
        if not renew_member(client, bytes.fromhex(record.key)):
            raise RefusedError(Code.NOT_FOUND, reason=f"{record.name} among etcd's members")
    finally:
        client.close()
    return record


def _find(layout: DirectoryLayout, suite: str, member: str) -> MemberRecord:
    """The file of the member that a person means, the newest of that name."""
    found: list[MemberRecord] = []
    for path in sorted(layout.peers.glob("*.json")):
        with contextlib.suppress(OSError, GovChainError), path.open("rb") as file:
            found.append(verify_member_record(get_suite(suite), file.read(MEMBER_RECORD_BYTES_MAX + 1)))
    named = [record for record in found if member.strip() in (record.name, record.key)]
    if not named:
        raise RefusedError(Code.NOT_FOUND, reason=member)
    return max(named, key=lambda record: record.issued)


def _answers(address: str) -> bool:
    """Whether somebody listens there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_LOOK_S):
            return True
    except OSError:
        return False
