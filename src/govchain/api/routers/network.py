"""``/v1/network``: the node's engine, its part in the network, and the other nodes as it sees them."""

from __future__ import annotations

from fastapi import Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.model import Code
from govchain.sdk.network import NetworkStatus
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
