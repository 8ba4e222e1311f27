"""``/v1/webhooks``: deliveries of events to others' servers; docs/spec/webhooks.md.

Shells: who may do what is ``services.webhooks``. Always behind a session.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response
from msgspec import Meta, Struct
from msgspec.structs import asdict

from govchain.api.bodies import body_of, read_json
from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import NeededSession
from govchain.model import Code
from govchain.sdk.wire import to_json
from govchain.services.webhook_sender import Attempt
from govchain.services.webhooks import (
    PAGE_DEFAULT,
    DeliveryPage,
    SentAgain,
    Webhook,
    WebhookChange,
    WebhookCreated,
    WebhookPage,
    WebhookWish,
)

__all__ = ["WebhookChanged", "WebhookWanted", "router"]

router = new_router("webhooks")

_URL = "https://intake.example.gov.cn/govchain"
_ID = "4f1c9a0b2ad37e51"

Url = Annotated[
    str,
    Meta(
        description="Where messages go: https, at an address that is public or in a network that the operator allows.",
        examples=[_URL],
        max_length=2048,
    ),
]
Terms = Annotated[tuple[str, ...], Meta(description="Of these alone; empty: of all.", examples=[["evidence.*"]])]
Secret = Annotated[
    str,
    Meta(
        description="What messages are signed with: 16 to 256 bytes of UTF-8.",
        examples=["a long text that only the two of us know"],
        max_length=256,
    ),
]
OnFailure = Annotated[
    Literal["continue", "pause"],
    Meta(description="What follows a dead letter: the next delivery, or a pause.", examples=["continue"]),
]


class WebhookWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """What is registered."""

    url: Url
    types: Terms = ()
    organisations: Terms = ()
    references: Terms = ()
    secret: Annotated[Secret | None, Meta(description="None: the node makes one and tells it once.")] = None
    cursor: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        Meta(description="Begin after this place; None: now.", examples=["1204.0.0"]),
    ] = None
    on_failure: OnFailure = "continue"


class WebhookChanged(Struct, frozen=True, forbid_unknown_fields=True):
    """What changes; a field that is left out, or null, stays. It holds for what has not been read yet."""

    url: Url | None = None
    types: Terms | None = None
    organisations: Terms | None = None
    references: Terms | None = None
    secret: Secret | None = None
    on_failure: OnFailure | None = None
    state: Annotated[
        Literal["active", "paused"] | None, Meta(description="Whether messages are sent.", examples=["paused"])
    ] = None


Id = Annotated[str, Path(description="The webhook's id, 16 hex digits.", examples=[_ID])]
Number = Annotated[str, Path(description="The delivery's number.", examples=["12"])]
Limit = Annotated[int, Query(description="Entries of one page, 1 to 1,000. Unit: entries.", examples=[100])]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", examples=["12"])]

_SEEN = (Code.NOT_FOUND, Code.SERVICE_OFF)


@router.post(
    "/v1/webhooks",
    **describe(
        "Register a webhook",
        text="Events are sent as signed POSTs, at least once and in order (docs/spec/webhooks.md). The secret is told"
        " in this answer and never again.",
        answer=WebhookCreated,
        types=(WebhookWanted,),
        status=201,
        codes=(
            Code.CONTENT_TYPE,
            Code.CURSOR_INVALID,
            Code.WEBHOOK_TARGET,
            Code.WEBHOOKS_TOO_MANY,
            Code.SERVICE_OFF,
        ),
        body=body_of(WebhookWanted),
    ),
)
async def create(request: Request, services: Services, session: NeededSession) -> Response:
    """The webhook and its secret."""
    webhooks = needed(services.webhooks, "webhooks")
    wanted = await read_json(request, WebhookWanted)
    return json_answer(to_json(await webhooks.create(session, WebhookWish(**asdict(wanted)))), 201)


@router.get(
    "/v1/webhooks",
    **describe(
        "The caller's webhooks; all of them for an operator",
        answer=WebhookPage,
        codes=(Code.CURSOR_INVALID, Code.SERVICE_OFF),
    ),
)
def webhooks(
    services: Services, session: NeededSession, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> Response:
    """A page of webhooks."""
    return json_answer(to_json(needed(services.webhooks, "webhooks").list(session, cursor, limit)))


@router.get("/v1/webhooks/{webhook}", **describe("A webhook", answer=Webhook, codes=_SEEN))
def webhook(webhook: Id, services: Services, session: NeededSession) -> Response:
    """One webhook."""
    return json_answer(to_json(needed(services.webhooks, "webhooks").get(session, webhook)))


@router.patch(
    "/v1/webhooks/{webhook}",
    **describe(
        "Change, pause or resume a webhook",
        text="Its owner may change everything; an operator may pause and resume it. What an operator paused only an "
        "operator resumes.",
        answer=Webhook,
        types=(WebhookChanged,),
        codes=(*_SEEN, Code.CONTENT_TYPE, Code.ROLE_MISSING, Code.WEBHOOK_TARGET),
        body=body_of(WebhookChanged),
    ),
)
async def change(webhook: Id, request: Request, services: Services, session: NeededSession) -> Response:
    """The webhook as it is now."""
    part = needed(services.webhooks, "webhooks")
    wanted = await read_json(request, WebhookChanged)
    return json_answer(to_json(await part.change(session, webhook, WebhookChange(**asdict(wanted)))))


@router.delete(
    "/v1/webhooks/{webhook}",
    **describe("Remove a webhook, its deliveries and its dead letters", status=204, codes=_SEEN),
)
def remove(webhook: Id, services: Services, session: NeededSession) -> Response:
    """Nothing is sent any more."""
    needed(services.webhooks, "webhooks").remove(session, webhook)
    return Response(status_code=204)


@router.post(
    "/v1/webhooks/{webhook}/ping",
    **describe(
        "Send a message without events now",
        text="One attempt, whatever the webhook's state and whatever else is under way; it says what became of it.",
        answer=Attempt,
        codes=_SEEN,
    ),
)
async def ping(webhook: Id, services: Services, session: NeededSession) -> Response:
    """What became of the attempt."""
    return json_answer(to_json(await needed(services.webhooks, "webhooks").ping(session, webhook)))


@router.get(
    "/v1/webhooks/{webhook}/deliveries",
    **describe(
        "Deliveries of a webhook, newest first",
        text="The last 100 that were delivered, the one under way, and every dead letter.",
        answer=DeliveryPage,
        codes=(*_SEEN, Code.CURSOR_INVALID),
    ),
)
def deliveries(
    webhook: Id, services: Services, session: NeededSession, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> Response:
    """A page of deliveries."""
    return json_answer(to_json(needed(services.webhooks, "webhooks").deliveries(session, webhook, cursor, limit)))


@router.get(
    "/v1/webhooks/{webhook}/dead-letters",
    **describe("Deliveries that were given up, newest first", answer=DeliveryPage, codes=(*_SEEN, Code.CURSOR_INVALID)),
)
def dead_letters(
    webhook: Id, services: Services, session: NeededSession, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT
) -> Response:
    """A page of dead letters."""
    part = needed(services.webhooks, "webhooks")
    return json_answer(to_json(part.deliveries(session, webhook, cursor, limit, dead_only=True)))


@router.post(
    "/v1/webhooks/{webhook}/dead-letters/resend",
    **describe(
        "Send every dead letter once more",
        text="One attempt each, oldest first, before anything new; what fails again stays a dead letter.",
        answer=SentAgain,
        status=202,
        codes=_SEEN,
    ),
)
def resend_all(webhook: Id, services: Services, session: NeededSession) -> Response:
    """How many."""
    count = needed(services.webhooks, "webhooks").send_again(session, webhook, None)
    return json_answer(to_json(SentAgain(count)), 202)


@router.post(
    "/v1/webhooks/{webhook}/dead-letters/{number}/resend",
    **describe("Send a dead letter once more", answer=SentAgain, status=202, codes=_SEEN),
)
def resend(webhook: Id, number: Number, services: Services, session: NeededSession) -> Response:
    """One."""
    count = needed(services.webhooks, "webhooks").send_again(session, webhook, number)
    return json_answer(to_json(SentAgain(count)), 202)


@router.delete(
    "/v1/webhooks/{webhook}/dead-letters/{number}",
    **describe("Drop a dead letter: its events are not sent any more", status=204, codes=_SEEN),
)
def discard(webhook: Id, number: Number, services: Services, session: NeededSession) -> Response:
    """Gone."""
    needed(services.webhooks, "webhooks").discard(session, webhook, number)
    return Response(status_code=204)
