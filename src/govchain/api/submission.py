"""Taking transactions in over HTTP: the one busy path, kept short.

Purpose: ``POST /v1/transactions`` as a plain ASGI application: read the body, split it into envelopes, hand them to
``services.intake``, answer. Rules: three forms of body, told apart by ``Content-Type``; 202 when received, 200 when all
are settled after ``?wait=committed``. One envelope sent alone that is refused is a problem; an array is answered by one
entry for each, refused or not. No thread, no schema library per request.
Not here: limits of size and rate (``middleware.gate``), what may enter (``services``).
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from govchain.api.problems import problem_response
from govchain.api.settings import ApiSettings
from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.sdk.transport import Submissions
from govchain.sdk.wire import ENVELOPES_TYPE, to_json
from govchain.services.answers import as_submission
from govchain.services.bundle import NodeServices
from govchain.services.submission import Acknowledgement

__all__ = [
    "ENVELOPES_TYPE",
    "ENVELOPE_TYPE",
    "PATH",
    "EnvelopesInJson",
    "Shortcut",
    "media_type",
    "read_body",
    "submit",
]

#: Where transactions are handed in.
PATH: Final = "/v1/transactions"
#: One envelope, as it is.
ENVELOPE_TYPE: Final = "application/vnd.govchain.envelope"
_JSON_TYPE: Final = "application/json"
#: Codes under which a transaction is in hand: it was taken, or had been before.
_TAKEN: Final = frozenset({Code.OK, Code.REPLAYED, Code.POOL_DUPLICATE, Code.TIMED_OUT})
_WAIT_MS: Final = 30_000
_DIGITS_MAX: Final = 9

_envelopes_decoder = msgspec.msgpack.Decoder(list[bytes])


class EnvelopesInJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Envelopes in a JSON body."""

    envelopes: Annotated[
        list[str],
        msgspec.Meta(
            description="Envelopes (MessagePack), each in lower-case hex.",
            examples=[["93c4207b22636861696e223a226465226d6f"]],
        ),
    ]


_json_decoder = msgspec.json.Decoder(EnvelopesInJson)


async def submit(scope: Scope, receive: Receive, send: Send, services: NodeServices, settings: ApiSettings) -> None:
    """Answer one submission."""
    try:
        wait, timeout_ms = _query(scope["query_string"], settings)
        kind = media_type(scope)
        envelopes = _envelopes(kind, await read_body(receive), settings.envelopes_max)
        answers = await services.intake.submit(envelopes, wait=wait, timeout_ms=timeout_ms)
    except GovChainError as error:
        await problem_response(Request(scope), error)(scope, receive, send)
        return
    if len(answers) == 1 and answers[0].code == Code.OK and not wait:
        body = _RECEIVED % answers[0].id.hex().encode()
    else:
        if kind == ENVELOPE_TYPE and answers[0].code not in _TAKEN:
            await problem_response(Request(scope), _refusal(answers[0]))(scope, receive, send)
            return
        body = to_json(Submissions(tuple(as_submission(answer) for answer in answers)))
    settled = wait and not any(answer.code == Code.TIMED_OUT for answer in answers)
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200 if settled else 202, "headers": headers})
    await send({"type": "http.response.body", "body": body})


#: The commonest answer, written out: equal to what :mod:`govchain.sdk.wire` gives (a test compares).
_RECEIVED: Final = b'{"submissions":[{"id":"%s","code":"OK","receipt":null,"retry_after_ms":null,"detail":{}}]}'


def _refusal(answer: Acknowledgement) -> GovChainError:
    id_ = answer.id.hex()
    if answer.retry_after_ms is not None:
        return UnavailableError(answer.code, retry_after_ms=answer.retry_after_ms, transaction=id_)
    return RefusedError(answer.code, transaction=id_)


