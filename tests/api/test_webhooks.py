"""Webhooks over HTTP: each route's success, refusals and bad input, against a node that really sends."""

import contextlib

import pytest

from govchain.sdk.sessions import challenge_message
from govchain.sdk.transactions import now_ms
from govchain.sdk.webhooks import verify_webhook
from tests.api.events_kit import officer, serving, sign, until
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain
from tests.services.webhook_kit import receiving

CREATE = "POST /v1/webhooks"
LIST = "GET /v1/webhooks"
ONE = "GET /v1/webhooks/{webhook}"
CHANGE = "PATCH /v1/webhooks/{webhook}"
REMOVE = "DELETE /v1/webhooks/{webhook}"
PING = "POST /v1/webhooks/{webhook}/ping"
DELIVERIES = "GET /v1/webhooks/{webhook}/deliveries"
DEAD = "GET /v1/webhooks/{webhook}/dead-letters"
RESEND_ALL = "POST /v1/webhooks/{webhook}/dead-letters/resend"
RESEND = "POST /v1/webhooks/{webhook}/dead-letters/{number}/resend"
DISCARD = "DELETE /v1/webhooks/{webhook}/dead-letters/{number}"
EVERY = [CREATE, LIST, ONE, CHANGE, REMOVE, PING, DELIVERIES, DEAD, RESEND_ALL, RESEND, DISCARD]

#: An id that no webhook has.
NOBODY = "00" * 8
#: A target in no network that is allowed here, and one whose form is fine and which nothing is sent to.
PRIVATE, PUBLIC = "https://10.1.2.3/hook", "https://203.0.113.9/"
SECRET = "a secret of enough bytes"


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("webhooks") / "data")
    allowed = {"webhook_http": True, "webhook_networks": ("127.0.0.0/8",)}
    with serving(path, webhook_attempts=1, webhooks_max=6, webhooks_per_account=3, **allowed) as running:
        yield running


@pytest.fixture(scope="module")
def officers(running):
    path = running.node.directory.path
    return {name: officer(path, name) for name in ("operator", "supervisor")}


@pytest.fixture
def client(running, actor):  # noqa: F811
    """The department's client; whatever is registered in a test ends with it."""
    with running.client(running.login(actor)) as client:
        yield client
        for webhook in client.get("/v1/webhooks").json()["webhooks"]:
            assert client.delete(f"/v1/webhooks/{webhook['id']}").status_code == 204


@contextlib.contextmanager
def client_of(running, one):
    with running.client(running.login(one)) as client:
        yield client


def registered(client, url, **more):
    """A new webhook's path."""
    answer = client.post("/v1/webhooks", json={"url": url, "secret": SECRET, **more})
    assert answer.status_code == 201, answer.text
    return "/v1/webhooks/" + answer.json()["webhook"]["id"]


def refused(answer, status, code):
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["code"] == code


def with_dead_letters(running, client, actor, receiver, count):  # noqa: F811
    """A webhook's path with so many dead letters: one attempt each, refused."""
    receiver.status = 500
    path = registered(client, receiver.url)
    for number in range(1, count + 1):
        running.put(actor, f"dead-{number}")
        until(lambda: len(client.get(f"{path}/dead-letters").json()["deliveries"]) == number)  # noqa: B023
    return path


# -- register ------------------------------------------------------------------------------------------------------


@pytest.mark.route(CREATE, "success")
def test_a_message_arrives_signed_by_the_secret_that_was_told(running, client, actor):  # noqa: F811
    with receiving() as receiver:
        answer = client.post("/v1/webhooks", json={"url": receiver.url, "types": ["evidence.*"], "references": ["w-1"]})
        assert answer.status_code == 201
        created = answer.json()
        shown = created["webhook"]
        assert (shown["url"], shown["types"], shown["state"]) == (receiver.url, ["evidence.*"], "active")
        assert (shown["account"], shown["references"], shown["on_failure"]) == (actor.address, ["w-1"], "continue")
        assert len(created["secret"]) == 64
        ids = running.put(actor, "w-1", "w-2")
        (got,) = receiver.wait(1)
    member = running.node.genesis.members[0]
    node_key = (member.algorithm, bytes.fromhex(member.key))
    message = verify_webhook(got.headers, got.body, secret=created["secret"], now=now_ms(), node_key=node_key)
    assert [event.transaction for event in message.events] == ids[:1]
    assert message.webhook == shown["id"]
    page = client.get("/v1/events", params={"reference": "w-1"}).json()
    assert got.json["events"] == page["events"]  # the same objects as everywhere


