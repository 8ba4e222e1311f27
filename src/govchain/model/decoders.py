"""Decoders for types that are named while a program runs: each is made once, one at a time.

Purpose: the library prepares a type when it is first decoded, and shows the half-prepared type to every other thread
that decodes it at that moment: the process then reads through a null pointer and is gone. A decoder that a module makes
when it is imported needs nothing of this; any other is asked for here.
Rules: once threads run no type is prepared without the lock; what a decoder gives does not depend on who asked first.
Not here: which bytes are accepted (``canonical``), the types (``wire``).
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

__all__ = ["convert", "json_decoder", "msgpack_decoder"]

T = TypeVar("T")

_preparing = threading.Lock()
_json: dict[tuple[Any, bool], msgspec.json.Decoder[Any]] = {}
_msgpack: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def json_decoder(kind: type[T], *, strict: bool = True) -> msgspec.json.Decoder[T]:
    """The decoder of JSON into ``kind``; one that is not ``strict`` also takes numbers written as texts.

    Any thread may ask. What the decoder raises is the library's.
    """
    found = _json.get((kind, strict))
    if found is None:
        with _preparing:
            found = _json.setdefault((kind, strict), msgspec.json.Decoder(kind, strict=strict))
    return found


def msgpack_decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    """The decoder of MessagePack into ``kind``. Any thread may ask."""
    found = _msgpack.get(kind)
    if found is None:
        with _preparing:
            found = _msgpack.setdefault(kind, msgspec.msgpack.Decoder(kind))
    return found


def convert(value: object, kind: type[T]) -> T:
    """``value``, plain objects as a decoder without a type gives them, as a ``kind``. Any thread may ask.

    Raises:
        msgspec.ValidationError: it is none.
    """
    json_decoder(kind)
    return msgspec.convert(value, kind)
