"""``/v1/sessions``: proof of a key against a bearer token (docs/adr/0010)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Response
from msgspec import Meta, Struct

from govchain.api.bodies import body_of, read_json
from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, new_router
from govchain.api.security import NeededSession, own_urls
from govchain.api.views import SessionView
from govchain.model import Code, UsageError
from govchain.model.identifiers import is_hex_text
from govchain.sdk.sessions import AUDIENCE_CHARACTERS_MAX, CHALLENGE_BYTES_MAX, ChallengeOffer, SessionGrant
from govchain.sdk.wire import to_json

__all__ = ["ChallengeWanted", "SessionWanted", "router"]

router = new_router("sessions")


class ChallengeWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a challenge."""

    account: Annotated[
        str, Meta(description="Address of the account, 40 hex digits.", examples=["00" * 20], max_length=40)
    ]
    audience: Annotated[
        str,
        Meta(
            description="The address at which the client calls this node (docs/spec/sessions.md); it goes into the"
            " challenge where it is one of this node's own.",
            examples=["https://node.example.gov.cn"],
            max_length=AUDIENCE_CHARACTERS_MAX,
        ),
    ] = ""


class SessionWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a session."""

    challenge: Annotated[
        str,
        Meta(
            description="The challenge's text, as it was given.",
            examples=['{"account":"2165a6710c14f62cb4e9664968225b2756b0e0b0","audience":""}'],
            max_length=CHALLENGE_BYTES_MAX,
        ),
    ]
    signature: Annotated[
        str,
        Meta(
            description="The account's signature over the text framed under `govchain/session/1`, hex.",
            examples=["9f0c" * 32],
            max_length=2048,
        ),
    ]


@router.post(
    "/v1/sessions/challenges",
    **describe(
        "A challenge for an account to sign",
        text="Good once and for a minute, on this node and chain alone. It is given for any address and says nothing"
        " about whether the account exists.",
        answer=ChallengeOffer,
        types=(ChallengeWanted,),
        session=False,
        status=201,
        codes=(Code.CONTENT_TYPE, Code.CHALLENGE_INVALID),
        body=body_of(ChallengeWanted),
    ),
)
async def challenge(request: Request, services: Services) -> Response:
    """The challenge's text."""
    wanted = await read_json(request, ChallengeWanted)
    text = services.sessions.challenge(wanted.account, wanted.audience, own=own_urls(request))
    return json_answer(to_json(ChallengeOffer(text)), 201)


@router.post(
    "/v1/sessions",
    **describe(
        "A session, for a challenge that was signed",
        text="The token goes into `Authorization: Bearer`. It ends at its time, by logging out, when the account is"
        " frozen or gets another key, and when the node restarts.",
        answer=SessionGrant,
        types=(SessionWanted,),
        session=False,
        status=201,
        codes=(Code.CONTENT_TYPE, Code.CHALLENGE_INVALID, Code.SIGNER_FROZEN),
        body=body_of(SessionWanted),
    ),
)
async def create(request: Request, services: Services) -> Response:
    """The token."""
    wanted = await read_json(request, SessionWanted)
    if not wanted.signature or not is_hex_text(wanted.signature):
        raise UsageError(Code.REQUEST_SHAPE, where="signature", reason="lower-case hex")
    token, session = services.sessions.create(wanted.challenge, bytes.fromhex(wanted.signature))
    return json_answer(to_json(SessionGrant(token, session.account, session.expires)), 201)


@router.get("/v1/sessions/current", **describe("The caller's session", answer=SessionView))
async def current(session: NeededSession) -> Response:
    """Who the token stands for."""
    return json_answer(
        SessionView(session.account, session.organisation, session.roles, session.administrator, session.expires)
    )


@router.delete("/v1/sessions/current", **describe("End the caller's session", status=204))
async def end(session: NeededSession, services: Services) -> Response:
    """Log out."""
    services.sessions.end(session.id)
    return Response(status_code=204)
