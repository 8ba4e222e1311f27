"""``/v1/export/{kind}/{id}``: objects of the ledger as data elements of T/CESA 6002."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import Path, Query, Response

from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import SessionRead
from govchain.model import Code
from govchain.services.exports import Export, check_export, holds

__all__ = ["router"]

router = new_router("export")

Kind = Annotated[
    Literal["account", "block", "configuration", "contract", "entity", "transaction"],
    Path(description="One of the standard's six kinds.", examples=["block"]),
]
Name = Annotated[
    str,
    Path(
        alias="id",
        min_length=1,
        max_length=64,
        pattern="^[0-9a-z_-]+$",
        description="Height of a block, id of a transaction (also for its entity), address of an account, name of a"
        " family of rules (contract), chain (configuration).",
        examples=["5"],
    ),
]
Check = Annotated[bool, Query(description="Check type and length of each element, too.", examples=[True])]


@router.get(
    "/v1/export/{kind}/{id}",
    **describe(
        "An object as data elements of T/CESA 6002, by identifier and by English name",
        text="docs/spec/data-format.md. A private key is never exported: its element says `withheld`. Contracts are the"
        " built-in families of rules. A chain can start from a configuration (`govchain init --from-configuration`).",
        answer=Export,
        codes=(Code.NOT_FOUND, Code.SERVICE_OFF, Code.USAGE),
    ),
)
def export(kind: Kind, name: Name, services: Services, session: SessionRead, check: Check = False) -> Response:
    """Everything in it was proved by the node to itself; a client that does not believe it checks blocks and proofs."""
    found = needed(services.exports, "exports").export(kind, name)
    if check:
        checks = check_export(found)
        found = msgspec.structs.replace(found, check=checks, holds=holds(checks))
    return json_answer(found)
