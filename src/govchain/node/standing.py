"""How a node stands in its network, as ``GET /v1/network`` and ``govchain net status`` tell it.

Rules: cheap enough to be asked several times a second; names instead of keys wherever a name is known. Not here: the
answer's form (``sdk.network``), the engine's and the peers' own facts.
"""

from __future__ import annotations

from govchain.node.opening import Node
from govchain.proof.signers import quorum
from govchain.sdk.network import NetworkStatus, PeerFacts

__all__ = ["network_status"]


def _peers(node: Node) -> tuple[PeerFacts, ...]:
    if node.network is None:
        return ()
    names = node.network.members.names()
    return tuple(
        PeerFacts(
            name=names.get(view.status.key, view.status.name),
            key=view.status.key.hex(),
            connected=view.status.connected,
            connected_since=view.status.connected_since or 0,
            rtt_ms=-1 if view.status.rtt_ms is None else round(view.status.rtt_ms),
            bytes_in=sum(view.status.bytes_in.values()),
            bytes_out=sum(view.status.bytes_out.values()),
            height=view.height,
            software=view.software,
        )
        for view in node.network.status()
    )


def network_status(node: Node) -> NetworkStatus:
    """The node's view of its engine, the members and the other nodes."""
    status, standing = node.engine.status(), node.state.standing
    certified = node.application.certified_height  # before the head, which may move on meanwhile
    chain = node.application.chain
    names = {member.key: member.name for member in node.genesis.members}
    key = "" if node.signer is None else node.signer.public_key.hex()
    members = len(chain.signers.keys)
    return NetworkStatus(
        chain=node.genesis.chain,
        name=node.name,
        key=key,
        engine=status.name,
        rule=node.genesis.rule,
        running=status.running and standing.code is None,
        state=standing.phase.value,
        problem="" if standing.code is None else standing.code.name,
        since=standing.since,
        engine_height=status.height,
        round=status.round,
        proposer=names.get(status.proposer, status.proposer),
        engine_peers=status.peers,
        missing=tuple(names.get(one, one) for one in status.validators_missing),
        member=any(entry.key == key for entry in chain.signers.keys),
        votes=node.votes,
        members=members,
        quorum=quorum(chain.signers.rule, members),
        epoch=chain.epoch,
        height=chain.height,
        certified_height=certified,
        peers=_peers(node),
    )
