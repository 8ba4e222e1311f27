"""Strict DER for the two small structures that arrive from outside as SM2 signatures and ciphertexts (GM/T 0009).

Purpose: a decoder small enough to read whole that accepts exactly one encoding of each value (X.690 chapter 10):
definite and minimal lengths, minimal non-negative integers, the exact number of members, no byte after the end.
Rules: it answers positions, never guesses; whatever it accepts re-encodes to the same bytes. Everything larger (key
files, certificates) goes through asn1crypto. Not here: what the values mean (:mod:`govchain.crypto.sm2`).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "DerError",
    "encode_integer",
    "encode_octets",
    "encode_sequence",
    "read_integer",
    "read_octets",
    "read_sequence",
]

_INTEGER: Final = 0x02
_OCTETS: Final = 0x04
_SEQUENCE: Final = 0x30
#: Length octets behind the first one: 2^32 bytes are more than any input here.
_LENGTH_OCTETS_MAX: Final = 4


class DerError(Exception):
    """What is wrong with the encoding, in a few words; callers turn it into their own coded error."""


def _read(data: bytes, start: int, tag: int) -> tuple[int, int]:
    """Start and end of the contents of the element with ``tag`` at ``start``."""
    if start >= len(data):
        raise DerError("an element is missing")
    if data[start] != tag:
        raise DerError(f"tag {data[start]:#04x} where {tag:#04x} belongs")
    if start + 1 >= len(data):
        raise DerError("the length is missing")
    length = data[start + 1]
    body = start + 2
    if length >= 0x80:
        octets = length & 0x7F
        if octets == 0:
            raise DerError("indefinite length")
        if octets > _LENGTH_OCTETS_MAX or body + octets > len(data):
            raise DerError("the length is cut off or too long")
        length = int.from_bytes(data[body : body + octets], "big")
        if data[body] == 0 or length < 0x80:
            raise DerError("length in more octets than needed")
        body += octets
    if body + length > len(data):
        raise DerError("contents are cut off")
    return body, body + length


def read_sequence(data: bytes) -> bytes:
    """The contents of a SEQUENCE that fills ``data`` to its last byte."""
    start, end = _read(data, 0, _SEQUENCE)
    if end != len(data):
        raise DerError("bytes after the end")
    return data[start:end]


def read_integer(data: bytes, start: int, octets_max: int) -> tuple[int, int]:
    """A non-negative INTEGER of at most ``octets_max`` octets (without the sign octet), and where it ends."""
    begin, end = _read(data, start, _INTEGER)
    if begin == end:
        raise DerError("integer without octets")
    if data[begin] >= 0x80:
        raise DerError("negative integer")
    if data[begin] == 0 and end - begin > 1:
        if data[begin + 1] < 0x80:
            raise DerError("integer with a needless leading zero")
        begin += 1
    if end - begin > octets_max:
        raise DerError(f"integer of more than {octets_max} octets")
    return int.from_bytes(data[begin:end], "big"), end


def read_octets(data: bytes, start: int) -> tuple[bytes, int]:
    """An OCTET STRING, and where it ends."""
    begin, end = _read(data, start, _OCTETS)
    return data[begin:end], end


def _element(tag: int, contents: bytes) -> bytes:
    length = len(contents)
    if length < 0x80:
        return bytes((tag, length)) + contents
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + contents


def encode_integer(value: int) -> bytes:
    """INTEGER of a non-negative value."""
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return _element(_OCTETS, value)


def encode_sequence(*members: bytes) -> bytes:
    """SEQUENCE of encoded members."""
    return _element(_SEQUENCE, b"".join(members))
