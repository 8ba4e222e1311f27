"""What a node keeps of webhooks, and what it does where its own file or key is away."""

import asyncio
import contextlib
import sqlite3
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from govchain.model import Code, UnavailableError
from govchain.services.events import START, EventCursor, EventFilter
from govchain.services.webhook_store import DEAD_LETTERS_MAX, DELIVERIES_KEPT, DeliveryRecord, WebhookStore
from tests.services.webhook_bench import NOW, QUICK, Bench, Growing, Key, places
from tests.services.webhook_kit import WAIT_S, receiving, until

# -- what the node itself cannot do --------------------------------------------------------------------------------


@contextlib.contextmanager
def unreadable(path):
    """The file of webhooks without its table, as to whoever reads it meanwhile."""
    with contextlib.closing(sqlite3.connect(path / "webhooks.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA legacy_alter_table = ON")
        other.execute("ALTER TABLE webhooks RENAME TO away")
        yield
        other.execute("ALTER TABLE away RENAME TO webhooks")


def test_a_webhook_that_cannot_be_read_for_a_while_goes_on_afterwards(bench, tmp_path, caplog):
    with receiving() as receiver:
        webhook = bench.add(receiver.url)
        bench.ledger.add("a.b")
        until(lambda: bench.states(webhook) == [(1, "delivered", "delivered")])
        with unreadable(tmp_path):
            bench.ledger.add("a.b")
            until(lambda: sum("cannot be read" in one.getMessage() for one in caplog.records) >= 2)
        assert receiver.wait_cursors(2) == places(1, 2)


def test_a_start_that_cannot_read_the_file_says_so_and_leaves_nothing(tmp_path):
    bench = Bench(tmp_path)
    bench.sender.stop()
    try:
        with unreadable(tmp_path), pytest.raises(UnavailableError) as refused:
            bench.sender.start()
        assert refused.value.code is Code.STORE_CORRUPT
        assert not [thread for thread in threading.enumerate() if thread.name == "webhooks"]
        with receiving() as receiver:
            bench.add(receiver.url)
            bench.sender.start()
            bench.ledger.add("a.b")
            assert receiver.wait_cursors(1) == ["1.0.0"]
    finally:
        bench.close()


class LockedKey(Key):
    """A key that signs only while it is unlocked."""

    def __init__(self):
        super().__init__()
        self.asked, self.locked = 0, True

    def sign(self, message):
        self.asked += 1
        if self.locked:
            raise UnavailableError(Code.NODE_STOPPING)
        return super().sign(message)


def test_what_the_node_cannot_sign_is_no_attempt_at_the_target(tmp_path):
    key = LockedKey()
    bench = Bench(tmp_path, key=key)
    try:
        with receiving() as receiver:
            webhook = bench.add(receiver.url)
            with pytest.raises(UnavailableError):
                asyncio.run(bench.sender.ping(bench.store.webhook(webhook)))
            bench.ledger.add("a.b")
            asked = key.asked
            until(lambda: key.asked > asked + QUICK.attempts_max)
            assert bench.states(webhook) == [(1, "pending", "")]
            key.locked = False
            (got,) = receiver.wait(1)
            assert got.headers["GovChain-Attempt"] == "1"
    finally:
        bench.close()


# -- how far it is, and how much it keeps --------------------------------------------------------------------------


def letter(webhook, number):
    return DeliveryRecord(
        webhook=webhook,
        number=number,
        state="dead",
        first="1.0.0",
        last="1.0.0",
        events=1,
        body=b"x" * 100,
        attempts=3,
        created=NOW,
        changed=NOW,
        due=NOW,
        status=500,
        outcome="status",
    )


@pytest.mark.parametrize(("before", "state"), [(DEAD_LETTERS_MAX - 1, "paused"), (DEAD_LETTERS_MAX - 2, "active")])
def test_with_too_many_dead_letters_it_is_paused(bench, before, state):
    with receiving() as receiver:
        receiver.answers = [500] * QUICK.attempts_max
        webhook = bench.add(receiver.url, state="paused", reason="owner")
        for number in range(1, before + 1):
            assert bench.store.begin(letter(webhook, number), START.text)
        assert bench.store.update(webhook, lambda now: replace(now, state="active", reason=""))
        bench.sender.changed(webhook)
        bench.ledger.add("a.b")
        receiver.wait(QUICK.attempts_max)
        until(lambda: bench.store.dead_letters(webhook) == before + 1)
        if state == "paused":
            until(lambda: bench.store.webhook(webhook).state == "paused")
            assert bench.store.webhook(webhook).reason == "dead-letters"
        else:
            bench.ledger.add("a.b")
            assert receiver.wait_cursors(4)[-1] == "2.0.0"
            assert bench.store.webhook(webhook).state == "active"


def test_a_list_of_deliveries_has_no_bodies(bench):
    webhook = bench.add("http://127.0.0.1:1/", state="paused", reason="owner")
    bench.store.begin(letter(webhook, 1), START.text)
    (listed,) = bench.store.deliveries(webhook, None, 2**53, 10)
    assert listed == replace(letter(webhook, 1), body=b"")
    assert bench.store.delivery(webhook, 1) == letter(webhook, 1)


class Counted(Growing):
    """Counts the blocks that are read."""

    def __init__(self, height=0):
        self.read = []
        super().__init__(height)

    def receipts(self, height):
        self.read.append(height)
        return super().receipts(height)


def test_where_nothing_is_wanted_the_place_is_written_down_now_and_then(tmp_path):
    """Every 100 blocks or more: a restart reads what came after that, and nothing before."""
    ledger = Counted(300)
    bench = Bench(tmp_path, ledger)
    try:
        webhook = bench.add("http://127.0.0.1:1/", wanted=EventFilter.of(["a.c"]))
        until(lambda: EventCursor.parse(bench.store.webhook(webhook).cursor).height == 300)
    finally:
        bench.close()
    ledger.read.clear()
    bench = Bench(tmp_path, ledger)
    try:
        with receiving() as receiver:
            bench.add(receiver.url, 2, cursor="300.0.0")
            for _ in range(50):
                ledger.add("a.b")
            assert receiver.wait_cursors(50) == places(301, 350)
            assert EventCursor.parse(bench.store.webhook(webhook).cursor).height == 300
            assert min(ledger.read) == 300  # the place itself is looked at
    finally:
        bench.close()


def test_two_changes_at_once_are_both_kept(tmp_path):
    """Each change is made of what is there when it is written, and one that is refused changes nothing."""
    store = WebhookStore(tmp_path / "webhooks.sqlite3", "00" * 32)
    bench = SimpleNamespace(store=store, sender=SimpleNamespace(changed=lambda webhook: None))
    webhook = Bench.add(bench, "http://127.0.0.1:1/")
    inside, paused = threading.Event(), threading.Event()

    def slow(now):
        inside.set()
        paused.wait(0.05)  # the other one cannot come in between
        return replace(now, url="http://127.0.0.1:2/")

    def pause():
        inside.wait(WAIT_S)
        store.pause(webhook, "failed")
        paused.set()

    other = threading.Thread(target=pause)
    other.start()
    assert store.update(webhook, slow).url == "http://127.0.0.1:2/"
    other.join()
    found = store.webhook(webhook)
    assert (found.url, found.state, found.reason) == ("http://127.0.0.1:2/", "paused", "failed")
    with pytest.raises(ZeroDivisionError):
        store.update(webhook, lambda now: 1 / 0)
    assert store.webhook(webhook) == found
    assert store.update("ff" * 8, lambda now: now) is None
    store.close()


# -- the file ------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone_and_of_one_chain(tmp_path):
    path = tmp_path / "webhooks.sqlite3"
    WebhookStore(path, "00" * 32).close()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UnavailableError) as refused:
        WebhookStore(path, "11" * 32)
    assert refused.value.code is Code.STORE_CORRUPT


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "webhooks.sqlite3"
    path.write_bytes(content)
    with pytest.raises(UnavailableError) as refused:
        WebhookStore(path, "00" * 32)
    assert refused.value.code is Code.STORE_CORRUPT


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "webhooks.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError):
        WebhookStore(tmp_path / "webhooks.sqlite3", "00" * 32)


def test_finished_deliveries_are_forgotten_in_the_end(bench):
    with receiving() as receiver:
        webhook = bench.add(receiver.url, wanted=EventFilter())
        for height in range(1, DELIVERIES_KEPT + 31):
            bench.ledger.add("a.b")
            receiver.wait_cursors(height)
        last = bench.store.webhook(webhook).number
        until(lambda: bench.store.delivery(webhook, last).state == "delivered")
        kept = bench.store.deliveries(webhook, None, 2**53, 1000)
        assert len(kept) <= DELIVERIES_KEPT
        assert all(bench.store.delivery(webhook, one.number).body == b"" for one in kept)


def test_a_closed_file_says_that_the_node_is_stopping(tmp_path):
    store = WebhookStore(tmp_path / "webhooks.sqlite3", "00" * 32)
    store.close()
    store.close()
    with pytest.raises(UnavailableError) as refused:
        store.webhooks()
    assert refused.value.code is Code.NODE_STOPPING
