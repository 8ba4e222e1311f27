"""Sending webhooks: in order, at least once, patiently, across restarts; a dead target hurts nobody else."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import ClassVar

import msgspec
import pytest

from govchain.model import encode_canonical
from govchain.sdk.webhooks import verify_webhook
from govchain.services import webhook_sender as rules
from govchain.services.events import EventCursor, EventFilter
from govchain.services.webhook_sender import SenderOptions, back_off_ms
from tests.services.webhook_bench import ACCOUNT, BEGAN_S, NOW, QUICK, SECRET, Bench, Growing, places
from tests.services.webhook_kit import WAIT_S, answering, receiving, until

# -- what arrives --------------------------------------------------------------------------------------------------


def test_events_arrive_signed_by_secret_and_node_and_are_verified(bench):
    with receiving() as receiver:
        webhook = bench.add(receiver.url)
        bench.ledger.add("a.b", "a.c")
        (got,) = receiver.wait(1)
    now = NOW + int((time.monotonic() - BEGAN_S) * 1000)  # the senders' clock begins with this module
    message = verify_webhook(got.headers, got.body, secret=SECRET, now=now, node_key=("sm2-sm3", bench.key.public_key))
    assert (message.chain, message.webhook, message.delivery) == ("growing", webhook, f"{webhook}.1")
    assert [event.cursor for event in message.events] == ["1.0.0", "1.0.1"]
    assert message.events[0].reference == "政务 😀"
    assert message.cursor == "1.0.1"
    assert got.headers["GovChain-Attempt"] == "1"
    assert got.body == encode_canonical(msgspec.json.decode(got.body))
    until(lambda: bench.states(webhook) == [(1, "delivered", "delivered")])


def test_blocks_that_come_one_by_one_arrive_in_order_and_once(bench):
    with receiving() as receiver:
        bench.add(receiver.url)
        for _ in range(60):
            bench.ledger.add("a.b")
        assert receiver.wait_cursors(60) == places(1, 60)
        assert len(receiver.got) < 60  # gathered


def test_many_events_come_in_several_deliveries(bench):
    with receiving() as receiver:
        bench.ledger.add(*["a.b"] * 250)
        bench.add(receiver.url)
        assert receiver.wait_cursors(250) == [f"1.0.{number}" for number in range(250)]
        assert [len(one.cursors) for one in receiver.got] == [100, 100, 50]


def test_large_events_make_small_deliveries(bench):
    data = {"text": "x" * 100_000}
    with receiving() as receiver:
        bench.ledger.add(*["a.b"] * 5, data=data)
        bench.add(receiver.url)
        assert receiver.wait_cursors(5) == [f"1.0.{number}" for number in range(5)]
        assert max(len(one.body) for one in receiver.got) <= rules.EVENT_BYTES_PER_DELIVERY_MAX + 1_000


def test_only_what_is_wanted_arrives(bench):
    with receiving() as receiver:
        bench.add(receiver.url, wanted=EventFilter.of(["a.c"]))
        for _ in range(300):
            bench.ledger.add("a.b")
        bench.ledger.add("a.b", "a.c")
        assert receiver.wait_cursors(1) == ["301.0.1"]


def test_from_a_place_on(bench):
    for _ in range(5):
        bench.ledger.add("a.b")
    with receiving() as receiver:
        bench.add(receiver.url, cursor=EventCursor(3, 0, 0).text)
        assert receiver.wait_cursors(2) == places(4, 5)


# -- what fails ----------------------------------------------------------------------------------------------------


def test_a_failure_is_tried_again_with_the_same_bytes_before_anything_else_comes(bench):
    with receiving() as receiver:
        receiver.answers = [500, 302]
        webhook = bench.add(receiver.url)
        bench.ledger.add("a.b")
        first = receiver.wait(1)[0]
        bench.ledger.add("a.b")
        got = receiver.wait(4)
        assert [one.body for one in got[:3]] == [first.body] * 3
        assert [one.headers["GovChain-Attempt"] for one in got] == ["1", "2", "3", "1"]
        assert [one.cursors for one in got] == [["1.0.0"]] * 3 + [["2.0.0"]]
        until(lambda: bench.states(webhook) == [(2, "delivered", "delivered"), (1, "delivered", "delivered")])


def test_after_the_last_attempt_it_is_a_dead_letter_and_the_next_goes_on(bench):
    with receiving() as receiver:
        receiver.answers = [500] * 3
        webhook = bench.add(receiver.url)
        bench.ledger.add("a.b")
        receiver.wait(3)
        bench.ledger.add("a.b")
        receiver.wait(4)
        until(lambda: bench.states(webhook) == [(2, "delivered", "delivered"), (1, "dead", "status")])
        letter = bench.store.delivery(webhook, 1)
        assert (letter.attempts, letter.status, letter.first, letter.last) == (3, 500, "1.0.0", "1.0.0")
        # By hand, once the target is mended: the same bytes.
        assert bench.store.again(webhook, 1, NOW) == 1
        bench.sender.changed(webhook)
        got = receiver.wait(5)
        assert got[4].body == got[0].body
        assert got[4].headers["GovChain-Attempt"] == "4"
        until(lambda: bench.states(webhook)[1] == (1, "delivered", "delivered"))


def test_a_dead_letter_that_fails_again_stays_one(bench):
    with receiving() as receiver:
        receiver.status = 500
        webhook = bench.add(receiver.url)
        bench.ledger.add("a.b")
        receiver.wait(3)
        until(lambda: bench.states(webhook) == [(1, "dead", "status")])
        assert bench.store.again(webhook, None, NOW) == 1
        bench.sender.changed(webhook)
        receiver.wait(4)
        until(lambda: bench.states(webhook) == [(1, "dead", "status")])
        assert bench.store.delivery(webhook, 1).attempts == 4


def test_one_may_choose_to_pause_instead(bench):
    with receiving() as receiver:
        receiver.status = 500
        webhook = bench.add(receiver.url, on_failure="pause")
        bench.ledger.add("a.b")
        bench.ledger.add("a.b")
        receiver.wait(3)
        until(lambda: bench.store.webhook(webhook).state == "paused")
        assert bench.store.webhook(webhook).reason == "failed"
        bench.ledger.add("a.b")
        receiver.status = 204
        assert bench.store.update(webhook, lambda now: replace(now, state="active", reason=""))
        bench.sender.changed(webhook)
        before = len(receiver.got)
        until(lambda: len(receiver.got) > before)
        found = receiver.wait_cursors(5)
        assert found[-1] == "3.0.0"


@pytest.mark.parametrize("dead", ["silent", "refusing", "nowhere"])
def test_a_dead_target_delays_its_own_deliveries_alone(tmp_path, dead):
    options = replace(QUICK, attempt_ms_max=60_000, attempts_max=100, longest_ms=60_000)
    bench = Bench(tmp_path, options=options)
    try:
        with answering(b"", close=False) as (silent, _), receiving() as receiver:
            urls = {"silent": silent, "refusing": "http://127.0.0.1:1/", "nowhere": "http://nowhere.invalid/"}
            for number in range(2, 40):
                bench.add(urls[dead], number)
            bench.add(receiver.url)
            for _ in range(10):
                bench.ledger.add("a.b")
            assert receiver.wait_cursors(10) == places(1, 10)
    finally:
        bench.close()


def test_waits_double_up_to_the_longest_and_are_spread():
    options = SenderOptions(first_ms=1_000, longest_ms=60_000)
    longest = [back_off_ms(options, failures, 0.999999) for failures in range(1, 12)]
    shortest = [back_off_ms(options, failures, 0.0) for failures in range(1, 12)]
    assert shortest == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000]
    assert all(low <= high <= 2 * low for low, high in zip(shortest, longest, strict=True))
    assert back_off_ms(options, 10**6, 0.5) == 45_000


def test_the_wait_is_written_down(tmp_path):
    options = replace(QUICK, first_ms=1_000_000, longest_ms=10_000_000)
    bench = Bench(tmp_path, options=options, clock=lambda: NOW)
    try:
        with receiving() as receiver:
            receiver.status = 500
            webhook = bench.add(receiver.url)
            bench.ledger.add("a.b")
            receiver.wait(1)
            until(lambda: bench.states(webhook) == [(1, "pending", "status")])
            assert bench.store.delivery(webhook, 1).due == NOW + 750_000
            for _ in range(5):
                bench.ledger.add("a.b")  # news of blocks is no reason to hurry
        assert len(receiver.got) == 1
    finally:
        bench.close()


# -- who and when --------------------------------------------------------------------------------------------------


def test_a_frozen_account_is_sent_nothing_while_it_is(bench):
    with receiving() as receiver:
        bench.accounts.frozen.add(ACCOUNT)
        bench.add(receiver.url)
        other = bench.add(receiver.url, 2, account="bb" * 20)
        bench.ledger.add("a.b")
        assert receiver.wait(1)[0].json["webhook"] == other
        bench.accounts.frozen.clear()
        bench.ledger.add("a.b")
        assert sorted(receiver.wait_cursors(4)) == ["1.0.0", "1.0.0", "2.0.0", "2.0.0"]


def test_removed_and_paused_ones_are_sent_nothing(bench):
    with receiving() as receiver:
        removed, paused = bench.add(receiver.url, 1), bench.add(receiver.url, 2)
        kept = bench.add(receiver.url, 3)
        assert bench.store.remove(removed)
        bench.sender.changed(removed)
        bench.store.pause(paused, "owner")
        bench.sender.changed(paused)
        for _ in range(3):
            bench.ledger.add("a.b")
        until(lambda: len([one for one in receiver.got for _ in one.cursors]) >= 3)
        assert {one.json["webhook"] for one in receiver.got} == {kept}
        assert bench.store.deliveries(removed, None, 2**53, 10) == []


def test_a_ledger_that_is_shorter_than_what_was_sent_pauses_it(bench):
    with receiving() as receiver:
        webhook = bench.add(receiver.url, cursor="7.0.0")
        bench.ledger.add("a.b")
        until(lambda: bench.store.webhook(webhook).state == "paused")
        assert bench.store.webhook(webhook).reason == "cursor"
        assert receiver.got == []


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0
    made: ClassVar[list["CountingLoop"]] = []

    def __init__(self):
        super().__init__()
        self.made.append(self)

    def call_soon_threadsafe(self, *args, **options):
        self.woken += 1
        return super().call_soon_threadsafe(*args, **options)


@pytest.fixture
def counting():
    """Loops made now count; the last one is the sender's."""

    class Counting(asyncio.DefaultEventLoopPolicy):
        _loop_factory = CountingLoop

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Counting())
    yield CountingLoop.made
    asyncio.set_event_loop_policy(before)
    CountingLoop.made.clear()


