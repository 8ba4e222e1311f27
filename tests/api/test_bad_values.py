"""Every parameter and every body of every route, as the description lists them, with values that do not fit.

Nothing that a client sends is a fault of the node: the answer is never 500, an error is a problem document whose code
the route's description lists, and nothing is written.
"""

import itertools
import json
import urllib.parse

import pytest

from tests.api.route_cases import CASES, JSON

#: What no parameter of ours means, beside some that are right: huge, negative, of another type, of other scripts.
TEXTS = (
    "",
    " ",
    "-1",
    "0",
    "1.5",
    "1e3",
    "+1",
    "1\n",
    "0x10",
    "٣",
    "null",
    "true",
    "NaN",
    "9" * 16,
    str(2**53),
    str(2**63),
    str(2**64),
    "9" * 5000,
    "a" * 39,
    "a" * 40,
    "A" * 40,
    "a" * 64,
    "g" * 64,
    "x" * 4000,
    "\x00",
    "a\x00b",
    "..",
    "../../etc/passwd",
    "政务" * 100,
    "' OR 1=1 --",
    "%",
    "[]",
    "{}",
    "é",
)
#: The same as bytes that are no UTF-8, or are not in the shortest form.
RAW = ("%ff%fe", "%c0%ae%c0%ae", "%ed%a0%80", "%2e%2e%2f", "%00", "%zz", "%")
#: Those for queries: as a route may have ten parameters, of each sort of value only one.
QUERY_TEXTS = ("", "-1", "1.5", "٣", "null", str(2**63), "9" * 5000, "g" * 64, "\x00", "..", "政务" * 100, "[]")


@pytest.fixture(scope="module")
def description(world):
    with world.running.client() as client:
        return client.get("/v1/openapi.json").json()


@pytest.fixture(scope="module")
def client(world):
    with world.running.client(world.running.login(world.actor)) as client:
        yield client


def operations(description):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def settle(client, method, path, operation, **request):
    """One request; what it answered is no fault of the node and is described."""
    with client.stream(method, path, **request) as answer:
        what = (method, path[:200], request)
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code
        answer.read()
        assert answer.status_code < 500, (what, answer.text)
        if answer.status_code >= 400:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json", what
            known = {*operation["x-govchain-codes"], "ROUTE_UNKNOWN", "METHOD_NOT_ALLOWED"}
            assert problem["code"] in known, (what, problem)
            assert (
                str(answer.status_code) in operation["responses"]
                or problem["code"] not in operation["x-govchain-codes"]
            ), (what, problem)
            assert "Traceback" not in answer.text
        return answer.status_code


def examples(operation, place):
    """A value that is right, for each parameter at that place."""
    found = {}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == place and (parameter.get("required") or place == "path"):
            given = parameter.get("examples") or parameter["schema"].get("examples")
            found[parameter["name"]] = given[0] if isinstance(given, list) else parameter.get("example")
    return found


def query_text(values):
    return urllib.parse.urlencode(values, doseq=True)


def test_values_of_paths_that_do_not_fit(description, client):
    statuses = set()
    for method, path, operation in operations(description):
        names = examples(operation, "path")
        query = query_text(examples(operation, "query"))
        for name, text in itertools.product(names, (*map(urllib.parse.quote_plus, TEXTS), *RAW)):
            filled = path.replace("{" + name + "}", text.replace("+", "%20"))
            for other, value in names.items():
                filled = filled.replace("{" + other + "}", urllib.parse.quote(str(value)))
            given = f"{filled}?{query}" if query else filled
            statuses.add(settle(client, method, given, operation, content=b"{}", headers=JSON))
    assert {400, 404} <= statuses


def test_values_of_queries_that_do_not_fit(description, client):
    statuses = set()
    for method, path, operation in operations(description):
        names = examples(operation, "path")
        for other, value in names.items():
            path = path.replace("{" + other + "}", urllib.parse.quote(str(value)))
        needed = examples(operation, "query")
        every = [entry["name"] for entry in operation.get("parameters", ()) if entry["in"] == "query"]
        for name in (*every, "nobody_knows_this"):
            others = query_text({other: value for other, value in needed.items() if other != name})
            for text in (*map(urllib.parse.quote_plus, QUERY_TEXTS), *RAW[:4]):
                given = f"{path}?{name}={text}&{others}"
                status = settle(client, method, given, operation, content=b"{}", headers=JSON)
                statuses.add(status)
                if name == "nobody_knows_this":
                    assert status in (400, 404, 415), given
    assert {200, 400} <= statuses


