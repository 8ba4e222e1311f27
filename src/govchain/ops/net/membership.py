"""One node more, and one less, in a network on this machine: proposed, voted on and carried out on the ledger.

Purpose: what the operators of separate organisations do one after the other, in one go: the new one makes keys, sends
its member file; its organisation and its node are proposed and voted in; its node follows, says that it is ready, and
signs from then on. Leaving is one vote. Rules: nothing is begun where too few organisations can vote; ``network.json``
names a node once its data directory is there, and a node that did not come so far is taken up where it stopped. Not
here: votes (``desks``), what a vote decides (``modules.governance``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.modules.governance.messages import FirstAccount, MemberAdd, MemberRemove, OrganisationAdd
from govchain.node.founding import admit_records, found_node
from govchain.ops.net.creating import NetworkPlan, make_node
from govchain.ops.net.desks import decide, operator, require_voters, running_nodes
from govchain.ops.net.layout import NODES_MAX, NetworkFile, NetworkFolder, NodeEntry, free_ports, save_network
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process, start_nodes, stop_nodes
from govchain.proof.members import MemberRecord
from govchain.sdk.governing import list_members, ready
from govchain.sdk.transactions import now_ms
from govchain.sdk.trust import TrustStore
from govchain.services.ceremony import read_records, tls_of
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout

__all__ = ["LEAVE_S", "add_node", "remove_node"]

#: Seconds that a node which was voted out has to say so; it waits ten itself for the engine's last blocks.
LEAVE_S: Final = 30.0

_LOOK_S: Final = 0.25


def add_node(
    folder: NetworkFolder,
    network: NetworkFile,
    *,
    language: str = "zh",
    tell: Callable[[str, str], None] = lambda step, name: None,
    timeout_s: float = 180.0,
) -> tuple[NetworkFile, NodeEntry]:
    """Make a node of a new organisation, vote both in, wait until it signs, and register its department.

    ``tell`` hears of each step (``keys``, ``voted``, ``follows``, ``active``) with the node's name. After a failure
    the same call goes on: with the keys that were made, and with what was voted.

    Raises:
        UnavailableError: ``NETWORK_NODE``: too few nodes run to vote, or the new one does not come so far in time.
        RefusedError: what the ledger refuses.
    """
    running = running_nodes(folder, network)
    with operator(folder, running[0], login=True) as client:
        statuses = {one.state.key: one.state.status for one in list_members(client)}
    settled = [node for node in network.present if statuses.get(node.key) == "active"]
    voters = [node for node in running if node in settled]
    require_voters(settled, voters, voters)
    genesis = folder.genesis.read_bytes()
    entry, record = _begun(folder, network, settled) or _begin(folder, network, language)
    place = folder.node(entry.name)
    tell("keys", entry.name)
    for node in voters:
        admit_records(folder.node(node.name).data, [(entry.name, _file(folder, entry))])
    if record.key not in statuses:
        _vote_in(folder, voters, entry, record)
    tell("voted", entry.name)
    if not DirectoryLayout(place.data).genesis.exists():
        found_node(place.data, genesis, [(node.name, _file(folder, node)) for node in settled], join=True)
    TrustStore(place.home / "trust").add(genesis)
    if entry not in network.nodes:
        network = msgspec.structs.replace(network, nodes=(*network.nodes, entry))
        save_network(folder.path, network)
    start_nodes(folder, [entry])
    _follow(voters[0], entry, time.monotonic() + timeout_s)
    tell("follows", entry.name)
    _say_ready(folder, entry)
    deadline = time.monotonic() + timeout_s
    while not _is_member(entry):
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it does not sign yet")
        time.sleep(_LOOK_S)
    tell("active", entry.name)
    with operator(folder, entry) as client:
        for account in record.accounts:
            # What an administrator may grant: supervisors and auditors are not its own to make.
            if not account.administrator and set(account.roles) <= {"department", "operator"}:
                key = bytes.fromhex(account.key)
                client.register(algorithm=account.algorithm, key=key, label=account.label, roles=account.roles)
    return network, entry


def remove_node(
    folder: NetworkFolder, network: NetworkFile, entry: NodeEntry, *, timeout_s: float = 60.0
) -> NetworkFile:
    """Vote a member out, wait for at most :data:`LEAVE_S` until its node says so, and stop it; its data stays.

    Raises:
        UnavailableError: ``NETWORK_NODE``: too few nodes run to vote. RefusedError: what the ledger refuses.
    """
    running = running_nodes(folder, network)
    voters = [node for node in running if node.name != entry.name]
    require_voters(network.present, running, voters)
    decide(folder, voters, MemberRemove(key=entry.key), f"{entry.name} leaves")
    nodes = tuple(
        msgspec.structs.replace(node, removed=True) if node.name == entry.name else node for node in network.nodes
    )
    network = msgspec.structs.replace(network, nodes=nodes)
    save_network(folder.path, network)
    _await_leaving(folder, entry, time.monotonic() + LEAVE_S)
    stop_nodes(folder, [entry], timeout_s=timeout_s)
    return network


def _begin(folder: NetworkFolder, network: NetworkFile, language: str) -> tuple[NodeEntry, MemberRecord]:
    if len(network.nodes) >= NODES_MAX:
        raise UsageError(Code.USAGE, reason=f"a network has {NODES_MAX} nodes at most")
    taken = [port for node in network.nodes for port in (node.api, node.engine, node.peers)]
    api, peers, engine = free_ports(3, taken)
    plan = NetworkPlan(now=now_ms(), engine=network.engine, suite=network.suite, language=language)
    return make_node(folder, len(network.nodes), (api, peers, engine), plan, network.chain)


def _begun(
    folder: NetworkFolder, network: NetworkFile, settled: Sequence[NodeEntry]
) -> tuple[NodeEntry, MemberRecord] | None:
    """A node that an earlier call did not bring so far: listed and no member yet, or with keys and nothing more."""
    listed = [node.name for node in network.present if node not in settled]
    name = listed[0] if listed else f"node-{len(network.nodes)}"
    file = folder.members / f"{name}.json"
    if not file.exists():
        return None
    (record,) = read_records([(str(file), file.read_bytes())])
    addresses = record.addresses
    api, engine, peers = (int(one.rpartition(":")[2]) for one in (addresses.api, addresses.engine, addresses.peers))
    entry = NodeEntry(
        api=api,
        engine=engine,
        key=record.key,
        name=name,
        organisation=record.organisation,
        organisation_name=record.organisation_name,
        peers=peers,
    )
    return entry, record


def _vote_in(folder: NetworkFolder, voters: Sequence[NodeEntry], entry: NodeEntry, record: MemberRecord) -> None:
    try:
        decide(folder, voters, _organisation(record), f"{entry.name} joins")
    except RefusedError as error:
        if error.code is not Code.ACCOUNT_EXISTS:  # that vote was carried out before
            raise
    decide(folder, voters, _member(record), f"{entry.name} joins")


def _await_leaving(folder: NetworkFolder, entry: NodeEntry, deadline: float) -> None:
    """Wait until the node has read that it is out: one that is stopped earlier would not know it."""
    while find_process(folder.node(entry.name)) is not None and time.monotonic() < deadline:
        with probe(entry) as transport, suppress(GovChainError):
            if transport.network().problem == Code.NODE_REMOVED.name:
                return
        time.sleep(_LOOK_S)


def _file(folder: NetworkFolder, node: NodeEntry) -> bytes:
    return (folder.members / f"{node.name}.json").read_bytes()


def _organisation(record: MemberRecord) -> OrganisationAdd:
    account = next(account for account in record.accounts if account.administrator)
    return OrganisationAdd(
        account=FirstAccount(account.algorithm, account.key, account.label, account.roles),
        code=record.organisation,
        name=record.organisation_name,
    )


def _member(record: MemberRecord) -> MemberAdd:
    return MemberAdd(
        engine_key=record.engine_key,
        key=record.key,
        name=record.name,
        organisation=record.organisation,
        tls=tls_of(record),
    )


def _follow(leader: NodeEntry, entry: NodeEntry, deadline: float) -> None:
    """Wait until the new node has the blocks that another has, with their certificates."""
    with probe(leader) as transport:
        wanted = transport.status().height
    while True:
        with probe(entry) as transport:
            reached = transport.status().certified_height
        if reached >= wanted:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason=f"height {reached} of {wanted}")
        time.sleep(_LOOK_S)


def _say_ready(folder: NetworkFolder, entry: NodeEntry) -> None:
    """The new organisation tells, at its own node, that this follows; its member key signs which block it has."""
    layout = DirectoryLayout(folder.node(entry.name).data)
    signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
    try:
        with operator(folder, entry) as client:
            ready(client, signer)
    finally:
        signer.close()


def _is_member(entry: NodeEntry) -> bool:
    with probe(entry) as transport:
        return transport.network().member
