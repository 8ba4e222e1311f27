"""Frames: length-prefixed MessagePack ``[version, chain, kind, request, body]``, in one encoding.

Purpose: docs/spec/peers.md 2. Rules: a length is judged before the bytes that it announces are kept: the head says kind
and direction, and each kind has its bound. Not here: which frames are welcome (:mod:`govchain.peers.connection`), what
bodies mean.

Example:
    >>> head = encode_head("licences", Kind.PREPARING, 0, 5)
    >>> head.hex()
    '000000239501a86c6963656e63657302d30000000000000000c600000005'
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from govchain.model import Code, DecodingError
from govchain.model.identifiers import check_chain_id
from govchain.peers.ports import Kind

__all__ = ["REFUSED", "VERSIONS", "Frame", "FrameReader", "Head", "decode_head", "encode_head"]

#: Versions of the protocol that this program speaks, newest first.
VERSIONS: Final = (1,)
#: Added to the kind of an answer that refuses; its body is a code as u16.
REFUSED: Final = 64

_LENGTH: Final = struct.Struct(">I")
_TAIL: Final = struct.Struct(">BBqBI")  # kind, int 64, request, bin 32, body's length
_ARRAY: Final = 0x95
_STR: Final = 0xA0
_STR8: Final = 0xD9
_INT64: Final = 0xD3
_BIN32: Final = 0xC6
_SMALL_MAX: Final = 31
_BUFFER_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """What a frame says before its body. ``request``: 0 a message, above a request, below the answer to one."""

    version: int
    chain: str
    kind: Kind
    refused: bool
    request: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame."""

    head: Head
    body: bytes


def encode_head(
    chain: str, kind: Kind, request: int, body_bytes: int, *, refused: bool = False, version: int = VERSIONS[0]
) -> bytes:
    """Everything of a frame that goes before its body; ``chain`` is empty for what concerns the connection itself."""
    name = chain.encode("ascii")
    named = bytes((_STR | len(name),)) if len(name) <= _SMALL_MAX else bytes((_STR8, len(name)))
    tail = _TAIL.pack(kind + REFUSED * refused, _INT64, request, _BIN32, body_bytes)
    inner = bytes((_ARRAY, version)) + named + name + tail
    return _LENGTH.pack(len(inner) + body_bytes) + inner


def decode_head(data: bytes | bytearray | memoryview) -> tuple[Head, int] | None:
    """The head at the start of ``data`` and where its body begins; None while bytes are missing.

    Raises:
        DecodingError: ``PEER_PROTOCOL`` for bytes that begin no frame.
    """
    if len(data) < 7:
        return None
    array, version, mark = data[4], data[5], data[6]
    if array != _ARRAY or not 1 <= version <= 127:
        raise _broken("not a frame")
    start = 7
    if mark == _STR8:
        if len(data) < 8:
            return None
        length, start = data[7], 8
        if not _SMALL_MAX < length <= 32:
            raise _broken("chain")
    elif _STR <= mark <= _STR + _SMALL_MAX:
        length = mark - _STR
    else:
        raise _broken("chain")
    end = start + length + _TAIL.size
    if len(data) < end:
        return None
    chain = bytes(data[start : start + length]).decode("latin-1")
    if chain and check_chain_id(chain):
        raise _broken("chain")
    kind, int64, request, bin32, body_bytes = _TAIL.unpack_from(data, start + length)
    if int64 != _INT64 or bin32 != _BIN32 or _LENGTH.unpack_from(data)[0] != end - 4 + body_bytes:
        raise _broken("not a frame")
    refused = kind >= REFUSED
    try:
        known = Kind(kind - REFUSED * refused)
    except ValueError:
        raise _broken("kind") from None
    if refused and request >= 0:
        raise _broken("not a frame")
    return Head(version, chain, known, refused, request, body_bytes), end


class FrameReader:
    """Bytes in, frames out, for a buffered protocol: large bodies are read to where they stay.

    Args:
        judge: called with each head before anything is kept for its body; raises to refuse it.
        take: called with each whole frame.
    """

    def __init__(self, judge: Callable[[Head], None], take: Callable[[Frame], None]) -> None:
        self._judge = judge
        self._take = take
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._head: Head | None = None
        self._body = bytearray()
        self._body_view = memoryview(self._body)
        self._body_filled = 0

    @property
    def begun(self) -> bool:
        """Whether a frame's first byte is here and its last is not."""
        return self._filled > 0 or self._head is not None

    def space(self) -> memoryview:
        """Where the next bytes go; never empty."""
        if self._head is not None:
            return self._body_view[self._body_filled :]
        return self._view[self._filled :]

    def filled(self, count: int) -> None:
        """``count`` bytes were put into :meth:`space`.

        Raises:
            DecodingError: ``PEER_PROTOCOL``, and whatever ``judge`` raises; nothing more may be fed then.
        """
        if self._head is not None:
            self._body_filled += count
            if self._body_filled == len(self._body):
                self._finish()
            return
        self._filled += count
        self._scan()

    def _scan(self) -> None:
        """Take the frames that are whole in the buffer; begin the body of one that is not."""
        start, end = 0, self._filled
        while start < end:
            found = decode_head(self._view[start:end])
            if found is None:
                break
            head, offset = found
            self._judge(head)
            body = start + offset
            if body + head.body_bytes <= end:
                self._take(Frame(head, bytes(self._view[body : body + head.body_bytes])))
                start = body + head.body_bytes
                continue
            if head.body_bytes <= _BUFFER_BYTES // 2:
                break  # small enough to wait for in the buffer
            self._begin(head, self._view[body:end])
            start = end
        if start:
            rest = end - start
            if rest:
                self._buffer[:rest] = self._buffer[start:end]
            self._filled = rest

    def _begin(self, head: Head, first: memoryview) -> None:
        self._head = head
        self._body = bytearray(head.body_bytes)
        self._body_view = memoryview(self._body)
        self._body_view[: len(first)] = first
        self._body_filled = len(first)

    def _finish(self) -> None:
        head, body = self._head, bytes(self._body_view)
        assert head is not None
        self._head, self._body, self._body_filled = None, bytearray(), 0
        self._body_view = memoryview(self._body)
        self._take(Frame(head, body))


def _broken(reason: str) -> DecodingError:
    return DecodingError(Code.PEER_PROTOCOL, reason=reason)
