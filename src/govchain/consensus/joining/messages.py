"""Requests of kind ``snapshot`` and their answers: MessagePack arrays (docs/spec/joining.md).

Rules: every list and string is bounded; pieces of files are plain bytes. Nothing here is believed: what an answer must
satisfy stands in :mod:`govchain.consensus.joining.walking` and :mod:`govchain.consensus.joining.fetching`.
Not here: frames and their bounds (``peers``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from govchain.model import Code, DecodingError
from govchain.model.wire import Height

__all__ = [
    "LINKS_MAX",
    "OFFERS_MAX",
    "PIECE_BYTES",
    "Ask",
    "Link",
    "Offer",
    "Offers",
    "Path",
    "decode_ask",
    "decode_link",
    "decode_offers",
    "decode_path",
    "encode_message",
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

_Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
_Place = Annotated[int, Meta(ge=0, le=2**40)]


class Ask(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is wanted.

    ``first``: block 1. ``path``: certified changes of the signer set from epoch ``height`` on. ``offers``: the
    snapshots that are here. ``manifest``: a piece of the manifest of the snapshot at ``height``, from ``offset``.
    ``chunk``: a piece of its chunk ``index``.
    """

    what: Literal["first", "path", "offers", "manifest", "chunk"]
    height: _Place = 0
    index: _Place = 0
    offset: _Place = 0


class Link(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A header and its certificate, as they are stored."""

    header: Annotated[bytes, Meta(max_length=_HEADER_BYTES_MAX)]
    certificate: Annotated[bytes, Meta(max_length=_CERTIFICATE_BYTES_MAX)]


class Path(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Changes of the signer set in order of height; ``more``: ask again from the epoch that these lead to."""

    links: Annotated[tuple[Link, ...], Meta(max_length=LINKS_MAX)]
    more: bool


class Offer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One snapshot, and what shows that its root is the chain's.

    ``header`` is the block's at ``height``; ``carrier`` a later certified one with the checkpoint's root; ``path``
    the inclusion path of the block's identity in the carrier's ``history``. ``manifest`` is its digest under the
    chain's suite, ``manifest_bytes`` its size. ``engine_height`` is the engine's height of the block.
    """

    height: Height
    engine_height: _Place
    header: Annotated[bytes, Meta(max_length=_HEADER_BYTES_MAX)]
    carrier: Link
    path: Annotated[tuple[_Digest, ...], Meta(max_length=64)]
    manifest: _Digest
    manifest_bytes: Annotated[int, Meta(ge=1)]


class Offers(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The snapshots that a node has, newest first."""

    offers: Annotated[tuple[Offer, ...], Meta(max_length=OFFERS_MAX)]


_T = TypeVar("_T", bound=Struct)
_asks = msgspec.msgpack.Decoder(Ask)
_paths = msgspec.msgpack.Decoder(Path)
_offers = msgspec.msgpack.Decoder(Offers)
_links = msgspec.msgpack.Decoder(Link)


def encode_message(message: Ask | Link | Path | Offers) -> bytes:
    """The message's MessagePack."""
    return msgspec.msgpack.encode(message)


def decode_ask(data: bytes) -> Ask:
    """Read a request.

    Raises:
        DecodingError: ``PEER_PROTOCOL``.
    """
    return _decoded(_asks, data)


def decode_path(data: bytes) -> Path:
    """Read the answer to ``path``; raises as :func:`decode_ask`."""
    return _decoded(_paths, data)


def decode_link(data: bytes) -> Link:
    """Read the answer to ``first``; raises as :func:`decode_ask`."""
    return _decoded(_links, data)


def decode_offers(data: bytes) -> Offers:
    """Read the answer to ``offers``; raises as :func:`decode_ask`."""
    return _decoded(_offers, data)


def _decoded(decoder: msgspec.msgpack.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise DecodingError(Code.PEER_PROTOCOL, reason="snapshot") from None
