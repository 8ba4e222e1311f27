"""``/v1/transactions``: hand in; look up by id, with receipt and proof. Searching is in ``search``."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Query, Request, Response

from govchain.api.describe import describe
from govchain.api.routers.parameters import TransactionId, found
from govchain.api.routing import Services, Settings, immutable, new_router
from govchain.api.security import OpenRead
from govchain.api.submission import ENVELOPE_TYPE, PATH, EnvelopesInJson, submit
from govchain.api.views import TransactionView, transaction_view
from govchain.model import Code
from govchain.proof.headers import decode_header
from govchain.sdk.transport import ReceiptRecord, Submissions, TransactionRecord
from govchain.sdk.wire import ENVELOPES_TYPE, to_json

__all__ = ["router"]

router = new_router("transactions")

_BODY: dict[str, Any] = {
    "required": True,
    "description": "Envelopes (docs/spec/transactions.md), signed by the sender. In one of three forms.",
    "content": {
        ENVELOPE_TYPE: {"schema": {"type": "string", "format": "binary", "description": "One envelope."}},
        ENVELOPES_TYPE: {
            "schema": {"type": "string", "format": "binary", "description": "A MessagePack array of envelopes."}
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/EnvelopesInJson"}},
    },
}
#: Why a transaction may be refused when it is handed in.
_REFUSALS = tuple(code for code in Code if 100 <= code < 400 and code not in (Code.RULE_FAILED, Code.SIGNATURE_DER))


class _Answered(Response):
    """A response that was sent already: the submission writes to the connection itself."""

    def __init__(self, request: Request, services: Any, settings: Any) -> None:
        super().__init__()
        self._parts = (services, settings)
        self._request = request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await submit(scope, receive, send, *self._parts)


@router.post(
    PATH,
    **describe(
        "Hand in transactions",
        text="Answers 202 once the node holds them, or with `wait=committed` 200 once each is durable in a block or"
        " refused. Handing in the same envelope again is safe: it answers REPLAYED with its receipt. One envelope sent"
        " alone that is refused is answered by a problem; an array by one entry for each. Several envelopes are"
        " a MessagePack array of byte strings (bin), each one envelope (docs/spec/block.md 3.2), or JSON with each in"
        " hex.",
        answer=Submissions,
        types=(EnvelopesInJson,),
        status=202,
        also={200: "every transaction is durable in a block, or refused"},
        session=False,
        codes=(
            *_REFUSALS,
            Code.POOL_FULL,
            Code.POOL_DUPLICATE,
            Code.WINDOW_FULL,
            Code.NODE_STOPPING,
            Code.NODE_CLOCK,
            Code.CONTENT_TYPE,
            Code.TIMED_OUT,
        ),
        body=_BODY,
    ),
)
async def post(
    request: Request,
    services: Services,
    settings: Settings,
    wait: Annotated[
        str,
        Query(
            pattern="^(received|committed)$",
            description="What to wait for: received or committed.",
            examples=["committed"],
        ),
    ] = "received",
    timeout_ms: Annotated[
        int,
        Query(
            ge=0,
            le=10**9 - 1,
            description="Longest wait, at most the setting `wait_ms_max`. Unit: ms.",
            examples=[10_000],
        ),
    ] = 30_000,
) -> Response:
    """Described here; ``submission.Shortcut`` answers before the framework's routing."""
    return _Answered(request, services, settings)


@router.get(
    "/v1/transactions/{id}",
    **describe(
        "A committed transaction, in readable form",
        answer=TransactionView,
        codes=(Code.NOT_FOUND, Code.BLOCK_ARCHIVED),
        cached=True,
    ),
)
def transaction(request: Request, id_: TransactionId, services: Services, session: OpenRead) -> Response:
    """What was signed, and its receipt."""
    record = found(services.answers.transaction(id_), f"transaction {id_}")
    header = found(services.answers.header(record.height), f"block {record.height}")
    view = transaction_view(record, decode_header(header).time)
    return immutable(request, f"{id_}.view", lambda: msgspec.json.encode(view))


@router.get(
    "/v1/transactions/{id}/receipt",
    **describe(
        "A transaction's receipt, as its bytes",
        answer=ReceiptRecord,
        codes=(Code.NOT_FOUND, Code.BLOCK_ARCHIVED),
        cached=True,
    ),
)
def receipt(request: Request, id_: TransactionId, services: Services, session: OpenRead) -> Response:
    """The receipt's bytes."""
    data = found(services.answers.receipt(id_), f"transaction {id_}")
    return immutable(request, f"{id_}.receipt", lambda: to_json(ReceiptRecord(id_, data)))


@router.get(
    "/v1/transactions/{id}/proof",
    **describe(
        "Everything that proves a transaction's place in its block",
        text="Body, signatures, receipt and both inclusion paths. Together with the block's header and certificate a"
        " client checks them itself (docs/spec/block.md 3 and 4).",
        answer=TransactionRecord,
        codes=(Code.NOT_FOUND, Code.BLOCK_ARCHIVED),
        cached=True,
    ),
)
def proof(request: Request, id_: TransactionId, services: Services, session: OpenRead) -> Response:
    """The transaction with its paths."""
    record = found(services.answers.transaction(id_), f"transaction {id_}")
    return immutable(request, f"{id_}.proof", lambda: to_json(record))
