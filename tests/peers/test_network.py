"""Known nodes find each other, talk, ask and answer, and are told when somebody comes or goes."""

import socket
import threading
import time

import pytest

from govchain.model import Code, RefusedError, UnavailableError
from govchain.peers import Kind
from tests.peers.kit import CHAIN, LIMITS, Handler, Member, free_port, mesh, now_ms, running, wait_connected, wait_until


@pytest.mark.requirement("BJ.function.p2p.01")
def test_each_node_talks_to_each_directly_and_without_a_third():
    with mesh(3) as nodes:
        first, second, third = nodes
        third.network.stop()
        wait_connected(first, [second.key])
        deliver(first, CHAIN, second.key, b"one", second.handler)
        assert (first.key, Kind.PREPARING, b"one") in second.handler.heard
        assert not first.network.send(CHAIN, third.key, Kind.PREPARING, b"nobody")


def deliver(node, chain, key, body, handler):
    """Send until it was heard: what is on the way is lost where a connection gives way to the other side's."""

    def heard():
        node.network.send(chain, key, Kind.PREPARING, body)
        return body in handler.of(Kind.PREPARING)

    wait_until(heard, "the message", pause_s=0.1)


def test_a_broadcast_reaches_all():
    with mesh(4) as nodes:
        first, others = nodes[0], nodes[1:]

        def heard():
            assert first.network.broadcast(CHAIN, Kind.SIGNATURES, b"signed") <= 3
            return all(b"signed" in node.handler.of(Kind.SIGNATURES) for node in others)

        wait_until(heard, "the broadcast", pause_s=0.1)


def test_requests_are_answered_refused_and_timed():
    release = threading.Event()

    def answer(peer, kind, body):
        if body == b"refuse":
            raise RefusedError(Code.NOT_FOUND, reason="block 7")
        if body == b"fail":
            raise ValueError("a fault of the handler")
        if body == b"wait":
            assert release.wait(20)
        return body * 3

    with mesh(2, handler=Handler(answer)) as (one, two):
        ask = one.network.request
        assert ask(CHAIN, two.key, Kind.BLOCKS, b"ab", 10) == b"ababab"
        with pytest.raises(RefusedError) as refused:
            ask(CHAIN, two.key, Kind.BLOCKS, b"refuse", 10)
        assert refused.value.code is Code.NOT_FOUND
        with pytest.raises(RefusedError) as refused:
            ask(CHAIN, two.key, Kind.BLOCKS, b"fail", 10)
        assert refused.value.code is Code.INTERNAL
        wait_until(lambda: (Code.INTERNAL, "ValueError: a fault of the handler") in two.problems, "the report")
        with pytest.raises(UnavailableError) as late:
            ask(CHAIN, two.key, Kind.BLOCKS, b"wait", 0.3)
        assert late.value.code is Code.TIMED_OUT
        release.set()  # the answer that comes too late is no answer to nothing
        assert ask(CHAIN, two.key, Kind.BLOCKS, b"x", 10) == b"xxx"
        with pytest.raises(UnavailableError) as nobody:
            ask(CHAIN, bytes(64), Kind.BLOCKS, b"x", 10)
        assert nobody.value.code is Code.NODE_UNREACHABLE
        assert one.network.refused() == {}


