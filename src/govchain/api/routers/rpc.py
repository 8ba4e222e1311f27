"""``POST /rpc``: JSON-RPC 2.0 over the same services.

Rules: batches and notifications as the specification has them; errors carry our code in ``data`` beside the
specification's number; a batch is bounded; answers have the same shapes as the REST routes. Transactions are handed in
by ``submit``. Not here: searches and streams, which are REST only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from govchain.api.describe import describe
from govchain.api.problems import CHARGE, language_of, request_id
from govchain.api.routers.parameters import HEIGHT_MAX, found
from govchain.api.routing import Services, Settings, new_router
from govchain.api.security import open_read
from govchain.api.settings import ApiSettings
from govchain.api.submission import media_type, read_body
from govchain.model import Code, GovChainError, UsageError
from govchain.model.identifiers import is_hex_text
from govchain.sdk.transport import EvidenceTransactions, ReceiptRecord, Submissions
from govchain.sdk.wire import to_plain
from govchain.services.answers import as_submission
from govchain.services.bundle import NodeServices

__all__ = ["CALLS_MAX", "METHODS", "router"]

#: Calls in one batch, at most.
CALLS_MAX: Final = 100
#: Commas of one call, at most, beside those between the envelopes that it carries.
_COMMAS_OF_A_CALL: Final = 256
#: Hex digits of a state key, at most.
_KEY_DIGITS_MAX: Final = 1024
#: How long ``submit`` waits unless told, and what is left of a request's time for its answer, in ms.
_WAIT_MS: Final = 10_000
_ANSWER_MARGIN_MS: Final = 1_000
# Numbers of the specification (JSON-RPC 2.0, section 5.1); ours is for every refusal of the services.
_PARSE: Final = -32700
_INVALID: Final = -32600
_NO_METHOD: Final = -32601
_PARAMS: Final = -32602
_INTERNAL: Final = -32603
_REFUSED: Final = -32000

router = new_router("JSON-RPC")


class _Params:
    """The parameters of one call, taken by name (or place), each checked; what is left over is refused."""

    def __init__(self, names: tuple[str, ...], given: Any) -> None:
        if isinstance(given, list):
            if len(given) > len(names):
                raise UsageError(Code.REQUEST_SHAPE, where="params", reason=f"at most {len(names)}")
            given = dict(zip(names, given, strict=False))
        self._given: dict[str, Any] = dict(given)
        for name in self._given:
            if name not in names:
                raise UsageError(Code.REQUEST_SHAPE, where="params", reason=f"{name[:60]!r} is unknown")

    def text(self, name: str, pattern: str) -> str:
        """A text of that pattern."""
        value = self._given.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise UsageError(Code.REQUEST_SHAPE, where=name, reason=f"a text of the form {pattern}")
        return value

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """An integer within bounds, both included."""
        value = self._given.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise UsageError(Code.REQUEST_SHAPE, where=name, reason=f"an integer, {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false by default."""
        value = self._given.get(name, False)
        if not isinstance(value, bool):
            raise UsageError(Code.REQUEST_SHAPE, where=name, reason="true or false")
        return value

    def list_of_bytes(self, name: str, count_max: int, digits_max: int) -> list[bytes]:
        """Byte strings in hex, at least one."""
        value = self._given.get(name)
        if not isinstance(value, list) or not 0 < len(value) <= count_max:
            raise UsageError(Code.REQUEST_SHAPE, where=name, reason=f"1 to {count_max} texts")
        if not all(isinstance(part, str) and 0 < len(part) <= digits_max and is_hex_text(part) for part in value):
            raise UsageError(Code.REQUEST_SHAPE, where=name, reason=f"lower-case hex, at most {digits_max} digits")
        return [bytes.fromhex(part) for part in value]


_ID: Final = "[0-9a-f]{64}"
_Read = Callable[[NodeServices, _Params], Any]


def _block(services: NodeServices, params: _Params) -> Any:
    height = params.number("height", 1, HEIGHT_MAX)
    return found(services.answers.block(height), f"block {height}")


