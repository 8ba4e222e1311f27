"""Blocks by height: what lies under which key of which table, and how it is read back.

Purpose: the one place that knows the keys and encodings of a chain's tables. Writing goes into the caller's batch, so
that a block with its state, ids and history is one atomic write; reading answers bytes that were stored, or typed
values. Rules: heights are u64 big endian, so tables are in height order; what must be there and is not is
``STORE_CORRUPT``, naming the part. Not here: meaning of the moving facts (``ledger``), proofs (``merkle``).

| Table | Key | Value |
|---|---|---|
| state, live | as ``state`` and ``merkle`` give them | the same |
| headers, certificates | height | their bytes |
| bodies | height | MessagePack array of envelopes |
| receipts | height | MessagePack array of receipts |
| transactions | id (32 bytes) | u64 height ‖ u32 index |
| ids | height | id ‖ u64 expires, for each transaction |
| history | u8 level ‖ u64 index | node (32 bytes) |
| meta | ``chain`` | the moving facts |
| meta | ``begun`` | u64 height of the snapshot from which the store began, where it did |
| meta | ``pruned`` | u64: bodies and receipts of blocks up to here were pruned (``pruning``) |
| meta | ``archive/`` u64 | highest block of pruned ones that a file holds: its name, digest and lowest block |
| meta | ``engine/`` u64 | u64: the engine's height at the commit of this block, of some blocks |
| meta | ``signers/`` ‖ u64 epoch | the signer set of that epoch |
| key_history | u32 length ‖ state key ‖ u64 height | see :class:`KeyWriteKind` |
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, unique
from typing import Final, Protocol

import msgspec

from govchain.model import Code, RefusedError, UnavailableError, encode_struct
from govchain.model.wire import Header, SignerSet
from govchain.proof.headers import decode_header
from govchain.state import Batch, Reader, Store, Table, Write

__all__ = [
    "BEGUN_KEY",
    "CHAIN_STATE_KEY",
    "ArchiveNote",
    "ArchivedBlocks",
    "BlockReader",
    "BlockStore",
    "KeyWriteKind",
    "StoredTransaction",
    "height_key",
    "history_key",
]

#: Key of the moving facts in ``meta``.
CHAIN_STATE_KEY: Final = b"chain"
#: Key in ``meta`` of the height at which the store began from a snapshot: u64; absent where it began at genesis.
BEGUN_KEY: Final = b"begun"
#: Key of the height up to which blocks were pruned, in ``meta``.
PRUNED_KEY: Final = b"pruned"
#: What the keys of the notes on archives begin with, in ``meta``.
ARCHIVE_PREFIX: Final = b"archive/"

_SIGNERS_KEY: Final = b"signers/"
_PLACE = struct.Struct(">QI")
_ID = struct.Struct(">32sQ")
_NODE = struct.Struct(">BQ")
_LENGTH = struct.Struct(">I")
_HEIGHT_BYTES = 8
_encoder = msgspec.msgpack.Encoder()
_signers_decoder = msgspec.json.Decoder(SignerSet)
_list_decoder = msgspec.msgpack.Decoder(tuple[bytes, ...])


@unique
class KeyWriteKind(Enum):
    """What a block did to a state key; the value is how an entry of ``key_history`` begins."""

    PRESENT = b""
    """Written, in a namespace of which ``live`` knows nothing: the entry is empty, its value is in ``state`` alone."""
    REMOVED = b"\x00"
    """Removed: the entry is this byte."""
    VALUE = b"\x01"
    """Written, in a namespace of ``live``: the byte is followed by the value."""


class _HeaderTime(msgspec.Struct):
    """The one field of a header that restoring the replay window reads."""

    time: int


_time_decoder = msgspec.json.Decoder(_HeaderTime)


class ArchiveNote(msgspec.Struct, frozen=True, array_like=True):
    """Which archive file held pruned blocks: its name, the digest of its manifest (hex), its lowest block."""

    name: str
    digest: str
    first: int


_note_decoder = msgspec.msgpack.Decoder(ArchiveNote)


class ArchivedBlocks(Protocol):
    """Where blocks are read that are no longer in the store: archives that are mounted."""

    def envelopes(self, height: int) -> tuple[bytes, ...] | None:
        """The block's envelopes, or None where no mounted file holds it."""
        ...

    def receipts(self, height: int) -> tuple[bytes, ...] | None:
        """The block's receipts, or None."""
        ...

    def certificate(self, height: int) -> bytes | None:
        """The block's certificate, or None, also where it has none of its own."""
        ...

    def location(self, transaction: bytes) -> tuple[int, int] | None:
        """Height and index of a transaction, or None."""
        ...

    def lowest(self, above: int) -> int:
        """The lowest height from which every block below ``above`` is here; ``above`` where the one before is not."""
        ...


