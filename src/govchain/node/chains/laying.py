"""A further chain's data directory at this node: keys, the node's member record for it, genesis and its state.

Purpose: what ``govchain node keys`` and ``node init`` do for a chain that organisations begin by ceremony, done from a
decision. Rules: the member, TLS and engine keys are copies of the node's own, so that each chain changes its keys by a
vote of its own; accounts' keys are not copied; each step leaves all of it or nothing, and may be repeated.
Not here: other members' records (``hosting``), running (``running``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from govchain.consensus import LedgerApplication, Pool
from govchain.consensus.cometbft.keys import copy_engine_keys
from govchain.crypto import get_suite
from govchain.model import GovChainError
from govchain.model.wire import Genesis
from govchain.node.opening import load_machine, system_clock
from govchain.proof.genesis import encode_genesis
from govchain.proof.members import (
    MEMBER_RECORD_BYTES_MAX,
    MemberAddresses,
    MemberRecord,
    build_member_record,
    encode_member_record,
    verify_member_record,
)
from govchain.services.ceremony import verify_own_part
from govchain.signers import PASSPHRASE_FILE, Signer
from govchain.storage import DirectoryLayout, RocksStore
from govchain.storage.directory import complete_directory, synchronise_tree

__all__ = ["complete_chain", "is_complete", "lay_keys", "own_record"]


def is_complete(layout: DirectoryLayout) -> bool:
    """Whether the directory is a data directory."""
    return layout.format_file.exists()


def lay_keys(parent: DirectoryLayout, child: DirectoryLayout) -> None:
    """The folder at ``child`` with copies of the node's keys, unless it is there.

    Raises:
        OSError, UnavailableError: a key cannot be read, or nothing written.
    """
    if child.path.exists():
        return
    parent.chains.mkdir(mode=0o700, exist_ok=True)
    building = DirectoryLayout(parent.chains / f".{child.path.name}.creating")
    shutil.rmtree(building.path, ignore_errors=True)
    building.keys.mkdir(parents=True, mode=0o700)
    for name in (parent.node_key.name, parent.tls_key.name, parent.tls_certificate.name, PASSPHRASE_FILE):
        if (parent.keys / name).exists():
            shutil.copy2(parent.keys / name, building.keys / name)
    if parent.engine.joinpath("config").is_dir():
        copy_engine_keys(parent.engine, building.engine)
    synchronise_tree(building.path)
    building.path.rename(child.path)
    synchronise_tree(parent.chains, files=False)


def own_record(
    child: DirectoryLayout, genesis: Genesis, own: MemberRecord, signer: Signer, addresses: MemberAddresses
) -> MemberRecord:
    """The node's record for the chain: that which lies in its directory, or a new one where it says something else.

    ``own`` is its record on the parent chain, ``signer`` its member key.

    Raises:
        RefusedError: ``CEREMONY_REFUSED`` where the keys are not those that genesis names.
        OSError: it cannot be written.
    """
    member = next(entry for entry in genesis.members if entry.key == own.key)
    names = {entry.code: entry.name for entry in genesis.organisations}
    present: MemberRecord | None = None
    with contextlib.suppress(OSError, GovChainError), child.member_record.open("rb") as file:
        present = verify_member_record(get_suite(genesis.suite), file.read(MEMBER_RECORD_BYTES_MAX + 1))
    if present is not None and present.chain == genesis.chain and present.addresses == addresses:
        return present
    record = build_member_record(
        signer,
        chain=genesis.chain,
        name=member.name,
        organisation=member.organisation,
        organisation_name=names[member.organisation],
        certificate=bytes.fromhex(own.certificate),
        addresses=addresses,
        issued=max(system_clock().wall(), 0 if present is None else present.issued + 1),
        accounts=(),
        engine_key=bytes.fromhex(own.engine_key),
        engine_node=bytes.fromhex(own.engine_node),
    )
    verify_own_part(genesis, record)
    beside = child.member_record.with_name(f".{child.member_record.name}.part")
    with beside.open("wb") as target:
        target.write(encode_member_record(record))
        target.flush()
        os.fsync(target.fileno())
    beside.replace(child.member_record)
    return record


def complete_chain(path: Path, genesis: Genesis) -> None:
    """Make the folder with keys the data directory of the chain: genesis and the state of it.

    Raises:
        RefusedError, UnavailableError: as :func:`~govchain.storage.directory.complete_directory`; ``MODULE_MISSING``.
    """
    machine = load_machine(genesis)
    with complete_directory(path) as building:
        building.genesis.write_bytes(encode_genesis(genesis))
        building.peers.mkdir(mode=0o700, exist_ok=True)
        store = RocksStore(building.store, checkpoints=building.checkpoints)
        try:
            LedgerApplication(machine, store, Pool(), system_clock().wall).init_chain()
        finally:
            store.close()