def _transaction(services: NodeServices, params: _Params) -> Any:
    id_ = params.text("id", _ID)
    return found(services.answers.transaction(id_), f"transaction {id_}")


def _receipt(services: NodeServices, params: _Params) -> Any:
    id_ = params.text("id", _ID)
    return ReceiptRecord(id_, found(services.answers.receipt(id_), f"transaction {id_}"))


def _headers(services: NodeServices, params: _Params) -> Any:
    return services.answers.headers(params.number("from", 1, HEIGHT_MAX), params.number("to", 1, HEIGHT_MAX))


def _state(services: NodeServices, params: _Params) -> Any:
    return services.answers.state_now(bytes.fromhex(params.text("key", "([0-9a-f]{2}){1,512}")))


def _evidence_history(services: NodeServices, params: _Params) -> Any:
    id_ = params.text("id", _ID)
    ids = services.answers.evidence_history(id_)
    return EvidenceTransactions(id_, tuple(found(ids or None, f"evidence {id_}")))


#: Reads by name: their parameters, and what answers them.
METHODS: Final[Mapping[str, tuple[tuple[str, ...], _Read]]] = {
    "chain": ((), lambda services, _: services.answers.status()),
    "genesis": ((), lambda services, _: msgspec.Raw(services.answers.genesis())),
    "block": (("height",), _block),
    "headers": (("from", "to"), _headers),
    "transaction": (("id",), _transaction),
    "receipt": (("id",), _receipt),
    "state": (("key",), _state),
    "state_proof": (
        ("keys",),
        lambda services, params: services.answers.status_proof(params.list_of_bytes("keys", 64, _KEY_DIGITS_MAX)),
    ),
    "evidence_history": (("id",), _evidence_history),
}
#: The one method that writes.
_SUBMIT: Final = "submit"
_SUBMIT_NAMES: Final = ("envelopes", "wait", "timeout_ms")


async def _submit(services: NodeServices, settings: ApiSettings, params: _Params) -> Any:
    envelopes = params.list_of_bytes("envelopes", settings.envelopes_max, 2 * settings.body_bytes_max)
    wait = params.flag("wait")
    # The answer to a call has to be there within the time of any request: nobody may wait longer for a commit.
    wait_ms_max = max(0, min(settings.wait_ms_max, settings.answer_ms_max - _ANSWER_MARGIN_MS))
    timeout_ms = params.number("timeout_ms", 0, wait_ms_max, min(_WAIT_MS, wait_ms_max))
    answers = await services.intake.submit(envelopes, wait=wait, timeout_ms=timeout_ms)
    return Submissions(tuple(as_submission(answer) for answer in answers))


@router.post(
    "/rpc",
    **describe(
        "JSON-RPC 2.0",
        text="Methods: `"
        + "`, `".join([*METHODS, _SUBMIT])
        + "`, with the parameters and answers of the REST routes of the same name: `block {height}`,"
        " `headers {from, to}`, `transaction {id}` and `receipt {id}`, `state {key}`, `state_proof {keys}`,"
        " `evidence_history {id}`,"
        " `submit {envelopes, wait, timeout_ms}` (envelopes in hex). An error has the specification's number, and in"
        f" `data` our `code`, `number` and `instance`. A batch has at most {CALLS_MAX} calls.",
        codes=(Code.CONTENT_TYPE, Code.NOT_FOUND),
        body={
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"jsonrpc": "2.0", "id": 1, "method": "block", "params": {"height": 1}},
                }
            },
        },
        example={"jsonrpc": "2.0", "id": 1, "result": {"height": 1}},
    ),
)
async def rpc(request: Request, services: Services, settings: Settings) -> Response:
    """Answer one call or a batch."""
    media = media_type(request.scope)
    if media != "application/json":
        raise UsageError(Code.CONTENT_TYPE, given=media[:80], allowed="application/json")
    try:
        data = await read_body(request.receive)
        if data.count(b",") > CALLS_MAX * (settings.envelopes_max + _COMMAS_OF_A_CALL):
            # Millions of empty values in few bytes would be decoded for a second, and nobody else be answered.
            reason = "more values than any batch has"
            return _answer(_failure(request, None, _INVALID, UsageError(Code.REQUEST_SHAPE, reason=reason)))
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _answer(_failure(request, None, _PARSE, UsageError(Code.REQUEST_SHAPE, reason="no JSON")))
    if isinstance(document, list):
        if not 0 < len(document) <= CALLS_MAX:
            reason = f"a batch has 1 to {CALLS_MAX} calls"
            return _answer(_failure(request, None, _INVALID, UsageError(Code.REQUEST_SHAPE, reason=reason)))
        request.scope[CHARGE](len(document) - 1)  # a call counts like a request of its own
        answers = [await _call(request, services, settings, entry) for entry in document]
        kept = [answer for answer in answers if answer is not None]
        return _answer(kept) if kept else Response(status_code=204)
    answer = await _call(request, services, settings, document)
    return Response(status_code=204) if answer is None else _answer(answer)