class StoredTransaction(Protocol):
    """What a block store keeps of a transaction."""

    @property
    def id(self) -> bytes:
        """32 bytes."""
        ...

    @property
    def envelope(self) -> bytes:
        """The envelope as sent."""
        ...


def height_key(height: int) -> bytes:
    """A height as a key: u64 big endian.

    >>> height_key(258).hex()
    '0000000000000102'
    """
    return height.to_bytes(8, "big")


def history_key(level: int, index: int) -> bytes:
    """The key of a node of the history tree: u8 level ‖ u64 index."""
    return _NODE.pack(level, index)


_KINDS: Final = {kind.value: kind for kind in KeyWriteKind}
#: Above every height that a chain reaches.
_LAST_HEIGHT: Final = b"\xff" * 8


def _history_prefix(key: bytes) -> bytes:
    """What the keys of ``key_history`` of one state key begin with, and those of no other: its length leads."""
    return _LENGTH.pack(len(key)) + key


class BlockReader:
    """Reads blocks from a store, a read-only store or a checkpoint.

    Args:
        reader: where from.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: Where pruned blocks are read, if anywhere.
        self.archives: ArchivedBlocks | None = None

    def header(self, height: int) -> bytes | None:
        """The header's bytes, or ``None`` when there is no such block."""
        return self._reader.get(Table.HEADERS, height_key(height))

    def decoded_header(self, height: int) -> Header:
        """The header.

        Raises:
            RefusedError: ``NOT_FOUND`` when there is no such block.
            DecodingError: when what is stored is no header.
        """
        return decode_header(self._header(height))

    def header_time(self, height: int) -> int:
        """The block's time in ms; raises as :meth:`decoded_header`."""
        try:
            return _time_decoder.decode(self._header(height)).time
        except msgspec.MsgspecError:
            raise _corrupt("headers", height, "malformed") from None

    def identity_after(self, height: int) -> bytes:
        """The identity of block ``height`` as the header of the next block names it; raises as there."""
        return bytes.fromhex(self.decoded_header(height + 1).previous)

    def envelopes(self, height: int) -> tuple[bytes, ...]:
        """The block's envelopes in order.

        Raises:
            RefusedError: ``NOT_FOUND`` when there is no such block; ``BLOCK_ARCHIVED`` when it was pruned and no
                mounted archive holds it.
            UnavailableError: ``STORE_CORRUPT`` when there is one and its body is missing or malformed.
        """
        stored = self._reader.get(Table.BODIES, height_key(height))
        if stored is None and (archived := self._archived(height)) is not None:
            return self._found(height, archived.envelopes(height))
        return self._list(Table.BODIES, height, stored)

    def receipts(self, height: int) -> tuple[bytes, ...]:
        """The block's receipts in order; raises as :meth:`envelopes`."""
        stored = self._reader.get(Table.RECEIPTS, height_key(height))
        if stored is None and (archived := self._archived(height)) is not None:
            return self._found(height, archived.receipts(height))
        return self._list(Table.RECEIPTS, height, stored)

    def location(self, transaction: bytes) -> tuple[int, int] | None:
        """Height and index of a committed transaction, or ``None``."""
        stored = self._reader.get(Table.TRANSACTIONS, transaction)
        if stored is None:
            return None if self.archives is None else self.archives.location(transaction)
        if len(stored) != _PLACE.size:
            raise _corrupt("transactions", 0, "malformed")
        height, index = _PLACE.unpack(stored)
        return height, index

    def ids(self, height: int) -> list[tuple[bytes, int]]:
        """Ids used in the block and when each expires (ms); empty where they were dropped."""
        stored = self._reader.get(Table.IDS, height_key(height)) or b""
        if len(stored) % _ID.size:
            raise _corrupt("ids", height, "malformed")
        return list(_ID.iter_unpack(stored))

    def certificate(self, height: int) -> bytes | None:
        """The finality certificate's bytes, or ``None``, also where it was pruned and no mounted archive holds it."""
        stored = self._reader.get(Table.CERTIFICATES, height_key(height))
        if stored is None and self.archives is not None and height <= self.pruned():
            return self.archives.certificate(height)
        return stored

    def newest_certificate(self) -> int:
        """The newest height that has a finality certificate, or 0."""
        for key, _ in self._reader.scan(Table.CERTIFICATES, reverse=True, limit=1):
            return int.from_bytes(key, "big")
        return 0

    def history_node(self, level: int, index: int) -> bytes | None:
        """A node of the history tree, or ``None``: the reader of :class:`govchain.merkle.NodeLog`."""
        return self._reader.get(Table.HISTORY, history_key(level, index))

    def key_history(
        self, key: bytes, *, before: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[int, KeyWriteKind, bytes | None]]:
        """Each write to a state key: height, kind, and the value where the kind is ``VALUE``; in order of height.

        Only namespaces of ``delta`` have a history, and it begins where this store's blocks do: at genesis (height 0),
        or after the block of the snapshot from which the node began. One block's writes to a key are one.

        Args:
            key: the whole state key.
            before: only heights below it.
            reverse: the newest first.

        Raises:
            UnavailableError: ``STORE_CORRUPT`` for an entry that is none.
        """
        prefix = _history_prefix(key)
        end = prefix + (_LAST_HEIGHT if before is None else height_key(max(before, 0)))
        for found, entry in self._reader.scan(Table.KEY_HISTORY, prefix, end, reverse=reverse):
            height = int.from_bytes(found[len(prefix) :], "big")
            kind = _KINDS.get(entry[:1])
            if kind is None or (kind is KeyWriteKind.REMOVED and len(entry) > 1) or len(found) != len(prefix) + 8:
                raise _corrupt("key_history", height, "malformed")
            yield height, kind, entry[1:] if kind is KeyWriteKind.VALUE else None

    def chain_state(self) -> bytes | None:
        """The moving facts, or ``None`` before genesis was made."""
        return self._reader.get(Table.META, CHAIN_STATE_KEY)

    def signer_set(self, epoch: int) -> SignerSet | None:
        """The signer set of an epoch, or ``None``: of those that ended before this store's first block.

        Nor are there those that ended under a release that did not keep them.

        Raises:
            UnavailableError: ``STORE_CORRUPT``.
        """
        stored = self._reader.get(Table.META, _SIGNERS_KEY + height_key(epoch))
        try:
            return None if stored is None else _signers_decoder.decode(stored)
        except msgspec.MsgspecError:
            raise _corrupt("signers", epoch, "malformed") from None

    def begun(self) -> int:
        """Height of the snapshot from which this store began, or 0 where it began at genesis.

        Raises:
            UnavailableError: ``STORE_CORRUPT`` for a value that is no height.
        """
        stored = self._reader.get(Table.META, BEGUN_KEY)
        if stored is not None and len(stored) != _HEIGHT_BYTES:
            raise _corrupt("meta", 0, "malformed")
        return 0 if stored is None else int.from_bytes(stored, "big")

    def tip(self) -> int:
        """Height of the newest block, or 0."""
        for key, _ in self._reader.scan(Table.HEADERS, reverse=True, limit=1):
            return int.from_bytes(key, "big")
        return 0

    def first(self) -> int:
        """Height of the oldest block that is here, or 0: above 1 after a snapshot was installed.

        Single headers from before a snapshot, which show how the signer sets went, do not count.
        """
        begun = self.begun()
        if begun:
            return begun
        for key, _ in self._reader.scan(Table.HEADERS, limit=1):
            return int.from_bytes(key, "big")
        return 0

    def pruned(self) -> int:
        """Envelopes, receipts and certificates of blocks up to this height were pruned; 0 where none were.

        Headers stay, and the certificates of blocks that changed the signer set or carry a checkpoint's root.
        """
        stored = self._reader.get(Table.META, PRUNED_KEY)
        if stored is None:
            return 0
        if len(stored) != 8:
            raise _corrupt("meta", 0, "malformed")
        return int.from_bytes(stored, "big")

    def oldest(self) -> int:
        """The lowest height from which on every block can be read whole, here or in mounted archives; 0: no blocks."""
        first = self.first()
        if not first:
            return 0
        first = max(first, self.pruned() + 1)
        return first if self.archives is None else self.archives.lowest(first)

    def archive_note(self, height: int) -> ArchiveNote | None:
        """Which archive file held the pruned block ``height``, or None."""
        end = ARCHIVE_PREFIX + _LAST_HEIGHT
        for _, value in self._reader.scan(Table.META, ARCHIVE_PREFIX + height_key(height), end, limit=1):
            try:
                return _note_decoder.decode(value)
            except msgspec.MsgspecError:
                raise _corrupt("meta", height, "malformed") from None
        return None

    def require_here(self, height: int) -> None:
        """Raise where the contents of block ``height`` were pruned.

        Raises:
            RefusedError: ``BLOCK_ARCHIVED``, naming the archive file.
        """
        if 0 < height <= self.pruned():
            note = self.archive_note(height)
            raise RefusedError(Code.BLOCK_ARCHIVED, height=height, path="" if note is None else note.name)

    def headers(self, first: int = 1, last: int | None = None, *, reverse: bool = False) -> Iterator[tuple[int, bytes]]:
        """Heights and header bytes from ``first`` to ``last`` (both included; ``None``: the newest)."""
        end = None if last is None else height_key(last + 1)
        for key, value in self._reader.scan(Table.HEADERS, height_key(max(first, 0)), end, reverse=reverse):
            yield int.from_bytes(key, "big"), value

    def _header(self, height: int) -> bytes:
        header = self.header(height)
        if header is None:
            raise RefusedError(Code.NOT_FOUND, reason=f"block {height}")
        return header

    def _archived(self, height: int) -> ArchivedBlocks | None:
        """The mounted archives, for a block that was pruned or lies before the first one here; None for any other."""
        archives = self.archives
        if archives is not None and (height <= self.pruned() or height < self.first()):
            return archives
        return None

    def _found(self, height: int, found: tuple[bytes, ...] | None) -> tuple[bytes, ...]:
        if found is None:
            self.require_here(height)
            raise RefusedError(Code.NOT_FOUND, reason=f"block {height}")
        return found

    def _list(self, table: Table, height: int, stored: bytes | None) -> tuple[bytes, ...]:
        if stored is None:
            self.require_here(height)
            self._header(height)
            raise _corrupt(table.name.lower(), height, "missing")
        try:
            return _list_decoder.decode(stored)
        except msgspec.MsgspecError:
            raise _corrupt(table.name.lower(), height, "malformed") from None


