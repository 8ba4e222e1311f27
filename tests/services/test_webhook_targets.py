"""Where webhooks may go: forms of addresses, private ones however they are written, answers of every kind."""

import asyncio
import ipaddress
import socket
import time

import pytest

from govchain.model import Code, GovChainError, UsageError
from govchain.services.webhook_targets import AttemptFailed, TargetPolicy, post
from tests.services.webhook_kit import answering, receiving

OPEN = TargetPolicy(["127.0.0.0/8", "::1/128"], http=True)
PRIVATE = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0", "0.0.0.0"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.1"),
    *("198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.5"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]"),
    *("[2002:a00:1::1]", "[::127.0.0.1]", "[2001:db8::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]"),
    *("127.0.0.1.", "[::ffff:169.254.169.254]", "[fec0::1]", "[3fff::1]"),
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "223.5.5.5", "[2400:3200::1]", "[2606:4700:4700::1111]", "[64:ff9b::101:101]"]


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused(host):
    with pytest.raises(GovChainError) as refused:
        TargetPolicy().check_url(f"https://{host}/hook")
    assert refused.value.code is Code.WEBHOOK_TARGET


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_taken(host):
    assert TargetPolicy().check_url(f"https://{host}/hook").port == 443


def test_this_host_can_be_allowed_by_either_name_of_it_alone():
    policy = TargetPolicy(["::1/128"])
    policy.check_url("https://[::1]/hook")
    for host in ("127.0.0.1", "[::127.0.0.1]", "[::2]", "[::]", "0.0.0.1"):
        with pytest.raises(GovChainError):
            policy.check_url(f"https://{host}/hook")


def test_an_allowed_network_is_taken_and_no_other():
    policy = TargetPolicy(["10.20.0.0/16", "fd00::/8"])
    policy.check_url("https://10.20.3.4:8443/hook")
    policy.check_url("https://[fd00::5]/hook")
    for host in ("10.21.0.1", "127.0.0.1", "[::ffff:10.21.0.1]", "[fe80::1]"):
        with pytest.raises(GovChainError):
            policy.check_url(f"https://{host}/hook")


def test_http_only_where_it_is_allowed():
    with pytest.raises(GovChainError) as refused:
        TargetPolicy().check_url("http://intake.example.gov.cn/")
    assert refused.value.code is Code.WEBHOOK_TARGET
    target = TargetPolicy(http=True).check_url("http://intake.example.gov.cn/a/b?c=d")
    assert (target.port, target.path, target.authority) == (80, "/a/b?c=d", "intake.example.gov.cn")


def test_parts_of_a_target():
    target = TargetPolicy().check_url("https://Intake.Example.gov.cn.:8443")
    assert (target.host, target.port, target.path) == ("intake.example.gov.cn", 8443, "/")
    assert target.authority == "intake.example.gov.cn:8443"
    assert TargetPolicy().check_url("https://[2400:3200::1]:444/").authority == "[2400:3200::1]:444"


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "https://", "https:///path", "ftp://a.cn/", "file:///etc/passwd", "//a.cn/", "https:a.cn"),
        *(
            "https://user@a.cn/",
            "https://user:secret@a.cn/",
            "https://a.cn/#part",
            "https://a.cn:0/",
            "https://a.cn:x/",
        ),
        *("https://a.cn:65536/", "https://a .cn/", "https://a.cn/\r\nX: y", "https://政务.cn/", "https://a.cn\\@b.cn/"),
        *("https://[::1", "https://a.cn/" + "x" * 2048, "javascript:alert(1)", "https://a.cn/\x00", "https://a.cn/ b"),
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError) as refused:
        TargetPolicy().check_url(url)
    assert refused.value.code is Code.REQUEST_SHAPE


@pytest.mark.parametrize("networks", [["10.0.0.0/33"], ["x"], ["10.0.0.1/8"], [""]])
def test_a_setting_that_is_no_network_is_refused(networks):
    with pytest.raises(UsageError) as refused:
        TargetPolicy(networks)
    assert "webhook_networks" in refused.value.params["reason"]


def test_a_file_of_certificates_that_is_none_is_refused(tmp_path):
    (tmp_path / "x.pem").write_text("no certificate")
    for path in (tmp_path / "x.pem", tmp_path / "missing.pem"):
        with pytest.raises(UsageError):
            TargetPolicy(ca=str(path))


