"""``/v1/accounts``, ``/v1/organisations``: who takes part."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Path, Query, Response

from govchain.api.cursors import open_cursor, seal_cursor
from govchain.api.describe import describe
from govchain.api.routers.parameters import AccountAddress, Cursor, found
from govchain.api.routing import Services, json_answer, new_router
from govchain.api.security import OpenRead, SessionRead
from govchain.api.views import AccountView, OrganisationView, account_view, organisation_view
from govchain.model import Code
from govchain.model.decoders import json_decoder
from govchain.modules.accounts.messages import OrganisationValue, account_key, decode_account, organisation_key
from govchain.sdk.transport import ACCOUNTS_PER_PAGE_MAX, AccountPage, OrganisationPage
from govchain.sdk.wire import to_json

__all__ = ["router"]

router = new_router("accounts")

Limit = Annotated[
    int,
    Query(ge=1, le=ACCOUNTS_PER_PAGE_MAX, description="Entries of this page, at most. Unit: entries.", examples=[20]),
]
OrganisationCode = Annotated[
    str,
    Path(
        pattern="^[0-9A-Z]{18}$",
        description="统一社会信用代码 of the organisation.",
        examples=["11110000DEM0000009"],
    ),
]


@router.get(
    "/v1/accounts",
    **describe(
        "Accounts in the order of their addresses, each proved", answer=AccountPage, codes=(Code.CURSOR_INVALID,)
    ),
)
def accounts(
    services: Services, session: SessionRead, cursor: Cursor = None, limit: Limit = ACCOUNTS_PER_PAGE_MAX
) -> Response:
    """A page of accounts."""
    page = services.answers.accounts(open_cursor(cursor, "accounts"), limit)
    return json_answer(to_json(replace(page, next=seal_cursor(page.next, "accounts"))))


@router.get(
    "/v1/accounts/{address}", **describe("An account as it stands now", answer=AccountView, codes=(Code.NOT_FOUND,))
)
def account(address: AccountAddress, services: Services, session: OpenRead) -> Response:
    """One account."""
    now = services.answers.state_now(account_key(bytes.fromhex(address)))
    value = found(now.value, f"account {address}")
    return json_answer(account_view(address, decode_account(value), now.height))


@router.get(
    "/v1/organisations",
    **describe(
        "Organisations in the order of their codes, each proved",
        answer=OrganisationPage,
        codes=(Code.CURSOR_INVALID,),
    ),
)
def organisations(
    services: Services, session: SessionRead, cursor: Cursor = None, limit: Limit = ACCOUNTS_PER_PAGE_MAX
) -> Response:
    """A page of organisations."""
    page = services.answers.organisations(open_cursor(cursor, "organisations"), limit)
    return json_answer(to_json(replace(page, next=seal_cursor(page.next, "organisations"))))


@router.get(
    "/v1/organisations/{code}",
    **describe("An organisation as it stands now", answer=OrganisationView, codes=(Code.NOT_FOUND,)),
)
def organisation(code: OrganisationCode, services: Services, session: OpenRead) -> Response:
    """One organisation."""
    now = services.answers.state_now(organisation_key(code))
    value = found(now.value, f"organisation {code}")
    return json_answer(organisation_view(code, json_decoder(OrganisationValue).decode(value), now.height))
