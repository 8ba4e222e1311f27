"""Path and query parameters that several routes take."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Path, Query

from govchain.api.cursors import CURSOR_CHARACTERS_MAX
from govchain.model import Code, RefusedError

__all__ = ["AccountAddress", "BlockHeight", "Cursor", "EvidenceId", "StateKey", "TransactionId", "found"]

_T = TypeVar("_T")

#: Heights are within the integers of JSON.
HEIGHT_MAX = 2**53 - 1
_HEX = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

TransactionId = Annotated[
    str, Path(alias="id", pattern="^[0-9a-f]{64}$", description="Id of the transaction, hex.", examples=[_HEX])
]
EvidenceId = Annotated[
    str, Path(alias="id", pattern="^[0-9a-f]{64}$", description="Id of the evidence record, hex.", examples=[_HEX])
]
AccountAddress = Annotated[
    str, Path(pattern="^[0-9a-f]{40}$", description="Address of the account, hex.", examples=[_HEX[:40]])
]
BlockHeight = Annotated[int, Path(ge=1, le=HEIGHT_MAX, description="Height of the block.", examples=[1204])]
StateKey = Annotated[
    str,
    Path(
        pattern="^([0-9a-f]{2}){1,512}$",
        description="State key (docs/spec/block.md 4), hex: the namespace, a slash, the key.",
        examples=[b"accounts.account/".hex() + _HEX[:40]],
    ),
]
Cursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS_MAX,
        description="Where the page before ended: its `next`, with the same other parameters.",
        examples=["q7Zk0XlR9nAxMg"],
    ),
]


def found(value: _T | None, what: str) -> _T:
    """``value``, where there is one.

    Raises:
        RefusedError: ``NOT_FOUND``.
    """
    if value is None:
        raise RefusedError(Code.NOT_FOUND, reason=what)
    return value
