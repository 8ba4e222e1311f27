"""What the members write into etcd: the tip, the record of each ordered block, its chunks, each member's beacon.

Purpose: names of keys and forms of values.
Rules: all keys of a chain's era lie below one prefix; the only value that is ever written twice is the tip (and a
beacon); a block's record and the tip that names it are written in one transaction, so both bear the same revision;
a chunk's key ends with the digest of what it holds. Values are MessagePack arrays of fixed length, of one encoding;
a value of another form is an error with the code ENGINE_ALTERED, since only members write here.
Not here: reading and writing them (``order``).

Keys::

    govchain/<chain>-<16 hex of the fingerprint>/<era>/
        s/tip                      the newest height, the digest of its record, the sum of all bytes
        s/member/<member key hex>  a member's beacon: its clock, its height
        block/<height, 16 hex>     the record of a block
        chunk/<height>/<number>/<digest>  a part of a block's content
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from govchain.crypto import Suite
from govchain.model import Code, UnavailableError
from govchain.model.decoders import msgpack_decoder

__all__ = [
    "CHUNKS_MAX",
    "CHUNK_BYTES_MAX",
    "Beacon",
    "BlockRecord",
    "Keys",
    "Tip",
    "altered",
    "decode_content",
    "decode_record",
    "encode_content",
    "encode_record",
    "record_digest",
    "split_content",
]

#: A chunk, in bytes: with its key and the record it fits etcd's request (1.5 MiB).
CHUNK_BYTES_MAX: Final = 1024 * 1024
#: Chunks of one block; with the record, the tip and their comparisons they stay below etcd's 128 operations.
CHUNKS_MAX: Final = 80
#: Bytes of one value that is no chunk.
_RECORD_BYTES_MAX: Final = 16 * 1024
_DOMAIN: Final = "govchain/etcd/1"

_Height = Annotated[int, Meta(ge=0, lt=2**53)]
_Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
_T = TypeVar("_T", bound="Tip | BlockRecord | Beacon")


class Tip(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The newest block: engine height (0: none yet), the digest of its record, bytes of all contents until then."""

    height: _Height
    digest: Annotated[bytes, Meta(max_length=32)]
    size: _Height


class BlockRecord(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One ordered block.

    Attributes:
        height: the engine's.
        time: the proposer's clock, ms since 1970; rises from block to block.
        proposer: its member key.
        previous: digest of the record before, empty for the first.
        ledger_height: the proposer's ledger height before this block.
        app_hash: the proposer's app hash before this block.
        more: whether the proposer holds more and will propose again at once.
        chunks: digests of the content's parts, in order.
        size: bytes of the content.
        total: bytes of all contents up to and with this one.
    """

    height: _Height
    time: _Height
    proposer: Annotated[bytes, Meta(min_length=1, max_length=256)]
    previous: Annotated[bytes, Meta(max_length=32)]
    ledger_height: _Height
    app_hash: _Digest
    more: bool
    chunks: Annotated[tuple[_Digest, ...], Meta(min_length=1, max_length=CHUNKS_MAX)]
    size: _Height
    total: _Height


class Beacon(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A member's sign of life: its wall clock (ms), its engine height, and whether it asks the others for theirs."""

    time: _Height
    height: _Height
    asks: bool


class Keys:
    """The names of one chain's keys."""

    def __init__(self, chain: str, fingerprint: bytes, era: int) -> None:
        """The keys of ``chain`` with the genesis ``fingerprint``, in the engine's ``era``."""
        self.cluster = f"{chain}-{fingerprint.hex()[:16]}"
        self.prefix = f"govchain/{self.cluster}/{era}/".encode()
        self.signals = self.prefix + b"s/"
        self.tip = self.signals + b"tip"
        self.beacons = self.signals + b"member/"
        self.blocks = self.prefix + b"block/"
        self.chunks = self.prefix + b"chunk/"

    def beacon(self, member: bytes) -> bytes:
        """Where a member's beacon lies."""
        return self.beacons + member.hex().encode()

    def block(self, height: int) -> bytes:
        """Where a block's record lies."""
        return self.blocks + b"%016x" % height

    def height(self, key: bytes) -> int | None:
        """The height that a record's key names, or None when it is no record's key."""
        name = key.removeprefix(self.blocks)
        if len(name) != 16 or key == name:
            return None
        try:
            height = int(name, 16)
        except ValueError:
            return None
        return height if self.block(height) == key else None

    def chunks_of(self, height: int) -> bytes:
        """Below which a block's chunks lie."""
        return self.chunks + b"%016x/" % height

    def chunk(self, height: int, number: int, digest: bytes) -> bytes:
        """Where a chunk lies."""
        return self.chunks_of(height) + b"%02x/" % number + digest.hex().encode()


def altered(reason: str) -> UnavailableError:
    """The error about content that no member wrote like this."""
    return UnavailableError(Code.ENGINE_ALTERED, reason=reason)


def encode_record(value: Tip | BlockRecord | Beacon) -> bytes:
    """The one encoding of a value."""
    return msgspec.msgpack.encode(value)


def decode_record(kind: type[_T], data: bytes, what: str) -> _T:
    """A value as ``kind``; ``what`` names it in the error.

    Raises:
        UnavailableError: ENGINE_ALTERED: it is no such value, or not in its one encoding.
    """
    try:
        if len(data) > _RECORD_BYTES_MAX:
            raise altered(what)
        found = msgpack_decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise altered(what) from None
    if msgspec.msgpack.encode(found) != data:
        raise altered(what)
    return found


def record_digest(suite: Suite, data: bytes) -> bytes:
    """The digest of an encoded record, as the tip and the next record name it."""
    return suite.tagged(_DOMAIN, data)


def encode_content(envelopes: Sequence[bytes]) -> bytes:
    """A block's content: its envelopes in order."""
    return msgspec.msgpack.encode(list(envelopes))


def decode_content(content: bytes) -> list[bytes] | None:
    """The envelopes of a content; None when a proposer wrote what is none."""
    try:
        found = msgpack_decoder(list[bytes]).decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if msgspec.msgpack.encode(found) == content else None


def split_content(suite: Suite, content: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a content with their digests, in order."""
    parts = [content[start : start + CHUNK_BYTES_MAX] for start in range(0, len(content), CHUNK_BYTES_MAX)]
    return [(suite.digest(part), part) for part in parts]
