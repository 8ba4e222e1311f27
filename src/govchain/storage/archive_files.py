"""An archive file: blocks of a chain in one container that says by itself what it holds.

Purpose: the container of docs/spec/archive.md, written and read: :class:`ArchiveWriter` fills a new file, which appears
whole or not at all; :class:`ArchiveReader` reads the manifest and, in any order, blocks and places of transactions.
Rules: nothing that a file says is believed here but its own digests; sizes and counts are bounded; every byte of a file
belongs to one part of it, and each part has a digest. Memory: one chunk, and 44 bytes of each transaction of the file
that is being written. Any thread may read.
Not here: whether the blocks are sound, link up and are the chain's (``archive_checks``), folders of archives
(``archives``).
"""

from __future__ import annotations

import os
import struct
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Literal, NoReturn, Self

import msgspec

from govchain.crypto import Suite, get_suite
from govchain.model import Code, DecodingError, UnavailableError, VerificationError, decode_strict, encode_canonical
from govchain.model.wire import Genesis
from govchain.proof.genesis import decode_genesis, encode_genesis, fingerprint

__all__ = [
    "ARCHIVE_BLOCKS_MAX",
    "ARCHIVE_BYTES_MAX",
    "ARCHIVE_FORMAT",
    "ARCHIVE_TRANSACTIONS_MAX",
    "ArchiveManifest",
    "ArchiveReader",
    "ArchiveWriter",
    "ArchivedBlock",
    "archive_name",
    "decode_archive_manifest",
    "decode_archived_block",
    "encode_archived_block",
]

#: Format of the archives that this program writes.
ARCHIVE_FORMAT: Final = "govchain-archive/1"
#: Blocks of one file, at most.
ARCHIVE_BLOCKS_MAX: Final = 10_000
#: Transactions of one file that close it: their ids are sorted in memory.
ARCHIVE_TRANSACTIONS_MAX: Final = 500_000
#: Bytes of blocks of one file that close it.
ARCHIVE_BYTES_MAX: Final = 1024 * 1024 * 1024

_MAGIC: Final = b"govchain-archive/1\n"
_MAGIC_ANY: Final = b"govchain-archive/"
_END: Final = b"gca-end\n"
_FORMAT_NUMBER: Final = 1
_LENGTH: Final = struct.Struct(">I")
_PLACE: Final = struct.Struct(">32sQI")
_TRAILER: Final = struct.Struct(">Q32s8s")
#: Bytes of blocks that close a chunk.
_CHUNK_BYTES: Final = 1024 * 1024
#: Bytes of one chunk when it is read: a block as large as any genesis allows, with its receipts.
_CHUNK_BYTES_MAX: Final = 256 * 1024 * 1024
_GENESIS_BYTES_MAX: Final = 4 * 1024 * 1024
_MANIFEST_BYTES_MAX: Final = 16 * 1024 * 1024
_TRANSACTIONS_MAX: Final = 2**32 - 1
#: Chunks of one file, and blocks of one chunk, at most, when it is read.
_CHUNKS_MAX: Final = 100_000
#: Chunks that a reader keeps, for reads that come one after the other.
_CHUNKS_KEPT: Final = 2
_PIECE_BYTES: Final = 1024 * 1024
#: How an archive is opened: no link is followed, no pipe waited for.
_REGULAR_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

_Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Height = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]

_encoder = msgspec.msgpack.Encoder()
_block_decoder = msgspec.msgpack.Decoder(tuple[bytes, tuple[bytes, ...], tuple[bytes, ...], bytes])


class ArchiveChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run of blocks: the first height, how many, their bytes in the file, and the digest of these (hex)."""

    blocks: Annotated[int, msgspec.Meta(ge=1, le=_CHUNKS_MAX)]
    bytes: Annotated[int, msgspec.Meta(ge=1, le=_CHUNK_BYTES_MAX)]
    digest: _Hex32
    first: _Height


class ArchiveManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive file holds.

    Attributes:
        chain: the chain's id.
        chunks: where the blocks lie, in order of height.
        created: when the file was made, ms since 1970.
        first: the lowest height.
        format: ``govchain-archive/1``.
        genesis: fingerprint of the chain's genesis (hex).
        identity: identity of the last block (hex).
        last: the highest height.
        previous: what block ``first`` continues: the identity of the block before, or the fingerprint (hex).
        software: version of the program that made it.
        suite: the chain's suite.
        table: digest of the table of transactions (hex).
        time_first: time of the first block, ms.
        time_last: time of the last block, ms.
        transactions: how many transactions the blocks hold.
    """

    chain: Annotated[str, msgspec.Meta(min_length=3, max_length=32)]
    chunks: Annotated[tuple[ArchiveChunk, ...], msgspec.Meta(min_length=1, max_length=_CHUNKS_MAX)]
    created: _Count
    first: _Height
    format: str
    genesis: _Hex32
    identity: _Hex32
    last: _Height
    previous: _Hex32
    software: Annotated[str, msgspec.Meta(max_length=64)]
    suite: Literal["gm", "international"]
    table: _Hex32
    time_first: _Count
    time_last: _Count
    transactions: Annotated[int, msgspec.Meta(ge=1, le=_TRANSACTIONS_MAX)]


