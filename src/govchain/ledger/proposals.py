"""Which blocks may be: choosing transactions for a proposal, and judging somebody else's.

Purpose: both apply the same rules to committed state alone (ARCHITECTURE decision 11), so that an honest proposer is
never rejected and no garbage is stored. Rules: at least one transaction; every one passes ``check_inclusion`` at this
block's time; no id twice; count, bytes and the replay window's capacity hold.
Not here: the pool, the engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from govchain.ledger.checks import Window, check_inclusion
from govchain.ledger.machine import Machine
from govchain.ledger.transactions import Prepared
from govchain.model import Code
from govchain.model.wire import Limits
from govchain.modules.port import Directory

__all__ = ["Selection", "check_proposal", "select_transactions"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a proposer takes from its pool: ``chosen`` in order, ``refused`` with their codes (they leave the pool).

    Transactions that are neither stay: their window has not come, or the block is full.
    """

    chosen: tuple[Prepared, ...]
    refused: tuple[tuple[Prepared, Code], ...]


def select_transactions(
    machine: Machine,
    candidates: Iterable[Prepared],
    directory: Directory,
    window: Window,
    time: int,
    bytes_max: int,
    limits: Limits | None = None,
) -> Selection:
    """Fill a block at ``time`` (ms) from ``candidates`` in their order, up to ``limits`` and ``bytes_max``.

    ``limits`` are those in force; None: those of genesis.
    """
    limits = limits or machine.genesis.limits
    chosen: list[Prepared] = []
    refused: list[tuple[Prepared, Code]] = []
    bytes_all = bytes_left = min(limits.block_bytes_max, bytes_max)
    count_left = min(limits.block_transactions_max, limits.window_ids_max - len(window))
    seen: dict[bytes, None] = {}
    for prepared in candidates:
        if len(chosen) >= count_left:
            break
        code = check_inclusion(machine, prepared, directory, window, time)
        if not code and prepared.id in seen:
            code = Code.REPLAYED
        if code == Code.EXPIRES_TOO_FAR:
            continue
        if code:
            refused.append((prepared, code))
            continue
        size = len(prepared.envelope)
        if size > bytes_all:  # it would fit no block of this engine, and hold up what stands behind it
            refused.append((prepared, Code.BODY_TOO_LARGE))
            continue
        if size > bytes_left:
            break
        bytes_left -= size
        seen[prepared.id] = None
        chosen.append(prepared)
    return Selection(tuple(chosen), tuple(refused))


def check_proposal(
    machine: Machine,
    transactions: Sequence[Prepared],
    directory: Directory,
    window: Window,
    time: int,
    limits: Limits | None = None,
) -> Code:
    """OK when a block of ``transactions`` at ``time`` (ms) may follow the committed state, else the first reason.

    ``limits`` are those in force; None: those of genesis.
    """
    limits = limits or machine.genesis.limits
    if not transactions or len(transactions) > limits.block_transactions_max:
        return Code.BLOCK_INVALID
    if sum(len(prepared.envelope) for prepared in transactions) > limits.block_bytes_max:
        return Code.BLOCK_INVALID
    if len(window) + len(transactions) > limits.window_ids_max:
        return Code.WINDOW_FULL
    seen: dict[bytes, None] = {}
    for prepared in transactions:
        code = check_inclusion(machine, prepared, directory, window, time)
        if code:
            return code
        if prepared.id in seen:
            return Code.REPLAYED
        seen[prepared.id] = None
    return Code.OK
