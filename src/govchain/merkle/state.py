"""The root that a header commits the state with, from its three parts (docs/spec/block.md 4.1).

Not here: what the parts are made of (``state``), proofs below ``live`` (:mod:`govchain.merkle.sparse`).
"""

from __future__ import annotations

from typing import Final

from govchain.crypto import Suite

__all__ = ["STATE_DOMAIN", "state_root"]

#: Hash domain of a state root.
STATE_DOMAIN: Final = "govchain/state/1"


def state_root(suite: Suite, previous: bytes, delta: bytes, live: bytes) -> bytes:
    """``tagged(STATE_DOMAIN, previous, delta, live)``: each part has 32 bytes, and so has the root."""
    return suite.tagged(STATE_DOMAIN, previous, delta, live)