@dataclass(frozen=True, slots=True)
class ArchivedBlock:
    """A block as an archive holds it; ``certificate`` is empty where the block had none of its own."""

    header: bytes
    envelopes: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    certificate: bytes


def archive_name(first: int, last: int) -> str:
    """The name of the file that holds these blocks.

    >>> archive_name(1, 20)
    'archive-000000000001-000000000020.gca'
    """
    return f"archive-{first:012d}-{last:012d}.gca"


def encode_archived_block(block: ArchivedBlock) -> bytes:
    """A block as it lies in a chunk, after its length: MessagePack of header, envelopes, receipts, certificate."""
    return _encoder.encode((block.header, block.envelopes, block.receipts, block.certificate))


def decode_archived_block(data: bytes) -> ArchivedBlock:
    """Read what :func:`encode_archived_block` gave.

    Raises:
        DecodingError: ``BODY_SHAPE`` for anything but its one encoding.
    """
    try:
        block = ArchivedBlock(*_block_decoder.decode(data))
    except (msgspec.MsgspecError, RecursionError):
        raise DecodingError(Code.BODY_SHAPE, reason="archived block") from None
    if encode_archived_block(block) != data:
        raise DecodingError(Code.BODY_SHAPE, reason="archived block")
    return block


def decode_archive_manifest(data: bytes) -> ArchiveManifest:
    """Read a manifest whose numbers agree with each other.

    Raises:
        VerificationError: ``ARCHIVE_INVALID``.
    """
    try:
        manifest = decode_strict(data, ArchiveManifest, canonical=True, size_max=_MANIFEST_BYTES_MAX)
    except DecodingError as error:
        raise VerificationError(Code.ARCHIVE_INVALID, reason=f"manifest: {error.code.name}") from None
    following = manifest.first
    for chunk in manifest.chunks:
        if chunk.first != following:
            raise VerificationError(Code.ARCHIVE_INVALID, reason="manifest: chunks")
        following += chunk.blocks
    if manifest.format != ARCHIVE_FORMAT or following != manifest.last + 1:
        raise VerificationError(Code.ARCHIVE_INVALID, reason="manifest: heights")
    return manifest


