"""The order: blocks appended to etcd one after the other, read back, and cleared when they are old.

Purpose: the only place where blocks are written to etcd and read from it.
Rules: a block is appended by one transaction that compares the tip, by its value and its revision, and writes the
block's record, its only chunk and the new tip; of several proposers one wins. The chunks of a larger block are written
before, below the block's height and under their digests, and must be there for the transaction to hold. Whoever does
not know how an append ended reads the tip again: no append is repeated without that. What is read is compared with
what members write; anything else is ENGINE_ALTERED.
Not here: who proposes and when (``engine``), forms and names (``records``).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

from govchain.consensus.etcd.client import Compare, EtcdClient, KeyValue, delete_range, put
from govchain.consensus.etcd.records import (
    BlockRecord,
    Keys,
    Tip,
    altered,
    decode_record,
    encode_record,
    record_digest,
    split_content,
)
from govchain.crypto import Suite
from govchain.model import UnavailableError

__all__ = ["FoundBlock", "OrderLog", "TipState"]

#: Records looked at in one clearing.
_CLEAR_RECORDS_MAX: Final = 512
#: Newest blocks that clearing leaves, however large.
_KEEP_BLOCKS_MIN: Final = 4
#: Records that are none, one after the other, which are stepped over in search of the next good one.
_SKIP_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class TipState:
    """The tip as it was read: its value, and the revision of its last change."""

    tip: Tip
    value: bytes
    revision: int

    @property
    def height(self) -> int:
        """The newest block's engine height."""
        return self.tip.height


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block's record with its digest, and the revision at which it was written."""

    record: BlockRecord
    digest: bytes
    revision: int


