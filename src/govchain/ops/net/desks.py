"""What each organisation of a network on this machine does from its own desk: propose and vote with its operator's key.

Purpose: clients that sign for an organisation, who of them can vote now, and a decision carried through them. Rules:
a vote is a transaction of the organisation's operator account, made by ``sdk.governing``; nothing is begun where the
organisations whose nodes run are too few to decide it. Not here: what a vote decides (``modules.governance``), what
follows from it on this machine (``membership``, ``rebuilding``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from govchain.model import Code, UnavailableError
from govchain.modules.governance.messages import Change
from govchain.ops.net.layout import NetworkFile, NetworkFolder, NodeEntry
from govchain.ops.net.looking import probe
from govchain.ops.net.processes import find_process
from govchain.sdk.checking import VerifiedTransaction
from govchain.sdk.client import Client
from govchain.sdk.governing import propose, vote
from govchain.sdk.http import HttpTransport
from govchain.sdk.trust import TrustStore
from govchain.signers import open_key_file, passphrase_source

__all__ = ["decide", "operator", "require_voters", "running_nodes"]

#: How long a proposal stays open, in days: an hour.
_OPEN_DAYS: Final = 1 / 24
#: How long a node may take to come to a proposal's block, in seconds.
_FOLLOW_S: Final = 60.0
_LOOK_S: Final = 0.05


def running_nodes(folder: NetworkFolder, network: NetworkFile) -> list[NodeEntry]:
    """The nodes that were not removed and run.

    Raises:
        UnavailableError: ``NETWORK_NODE`` where there is none.
    """
    found = [node for node in network.present if find_process(folder.node(node.name)) is not None]
    if not found:
        raise UnavailableError(Code.NETWORK_NODE, name=network.present[0].name, reason="it does not run")
    return found


def require_voters(members: Sequence[NodeEntry], running: Sequence[NodeEntry], voters: Sequence[NodeEntry]) -> None:
    """Refuse before anything is done where the chain does not go on, or too few organisations can vote.

    ``running`` must be a quorum of the ``members``, and the organisations of ``voters`` two thirds of theirs: the
    threshold that holds until the organisations vote another one.

    Raises:
        UnavailableError: ``NETWORK_NODE`` with the first node that does not run.
    """
    able = {node.organisation for node in voters}
    every = {node.organisation for node in members}
    with probe(running[0]) as transport:
        quorum = transport.network().quorum
    if len(running) >= quorum and 3 * len(able & every) >= 2 * len(every):
        return
    away = next((node.name for node in members if node not in running), members[-1].name)
    reason = f"{len(running)} of {len(members)} nodes run, {len(able & every)} of {len(every)} organisations can vote"
    raise UnavailableError(Code.NETWORK_NODE, name=away, reason=reason)


@contextmanager
def operator(
    folder: NetworkFolder, node: NodeEntry, through: NodeEntry | None = None, *, login: bool = False
) -> Iterator[Client]:
    """A client that signs with the operator account of the node's organisation, at its own node or ``through`` one.

    ``login``: with a session, which reads need.
    """
    place = folder.node(node.name)
    with ExitStack() as stack:
        transport = stack.enter_context(HttpTransport((through or node).url))
        signer = open_key_file(place.accounts / "operator.pem", passphrase_source(place.accounts))
        stack.callback(signer.close)
        client = Client(transport, trust=TrustStore(place.home / "trust").trusted(), signer=signer)
        if login:
            client.login()
        yield client


def decide(
    folder: NetworkFolder,
    voters: Sequence[NodeEntry],
    change: Change,
    reason: str,
    *,
    proposer: NodeEntry | None = None,
) -> None:
    """Propose a change and vote for it, organisation by organisation, until it is carried out.

    Then the first voter's node has the block that carried it out: what is proposed there next may build on it.

    ``proposer``: whose organisation proposes, through the first voter's node, where its own does not run.

    Raises:
        UnavailableError: ``NETWORK_NODE``: too few can vote. RefusedError: what the ledger refuses.
    """
    with operator(folder, proposer or voters[0], voters[0]) as client:
        last = proposed = propose(client, change, reason=reason, days=_OPEN_DAYS)
    for node in voters[0 if proposer else 1 :]:
        if _is_executed(last):
            break
        _await_block(node, proposed.block.header.height)
        with operator(folder, node) as client:
            last = vote(client, proposed.id, approve=True)
    _await_block(voters[0], last.block.header.height)
    if not _is_executed(last):
        raise UnavailableError(Code.NETWORK_NODE, name=voters[-1].name, reason="too few organisations can vote")


def _await_block(node: NodeEntry, height: int) -> None:
    """Wait until the node has the block: before, it would refuse what builds on it."""
    deadline = time.monotonic() + _FOLLOW_S
    while True:
        with probe(node) as transport:
            reached = transport.status().height
        if reached >= height:
            return
        if time.monotonic() > deadline:
            raise UnavailableError(Code.NETWORK_NODE, name=node.name, reason=f"height {reached} of {height}")
        time.sleep(_LOOK_S)


def _is_executed(transaction: VerifiedTransaction) -> bool:
    return any(event.type == "governance.executed" for event in transaction.receipt.events)
