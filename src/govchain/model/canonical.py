"""Strict reading and canonical writing of JSON (docs/spec/block.md 1.1; RFC 8785 without fractions).

Purpose: one gate through which every JSON text enters, and one encoder for everything that is hashed. The pre-scan is
native because decoders are lenient, each in its own way (ARCHITECTURE decision 8).
Not here: schemas (:mod:`govchain.model.wire`).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

import govchain_native as native
from govchain.model.codes import Code
from govchain.model.decoders import json_decoder
from govchain.model.errors import DecodingError

__all__ = ["DEPTH_MAX", "PRESCAN_CODES", "SIZE_MAX", "decode_strict", "encode_canonical", "encode_struct", "prescan"]

#: Nesting of a JSON text, the top object counting 1, where nothing else is said.
DEPTH_MAX = 16
#: Bytes of a JSON text that is not a transaction body, where nothing else is said.
SIZE_MAX = 16 * 1024 * 1024

#: The native pre-scan's status to our code.
PRESCAN_CODES: dict[int, Code] = {
    native.JSON_TOO_LARGE: Code.BODY_TOO_LARGE,
    native.JSON_NOT_UTF8: Code.JSON_NOT_UTF8,
    native.JSON_SYNTAX: Code.JSON_SYNTAX,
    native.JSON_DEPTH: Code.JSON_DEPTH,
    native.JSON_DUPLICATE_KEY: Code.JSON_DUPLICATE_KEY,
    native.JSON_FLOAT: Code.JSON_NUMBER_FRACTION,
    native.JSON_INTEGER_RANGE: Code.JSON_INTEGER_RANGE,
    native.JSON_LONE_SURROGATE: Code.JSON_LONE_SURROGATE,
    native.JSON_TRAILING: Code.JSON_TRAILING,
    native.JSON_NOT_OBJECT: Code.JSON_NOT_OBJECT,
    native.JSON_BOM: Code.JSON_BOM,
}

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")
_plain_encoder = msgspec.json.Encoder()
#: First bytes of the UTF-8 of characters beyond the basic plane.
_FOUR_BYTE_LEADS = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")


def prescan(data: bytes, *, size_max: int = SIZE_MAX, depth_max: int = DEPTH_MAX) -> None:
    """Refuse ``data`` unless it is strict JSON with an object on top.

    Raises:
        DecodingError: with the code of the first offence and its byte offset.
    """
    status, offset = native.prescan_json(data, size_max, depth_max)
    if status != native.JSON_OK:
        raise DecodingError(PRESCAN_CODES[status], offset=offset, size_max=size_max, depth_max=depth_max)


def decode_strict(
    data: bytes, schema: type[T], *, canonical: bool = False, size_max: int = SIZE_MAX, depth_max: int = DEPTH_MAX
) -> T:
    """Decode strict JSON into ``schema``; with ``canonical`` the bytes must be its one canonical encoding.

    Raises:
        DecodingError: pre-scan codes, ``BODY_SHAPE`` for a wrong shape, ``JSON_NOT_CANONICAL``.
    """
    prescan(data, size_max=size_max, depth_max=depth_max)
    try:
        value = json_decoder(schema).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise DecodingError(Code.BODY_SHAPE, reason=str(error)) from None
    if canonical and encode_canonical(value) != data:
        raise DecodingError(Code.JSON_NOT_CANONICAL)
    return value


def encode_canonical(value: Any) -> bytes:
    """Canonical JSON of ``value``: keys sorted by UTF-16 code units, no white space, shortest escapes."""
    return _sorted_by_utf16(value, _encoder.encode(value))


def encode_struct(value: msgspec.Struct) -> bytes:
    """Canonical JSON of a struct; fields that are UNSET are left out."""
    return _sorted_by_utf16(value, _encoder.encode(value))


def _sorted_by_utf16(value: Any, encoded: bytes) -> bytes:
    """``encoded``, encoded again where characters beyond the basic plane may have put keys in another order.

    msgspec sorts keys by code point; RFC 8785 3.2.3 by UTF-16 code unit, which puts those characters before U+E000.
    """
    if encoded.isascii() or not any(lead in encoded for lead in _FOUR_BYTE_LEADS):
        return encoded
    return _plain_encoder.encode(_sort_keys(msgspec.to_builtins(value)))


def _sort_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sort_keys(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    if isinstance(value, list | tuple):
        return [_sort_keys(member) for member in value]
    return value
