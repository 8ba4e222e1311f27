"""A node whose disk was lost, made again: new keys in the place of the old ones by vote, its ledger from the others.

Purpose: what an operator does after a loss, in one go. Old keys never come back, since the engine's record of its votes
went with them.
Rules: as for a new node (``membership``); the organisation itself proposes its new keys, with an account whose key lies
elsewhere: here, in a folder beside the node's.
Not here: the vote (``modules.governance``), joining by snapshot (``node.joining``).
"""

from __future__ import annotations

import shutil
import time
from typing import Final

import msgspec

from govchain.model import Code, UnavailableError
from govchain.modules.governance.messages import MemberRotate, rotation_message
from govchain.node.founding import admit_records, found_node
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry, save_network
from govchain.ops.net.looking import probe
from govchain.ops.net.membership import decide
from govchain.ops.net.processes import find_process, start_nodes
from govchain.proof.members import encode_member_record
from govchain.sdk.transactions import now_ms
from govchain.services.ceremony import tls_of
from govchain.services.configurations import settings_file
from govchain.services.node_keys import NodePlan, create_node_keys
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout

__all__ = ["rebuild_node"]

_LOOK_S: Final = 0.25


def rebuild_node(
    folder: NetworkFolder, network: NetworkFile, entry: NodeEntry, *, timeout_s: float = 180.0
) -> tuple[NetworkFile, NodeEntry, float]:
    """Make the data directory of a node that does not run anew, and wait until it signs; how long it took, seconds.

    Raises:
        UnavailableError: ``NETWORK_NODE``: it runs, too few others do, or it does not come so far in time.
        RefusedError: what the ledger refuses.
    """
    began = time.monotonic()
    place = folder.node(entry.name)
    if find_process(place) is not None:
        raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it runs")
    voters = [node for node in network.present if find_process(folder.node(node.name)) is not None]
    if not voters:
        raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="no other node runs")
    files = folder.record_files()
    settings = {"listen": f"127.0.0.1:{entry.api}", "log_format": "json"}
    kept = place.home / "accounts-before"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(DirectoryLayout(place.data).keys, kept)
    shutil.rmtree(place.data, ignore_errors=True)
    record = create_node_keys(
        place.data,
        NodePlan(
            chain=network.chain,
            organisation=entry.organisation,
            organisation_name=entry.organisation_name,
            name=entry.name,
            peers=f"127.0.0.1:{entry.peers}",
            engine=f"127.0.0.1:{entry.engine}",
            engine_kind=network.engine,
            api=entry.url,
            suite=network.suite,
            now=now_ms(),
        ),
    ).record
    layout = DirectoryLayout(place.data)
    layout.settings.write_bytes(settings_file(settings))
    own = encode_member_record(record)
    (folder.members / f"{entry.name}.json").write_bytes(own)
    change = MemberRotate(
        engine_key=record.engine_key, key=entry.key, new_key=record.key, proof="00" * 64, tls=tls_of(record)
    )
    signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
    try:
        proof = signer.sign(rotation_message(network.chain, change)).hex()
    finally:
        signer.close()
    for node in voters:
        admit_records(folder.node(node.name).data, [(entry.name, own)])
    decide(
        folder,
        voters,
        msgspec.structs.replace(change, proof=proof),
        f"{entry.name} is made again",
        proposer=entry,
        keys=kept,
    )
    found_node(place.data, folder.genesis.read_bytes(), files, join=True)
    fresh = msgspec.structs.replace(entry, key=record.key)
    nodes = tuple(fresh if node.name == entry.name else node for node in network.nodes)
    network = msgspec.structs.replace(network, nodes=nodes)
    save_network(folder.path, network)
    start_nodes(folder, [fresh])
    while not _signs(voters[0], fresh):
        if time.monotonic() - began > timeout_s:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it does not sign yet")
        time.sleep(_LOOK_S)
    return network, fresh, time.monotonic() - began


def _signs(leader: NodeEntry, entry: NodeEntry) -> bool:
    """Whether the node is a member and has the newest block."""
    with probe(leader) as transport:
        wanted = transport.status().height
    with probe(entry) as transport:
        return transport.network().member and transport.status().height >= wanted