@pytest.mark.parametrize("kind", ["twice", "missing", "endless"])
def test_queries_of_another_form(description, client, kind):
    for method, path, operation in operations(description):
        for other, value in examples(operation, "path").items():
            path = path.replace("{" + other + "}", urllib.parse.quote(str(value)))
        if kind == "missing":
            if examples(operation, "query"):
                assert settle(client, method, path, operation) == 400, path
        elif kind == "twice":
            status = settle(client, method, f"{path}?limit=1&limit=1", operation, content=b"{}", headers=JSON)
            assert status in (400, 404), path
        else:
            given = f"{path}?" + "&".join(f"a{n}=" for n in range(1500))
            assert settle(client, method, given, operation, content=b"{}", headers=JSON) in (400, 404), path


#: Bodies that are no JSON object of ours, whatever is wanted.
BODIES = {
    "empty": b"",
    "blank": b"   ",
    "null": b"null",
    "a number": b"1",
    "a text": b'"x"',
    "an array": b"[]",
    "an empty object": b"{}",
    "cut": b'{"account":"',
    "a nest": b"[" * 100_000,
    "a nest of objects": b'{"a":' * 20_000,
    "no UTF-8": b'{"account":"\xff\xfe"}',
    "UTF-16": '{"account":"x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate": b'{"account":"\\ud800"}',
    "two documents": b"{}{}",
    "NaN": b'{"account":NaN}',
    "unknown field": b'{"nobody_knows_this":1}',
    "a huge number": b'{"account":' + b"9" * 10_000 + b"}",
    "a huge text": b'{"account":"' + b"x" * 300_000 + b'"}',
    "NUL": b'{"account":"\\u0000"}',
    "binary": bytes(range(256)),
}
#: Values in the place of each field's own.
VALUES = (None, True, -1, 2**63, 2**70, 1.5, "", "x" * 5000, "\x00", [], {}, [None], {"a": []}, [[["x"]]], ["x"] * 5000)


def bodied(description):
    for method, path, operation in operations(description):
        if "requestBody" in operation:
            for other, value in examples(operation, "path").items():
                path = path.replace("{" + other + "}", urllib.parse.quote(str(value)))
            yield method, path, operation


@pytest.mark.requirement("BJ.compliance.process.03b")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_that_are_none(world, description, client, body):
    height = world.running.node.transport.status().height
    for method, path, operation in bodied(description):
        for media in operation["requestBody"]["content"]:
            status = settle(client, method, path, operation, content=body, headers={"content-type": media})
            # `/v1/verify` and `/rpc` answer what they think of a document that was carried to them whole.
            assert status >= 400 or path in ("/v1/verify", "/rpc"), (path, media)
    assert world.running.node.transport.status().height == height


def test_bodies_of_another_media_type(description, client):
    for method, path, operation in bodied(description):
        for media in (
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "/",
            "a/b/c",
        ):
            headers = {"content-type": media} if media else {}
            status = settle(client, method, path, operation, content=b"{}", headers=headers)
            assert status in (404, 415) or (status == 403 and "operations" in operation["tags"]), (path, media)


@pytest.mark.requirement("BJ.compliance.process.03a")
def test_fields_of_bodies_that_do_not_fit(world, description, client):
    height = world.running.node.transport.status().height
    schemas = description["components"]["schemas"]
    tried = 0
    for method, path, operation in bodied(description):
        content = operation["requestBody"]["content"].get("application/json")
        if content is None or "$ref" not in content["schema"]:
            continue
        schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        right = {
            name: entry["examples"][0]
            for name, entry in schema["properties"].items()
            if name in schema.get("required", ())
        }
        for name in schema["properties"]:
            for value in VALUES:
                body = json.dumps({**right, name: value}).encode()
                status = settle(client, method, path, operation, content=body, headers=JSON)
                tried += 1
                optional = value is None or (name not in right and value in ([], ""))
                assert status >= 400 or (optional and name not in right), (path, name, value)
            missing = json.dumps({other: value for other, value in right.items() if other != name}).encode()
            if name in right:
                assert settle(client, method, path, operation, content=missing, headers=JSON) >= 400
            more = json.dumps({**right, "nobody_knows_this": 1}).encode()
            assert settle(client, method, path, operation, content=more, headers=JSON) >= 400
            twice = json.dumps(right)[:-1] + ("," if right else "") + f'"{name}":1,"{name}":2}}'
            assert settle(client, method, path, operation, content=twice.encode(), headers=JSON) >= 400
    assert tried > 50
    assert world.running.node.transport.status().height == height


def test_there_are_no_two_answers_to_one_question(client):
    """Methods that a route has not, and HEAD, which no route has: each has a code of its own."""
    for method, status in (("PUT", 405), ("DELETE", 405), ("PATCH", 405), ("HEAD", 405), ("OPTIONS", 405)):
        answer = client.request(method, "/v1/chain")
        assert answer.status_code == status, method
        assert answer.headers["allow"] == "GET"


def test_the_list_of_bodied_routes_is_not_empty(description):
    known = {case.route for case in CASES if case.body}
    assert {f"{method} {path}" for method, path, _ in bodied(description)} >= {
        route for route in known if not route.startswith("GET")
    }
