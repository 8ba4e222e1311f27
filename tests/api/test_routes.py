"""Every route: one success, one refusal, one bad input, each run against a real server; and that none is missing."""

import ast
import json
from pathlib import Path

import httpx
import pytest
from starlette.routing import WebSocketRoute

from govchain.api import create_app
from govchain.api.routers import ROUTERS
from govchain.proof.headers import header_identity
from govchain.services.bundle import NodeServices
from tests.api.route_cases import CASES, ELSEWHERE

KINDS = {"success", "refusal", "bad input"}
ROOT = Path(__file__).parents[2]


@pytest.mark.requirement("BJ.function.protocol.01")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_case_of_each_route(world, case):
    method = case.route.partition(" ")[0]
    path = case.path
    for name, value in world.facts.items():
        path = path.replace("{" + name + "}", value)
    token = world.running.login(world.actor) if case.session else ""
    with world.running.client(token) as client:
        answer = client.request(method, path, headers=case.headers, content=case.content(world))
    assert answer.status_code == case.status, answer.text
    assert answer.headers["govchain-protocol"] == "1"
    assert answer.headers["x-request-id"]
    if case.code:
        document = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["code"] == case.code
        assert document["status"] == answer.status_code
        assert document["instance"] == answer.headers["x-request-id"]
        assert "Traceback" not in answer.text
    elif case.has:
        assert case.has in answer.json()


def routes():
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, WebSocketRoute) or not getattr(route, "methods", None):
                yield f"WEBSOCKET {route.path}"
            else:
                for method in sorted(route.methods - {"HEAD"}):
                    yield f"{method} {route.path}"


