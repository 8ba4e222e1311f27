"""Whether envelopes and receipts are those that a header names, for blocks that come from elsewhere.

Not here: whether the header is the chain's (``proof``), what the transactions do (:mod:`govchain.ledger.execution`).
"""

from __future__ import annotations

from collections.abc import Sequence

import govchain_native as native
from govchain.crypto import Suite
from govchain.model.wire import Header
from govchain.state.roots import digest_name_of

__all__ = ["check_contents"]


def check_contents(suite: Suite, header: Header, envelopes: Sequence[bytes], receipts: Sequence[bytes]) -> str:
    """The reason why a block's contents are not those of ``header``, or an empty string (block.md 5)."""
    name = digest_name_of(suite)
    if len(envelopes) != header.transaction_count or len(receipts) != header.transaction_count:
        return "count"
    leaves = native.digest_many(name, list(envelopes))
    if native.merkle_root(name, leaves).hex() != header.transaction_root:
        return "transactions"
    if native.merkle_root(name, list(receipts)).hex() != header.receipt_root:
        return "receipts"
    return ""
