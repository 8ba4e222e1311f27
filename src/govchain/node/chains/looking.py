"""How far a chain is, read from its data directory beside whoever writes to it.

Rules: no lock, no key; an answer may be a moment old. So a node knows of its chains whether or not their API answers.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from govchain.ledger import decode_chain_state
from govchain.model import GovChainError
from govchain.modules.governance.messages import ChainValue
from govchain.sdk.network import ChainState, HostedChain
from govchain.storage import BlockReader, DataDirectory, DirectoryLayout

__all__ = ["LISTENING_FILE", "ChainHeights", "chain_at_rest", "heights_of"]

#: Where a chain's process writes the address that it listens on, and takes it away again.
LISTENING_FILE = "listening"

#: Height and newest height with a certificate.
ChainHeights = tuple[int, int]
_MEMORY_BYTES = 8 * 1024 * 1024


def heights_of(path: Path) -> ChainHeights | None:
    """The heights of the ledger at ``path``; None where there is none, or it cannot be read now."""
    try:
        with DataDirectory(path, read_only=True) as directory:
            reader = directory.open_reader(memory_bytes=_MEMORY_BYTES)
            try:
                blocks = BlockReader(reader)
                certified = blocks.newest_certificate()  # before the head, which may move on meanwhile
                state = blocks.chain_state()
                return (0 if state is None else decode_chain_state(state).height), certified
            finally:
                reader.close()
    except (GovChainError, OSError):
        return None


def chain_at_rest(parent: Path, chain: str, decided: ChainValue) -> HostedChain:
    """How a chain stands as far as the parent's data directory shows, whether or not its node runs."""
    path = DirectoryLayout(parent).chains / chain
    heights = heights_of(path)
    address = ""
    with contextlib.suppress(OSError):
        address = (path / LISTENING_FILE).read_text("utf-8").strip()
    state: ChainState = "absent" if heights is None else "stopped" if decided.status == "stopped" else "idle"
    if address and state == "idle":
        state = "running"
    height, certified = heights or (-1, -1)
    return HostedChain(
        chain=chain,
        fingerprint=decided.fingerprint,
        decided=decided.height,
        state=state,
        address=address,
        height=height,
        certified_height=certified,
        reason="",
        starts=0,
    )
