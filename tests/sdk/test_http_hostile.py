"""Whatever answers at the address: endless, slow, cut, compressed, redirecting, foreign; each ends soon, by name."""

import contextlib
import datetime
import gzip
import ipaddress
import json
import re
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.sdk.http import HttpTransport, Timeouts
from govchain.sdk.problems import error_from_problem
from govchain.sdk.transport import ChainStatus
from govchain.sdk.wire import to_json

STATUS = ChainStatus("demo", 1, "00" * 32, 1, 1, 0, "0.2.0")
QUICK = Timeouts(connect_ms=2_000, read_ms=400, answer_ms=800)


def head(status=200, media="application/json", length=None, **headers):
    lines = [f"HTTP/1.1 {status} x", f"Content-Type: {media}", "GovChain-Protocol: 1", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body, **options):
    return head(length=len(body), **options) + body


HONEST = whole(to_json(STATUS))


def problem(code, status, /, **params):
    return json.dumps({"code": code, "params": params, "detail": "x", "status": status}).encode()


class Server:
    """Answers the n-th connection with the n-th of `answers` (the last one again and again): bytes, or a function."""

    def __init__(self, *answers, context=None):
        self.answers = list(answers)
        self.requests = []
        self.ended = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self._thread.join(10)
        self._listener.close()

    def _run(self):
        while not self.ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection, contextlib.suppress(OSError):
                self._answer(connection)

    def _answer(self, connection):
        connection.settimeout(5)
        if self._context is not None:
            with self._context.wrap_socket(connection, server_side=True) as wrapped:
                self._answer_one(wrapped)
        else:
            self._answer_one(connection)

    def _answer_one(self, connection):
        request = b""
        while not whole_request(request):
            part = connection.recv(65_536)
            if not part:
                return
            request += part
        number = len(self.requests)
        self.requests.append(request)
        answer = self.answers[min(number, len(self.answers) - 1)]
        if callable(answer):
            answer(connection, self.ended)
        else:
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)


