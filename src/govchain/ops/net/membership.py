"""One node more, and one less, in a network on this machine: proposed, voted on and carried out on the ledger.

Purpose: what the operators of separate organisations do one after the other, in one go: the new one makes keys, sends
its member file; its organisation and its node are proposed and voted in; its node follows, says that it is ready, and
signs from then on. Leaving is one vote. Rules: every vote is a transaction of the organisation's operator account,
through that organisation's own node. Not here: what a vote decides (``modules.governance``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from govchain.model import Code, GovChainError, UnavailableError, UsageError
from govchain.model.wire import Event
from govchain.modules.governance.messages import (
    Change,
    FirstAccount,
    MemberAdd,
    MemberRemove,
    OrganisationAdd,
    Propose,
    Ready,
    Vote,
    ready_message,
)
from govchain.node.founding import admit_records, found_node
from govchain.ops.net.creating import NetworkPlan, make_node
from govchain.ops.net.layout import NODES_MAX, NetworkFile, NetworkFolder, NodeEntry, free_ports, save_network
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process, start_nodes, stop_nodes
from govchain.proof.genesis import decode_genesis
from govchain.proof.members import MemberRecord
from govchain.sdk.client import Client
from govchain.sdk.http import HttpTransport
from govchain.sdk.transactions import now_ms
from govchain.sdk.trust import TrustStore
from govchain.services.ceremony import tls_of
from govchain.signers import open_key_file, passphrase_source
from govchain.storage import DirectoryLayout

__all__ = ["LEAVE_S", "add_node", "decide", "remove_node"]

#: Seconds that a node which was voted out has to say so; it waits ten itself for the engine's last blocks.
LEAVE_S: Final = 30.0
#: How long a proposal stays open.
_OPEN_MS: Final = 3_600_000
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

    ``tell`` hears of each step (``keys``, ``voted``, ``follows``, ``active``) with the node's name.

    Raises:
        UnavailableError: ``NETWORK_NODE``: too few nodes run to vote, or the new one does not come so far in time.
        RefusedError: what the ledger refuses.
    """
    if len(network.nodes) >= NODES_MAX:
        raise UsageError(Code.USAGE, reason=f"a network has {NODES_MAX} nodes at most")
    voters = _running(folder, network)
    genesis = folder.genesis.read_bytes()
    taken = [port for node in network.nodes for port in (node.api, node.engine, node.peers)]
    api, peers, engine = free_ports(3, taken)
    plan = NetworkPlan(now=now_ms(), engine=network.engine, suite=network.suite, language=language)
    entry, record = make_node(folder, len(network.nodes), (api, peers, engine), plan, network.chain)
    place = folder.node(entry.name)
    network = msgspec.structs.replace(network, nodes=(*network.nodes, entry))
    save_network(folder.path, network)
    tell("keys", entry.name)
    for node in voters:
        admit_records(folder.node(node.name).data, [(entry.name, _file(folder, entry))])
    decide(folder, voters, _organisation(record), f"{entry.name} joins")
    decide(folder, voters, _member(record), f"{entry.name} joins")
    tell("voted", entry.name)
    found_node(place.data, genesis, [(node.name, _file(folder, node)) for node in network.present], join=True)
    TrustStore(place.home / "trust").add(genesis)
    start_nodes(folder, [entry])
    _follow(voters[0], entry, time.monotonic() + timeout_s)
    tell("follows", entry.name)
    _say_ready(folder, entry, voters[0])
    deadline = time.monotonic() + timeout_s
    while not _is_member(entry):
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="it does not sign yet")
        time.sleep(_LOOK_S)
    tell("active", entry.name)
    with _operator(folder, entry) as client:
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
    voters = [node for node in _running(folder, network) if node.name != entry.name]
    if not voters:
        raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason="no other node runs")
    decide(folder, voters, MemberRemove(key=entry.key), f"{entry.name} leaves")
    _await_leaving(folder, entry, time.monotonic() + LEAVE_S)
    stop_nodes(folder, [entry], timeout_s=timeout_s)
    nodes = tuple(
        msgspec.structs.replace(node, removed=True) if node.name == entry.name else node for node in network.nodes
    )
    network = msgspec.structs.replace(network, nodes=nodes)
    save_network(folder.path, network)
    return network


