"""Reads of the noticeboard family, for programs that show a board."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from govchain.modules.port import StateView
from govchain_noticeboard.keys import NoticeValue, board_prefix

__all__ = ["board"]

_decoder = msgspec.json.Decoder(NoticeValue)


def board(state: StateView, organisation: str) -> Iterator[tuple[int, NoticeValue]]:
    """Slots and notices of an organisation's board, in the order of the slots."""
    for key, value in state.scan(board_prefix(organisation)):
        yield key[-1], _decoder.decode(value)
