"""Whether archives hold what they say: every byte, every block, and that the blocks are one chain's.

Purpose: :class:`BlockWalk` checks one block after the other, :func:`verify_archives` whole files that link up. Neither
needs a store, a network or an engine: a genesis or a header that is trusted is enough.
Rules: an archive is believed as far as the members' certificates carry it: each block continues the one before, its
contents have the roots in its header, and each certificate is by the set in force, which block before block hands on.
Whoever can write files can make other files: what they make is refused, naming the block.
Not here: the container (``archive_files``), folders (``archives``), executing the blocks again (``ops``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from govchain.crypto import Suite
from govchain.model import Code, GovChainError, VerificationError
from govchain.model.wire import Header
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.trust import EpochWalk, TrustAnchors
from govchain.state.roots import receipt_root, transaction_root
from govchain.storage.archive_files import ArchivedBlock, ArchiveReader

__all__ = ["ArchiveVerdict", "BlockWalk", "Progress", "check_linked", "verify_archives"]

#: Called with (done, total) blocks.
Progress = Callable[[int, int], None]
#: Blocks between two calls of it.
_PROGRESS_BLOCKS: Final = 50
_PLACE_BYTES: Final = 44

_envelope_decoder = msgspec.msgpack.Decoder(tuple[int, bytes, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class ArchiveVerdict:
    """What archives were found to be: sound, and whether somebody who is trusted vouches for them.

    Attributes:
        files: the files, by height.
        digests: of each file's manifest (hex).
        chain: the chain's id.
        genesis: fingerprint of its genesis (hex).
        first: the lowest height.
        last: the highest height.
        identity: identity of the last block (hex).
        transactions: in all blocks.
        by: ``genesis``, ``header HEIGHT`` or ``node``, who vouches; empty where nobody does.
    """

    files: tuple[Path, ...]
    digests: tuple[str, ...]
    chain: str
    genesis: str
    first: int
    last: int
    identity: str
    transactions: int
    by: str

    @property
    def trusted(self) -> bool:
        """Whether somebody vouches."""
        return bool(self.by)


class BlockWalk:
    """Checks blocks one after the other; each continues the one before.

    Args:
        suite: the chain's.
        chain: its id.
        height: of the last block before; 0 at genesis.
        previous: its identity; the fingerprint at genesis; empty where it is not known.
        epochs: the signer set in force behind it; None where it is not known: then the first block's own is taken.
        time: its time in ms.
    """

    def __init__(
        self, suite: Suite, chain: str, height: int, previous: bytes, epochs: EpochWalk | None, time: int = 0
    ) -> None:
        self.suite = suite
        self.chain = chain
        #: Of the last block that was checked.
        self.height = height
        self.identity = previous
        self.time = time
        #: Whether the last block that was checked is final by its own certificate.
        self.certified = False
        self._epochs = epochs

    def step(self, block: ArchivedBlock) -> tuple[Header, list[bytes]]:
        """Check the next block; its header, and the ids of its transactions.

        1. The header is canonical, of this chain and this height.
        2. It continues the block before: identity, time, epoch and signer set.
        3. Transactions and receipts are as many as it says and have its roots.
        4. Its certificate, where it has one, makes it final; a block that changes the signer set must have one.

        Raises:
            VerificationError: ``ARCHIVE_ALTERED`` with height and reason.
        """
        height = self.height + 1
        try:
            # 1.
            header = decode_header(block.header)
            if (header.chain, header.height) != (self.chain, height):
                raise _fault("another block's header")
            # 2.
            if self.identity and header.previous != self.identity.hex():
                raise _fault("does not continue the block before")
            if header.time <= self.time:
                raise _fault("time")
            epochs = self._epochs or EpochWalk(header.epoch, header.signers)
            following = epochs.step(header)
            # 3.
            self._check_roots(header, block)
            # 4.
            identity = header_identity(self.suite, block.header)
            if block.certificate:
                verify_certificate(self.suite, header, identity, decode_certificate(block.certificate))
            elif header.next_signers != header.signers:
                raise _fault("no certificate")
            ids = [self.suite.digest(_envelope_decoder.decode(envelope)[1]) for envelope in block.envelopes]
        except msgspec.MsgspecError:
            raise _altered(height, "malformed envelope") from None
        except GovChainError as error:
            raise _altered(height, str(error.params.get("reason") or error.code.name)) from None
        self.height, self.identity, self.time, self._epochs = height, identity, header.time, following
        self.certified = bool(block.certificate)
        return header, ids

    def _check_roots(self, header: Header, block: ArchivedBlock) -> None:
        if not len(block.envelopes) == len(block.receipts) == header.transaction_count:
            raise _fault("number of transactions")
        if transaction_root(self.suite, block.envelopes).hex() != header.transaction_root:
            raise _fault("transactions")
        if receipt_root(self.suite, block.receipts).hex() != header.receipt_root:
            raise _fault("receipts")


def verify_archives(
    readers: Sequence[ArchiveReader],
    anchors: TrustAnchors,
    *,
    own_header: Callable[[int], bytes | None] | None = None,
    genesis: str = "",
    progress: Progress | None = None,
    pulse: Callable[[], None] = lambda: None,
) -> ArchiveVerdict:
    """Raise unless these files are sound and link up; tell whether ``anchors`` or a node's own headers vouch for them.

    1. All are of one chain, and of the one whose fingerprint is asked for.
    2. In order of height each begins where the one before ends.
    3. Every byte has the digest that the file's end fixes; the table holds the transactions of the blocks.
    4. Each block continues the one before, as :class:`BlockWalk` lists it; the last is final by its own certificate.
    5. Where a header is trusted, or the node has one, of a block that is there, it is the block's.
    6. Vouching: a trusted genesis whose block 1 is there; a trusted header of a block that is there or of the block
       before the first; or the node's own headers.

    The caller still owes: that the node's own store is sound.

    Args:
        readers: the files; at least one.
        anchors: what is trusted.
        own_header: a node's headers by height, or None for a height that it does not have.
        genesis: fingerprint (hex) that they must have, where it is known.
        progress: told blocks.
        pulse: called again and again; what it raises ends the work.

    Raises:
        VerificationError: ``ARCHIVE_FOREIGN``, ``ARCHIVE_GAP``, ``ARCHIVE_ALTERED`` or ``ARCHIVE_INVALID``, naming the
            file and the block. UnavailableError: ``FILE_UNREADABLE``.
    """
    files = sorted(readers, key=lambda reader: (reader.first, reader.last))
    # 1.
    wanted = genesis or files[0].manifest.genesis
    for reader in files:
        if reader.manifest.genesis != wanted:
            raise VerificationError(Code.ARCHIVE_FOREIGN, path=reader.path.name, reason=reader.manifest.genesis)
    # 2.
    for before, after in pairwise(files):
        check_linked(before, after)
    verifier = _Verifier(files, anchors, own_header, progress, pulse)
    return verifier.run()


def check_linked(before: ArchiveReader, after: ArchiveReader) -> None:
    """Raise unless one file ends where the next begins, as their manifests say.

    Raises:
        VerificationError: ``ARCHIVE_GAP``.
    """
    if after.first > before.last + 1:
        raise _gap(after, before.last + 1, after.first - 1, "missing")
    if after.first <= before.last:
        raise _gap(after, after.first, min(before.last, after.last), "twice")


class _Verifier:
    """Steps 3 to 6 over files in order."""

    def __init__(
        self,
        files: Sequence[ArchiveReader],
        anchors: TrustAnchors,
        own_header: Callable[[int], bytes | None] | None,
        progress: Progress | None,
        pulse: Callable[[], None],
    ) -> None:
        first = files[0]
        self._files = files
        self._own_header = own_header
        self._progress = progress
        self._pulse = pulse
        self._done = 0
        self._total = files[-1].last - first.first + 1
        self._trusted: dict[int, bytes] = {}
        for data in anchors.headers:
            header = decode_header(data)
            if header.chain == first.manifest.chain:
                self._trusted[header.height] = data
        self._by = ""
        self._walk = self._start(first, anchors)

    def _start(self, first: ArchiveReader, anchors: TrustAnchors) -> BlockWalk:
        """Where the first block continues: genesis, a header that is known, or what the manifest says."""
        suite, manifest = first.suite, first.manifest
        if first.first == 1:
            if manifest.genesis in anchors.genesis:
                self._by = "genesis"
            previous = bytes.fromhex(manifest.genesis)
            walk = BlockWalk(suite, manifest.chain, 0, previous, EpochWalk.from_genesis(suite, first.genesis))
            walk.time = first.genesis.created
            return walk
        height = first.first - 1
        known = self._trusted.get(height)
        if known is not None:
            self._by = f"header {height}"
        if known is None and self._own_header is not None:
            known = self._own_header(height)
        if known is None:
            return BlockWalk(suite, manifest.chain, height, bytes.fromhex(manifest.previous), None)
        header = decode_header(known)
        return BlockWalk(
            suite, manifest.chain, height, header_identity(suite, known), EpochWalk.after(header), header.time
        )

    def run(self) -> ArchiveVerdict:
        for reader in self._files:
            self._check_file(reader)
        first, last = self._files[0], self._files[-1]
        return ArchiveVerdict(
            tuple(reader.path for reader in self._files),
            tuple(reader.digest for reader in self._files),
            first.manifest.chain,
            first.manifest.genesis,
            first.first,
            last.last,
            last.manifest.identity,
            sum(reader.manifest.transactions for reader in self._files),
            self._by,
        )

    def _check_file(self, reader: ArchiveReader) -> None:
        walk, manifest = self._walk, reader.manifest
        if walk.identity and manifest.previous != walk.identity.hex():
            raise reader.altered(reader.first, "does not continue the block before")
        places: list[bytes] = []
        first_time = 0
        for chunk, data, whole in reader.chunks():
            # A chunk that differs is searched first: the block at fault says more than its chunk.
            for block in reader.split(chunk, data):
                try:
                    header, ids = walk.step(block)
                    self._check_known(header.height, block.header)
                except VerificationError as error:
                    raise reader.altered(walk.height + ("next" in error.params), _reason(error)) from None
                first_time = first_time or header.time
                places += [_place(id_, header.height, index) for index, id_ in enumerate(ids)]
                self._tell()
            if not whole:
                raise reader.altered(chunk.first, f"digest of blocks {chunk.first} to {chunk.first + chunk.blocks - 1}")
        if not walk.certified:
            raise reader.altered(reader.last, "no certificate")
        told = (manifest.identity, manifest.time_first, manifest.time_last)
        if told != (walk.identity.hex(), first_time, walk.time):
            raise VerificationError(Code.ARCHIVE_INVALID, path=reader.path.name, reason="manifest: head")
        self._check_table(reader, places)

    def _check_table(self, reader: ArchiveReader, places: list[bytes]) -> None:
        places.sort()
        digest, at = reader.suite.hasher(), 0
        for piece in reader.table():
            count = len(piece) // _PLACE_BYTES
            if piece != b"".join(places[at : at + count]):
                raise VerificationError(Code.ARCHIVE_INVALID, path=reader.path.name, reason="table")
            digest.update(piece)
            at += count
        if at != len(places) or digest.digest().hex() != reader.manifest.table:
            raise VerificationError(Code.ARCHIVE_INVALID, path=reader.path.name, reason="table")

    def _check_known(self, height: int, data: bytes) -> None:
        """Step 5; the walk stands behind that block by now."""
        trusted = self._trusted.get(height)
        if trusted is not None:
            if trusted != data:
                raise _fault("not the trusted block")
            self._by = self._by or f"header {height}"
        if self._own_header is not None:
            own = self._own_header(height)
            if own is not None:
                if own != data:
                    raise _fault("not the block of this node")
                self._by = self._by or "node"

    def _tell(self) -> None:
        self._done += 1
        if self._done % _PROGRESS_BLOCKS and self._done != self._total:
            return
        self._pulse()
        if self._progress is not None:
            self._progress(self._done, self._total)


def _place(id_: bytes, height: int, index: int) -> bytes:
    return id_ + height.to_bytes(8, "big") + index.to_bytes(4, "big")


def _reason(error: VerificationError) -> str:
    return str(error.params.get("reason", ""))


def _gap(after: ArchiveReader, first: int, last: int, reason: str) -> VerificationError:
    return VerificationError(Code.ARCHIVE_GAP, path=after.path.name, reason=f"blocks {first} to {last} {reason}")


def _fault(reason: str) -> VerificationError:
    return VerificationError(Code.ARCHIVE_ALTERED, reason=reason)


def _altered(height: int, reason: str) -> VerificationError:
    return VerificationError(Code.ARCHIVE_ALTERED, height=height, reason=reason, next=1)
