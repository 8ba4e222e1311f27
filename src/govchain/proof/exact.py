"""Two habits of every format here: canonical bytes that say all of their schema, and lists that rise.

Not here: the schemas.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

import msgspec

from govchain.model import Code, DecodingError, decode_strict, encode_struct

__all__ = ["decode_exact", "is_rising"]

T = TypeVar("T", bound=msgspec.Struct)


def decode_exact(data: bytes, schema: type[T]) -> T:
    """Decode canonical JSON into ``schema``, which must say all of it: no field left out, none added.

    Raises:
        DecodingError: pre-scan codes, ``BODY_SHAPE``, or ``JSON_NOT_CANONICAL`` when writing it again differs.
    """
    value = decode_strict(data, schema)
    if encode_struct(value) != data:
        raise DecodingError(Code.JSON_NOT_CANONICAL)
    return value


def is_rising(values: Iterable[str]) -> bool:
    """Whether ``values`` are sorted and none occurs twice."""
    return all(first < second for first, second in pairwise(values))
