"""What a node does with peers that are none, that lie, flood, stall and send garbage: nothing, and it goes on."""

import contextlib
import dataclasses
import datetime
import random
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from govchain.model import Code, UnavailableError
from govchain.peers import Kind, PeerIdentity
from govchain.peers.frames import encode_head
from govchain.peers.identity import _for_openssl
from govchain.signers import generate_key
from tests.peers.kit import CHAIN, LIMITS, Member, mesh, running, wait_connected, wait_until
from tests.peers.raw import Raw, address, altering, proxy_to


@pytest.fixture
def pair():
    """A node, and the member that it knows beside itself, whose place the test takes."""
    member, other = Member(name="node-1"), Member(name="node-2")
    with running(member, [member.record(), other.record()]) as node:
        yield node, other


def still_serves(node, other):
    """The node answers the known member as before."""
    with Raw(node, other) as raw:
        raw.hello()
        assert raw.read_kind(Kind.HELLO) is not None
        raw.frame(Kind.BLOCKS, b"alive", 1)
        head, body = raw.read_kind(Kind.BLOCKS)
        assert (head.request, body) == (-1, b"alive")


@pytest.mark.requirement("BJ.function.node_auth.01", "GD.technical.security.05")
def test_an_unknown_certificate_is_refused_in_the_handshake(pair):
    node, other = pair
    stranger = PeerIdentity.generate("node-2")  # the name of a member helps nobody
    with Raw(node, other, identity=stranger) as raw:
        assert raw.ended()
    wait_until(lambda: node.network.refused() == {"handshake": 1}, "the refusal")
    assert node.handler.events == []
    wait_until(lambda: any(code is Code.PEER_UNKNOWN for code, _ in node.problems), "the report")
    still_serves(node, other)


def test_many_strangers_leave_one_line(pair):
    """A member's log is not for whoever can reach its port; the counter has them all."""
    node, other = pair
    for _ in range(20):
        with Raw(node, other, identity=PeerIdentity.generate("node-2")) as raw:
            assert raw.ended()
    wait_until(lambda: node.network.refused() == {"handshake": 20}, "the refusals")
    assert [code for code, _ in node.problems] == [Code.PEER_UNKNOWN]
    still_serves(node, other)


def test_a_certificate_of_no_known_key_signed_by_a_known_one_is_refused(pair):
    """A member's own certificate is trusted itself; it vouches for nobody."""
    node, other = pair
    issuer = x509.load_der_x509_certificate(other.identity.certificate).subject
    key = generate_key("ecdsa-p256-sha256")
    public = load_pem_private_key(*_for_openssl(key)).public_key()
    private = load_pem_private_key(*_for_openssl(other.identity._key))
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(issuer).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(9).not_valid_before(start).not_valid_after(start.replace(year=2090))
    forged = builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
    with Raw(node, other, identity=PeerIdentity(key, forged)) as raw:
        assert raw.ended()
    assert node.handler.events == []
    still_serves(node, other)


def test_no_certificate_is_refused(pair):
    node, other = pair
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(address(node), timeout=10) as plain,
        bare.wrap_socket(plain) as tls,
        contextlib.suppress(ssl.SSLError, ConnectionError),
    ):
        assert tls.recv(1) == b""
    wait_until(lambda: node.network.refused().get("handshake") == 1, "the refusal")
    still_serves(node, other)


def test_tls_1_2_is_refused(pair):
    node, other = pair
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Raw(node, other, version=ssl.TLSVersion.TLSv1_2)
    wait_until(lambda: node.network.refused().get("handshake") == 1, "the refusal")
    with Raw(node, other) as raw:
        assert raw.socket.version() == "TLSv1.3"


@pytest.mark.requirement("BJ.function.p2p.02", "JX.base.communication.01")
def test_the_link_shows_a_mutual_handshake_and_no_plain_text():
    seen = bytearray()

    def watch(data):
        seen.extend(data)
        return data

    one, two = Member(name="node-1"), Member(name="node-2")
    with (
        running(two, [one.at("127.0.0.1:1"), two.record()]) as second,
        proxy_to(address(second), watch) as way,
        running(one, [one.record(), two.at(way.address)]) as first,
    ):
        wait_connected(first, [two.key])
        text = b"a sentence that nobody on the way may read"
        assert first.network.request(CHAIN, two.key, Kind.BLOCKS, text, 10) == text
        assert text not in seen
        assert CHAIN.encode() not in seen
        assert one.identity.certificate not in seen  # in TLS 1.3 certificates travel encrypted, too
        assert bytes(seen[:3]) == b"\x16\x03\x01"