def test_a_registration_may_begin_in_the_past(running, client, actor):  # noqa: F811
    running.put(actor, "past")
    with receiving() as receiver:
        registered(client, receiver.url, cursor="0.0.0", references=["past"])
        assert [event["reference"] for event in receiver.wait(1)[0].json["events"]] == ["past"]


@pytest.mark.route(CREATE, "refusal")
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (PRIVATE, "public"),
        ("https://[::1]/", "public"),
        ("https://169.254.169.254/latest/meta-data/", "public"),
        ("https://0x0a010203/", "public"),
    ],
)
def test_a_target_on_a_private_address_is_refused(client, url, reason):
    answer = client.post("/v1/webhooks", json={"url": url})
    refused(answer, 422, "WEBHOOK_TARGET")
    assert reason in answer.json()["detail"]
    assert client.get("/v1/webhooks").json()["webhooks"] == []


def test_http_is_refused_where_the_operator_does_not_allow_it(template, tmp_path, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with serving(path) as running, client_of(running, actor) as client, receiving() as receiver:
        refused(client.post("/v1/webhooks", json={"url": receiver.url}), 422, "WEBHOOK_TARGET")
        assert receiver.got == []


def test_one_account_may_have_so_many_and_all_so_many(running, client, officers):
    for _ in range(3):
        registered(client, "http://127.0.0.1:9/")
    refused(client.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"}), 409, "WEBHOOKS_TOO_MANY")
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(client_of(running, one)) for one in officers.values()]
        paths = [(other, registered(other, "http://127.0.0.1:9/")) for other in (*others, others[0])]
        answer = others[1].post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"})
        refused(answer, 409, "WEBHOOKS_TOO_MANY")
        for other, path in paths:
            assert other.delete(path).status_code == 204


BAD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"url":"\xff"}',
    "an array": b"[]",
    "null": b"null",
    "deep": b"[" * 10_000,
    "no url": b"{}",
    "a null url": b'{"url":null}',
    "a number as url": b'{"url":1}',
    "an empty url": b'{"url":""}',
    "no http url": b'{"url":"ftp://a.cn/"}',
    "a user's name in the url": b'{"url":"https://user@a.cn/"}',
    "a line break in the url": b'{"url":"https://a.cn/\\r\\nX: y"}',
    "a url that is too long": b'{"url":"https://a.cn/' + b"x" * 2048 + b'"}',
    "an unknown field": b'{"url":"https://a.cn/","colour":"red"}',
    "one type as a text": b'{"url":"https://a.cn/","types":"evidence.*"}',
    "a type that is none": b'{"url":"https://a.cn/","types":["*"]}',
    "too many terms": b'{"url":"https://a.cn/","references":[' + b",".join([b'"%d"' % n for n in range(33)]) + b"]}",
    "a short secret": b'{"url":"https://a.cn/","secret":"short"}',
    "a huge secret": b'{"url":"https://a.cn/","secret":"' + b"x" * 300 + b'"}',
    "another way to fail": b'{"url":"https://a.cn/","on_failure":"panic"}',
}


@pytest.mark.route(CREATE, "bad input")
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_registration_that_is_none_is_refused(client, body):
    answer = client.post("/v1/webhooks", content=body, headers={"content-type": "application/json"})
    refused(answer, 400, "REQUEST_SHAPE")


@pytest.mark.parametrize("cursor", ["1", "-1.0.0", "999999999.0.0", "1.0.0.0", ""])
def test_a_registration_from_a_place_that_is_none_is_refused(client, cursor):
    refused(client.post("/v1/webhooks", json={"url": PUBLIC, "cursor": cursor}), 400, "CURSOR_INVALID")


def test_bodies_of_another_type_or_too_large_are_refused(client):
    for send in (client.post, client.patch):
        path = "/v1/webhooks" if send == client.post else f"/v1/webhooks/{NOBODY}"
        refused(send(path, content=b"url=x", headers={"content-type": "text/plain"}), 415, "CONTENT_TYPE")
        large = b'{"secret":"' + b"x" * 20_000 + b'"}'
        answer = send(path, content=large, headers={"content-type": "application/json"})
        refused(answer, 413, "REQUEST_TOO_LARGE")