class OrderLog:
    """See the module.

    Args:
        client: of this node's etcd.
        keys: the chain's.
        suite: the chain's, for digests.
    """

    def __init__(self, client: EtcdClient, keys: Keys, suite: Suite) -> None:
        """Reads and writes nothing yet."""
        self._client = client
        self._keys = keys
        self._suite = suite

    def tip(self) -> TipState | None:
        """The tip as a majority has it, or None where no member has begun the order.

        Raises:
            EtcdError: no answer, or no majority.
            UnavailableError: ENGINE_ALTERED.
        """
        found = self._client.get(self._keys.tip)
        return None if found is None else self.decode_tip(found)

    def decode_tip(self, item: KeyValue) -> TipState:
        """The tip from the key that holds it."""
        return TipState(decode_record(Tip, item.value, "tip"), item.value, item.mod_revision)

    def begin(self) -> None:
        """Write the tip of an order without blocks, unless there is a tip; the tip is never removed afterwards."""
        start = encode_record(Tip(0, b"", 0))
        self._client.txn([Compare(self._keys.tip, mod_revision=0)], [put(self._keys.tip, start)])

    def append(self, at: TipState, record: BlockRecord, content: bytes) -> TipState | None:
        """Append ``record`` with ``content`` after ``at``; the new tip, or None when another block was first.

        The record's ``chunks``, ``size``, ``previous`` and ``total`` are what :meth:`describe` gave.

        Raises:
            EtcdError: with ``unknown`` set it may have been appended: read the tip.
        """
        keys, height = self._keys, record.height
        parts = split_content(self._suite, content)
        names = [keys.chunk(height, number, digest) for number, (digest, _) in enumerate(parts)]
        compares = [
            Compare(keys.tip, value=at.value),
            Compare(keys.tip, mod_revision=at.revision),
        ]
        writes = []
        if len(parts) == 1:
            writes.append(put(names[0], parts[0][1]))
        else:
            for name, (_, part) in zip(names, parts, strict=True):
                self._client.put(name, part)
            compares += [Compare(name, exists=True) for name in names]
        data = encode_record(record)
        tip = encode_record(Tip(height, record_digest(self._suite, data), record.total))
        writes += [put(keys.block(height), data), put(keys.tip, tip)]
        result = self._client.txn(compares, writes)
        return TipState(decode_record(Tip, tip, "tip"), tip, result.revision) if result.succeeded else None

    def describe(self, at: TipState, content: bytes) -> tuple[tuple[bytes, ...], int]:
        """Digests of the chunks of ``content``, and the sum of all bytes with it."""
        chunks = tuple(digest for digest, _ in split_content(self._suite, content))
        return chunks, at.tip.size + len(content)

    def blocks(self, first: int, seen: TipState, limit: int, *, local: bool) -> list[FoundBlock]:
        """Confirmed records from ``first`` on, oldest first, up to the tip ``seen``.

        A record is confirmed by the next one, the newest by the tip; what is not, or has no form, is left out, so that
        a gap shows. The last of ``limit`` records is left out where nothing is there to confirm it.

        Args:
            first: the lowest height.
            seen: the tip.
            limit: records to look at.
            local: look at them as this node's process has them, without asking a majority.

        Raises:
            EtcdError: no answer.
        """
        keys = self._keys
        end = keys.block(seen.height + 1)
        items = self._client.scan(keys.block(first), end, limit=limit, local=local)
        confirmed: list[FoundBlock] = []
        wanted = {seen.height: seen.tip.digest}
        for item in reversed(items):
            with contextlib.suppress(UnavailableError):
                block = self._found(item)
                digest = wanted.get(block.record.height, block.digest)
                if digest != block.digest:
                    continue
                if block.record.height in wanted:
                    confirmed.append(block)
                wanted[block.record.height - 1] = block.record.previous
        return confirmed[::-1]

    def oldest(self, first: int, seen: TipState) -> FoundBlock | None:
        """The lowest confirmed record from ``first`` to the tip ``seen``, as a majority has it."""
        keys = self._keys
        items = self._client.scan(keys.block(first), keys.block(seen.height + 1), limit=1, keys_only=True)
        lowest = keys.height(items[0].key) if items else None
        for height in range(lowest or first, min(seen.height, (lowest or first) + _SKIP_MAX) + 1):
            found = self.blocks(height, seen, 2, local=False)
            if found:
                return found[0]
        return None

    def content(self, record: BlockRecord) -> bytes:
        """A block's content.

        Raises:
            EtcdError: no answer.
            UnavailableError: ENGINE_ALTERED: a chunk is missing or not what its digest says.
        """
        parts = []
        for number, digest in enumerate(record.chunks):
            name = self._keys.chunk(record.height, number, digest)
            item = self._client.get(name, local=True) or self._client.get(name)
            if item is None or self._suite.digest(item.value) != digest:
                raise altered(f"chunk {number} of block {record.height}")
            parts.append(item.value)
        return b"".join(parts)

    def clear(self, keep_bytes: int) -> int:
        """Remove the oldest blocks while what stays holds ``keep_bytes`` at least; how many records went.

        Chunks that proposers left behind when another was first go with the blocks of their height.
        """
        keys = self._keys
        state = self.tip()
        if state is None:
            return 0
        end = keys.block(max(0, state.height - _KEEP_BLOCKS_MIN) + 1)
        found = self._client.scan(keys.blocks, end, limit=_CLEAR_RECORDS_MAX)
        last, count = -1, 0
        for item in found:
            with contextlib.suppress(UnavailableError):  # what is no record goes with those around it
                block = self._found(item)
                if state.tip.size - block.record.total < keep_bytes:
                    break
                last, count = block.record.height, count + 1
        if not count:
            return 0
        self._client.txn(
            [],
            [
                delete_range(keys.blocks, keys.block(last + 1)),
                delete_range(keys.chunks, keys.chunks_of(last + 1)),
            ],
        )
        return count

    def _found(self, item: KeyValue) -> FoundBlock:
        height = self._keys.height(item.key)
        if height is None:
            raise altered("a key among the blocks")
        record = decode_record(BlockRecord, item.value, f"block {height}")
        if record.height != height:
            raise altered(f"block {height}")
        return FoundBlock(record, record_digest(self._suite, item.value), item.mod_revision)