def whole_request(data):
    """Whether all of a request came: its head, and as many bytes after it as the head says."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def ask(server, call=lambda transport: transport.status(), scheme="http", **options):
    settings = {"timeouts": QUICK, "retries": 0, "sleep": lambda _seconds: None, **options}
    with HttpTransport(f"{scheme}://127.0.0.1:{server.port}", **settings) as transport:
        return call(transport)


def refusal(*answers, **options):
    with Server(*answers) as server, pytest.raises(GovChainError) as refused:
        ask(server, **options)
    return refused.value


@pytest.mark.requirement("BJ.function.protocol.03b")
def test_the_version_of_the_protocol_is_sent_and_checked():
    with Server(HONEST) as server:
        assert ask(server) == STATUS
    assert b"govchain-protocol: 1\r\n" in server.requests[0].lower()
    later = HONEST.replace(b"GovChain-Protocol: 1", b"GovChain-Protocol: 2")
    error = refusal(later)
    assert (error.code, error.params["version"]) == (Code.PROTOCOL_UNKNOWN, "2")
    assert refusal(HONEST.replace(b"GovChain-Protocol: 1\r\n", b"")).code is Code.ANSWER_UNUSABLE


def endless(connection, ended):
    connection.sendall(head())
    while not ended.is_set():
        connection.sendall(b"x" * 65_536)


def dripping(connection, ended):
    connection.sendall(head())
    while not ended.wait(0.05):
        connection.sendall(b" ")


def silent(_connection, ended):
    ended.wait(5)


def half(connection, ended):
    connection.sendall(head(length=1000) + b'{"chain":')


def endless_header(connection, ended):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ended.is_set():
        connection.sendall(b"X-Pad: " + b"x" * 8_192 + b"\r\n")


BOMB = gzip.compress(bytes(64 * 1024 * 1024), 9)
ANSWERS = {
    "endless": (endless, Code.ANSWER_UNUSABLE),
    "dripping": (dripping, Code.ANSWER_UNUSABLE),
    "silent": (silent, Code.NODE_UNREACHABLE),
    "cut": (half, Code.NODE_UNREACHABLE),
    "endless header": (endless_header, Code.NODE_UNREACHABLE),
    "nothing": (b"", Code.NODE_UNREACHABLE),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", Code.NODE_UNREACHABLE),
    "a compression bomb": (whole(BOMB, Content_Encoding="gzip"), Code.ANSWER_UNUSABLE),
    "broken compression": (whole(b"no gzip", Content_Encoding="gzip"), Code.NODE_UNREACHABLE),
    "a redirect": (whole(b"", status=302, Location="http://127.0.0.1:1/"), Code.ANSWER_UNUSABLE),
    "a page": (whole(b"<html>", media="text/html"), Code.ANSWER_UNUSABLE),
    "a page of a proxy": (whole(b"<html>", status=404, media="text/html"), Code.ANSWER_UNUSABLE),
    "no JSON": (whole(b"hello"), Code.ANSWER_UNUSABLE),
    "half of the JSON": (whole(to_json(STATUS)[:-9]), Code.ANSWER_UNUSABLE),
    "another object": (whole(b"{}"), Code.ANSWER_UNUSABLE),
    "a nest": (whole(b'{"a":' * 50_000), Code.ANSWER_UNUSABLE),
    "a problem that is none": (
        whole(b"[]", status=400, media="application/problem+json"),
        Code.ANSWER_UNUSABLE,
    ),
    "a code of nobody": (
        whole(problem("NO_SUCH_CODE", 422), status=422, media="application/problem+json"),
        Code.ANSWER_UNUSABLE,
    ),
    "a refusal that says OK": (
        whole(problem("OK", 422), status=422, media="application/problem+json"),
        Code.ANSWER_UNUSABLE,
    ),
}


@pytest.mark.parametrize(("answer", "code"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_that_is_none_is_unavailable(answer, code):
    error = refusal(answer, answer_bytes_max=4 * 1024 * 1024)
    assert error.code is code
    assert isinstance(error, UnavailableError) or error.code is Code.ANSWER_UNUSABLE


def test_a_redirect_is_not_followed():
    with Server(HONEST) as target:
        away = whole(b"", status=307, Location=f"http://127.0.0.1:{target.port}/v1/chain")
        assert refusal(away, token="secret").code is Code.ANSWER_UNUSABLE
    assert target.requests == []


def busy(status, code="POOL_FULL", **headers):
    body = problem(code, status)
    return whole(body, status=status, media="application/problem+json", **headers)


def test_reading_is_repeated_with_growing_pauses():
    slept = []
    with Server(busy(503), busy(502), half, HONEST) as server:
        assert ask(server, retries=3, sleep=slept.append) == STATUS
    assert len(server.requests) == 4
    assert len(slept) == 3
    assert 0.05 <= slept[0] <= 0.1
    assert 0.2 <= slept[2] <= 0.4


def test_the_node_s_hint_is_waited_for_within_reason():
    slept = []
    limited = busy(429, "RATE_LIMITED", Retry_After="2")
    with Server(limited, busy(429, "RATE_LIMITED", Retry_After="99999"), HONEST) as server:
        assert ask(server, retries=3, sleep=slept.append) == STATUS
    assert slept == [2, 5]
    error = refusal(limited)
    assert (error.code, error.retry_after_ms) == (Code.RATE_LIMITED, 2_000)


def test_after_the_last_attempt_the_node_s_own_words_are_raised():
    with Server(busy(503, "DISK_FULL")) as server, pytest.raises(UnavailableError) as refused:
        ask(server, retries=2)
    assert refused.value.code is Code.DISK_FULL
    assert len(server.requests) == 3


def test_the_same_envelopes_are_handed_in_again_and_a_login_is_not():
    settled = b'{"submissions":[{"id":"","code":"OK"}]}'
    with Server(half, whole(settled)) as server:
        (answer,) = ask(server, lambda transport: transport.submit([b"envelope"], wait=False), retries=1)
    assert answer.code is Code.OK
    assert server.requests[0] == server.requests[1]
    with Server(half) as server, pytest.raises(UnavailableError):
        ask(
            server,
            lambda transport: transport.login(None, account="00" * 20, chain="demo", now=lambda: 0),
            retries=3,
        )
    assert len(server.requests) == 1


def test_fewer_answers_than_envelopes_are_noticed():
    one = whole(b'{"submissions":[{"id":"","code":"OK"}]}')
    with Server(one) as server, pytest.raises(UnavailableError) as refused:
        ask(server, lambda transport: transport.submit([b"a", b"b"], wait=True))
    assert refused.value.code is Code.ANSWER_UNUSABLE


def test_nothing_of_the_environment_is_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Server(HONEST) as server:
        assert ask(server) == STATUS


ERRORS = {
    "NOT_FOUND": (404, RefusedError),
    "SIGNER_FROZEN": (422, RefusedError),
    "EVIDENCE_UNKNOWN": (404, RefusedError),
    "SESSION_REQUIRED": (401, RefusedError),
    "SESSION_INVALID": (401, RefusedError),
    "WEBHOOK_TARGET": (422, RefusedError),
    "WEBHOOKS_TOO_MANY": (409, RefusedError),
    "CURSOR_INVALID": (400, UsageError),
    "REQUEST_SHAPE": (400, UsageError),
    "ROUTE_UNKNOWN": (404, UsageError),
    "POOL_FULL": (503, UnavailableError),
    "SERVICE_OFF": (404, UnavailableError),
    "RATE_LIMITED": (429, UnavailableError),
    "INTERNAL": (500, UnavailableError),
    "TIMED_OUT": (504, UnavailableError),
}


@pytest.mark.parametrize("code", ERRORS)
def test_a_problem_becomes_the_error_that_it_was(code):
    status, kind = ERRORS[code]
    error = error_from_problem(status, problem(code, status, reason="why", count=3, code="x", step=2, self=1))
    assert type(error) is kind
    assert error.code.name == code
    assert error.params["reason"] == "why"
    assert "why" in error.text() or error.text()


def test_what_a_problem_names_is_bounded():
    nest = current = []
    for _ in range(500):
        current.append([])
        current = current[0]
    params = {"reason": "x" * 100_000, "many": [{"a": 1}] * 1_000, "nest": nest, **{f"n{n}": n for n in range(500)}}
    error = error_from_problem(422, problem("EVIDENCE_ITEM", 422, **params))
    assert len(error.params["reason"]) == 500
    assert len(error.params["many"]) == 100
    assert len(error.params) <= 100
    assert len(str(error.params["nest"])) < 100


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "node.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.requirement("BJ.compliance.collect.04a")
def test_only_a_certificate_that_is_trusted_is_spoken_to(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(HONEST, context=context) as server:
        assert ask(server, scheme="https", ca=certificate, token="secret") == STATUS
        assert len(server.requests) == 1
        with pytest.raises(UnavailableError) as refused:
            ask(server, scheme="https", token="secret")
        assert refused.value.code is Code.NODE_UNREACHABLE
        assert "certificate" in refused.value.params["reason"].lower()
        # Another name than the certificate's.
        other = HttpTransport(f"https://localhost:{server.port}", ca=certificate, retries=0)
        with other, pytest.raises(UnavailableError):
            other.status()
        assert len(server.requests) == 1
