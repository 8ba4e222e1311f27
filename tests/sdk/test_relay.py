"""Logins through somebody in between: a relay gets no session of its own, whatever it changes; a known proxy does."""

import contextlib
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from govchain.model import Code, RefusedError, UsageError
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.trust import TrustAnchors
from govchain.sdk import Client, HttpTransport
from govchain.sdk.sessions import AUDIENCE_CHARACTERS_MAX, audience_of, decode_challenge
from tests.api.events_kit import serving, sign
from tests.node.fixtures import actor, template  # noqa: F401 - fixtures
from tests.node.kit import copy_chain

#: Headers that each side of a relay writes itself.
OWN_HEADERS = ("host", "content-length", "transfer-encoding", "connection")


class Key:
    """An account's key that notes what it signs."""

    algorithm = "sm2-sm3"

    def __init__(self, owner):
        self._owner = owner
        self.public_key = owner.key
        self.signed = []

    def sign(self, message):
        self.signed.append(message)
        return sign(self._owner, message)


@contextlib.contextmanager
def relay(node_url, change=lambda path, body: body):
    """An HTTP server that hands requests on to ``node_url()``, changed, and answers back; its URL, and what it saw."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def _hand_on(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = change(self.path, body)
            onward = http.client.HTTPConnection(node_url().removeprefix("http://"), timeout=20)
            kept = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
            onward.request(self.command, self.path, body, kept)
            answer = onward.getresponse()
            data = answer.read()
            seen.append((self.path, answer.status, data))
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OWN_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            onward.close()

        do_GET = do_POST = do_DELETE = _hand_on

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


@pytest.fixture(scope="module")
def trust(template):  # noqa: F811
    return TrustAnchors((fingerprint(decode_genesis((template / "genesis.json").read_bytes())).hex(),))


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):  # noqa: F811
    with serving(copy_chain(template, tmp_path_factory.mktemp("relay") / "data")) as running:
        yield running


def login(url, trust, key):
    with HttpTransport(url, retries=0) as transport:
        client = Client(transport, trust=trust, signer=key)
        client.login()
        return client.accounts()


def refused_login(url, trust, key):
    with pytest.raises(RefusedError) as refused:
        login(url, trust, key)
    assert refused.value.code is Code.CHALLENGE_INVALID
    return refused.value.params["reason"]


def test_a_login_straight_to_the_node(running, trust, actor):  # noqa: F811
    for url in (running.url, running.url.replace("127.0.0.1", "localhost")):
        key = Key(actor)
        assert login(url, trust, key)
        assert len(key.signed) == 1


def test_a_relay_that_hands_everything_on_gets_no_challenge_that_could_be_signed(running, trust, actor):  # noqa: F811
    key = Key(actor)
    with relay(lambda: running.url) as (url, seen):
        reason = refused_login(url, trust, key)
    assert url in reason  # the node's own words: it is not called there
    assert key.signed == []
    assert seen[-1][:2] == ("/v1/sessions/challenges", 401)
    assert all(path != "/v1/sessions" for path, *_ in seen)


@pytest.mark.parametrize("named", ["the node", "nobody"])
def test_a_relay_that_asks_in_its_own_words_is_not_signed_for(running, trust, actor, named):  # noqa: F811
    """It gets the node's challenge, for the node's address or for none; the client does not sign it."""

    def change(path, body):
        if path != "/v1/sessions/challenges":
            return body
        wanted = json.loads(body)
        return json.dumps({**wanted, "audience": running.url if named == "the node" else ""}).encode()

    key = Key(actor)
    with relay(lambda: running.url, change) as (url, seen):
        assert "another address" in refused_login(url, trust, key)
    assert (seen[-1][0], seen[-1][1]) == ("/v1/sessions/challenges", 201)  # the attack got so far
    offered = decode_challenge(json.loads(seen[-1][2])["challenge"])
    assert offered.audience == (running.url if named == "the node" else "")
    assert key.signed == []


def test_a_proxy_that_the_operator_names_is_logged_in_through(template, tmp_path, trust, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    node = []
    with relay(lambda: node[0].url) as (url, _), serving(path, public_urls=(url,)) as running:
        node.append(running)
        key = Key(actor)
        assert login(url, trust, key)
        assert len(key.signed) == 1


def test_names_of_the_setting_are_the_node_s_own_and_no_others(template, tmp_path, actor):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(serving(path, public_urls=("HTTPS://Ledger.example.gov.cn:443/chain/",)))
        client = stack.enter_context(running.client())
        for audience, status in (
            ("https://ledger.example.gov.cn/chain", 201),
            ("https://ledger.example.gov.cn", 401),
            ("http://ledger.example.gov.cn/chain", 401),
            ("https://evil.example/chain", 401),
        ):
            asked = {"account": actor.address, "audience": audience}
            answer = client.post("/v1/sessions/challenges", json=asked)
            assert answer.status_code == status, answer.text
            if status == 201:
                assert decode_challenge(answer.json()["challenge"]).audience == audience
            else:
                assert answer.json()["code"] == "CHALLENGE_INVALID"
                assert audience in answer.json()["detail"]


def test_a_setting_that_is_no_address_stops_the_node(template, tmp_path):  # noqa: F811
    path = copy_chain(template, tmp_path / "data")
    with pytest.raises(UsageError), serving(path, public_urls=("ledger.example.gov.cn",)):
        pass


def test_a_header_does_not_make_an_address_the_node_s_own(running, actor):  # noqa: F811
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    with running.client() as client:
        asked = {"account": actor.address, "audience": "http://evil.example"}
        answer = client.post("/v1/sessions/challenges", json=asked, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "CHALLENGE_INVALID")


@pytest.mark.parametrize("audience", ["x" * (AUDIENCE_CHARACTERS_MAX + 1), 1, ["a"]])
def test_an_audience_that_is_none_is_bad_input(running, actor, audience):  # noqa: F811
    with running.client() as client:
        answer = client.post("/v1/sessions/challenges", json={"account": actor.address, "audience": audience})
        assert (answer.status_code, answer.json()["code"]) == (400, "REQUEST_SHAPE")


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("http://127.0.0.1:8547", "http://127.0.0.1:8547"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("https://A.cn:443/x/", "https://a.cn/x"),
        ("https://a.cn:8443", "https://a.cn:8443"),
        ("http://[::1]:8547", "http://[::1]:8547"),
        ("HTTP://a.cn:443", "http://a.cn:443"),
    ],
)
def test_the_one_form_of_an_address(url, audience):
    assert audience_of(url) == audience == audience_of(audience)
    with HttpTransport(url) as transport:
        assert audience_of(transport.url) == audience


@pytest.mark.parametrize(
    "url",
    ["", "a.cn", "ftp://a.cn", "https://", "https://u@a.cn", "https://a.cn?x", "https://a.cn/#f", "https://a.cn:x"],
)
def test_what_is_no_address(url):
    with pytest.raises(UsageError):
        audience_of(url)
