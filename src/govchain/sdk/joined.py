"""Asking a node that began from a snapshot: of what came before it has single headers only.

Those are block 1 and the blocks that changed the signer set (docs/spec/joining.md 3). Not here: checking what is found
(:mod:`govchain.sdk.checking`).
"""

from __future__ import annotations

from govchain.model import Code, UnavailableError
from govchain.proof.headers import decode_header
from govchain.sdk.transport import BLOCKS_PER_PAGE_MAX, Transport

__all__ = ["find_change"]


def find_change(transport: Transport, epoch: int, first: int, last: int) -> int:
    """The height of the header that ended ``epoch``, among those that are there from ``first`` to ``last``.

    Raises:
        UnavailableError: ``NOT_FOUND``.
    """
    while first <= last:
        until = min(last, first + BLOCKS_PER_PAGE_MAX - 1)
        for block in transport.headers(first, until).blocks:
            header = decode_header(block.header)
            if header.epoch == epoch and header.next_signers != header.signers:
                return block.height
        first = until + 1
    raise UnavailableError(Code.NOT_FOUND, what="block", id=last)
