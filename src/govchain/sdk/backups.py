"""Backups that a running node makes, as its operator asks for them over HTTP.

Purpose: the values of ``/v1/operations/backups``; :class:`BackupTransport`, the way to a node with these two calls; and
:func:`wait_for_backup`, which tells the backup that was asked for from others that the node makes.
Not here: what a backup is (``storage.backups``), checking and restoring one (``ops.backup``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from govchain.model import Code, UnavailableError
from govchain.sdk.http import HttpTransport
from govchain.sdk.wire import decode_answer

__all__ = ["BACKUPS_LISTED_MAX", "BackupFacts", "BackupState", "BackupTransport", "wait_for_backup"]

#: Backups that one answer lists, the newest.
BACKUPS_LISTED_MAX: Final = 1_000
_PATH: Final = "/v1/operations/backups"
_HEX: Final = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


class BackupFacts(Struct, frozen=True, kw_only=True):
    """A backup, as its manifest describes it."""

    name: Annotated[
        str, Meta(description="Name of its folder.", examples=["embedded-4f1c9a0b-000000001204-20260501T020000Z"])
    ]
    height: Annotated[int, Meta(description="The newest block in it. Unit: blocks.", examples=[1204])]
    identity: Annotated[str, Meta(description="That block's identity.", examples=[_HEX])]
    created: Annotated[int, Meta(description="When it was made. Unit: ms since 1970, UTC.", examples=[1790000000000])]
    kind: Annotated[Literal["scheduled", "requested"], Meta(description="Who asked for it.", examples=["scheduled"])]
    software: Annotated[str, Meta(description="Version of the program that made it.", examples=["0.1.0"])]
    size: Annotated[int, Meta(description="Size of its files. Unit: bytes.", examples=[73400320])]
    digest: Annotated[str, Meta(description="SM3 of its manifest, which names the SM3 of each file.", examples=[_HEX])]


class BackupState(Struct, frozen=True, kw_only=True):
    """What the node does about backups now, and those that it has."""

    run: Annotated[int, Meta(description="Backups begun since the node started. Unit: backups.", examples=[3])]
    running: Annotated[bool, Meta(description="Whether one is being made now.", examples=[False])]
    error: Annotated[
        str, Meta(description="Result code of the last one that failed; empty when it did not.", examples=[""])
    ]
    due: Annotated[
        int,
        Meta(
            description="When the next scheduled one is made; 0 without a schedule. Unit: ms since 1970, UTC.",
            examples=[1790003600000],
        ),
    ]
    backups: Annotated[
        tuple[BackupFacts, ...], Meta(description="This chain's backups, newest first, at most 1,000.", examples=[[]])
    ]


class BackupTransport(HttpTransport):
    """A way to a node with an operator's session: :class:`~govchain.sdk.http.HttpTransport` and two calls more."""

    def start_backup(self) -> BackupState:
        """Have a backup made; it goes on after the answer.

        Raises:
            RefusedError: ``BACKUP_RUNNING``, ``ROLE_MISSING``, ``SERVICE_OFF`` where the node has no ``backup_dir``.
        """
        return decode_answer(self._ask("POST", _PATH, content=b"{}", media="application/json"), BackupState)

    def backups(self) -> BackupState:
        """What the node has, and whether one is being made."""
        return decode_answer(self._ask("GET", _PATH), BackupState)


def wait_for_backup(asked: BackupState, ask: Callable[[], BackupState], pause: Callable[[], None]) -> BackupFacts:
    """The backup that was asked for, once the node has made it.

    Args:
        asked: the node's answer to the request.
        ask: the state now.
        pause: waits a little, between two questions.

    Raises:
        UnavailableError: the code for which the node gave it up, as far as it is known: the node tells that of its last
            one only, so that ``INTERNAL`` stands for what is not known any more.
    """
    while (state := ask()).running and state.run == asked.run:
        pause()
    before = {one.name for one in asked.backups}
    made = [one for one in state.backups if one.kind == "requested" and one.name not in before]
    if made:
        return made[-1]  # the oldest: whoever asked later got a later one
    known = state.run == asked.run and state.error in Code.__members__
    raise UnavailableError(Code[state.error] if known else Code.INTERNAL)
