"""The hello: what both sides of a connection say first on each chain (docs/spec/peers.md 4).

Rules: nothing else is taken on a chain before the other side's hello; both must start from the same genesis and share a
version. Who they are was shown by TLS. Not here: the greeting's contents, which are the chain's handler's.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from govchain.model import Code, DecodingError
from govchain.peers.frames import VERSIONS

__all__ = ["Hello", "choose_version", "decode_hello", "encode_hello"]


class Hello(Struct, frozen=True, array_like=True, forbid_unknown_fields=False):
    """``answer``: whether the other side's hello is wanted in return. ``clock`` in ms; ``genesis`` the fingerprint.

    Later versions may append members.
    """

    versions: Annotated[tuple[int, ...], Meta(min_length=1, max_length=16)]
    genesis: Annotated[bytes, Meta(min_length=32, max_length=32)]
    clock: int
    answer: bool
    greeting: bytes


_decoder = msgspec.msgpack.Decoder(Hello)


def encode_hello(hello: Hello) -> bytes:
    """The hello's MessagePack."""
    return msgspec.msgpack.encode(hello)


def decode_hello(data: bytes) -> Hello:
    """Read a hello.

    Raises:
        DecodingError: ``PEER_PROTOCOL``.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DecodingError(Code.PEER_PROTOCOL, reason="hello") from None


def choose_version(theirs: tuple[int, ...], ours: tuple[int, ...] = VERSIONS) -> int:
    """The newest version that both speak.

    Raises:
        DecodingError: ``PEER_PROTOCOL`` when there is none.
    """
    common = [version for version in ours if version in theirs]
    if not common:
        raise DecodingError(Code.PEER_PROTOCOL, reason="no common version")
    return max(common)
