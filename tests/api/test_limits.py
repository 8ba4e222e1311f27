"""Limits, rights and times over HTTP: rates, waits, origins, sessions, cursors; a database that goes away meanwhile."""

import dataclasses
import json
import secrets
import threading
import time

import httpx
import pytest

from govchain.api import ApiSettings, create_app
from govchain.consensus.ports import BlockOptions
from govchain.modules.accounts.views import StateDirectory
from govchain.node.embedded import system_clock
from govchain.node.logs import LogOptions, start_logs
from govchain.sdk.sessions import challenge_message
from govchain.services.sessions import Sessions
from tests.api.events_kit import officer, serving, sign, until
from tests.api.raw_kit import connect, read_all, replies
from tests.api.route_cases import ENVELOPE, JSON
from tests.index.databases import postgres  # noqa: F401 - fixture
from tests.node.kit import SMALL, copy_chain


@pytest.fixture
def chain(template, tmp_path):
    return copy_chain(template, tmp_path / "data")


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@pytest.mark.requirement("GD.general.security.07")
def test_an_address_has_so_many_requests_a_second(chain):
    """Two seconds' worth at once, then 429 with the seconds to wait; after these it goes on."""
    with serving(chain, rate_address=10, rate_session=0) as running, running.client() as client:
        answers = [client.get("/v1/health/live") for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert 15 <= len(refused) <= 20
        assert {problem(answer) for answer in refused} == {(429, "RATE_LIMITED")}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        began_s = time.monotonic()
        until(lambda: client.get("/v1/health/live").status_code == 200)
        assert time.monotonic() - began_s < 2


@pytest.mark.requirement("GD.general.security.07")
def test_a_session_has_so_many_and_does_not_take_another_s(chain, actor):
    with serving(chain, rate_address=0, rate_session=5) as running:
        one, other = running.login(actor), running.login(actor)
        with running.client(one) as client, running.client(other) as second, running.client() as anyone:
            answers = [client.get("/v1/sessions/current").status_code for _ in range(20)]
            assert answers.count(429) >= 8
            assert second.get("/v1/sessions/current").status_code == 200
            assert anyone.get("/v1/chain").status_code == 200


def test_a_session_s_rate_counts_however_its_header_is_written(chain, actor):
    with serving(chain, rate_address=0, rate_session=5) as running, running.client() as client:
        token = running.login(actor)
        written = [scheme + " " * blanks + token for scheme in ("Bearer", "bearer", "BEARER") for blanks in range(1, 8)]
        answers = [client.get("/v1/sessions/current", headers={"Authorization": row}) for row in written]
        assert sum(answer.status_code == 429 for answer in answers) >= 8


def test_a_small_body_s_limit_holds_while_it_comes(world):
    """What is too large is refused before it is there."""
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    with connect(world.running.url) as connection:
        connection.sendall(head + b"x" * 50_000)
        assert [(one.status, one.code) for one in replies(read_all(connection))] == [(413, "REQUEST_TOO_LARGE")]


def test_a_path_with_a_line_s_end_is_no_route(world):
    with world.running.client() as client:
        for path in ("/v1/chain%0A", "/v1/events/stream%0A", "/v1/transactions%0A"):
            assert problem(client.get(path)) == (404, "ROUTE_UNKNOWN")


def test_waits_for_a_commit_have_limits(world):
    actor = world.actor
    with world.running.client() as client:

        def submit(query):
            return client.post(f"/v1/transactions{query}", content=actor.put(), headers=ENVELOPE)

        for query in (
            "?wait=",
            "?wait=COMMITTED",
            "?wait=committed&wait=committed",
            "?wait=committed&timeout_ms=-1",
            "?wait=committed&timeout_ms=1.5",
            "?wait=committed&timeout_ms=60001",
            "?wait=committed&timeout_ms=99999999999999999999",
            "?wait=committed&timeout_ms=%D9%A3",
            "?wait=committed&timeout_ms=",
            "?timeout_ms=1&timeout_ms=1",
            "?until=committed",
        ):
            assert problem(submit(query)) == (400, "REQUEST_SHAPE"), query
        assert submit("").status_code == 202
        assert submit("?wait=received").status_code == 202
        done = submit("?wait=committed&timeout_ms=60000")
        assert (done.status_code, done.json()["submissions"][0]["code"]) == (200, "OK")
        assert done.json()["submissions"][0]["receipt"]
        # Time that is over at once is no refusal: the transaction is in hand, and its receipt can be asked for.
        hasty = submit("?wait=committed&timeout_ms=0")
        assert hasty.status_code in (200, 202)
        id_ = hasty.json()["submissions"][0]["id"]
        until(lambda: client.get(f"/v1/transactions/{id_}/receipt").status_code == 200)


def test_a_wait_is_not_cut_by_the_time_of_an_ordinary_answer(chain, actor):
    """A block waits for four times as long as an ordinary answer may take; who waits for it still hears."""
    slow = dataclasses.replace(SMALL, blocks=BlockOptions(linger_ms=400))
    with (
        serving(chain, options=slow, answer_ms_max=100, wait_ms_max=10_000) as running,
        running.client() as client,
    ):
        began_s = time.monotonic()
        answer = client.post("/v1/transactions?wait=committed", content=actor.put(), headers=ENVELOPE)
        assert time.monotonic() - began_s >= 0.4
        assert (answer.status_code, answer.json()["submissions"][0]["code"]) == (200, "OK")


PREFLIGHT = {"origin": "https://evil.example", "access-control-request-method": "GET"}


@pytest.mark.requirement("BJ.baas.secure_environment.06")
def test_browsers_of_other_origins_are_not_let_in_by_default(world):
    with world.running.client() as client:
        answer = client.get("/v1/chain", headers={"origin": "https://evil.example"})
        assert [name for name in answer.headers if name.startswith("access-control-")] == []
        preflight = client.options("/v1/chain", headers=PREFLIGHT)
        assert problem(preflight) == (405, "METHOD_NOT_ALLOWED")
        assert [name for name in preflight.headers if name.startswith("access-control-")] == []
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_origins_that_the_operator_names(chain):
    with serving(chain, cors_origins=["https://console.example"]) as running, running.client() as client:
        answer = client.get("/v1/chain", headers={"origin": "https://console.example"})
        assert answer.headers["access-control-allow-origin"] == "https://console.example"
        assert "access-control-allow-credentials" not in answer.headers
        other = client.get("/v1/chain", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        refused = client.options("/v1/chain", headers=PREFLIGHT)
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers


def test_each_answer_has_an_id_of_its_own_that_is_in_the_log(chain, tmp_path):
    path = tmp_path / "node.log"
    with start_logs(LogOptions("json", "info", path)) as logs, serving(chain, logs=logs) as running:
        with running.client() as client:
            given = {"x-request-id": "forged"}
            answers = [client.get(route, headers=given) for route in ("/v1/chain", "/v1/nothing", "/v1/blocks/0")]
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert len(set(ids)) == 3
        assert "forged" not in ids
        assert answers[1].json()["instance"] == ids[1]
        until(lambda: all(id_ in path.read_text("utf-8") for id_ in ids))


def challenge(client, actor):
    return client.post("/v1/sessions/challenges", json={"account": actor.address}).json()["challenge"]


def log_in(client, actor, text):
    body = {"challenge": text, "signature": sign(actor, challenge_message(text)).hex()}
    return client.post("/v1/sessions", json=body)


def test_a_challenge_is_good_once(world):
    with world.running.client() as client:
        text = challenge(client, world.actor)
        assert log_in(client, world.actor, text).status_code == 201
        assert problem(log_in(client, world.actor, text)) == (401, "CHALLENGE_INVALID")


def test_many_at_once_replay_one_challenge_and_one_is_let_in(world):
    with world.running.client() as client:
        text = challenge(client, world.actor)
    statuses, start = [], threading.Barrier(8)

    def replay():
        with world.running.client() as own:
            start.wait()
            statuses.append(log_in(own, world.actor, text).status_code)

    threads = [threading.Thread(target=replay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(statuses) == [201] + [401] * 7


def test_what_was_changed_in_a_challenge_is_noticed(world):
    with world.running.client() as client:
        text = challenge(client, world.actor)
        fields = json.loads(text)
        for name, value in (
            ("expires", fields["expires"] + 1),
            ("chain", "another-chain"),
            ("node", "another"),
            ("account", "00" * 20),
            ("nonce", "00" * 48),
            ("nonce", fields["nonce"][:32]),
            ("nonce", fields["nonce"][:33]),
            ("nonce", fields["nonce"][:-1]),
        ):
            changed = json.dumps({**fields, name: value}, separators=(",", ":"), sort_keys=True)
            assert problem(log_in(client, world.actor, changed)) == (401, "CHALLENGE_INVALID"), name
        for form in (text + " ", text[:-1], json.dumps(fields), "", "{}", "x"):
            assert log_in(client, world.actor, form).status_code in (400, 401)
        assert log_in(client, world.actor, text).status_code == 201


def test_challenges_and_sessions_end_at_their_time(world):
    """The same services with a clock of our own: a minute for a challenge, eight hours for a session."""
    times = [system_clock().wall()]
    application, genesis = world.running.node.application, world.running.node.genesis
    directory = StateDirectory(application.committed)
    own = Sessions(genesis.chain, genesis.members[0].name, directory, lambda: times[0], secrets.token_bytes)
    app = create_app(dataclasses.replace(world.running.services, sessions=own), ApiSettings())

    async def asked(method, path, **more):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
            return await client.request(method, path, **more)

    def ask(method, path, **more):
        import asyncio

        return asyncio.run(asked(method, path, **more))

    def offered():
        answer = ask("POST", "/v1/sessions/challenges", json={"account": world.actor.address})
        text = answer.json()["challenge"]
        return {"challenge": text, "signature": sign(world.actor, challenge_message(text)).hex()}

    late, soon = offered(), offered()
    times[0] += 59_999
    token = ask("POST", "/v1/sessions", json=soon).json()["token"]
    times[0] += 1
    assert problem(ask("POST", "/v1/sessions", json=late)) == (401, "CHALLENGE_INVALID")
    headers = {"authorization": f"Bearer {token}"}
    times[0] += 8 * 3_600_000 - 2
    assert ask("GET", "/v1/sessions/current", headers=headers).status_code == 200
    times[0] += 1
    assert problem(ask("GET", "/v1/sessions/current", headers=headers)) == (401, "SESSION_INVALID")


def test_a_session_ends_when_its_account_is_frozen(chain, actor):
    """On the very next request, on every route; no new one is given; what the account signs is refused."""
    with serving(chain) as running:
        keys = {name: officer(chain, name) for name in ("department", "operator")}
        token = running.login(keys["department"])
        with running.client(token) as client:
            assert client.get("/v1/transactions").status_code == 200
            payload = {"account": keys["department"].address, "reason": "left"}
            freeze = keys["operator"].seal(keys["operator"].body("accounts.freeze", payload))
            done = client.post("/v1/transactions?wait=committed", content=freeze, headers=ENVELOPE)
            assert done.json()["submissions"][0]["code"] == "OK"
            for path in ("/v1/transactions", "/v1/sessions/current", "/v1/events", "/v1/webhooks", "/v1/chain"):
                expected = 200 if path == "/v1/chain" else 401
                assert client.get(path).status_code == expected, path
            assert problem(client.get("/v1/evidence")) == (401, "SESSION_INVALID")
            text = challenge(client, keys["department"])
            assert problem(log_in(client, keys["department"], text)) == (422, "SIGNER_FROZEN")
            signed = client.post("/v1/transactions", content=keys["department"].put(), headers=ENVELOPE)
            assert problem(signed) == (422, "SIGNER_FROZEN")


def test_cursors_of_one_question_are_none_of_another(world):
    with world.running.client(world.running.login(world.actor)) as client:
        first = client.get("/v1/transactions", params={"limit": 1}).json()["next"]
        assert first
        for path, params in (
            ("/v1/transactions", {"account": world.actor.address}),
            ("/v1/transactions", {"reference": "case-1"}),
            ("/v1/evidence", {}),
            ("/v1/blocks", {}),
            ("/v1/accounts", {}),
            ("/v1/events", {}),
            ("/v1/webhooks", {}),
            (f"/v1/state/{world.facts['key']}/history", {}),
        ):
            answer = client.get(path, params={**params, "cursor": first})
            assert problem(answer) == (400, "CURSOR_INVALID"), (path, params)
        assert client.get("/v1/transactions", params={"limit": 5, "cursor": first}).status_code == 200


def test_no_half_of_a_request_is_taken(world):
    """An array with one that is no envelope: each is answered for itself; a body that is cut is not taken at all."""
    import msgspec

    height = world.running.node.transport.status().height
    envelopes = [world.actor.put() for _ in range(3)]
    media = {"content-type": "application/vnd.govchain.envelopes"}
    whole = msgspec.msgpack.encode(envelopes)
    with world.running.client() as client:
        cut = client.post("/v1/transactions?wait=committed", content=whole[:-1], headers=media)
        assert problem(cut) == (400, "REQUEST_SHAPE")
        text = json.dumps({"envelopes": [envelopes[0].hex(), "AA"]})
        half = client.post("/v1/transactions?wait=committed", content=text, headers=JSON)
        assert problem(half) == (400, "REQUEST_SHAPE")
        many = msgspec.msgpack.encode(envelopes * 400)
        assert problem(client.post("/v1/transactions", content=many, headers=media)) == (400, "REQUEST_SHAPE")
        assert world.running.node.transport.status().height == height
        done = client.post("/v1/transactions?wait=committed", content=whole, headers=media).json()
        assert [entry["code"] for entry in done["submissions"]] == ["OK"] * 3


@pytest.mark.requirement("BJ.portability.adaptability.03")
def test_postgresql_goes_away_and_comes_back(chain, actor, postgres):  # noqa: F811
    """Searches say so by name; everything else goes on, writes too; afterwards nothing is missing."""
    with serving(chain, index_url=postgres.create()) as running:
        running.put(actor, "before")
        with running.client(running.login(actor)) as client:

            def found():
                answer = client.get("/v1/evidence", params={"limit": 100})
                return len(answer.json()["evidence"]) if answer.status_code == 200 else problem(answer)

            until(lambda: found() == 1)
            postgres.go_away()
            try:
                running.put(actor, "meanwhile-1")
                until(lambda: found() == (503, "INDEX_UNAVAILABLE"))
                assert problem(client.get("/v1/statistics")) == (503, "INDEX_UNAVAILABLE")
                answer = client.post("/v1/transactions?wait=committed", content=actor.put(), headers=ENVELOPE)
                assert answer.json()["submissions"][0]["code"] == "OK"
                id_ = answer.json()["submissions"][0]["id"]
                assert client.get(f"/v1/transactions/{id_}/proof").status_code == 200
                assert client.get("/v1/health/ready").status_code == 200
                assert client.get(f"/v1/evidence/{id_}").status_code == 200
            finally:
                postgres.come_back()
            until(lambda: found() == 3)
            answer = client.get("/v1/evidence", params={"limit": 1}).json()
            assert answer["indexed_height"] == answer["height"] == running.node.transport.status().height
