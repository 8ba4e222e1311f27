"""JSON-RPC 2.0 at `/rpc`: the specification's own examples in our methods, and the same answers as the REST routes."""

import json

import pytest

from govchain.model import Code
from tests.api.events_kit import serving, until
from tests.api.route_cases import JSON, NOBODY, forged
from tests.node.kit import copy_chain, transaction_id

PARSE, INVALID, NO_METHOD, PARAMS, REFUSED = -32700, -32600, -32601, -32602, -32000


@pytest.fixture(scope="module")
def ask(world):
    """Sends a document, or bytes; gives the answer's JSON, None where there is none."""
    with world.running.client() as client:

        def send(document):
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            answer = client.post("/rpc", content=body, headers=JSON)
            assert answer.status_code in (200, 204), answer.text
            assert answer.headers["govchain-protocol"] == "1"
            return None if answer.status_code == 204 else answer.json()

        yield send


def call(method, params=None, **more):
    return {"jsonrpc": "2.0", "id": 1, "method": method, **({} if params is None else {"params": params}), **more}


def error_of(answer):
    """Number and code of an error, whose members are those of the specification and ours."""
    assert set(answer) == {"jsonrpc", "id", "error"}
    assert set(answer["error"]) == {"code", "message", "data"}
    data = answer["error"]["data"]
    assert set(data) == {"code", "number", "instance"}
    assert data["number"] == Code[data["code"]]
    assert answer["error"]["message"]
    assert data["instance"]
    return answer["error"]["code"], data["code"]


@pytest.mark.requirement("BJ.function.protocol.04")
def test_the_same_answers_as_the_rest_routes(world, ask):
    id_, key = world.facts["tx"], world.facts["key"]
    with world.running.client() as client:
        for method, params, path in (
            ("chain", None, "/v1/chain"),
            ("genesis", None, "/v1/genesis"),
            ("headers", {"from": 1, "to": 2}, "/v1/headers?from=1&to=2"),
            ("transaction", {"id": id_}, f"/v1/transactions/{id_}/proof"),
            ("receipt", {"id": id_}, f"/v1/transactions/{id_}/receipt"),
            ("state", {"key": key}, f"/v1/state/{key}"),
            ("state_proof", {"keys": [key]}, f"/v1/state/proof?key={key}"),
            ("evidence_history", {"id": id_}, f"/v1/evidence/{id_}/history"),
        ):
            answer = ask(call(method, params))
            assert set(answer) == {"jsonrpc", "id", "result"}, answer
            assert answer["result"] == client.get(path).json(), method


def test_parameters_by_place(world, ask):
    assert ask(call("transaction", [world.facts["tx"]])) == ask(call("transaction", {"id": world.facts["tx"]}))
    assert ask(call("headers", [1, 1]))["result"]["blocks"]
    assert error_of(ask(call("headers", [1, 1, 1]))) == (PARAMS, "REQUEST_SHAPE")
    assert ask(call("chain", []))["result"]["height"] > 0


@pytest.mark.parametrize("id_", [None, 0, -7, 2**53, "", "x" * 256, "政务", "1"])
def test_the_id_comes_back_as_it_was(ask, id_):
    answer = ask({"jsonrpc": "2.0", "method": "chain", "id": id_})
    assert answer["id"] == id_
    assert type(answer["id"]) is type(id_)
    assert ask({"jsonrpc": "2.0", "method": "none", "id": id_})["id"] == id_


@pytest.mark.parametrize("id_", [True, 1.5, [1], {"a": 1}, "x" * 257])
def test_an_id_of_another_kind_is_refused(ask, id_):
    answer = ask({"jsonrpc": "2.0", "method": "chain", "id": id_})
    assert error_of(answer) == (INVALID, "REQUEST_SHAPE")
    assert answer["id"] is None


@pytest.mark.parametrize("number", ["9" * 25, "1e400", "-1e400", "1" + "0" * 5000])
def test_a_number_beyond_all_is_no_fault_of_the_node(ask, number):
    answer = ask(b'{"jsonrpc":"2.0","id":%s,"method":"chain"}' % number.encode())
    assert answer["id"] == int(number) if "result" in answer else answer["error"]["code"] in (PARSE, INVALID)
    answer = ask(b'{"jsonrpc":"2.0","id":1,"method":"block","params":[%s]}' % number.encode())
    assert answer["error"]["code"] in (PARSE, PARAMS)


