"""What operators change at run time, over HTTP."""

import logging

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from govchain.node.logs import LogOptions, start_logs
from govchain.node.settings import SETTINGS
from tests.api.events_kit import WAIT_S, officer, serving, until
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain
from tests.node.up_kit import read_log

ROUTE = "/v1/operations/log-level"


@pytest.fixture(scope="module")
def log_file(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "node.log"


@pytest.fixture(scope="module")
def running(template, log_file, tmp_path_factory):  # noqa: F811
    path = copy_chain(template, tmp_path_factory.mktemp("operations") / "data")
    with start_logs(LogOptions(file=log_file)) as logs, serving(path, logs=logs) as node:
        yield node


@pytest.fixture(scope="module")
def operator(running):
    return running.login(officer(running.node.directory.path, "operator"))


@pytest.mark.requirement("BJ.maintainability.modifiability.02")
@pytest.mark.route("PUT /v1/operations/log-level", "success")
@pytest.mark.route("GET /v1/operations/log-level", "success")
def test_an_operator_changes_the_level(running, operator, log_file):
    with running.client(operator) as client:
        assert client.get(ROUTE).json() == {"level": "info"}
        answer = client.put(ROUTE, json={"level": "debug"})
        assert (answer.status_code, answer.json()) == (200, {"level": "debug"})
        assert logging.getLogger("govchain.anything").isEnabledFor(logging.DEBUG)
        assert client.get(ROUTE).json() == {"level": "debug"}
        assert client.put(ROUTE, json={"level": "info"}).json() == {"level": "info"}
    assert not logging.getLogger("govchain.anything").isEnabledFor(logging.DEBUG)


def test_the_levels_are_those_of_the_settings(running, operator):
    (row,) = (row for row in SETTINGS if row.name == "log_level")
    with running.client(operator) as client:
        for level in (*row.choices, row.default):
            assert client.put(ROUTE, json={"level": level}).json() == {"level": level}


@pytest.mark.route("PUT /v1/operations/log-level", "refusal")
@pytest.mark.route("GET /v1/operations/log-level", "refusal")
def test_nobody_else_does(running, actor):  # noqa: F811
    with running.client() as client:
        assert client.get(ROUTE).json()["code"] == "SESSION_REQUIRED"
        assert client.put(ROUTE, json={"level": "debug"}).json()["code"] == "SESSION_REQUIRED"
    for who in (actor, officer(running.node.directory.path, "auditor")):
        with running.client(running.login(who)) as client:
            for answer in (client.get(ROUTE), client.put(ROUTE, json={"level": "debug"})):
                assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_MISSING")
    assert not logging.getLogger("govchain.anything").isEnabledFor(logging.DEBUG)


@pytest.mark.route("PUT /v1/operations/log-level", "bad input")
@pytest.mark.route("GET /v1/operations/log-level", "bad input")
def test_what_is_no_level_is_refused(running, operator):
    with running.client(operator) as client:
        for body in (
            b"",
            b"{}",
            b'{"level":"loud"}',
            b'{"level":null}',
            b'{"level":["info"]}',
            b'{"level":"info","a":1}',
        ):
            answer = client.put(ROUTE, content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["code"]) == (400, "REQUEST_SHAPE"), body
        assert client.put(ROUTE, content=b"info").json()["code"] == "CONTENT_TYPE"
        assert client.get(ROUTE + "?level=info").json()["code"] == "REQUEST_SHAPE"
        assert client.get(ROUTE).json() == {"level": "info"}


def test_a_node_without_a_log_of_its_own_has_no_level(template, tmp_path):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with serving(path) as node, node.client(node.login(officer(path, "operator"))) as client:
        assert client.get(ROUTE).json()["code"] == "SERVICE_OFF"


@pytest.mark.requirement("BJ.maintainability.analysability.03")
def test_the_request_that_a_problem_names_is_in_the_log(running, actor, log_file):  # noqa: F811
    token = running.login(actor)
    with running.client(token) as client:
        problem = client.get("/v1/blocks/999999?limit=secret-value").json()
        missing = client.get(f"/v1/accounts/{'00' * 20}").json()
    first, second = (
        line_of(log_file, lambda line, answer=answer: line.get("request") == answer["instance"])
        for answer in (problem, missing)
    )
    assert (first["code"], first["status"], first["route"]) == ("REQUEST_SHAPE", 400, "/v1/blocks/{block}")
    assert (second["code"], second["route"]) == (missing["code"], "/v1/accounts/{address}")
    assert second["account"] == actor.address[:8]
    assert "secret-value" not in log_file.read_text()


def socket_to(running, headers):
    url = running.url.replace("http", "ws", 1) + "/v1/events/socket"
    return connect(url, additional_headers=headers, proxy=None, open_timeout=WAIT_S)


def line_of(log_file, holds):
    """The first line for which it holds; waits for it."""
    found = []
    until(lambda: found.extend(line for line in read_log(log_file) if holds(line)) or found)
    return found[0]


def test_sockets_and_streams_are_told_when_they_end_and_why(running, actor, log_file):  # noqa: F811
    with pytest.raises(InvalidStatus):
        socket_to(running, {"Authorization": f"Bearer {'00' * 32}"})
    line = line_of(log_file, lambda line: line.get("method") == "WEBSOCKET")
    assert (line["status"], line["code"], line["account"]) == (401, "SESSION_INVALID", "")
    token = running.login(actor)
    with socket_to(running, {"Authorization": f"Bearer {token}"}) as socket:
        socket.send('{"subscribe":{}}')
        socket.recv(timeout=WAIT_S)
    line = line_of(log_file, lambda line: line.get("method") == "WEBSOCKET" and line["status"] == 101)
    assert (line["route"], line["code"], line["account"]) == ("/v1/events/socket", "OK", actor.address[:8])
    with running.client(token) as client, client.stream("GET", "/v1/events/stream"):
        pass
    line = line_of(log_file, lambda line: line.get("route") == "/v1/events/stream")
    assert (line["status"], line["account"]) == (200, actor.address[:8])
    assert token not in log_file.read_text()
