"""``/v1/state``: what holds now, proved; a key's value; each write to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response

from govchain.api.cursors import open_cursor, seal_cursor
from govchain.api.describe import describe
from govchain.api.routers.parameters import Cursor, StateKey
from govchain.api.routing import Services, json_answer, new_router
from govchain.api.security import OpenRead
from govchain.model import Code, UsageError
from govchain.sdk.transport import STATE_KEYS_MAX, WRITES_PER_PAGE_MAX, StateHistory, StateValue, StatusProof
from govchain.sdk.wire import to_json

__all__ = ["router"]

router = new_router("state")

_KEY_DIGITS_MAX = 1024


@router.get(
    "/v1/state/proof",
    **describe(
        "Presence or absence of state keys, proved",
        text="For namespaces that the `live` tree holds: accounts, organisations, marks on evidence. The proof is"
        " against the state root of the newest certified block (docs/spec/block.md 4).",
        answer=StatusProof,
    ),
)
def proof(
    services: Services,
    session: OpenRead,
    key: Annotated[
        list[str],
        Query(
            min_length=1,
            max_length=STATE_KEYS_MAX,
            description=f"A state key in hex; up to {STATE_KEYS_MAX} times.",
            examples=[[b"accounts.account/".hex() + "00" * 20]],
        ),
    ],
) -> Response:
    """A sparse-tree proof for each key."""
    keys: list[bytes] = []
    for text in key:
        try:
            data = bytes.fromhex(text) if len(text) <= _KEY_DIGITS_MAX else b""
        except ValueError:
            data = b""
        if not data or data.hex() != text:
            raise UsageError(Code.REQUEST_SHAPE, where="key", reason="lower-case hex of 1 to 512 bytes")
        keys.append(data)
    return json_answer(to_json(services.answers.status_proof(keys)))


@router.get("/v1/state/{key}", **describe("The value of a state key now, unproved", answer=StateValue))
def value(key: StateKey, services: Services, session: OpenRead) -> Response:
    """The committed value; null where there is none."""
    return json_answer(to_json(services.answers.state_now(bytes.fromhex(key))))


@router.get(
    "/v1/state/{key}/history",
    **describe(
        "Writes to a state key, newest first", answer=StateHistory, codes=(Code.CURSOR_INVALID, Code.SERVICE_OFF)
    ),
)
def history(
    key: StateKey,
    services: Services,
    session: OpenRead,
    cursor: Cursor = None,
    limit: Annotated[
        int,
        Query(ge=1, le=WRITES_PER_PAGE_MAX, description="Writes of this page, at most. Unit: writes.", examples=[100]),
    ] = 100,
) -> Response:
    """Each write, by its block."""
    page = services.answers.state_history(bytes.fromhex(key), open_cursor(cursor, "state", key), limit)
    return json_answer(to_json(replace(page, next=seal_cursor(page.next, "state", key))))