class ArchiveWriter:
    """Fills a new archive file with blocks that follow each other; :meth:`finish` writes what comes behind them.

    The caller names the file when it is finished, and removes it when it is not. Errors of the operating system are
    the caller's to translate.

    Args:
        path: a new file.
        genesis: of the chain.
        first: height of the first block.
        previous: what that block continues (32 bytes).
        created: ms since 1970.
        software: version of the program.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(
        self, path: Path, genesis: Genesis, *, first: int, previous: bytes, created: int, software: str
    ) -> None:
        self._suite = get_suite(genesis.suite)
        self._genesis = genesis
        self._first = first
        self._previous = previous
        self._created = created
        self._software = software
        self._chunks: list[ArchiveChunk] = []
        self._chunk = bytearray()
        self._chunk_blocks = 0
        self._places: list[bytes] = []
        self._times = (0, 0)
        self._identity = b""
        #: How many blocks the file holds by now, and their bytes.
        self.blocks = self.bytes = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            data = encode_genesis(genesis)
            self._write(_MAGIC + _LENGTH.pack(len(data)) + data)
        except BaseException:
            self.close()
            raise

    @property
    def full(self) -> bool:
        """Whether the file holds as much as one shall."""
        enough = self.blocks >= ARCHIVE_BLOCKS_MAX or len(self._places) >= ARCHIVE_TRANSACTIONS_MAX
        return enough or self.bytes >= ARCHIVE_BYTES_MAX

    def add(self, block: ArchivedBlock, *, identity: bytes, time: int, ids: list[bytes]) -> None:
        """Put the next block into the file, with its identity, its time (ms) and the ids of its transactions."""
        height = self._first + self.blocks
        data = encode_archived_block(block)
        self._chunk += _LENGTH.pack(len(data)) + data
        self._chunk_blocks += 1
        self._places += [_PLACE.pack(id_, height, index) for index, id_ in enumerate(ids)]
        self._times = (self._times[0] or time, time)
        self._identity = identity
        self.blocks += 1
        self.bytes += _LENGTH.size + len(data)
        if len(self._chunk) >= _CHUNK_BYTES:
            self._end_chunk()

    def finish(self) -> None:
        """Write the table, the manifest and the end, and make the file durable."""
        self._end_chunk()
        self._places.sort()
        digest = self._suite.hasher()
        for start in range(0, len(self._places), _PIECE_BYTES // _PLACE.size):
            piece = b"".join(self._places[start : start + _PIECE_BYTES // _PLACE.size])
            digest.update(piece)
            self._write(piece)
        manifest = ArchiveManifest(
            chain=self._genesis.chain,
            chunks=tuple(self._chunks),
            created=self._created,
            first=self._first,
            format=ARCHIVE_FORMAT,
            genesis=fingerprint(self._genesis).hex(),
            identity=self._identity.hex(),
            last=self._first + self.blocks - 1,
            previous=self._previous.hex(),
            software=self._software,
            suite=self._suite.name,  # type: ignore[arg-type]  # the suites' names are these two
            table=digest.digest().hex(),
            time_first=self._times[0],
            time_last=self._times[1],
            transactions=len(self._places),
        )
        data = encode_canonical(manifest)
        self._write(data + _TRAILER.pack(len(data), self._suite.digest(data), _END))
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file. Closing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _end_chunk(self) -> None:
        if not self._chunk_blocks:
            return
        data = bytes(self._chunk)
        first = self._first + self.blocks - self._chunk_blocks
        digest = self._suite.digest(data).hex()
        self._chunks.append(ArchiveChunk(blocks=self._chunk_blocks, bytes=len(data), digest=digest, first=first))
        self._write(data)
        self._chunk.clear()
        self._chunk_blocks = 0

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


class ArchiveReader:
    """An archive file, opened: its manifest was read and agrees with the file's size; blocks are read when asked for.

    Args:
        path: the file.

    Raises:
        VerificationError: ``ARCHIVE_INVALID``, ``ARCHIVE_NEWER``, naming the file.
        UnavailableError: ``FILE_UNREADABLE``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, list[ArchivedBlock]] = OrderedDict()
        try:
            self._descriptor = os.open(path, _REGULAR_FILE)
        except OSError as error:
            raise UnavailableError(Code.FILE_UNREADABLE, path=str(path), reason=error.strerror or "") from None
        try:
            self._read_outline()
        except BaseException:
            self.close()
            raise

    def _read_outline(self) -> None:
        """Magic, genesis, end and manifest; and that these with the chunks and the table are the whole file."""
        self.size = os.fstat(self._descriptor).st_size
        head = self._read(0, len(_MAGIC))
        if head != _MAGIC:
            self._refuse_magic(head)
        start = len(_MAGIC) + _LENGTH.size
        if self.size < start + _TRAILER.size:
            self._refuse("shorter than it says")
        length = _LENGTH.unpack(self._read(len(_MAGIC), _LENGTH.size))[0]
        if length > min(_GENESIS_BYTES_MAX, self.size - start):
            self._refuse("genesis")
        try:
            self.genesis = decode_genesis(self._read(start, length), canonical=True)
        except DecodingError as error:
            self._refuse(f"genesis: {error.code.name}")
        self.suite: Suite = get_suite(self.genesis.suite)
        manifest_length, digest, end = _TRAILER.unpack(self._read(self.size - _TRAILER.size, _TRAILER.size))
        if end != _END:
            self._refuse("end")
        self._blocks_at = start + length
        if manifest_length > min(_MANIFEST_BYTES_MAX, self.size - _TRAILER.size - self._blocks_at):
            self._refuse("end")
        manifest_at = self.size - _TRAILER.size - manifest_length
        data = self._read(manifest_at, manifest_length)
        if self.suite.digest(data) != digest:
            self._refuse("manifest: digest")
        #: Digest of the manifest's bytes (hex): written down elsewhere, it fixes every byte of the file.
        self.digest = digest.hex()
        try:
            self.manifest = decode_archive_manifest(data)
        except VerificationError as error:
            self._refuse(str(error.params.get("reason", "")))
        manifest = self.manifest
        told = (manifest.chain, manifest.suite, manifest.genesis)
        if told != (self.genesis.chain, self.suite.name, fingerprint(self.genesis).hex()):
            self._refuse("manifest: genesis")
        #: The lowest and the highest height.
        self.first, self.last = manifest.first, manifest.last
        self._firsts = [chunk.first for chunk in manifest.chunks]
        self._places = [self._blocks_at]
        for chunk in manifest.chunks:
            self._places.append(self._places[-1] + chunk.bytes)
        self._table_at = self._places[-1]
        if self._table_at + manifest.transactions * _PLACE.size != manifest_at:
            self._refuse("size")

    def _refuse_magic(self, head: bytes) -> NoReturn:
        number = head.removeprefix(_MAGIC_ANY).strip()
        if head.startswith(_MAGIC_ANY) and number.isdigit() and int(number) > _FORMAT_NUMBER:
            version = head.strip().decode("ascii", "replace")
            raise VerificationError(Code.ARCHIVE_NEWER, path=self.path.name, version=version)
        self._refuse("not an archive")

    def chunks(self) -> Iterator[tuple[ArchiveChunk, bytes, bool]]:
        """Each chunk with its bytes, and whether they have its digest: who checks names the block that differs.

        Raises:
            UnavailableError: ``FILE_UNREADABLE``.
        """
        for number, chunk in enumerate(self.manifest.chunks):
            data = self._read(self._places[number], chunk.bytes)
            yield chunk, data, self.suite.digest(data).hex() == chunk.digest

    def split(self, chunk: ArchiveChunk, data: bytes) -> Iterator[ArchivedBlock]:
        """The blocks of a chunk's bytes.

        Raises:
            VerificationError: ``ARCHIVE_ALTERED``, naming the block at which the bytes are none.
        """
        at = 0
        for height in range(chunk.first, chunk.first + chunk.blocks):
            length = _LENGTH.unpack_from(data, at)[0] if at + _LENGTH.size <= len(data) else len(data)
            at += _LENGTH.size
            try:
                if at + length > len(data):
                    raise DecodingError(Code.BODY_SHAPE)
                yield decode_archived_block(data[at : at + length])
            except DecodingError:
                raise self.altered(height, "malformed") from None
            at += length
        if at != len(data):
            raise self.altered(chunk.first + chunk.blocks - 1, "malformed")

    def block(self, height: int) -> ArchivedBlock:
        """One block, its chunk compared with the digest in the manifest.

        Raises:
            VerificationError: ``ARCHIVE_ALTERED``. UnavailableError: ``FILE_UNREADABLE``.
        """
        number = bisect_right(self._firsts, height) - 1
        with self._lock:
            kept = self._kept.get(number)
            if kept is None:
                chunk = self.manifest.chunks[number]
                data = self._read(self._places[number], chunk.bytes)
                if self.suite.digest(data).hex() != chunk.digest:
                    raise self.altered(height, "digest")
                kept = self._kept[number] = list(self.split(chunk, data))
                while len(self._kept) > _CHUNKS_KEPT:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(number)
            return kept[height - self._firsts[number]]

    def location(self, transaction: bytes) -> tuple[int, int] | None:
        """Height and index of a transaction of these blocks (its id: 32 bytes), or None.

        Raises:
            UnavailableError: ``FILE_UNREADABLE``.
        """
        low, high = 0, self.manifest.transactions
        while low < high:
            middle = (low + high) // 2
            id_, height, index = _PLACE.unpack(self._read(self._table_at + middle * _PLACE.size, _PLACE.size))
            if id_ == transaction:
                return height, index
            low, high = (middle + 1, high) if id_ < transaction else (low, middle)
        return None

    def table(self) -> Iterator[bytes]:
        """The table of transactions by pieces: entries of 44 bytes (id ‖ u64 height ‖ u32 index), sorted."""
        at, end = self._table_at, self._table_at + self.manifest.transactions * _PLACE.size
        step = _PIECE_BYTES // _PLACE.size * _PLACE.size
        while at < end:
            yield self._read(at, min(step, end - at))
            at += step

    def altered(self, height: int, reason: str) -> VerificationError:
        """The error that names this file and a block of it."""
        return VerificationError(Code.ARCHIVE_ALTERED, path=self.path.name, height=height, reason=reason)

    def close(self) -> None:
        """Let go of the file. Closing twice is allowed."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, at: int, length: int) -> bytes:
        pieces: list[bytes] = []
        try:
            while length and (piece := os.pread(self._descriptor, length, at)):
                pieces.append(piece)
                at += len(piece)
                length -= len(piece)
        except OSError as error:
            raise UnavailableError(Code.FILE_UNREADABLE, path=str(self.path), reason=error.strerror or "") from None
        if length:
            self._refuse("shorter than it says")
        return b"".join(pieces)

    def _refuse(self, reason: str) -> NoReturn:
        raise VerificationError(Code.ARCHIVE_INVALID, path=self.path.name, reason=reason)