def send(url, *, policy=OPEN, body=b"{}", limit_s=5.0, headers=None):
    return asyncio.run(post(policy, policy.check_url(url), headers or {"X": "y"}, body, limit_s=limit_s))


def failed(url, **options):
    with pytest.raises(AttemptFailed) as failure:
        send(url, **options)
    return failure.value.outcome, failure.value.status


def test_a_message_arrives_as_it_was_sent():
    with receiving() as receiver:
        assert send(receiver.url, body=b'{"a":1}', headers={"GovChain-Webhook": "w"}) == 204
        (got,) = receiver.got
    assert (got.body, got.path, got.headers["GovChain-Webhook"]) == (b'{"a":1}', "/hook?x=1", "w")
    assert (got.headers["Content-Type"], got.headers["Connection"]) == ("application/json", "close")
    assert got.headers["User-Agent"].startswith("govchain/")


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503])
def test_only_success_is_success_and_redirects_are_not_followed(status):
    with receiving() as elsewhere, receiving() as receiver:
        receiver.status, receiver.location = status, elsewhere.url
        assert failed(receiver.url) == ("status", status)
        assert elsewhere.got == []


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", "malformed"),
        (b"HTTP/1.1 200 OK\r\n", "malformed"),
        (b"garbage\r\n\r\n", "malformed"),
        (b"HTTP/2 200\r\n\r\n", "malformed"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1\r\n\r\n", "malformed"),
        (b"HTTP/1.1 099 X\r\n\r\n", "malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 9, "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "malformed"),
        (b"\x16\x03\x01\x00\x00", "malformed"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "status"),
    ],
)
def test_an_answer_that_is_none_is_no_success(answer, outcome):
    with answering(answer) as (url, _):
        assert failed(url)[0] == outcome


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 204\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n",
    ],
)
def test_short_answers_are_enough(answer):
    with answering(answer) as (url, _):
        assert send(url) in (200, 202, 204)


def test_an_endless_answer_is_not_read_to_its_end():
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000, close=False) as (url, _):
        began = time.monotonic()
        assert send(url) == 200
        assert time.monotonic() - began < 3


def test_an_answer_counts_however_the_connection_ends():
    """One that stays open until after the time limit, and one that is reset."""
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n", close=False) as (url, _):
        assert send(url, limit_s=0.3) == 204
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n", reset=True) as (url, _):
        assert send(url) == 204


def test_a_silent_target_costs_its_time_limit():
    with answering(b"", close=False) as (url, _):
        began = time.monotonic()
        assert failed(url, limit_s=0.2) == ("timeout", 0)
        assert time.monotonic() - began < 2


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert failed(f"http://127.0.0.1:{port}/") == ("unreachable", 0)


def test_https_to_what_speaks_no_tls_and_to_a_stranger():
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (url, _):
        assert failed(url.replace("http://", "https://")) == ("tls", 0)


def test_a_name_that_resolves_to_a_private_address_is_not_connected_to():
    """Decided on the address that would be connected to, at each attempt: a name that is public at registration and
    private later, or the other way round, gains nothing."""
    strict = TargetPolicy(http=True)
    with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        strict.check_url(url)  # the form alone says nothing
        assert failed(url, policy=strict) == ("refused-address", 0)
        assert receiver.got == []
        assert send(url) == 204  # where the operator allows loopback


class Rebinding(TargetPolicy):
    """A policy that counts look-ups."""

    looked_up = 0

    async def resolve(self, target):
        self.looked_up += 1
        return await super().resolve(target)


def test_a_name_is_looked_up_once_for_each_attempt():
    policy = Rebinding(["127.0.0.0/8", "::1/128"], http=True)
    with receiving() as receiver:
        send(receiver.url.replace("127.0.0.1", "localhost"), policy=policy)
        assert policy.looked_up == 1


def test_a_name_that_does_not_exist():
    assert failed("http://nowhere.invalid/", limit_s=10)[0] in ("unresolved", "timeout")


def test_every_address_of_the_machine_itself_is_refused_by_default():
    policy = TargetPolicy()
    for info in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM):
        assert not policy.allows(ipaddress.ip_address(info[4][0]))