# -- see -----------------------------------------------------------------------------------------------------------


@pytest.mark.route(LIST, "success")
@pytest.mark.route(ONE, "success")
def test_an_account_sees_its_own_and_an_operator_all(running, client, officers):
    paths = sorted(registered(client, "http://127.0.0.1:9/") for _ in range(2))
    with client_of(running, officers["operator"]) as operator, client_of(running, officers["supervisor"]) as other:
        foreign = registered(other, "http://127.0.0.1:9/")
        first = client.get("/v1/webhooks", params={"limit": 1}).json()
        second = client.get("/v1/webhooks", params={"limit": 1, "cursor": first["next"]}).json()
        assert ["/v1/webhooks/" + page["webhooks"][0]["id"] for page in (first, second)] == paths
        assert second["next"] is None
        assert client.get(paths[0]).json() == first["webhooks"][0]
        assert SECRET not in client.get(paths[0]).text + client.get("/v1/webhooks").text
        assert len(operator.get("/v1/webhooks").json()["webhooks"]) == 3
        assert operator.get(paths[1]).json()["id"] in paths[1]
        assert [one["id"] in foreign for one in other.get("/v1/webhooks").json()["webhooks"]] == [True]
        assert other.delete(foreign).status_code == 204


def path_of(route, webhook=NOBODY):
    return route.partition(" ")[2].replace("{webhook}", webhook).replace("{number}", "1")


def asked(client, route, webhook=NOBODY):
    body = {CREATE: {"url": PUBLIC}, CHANGE: {"state": "paused"}}.get(route)
    return client.request(route.partition(" ")[0], path_of(route, webhook), json=body)


@pytest.mark.route(LIST, "refusal")
@pytest.mark.parametrize("route", EVERY)
def test_without_a_session_nothing_is_told_or_done(running, client, route):
    webhook = registered(client, "http://127.0.0.1:9/").rpartition("/")[2]
    for token, code in (("", "SESSION_REQUIRED"), ("00" * 32, "SESSION_INVALID")):
        with running.client(token) as stranger:
            refused(asked(stranger, route, webhook), 401, code)
    assert client.get(f"/v1/webhooks/{webhook}").json()["state"] == "active"


@pytest.mark.route(ONE, "refusal")
@pytest.mark.route(CHANGE, "refusal")
@pytest.mark.route(REMOVE, "refusal")
@pytest.mark.route(PING, "refusal")
@pytest.mark.route(DELIVERIES, "refusal")
@pytest.mark.route(DEAD, "refusal")
@pytest.mark.route(RESEND_ALL, "refusal")
@pytest.mark.route(RESEND, "refusal")
@pytest.mark.route(DISCARD, "refusal")
@pytest.mark.parametrize("route", EVERY[2:])
def test_somebody_else_s_does_not_exist(running, client, officers, route):
    with receiving() as receiver:
        webhook = registered(client, receiver.url).rpartition("/")[2]
        with client_of(running, officers["supervisor"]) as other:
            answers = [asked(other, route, webhook), asked(other, route)]
            for answer in answers:
                refused(answer, 404, "NOT_FOUND")
        assert client.get(f"/v1/webhooks/{webhook}").json()["state"] == "active"
        assert receiver.got == []


@pytest.mark.route(ONE, "bad input")
@pytest.mark.route(REMOVE, "bad input")
@pytest.mark.route(PING, "bad input")
@pytest.mark.route(RESEND_ALL, "bad input")
@pytest.mark.parametrize("route", EVERY[2:])
@pytest.mark.parametrize("name", ["x", "00", "0" * 17, "0G" * 8, "0F" * 8, "%00", "..%2f..", "政务"])
def test_a_name_that_is_no_webhook_s_is_not_found(client, route, name):
    answer = asked(client, route, name)
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] in ("NOT_FOUND", "ROUTE_UNKNOWN")


