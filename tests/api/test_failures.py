"""What nobody foresaw, before and within an answer: told once in the log with the request's id, never to clients."""

import contextlib
import logging
import socket
import threading
from types import SimpleNamespace

import httpx
import pytest

from govchain.api.middleware.failures import Failures
from govchain.api.middleware.gate import Gate
from govchain.api.settings import ApiSettings
from govchain.model import Code, UnavailableError
from govchain.node.listening import make_server
from govchain.node.settings import Settings
from tests.api.events_kit import WAIT_S, until

SECRET = "a private name"


class Told:
    """An observer that keeps what it was told."""

    def __init__(self):
        self.answered_all = []

    def began(self): ...

    def answered(self, answered):
        self.answered_all.append(answered)


async def failing(scope, receive, send):
    """Fails as its path says: before the answer, or within it."""
    if scope["path"] != "/early":
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
    if scope["path"] == "/store":
        raise UnavailableError(Code.STORE_CORRUPT)
    raise ValueError(SECRET)


@contextlib.contextmanager
def serving(observer):
    app = Gate(Failures(failing), services=SimpleNamespace(observe=observer), settings=ApiSettings())
    server = make_server(app, Settings())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(WAIT_S)


@pytest.fixture
def asked(caplog):
    """Ask for a path: the answer or what ended it, what the observer was told, every line of the log."""

    def ask(path):
        told = Told()
        with caplog.at_level(logging.INFO), serving(told) as url, httpx.Client(trust_env=False) as client:
            try:
                answer = client.get(url + path)
            except httpx.TransportError as error:
                answer = error
            until(lambda: told.answered_all)
        faults = [record for record in caplog.records if record.levelno >= logging.WARNING]
        return answer, told.answered_all, faults

    return ask


def test_a_failure_before_the_answer_is_a_problem_document(asked):
    answer, (told,), (line,) = asked("/early")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert SECRET not in answer.text
    assert line.request == told.request == answer.json()["instance"]
    assert line.exc_info[0] is ValueError
    assert (told.status, told.code) == (500, "INTERNAL")


def test_a_failure_within_the_answer_breaks_it_off_and_is_told_once(asked):
    answer, (told,), (line,) = asked("/late")
    assert isinstance(answer, httpx.TransportError)
    assert line.name == "govchain.api"
    assert line.request == told.request
    assert line.exc_info[0] is ValueError
    assert (told.status, told.code) == (200, "INTERNAL")


def test_an_error_of_ours_within_the_answer_is_told_by_its_code(asked):
    answer, (told,), faults = asked("/store")
    assert isinstance(answer, httpx.TransportError)
    assert (told.status, told.code) == (200, "STORE_CORRUPT")
    assert faults == []
