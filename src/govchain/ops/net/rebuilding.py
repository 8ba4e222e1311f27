"""A node whose disk was lost, made again: new keys in the place of the old ones by vote, its ledger from the others.

Purpose: what an operator does after a loss, in one go, and how long it takes until the node votes again. The node's old
keys never come back, since the engine's record of its votes went with them.
Rules: as for a new node (``membership``). The accounts of the organisation are not the node's: their keys are kept in a
folder of their own before anything is taken away (:attr:`NodePlace.accounts`), under a passphrase of their own, so that
nothing of the lost node opens there; the organisation proposes and votes with them before and after. What was broken
off is begun again by the same call: the member's key is looked up on the ledger.
Not here: the vote (``desks``, ``modules.governance``), joining by snapshot (``node.joining``).
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from govchain.model import Code, GovChainError, RefusedError, UnavailableError
from govchain.modules.governance.messages import MemberRotate
from govchain.node.founding import admit_records, found_node
from govchain.node.settings import changed_settings, load_settings
from govchain.ops.net.creating import chain_ports_taken
from govchain.ops.net.desks import decide, operator, require_voters, running_nodes
from govchain.ops.net.layout import (
    LOOPBACK,
    NetworkFile,
    NetworkFolder,
    NodeEntry,
    NodePlace,
    free_chain_ports,
    save_network,
)
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process, start_nodes
from govchain.proof.certificates import decode_certificate
from govchain.proof.members import MemberRecord, encode_member_record
from govchain.sdk.client import Client
from govchain.sdk.governing import list_members, rotation
from govchain.sdk.transactions import now_ms
from govchain.services.ceremony import tls_of
from govchain.services.chains import make_key_folder
from govchain.services.configurations import settings_file
from govchain.services.node_keys import NodePlan, create_node_keys
from govchain.signers import open_key_file, passphrase_source, write_key_file
from govchain.signers.files import read_key_file
from govchain.storage import DirectoryLayout
from govchain.storage.directory import synchronise_tree

__all__ = ["Rebuilt", "rebuild_node"]

_LOOK_S: Final = 0.25
#: How long a signature under a new block is waited for once the node follows: an idle chain makes none.
_IDLE_S: Final = 15.0
#: Of the newest blocks so many are looked at for it.
_LOOKED_AT: Final = 20


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of it: the network, the node under its new key, and how long it took until it voted, in seconds.

    ``signed`` is a block that carries its new signature, 0 where the idle chain made none.
    """

    network: NetworkFile
    node: NodeEntry
    seconds: float
    signed: int


def rebuild_node(folder: NetworkFolder, network: NetworkFile, entry: NodeEntry, *, timeout_s: float = 180.0) -> Rebuilt:
    """Make the data directory of a node that does not run anew, and wait until it votes.

    Raises:
        UnavailableError: ``NETWORK_NODE``: it runs, too few others do, the key of its organisation's operator is gone,
            or it does not come so far in time.
        RefusedError: what the ledger refuses.
    """
    began = time.monotonic()
    place = folder.node(entry.name)
    if find_process(place) is not None:
        raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it runs")
    voters = running_nodes(folder, network)
    require_voters(network.present, voters, [*voters, entry])
    keep_accounts(place, entry.name)
    with operator(folder, entry, voters[0], login=True) as client:
        key = _current_key(client, entry)
    others = [node for node in network.present if node.name != entry.name]
    files = [(node.name, (folder.members / f"{node.name}.json").read_bytes()) for node in others]
    record = _make_keys(folder, network, entry)
    layout = DirectoryLayout(place.data)
    signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
    try:
        with operator(folder, entry, voters[0]) as client:
            change: MemberRotate = rotation(client, key, signer, engine_key=record.engine_key, tls=tls_of(record))
    finally:
        signer.close()
    for node in voters:
        admit_records(folder.node(node.name).data, [(entry.name, encode_member_record(record))])
    decide(folder, voters, change, f"{entry.name} is made again", proposer=entry)
    fresh = msgspec.structs.replace(entry, key=record.key)
    nodes = tuple(fresh if node.name == entry.name else node for node in network.nodes)
    network = msgspec.structs.replace(network, nodes=nodes)
    save_network(folder.path, network)
    found_node(place.data, folder.genesis.read_bytes(), files, join=True)
    start_nodes(folder, [fresh])
    with probe(voters[0]) as transport:
        voted = transport.status().height
    while not _follows(voters[0], fresh):
        if time.monotonic() - began > timeout_s:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it does not sign yet")
        time.sleep(_LOOK_S)
    follows = time.monotonic()
    signed = _await_signature([fresh, voters[0]], record.key, voted)
    ended = time.monotonic() if signed else follows
    return Rebuilt(network, fresh, ended - began, signed)


