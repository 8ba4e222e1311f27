"""Bodies of messages between the nodes of a chain, as MessagePack arrays (docs/spec/peers.md 5, docs/spec/joining.md).

Rules: one codec for everything the route carries. What is decoded is of the right shape and size, and nothing more is
known of it; later versions may append members. Pieces of a snapshot's files travel as plain bytes.
Not here: frames and their bounds (``peers``), what is done with the messages (``exchange``), what an answer to a joiner
must satisfy (``joining.walking``, ``joining.fetching``).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from govchain.consensus.disagreement import FinalitySignature
from govchain.model import Code, DecodingError
from govchain.model.wire import Height

__all__ = [
    "LINKS_MAX",
    "OFFERS_MAX",
    "PIECE_BYTES",
    "SHAPES",
    "Ask",
    "BlockRange",
    "Greeting",
    "HeightAnswer",
    "Link",
    "Offer",
    "Offers",
    "PeerBlock",
    "Preparing",
    "SignatureMessage",
    "SignatureRow",
    "SignerPath",
    "TransactionsMessage",
    "decode_message",
    "encode_message",
    "signature_of",
    "signature_row",
]

#: Bytes of one piece of a manifest or chunk, at most; an answer of kind ``snapshot`` takes twice as many.
PIECE_BYTES: Final = 4 * 1024 * 1024
#: Changes of the signer set in one answer.
LINKS_MAX: Final = 32
#: Snapshots that one node offers.
OFFERS_MAX: Final = 16

#: A header's or certificate's bytes; a certificate has at most 1,024 signatures and keys.
_HEADER_BYTES_MAX = 4_096
_CERTIFICATE_BYTES_MAX = 1024 * 1024

T = TypeVar("T")
Key = Annotated[bytes, Meta(min_length=1, max_length=1024)]
Digest32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Place = Annotated[int, Meta(ge=0, le=2**40)]


class Greeting(Struct, frozen=True, array_like=True):
    """``records``: member records that the sender holds, its own first; ``height``, ``certified``: of its ledger.

    ``run`` is another number each time the sender starts: what it held before is gone then. ``further``: the sender's
    own records for other chains that it hosts.
    """

    height: Number
    certified: Number
    run: Number
    software: Annotated[str, Meta(max_length=64)]
    records: Annotated[tuple[bytes, ...], Meta(max_length=1024)]
    further: Annotated[tuple[bytes, ...], Meta(max_length=64)] = ()


class Preparing(Struct, frozen=True, array_like=True):
    """The sender is about to propose engine block ``height`` of at most ``bytes_max``."""

    height: Number
    bytes_max: Number


class TransactionsMessage(Struct, frozen=True, array_like=True):
    """``sent``: the sender's clock in ms. The answer: one code of two bytes for each envelope."""

    sent: Number
    envelopes: Annotated[tuple[bytes, ...], Meta(max_length=65_536)]


class SignatureRow(Struct, frozen=True, array_like=True):
    """A finality signature."""

    height: Number
    key: Key
    signature: Key
    epoch: Number
    identity: Digest32
    state_root: Digest32


class SignatureMessage(Struct, frozen=True, array_like=True):
    """``sent``: the sender's clock in ms."""

    sent: Number
    signatures: Annotated[tuple[SignatureRow, ...], Meta(max_length=1024)]


class HeightAnswer(Struct, frozen=True, array_like=True):
    """What a node has for one height: its certificate, empty where there is none; then its own signature, if any."""

    height: Number
    certificate: bytes
    signature: SignatureRow | None


class BlockRange(Struct, frozen=True, array_like=True):
    """Blocks ``first`` to ``last`` in at most ``bytes_max`` bytes, one block at least."""

    first: Number
    last: Number
    bytes_max: Number


class PeerBlock(Struct, frozen=True, array_like=True):
    """A block from another node; ``certificate`` is empty where that node has none."""

    header: bytes
    envelopes: tuple[bytes, ...]
    receipts: tuple[bytes, ...]
    certificate: bytes


class Ask(Struct, frozen=True, array_like=True):
    """What a joiner wants.

    ``first``: block 1. ``path``: certified changes of the signer set from epoch ``height`` on. ``offers``: the
    snapshots that are here. ``manifest``: a piece of the manifest of the snapshot at ``height``, from ``offset``.
    ``chunk``: a piece of its chunk ``index``.
    """

    what: Literal["first", "path", "offers", "manifest", "chunk"]
    height: Place = 0
    index: Place = 0
    offset: Place = 0


class Link(Struct, frozen=True, array_like=True):
    """A header and its certificate, as they are stored."""

    header: Annotated[bytes, Meta(max_length=_HEADER_BYTES_MAX)]
    certificate: Annotated[bytes, Meta(max_length=_CERTIFICATE_BYTES_MAX)]


class SignerPath(Struct, frozen=True, array_like=True):
    """Changes of the signer set in order of height; ``more``: ask again from the epoch that these lead to."""

    links: Annotated[tuple[Link, ...], Meta(max_length=LINKS_MAX)]
    more: bool


class Offer(Struct, frozen=True, array_like=True):
    """One snapshot, and what shows that its root is the chain's.

    ``header`` is the block's at ``height``; ``carrier`` a later certified one with the checkpoint's root; ``path``
    the inclusion path of the block's identity in the carrier's ``history``. ``manifest`` is its digest under the
    chain's suite, ``manifest_bytes`` its size. ``engine_height`` is the engine's height of the block.
    """

    height: Height
    engine_height: Place
    header: Annotated[bytes, Meta(max_length=_HEADER_BYTES_MAX)]
    carrier: Link
    path: Annotated[tuple[Digest32, ...], Meta(max_length=64)]
    manifest: Digest32
    manifest_bytes: Annotated[int, Meta(ge=1)]


class Offers(Struct, frozen=True, array_like=True):
    """The snapshots that a node has, newest first."""

    offers: Annotated[tuple[Offer, ...], Meta(max_length=OFFERS_MAX)]


#: What a body may be decoded as.
SHAPES: Final[tuple[Any, ...]] = (
    Greeting,
    Preparing,
    TransactionsMessage,
    SignatureMessage,
    BlockRange,
    tuple[PeerBlock, ...],
    tuple[HeightAnswer, ...],
    tuple[int, ...],
    Ask,
    Link,
    SignerPath,
    Offers,
)

_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {shape: msgspec.msgpack.Decoder(shape) for shape in SHAPES}


def encode_message(message: object) -> bytes:
    """The body's MessagePack."""
    return msgspec.msgpack.encode(message)


def decode_message(data: bytes, shape: type[T]) -> T:
    """A body as one of :data:`SHAPES`.

    Raises:
        DecodingError: ``PEER_PROTOCOL``.
    """
    try:
        found: T = _decoders[shape].decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DecodingError(Code.PEER_PROTOCOL, reason=getattr(shape, "__name__", "list")) from None
    return found


def signature_row(signature: FinalitySignature) -> SignatureRow:
    """A signature as it travels."""
    return SignatureRow(
        signature.height,
        signature.key,
        signature.signature,
        signature.epoch,
        signature.identity,
        signature.state_root,
    )


def signature_of(row: SignatureRow) -> FinalitySignature:
    """What travelled as a signature; whether it holds is for finality."""
    return FinalitySignature(row.height, row.key, row.signature, row.epoch, row.identity, row.state_root)
