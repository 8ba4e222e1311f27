"""Blocks that etcd no longer holds, from other members' block stores.

Purpose: a member that was away longer than etcd keeps blocks goes on from the certified blocks of others.
Rules: a block counts only with a finality certificate: the header's own, of a quorum of the set that this node's
execution arrived at, before anything of it is executed, so that a member that makes up a set of its own is passed over
and stops nobody; it is committed only if executing it gives the header's identity. The engine's height stays where
it was until the ledger is where a kept record says it was before it; so a crash in between goes on, and records of
blocks that the ledger has are passed by.
Not here: the route to the other members (handed in as :class:`govchain.consensus.ports.BlockSource`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from govchain.consensus.etcd.records import BlockRecord, encode_content, split_content
from govchain.consensus.ports import Application, BlockSource, Info
from govchain.crypto import Suite
from govchain.model import Code, GovChainError
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.headers import decode_header, header_identity

__all__ = ["Catcher"]


class Catcher:
    """See the module; with no ``source`` nothing can be had. ``on_certificate`` takes the certificates of what was."""

    def __init__(
        self,
        application: Application,
        suite: Suite,
        source: BlockSource | None,
        on_certificate: Callable[[int, bytes], object] | None = None,
    ) -> None:
        """Fetches nothing yet."""
        self._application = application
        self._suite = suite
        self._source = source
        self._on_certificate = on_certificate
        #: What could not be had, in words.
        self.lacks = ""

    def advance(self, oldest: BlockRecord, stop: threading.Event) -> int | None:
        """Execute blocks until the one before ``oldest``; the engine height then, or None when a block is lacking.

        Raises:
            GovChainError: NODE_DIVERGED: this node's ledger is another than the one that ``oldest`` continues;
                whatever the application says of the disk.
        """
        application = self._application
        while (info := application.info()).ledger_height < oldest.ledger_height:
            if stop.is_set() or not self._take(info, info.engine_height):
                return None
        ahead = info.ledger_height > oldest.ledger_height  # then the records that follow are passed by
        if not ahead and info.app_hash != oldest.app_hash:
            reason = f"at {info.ledger_height} before block {oldest.height}"
            raise GovChainError(Code.NODE_DIVERGED, reason=reason)
        application.finalize_block((), info.time, oldest.height - 1)
        application.commit()
        return oldest.height - 1

    def follow(self, stop: threading.Event) -> None:
        """Execute whatever certified blocks others have, as a node does that is no member yet."""
        while not stop.is_set():
            info = self._application.info()
            if not self._take(info, info.engine_height):
                return

    def take_newest(self, engine_height: int) -> int | None:
        """Execute the one ledger block that engine block ``engine_height`` made; that height, or None.

        For the newest engine block only: no other can have made the certified ledger block that follows this node's.
        """
        info = self._application.info()
        if self._take(info, engine_height):
            return engine_height
        return None

    def content_of(self, record: BlockRecord) -> tuple[bytes, ...] | None:
        """The envelopes of ``record`` from another member's store, when their chunks are the record's."""
        height = self._application.info().ledger_height + 1
        found = None if self._source is None else self._source.fetch(height)
        if found is not None:
            parts = split_content(self._suite, encode_content(found.envelopes))
            if tuple(digest for digest, _ in parts) == record.chunks:
                return found.envelopes
        self.lacks = f"the content of block {record.height}"
        return None

    def _take(self, info: Info, engine_height: int) -> bool:
        """Fetch, verify, execute and commit the block after ``info``; whether it was to be had."""
        height = info.ledger_height + 1
        self.lacks = f"ledger block {height}"
        found = None if self._source is None else self._source.fetch(height)
        if found is None:
            return False
        suite = self._suite
        try:
            # 1. The header is the next one's, and a quorum of the set that is in force here signed it.
            header = decode_header(found.header)
            identity = header_identity(suite, found.header)
            if (header.height, header.previous) != (height, info.app_hash.hex()):
                self.lacks = f"ledger block {height} as it follows this node's"
                return False
            if header.signers != info.signers.hex():
                self.lacks = f"ledger block {height} of the set that is in force here"
                return False
            verify_certificate(suite, header, identity, decode_certificate(found.certificate))
            # 2. Its envelopes may follow, and executing them gives the same block: its set of signers included.
            if self._application.process_proposal(found.envelopes, header.time):
                return False
        except GovChainError as error:
            self.lacks = f"ledger block {height}: {error.code.name}"
            return False
        executed = self._application.finalize_block(found.envelopes, header.time, engine_height)
        if executed.app_hash != identity:
            raise GovChainError(Code.NODE_DIVERGED, reason=f"at {height}")
        # 3. Only now does anything last.
        self._application.commit()
        if self._on_certificate is not None:
            self._on_certificate(height, found.certificate)
        return True