def marked_routes():
    """What tests of other files mark as a route's case: ``@pytest.mark.route("GET /v1/x", "success")``."""
    found = {}
    for path in sorted(ROOT.glob("tests/**/test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.route(" not in text:
            continue
        tree = ast.parse(text)
        names = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.route":
                        name, *kinds = [
                            names[argument.id] if isinstance(argument, ast.Name) else ast.literal_eval(argument)
                            for argument in mark.args
                        ]
                        found.setdefault(name, set()).update(kinds)
    return found


def test_no_route_lacks_a_case():
    """The table: each route of the application against what is tested of it."""
    tested = marked_routes()
    for case in CASES:
        tested.setdefault(case.route, set()).add(case.kind)
    for route, (file, *names) in ELSEWHERE.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert all(f"def {name}(" in text for name in names), f"{route}: {file} has no such tests"
        tested[route] = set(KINDS)
    served = set(routes())
    lacking = {route: sorted(KINDS - tested.get(route, set())) for route in served}
    assert {route: kinds for route, kinds in lacking.items() if kinds} == {}
    assert set(tested) - served == set(), "cases of routes that are gone"


def test_no_two_routes_answer_the_same():
    every = list(routes())
    assert len(every) == len(set(every))


@pytest.mark.requirement("GD.technical.interoperability.02", "BJ.function.protocol.02a")
def test_every_operation_of_the_description_is_tested_and_described(world):
    with world.running.client() as client:
        document = client.get("/v1/openapi.json").json()
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == {route for route in routes() if not route.startswith("WEBSOCKET")}
    for case in CASES:
        method, path = case.route.split(" ")
        operation = document["paths"][path][method.lower()]
        assert str(case.status) in operation["responses"], case
        if case.code:
            assert case.code in operation["x-govchain-codes"], case


@pytest.fixture
def bare():
    """An application over parts that a node may go without, without them."""

    def make(**parts):
        nothing = dict.fromkeys(("answers", "intake", "queries", "proofs", "sessions"))
        app = create_app(NodeServices(**nothing, **parts))
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")

    return make


def ask(client, path):
    import asyncio

    async def once():
        async with client:
            return await client.get(path)

    return asyncio.run(once())


def test_metrics_are_what_the_registry_tells(bare):
    answer = ask(bare(metrics=lambda: b"govchain_height 7\n"), "/metrics")
    assert (answer.status_code, answer.text) == (200, "govchain_height 7\n")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_without_a_registry_there_are_no_metrics(bare):
    answer = ask(bare(), "/metrics")
    assert (answer.status_code, answer.json()["code"]) == (404, "SERVICE_OFF")


def test_metrics_take_no_parameters(bare):
    answer = ask(bare(metrics=lambda: b""), "/metrics?name[]=x")
    assert (answer.status_code, answer.json()["code"]) == (400, "REQUEST_SHAPE")


def test_what_nobody_expected_is_an_internal_error_without_a_word_about_it(bare, caplog):
    def fails():
        raise ZeroDivisionError("a secret")

    answer = ask(bare(metrics=fails), "/metrics")
    document = answer.json()
    assert (answer.status_code, document["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert document["instance"] == answer.headers["x-request-id"]
    (record,) = [record for record in caplog.records if record.name == "govchain.api"]
    assert document["instance"] in record.getMessage()
    assert "a secret" in record.exc_text or "a secret" in str(record.exc_info)


def test_errors_speak_the_language_asked_for(world):
    with world.running.client() as client:
        for wanted, expected in (
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
            ("en-GB", "en"),
            ("fr, zh;q=0.5", "zh"),
            ("zh;q=0.2, en;q=0.7", "en"),
            ("zh;q=x", "en"),
            ("", "en"),
        ):
            answer = client.get("/v1/nothing", headers={"accept-language": wanted})
            assert answer.headers["content-language"] == expected, wanted
            chinese = any("\u4e00" <= c <= "\u9fff" for c in answer.json()["detail"])
            assert chinese == (expected == "zh")


def test_unknown_routes_and_methods(world):
    with world.running.client() as client:
        for path in (
            "/",
            "/v1",
            "/v1/",
            "/v1/chain/",
            "/v2/chain",
            "/v1//chain",
            "/v1/../etc/passwd",
            "/%2e%2e/x",
            "/v1/%00",
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_UNKNOWN"), path
        answer = client.put("/v1/chain")
        assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == "GET"


def test_what_never_changes_is_sent_once(world):
    with world.running.client() as client:
        for path in ("/v1/genesis", "/v1/blocks/1", "/v1/blocks/1/header", "/v1/transactions/{tx}/proof"):
            path = path.replace("{tx}", world.facts["tx"])
            first = client.get(path)
            assert "immutable" in first.headers["cache-control"]
            again = client.get(path, headers={"if-none-match": f'"x", {first.headers["etag"]}'})
            assert (again.status_code, again.content) == (304, b"")
            assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.requirement("BJ.function.access.01d", "BJ.compliance.parse.02")
def test_the_very_bytes_of_a_header_give_its_identity(world):
    with world.running.client() as client:
        data = client.get("/v1/blocks/1/header").content
        assert header_identity(world.running.node.machine.suite, data).hex() == world.facts["identity"]
        assert client.get("/v1/blocks/2/header").json()["previous"] == world.facts["identity"]
        by_identity = client.get(f"/v1/blocks/{world.facts['identity']}").json()
    assert bytes.fromhex(by_identity["header"]) == data


def test_long_answers_are_compressed_where_that_is_wanted(world):
    with world.running.client() as client:
        answer = client.get("/v1/openapi.json", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        plain = client.get("/v1/openapi.json", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
    assert json.loads(plain.content) == answer.json()


def test_pages_go_on_and_cursors_belong_to_their_list(world):
    with world.running.client(world.running.login(world.actor)) as client:
        first = client.get("/v1/blocks", params={"limit": 1}).json()
        second = client.get("/v1/blocks", params={"limit": 1, "cursor": first["next"]}).json()
        assert first["blocks"][0]["height"] == second["blocks"][0]["height"] + 1
        for path in ("/v1/accounts", "/v1/organisations", f"/v1/state/{world.facts['key']}/history"):
            answer = client.get(path, params={"cursor": first["next"]})
            assert (answer.status_code, answer.json()["code"]) == (400, "CURSOR_INVALID"), path
        changed = first["next"][:-1] + ("A" if first["next"][-1] != "A" else "B")
        assert client.get("/v1/blocks", params={"cursor": changed}).json()["code"] == "CURSOR_INVALID"
