"""The path of signer sets that a node was shown when it joined, kept to be shown to the next.

Purpose: a node that began from a snapshot has no blocks below it, and still has to tell how the sets went.
Rules: the file is verified again when it is read; one that does not hold counts as none.
Not here: the walk (:mod:`govchain.consensus.joining.walking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from govchain.consensus.joining.walking import TrustedChain
from govchain.consensus.messages import Link
from govchain.ledger import Machine
from govchain.model import GovChainError
from govchain.storage.directory import synchronise_tree

__all__ = ["load_shown_path", "save_shown_path"]

_FILE = "signers.path"
_links = msgspec.msgpack.Decoder(tuple[Link, ...])


def save_shown_path(directory: Path, links: Sequence[Link]) -> None:
    """Keep the changes of the signer set up to the snapshot, durably.

    Raises:
        OSError: when it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    building = directory / f"{_FILE}.new"
    building.write_bytes(msgspec.msgpack.encode(tuple(links)))
    building.replace(directory / _FILE)
    synchronise_tree(directory, files=False)


def load_shown_path(directory: Path | None, machine: Machine) -> list[Link]:
    """The changes that were kept, verified from genesis on; none where there is no such file, or it does not hold."""
    if directory is None:
        return []
    try:
        links = _links.decode((directory / _FILE).read_bytes())
        chain = TrustedChain(machine.suite, machine.genesis)
        for link in links:
            chain.step(link)
    except (OSError, msgspec.MsgspecError, RecursionError, GovChainError):
        return []
    return chain.links