def test_a_large_answer_comes_whole_and_small_messages_overtake():
    size = 40 * 1024 * 1024
    whole = bytes(range(256)) * (size // 256)
    with mesh(2, handler=Handler(lambda peer, kind, body: whole if body == b"all" else body)) as (one, two):
        future = one.network.ask(CHAIN, two.key, Kind.BLOCKS, b"all", 60)
        assert one.network.send(CHAIN, two.key, Kind.PREPARING, b"now")
        assert future.result() == whole


@pytest.mark.requirement("BJ.function.p2p.04a", "BJ.function.p2p.04b")
def test_nodes_that_come_and_go_are_noticed_without_a_restart():
    one, two, three = (Member(name=name) for name in ("node-1", "node-2", "node-3"))
    pair = [one.record(), two.record()]
    everyone = [*pair, three.record()]
    with running(one, pair) as first, running(two, pair) as second:
        wait_connected(first, [two.key])
        with running(three, everyone) as third:
            first.network.know(CHAIN, everyone)
            second.network.know(CHAIN, everyone)
            for node in (first, second, third):
                wait_connected(node, [member.key for member in (one, two, three) if member is not node.member])
            assert ("connected", three.key) in first.handler.events
        for node, other in ((first, two), (second, one)):
            wait_connected(node, [other.key])
            node.handler.wait_for(
                lambda node=node: node.handler.events[-1] == ("disconnected", three.key), "that it went"
            )
            gone = next(peer for peer in node.network.peers(CHAIN) if peer.key == three.key)
            assert not gone.connected
        with running(three, everyone):  # and comes back
            wait_connected(first, sorted([two.key, three.key]))


@pytest.mark.requirement("BJ.function.node_auth.02")
def test_a_member_that_is_known_no_more_is_cut_off_at_once():
    with mesh(3) as (first, second, third):
        remaining = [first.member.record(), second.member.record()]
        first.network.know(CHAIN, remaining)
        second.network.know(CHAIN, remaining)
        wait_connected(first, [second.key])
        wait_connected(third, [])
        first.handler.wait_for(lambda: first.handler.events[-1] == ("disconnected", third.key), "that it went")
        assert [peer.key for peer in first.network.peers(CHAIN)] == [second.key]
        before = first.network.refused().get("handshake", 0)
        wait_until(lambda: first.network.refused().get("handshake", 0) > before, "it tries again and is refused")
        assert third.network.connected(CHAIN) == []
        first.network.know(CHAIN, [*remaining, third.member.record()])
        wait_connected(third, [first.key])


@pytest.mark.requirement("BJ.function.node.05")
def test_bytes_are_counted_by_peer_and_kind():
    with mesh(2) as (one, two):
        body = bytes(1_000_000)
        for _ in range(10):
            one.network.request(CHAIN, two.key, Kind.TRANSACTIONS, body, 20)
        (sent,), (got,) = one.network.peers(CHAIN), two.network.peers(CHAIN)
        assert 10_000_000 <= sent.bytes_out["transactions"] < 10_001_000
        assert 10_000_000 <= got.bytes_in["transactions"] < 10_001_000
        assert sent.bytes_out["tunnel"] == 0
        assert sent.bytes_out["hello"] > 0


def test_keep_alives_measure_the_way_and_the_other_clock():
    one, two = Member(name="node-1"), Member(name="node-2")
    records = [one.record(), two.record()]
    with running(one, records) as first, running(two, records, clock=lambda: now_ms() + 3_600_000):
        wait_connected(first, [two.key])
        wait_until(lambda: first.network.peers(CHAIN)[0].rtt_ms is not None, "a keep-alive")
        (status,) = first.network.peers(CHAIN)
        assert status.connected
        assert 0 < status.rtt_ms < 5_000
        assert abs(status.clock_offset_ms - 3_600_000) < 5_000
        assert status.connected_since <= now_ms()
        assert status.name == "node-2"


def test_several_chains_share_a_connection_and_are_kept_apart():
    one, two = Member(name="node-1"), Member(name="node-2")
    chains = ("test-chain", "second-chain", "third-chain")
    with (
        running(one, [one.record(), two.record()], chains=chains) as first,
        running(two, [one.record(), two.record()], chains=chains[:2]) as second,
    ):
        for chain in chains[:2]:
            wait_connected(first, [two.key], chain)
        handler = second.handlers["second-chain"]
        deliver(first, "second-chain", two.key, b"for the second", handler)
        assert second.handlers["test-chain"].of(Kind.PREPARING) == []
        assert not first.network.send("third-chain", two.key, Kind.PREPARING, b"nobody there")
        assert first.network.connected("third-chain") == []
        third = Handler()
        second.network.host("third-chain", third, genesis=bytes(range(32)))
        second.network.know("third-chain", [one.record(), two.record()])
        wait_connected(first, [two.key], "third-chain")
        second.network.drop("second-chain")
        deliver(first, "third-chain", two.key, b"third", third)


def test_the_greeting_travels_and_a_new_one_as_well():
    with mesh(2) as (one, two):
        two.handler.wait_for(lambda: two.handler.of(Kind.HELLO) == [b"greeting"], "the greeting")
        one.handler.hello = b"a later one"
        one.network.greet(CHAIN)
        two.handler.wait_for(lambda: two.handler.of(Kind.HELLO)[-1] == b"a later one", "the new greeting")


def test_a_node_at_a_new_address_is_found():
    one, two = Member(name="node-1"), Member(name="node-2")
    with running(one, [one.record(), two.record()]) as first:
        moved = Member("node-2", f"127.0.0.1:{free_port()}", signer=two.signer, identity=two.identity)
        # It does not dial, so that the other one must.
        with running(moved, [one.at("127.0.0.1:1")]):
            first.network.know(CHAIN, [one.record(), two.at(moved.address)])
            wait_connected(first, [two.key])


def test_nodes_talk_over_ipv6():
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    one, two = (Member(name, f"[::1]:{free_port(socket.AF_INET6)}") for name in ("node-1", "node-2"))
    records = [one.record(), two.record()]
    with running(one, records) as first, running(two, records):
        wait_connected(first, [two.key])
        assert first.network.address == one.address
        assert first.network.request(CHAIN, two.key, Kind.BLOCKS, b"six", 10) == b"six"


def test_an_address_that_is_taken_is_told():
    member = Member()
    with running(member, []), pytest.raises(UnavailableError) as refused, running(member, []):
        pass
    assert refused.value.code is Code.LISTEN_FAILED


def test_handlers_that_are_slow_hold_up_the_sender_and_nothing_else():
    release = threading.Event()
    handler = Handler(take=lambda peer, kind, body: kind is Kind.TRANSACTIONS and release.wait(20))
    limits = type(LIMITS)(
        **{
            **{name: getattr(LIMITS, name) for name in LIMITS.__slots__},
            "queue_bytes_max": 8 << 20,
            "inbox_bytes_max": 1 << 20,
            "silence_s": 1.0,
        }
    )
    with mesh(2, handler=handler, limits=limits) as (one, two):
        sent = 0
        while one.network.send(CHAIN, two.key, Kind.TRANSACTIONS, bytes(1 << 20)):
            sent += 1
            assert sent < 200, "what waits to be sent has no bound"
        release.set()
        wait_until(lambda: len(two.handler.of(Kind.TRANSACTIONS)) >= sent, "all that was taken is delivered")
        assert one.network.request(CHAIN, two.key, Kind.BLOCKS, b"alive", 10) == b"alive"


def test_fifty_thousand_envelopes_travel_quickly(capsys):
    """The bar is twice what four nodes on two cores need; other work may share the machine."""
    count, size, batch = 50_000, 1_300, 400
    data = bytes(size * batch)
    handler = Handler()
    got = threading.Event()
    seen = 0

    def take(peer, kind, body):
        nonlocal seen
        if kind is Kind.TRANSACTIONS:
            seen += batch
            if seen >= count:
                got.set()

    handler.take = take
    with mesh(2, handler=handler) as (one, two):
        started = time.monotonic()
        for _ in range(count // batch):
            while not one.network.send(CHAIN, two.key, Kind.TRANSACTIONS, data):
                time.sleep(0.001)
        assert got.wait(60)
        rate = count / (time.monotonic() - started)
    with capsys.disabled():
        print(f"\nloopback: {rate:,.0f} envelopes of {size} bytes a second, {rate * size / 1e6:.0f} MB/s")
    assert rate > 5_000


def test_handlers_hear_of_the_end_before_they_hear_of_the_next_beginning():
    """However busy the handlers' threads are: otherwise a peer that came back would count as gone."""
    handler = Handler()
    slow = threading.Event()
    noted = handler.disconnected

    def disconnected(peer):
        slow.wait(0.3)
        noted(peer)

    handler.disconnected = disconnected
    one, two = Member(name="node-1"), Member(name="node-2")
    records = [one.record(), two.record()]
    with running(one, records, handler=handler) as first:
        for _ in range(3):
            with running(two, records):
                wait_connected(first, [two.key])
        handler.wait_for(lambda: [name for name, _ in handler.events].count("disconnected") >= 3, "that it went")
        names = [name for name, _ in handler.events]
        assert names == ["connected", "disconnected"] * (len(names) // 2)