@pytest.mark.parametrize("webhooks", [1, 50])
def test_a_commit_does_the_same_work_whatever_the_number_of_webhooks(counting, tmp_path, webhooks):
    """Fifty commits within one gathering wake the sender's loop once."""
    bench = Bench(tmp_path, options=replace(QUICK, gather_ms=600_000))
    try:
        (loop,) = counting
        for number in range(1, webhooks + 1):
            bench.add("http://127.0.0.1:1/", number)
        before = loop.woken
        for _ in range(50):
            bench.ledger.add("a.b")
        assert loop.woken - before == 1
    finally:
        bench.close()


# -- restarts ------------------------------------------------------------------------------------------------------


def test_a_restart_goes_on_with_the_same_delivery(tmp_path):
    ledger = Growing(3)
    hold = threading.Event()
    with receiving() as receiver:
        receiver.hold = hold
        bench = Bench(tmp_path, ledger)
        bench.add(receiver.url)
        first = receiver.wait(1)[0]
        bench.close()  # while the target has not answered
        hold.set()
        bench = Bench(tmp_path, ledger)
        try:
            second = receiver.wait(2)[1]
            assert second.body == first.body
            ledger.add("a.b")
            assert receiver.wait_cursors(7)[6:] == ["4.0.0"]
        finally:
            bench.close()