class BlockStore(BlockReader):
    """Reads blocks, and puts them into batches.

    Args:
        store: the store; only :meth:`write_certificate` writes to it.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.store = store

    def put_block(
        self,
        batch: Batch,
        height: int,
        header: bytes,
        transactions: Sequence[StoredTransaction],
        receipts: Sequence[bytes],
    ) -> None:
        """Put the header, the envelopes, the receipts and each transaction's place into ``batch``."""
        key = height_key(height)
        batch.put(Table.HEADERS, key, header)
        batch.put(Table.BODIES, key, _encoder.encode([item.envelope for item in transactions]))
        batch.put(Table.RECEIPTS, key, _encoder.encode(receipts))
        pack = _PLACE.pack
        batch.extend(Table.TRANSACTIONS, [(item.id, pack(height, index)) for index, item in enumerate(transactions)])

    def put_ids(self, batch: Batch, height: int, ids: Iterable[tuple[bytes, int]]) -> None:
        """Put the block's ids with their expiry (ms)."""
        pack = _ID.pack
        batch.put(Table.IDS, height_key(height), b"".join([pack(id_, expires) for id_, expires in ids]))

    def drop_ids(self, batch: Batch, first: int, last: int) -> None:
        """Drop the ids of blocks ``first`` to ``last`` (both included), which the replay window no longer covers."""
        for height in range(first, last + 1):
            batch.delete(Table.IDS, height_key(height))

    def put_state(self, batch: Batch, writes: Iterable[Write], live_nodes: Mapping[bytes, bytes | None]) -> None:
        """Put the state writes and the nodes of the ``live`` tree."""
        batch.extend(Table.STATE, writes)
        if live_nodes:
            batch.extend(Table.LIVE, live_nodes.items())

    def put_key_history(self, batch: Batch, height: int, live: Iterable[Write], delta_only: Iterable[Write]) -> None:
        """Put what the block wrote to keys of ``live`` namespaces, with values, and of those in ``delta`` only."""
        pack, tail = _LENGTH.pack, height_key(height)
        entries: list[Write] = [
            (pack(len(key)) + key + tail, b"\x00" if value is None else b"") for key, value in delta_only
        ]
        entries += [(pack(len(key)) + key + tail, b"\x00" if value is None else b"\x01" + value) for key, value in live]
        if entries:
            batch.extend(Table.KEY_HISTORY, entries)

    def put_history(self, batch: Batch, nodes: Iterable[tuple[int, int, bytes]]) -> None:
        """Put nodes (level, index, hash) of the history tree."""
        batch.extend(Table.HISTORY, [(history_key(level, index), node) for level, index, node in nodes])

    def put_chain_state(self, batch: Batch, chain_state: bytes) -> None:
        """Put the moving facts."""
        batch.put(Table.META, CHAIN_STATE_KEY, chain_state)

    def put_pruned(self, batch: Batch, height: int) -> None:
        """Note that blocks up to ``height`` are pruned; goes into the batch that removes the last of them."""
        batch.put(Table.META, PRUNED_KEY, height_key(height))

    def put_archive_note(self, batch: Batch, last: int, note: ArchiveNote) -> None:
        """Note which file holds the blocks up to ``last``."""
        batch.put(Table.META, ARCHIVE_PREFIX + height_key(last), _encoder.encode(note))

    def put_signer_set(self, batch: Batch, epoch: int, signers: SignerSet) -> None:
        """Put the signer set of an epoch."""
        batch.put(Table.META, _SIGNERS_KEY + height_key(epoch), encode_struct(signers))

    def put_certificate(self, batch: Batch, height: int, certificate: bytes) -> None:
        """Put a finality certificate."""
        batch.put(Table.CERTIFICATES, height_key(height), certificate)

    def write_certificate(self, height: int, certificate: bytes) -> None:
        """Write a finality certificate by itself; it becomes durable with the next durable write."""
        batch = Batch()
        self.put_certificate(batch, height, certificate)
        self.store.write(batch, durable=False)


def _corrupt(part: str, height: int, reason: str) -> UnavailableError:
    return UnavailableError(Code.STORE_CORRUPT, path=f"{part}/{height}", reason=reason)
