"""No secret and nothing personal reaches the log, whatever request or error it came with."""

import itertools
import os

import pytest

import govchain_native as native
from tests.api.events_kit import officer
from tests.node.kit import system_clock
from tests.node.up_kit import running

PASSPHRASE = "correct-horse-battery-staple"
IDENTITY = "11010519491231002X"
MOBILE = "13800138000"
FILE_NAME = "张三-病历-2024.pdf"
REFERENCE = "case-of-zhang-san-88"
PRIVATE_KEY = os.urandom(32).hex()
FORGED_TOKEN = os.urandom(32).hex()
PERSONAL = (PASSPHRASE, IDENTITY, MOBILE, FILE_NAME, REFERENCE, PRIVATE_KEY, FORGED_TOKEN)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")


def record(actor):
    """A signed record with a name and a reference in it."""
    subject = {
        "capture": {"method": "api", "time": system_clock().wall()},
        "commitments": [],
        "media_type": "text/plain",
        "name": FILE_NAME,
        "sha256": native.sha256(os.urandom(8)).hex(),
        "size": 3,
        "sm3": native.sm3(os.urandom(16)).hex(),
    }
    return actor.seal(actor.body("evidence.put", {"reference": REFERENCE, "subject": subject}))


def requests(client, actor, token):
    """Requests of every kind, each with something that must not be told."""
    routes = [
        "/v1/chain",
        "/v1/evidence",
        "/v1/transactions",
        "/v1/accounts",
        "/v1/state/{}",
        "/v1/blocks/{}",
        "/v1/evidence/{}",
        "/v1/webhooks",
        "/v1/webhooks/{}",
        "/v1/operations/log-level",
        "/v1/export/entity/{}",
        "/v1/events",
        "/rpc",
        "/v1/{}/nothing",
        "/v1/sessions",
        "/v1/sessions/challenges",
        "/v1/verify",
    ]
    secrets = itertools.cycle(PERSONAL)
    for number, (route, method) in enumerate(itertools.product(routes, METHODS)):
        first, second, third = next(secrets), next(secrets), next(secrets)
        yield client.request(
            method,
            route.format(first),
            params={"reference": second, "q": first} if number % 3 == 0 else {},
            headers={
                "X-Note": third.encode("utf-8"),
                "Cookie": f"a={MOBILE}",
                **({"Authorization": f"Bearer {token}"} if number % 2 else {}),
            },
            json={"account": first, "secret": PASSPHRASE, "level": third, "url": f"https://{MOBILE}.example/{second}"},
        )
    for headers in (
        {"Authorization": f"Bearer {FORGED_TOKEN}"},
        {"Authorization": f"Basic {PASSPHRASE}"},
        {"GovChain-Protocol": IDENTITY},
        {"Accept-Language": MOBILE},
        {"Content-Type": PRIVATE_KEY},
    ):
        yield client.request("POST", "/v1/transactions", headers=headers, content=PRIVATE_KEY.encode())
    put = {"content-type": "application/vnd.govchain.envelope"}
    yield client.post("/v1/transactions?wait=committed", headers=put, content=record(actor))
    yield client.post("/v1/transactions", headers=put, content=record(actor)[:-7])
    yield client.post("/v1/transactions", headers=put, content=b"\xff" + IDENTITY.encode())
    yield client.get("/v1/evidence", params={"reference": REFERENCE}, headers={"Authorization": f"Bearer {token}"})
    call = {"jsonrpc": "2.0", "id": IDENTITY, "method": f"chain.{MOBILE}", "params": {"passphrase": PASSPHRASE}}
    yield client.post("/rpc", json=call, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.requirement("GD.technical.maintainability.01")
def test_no_request_and_no_error_brings_a_secret_into_the_log(chain, actor):
    operator = officer(chain, "operator")
    with running(chain, "--log-level", "debug", "--verify", "true") as node:
        token, operators = node.login(actor), node.login(operator)
        count = 0
        with node.client() as client:
            for answer in requests(client, actor, token):
                assert answer.status_code < 500, answer.text
                count += 1
            last = client.put(
                "/v1/operations/log-level", json={"level": "info"}, headers={"Authorization": f"Bearer {operators}"}
            )
        assert last.json() == {"level": "info"}
        node.wait_for(lambda line: line.get("request") == last.headers["x-request-id"] and line["event"] == "request")
        assert node.stop() == 0
    passphrase = (chain / "keys" / "passphrase").read_text().strip()
    text = node.log_file.read_text(encoding="utf-8")
    lines = node.lines()
    # it bit: each request is there, with its code, and several kinds of refusal among them
    assert sum(line["event"] == "request" for line in lines) > count
    assert len({line["code"] for line in lines if "code" in line}) > 8
    assert {line["method"] for line in lines if line["event"] == "request"} >= {"GET", "OTHER"}
    for secret in (*PERSONAL, token, operators, passphrase, actor.secret.hex(), actor.address, "张三", "zhang"):
        assert secret not in text, f"{secret!r} is in the log"
    changed = next(line for line in lines if line["event"] == "log level changed")
    assert (changed["level_before"], changed["level_after"]) == ("debug", "info")
    assert changed["account"] == operator.address[:8]


def test_broken_connections_bring_none_either(chain):
    import socket

    with running(chain, "--log-level", "debug", "--header-ms-max", "300") as node:
        host, port = node.url.removeprefix("http://").split(":")
        for bytes_ in (
            f"{PASSPHRASE} {IDENTITY}\r\n\r\n".encode(),
            f"GET /v1/{MOBILE} HTTP/1.1\r\nX-Key: {PRIVATE_KEY}".encode(),
            f"GET /{PRIVATE_KEY * 300} HTTP/1.1\r\n\r\n".encode(),
            f"{MOBILE} /v1/chain HTTP/1.1\r\n\r\n".encode(),
            f"POST /v1/sessions HTTP/1.1\r\nContent-Length: 999\r\n\r\n{PASSPHRASE}".encode(),
        ):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(bytes_)
                if not bytes_.startswith(b"POST"):
                    assert b"HTTP/1.1 4" in connection.recv(4096)
        node.wait_for(lambda line: line["event"].startswith("connection refused"))
        assert node.stop() == 0
    text = node.log_file.read_text(encoding="utf-8")
    for secret in PERSONAL:
        assert secret not in text
