"""``/v1/operations/backups``: backups of this node, asked for by an operator; docs/spec/backup.md.

Shells over ``services.backups``. Always behind a session of an account with the role operator.
"""

from __future__ import annotations

from fastapi import Request, Response
from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from govchain.api.bodies import body_of, read_json
from govchain.api.describe import describe
from govchain.api.routing import Services, json_answer, needed, new_router
from govchain.api.security import OperatorSession
from govchain.model import Code
from govchain.sdk.backups import BackupState
from govchain.sdk.wire import to_json

__all__ = ["BackupWanted", "router"]

router = new_router("operations")


class BackupWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a backup; there is nothing to choose."""


@router.post(
    "/v1/operations/backups",
    **describe(
        "Have a backup made",
        text="It goes on after the answer: ask for the list until `running` is false. Key files are never part of it.",
        answer=BackupState,
        types=(BackupWanted,),
        status=202,
        codes=(Code.CONTENT_TYPE, Code.ROLE_MISSING, Code.BACKUP_RUNNING, Code.NODE_STOPPING, Code.SERVICE_OFF),
        body=body_of(BackupWanted),
    ),
)
async def create(request: Request, services: Services, session: OperatorSession) -> Response:
    """What is under way."""
    part = needed(services.backups, "backups")
    await read_json(request, BackupWanted)
    state = await run_in_threadpool(part.request)  # it reads the folder of backups
    return json_answer(to_json(state), 202)


@router.get(
    "/v1/operations/backups",
    **describe(
        "Backups of this node, and whether one is being made",
        answer=BackupState,
        codes=(Code.ROLE_MISSING, Code.FILE_UNREADABLE, Code.SERVICE_OFF),
    ),
)
def backups(services: Services, session: OperatorSession) -> Response:
    """The state."""
    return json_answer(to_json(needed(services.backups, "backups").state()))
