"""Problem documents (RFC 9457) back into our errors: what a node refused, with its code and its named values.

Rules: the code decides which error it is; a document that is none of ours, or a code of a later release, is
``ANSWER_UNUSABLE``; named values are bounded, and only texts, numbers and lists of them are taken.
Not here: writing such documents (``api.problems``).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.model.decoders import json_decoder

__all__ = ["error_from_problem"]

#: Characters of a named value, and members of a list, that are taken.
_CHARACTERS_MAX: Final = 500
_MEMBERS_MAX: Final = 100
_DEPTH_MAX: Final = 3
#: Seconds of a Retry-After header that are believed.
_RETRY_S_MAX: Final = 3600
#: What our errors' own parameters are called.
_OWN: Final = frozenset({"code", "self", "retry_after_ms", "step"})
#: Codes that say that the call itself is wrong.
_USAGE: Final = frozenset(
    {
        Code.ROUTE_UNKNOWN,
        Code.METHOD_NOT_ALLOWED,
        Code.CONTENT_TYPE,
        Code.NOT_ACCEPTABLE,
        Code.REQUEST_TOO_LARGE,
        Code.REQUEST_SHAPE,
        Code.CURSOR_INVALID,
        Code.USAGE,
    }
)
#: Codes of the 400s that are refusals: trying again changes nothing.
_REFUSED: Final = frozenset(
    {
        Code.SESSION_REQUIRED,
        Code.SESSION_INVALID,
        Code.CHALLENGE_INVALID,
        Code.WEBHOOK_TARGET,
        Code.WEBHOOKS_TOO_MANY,
    }
)


class _Problem(msgspec.Struct):
    """Of a problem document, what an error is made from."""

    code: str
    params: dict[str, Any] = {}


def error_from_problem(status: int, data: bytes, retry_after: str = "") -> GovChainError:
    """The error that a node answered with ``status`` and the document ``data``; ``retry_after`` is the header."""
    try:
        problem = json_decoder(_Problem).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UnavailableError(Code.ANSWER_UNUSABLE, reason=f"HTTP status {status}")
    if problem.code not in Code.__members__ or problem.code == Code.OK.name:
        return UnavailableError(Code.ANSWER_UNUSABLE, reason=f"HTTP status {status}, code {problem.code[:80]}")
    code = Code[problem.code]
    params = {name: _taken(value) for name, value in list(problem.params.items())[:_MEMBERS_MAX] if name not in _OWN}
    if code in _USAGE:
        return UsageError(code, **params)
    if status in (429, 502, 503, 504) or status == 500 or (400 <= code < 500 and code not in _REFUSED):
        return UnavailableError(code, retry_after_ms=_milliseconds(problem, retry_after), **params)
    return RefusedError(code, **params)


def _milliseconds(problem: _Problem, retry_after: str) -> int | None:
    given = problem.params.get("retry_after_ms")
    if isinstance(given, int) and 0 < given <= _RETRY_S_MAX * 1000:
        return given
    if retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 6:
        return min(int(retry_after), _RETRY_S_MAX) * 1000 or None
    return None


def _taken(value: Any, depth: int = _DEPTH_MAX) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, list) and depth:
        return [_taken(member, depth - 1) for member in value[:_MEMBERS_MAX]]
    if isinstance(value, dict) and depth:
        members = list(value.items())[:_MEMBERS_MAX]
        return {str(name)[:_CHARACTERS_MAX]: _taken(member, depth - 1) for name, member in members}
    return str(value)[:_CHARACTERS_MAX] if isinstance(value, str) else ""
