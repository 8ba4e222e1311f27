"""``/v1/events``: a page of events, a stream of them (SSE), a socket (WebSocket); docs/spec/events.md.

Each is a shell: filters and cursors are ``services.events``, waiting is ``services.subscriptions``, what goes over the
connection is ``api.streams``.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import Header, Query, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from govchain.api.describe import describe
from govchain.api.problems import language_of, problem_response
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import ACCOUNT, SessionRead, bearer_token, check_token
from govchain.api.settings import ApiSettings
from govchain.api.streams import EventStream, close_socket, run_socket
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.sdk.transport import EventPage
from govchain.services.bundle import NodeServices
from govchain.services.events import EVENTS_PER_PAGE_DEFAULT, EventCursor, EventFilter
from govchain.services.sessions import Session
from govchain.services.subscriptions import ADDRESS_OWNER, Subscription, Subscriptions

__all__ = ["router"]

#: How long a socket may take to say what it wants, in seconds.
SUBSCRIBE_S_MAX: Final = 10.0
#: Characters of the message that says it.
SUBSCRIBE_CHARACTERS_MAX: Final = 32_768

router = new_router("events")

Types = Annotated[
    list[str],
    Query(
        alias="type",
        description="Events of this type, or with `family.*` of all types of a family; repeat for several.",
        examples=["evidence.anchored"],
    ),
]
Organisations = Annotated[
    list[str],
    Query(
        alias="organisation",
        description="Events of this organisation (统一社会信用代码); repeat for several.",
        examples=["91110000600037341L"],
    ),
]
References = Annotated[
    list[str],
    Query(alias="reference", description="Events with this reference; repeat for several.", examples=["2026-0815"]),
]
Cursor = Annotated[
    str | None,
    Query(description="Go on after this place: `height.transaction.event`.", examples=["1204.0.0"]),
]
Limit = Annotated[int, Query(description="Events of one page, 1 to 1,000. Unit: events.", examples=[100])]
LastEventId = Annotated[
    str | None,
    Header(description="Where a browser's EventSource was; it goes before `cursor`.", examples=["1204.0.0"]),
]


@router.get(
    "/v1/events",
    **describe(
        "A page of events, oldest first",
        answer=EventPage,
        text="Reads on from `cursor`, or from the oldest block here. A page may hold no event and still have `more`: "
        "go on from its `cursor`. An event is proved by its transaction's receipt (`/v1/transactions/{id}/proof`).",
        codes=(Code.CURSOR_INVALID, Code.SERVICE_OFF, Code.STORE_CORRUPT),
    ),
)
def page(
    services: Services,
    session: SessionRead,
    types: Types = [],  # noqa: B006 - the framework copies it
    organisations: Organisations = [],  # noqa: B006
    references: References = [],  # noqa: B006
    cursor: Cursor = None,
    limit: Limit = EVENTS_PER_PAGE_DEFAULT,
) -> Response:
    """Events from the block store."""
    del session
    hub: Subscriptions = needed(services.events, "events")
    wanted = EventFilter.of(types, organisations, references)
    place = None if cursor is None else EventCursor.parse(cursor)
    found = hub.feed.page(wanted, place, limit)
    events = [msgspec.Raw(event.json) for event in found.events]
    return json_answer({"cursor": found.cursor.text, "events": events, "height": found.height, "more": found.more})


@router.get(
    "/v1/events/stream",
    **describe(
        "Events as they come, by server-sent events",
        text="Begins after `Last-Event-ID` or `cursor`, else with the next block. `id` is the cursor, `event` the "
        "type, `data` the event. A comment comes at least every 15 seconds and moves the id on. Before the node ends "
        "the stream it sends the event `end` with a problem document.",
        codes=(
            Code.CURSOR_INVALID,
            Code.STREAMS_TOO_MANY,
            Code.NODE_STOPPING,
            Code.SERVICE_OFF,
            Code.STORE_CORRUPT,
        ),
        media="text/event-stream",
        example="id: 1204.0.0\nevent: evidence.anchored\ndata: {…}\n\n",
    ),
)
async def stream(
    request: Request,
    services: Services,
    session: SessionRead,
    types: Types = [],  # noqa: B006
    organisations: Organisations = [],  # noqa: B006
    references: References = [],  # noqa: B006
    cursor: Cursor = None,
    last_event_id: LastEventId = None,
) -> Response:
    """Events by server-sent events."""
    wanted = EventFilter.of(types, organisations, references)
    host = request.client.host if request.client else ""
    subscription = _subscribe(services, wanted, last_event_id or cursor, session, host)
    settings: ApiSettings = request.app.state.settings
    return EventStream(subscription, language_of(request.headers), settings.stall_ms_max / 1000)


def _subscribe(
    services: NodeServices, wanted: EventFilter, cursor: str | None, session: Session | None, host: str
) -> Subscription:
    hub: Subscriptions = needed(services.events, "events")
    place = None if cursor is None else EventCursor.parse(cursor)
    owner = session.id if session is not None else ADDRESS_OWNER + host
    return hub.subscribe(wanted, place, owner=owner)


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a socket subscribes to."""

    types: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    cursor: str | None = None


class _Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The first message of a socket; browsers, which cannot send a header, give their token here."""

    subscribe: _Wanted
    token: str = ""


_decoder = msgspec.json.Decoder(_Subscribe)


@router.websocket("/v1/events/socket")
async def socket(socket: WebSocket) -> None:
    """Events by WebSocket."""
    services: NodeServices = socket.app.state.services
    language = language_of(socket.headers)
    try:
        session = check_token(services, bearer_token(socket.headers))
        needed(services.events, "events")
    except GovChainError as error:
        await socket.send_denial_response(problem_response(socket, error))
        return
    await socket.accept()
    settings: ApiSettings = socket.app.state.settings
    stall_s = settings.stall_ms_max / 1000
    try:
        subscription = await _first_message(socket, services, session)
    except GovChainError as error:
        await close_socket(socket, error, language, stall_s)
    except WebSocketDisconnect:
        return
    else:
        await run_socket(socket, subscription, language, stall_s)


async def _first_message(socket: WebSocket, services: NodeServices, session: Session | None) -> Subscription:
    """The subscription that the first message asks for."""
    settings: ApiSettings = socket.app.state.settings
    try:
        async with asyncio.timeout(SUBSCRIBE_S_MAX):
            message: dict[str, Any] = dict(await socket.receive())
    except TimeoutError:
        limit_ms = int(SUBSCRIBE_S_MAX * 1000)
        raise UnavailableError(Code.REQUEST_SLOW, limit_ms=limit_ms) from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    text = message.get("text") or ""
    if len(text) > SUBSCRIBE_CHARACTERS_MAX:
        raise UsageError(Code.REQUEST_SHAPE, reason=f"more than {SUBSCRIBE_CHARACTERS_MAX} characters")
    try:
        wish = _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise UsageError(Code.REQUEST_SHAPE, reason="the first message is no subscription") from None
    if session is None:
        session = check_token(services, wish.token)
    if session is None and settings.reads != "open":
        raise RefusedError(Code.SESSION_REQUIRED)
    if session is not None:
        socket.scope[ACCOUNT] = session.account
    wanted = EventFilter.of(wish.subscribe.types, wish.subscribe.organisations, wish.subscribe.references)
    host = socket.client.host if socket.client else ""
    return _subscribe(services, wanted, wish.subscribe.cursor, session, host)
