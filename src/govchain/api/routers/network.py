"""``/v1/network``, ``/v1/chains``: the node's engine, the other nodes as it sees them, further chains that it hosts."""

from __future__ import annotations

from fastapi import Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.model import Code
from govchain.sdk.network import HostedChains, NetworkStatus
from govchain.sdk.wire import to_json

__all__ = ["router"]

router = new_router("chain")


@router.get(
    "/v1/network",
    **describe(
        "The node's engine, and the other nodes as it sees them",
        answer=NetworkStatus,
        session=False,
        codes=(Code.SERVICE_OFF,),
        text="One node's view of itself; nothing of it is proved. A chain of one node has the engine `solo` and no"
        " peers.",
    ),
)
def network(services: Services) -> Response:
    """Engine, members and peers."""
    return json_answer(to_json(needed(services.network, "network")()))


@router.get(
    "/v1/chains",
    **describe(
        "The chains that the members created by vote, as this node hosts them",
        answer=HostedChains,
        session=False,
        codes=(Code.SERVICE_OFF,),
        text="Each runs beside this one with an API of its own at `address`. One node's view of itself; what was"
        " decided, and the genesis, is proved by the state key `governance.chain/` and the chain's id.",
    ),
)
def chains(services: Services) -> Response:
    """Chains of this node."""
    return json_answer(to_json(needed(services.chains, "chains")()))