def test_a_chain_that_is_not_theirs_is_not_heard(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.hello()
        raw.read_kind(Kind.HELLO)
        raw.hello(chain="other-chain")
        raw.frame(Kind.PREPARING, b"for another chain", chain="other-chain")
        raw.frame(Kind.BLOCKS, b"asked", 5, chain="other-chain")
        head, body = raw.read_kind(Kind.BLOCKS)
        assert (head.refused, int.from_bytes(body, "big")) == (True, Code.CHAIN_WRONG)
        raw.frame(Kind.BLOCKS, b"still here", 6)
        assert raw.read_kind(Kind.BLOCKS)[1] == b"still here"
    assert node.handler.of(Kind.PREPARING) == []
    assert node.network.refused()["chain"] == 3


def test_another_genesis_is_another_chain(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.hello(genesis=bytes(32))
        raw.frame(Kind.PREPARING, b"x")
        raw.frame(Kind.BLOCKS, b"asked", 5)
        assert raw.read_kind(Kind.BLOCKS)[0].refused
    assert node.handler.of(Kind.PREPARING) == []
    assert ("connected", other.key) not in node.handler.events
    assert any("another genesis" in reason for _, reason in node.problems)


@pytest.mark.requirement("BJ.function.protocol.01")
def test_a_newer_program_is_spoken_to_in_the_version_that_both_know(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.hello(versions=(2, 1))
        raw.frame(Kind.BLOCKS, b"asked", 5)
        head, _ = raw.read_kind(Kind.BLOCKS)
        assert head.version == 1
    with Raw(node, other) as raw:
        raw.hello(versions=(2, 3))
        assert raw.ended()
    assert any("no common version" in reason for _, reason in node.problems)


def broken_frames():
    """Bytes behind a good hello, each named by its defect."""
    good = encode_head(CHAIN, Kind.PREPARING, 0, 5) + b"hello"
    source = random.Random(5)
    yield "random", source.randbytes(300)
    yield "text", b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"
    yield "zeros", bytes(64)
    yield "another version of MessagePack's array", good[:4] + b"\x94" + good[5:]
    yield "version 0", good[:5] + b"\0" + good[6:]
    yield "chain in capitals", good.replace(b"test", b"TEST")
    yield "kind 0", encode_head(CHAIN, Kind.PREPARING, 0, 0).replace(b"chain\x02", b"chain\x00")
    yield "kind 9", encode_head(CHAIN, Kind.PREPARING, 0, 0).replace(b"chain\x02", b"chain\x09")
    yield "length of another", b"\0\0\0\x50" + good[4:]
    yield "oversized", encode_head(CHAIN, Kind.PREPARING, 0, 1 << 30)
    yield "above its kind's bound", encode_head(CHAIN, Kind.TRANSACTIONS, 0, (8 << 20) + 1)
    yield "answer to nothing", encode_head(CHAIN, Kind.BLOCKS, -9, 90 << 20)
    yield "refused message", encode_head(CHAIN, Kind.BLOCKS, 0, 0, refused=True)
    yield "no chain", encode_head("", Kind.PREPARING, 0, 0)
    yield "hello of garbage", encode_head(CHAIN, Kind.HELLO, 0, 4) + b"\xc1\xc1\xc1\xc1"
    yield "hello that nests", encode_head(CHAIN, Kind.HELLO, 0, 9000) + b"\x91" * 9000


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in broken_frames()])
def test_bytes_that_break_the_protocol_end_the_connection(data):
    member, other = Member(name="node-1"), Member(name="node-2")
    limits = dataclasses.replace(LIMITS, penalty_s=0.05)
    with running(member, [member.record(), other.record()], limits=limits) as node:
        with Raw(node, other) as raw:
            raw.hello()
            raw.read_kind(Kind.HELLO)
            raw.send(data)
            assert raw.ended()
        assert node.network.refused()["protocol"] == 1
        node.handler.wait_for(lambda: node.handler.events[-1] == ("disconnected", other.key), "that it went")
        assert node.handler.of(Kind.PREPARING) == []
        assert [code for code, _ in node.problems if code is not Code.PEER_PROTOCOL] == []
        time.sleep(0.1)  # its penalty
        still_serves(node, other)


def test_who_broke_the_protocol_waits_before_it_is_let_in(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.send(bytes(64))
        assert raw.ended()
    with Raw(node, other) as raw:
        assert raw.ended()
    assert node.network.refused()["shut"] == 1
    time.sleep(LIMITS.penalty_s)
    still_serves(node, other)


def test_a_hello_of_another_is_believed_to_be_the_senders_own():
    """A hello names nobody: whoever plays one again is who TLS says."""
    first, second, third = (Member(name=f"node-{number}") for number in (1, 2, 3))
    known = [first.record(), second.record(), third.record()]
    with running(first, known) as node, Raw(node, second) as raw:
        raw.hello(greeting=b"of the second")
        wait_until(lambda: node.handler.heard != [], "the hello")
        with Raw(node, third) as other:
            for _ in range(3):
                other.hello(greeting=b"of the second")
            wait_until(lambda: len(node.handler.heard) == 4, "the hellos")
            assert [peer for peer, _, _ in node.handler.heard] == [second.key, third.key, third.key, third.key]
            assert node.handler.events == [("connected", second.key), ("connected", third.key)]


def test_frames_before_a_hello_are_not_heard(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.read_kind(Kind.HELLO)
        raw.frame(Kind.PREPARING, b"too early")
        raw.frame(Kind.BLOCKS, b"asked", 5)
        assert raw.read_kind(Kind.BLOCKS)[0].refused
    assert node.handler.heard == []


def test_a_frame_that_does_not_come_to_its_end_ends_the_connection():
    member, other = Member(name="node-1"), Member(name="node-2")
    limits = dataclasses.replace(LIMITS, frame_s=0.5)
    with running(member, [member.record(), other.record()], limits=limits) as node, Raw(node, other) as raw:
        raw.hello()
        raw.read_kind(Kind.HELLO)
        head = encode_head(CHAIN, Kind.TRANSACTIONS, 0, 4 << 20)
        raw.send(head)
        started = time.monotonic()
        stop = threading.Event()

        def drip():
            while not stop.wait(0.05):
                try:
                    raw.socket.sendall(b"x")
                except (OSError, ssl.SSLError):
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        assert raw.ended()
        stop.set()
        thread.join()
        assert time.monotonic() - started < 5
        assert node.network.refused() == {"slow": 1}


def test_a_half_open_connection_is_given_up():
    member, other = Member(name="node-1"), Member(name="node-2")
    limits = dataclasses.replace(LIMITS, silence_s=1.0)
    with running(member, [member.record(), other.record()], limits=limits) as node, Raw(node, other) as raw:
        raw.hello()
        wait_connected(node, [other.key])
        wait_until(lambda: node.network.connected(CHAIN) == [], "that it is given up")
        node.handler.wait_for(lambda: node.handler.events[-1] == ("disconnected", other.key), "that it went")
        assert node.network.refused() == {"silent": 1}


def test_a_cut_in_the_middle_of_a_frame_delivers_nothing_of_it(pair):
    node, other = pair
    with Raw(node, other) as raw:
        raw.hello()
        raw.read_kind(Kind.HELLO)
        raw.send(encode_head(CHAIN, Kind.TRANSACTIONS, 0, 1 << 20) + bytes(1 << 19))
    node.handler.wait_for(lambda: ("disconnected", other.key) in node.handler.events, "that it went")
    assert node.handler.of(Kind.TRANSACTIONS) == []
    still_serves(node, other)


def test_many_connections_without_a_key_keep_nobody_out(pair):
    node, other = pair
    sockets = [socket.create_connection(address(node), timeout=10) for _ in range(3 * LIMITS.handshakes_max)]
    try:
        still_serves(node, other)
        assert node.network.refused()["crowd"] >= LIMITS.handshakes_max
    finally:
        for found in sockets:
            found.close()


def test_a_handshake_that_never_ends_is_given_up():
    member, other = Member(name="node-1"), Member(name="node-2")
    limits = dataclasses.replace(LIMITS, handshake_s=0.3)
    with running(member, [member.record(), other.record()], limits=limits) as node:
        with socket.create_connection(address(node), timeout=10) as plain:
            plain.sendall(b"\x16\x03\x01\x02\x00\x01")
            assert plain.recv(1) == b""
        wait_until(lambda: node.network.refused().get("handshake") == 1, "the refusal")


def test_a_second_connection_of_the_same_peer_takes_the_place_of_the_first(pair):
    node, other = pair
    with Raw(node, other) as first:
        first.hello()
        wait_connected(node, [other.key])
        with Raw(node, other) as second:
            second.hello()
            assert first.ended()
            second.frame(Kind.BLOCKS, b"alive", 1)
            assert second.read_kind(Kind.BLOCKS)[1] == b"alive"
            assert node.network.connected(CHAIN) == [other.key]


@pytest.mark.requirement("GD.architecture.network.04")
def test_bytes_altered_on_the_way_are_never_delivered():
    one, two = Member(name="node-1"), Member(name="node-2")
    with (
        running(two, [one.at("127.0.0.1:1"), two.record()]) as second,
        proxy_to(address(second), altering(0.05, seed=11)) as way,
        running(one, [one.record(), two.at(way.address)]) as first,
    ):
        body = bytes(range(256)) * 64
        got = 0
        end = time.monotonic() + 20
        while got < 60:
            assert time.monotonic() < end, got
            if first.network.send(CHAIN, two.key, Kind.TRANSACTIONS, body):
                got += 1
            time.sleep(0.01)
        # Every alteration ended a connection, and the next one came up.
        wait_until(lambda: [name for name, _ in second.handler.events].count("disconnected") >= 1, "an alteration")
        assert set(second.handler.of(Kind.TRANSACTIONS)) == {body}
        assert second.network.refused().get("protocol", 0) == 0


def test_two_that_dial_each_other_at_once_end_with_one_connection():
    def answered(node, other):
        """Whether a request is answered: it fails where its connection gives way to the other side's."""
        try:
            return node.network.request(CHAIN, other.key, Kind.BLOCKS, b"x", 10) == b"x"
        except UnavailableError:
            return False

    for _ in range(5):
        with mesh(2) as (one, two):
            for node, other in ((one, two), (two, one)):
                wait_until(lambda node=node, other=other: answered(node, other), "an answer")
            assert len(one.network._links.connections) == len(two.network._links.connections) == 1