async def _call(request: Request, services: NodeServices, settings: ApiSettings, call: Any) -> dict[str, Any] | None:
    """The answer to one call; None for a notification."""
    fault = _fault(call)
    if fault:
        return _failure(request, _id_of(call), _INVALID, UsageError(Code.REQUEST_SHAPE, reason=fault))
    name, id_, notification = call["method"], call.get("id"), "id" not in call
    try:
        result = await _perform(request, services, settings, name, call.get("params", {}))
    except GovChainError as error:
        number = {Code.REQUEST_SHAPE: _PARAMS, Code.ROUTE_UNKNOWN: _NO_METHOD, Code.INTERNAL: _INTERNAL}.get(
            error.code, _REFUSED
        )
        return None if notification else _failure(request, id_, number, error)
    return None if notification else {"jsonrpc": "2.0", "id": id_, "result": result}


async def _perform(request: Request, services: NodeServices, settings: ApiSettings, name: str, given: Any) -> Any:
    """The result of one call.

    Raises:
        GovChainError: what the service says; ``ROUTE_UNKNOWN``, ``REQUEST_SHAPE``, and what reading needs.
    """
    if name == _SUBMIT:
        return to_plain(await _submit(services, settings, _Params(_SUBMIT_NAMES, given)))
    known = METHODS.get(name)
    if known is None:
        raise UsageError(Code.ROUTE_UNKNOWN, path=name[:80])
    if name not in ("chain", "genesis"):
        await open_read(request)
    names, read = known
    return to_plain(await run_in_threadpool(read, services, _Params(names, given)))


def _fault(call: Any) -> str:
    """What is wrong with the form of a call; empty when nothing is."""
    if not isinstance(call, dict):
        return "a call is an object"
    if call.get("jsonrpc") != "2.0" or not isinstance(call.get("method"), str):
        return 'a call has "jsonrpc": "2.0" and a "method"'
    if set(call) - {"jsonrpc", "method", "params", "id"}:
        return "a call has jsonrpc, method, params and id, and nothing else"
    if not isinstance(call.get("params", {}), dict | list):
        return "params is an object or an array"
    if _id_of(call) != call.get("id"):
        return "id is a text, an integer or null"
    return ""


def _id_of(call: Any) -> str | int | None:
    id_ = call.get("id") if isinstance(call, dict) else None
    if isinstance(id_, str) and len(id_) <= 256:
        return id_
    return id_ if isinstance(id_, int) and not isinstance(id_, bool) else None


def _failure(request: Request, id_: str | int | None, number: int, error: GovChainError) -> dict[str, Any]:
    data = {"code": error.code.name, "number": int(error.code), "instance": request_id(request.scope)}
    message = error.text(language_of(request.headers))
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": number, "message": message, "data": data}}


def _answer(value: Any) -> Response:
    return Response(msgspec.json.encode(value), 200, media_type="application/json")
