"""``/v1/health/live``, ``/v1/health/ready``, ``/metrics``: for supervision."""

from __future__ import annotations

from fastapi import Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.model import Code, UnavailableError

__all__ = ["router"]

router = new_router("supervision")


@router.get("/v1/health/live", **describe("The process answers", session=False, example={"live": True}))
async def live() -> Response:
    """Whether the process answers at all."""
    return json_answer({"live": True})


@router.get(
    "/v1/health/ready",
    **describe(
        "The node takes transactions",
        session=False,
        codes=(
            Code.NODE_STOPPING,
            Code.NODE_CLOCK,
            Code.DISK_FULL,
            Code.STORE_CORRUPT,
            Code.ENGINE_FAILED,
            Code.ENGINE_UNREACHABLE,
            Code.NODE_DIVERGED,
            Code.NODE_REMOVED,
            Code.CHAIN_STOPPED,
        ),
        text="Beside the height stands `clock`, where the node compares its clock with time servers: how far they are"
        " ahead in ms (null while too few agree), whether that is too much, how many agree, and how many are asked;"
        " and `unseen`, where the node cannot look at its `machine` (such as a disk that does not answer) or at what"
        " became of its `webhooks`.",
        example={
            "ready": True,
            "height": 1204,
            "clock": {"offset_ms": 3, "drifting": False, "agreeing": 3, "asked": 3},
        },
    ),
)
async def ready(services: Services) -> Response:
    """Whether transactions are taken; a problem with the reason where not."""
    problem = services.problem()
    if problem is not None:
        raise UnavailableError(problem)
    return json_answer({"ready": True, "height": services.answers.status().height, **services.health()})


@router.get(
    "/metrics",
    **describe(
        "Metrics in the Prometheus exposition format",
        session=False,
        media="text/plain; version=0.0.4; charset=utf-8",
        codes=(Code.SERVICE_OFF,),
    ),
)
def metrics(services: Services) -> Response:
    """Whatever the node's registry tells."""
    data = needed(services.metrics, "metrics")()
    return Response(data, media_type="text/plain; version=0.0.4; charset=utf-8")
