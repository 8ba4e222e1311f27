"""JSON bodies of requests: read strictly into a type, and described for the OpenAPI document.

Not here: transactions, which have media types of their own (``submission``).
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from fastapi import Request

from govchain.api.submission import media_type, read_body
from govchain.model import Code, UsageError
from govchain.model.decoders import json_decoder

__all__ = ["BODY_BYTES_MAX", "body_of", "read_json"]

#: Bytes of such a body, at most.
BODY_BYTES_MAX: Final = 16 * 1024

_T = TypeVar("_T", bound=msgspec.Struct)


def body_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The OpenAPI ``requestBody`` of a JSON body of ``kind``."""
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}},
    }


async def read_json(request: Request, kind: type[_T]) -> _T:
    """The request's JSON body.

    Raises:
        UsageError: ``CONTENT_TYPE``, ``REQUEST_TOO_LARGE``, ``REQUEST_SHAPE``.
    """
    media = media_type(request.scope)
    if media != "application/json":
        raise UsageError(Code.CONTENT_TYPE, given=media[:80], allowed="application/json")
    data = await read_body(request.receive, BODY_BYTES_MAX)
    try:
        return json_decoder(kind).decode(data)
    except msgspec.ValidationError as error:
        raise UsageError(Code.REQUEST_SHAPE, where="body", reason=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(Code.REQUEST_SHAPE, where="body", reason="no JSON") from None