FORMS = {
    "a number": 1,
    "a text": "x",
    "null": None,
    "an empty object": {},
    "without a version": {"id": 1, "method": "chain"},
    "version 1": {"jsonrpc": "1.0", "id": 1, "method": "chain"},
    "a version as a number": {"jsonrpc": 2.0, "id": 1, "method": "chain"},
    "without a method": {"jsonrpc": "2.0", "id": 1},
    "a method that is a number": {"jsonrpc": "2.0", "id": 1, "method": 1},
    "params that are a text": {"jsonrpc": "2.0", "id": 1, "method": "chain", "params": "x"},
    "params that are null": {"jsonrpc": "2.0", "id": 1, "method": "chain", "params": None},
    "a member too many": {"jsonrpc": "2.0", "id": 1, "method": "chain", "extra": 1},
    "an empty batch": [],
    "a batch of too many": [call("chain")] * 101,
}


@pytest.mark.parametrize("document", FORMS.values(), ids=FORMS.keys())
def test_what_is_no_call(ask, document):
    assert error_of(ask(document)) == (INVALID, "REQUEST_SHAPE")


@pytest.mark.parametrize("body", [b"", b"{", b"[", b'{"a":1}x', b"\xff", b"[" * 50_000, b'{"jsonrpc":"\\ud800"}'])
def test_what_is_no_json(ask, body):
    answer = ask(body)
    assert error_of(answer) == (PARSE, "REQUEST_SHAPE")
    assert answer["id"] is None


def test_an_unknown_method(ask):
    for name in ("none", "", "rpc.discover", "__class__", "Chain", "x" * 10_000):
        assert error_of(ask(call(name))) == (NO_METHOD, "ROUTE_UNKNOWN")


PARAMETERS = [
    ("block", {}),
    ("block", {"height": 0}),
    ("block", {"height": -1}),
    ("block", {"height": 2**53}),
    ("block", {"height": "1"}),
    ("block", {"height": 1.0}),
    ("block", {"height": True}),
    ("block", {"height": None}),
    ("block", {"height": 1, "more": 1}),
    ("headers", {"from": 1}),
    ("transaction", {"id": "AA" * 32}),
    ("transaction", {"id": "aa" * 32 + "\n"}),
    ("transaction", {"id": 1}),
    ("receipt", [[]]),
    ("state", {"key": ""}),
    ("state", {"key": "aa" * 513}),
    ("state_proof", {"keys": []}),
    ("state_proof", {"keys": ["aa"] * 65}),
    ("state_proof", {"keys": [""]}),
    ("state_proof", {"keys": "aa"}),
    ("submit", {"envelopes": []}),
    ("submit", {"envelopes": ["AA"]}),
    ("submit", {"envelopes": ["aa"] * 1001}),
    ("submit", {"envelopes": ["aa"], "wait": 1}),
    ("submit", {"envelopes": ["aa"], "wait": True, "timeout_ms": 29_001}),
    ("submit", {"envelopes": ["aa"], "timeout_ms": -1}),
    ("chain", {"verbose": True}),
]


@pytest.mark.parametrize(("method", "params"), PARAMETERS, ids=str)
def test_parameters_that_do_not_fit(ask, method, params):
    assert error_of(ask(call(method, params))) == (PARAMS, "REQUEST_SHAPE")


def test_what_is_not_there(ask):
    for method, params in (
        ("block", [9_999_999]),
        ("transaction", [NOBODY]),
        ("receipt", [NOBODY]),
        ("evidence_history", [NOBODY]),
    ):
        assert error_of(ask(call(method, params))) == (REFUSED, "NOT_FOUND"), method


def test_notifications_are_not_answered(world, ask):
    """Neither alone, nor in a batch, nor when they fail; and they do what they say."""
    assert ask({"jsonrpc": "2.0", "method": "chain"}) is None
    assert ask({"jsonrpc": "2.0", "method": "none"}) is None
    assert ask([{"jsonrpc": "2.0", "method": "chain"}] * 3) is None
    envelope = world.actor.put()
    assert ask({"jsonrpc": "2.0", "method": "submit", "params": [[envelope.hex()], True]}) is None
    assert ask(call("transaction", [transaction_id(envelope).hex()]))["result"]["height"] > 0


