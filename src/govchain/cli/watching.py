"""Follow a chain: every new final block, each proved, with the throughput and what waits.

Purpose: one stream of looks for ``govchain watch``, over a node or over a data directory beside its running node.
Rules: a data directory is opened anew for each look, since a reader has a fixed view; a node that cannot be reached is
asked again. Not here: how it is shown (``commands.watch``).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govchain.cli.opening import open_chain
from govchain.cli.target import find_target
from govchain.model import UnavailableError

if TYPE_CHECKING:
    from govchain.sdk.checking import VerifiedHeader
    from govchain.sdk.client import Client
    from govchain.sdk.transport import ChainStatus

__all__ = ["RATE_MS", "Look", "Rate", "SeenBlock", "follow"]

#: The throughput shown is that of the last so many ms of the chain's own time.
RATE_MS = 10_000


@dataclass(frozen=True, slots=True)
class SeenBlock:
    """A final block, and the transactions per second up to it."""

    block: VerifiedHeader
    rate: float


@dataclass(frozen=True, slots=True)
class Look:
    """What one look brought: the blocks that are new, lowest first, and where the node says that it stands."""

    blocks: tuple[SeenBlock, ...]
    status: ChainStatus


class Rate:
    """Transactions per second over the last :data:`RATE_MS` of block time."""

    def __init__(self) -> None:
        """Begin without a block."""
        self._blocks: deque[tuple[int, int]] = deque()

    def add(self, milliseconds: int, count: int) -> float:
        """Take a block's time and number of transactions; the rate up to it, 0.0 for the first block."""
        self._blocks.append((milliseconds, count))
        while len(self._blocks) > 2 and self._blocks[1][0] <= milliseconds - RATE_MS:
            self._blocks.popleft()
        span = milliseconds - self._blocks[0][0]
        counted = sum(count for _, count in self._blocks) - self._blocks[0][1]
        return 1000 * counted / span if span > 0 else 0.0


def follow(
    *,
    first: int = 0,
    interval_ms: int,
    waiting: Callable[[UnavailableError], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Look]:
    """Looks at the chain, one each ``interval_ms``, without end.

    Args:
        first: the height to begin with; 0 for the block after the newest one.
        interval_ms: between two looks.
        waiting: hears why there was nothing to see.
        sleep: waits so many seconds.

    Raises:
        GovChainError: what opening the chain raises at first, and what is refused or false at any time.
    """
    from govchain.sdk.listing import list_blocks  # noqa: PLC0415 - with the SDK

    target = find_target()
    rate = Rate()
    following = first
    seen_any = False
    with ExitStack() as stack:
        client: Client | None = None
        while True:
            try:
                if client is None:
                    client = stack.enter_context(open_chain()).client
                status = client.chain_status()
                if not following:
                    following = status.certified_height + 1
                new: list[VerifiedHeader] = []
                if status.certified_height >= following:
                    count = status.certified_height - following + 1
                    new = list_blocks(client, before=status.certified_height + 1, limit=count)[::-1]
            except UnavailableError as error:
                if not seen_any:
                    raise
                waiting(error)
                client = None
            else:
                seen_any = True
                following += len(new)
                yield Look(
                    tuple(SeenBlock(one, rate.add(one.header.time, one.header.transaction_count)) for one in new),
                    status,
                )
                client = client if target.path is None else None
            if client is None:
                stack.close()
            sleep(interval_ms / 1000)