def _await_leaving(folder: NetworkFolder, entry: NodeEntry, deadline: float) -> None:
    """Wait until the node has read that it is out: one that is stopped earlier would not know it."""
    while find_process(folder.node(entry.name)) is not None and time.monotonic() < deadline:
        with probe(entry) as transport, suppress(GovChainError):
            if transport.network().problem == Code.NODE_REMOVED.name:
                return
        time.sleep(_LOOK_S)


def _running(folder: NetworkFolder, network: NetworkFile) -> list[NodeEntry]:
    found = [node for node in network.present if find_process(folder.node(node.name)) is not None]
    if not found:
        raise UnavailableError(Code.NETWORK_NODE, name=network.present[0].name, reason="it does not run")
    return found


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


@contextmanager
def _operator(
    folder: NetworkFolder, node: NodeEntry, through: NodeEntry | None = None, keys: Path | None = None
) -> Iterator[Client]:
    """A client that signs with the operator account of the node's organisation, at its own node or ``through`` one.

    ``keys``: the folder of its key, where that is not the node's.
    """
    keys = DirectoryLayout(folder.node(node.name).data).keys if keys is None else keys
    trust = TrustStore(folder.node(node.name).home / "trust")
    with ExitStack() as stack:
        transport = stack.enter_context(HttpTransport((through or node).url))
        signer = open_key_file(keys / "operator.pem", passphrase_source(keys))
        stack.callback(signer.close)
        yield Client(transport, trust=trust.trusted(), signer=signer)


def decide(
    folder: NetworkFolder,
    voters: Sequence[NodeEntry],
    change: Change,
    reason: str,
    *,
    proposer: NodeEntry | None = None,
    keys: Path | None = None,
) -> None:
    """Propose a change and vote for it, organisation by organisation, until it is carried out.

    ``proposer``: whose organisation proposes through the first voter's node, with its key in the folder ``keys``.

    Raises:
        UnavailableError: ``NETWORK_NODE``: too few can vote. RefusedError: what the ledger refuses.
    """
    with _operator(folder, proposer or voters[0], voters[0], keys) as client:
        proposed = client.submit("governance.propose", Propose(change, now_ms() + _OPEN_MS, reason))
    done = _executed(proposed.receipt.events)
    for node in voters[0 if proposer else 1 :]:
        if done:
            return
        with _operator(folder, node) as client:
            vote = client.submit("governance.vote", Vote(approve=True, proposal=proposed.id))
        done = _executed(vote.receipt.events)
    if not done:
        raise UnavailableError(Code.NETWORK_NODE, name=voters[-1].name, reason="too few organisations can vote")


def _executed(events: Sequence[Event]) -> bool:
    return any(event.type == "governance.executed" for event in events)


def _follow(leader: NodeEntry, entry: NodeEntry, deadline: float) -> None:
    """Wait until the new node has the blocks that another has."""
    with probe(leader) as transport:
        wanted = transport.status().height
    while True:
        with probe(entry) as transport:
            reached = transport.status().height
        if reached >= wanted:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=entry.name, reason=f"height {reached} of {wanted}")
        time.sleep(_LOOK_S)


def _say_ready(folder: NetworkFolder, entry: NodeEntry, through: NodeEntry) -> None:
    """The new organisation tells that its node follows; its member key signs which block it has."""
    with probe(entry) as transport:
        status = transport.status()
    layout = DirectoryLayout(folder.node(entry.name).data)
    chain = decode_genesis(folder.genesis.read_bytes()).chain
    signer = open_key_file(layout.node_key, passphrase_source(layout.keys))
    try:
        proof = signer.sign(ready_message(chain, entry.key, status.height, status.identity)).hex()
    finally:
        signer.close()
    with _operator(folder, entry, through) as client:
        client.submit(
            "governance.ready", Ready(height=status.height, identity=status.identity, key=entry.key, proof=proof)
        )


def _is_member(entry: NodeEntry) -> bool:
    with probe(entry) as transport:
        return transport.network().member
