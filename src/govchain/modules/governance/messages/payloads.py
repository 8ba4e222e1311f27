"""The transactions that the governance family takes, with every bound (docs/spec/governance.md 3)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from govchain.model.wire import Digest, Height, Hex, Milliseconds
from govchain.modules.governance.messages.changes import Change

__all__ = [
    "EXPIRY_MS_MAX",
    "OPEN_MAX",
    "READY_BLOCKS_MAX",
    "REASON_LENGTH_MAX",
    "Propose",
    "Ready",
    "Vote",
    "Withdraw",
]

#: How long a proposal may stay open: 90 days.
EXPIRY_MS_MAX = 90 * 24 * 3_600_000
#: Open proposals of one organisation, at most.
OPEN_MAX = 16
#: How far back the block may lie that an invited member names.
READY_BLOCKS_MAX = 1_024
#: Characters of the reason that a proposal gives.
REASON_LENGTH_MAX = 512


class Propose(Struct, frozen=True, forbid_unknown_fields=True):
    """``governance.propose``: puts a change to the vote, and approves it. ``expires`` is in ms of block time."""

    change: Change
    expires: Milliseconds
    reason: Annotated[str, Meta(max_length=REASON_LENGTH_MAX)]


class Vote(Struct, frozen=True, forbid_unknown_fields=True):
    """``governance.vote``: an organisation's one vote; the one that meets the threshold carries the change out."""

    approve: bool
    proposal: Digest


class Withdraw(Struct, frozen=True, forbid_unknown_fields=True):
    """``governance.withdraw``: an organisation takes its own proposal back."""

    proposal: Digest


class Ready(Struct, frozen=True, forbid_unknown_fields=True):
    """``governance.ready``: an invited member's node follows the chain; the member becomes active.

    ``height`` and ``identity`` name a recent block; ``proof`` is the member key's signature over
    :func:`govchain.modules.governance.messages.ready_message`.
    """

    height: Height
    identity: Digest
    key: Annotated[Hex, Meta(min_length=64, max_length=2048)]
    proof: Annotated[Hex, Meta(min_length=2, max_length=2048)]