async def read_body(receive: Receive, size_max: int | None = None) -> bytes:
    """The whole body of a request; of one with more than ``size_max`` bytes no more than that is kept.

    Raises:
        UsageError: ``REQUEST_SHAPE`` when the client went away before its end; ``REQUEST_TOO_LARGE``; and what the
            gate raises.
    """
    message = await receive()
    pieces: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise UsageError(Code.REQUEST_SHAPE, reason="the body is cut short")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size_max is not None and size > size_max:
            raise UsageError(Code.REQUEST_TOO_LARGE, size_max=size_max)
        if not message.get("more_body", False):
            return b"".join(pieces)
        message = await receive()


def _query(query: bytes, settings: ApiSettings) -> tuple[bool, int]:
    """Whether to wait, and for how many ms at most."""
    if not query:
        return False, 0
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in ("wait", "timeout_ms") or name in given:
            raise UsageError(Code.REQUEST_SHAPE, where="query", reason=f"{name[:60]!r} is unknown or given twice")
        given[name] = value
    wait = given.get("wait", "received")
    if wait not in ("received", "committed"):
        raise UsageError(Code.REQUEST_SHAPE, where="wait", reason="received or committed")
    text = given.get("timeout_ms", str(min(_WAIT_MS, settings.wait_ms_max)))
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise UsageError(Code.REQUEST_SHAPE, where="timeout_ms", reason=f"0 to {settings.wait_ms_max}")
    timeout_ms = int(text)
    if timeout_ms > settings.wait_ms_max:
        raise UsageError(Code.REQUEST_SHAPE, where="timeout_ms", reason=f"0 to {settings.wait_ms_max}")
    return wait == "committed", timeout_ms


def media_type(scope: Scope) -> str:
    """The media type of a request's body, in lower case and without parameters; empty where none is named.

    Raises:
        UsageError: ``CONTENT_TYPE`` for a compressed body, which no route unpacks.
    """
    found = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            found = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise UsageError(Code.CONTENT_TYPE, given=value[:80].decode("latin-1"), allowed="identity")
    return found


def _envelopes(kind: str, body: bytes, count_max: int) -> list[bytes]:
    """The envelopes of a body; what is in them is not looked at here."""
    if kind == ENVELOPE_TYPE:
        found = [body]
        if not body:
            raise UsageError(Code.REQUEST_SHAPE, where="body", reason="empty")
        return found
    if kind == ENVELOPES_TYPE:
        try:
            found = _envelopes_decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise UsageError(Code.REQUEST_SHAPE, where="body", reason="no MessagePack array of byte strings") from None
    elif kind == _JSON_TYPE:
        found = _from_json(body)
    else:
        allowed = f"{ENVELOPE_TYPE}, {ENVELOPES_TYPE}, {_JSON_TYPE}"
        raise UsageError(Code.CONTENT_TYPE, given=kind[:80], allowed=allowed)
    if not 0 < len(found) <= count_max:
        raise UsageError(Code.REQUEST_SHAPE, where="body", reason=f"1 to {count_max} envelopes")
    return found


def _from_json(body: bytes) -> list[bytes]:
    try:
        texts = _json_decoder.decode(body).envelopes
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.ValidationError) else "no JSON"
        raise UsageError(Code.REQUEST_SHAPE, where="body", reason=reason) from None
    found: list[bytes] = []
    for place, text in enumerate(texts):
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
        if not data or data.hex() != text:
            raise UsageError(Code.REQUEST_SHAPE, where=f"envelopes[{place}]", reason="lower-case hex")
        found.append(data)
    return found


class Shortcut:
    """Takes submissions out before the framework's routing; everything else goes on to it."""

    def __init__(self, app: ASGIApp, *, services: NodeServices, settings: ApiSettings) -> None:
        """Stand before ``app``."""
        self._app = app
        self._services = services
        self._settings = settings
        self._route: Any = _Pattern()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit, or go on."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        await submit(scope, receive, send, self._services, self._settings)


class _Pattern:
    """What the log calls this route."""

    path = PATH