@pytest.mark.route(LIST, "bad input")
@pytest.mark.route(DELIVERIES, "bad input")
@pytest.mark.route(DEAD, "bad input")
@pytest.mark.parametrize("route", [LIST, DELIVERIES, DEAD])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        *(("limit=0", "REQUEST_SHAPE"), ("limit=1001", "REQUEST_SHAPE"), ("limit=-1", "REQUEST_SHAPE")),
        *(("limit=x", "REQUEST_SHAPE"), ("limit=" + "9" * 400, "REQUEST_SHAPE"), ("limit=", "REQUEST_SHAPE")),
        *(("colour=red", "REQUEST_SHAPE"), ("limit=1&limit=2", "REQUEST_SHAPE")),
        *(("cursor=", "CURSOR_INVALID"), ("cursor=x", "CURSOR_INVALID"), ("cursor=-1", "CURSOR_INVALID")),
    ],
)
def test_pages_with_a_bad_query_are_refused(client, route, query, code):
    webhook = registered(client, "http://127.0.0.1:9/").rpartition("/")[2]
    refused(client.get(f"{path_of(route, webhook)}?{query}"), 400, code)


# -- change and remove ---------------------------------------------------------------------------------------------


@pytest.mark.route(CHANGE, "success")
def test_a_changed_webhook_sends_elsewhere_and_under_another_secret(running, client, actor):  # noqa: F811
    with receiving() as receiver, receiving() as new:
        path = registered(client, receiver.url)
        changed = client.patch(path, json={"url": new.url, "secret": "another secret, long enough", "types": []})
        assert (changed.status_code, changed.json()["url"]) == (200, new.url)
        running.put(actor, "changed")
        (got,) = new.wait(1)
        verify_webhook(got.headers, got.body, secret="another secret, long enough", now=now_ms())
        assert receiver.got == []
        assert client.patch(path, json={}).json()["url"] == new.url


def test_a_paused_webhook_sends_what_it_missed_when_it_goes_on(running, client, actor):  # noqa: F811
    with receiving() as receiver:
        path = registered(client, receiver.url)
        paused = client.patch(path, json={"state": "paused"}).json()
        assert (paused["state"], paused["reason"]) == ("paused", "owner")
        running.put(actor, "while paused")
        assert client.post(f"{path}/ping").json()["outcome"] == "delivered"  # a ping whatever its state
        assert [one.json["events"] for one in receiver.got] == [[]]
        active = client.patch(path, json={"state": "active"}).json()
        assert (active["state"], active["reason"]) == ("active", "")
        assert [event["reference"] for event in receiver.wait(2)[1].json["events"]] == ["while paused"]


def test_an_operator_pauses_and_removes_but_does_not_send_it_elsewhere(running, client, officers):
    path = registered(client, "http://127.0.0.1:9/")
    with client_of(running, officers["operator"]) as operator:
        paused = operator.patch(path, json={"state": "paused"}).json()
        assert (paused["state"], paused["reason"]) == ("paused", "operator")
        for change in ({"url": "http://127.0.0.1:10/"}, {"secret": SECRET}, {"types": []}, {"on_failure": "pause"}):
            refused(operator.patch(path, json=change), 403, "ROLE_MISSING")
        assert client.get(path).json()["url"] == "http://127.0.0.1:9/"
        assert operator.delete(path).status_code == 204
    refused(client.get(path), 404, "NOT_FOUND")


@pytest.mark.route(CHANGE, "bad input")
@pytest.mark.parametrize(
    "change",
    [
        *({"state": "gone"}, {"state": 1}, {"url": ""}, {"url": 5}, {"secret": "short"}, {"cursor": "0.0.0"}),
        *({"id": NOBODY}, {"types": ["*"]}, {"types": "evidence.*"}, {"references": [1]}, {"on_failure": ""}, []),
    ],
    ids=str,
)
def test_a_change_that_is_none_is_refused_and_changes_nothing(client, change):
    path = registered(client, "http://127.0.0.1:9/")
    before = client.get(path).json()
    refused(client.patch(path, json=change), 400, "REQUEST_SHAPE")
    refused(client.patch(path, json={"types": ["accounts.*"], "url": PRIVATE}), 422, "WEBHOOK_TARGET")
    assert client.get(path).json() == before


