"""Bodies of messages between the nodes of one chain, as MessagePack arrays (docs/spec/peers.md 5).

Rules: what is decoded is of the right shape and size, and nothing more is known of it. Later versions may append
members. Not here: frames (``peers``), what is done with them.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from govchain.consensus.disagreement import FinalitySignature
from govchain.model import Code, DecodingError

__all__ = [
    "BlockRange",
    "Greeting",
    "HeightAnswer",
    "PeerBlock",
    "Preparing",
    "SignatureMessage",
    "SignatureRow",
    "TransactionsMessage",
    "decode_message",
    "encode_message",
    "signature_of",
    "signature_row",
]

T = TypeVar("T")
Key = Annotated[bytes, Meta(min_length=1, max_length=1024)]
Digest32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Greeting(Struct, frozen=True, array_like=True):
    """``records``: member records that the sender holds, its own first; ``height``, ``certified``: of its ledger.

    ``run`` is another number each time the sender starts: what it held before is gone then.
    """

    height: Number
    certified: Number
    run: Number
    software: Annotated[str, Meta(max_length=64)]
    records: Annotated[tuple[bytes, ...], Meta(max_length=1024)]


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


_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {
    shape: msgspec.msgpack.Decoder(shape)
    for shape in (
        Greeting,
        Preparing,
        TransactionsMessage,
        SignatureMessage,
        BlockRange,
        tuple[PeerBlock, ...],
        tuple[HeightAnswer, ...],
        tuple[int, ...],
    )
}


def encode_message(message: object) -> bytes:
    """The body's MessagePack."""
    return msgspec.msgpack.encode(message)


def decode_message(data: bytes, shape: type[T]) -> T:
    """A body of one of the shapes above, or of a tuple of them.

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
