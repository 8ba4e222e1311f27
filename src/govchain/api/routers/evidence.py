"""``/v1/evidence/{id}``: a record of evidence (数据存证), what holds of it, its package. Searching is in ``search``."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from govchain.api.describe import describe
from govchain.api.routers.parameters import EvidenceId, found
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import OpenRead
from govchain.api.views import EvidenceView, evidence_view
from govchain.model import Code
from govchain.modules.evidence.messages import mark_keys
from govchain.sdk.transport import EvidenceTransactions, StatusProof
from govchain.sdk.wire import to_json

__all__ = ["PACKAGE_TYPE", "router"]

#: Media type of an evidence package.
PACKAGE_TYPE = "application/vnd.govchain.package+zip"

router = new_router("evidence")

Leaf = Annotated[
    int | None,
    Query(ge=0, le=2**32 - 1, description="Of a batch: number of the leaf meant, from 0.", examples=[0]),
]


@router.get(
    "/v1/evidence/{id}",
    **describe("A record as it stands now, in readable form", answer=EvidenceView, codes=(Code.NOT_FOUND,)),
)
def record(id_: EvidenceId, services: Services, session: OpenRead) -> Response:
    """What was recorded, and whether it holds."""
    now = found(services.queries.evidence_now(bytes.fromhex(id_)), f"evidence {id_}")
    made = found(services.answers.transaction(id_), f"evidence {id_}")
    return json_answer(evidence_view(id_, now.record, now.mark, made.body, now.height))


@router.get(
    "/v1/evidence/{id}/status",
    **describe(
        "Whether a record holds now, proved",
        text="The `live` proof of the record's mark: absent while it holds (docs/spec/evidence-package.md 3.4).",
        answer=StatusProof,
        codes=(Code.NOT_FOUND,),
    ),
)
def status(id_: EvidenceId, services: Services, session: OpenRead, leaf: Leaf = None) -> Response:
    """Presence or absence of its mark."""
    evidence = bytes.fromhex(id_)
    found(services.queries.evidence_record(evidence), f"evidence {id_}")
    return json_answer(to_json(services.answers.status_proof(mark_keys(evidence, leaf))))


@router.get(
    "/v1/evidence/{id}/history",
    **describe("What happened to a record, oldest first", answer=EvidenceTransactions, codes=(Code.NOT_FOUND,)),
)
def history(id_: EvidenceId, services: Services, session: OpenRead) -> Response:
    """Ids of the transactions that touched it."""
    found(services.queries.evidence_record(bytes.fromhex(id_)), f"evidence {id_}")
    ids = services.answers.evidence_history(id_)
    return json_answer(to_json(EvidenceTransactions(id_, tuple(ids))))


@router.get(
    "/v1/evidence/{id}/package",
    **describe(
        "The evidence package: one file that proves the record, offline",
        text="What `govchain verify` takes. It proves what the ledger holds; salts of private fields and the leaves of"
        " a batch lie with the submitter, whose own package shows more.",
        codes=(Code.NOT_FOUND, Code.SERVICE_OFF),
        media=PACKAGE_TYPE,
    ),
)
def package(request: Request, id_: EvidenceId, services: Services, session: OpenRead) -> Response:
    """Made now, as of the newest certified block."""
    data = needed(services.packages, "packages")(id_)
    headers = {"Content-Disposition": f'attachment; filename="{id_[:16]}.gcp"'}
    return Response(data, 200, headers, PACKAGE_TYPE)