@pytest.mark.parametrize("part", [b"[]", b"{}", b"0"])
def test_millions_of_values_are_refused_before_they_are_read(ask, part):
    answer = ask(b"[" + b",".join([part] * 2_000_000) + b"]")
    assert error_of(answer) == (INVALID, "REQUEST_SHAPE")
    assert "values" in answer["error"]["message"]


def test_a_state_key_is_no_longer_than_its_route_takes(ask):
    assert error_of(ask(call("state_proof", {"keys": ["ab" * 513]})))[1] == "REQUEST_SHAPE"


def test_a_batch_is_answered_call_by_call(ask):
    answers = ask(
        [
            {"jsonrpc": "2.0", "id": "a", "method": "block", "params": [1]},
            {"jsonrpc": "2.0", "method": "chain"},
            1,
            {"foo": "boo"},
            {"jsonrpc": "2.0", "id": "b", "method": "none"},
            {"jsonrpc": "2.0", "id": "c", "method": "block", "params": [0]},
            {"jsonrpc": "2.0", "id": None, "method": "chain"},
        ]
    )
    told = [(answer["id"], answer.get("error", {}).get("code", 0)) for answer in answers]
    assert told == [("a", 0), (None, INVALID), (None, INVALID), ("b", NO_METHOD), ("c", PARAMS), (None, 0)]
    assert len(ask([call("chain")] * 100)) == 100


@pytest.mark.requirement("BJ.function.user.01d")
def test_transactions_are_handed_in_as_over_rest(world, ask):
    """One taken, one forged, one no envelope: each has its entry, as an array of the REST route has."""
    good = world.actor.put()
    envelopes = [good, forged(world.actor), b"\x01"]
    result = ask(call("submit", {"envelopes": [data.hex() for data in envelopes], "wait": True}))["result"]
    assert [entry["code"] for entry in result["submissions"]] == ["OK", "SIGNATURE_INVALID", "ENVELOPE_MALFORMED"]
    assert bytes.fromhex(result["submissions"][0]["receipt"])
    again = ask(call("submit", [[good.hex()], True]))["result"]["submissions"][0]
    assert (again["code"], again["receipt"]) == ("REPLAYED", result["submissions"][0]["receipt"])


def test_errors_speak_the_language_asked_for(world):
    with world.running.client() as client:
        for language, chinese in (("zh-CN", True), ("en", False)):
            answer = client.post("/rpc", json=call("none"), headers={"accept-language": language}).json()
            assert any("\u4e00" <= sign <= "\u9fff" for sign in answer["error"]["message"]) == chinese


def test_a_closed_node_wants_a_session_for_reads_and_none_for_writes(template, tmp_path, actor):
    with serving(copy_chain(template, tmp_path / "data"), reads="closed", answer_ms_max=2_000) as running:
        with running.client() as client:
            assert "result" in client.post("/rpc", json=call("chain")).json()
            envelope = actor.put().hex()
            taken = client.post("/rpc", json=call("submit", [[envelope], True])).json()
            assert taken["result"]["submissions"][0]["code"] == "OK"
            until(lambda: running.node.transport.status().certified_height >= 1)
            assert error_of(client.post("/rpc", json=call("block", [1])).json()) == (REFUSED, "SESSION_REQUIRED")
            # A wait is never longer than the time in which every request is answered.
            late = call("submit", {"envelopes": [envelope], "timeout_ms": 1_999})
            assert error_of(client.post("/rpc", json=late).json()) == (PARAMS, "REQUEST_SHAPE")
        with running.client("wrong") as client:
            assert error_of(client.post("/rpc", json=call("block", [1])).json()) == (REFUSED, "SESSION_INVALID")
        with running.client(running.login(actor)) as client:
            assert client.post("/rpc", json=call("block", [1])).json()["result"]["height"] == 1


def test_a_call_of_a_batch_counts_like_a_request(template, tmp_path):
    """A hundred calls in one request are no way around the rate of an address."""
    with serving(copy_chain(template, tmp_path / "data"), rate_address=100) as running, running.client() as client:
        batch = [call("chain")] * 100
        answers = [client.post("/rpc", json=batch) for _ in range(6)]
        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        late = answers[-1]
        assert (late.status_code, late.json()["code"]) == (429, "RATE_LIMITED")
        assert int(late.headers["retry-after"]) >= 1