def test_stopping_does_not_wait_for_a_target(tmp_path):
    bench = Bench(tmp_path, Growing(1), options=replace(QUICK, attempt_ms_max=60_000))
    with answering(b"", close=False) as (url, came):
        bench.add(url)
        until(lambda: came)
        bench.close()


KILLED = """
import sys
from pathlib import Path
from tests.services.webhook_bench import Bench, Growing

bench = Bench(Path(sys.argv[1]), Growing(400))
if not bench.store.count():
    bench.add(sys.argv[2])
print("here", flush=True)
sys.stdin.read()
"""


def test_killed_at_any_moment_nothing_is_left_out_and_all_is_in_order(tmp_path):
    """Five processes, each killed while it sends; the receiver has every event, repeated only at the seams."""
    with receiving() as receiver:
        for round_ in range(5):
            child = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(tmp_path), receiver.url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
            )
            before = len(receiver.got)
            with child:
                assert child.stdout.readline() == b"here\n"
                if round_ < 4:
                    receiver.wait(before + 1 if round_ % 2 else before)
                else:
                    with receiver.changed:
                        assert receiver.changed.wait_for(
                            lambda: any("400.0.0" in one.cursors for one in receiver.got), WAIT_S
                        )
                child.kill()
        numbers = [int(one.json["delivery"].rpartition(".")[2]) for one in receiver.got]
        bodies = {one.json["delivery"]: one.body for one in receiver.got}
    assert numbers == sorted(numbers)
    assert all(bodies[one.json["delivery"]] == one.body for one in receiver.got)
    seen = list(dict.fromkeys(cursor for one in receiver.got for cursor in one.cursors))
    assert seen == places(1, 400)
