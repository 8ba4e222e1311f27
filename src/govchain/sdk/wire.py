"""Values as JSON and back: what a node writes on the wire and what a client reads from it, by one table.

Purpose: the HTTP routes and the HTTP driver of :class:`~govchain.sdk.transport.Transport` share this module, so that
the two cannot drift. Rules: an object has exactly the field names of its dataclass; bytes are lower-case hex; a result
code is its name; a tuple is an array. Reading checks every type, takes a missing field only where it has a default,
and passes over fields that it does not know, since a later release may add some.
Not here: limits on the size of what is read (:mod:`govchain.sdk.http`), problem documents (``api.problems``).

Example::

    text = to_json(transport.status())
    status = from_json(text, ChainStatus)
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from govchain.model import Code, DecodingError, UnavailableError
from govchain.model.canonical import prescan
from govchain.model.decoders import json_decoder

__all__ = [
    "API_VERSION",
    "ENVELOPES_TYPE",
    "ENVELOPE_TYPE",
    "PROBLEM_TYPE",
    "PROTOCOL_HEADER",
    "decode_answer",
    "from_json",
    "to_json",
    "to_plain",
]

T = TypeVar("T")

#: Header that names the protocol's version, in requests (where it may be missing) and in answers.
PROTOCOL_HEADER: Final = "GovChain-Protocol"
#: The one version that there is.
API_VERSION: Final = "1"
#: Media type of one envelope, as it is.
ENVELOPE_TYPE: Final = "application/vnd.govchain.envelope"
#: Media type of many: a MessagePack array of byte strings, each an envelope.
ENVELOPES_TYPE: Final = "application/vnd.govchain.envelopes"
#: Media type of an error.
PROBLEM_TYPE: Final = "application/problem+json"

#: Integers of JSON lie within ±(2^53 - 1).
_INTEGER_MAX: Final = 2**53 - 1


def to_plain(value: Any) -> Any:
    """``value`` as objects, arrays, texts and numbers: what :func:`to_json` writes."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IntEnum):
        return value.name
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, tuple | list):
        return [to_plain(member) for member in value]
    if isinstance(value, dict):
        return {str(key): to_plain(member) for key, member in value.items()}
    return value


def to_json(value: Any) -> bytes:
    """A value of :mod:`govchain.sdk.transport` as one JSON object."""
    return msgspec.json.encode(to_plain(value))


def from_json(data: bytes, kind: type[T]) -> T:
    """The value of type ``kind`` (a dataclass) from its JSON.

    Raises:
        DecodingError: ``ANSWER_UNUSABLE`` with what is wrong and where.
    """
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unusable("no JSON") from None
    value: T = _reader(typing.cast(Any, kind))(plain, kind.__name__)
    return value


def decode_answer(data: bytes, kind: type[T]) -> T:
    """The value of type ``kind`` (a msgspec structure) from an answer's JSON.

    Raises:
        DecodingError: no strict JSON. UnavailableError: ``ANSWER_UNUSABLE`` for another shape.
    """
    prescan(data)
    try:
        return json_decoder(kind).decode(data)
    except msgspec.ValidationError as error:
        raise UnavailableError(Code.ANSWER_UNUSABLE, reason=str(error)[:200]) from None


def _unusable(reason: str) -> DecodingError:
    return DecodingError(Code.ANSWER_UNUSABLE, reason=reason)


Reader = Callable[[Any, str], Any]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _reader(kind: Any) -> Reader:
    """What reads a value of type ``kind``: takes the plain value and where it stands."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _object_reader(typing.cast(type, kind))
    if origin is tuple:
        if len(inside) == 2 and inside[1] is Ellipsis:
            return _array_reader(_reader(inside[0]))
        return _fixed_reader([_reader(member) for member in inside])
    if origin is typing.Literal:
        return _literal_reader(inside)
    if origin in (typing.Union, types.UnionType):
        (other,) = (member for member in inside if member is not types.NoneType)
        read = _reader(other)
        return lambda value, where: None if value is None else read(value, where)
    if origin is dict or kind is dict:
        return _typed_reader(dict)
    return {bytes: _read_bytes, int: _read_integer, Code: _read_code}.get(kind) or _typed_reader(kind)


def _object_reader(kind: type) -> Reader:
    hints = typing.get_type_hints(kind)
    fields = [(field.name, _reader(hints[field.name]), _is_required(field)) for field in dataclasses.fields(kind)]

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise _unusable(f"{where} is no object")
        found: dict[str, Any] = {}
        for name, reader, required in fields:
            if name in value:
                found[name] = reader(value[name], f"{where}.{name}")
            elif required:
                raise _unusable(f"{where}.{name} is missing")
        return kind(**found)

    return read


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _array_reader(member: Reader) -> Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list):
            raise _unusable(f"{where} is no array")
        return tuple(member(one, f"{where}[{place}]") for place, one in enumerate(value))

    return read


def _fixed_reader(members: list[Reader]) -> Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, list) or len(value) != len(members):
            raise _unusable(f"{where} is no array of {len(members)}")
        return tuple(reader(one, where) for reader, one in zip(members, value, strict=True))

    return read


def _literal_reader(allowed: tuple[Any, ...]) -> Reader:
    def read(value: Any, where: str) -> Any:
        if not isinstance(value, str) or value not in allowed:
            raise _unusable(f"{where} is none of {', '.join(allowed)}")
        return value

    return read


def _typed_reader(kind: type) -> Reader:
    def read(value: Any, where: str) -> Any:
        if kind is not Any and not isinstance(value, kind):
            raise _unusable(f"{where} is no {kind.__name__}")
        return value

    return read


def _read_bytes(value: Any, where: str) -> bytes:
    try:
        data = bytes.fromhex(value)
    except (TypeError, ValueError):
        raise _unusable(f"{where} is no hex") from None
    if data.hex() != value:
        raise _unusable(f"{where} is no lower-case hex")
    return data


def _read_integer(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _INTEGER_MAX:
        raise _unusable(f"{where} is no integer within 2^53")
    return value


def _read_code(value: Any, where: str) -> Code:
    if not isinstance(value, str) or value not in Code.__members__:
        raise _unusable(f"{where} is no result code of this release")
    return Code[value]
