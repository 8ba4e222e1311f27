"""One success, one refusal and one bad input for each route, as data: ``test_routes`` runs them and finds what lacks.

``{…}`` in a path stands for a fact of the running node (:class:`World`). A case names the status that is expected and,
for problems, the code. A route whose cases are elsewhere is named in ``ELSEWHERE`` with the tests that hold them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import govchain_native as native
from govchain.proof.transactions import decode_envelope
from govchain.sdk.sessions import challenge_message
from govchain.sdk.wire import to_json
from tests.api.events_kit import Running, sign
from tests.node.kit import Actor

JSON = {"content-type": "application/json"}
ENVELOPE = {"content-type": "application/vnd.govchain.envelope"}
PACKAGE = {"content-type": "application/vnd.govchain.package+zip"}
#: An id, an address and a code that nobody has.
NOBODY = "00" * 32


@dataclass
class World:
    """A running node and what lies on its chain."""

    running: Running
    actor: Actor
    facts: dict[str, str]
    token: str = ""


@dataclass(frozen=True)
class Case:
    """One request and what is expected of it."""

    route: str
    kind: str
    status: int
    code: str = ""
    path: str = ""
    session: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Callable[[World], bytes] = b""
    has: str = ""

    def __str__(self) -> str:
        return f"{self.route} {self.kind}"

    def content(self, world: World) -> bytes:
        return self.body if isinstance(self.body, bytes) else self.body(world)


def _all(route: str, *, path: str, has: str, bad: str, refused: dict[str, Any], session: bool = False) -> list[Case]:
    """The three cases of a route that reads: ``bad`` is a malformed path, ``refused`` the fields of the refusal."""
    given = {"status": 404, "code": "NOT_FOUND", "session": session, **refused}
    return [
        Case(route, "success", 200, path=path, has=has, session=session),
        Case(route, "refusal", **given),
        Case(route, "bad input", 400, "REQUEST_SHAPE", path=bad, session=session),
    ]


def _protocol(path: str) -> dict[str, Any]:
    """The refusal of what nobody is refused: an unknown version of the protocol."""
    return {"status": 400, "code": "PROTOCOL_UNKNOWN", "path": path, "headers": {"govchain-protocol": "2"}}


def _no_session(path: str) -> dict[str, Any]:
    return {"status": 401, "code": "SESSION_REQUIRED", "path": path, "session": False}


def _login(world: World) -> bytes:

    text = world.running.services.sessions.challenge(world.actor.address)
    return to_json({"challenge": text, "signature": sign(world.actor, challenge_message(text))})


def _stale_login(world: World) -> bytes:

    text = world.running.services.sessions.challenge(world.actor.address)
    return to_json({"challenge": text, "signature": bytes(64)})


CASES: list[Case] = [
    *_all("GET /v1/chain", path="/v1/chain", has="height", bad="/v1/chain?verbose=1", refused=_protocol("/v1/chain")),
    *_all(
        "GET /v1/network",
        path="/v1/network",
        has="engine",
        bad="/v1/network?verbose=1",
        refused=_protocol("/v1/network"),
    ),
    *_all(
        "GET /v1/chains", path="/v1/chains", has="chains", bad="/v1/chains?verbose=1", refused=_protocol("/v1/chains")
    ),
    *_all("GET /v1/genesis", path="/v1/genesis", has="format", bad="/v1/genesis?a=", refused=_protocol("/v1/genesis")),
    *_all(
        "GET /v1/parameters",
        path="/v1/parameters",
        has="limits",
        bad="/v1/parameters?x",
        refused=_protocol("/v1/parameters"),
    ),
    *_all(
        "GET /v1/openapi.json",
        path="/v1/openapi.json",
        has="paths",
        bad="/v1/openapi.json?x=1",
        refused=_protocol("/v1/openapi.json"),
    ),
    Case(
        "POST /v1/transactions",
        "success",
        202,
        path="/v1/transactions",
        headers=ENVELOPE,
        has="submissions",
        body=lambda world: world.actor.put(),
    ),
    Case(
        "POST /v1/transactions",
        "refusal",
        422,
        "SIGNATURE_INVALID",
        path="/v1/transactions",
        headers=ENVELOPE,
        body=lambda world: forged(world.actor),
    ),
    Case(
        "POST /v1/transactions",
        "bad input",
        400,
        "ENVELOPE_MALFORMED",
        path="/v1/transactions",
        headers=ENVELOPE,
        body=b"\xff\xff",
    ),
    *_all(
        "GET /v1/transactions/{id}",
        path="/v1/transactions/{tx}",
        has="content",
        bad="/v1/transactions/xyz",
        refused={"path": f"/v1/transactions/{NOBODY}"},
    ),
    *_all(
        "GET /v1/transactions/{id}/receipt",
        path="/v1/transactions/{tx}/receipt",
        has="receipt",
        bad="/v1/transactions/{tx}AA/receipt",
        refused={"path": f"/v1/transactions/{NOBODY}/receipt"},
    ),
    *_all(
        "GET /v1/transactions/{id}/proof",
        path="/v1/transactions/{tx}/proof",
        has="transaction_path",
        bad="/v1/transactions/-1/proof",
        refused={"path": f"/v1/transactions/{NOBODY}/proof"},
    ),
    *_all(
        "GET /v1/blocks",
        path="/v1/blocks?limit=1",
        has="blocks",
        bad="/v1/blocks?limit=0",
        refused={"status": 400, "code": "CURSOR_INVALID", "path": "/v1/blocks?cursor=abc"},
    ),
    *_all(
        "GET /v1/blocks/{block}",
        path="/v1/blocks/1",
        has="header",
        bad="/v1/blocks/-1",
        refused={"path": "/v1/blocks/9999999"},
    ),
    *_all(
        "GET /v1/blocks/{block}/header",
        path="/v1/blocks/{identity}/header",
        has="previous",
        bad="/v1/blocks/1.5/header",
        refused={"path": f"/v1/blocks/{NOBODY}/header"},
    ),
    *_all(
        "GET /v1/blocks/{block}/certificate",
        path="/v1/blocks/1/certificate",
        has="signatures",
        bad="/v1/blocks/0/certificate",
        refused={"path": "/v1/blocks/9999999/certificate"},
    ),
    *_all(
        "GET /v1/blocks/{block}/transactions",
        path="/v1/blocks/1/transactions",
        has="transactions",
        bad="/v1/blocks/1/transactions?limit=1001",
        refused={"path": "/v1/blocks/9999999/transactions"},
    ),
    *_all(
        "GET /v1/headers",
        path="/v1/headers?from=1&to=2",
        has="blocks",
        bad="/v1/headers?from=1",
        refused={"status": 400, "code": "REQUEST_SHAPE", "path": "/v1/headers?from=2&to=1"},
    ),
    *_all(
        "GET /v1/history",
        path="/v1/history?height=1&head=2",
        has="path",
        bad="/v1/history?height=a&head=2",
        refused={"path": "/v1/history?height=2&head=2"},
    ),
    *_all(
        "GET /v1/blocks/{block}/history",
        path="/v1/blocks/2/history?from=1",
        has="path",
        bad="/v1/blocks/2/history?from=a",
        refused={"path": "/v1/blocks/2/history?from=2"},
    ),
    *_all(
        "GET /v1/state/proof",
        path="/v1/state/proof?key={key}",
        has="entries",
        bad="/v1/state/proof?key=0g",
        refused={"status": 400, "code": "REQUEST_SHAPE", "path": "/v1/state/proof?" + "&".join(["key=00"] * 65)},
    ),
    *_all(
        "GET /v1/state/{key}",
        path="/v1/state/{key}",
        has="value",
        bad="/v1/state/ABC",
        refused=_protocol("/v1/state/{key}"),
    ),
    *_all(
        "GET /v1/state/{key}/history",
        path="/v1/state/{key}/history",
        has="writes",
        bad="/v1/state/{key}/history?limit=-1",
        refused={"status": 400, "code": "CURSOR_INVALID", "path": "/v1/state/{key}/history?cursor=MA"},
    ),
    *_all(
        "GET /v1/accounts",
        path="/v1/accounts?limit=2",
        has="status",
        bad="/v1/accounts?limit=65",
        session=True,
        refused=_no_session("/v1/accounts"),
    ),
    *_all(
        "GET /v1/accounts/{address}",
        path="/v1/accounts/{address}",
        has="roles",
        bad="/v1/accounts/me",
        refused={"path": f"/v1/accounts/{NOBODY[:40]}"},
    ),
    *_all(
        "GET /v1/organisations",
        path="/v1/organisations",
        has="status",
        bad="/v1/organisations?cursor={long}",
        session=True,
        refused=_no_session("/v1/organisations"),
    ),
    *_all(
        "GET /v1/organisations/{code}",
        path="/v1/organisations/{organisation}",
        has="name",
        bad="/v1/organisations/x",
        refused={"path": "/v1/organisations/000000000000000000"},
    ),
    *_all(
        "GET /v1/evidence/{id}",
        path="/v1/evidence/{tx}",
        has="state",
        bad="/v1/evidence/null",
        refused={"path": f"/v1/evidence/{NOBODY}"},
    ),
    *_all(
        "GET /v1/evidence/{id}/status",
        path="/v1/evidence/{tx}/status",
        has="entries",
        bad="/v1/evidence/{tx}/status?leaf=-1",
        refused={"path": f"/v1/evidence/{NOBODY}/status"},
    ),
    *_all(
        "GET /v1/evidence/{id}/history",
        path="/v1/evidence/{tx}/history",
        has="transactions",
        bad="/v1/evidence/{tx}/history?x=1",
        refused={"path": f"/v1/evidence/{NOBODY}/history"},
    ),
    *_all(
        "GET /v1/evidence/{id}/package",
        path="/v1/evidence/{tx}/package",
        has="",
        bad="/v1/evidence/1/package",
        refused={"path": f"/v1/evidence/{NOBODY}/package"},
    ),
    *_all(
        "GET /v1/evidence/{id}/certificate",
        path="/v1/evidence/{tx}/certificate",
        has="",
        bad="/v1/evidence/1/certificate",
        refused={"path": f"/v1/evidence/{NOBODY}/certificate"},
    ),
    Case(
        "POST /v1/verify",
        "success",
        200,
        path="/v1/verify",
        headers=PACKAGE,
        has="holds",
        body=lambda world: world.running.services.packages(world.facts["tx"]),
    ),
    Case("POST /v1/verify", "refusal", 415, "CONTENT_TYPE", path="/v1/verify", headers=JSON, body=b"{}"),
    Case("POST /v1/verify", "bad input", 200, path="/v1/verify", headers=PACKAGE, has="holds", body=b"no package"),
    Case(
        "POST /v1/sessions/challenges",
        "success",
        201,
        path="/v1/sessions/challenges",
        headers=JSON,
        has="challenge",
        body=lambda world: b'{"account":"%s"}' % world.actor.address.encode(),
    ),
    Case("POST /v1/sessions/challenges", "refusal", 415, "CONTENT_TYPE", path="/v1/sessions/challenges", body=b"{}"),
    Case(
        "POST /v1/sessions/challenges",
        "bad input",
        400,
        "REQUEST_SHAPE",
        path="/v1/sessions/challenges",
        headers=JSON,
        body=b'{"account":null}',
    ),
    Case("POST /v1/sessions", "success", 201, path="/v1/sessions", headers=JSON, has="token", body=_login),
    Case(
        "POST /v1/sessions", "refusal", 401, "CHALLENGE_INVALID", path="/v1/sessions", headers=JSON, body=_stale_login
    ),
    Case(
        "POST /v1/sessions",
        "bad input",
        400,
        "REQUEST_SHAPE",
        path="/v1/sessions",
        headers=JSON,
        body=b'{"challenge":"x","signature":"GG"}',
    ),
    *_all(
        "GET /v1/sessions/current",
        path="/v1/sessions/current",
        has="roles",
        bad="/v1/sessions/current?x=1",
        session=True,
        refused=_no_session("/v1/sessions/current"),
    ),
    Case("DELETE /v1/sessions/current", "success", 204, path="/v1/sessions/current", session=True),
    Case("DELETE /v1/sessions/current", "refusal", 401, "SESSION_REQUIRED", path="/v1/sessions/current"),
    Case(
        "DELETE /v1/sessions/current",
        "bad input",
        401,
        "SESSION_INVALID",
        path="/v1/sessions/current",
        headers={"authorization": "Basic YTpi"},
    ),
    *_all(
        "GET /v1/transactions",
        path="/v1/transactions?limit=1",
        has="indexed_height",
        session=True,
        bad="/v1/transactions?limit=0",
        refused=_no_session("/v1/transactions"),
    ),
    *_all(
        "GET /v1/evidence",
        path="/v1/evidence?limit=1",
        has="indexed_height",
        session=True,
        bad="/v1/evidence?digest=1",
        refused=_no_session("/v1/evidence"),
    ),
    *_all(
        "GET /v1/statistics",
        path="/v1/statistics",
        has="indexed_height",
        session=True,
        bad="/v1/statistics?x=1",
        refused=_no_session("/v1/statistics"),
    ),
    *_all(
        "GET /v1/events",
        path="/v1/events?limit=1",
        has="events",
        session=True,
        bad="/v1/events?limit=0",
        refused=_no_session("/v1/events"),
    ),
    Case(
        "POST /rpc",
        "success",
        200,
        path="/rpc",
        headers=JSON,
        has="result",
        body=b'{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":1}}',
    ),
    Case("POST /rpc", "refusal", 415, "CONTENT_TYPE", path="/rpc", body=b"{}"),
    Case("POST /rpc", "bad input", 200, path="/rpc", headers=JSON, has="error", body=b"{"),
    *_all(
        "GET /v1/health/live",
        path="/v1/health/live",
        has="live",
        bad="/v1/health/live?x=1",
        refused=_protocol("/v1/health/live"),
    ),
    *_all(
        "GET /v1/health/ready",
        path="/v1/health/ready",
        has="ready",
        bad="/v1/health/ready?x=1",
        refused=_protocol("/v1/health/ready"),
    ),
]

#: Routes whose three cases are tests of their own, since they are streams or change what others read: the file, and
#: a test in it for each kind.
ELSEWHERE: dict[str, tuple[str, str, str, str]] = {
    "GET /v1/events/stream": (
        "tests/api/test_events.py",
        "test_a_page_a_stream_and_a_socket_tell_the_same",
        "test_without_a_session_nothing_is_told",
        "test_bad_queries_are_refused",
    ),
    "WEBSOCKET /v1/events/socket": (
        "tests/api/test_events.py",
        "test_a_page_a_stream_and_a_socket_tell_the_same",
        "test_a_socket_with_a_wrong_token_is_refused_at_the_handshake",
        "test_a_first_message_that_is_none_ends_the_socket",
    ),
    "GET /metrics": (
        "tests/api/test_routes.py",
        "test_metrics_are_what_the_registry_tells",
        "test_without_a_registry_there_are_no_metrics",
        "test_metrics_take_no_parameters",
    ),
}


def forged(actor: Actor) -> bytes:
    """An envelope whose body another key signed."""

    body, _ = decode_envelope(actor.put())
    other = native.sm2_generate()
    return native.seal_envelope(1, body, [native.sm2_sign(other, native.sm2_public_key(other), body)])