def test_what_an_operator_paused_only_an_operator_resumes(running, client, officers, actor):  # noqa: F811
    with receiving() as receiver, client_of(running, officers["operator"]) as operator:
        path = registered(client, receiver.url)
        assert client.patch(path, json={"state": "paused"}).json()["reason"] == "owner"
        assert operator.patch(path, json={"state": "paused"}).json()["reason"] == "operator"
        assert client.patch(path, json={"state": "paused"}).json()["reason"] == "operator"
        refused(client.patch(path, json={"state": "active", "url": "http://127.0.0.1:9/"}), 403, "ROLE_MISSING")
        # Its owner may still change the rest; nothing of a refused change is kept, and it stays paused.
        changed = client.patch(path, json={"on_failure": "pause"}).json()
        assert (changed["url"], changed["on_failure"], changed["state"]) == (receiver.url, "pause", "paused")
        running.put(actor, "while the operator says no")
        assert operator.patch(path, json={"state": "active"}).json()["state"] == "active"
        (got,) = receiver.wait(1)
        assert [event["reference"] for event in got.json["events"]] == ["while the operator says no"]
        assert client.patch(path, json={"state": "paused"}).json()["reason"] == "owner"
        assert client.patch(path, json={"state": "active"}).json()["state"] == "active"


@pytest.mark.route(REMOVE, "success")
def test_a_removed_webhook_is_sent_nothing_more(running, client, actor):  # noqa: F811
    with receiving() as receiver, receiving() as witness:
        path = registered(client, receiver.url)
        registered(client, witness.url)
        assert client.delete(path).status_code == 204
        running.put(actor, "removed")
        witness.wait(1)
        assert receiver.got == []
        refused(client.delete(path), 404, "NOT_FOUND")


# -- deliveries ----------------------------------------------------------------------------------------------------


@pytest.mark.route(PING, "success")
def test_a_ping_says_what_became_of_it(client):
    with receiving() as receiver:
        path = registered(client, receiver.url)
        answer = client.post(f"{path}/ping")
        told = answer.json()
        assert (answer.status_code, told["outcome"], told["status"]) == (200, "delivered", 204)
        (got,) = receiver.wait(1)
        message = verify_webhook(got.headers, got.body, secret=SECRET, now=now_ms())
        assert (message.events, message.delivery) == ((), path.rpartition("/")[2] + ".0")
        receiver.status = 503
        told = client.post(f"{path}/ping").json()
        assert (told["outcome"], told["status"]) == ("status", 503)
        assert client.get(f"{path}/deliveries").json()["deliveries"] == []


@pytest.mark.route(DELIVERIES, "success")
@pytest.mark.route(DEAD, "success")
def test_deliveries_and_dead_letters_are_listed_newest_first(running, client, actor):  # noqa: F811
    with receiving() as receiver:
        path = with_dead_letters(running, client, actor, receiver, 2)
        receiver.status = 204
        running.put(actor, "well")
        until(lambda: client.get(path).json()["deliveries"] == 3 and client.get(path).json()["outcome"] == "")
        first = client.get(f"{path}/deliveries", params={"limit": 2}).json()
        rest = client.get(f"{path}/deliveries", params={"cursor": first["next"]}).json()
    states = [(one["number"], one["state"]) for one in (*first["deliveries"], *rest["deliveries"])]
    assert states == [(3, "delivered"), (2, "dead"), (1, "dead")]
    assert rest["next"] is None
    dead = client.get(f"{path}/dead-letters").json()["deliveries"]
    assert [(one["number"], one["outcome"], one["status"]) for one in dead] == [(2, "status", 500), (1, "status", 500)]
    assert dead[0]["id"] == f"{path.rpartition('/')[2]}.2"
    assert client.get(path).json()["dead_letters"] == 2


@pytest.mark.route(RESEND, "success")
@pytest.mark.route(RESEND_ALL, "success")
@pytest.mark.route(DISCARD, "success")
def test_dead_letters_are_sent_once_more_or_dropped(running, client, actor):  # noqa: F811
    with receiving() as receiver:
        path = with_dead_letters(running, client, actor, receiver, 3)
        bodies = [got.body for got in receiver.got]
        assert client.delete(f"{path}/dead-letters/1").status_code == 204
        receiver.status = 204
        one = client.post(f"{path}/dead-letters/3/resend")
        assert (one.status_code, one.json()) == (202, {"count": 1})
        assert receiver.wait(4)[3].body == bodies[2]  # the very bytes, at the next attempt
        assert receiver.got[3].headers["GovChain-Attempt"] == "2"
        all_ = client.post(f"{path}/dead-letters/resend")
        assert (all_.status_code, all_.json()) == (202, {"count": 1})
        assert receiver.wait(5)[4].body == bodies[1]
        until(lambda: client.get(path).json()["dead_letters"] == 0)
        assert client.post(f"{path}/dead-letters/resend").json() == {"count": 0}
        assert len(receiver.got) == 5  # the one that was dropped never came


