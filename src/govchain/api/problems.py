"""Every error as ``application/problem+json`` (RFC 9457), in the language asked for.

Purpose: the one place where errors become HTTP. Rules: ours keep their code, sentence and named values; the
framework's become ours; anything else is ``INTERNAL`` (``middleware.gate``): its traceback goes to the log beside the
request's id and never to the client. Members: ``type``, ``title``, ``status``, ``detail``, ``instance`` (the request's
id, which is in the log), ``code``, ``number``, ``params``.
Not here: sentences (``texts``), which code belongs to what (``services`` and below).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from govchain.model import Code, GovChainError, UnavailableError, UsageError
from govchain.texts import LANGUAGES, sentence

__all__ = [
    "MEDIA_TYPE",
    "PROBLEM_CODE",
    "add_error_handlers",
    "error_of",
    "language_of",
    "problem_body",
    "problem_response",
    "request_id",
    "status_of",
]

#: Media type of an error.
MEDIA_TYPE: Final = "application/problem+json"
#: Key of the request's id in an ASGI scope.
REQUEST_ID: Final = "govchain.request_id"
#: Key of what counts a request that holds many: a function of their number, in an ASGI scope.
CHARGE: Final = "govchain.charge"
#: Key of the name of the problem's code in an ASGI scope, once one was answered.
PROBLEM_CODE: Final = "govchain.problem_code"
#: Characters of a value of ``params`` that are shown.
_PARAM_CHARACTERS_MAX: Final = 500

_STATUS: Final[Mapping[Code, int]] = {
    Code.BODY_TOO_LARGE: 413,
    Code.REPLAYED: 409,
    Code.POOL_FULL: 503,
    Code.POOL_DUPLICATE: 409,
    Code.WINDOW_FULL: 503,
    Code.PROTOCOL_UNKNOWN: 400,
    Code.ROUTE_UNKNOWN: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.RATE_LIMITED: 429,
    Code.SESSION_REQUIRED: 401,
    Code.SESSION_INVALID: 401,
    Code.CHALLENGE_INVALID: 401,
    Code.REQUEST_TOO_LARGE: 413,
    Code.CONTENT_TYPE: 415,
    Code.NOT_ACCEPTABLE: 406,
    Code.REQUEST_SHAPE: 400,
    Code.CURSOR_INVALID: 400,
    Code.SERVICE_OFF: 404,
    Code.STREAMS_TOO_MANY: 429,
    Code.WEBHOOK_TARGET: 422,
    Code.WEBHOOKS_TOO_MANY: 409,
    Code.BACKUP_RUNNING: 409,
    Code.ARCHIVE_RUNNING: 409,
    Code.BLOCK_ARCHIVED: 410,
    Code.REQUEST_SLOW: 408,
    Code.TIME_LIMIT: 504,
    Code.TIMED_OUT: 504,
    Code.NOT_FOUND: 404,
    Code.USAGE: 400,
    Code.INTERNAL: 500,
    Code.STORE_CORRUPT: 500,
    Code.BLOCK_INVALID: 500,
    Code.FILE_TOO_LARGE: 413,
    Code.ACCOUNT_UNKNOWN: 404,
    Code.ORGANISATION_UNKNOWN: 404,
    Code.EVIDENCE_UNKNOWN: 404,
    Code.GOVERNANCE_PROPOSAL_UNKNOWN: 404,
    Code.GOVERNANCE_MEMBER_UNKNOWN: 404,
}


def status_of(code: Code) -> int:
    """The HTTP status of a refusal with ``code``."""
    known = _STATUS.get(code)
    if known is not None:
        return known
    number = int(code)
    if number < 200:
        return 400
    if number < 300:
        return 422
    if number < 400:
        return 403
    if number < 500:
        return 503
    return 422


def language_of(headers: Mapping[str, str]) -> str:
    """``zh`` or ``en``: what ``Accept-Language`` prefers, ``en`` where it names neither."""
    best, best_weight = "en", 0.0
    for part in headers.get("accept-language", "")[:256].split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        if language not in LANGUAGES:
            continue
        try:
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if value > best_weight:
            best, best_weight = language, value
    return best


def request_id(scope: MutableMapping[str, Any]) -> str:
    """The id of the request, which is in the answer and in the log."""
    return str(scope.get(REQUEST_ID, ""))


def problem_body(error: GovChainError, language: str, instance: str, status: int, **extra: Any) -> bytes:
    """The document for ``error``; ``extra`` members are added as they are."""
    code = error.code
    params = {name: _shown(value) for name, value in error.params.items() if value not in (None, "")}
    document = {
        "type": f"urn:govchain:code:{code.name}",
        "title": sentence(f"status.{status}", language),
        "status": status,
        "detail": error.text(language),
        "instance": instance,
        "code": code.name,
        "number": int(code),
        "params": params,
        **extra,
    }
    return msgspec.json.encode(document)


def problem_response(request: HTTPConnection, error: GovChainError, **extra: Any) -> Response:
    """The answer for ``error``, in the language of the request, which may be a WebSocket's handshake."""
    status = status_of(error.code)
    request.scope[PROBLEM_CODE] = error.code.name
    headers: dict[str, str] = {}
    hint = getattr(error, "retry_after_ms", None)
    if hint:
        headers["Retry-After"] = str(max(1, -(-int(hint) // 1000)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="govchain"'
    language = language_of(request.headers)
    headers["Content-Language"] = language
    body = problem_body(error, language, request_id(request.scope), status, **extra)
    return Response(body, status, headers, MEDIA_TYPE)


def error_of(error: Exception) -> GovChainError:
    """Our error for one of the framework's; ``INTERNAL`` for what is neither ours nor the framework's."""
    if isinstance(error, GovChainError):
        return error
    if isinstance(error, RequestValidationError | WebSocketRequestValidationError):
        return UsageError(Code.REQUEST_SHAPE, reason=_validation_reason(error))
    if isinstance(error, HTTPException):
        return UsageError(_HTTP_CODES.get(error.status_code, Code.REQUEST_SHAPE), reason="")
    if isinstance(error, asyncio.TimeoutError):
        return UnavailableError(Code.TIME_LIMIT)
    return GovChainError(Code.INTERNAL, reason=type(error).__name__)


_HTTP_CODES: Final[Mapping[int, Code]] = {
    404: Code.ROUTE_UNKNOWN,
    405: Code.METHOD_NOT_ALLOWED,
    406: Code.NOT_ACCEPTABLE,
    413: Code.REQUEST_TOO_LARGE,
    415: Code.CONTENT_TYPE,
    429: Code.RATE_LIMITED,
}


def add_error_handlers(app: FastAPI) -> None:
    """Let ``app`` answer every error by this module."""

    async def known(request: Request, error: Exception) -> Response:
        ours = error_of(error)
        if ours.code == Code.ROUTE_UNKNOWN:
            ours = UsageError(Code.ROUTE_UNKNOWN, path=request.scope["path"][:200])
        elif ours.code == Code.METHOD_NOT_ALLOWED:
            ours = UsageError(Code.METHOD_NOT_ALLOWED, method=request.method[:20])
        response = problem_response(request, ours)
        if isinstance(error, HTTPException) and error.headers and "allow" in {n.lower() for n in error.headers}:
            response.headers["Allow"] = next(v for n, v in error.headers.items() if n.lower() == "allow")
        return response

    for kind in (GovChainError, RequestValidationError, HTTPException, asyncio.TimeoutError):
        app.add_exception_handler(kind, known)


def _validation_reason(error: RequestValidationError | WebSocketRequestValidationError) -> str:
    """Which parameter, and what is wrong with it; never what was sent, which may be secret."""
    reasons: list[str] = []
    for entry in error.errors()[:3]:
        place = ".".join(str(part) for part in entry.get("loc", ())[-2:])
        reasons.append(f"{place}: {entry.get('msg', '')}")
    return "; ".join(reasons)[:_PARAM_CHARACTERS_MAX]


def _shown(value: object) -> object:
    """A value of ``params`` as JSON takes it, bounded."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value[:100]]
    if isinstance(value, dict):
        return {str(name): _shown(item) for name, item in list(value.items())[:100]}
    return str(value)[:_PARAM_CHARACTERS_MAX]