def keep_accounts(place: NodePlace, name: str) -> None:
    """Lay the keys of the organisation's accounts away from the node's own, once, under a passphrase of their own.

    Raises:
        UnavailableError: ``NETWORK_NODE`` where the operator's key is gone, too: then the other organisations vote
            theirs another administrator (``organisation.account``).
    """
    if place.kept_accounts.is_dir():
        return
    keys = DirectoryLayout(place.data).keys
    if not (keys / "operator.pem").exists():
        raise UnavailableError(Code.NETWORK_NODE, name=name, reason="the key of its organisation's operator is gone")
    layout = DirectoryLayout(place.data)
    own = {layout.node_key.name, layout.tls_key.name}
    building = place.home / f".{place.kept_accounts.name}.partial"
    shutil.rmtree(building, ignore_errors=True)
    passphrase = make_key_folder(building, None)
    for path in sorted(keys.glob("*.pem")):
        if path.name not in own:
            with read_key_file(path, passphrase_source(keys)) as key:
                write_key_file(building / path.name, key, passphrase)
    synchronise_tree(building)
    building.rename(place.kept_accounts)
    synchronise_tree(place.home, files=False)


def _current_key(client: Client, entry: NodeEntry) -> str:
    """The node's member key on the ledger: not the one known here where a call was broken off after its vote."""
    for one in list_members(client):
        state = one.state
        if (state.name, state.organisation, state.status) == (entry.name, entry.organisation, "active"):
            return state.key
    raise RefusedError(Code.GOVERNANCE_MEMBER_UNKNOWN)


def _make_keys(folder: NetworkFolder, network: NetworkFile, entry: NodeEntry) -> MemberRecord:
    """The node's new keys and member file in the place of what was there; its settings stay where they can be read."""
    place = folder.node(entry.name)
    kept: dict[str, Any] = {}
    with contextlib.suppress(GovChainError):
        kept = changed_settings(load_settings(DirectoryLayout(place.data).settings, {}, {}))
    shutil.rmtree(place.data, ignore_errors=True)
    if "chain_ports" not in kept:
        kept["chain_ports"] = free_chain_ports(chain_ports_taken(folder))
    record = create_node_keys(
        place.data,
        NodePlan(
            chain=network.chain,
            organisation=entry.organisation,
            organisation_name=entry.organisation_name,
            name=entry.name,
            peers=f"{LOOPBACK}:{entry.peers}",
            engine=f"{LOOPBACK}:{entry.engine}",
            engine_kind=network.engine,
            api=entry.url,
            suite=network.suite,
            now=now_ms(),
            accounts=(),  # the organisation has its accounts
        ),
    ).record
    settings = {**kept, "listen": f"{LOOPBACK}:{entry.api}", "log_format": "json"}
    DirectoryLayout(place.data).settings.write_bytes(settings_file(settings))
    (folder.members / f"{entry.name}.json").write_bytes(encode_member_record(record))
    return record


def _follows(leader: NodeEntry, entry: NodeEntry) -> bool:
    """Whether the node is a member and has the newest block with its certificate."""
    with probe(leader) as transport:
        wanted = transport.status().certified_height
    with probe(entry) as transport:
        return transport.network().member and transport.status().certified_height >= wanted


def _await_signature(nodes: Sequence[NodeEntry], key: str, above: int) -> int:
    """A block above that height whose certificate carries the key's signature, 0 where no such block is made in time.

    A certificate stands with the first quorum of signatures: the new one is not in each, but soon in some.
    """
    looked, deadline = above, time.monotonic() + _IDLE_S
    while time.monotonic() < deadline:
        for node in nodes:
            with probe(node) as transport:
                tip = transport.status().certified_height
                blocks = () if tip <= above else transport.headers(max(above + 1, tip - _LOOKED_AT), tip).blocks
            for block in blocks:
                signed = decode_certificate(block.certificate).signatures if block.certificate else ()
                if any(one.key == key for one in signed):
                    return int(block.height)
            if tip > looked:
                looked, deadline = tip, time.monotonic() + _IDLE_S
        time.sleep(_LOOK_S)
    return 0
