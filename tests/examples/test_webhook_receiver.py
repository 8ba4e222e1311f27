"""The receiver under `examples/webhook_receiver`: as its README says, and with repeats, forgeries and rubbish."""

import contextlib
import http.client
import json
import sqlite3
import subprocess
import sys

import pytest

from govchain.sdk.transactions import now_ms
from govchain.sdk.webhooks import secret_signature
from tests.api.events_kit import until
from tests.cli.typed import commands, lacking, typed
from tools.tidy.tree import ROOT

FOLDER = ROOT / "examples" / "webhook_receiver"
SECRET = "a secret of enough bytes"


@pytest.mark.skipif(bool(lacking("jq", "sha256sum")), reason="needs a shell with jq")
@pytest.mark.requirement("BJ.function.dev.01a")
def test_the_readme_of_the_receiver_word_for_word(tmp_path):
    done = typed(tmp_path, commands(FOLDER / "README.md", "## Try it"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "delivered" in done.stdout


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    folder = tmp_path_factory.mktemp("receiver")
    (folder / "secret").write_text(SECRET + "\n")
    options = ["--secret-file", "secret", "--chain", "demo", "--listen", "127.0.0.1:0", "--listen-file", "url"]
    process = subprocess.Popen(
        [sys.executable, FOLDER / "webhook_receiver.py", *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: (folder / "url").is_file() and (folder / "url").read_text().endswith("\n"))
        yield folder
    finally:
        process.terminate()
        process.wait(20)


def event(cursor, reference):
    height, _, index = cursor.split(".")
    return {
        "chain": "demo",
        "cursor": cursor,
        "data": {},
        "height": int(height),
        "index": int(index),
        "organisation": "o",
        "reference": reference,
        "transaction": "00" * 32,
        "type": "evidence.anchored",
        "version": 1,
    }


def message(*events, chain="demo", number=1):
    body = {"chain": chain, "cursor": "9.0.0", "delivery": f"ab.{number}", "events": events, "webhook": "ab"}
    return json.dumps(body).encode()


def post(folder, body, *, secret=SECRET, number=1, **changes):
    now = now_ms()
    headers = {
        "GovChain-Webhook": "ab",
        "GovChain-Delivery": f"ab.{number}",
        "GovChain-Attempt": "1",
        "GovChain-Timestamp": str(now),
        "GovChain-Signature": secret_signature(secret.encode(), now, body),
        **changes,
    }
    address = (folder / "url").read_text().strip().removeprefix("http://").rstrip("/")
    with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status


def references(folder):
    with contextlib.closing(sqlite3.connect(folder / "cases.sqlite3")) as database:
        return [row[0] for row in database.execute("SELECT reference FROM cases ORDER BY rowid")]


def test_an_event_that_comes_again_is_handled_once(receiver):
    assert post(receiver, message(event("1.0.0", "one"), event("1.1.0", "two"))) == 204
    assert post(receiver, message(event("1.0.0", "one"), event("1.1.0", "two"))) == 204
    assert post(receiver, message(event("1.1.0", "two"), event("2.0.0", "three"), number=2), number=2) == 204
    assert references(receiver) == ["one", "two", "three"]
    assert post(receiver, message(number=0), number=0) == 204  # a ping
    assert references(receiver) == ["one", "two", "three"]


def test_what_is_not_the_node_s_changes_nothing(receiver):
    before = references(receiver)
    forged = message(event("7.0.0", "forged"))
    assert post(receiver, forged, secret="another secret, of enough bytes") == 401
    assert post(receiver, forged, **{"GovChain-Timestamp": "1"}) == 401
    assert post(receiver, forged, number=2) == 401  # the headers name another delivery
    assert post(receiver, b"{") == 401
    assert post(receiver, message(event("7.0.0", "elsewhere"), chain="other")) == 400
    assert post(receiver, b"", **{"Content-Length": "9999999999"}) == 400
    assert references(receiver) == before