@pytest.mark.route(RESEND, "bad input")
@pytest.mark.route(DISCARD, "bad input")
@pytest.mark.parametrize("number", ["0", "01", "-1", "1.5", "x", "9" * 30, "%00", "1"])
def test_a_number_that_is_no_dead_letter_s_is_not_found(client, number):
    path = registered(client, "http://127.0.0.1:9/")
    for answer in (client.post(f"{path}/dead-letters/{number}/resend"), client.delete(f"{path}/dead-letters/{number}")):
        assert answer.status_code == 404, answer.text
        assert answer.json()["code"] in ("NOT_FOUND", "ROUTE_UNKNOWN")


# -- the whole -----------------------------------------------------------------------------------------------------


def test_every_answer_s_status_and_code_is_described(running):
    """What these tests saw is what the OpenAPI document says may come."""
    with running.client() as client:
        paths = client.get("/v1/openapi.json").json()["paths"]
    expected = {
        CREATE: ("201", "WEBHOOK_TARGET", "WEBHOOKS_TOO_MANY", "CURSOR_INVALID", "CONTENT_TYPE", "REQUEST_TOO_LARGE"),
        LIST: ("200", "CURSOR_INVALID"),
        ONE: ("200", "NOT_FOUND"),
        CHANGE: ("200", "NOT_FOUND", "ROLE_MISSING", "WEBHOOK_TARGET", "CONTENT_TYPE"),
        REMOVE: ("204", "NOT_FOUND"),
        PING: ("200", "NOT_FOUND"),
        DELIVERIES: ("200", "NOT_FOUND", "CURSOR_INVALID"),
        DEAD: ("200", "NOT_FOUND", "CURSOR_INVALID"),
        RESEND_ALL: ("202", "NOT_FOUND"),
        RESEND: ("202", "NOT_FOUND"),
        DISCARD: ("204", "NOT_FOUND"),
    }
    for route, (status, *codes) in expected.items():
        method, path = route.split(" ")
        operation = paths[path][method.lower()]
        assert status in operation["responses"], route
        assert {*codes, "SESSION_REQUIRED", "SESSION_INVALID", "REQUEST_SHAPE"} <= set(operation["x-govchain-codes"])


def test_without_webhooks_there_are_none(template, tmp_path, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with serving(path, webhooks=False) as running, client_of(running, actor) as client:
        for route in EVERY:
            refused(asked(client, route), 404, "SERVICE_OFF")


def test_a_session_after_freeze_is_told_nothing_and_nothing_is_sent(template, tmp_path):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    allowed = {"webhook_http": True, "webhook_networks": ("127.0.0.0/8",)}
    with serving(path, **allowed) as running, receiving() as receiver, receiving() as witness:
        department, operator = officer(path, "department"), officer(path, "operator")
        with client_of(running, department) as client, client_of(running, operator) as other:
            mine = registered(client, receiver.url)
            registered(other, witness.url)
            payload = {"account": department.address, "reason": "left"}
            freeze = operator.seal(operator.body("accounts.freeze", payload))
            (done,) = running.node.submitter.submit([freeze], wait=True, timeout_s=20)
            assert done.code == 0
            refused(client.get(mine), 401, "SESSION_INVALID")
            assert [event["type"] for event in witness.wait(1)[0].json["events"]] == ["accounts.frozen"]
            assert receiver.got == []
            assert other.get(mine).json()["state"] == "active"  # goes on when the account does
            text = running.services.sessions.challenge(department.address)
            login = {"challenge": text, "signature": sign(department, challenge_message(text)).hex()}
            refused(client.post("/v1/sessions", json=login), 422, "SIGNER_FROZEN")
