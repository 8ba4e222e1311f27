"""``/v1/evidence/{id}/certificate``: the printable certificate (存证证书) of a record."""

from __future__ import annotations

from fastapi import Response

from govchain.api.describe import describe
from govchain.api.routers.parameters import EvidenceId
from govchain.api.routing import Services, needed, new_router
from govchain.api.security import OpenRead
from govchain.model import Code

__all__ = ["router"]

router = new_router("evidence")


@router.get(
    "/v1/evidence/{id}/certificate",
    **describe(
        "The printable certificate (存证证书), a PDF with the evidence package inside",
        text="In Chinese and English (docs/spec/paper.md); `govchain verify` takes it. Leaves of a batch lie with the"
        " submitter, who draws theirs with `govchain evidence certificate ID.N`.",
        codes=(Code.NOT_FOUND, Code.PAPER_FONT, Code.SERVICE_OFF),
        media="application/pdf",
    ),
)
def certificate(id_: EvidenceId, services: Services, session: OpenRead) -> Response:
    """Drawn now, as of the newest certified block."""
    data = needed(services.paper, "paper").certificate(id_)
    headers = {"Content-Disposition": f'attachment; filename="{id_[:16]}.pdf"'}
    return Response(data, 200, headers, "application/pdf")
