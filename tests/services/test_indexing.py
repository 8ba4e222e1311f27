"""The follower: keeps up, survives kills and a database that goes away, and never holds up the ledger."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from govchain.index.database import IndexDatabase, database_url
from govchain.index.projection import Projection
from govchain.index.rows import Projector
from govchain.index.writer import IndexWriter
from govchain.model import Code, UsageError
from govchain.node.embedded import open_embedded
from govchain.services.indexing import (
    Backoff,
    IndexFollower,
    check_index,
    index_writer,
    read_index_status,
    rebuild_index,
    rest_s,
)
from govchain.services.ledger_facts import LedgerFacts
from tests.index.databases import database, postgres, url
from tests.index.kit import Scribe, make_ledger
from tests.node.kit import SMALL, make_chain, new_actor

__all__ = ["database", "postgres", "url"]

ROOT = Path(__file__).resolve().parents[2]
QUICK = Backoff(first_s=0.02, longest_s=0.2)
WAIT_S = 60
#: The load runs for a random time up to this (seconds) before the kill.
LOAD_S_MAX = 0.5


@pytest.fixture
def scribe(tmp_path):
    actors = (new_actor(), new_actor())
    opened = Scribe(make_ledger(tmp_path / "data", *actors), *actors)
    yield opened
    opened.close()


@pytest.fixture
def follow():
    """Starts followers, and stops them in the end."""
    started = []

    def start(application, database, **options):
        follower = IndexFollower(application, database, QUICK, **options)
        application.add_listener(follower.wake)
        follower.start()
        started.append(follower)
        return follower

    yield start
    for follower in started:
        follower.stop()


def wait_until(condition):
    """Poll what tells nobody when it changes."""
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)


def test_it_catches_up_and_then_follows(scribe, database, follow):
    scribe.everything()
    follower = follow(scribe.application, database)
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    for _ in range(5):
        scribe.put(3)
        assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    status = follower.status()
    assert (status.state, status.lag, status.error) == ("following", 0, "")
    assert status.indexed_height == status.height == scribe.application.chain.height
    assert status.rate > 0
    assert check_index(scribe.application, database).difference is None
    assert read_index_status(scribe.application, database).lag == 0
    follower.stop()
    assert follower.status().state == "stopped"


def test_it_goes_on_where_it_stopped(scribe, database, follow):
    scribe.everything()
    first = follow(scribe.application, database)
    assert first.wait_for(scribe.application.chain.height, WAIT_S)
    first.stop()
    scribe.put(2)
    with database.writing() as connection:  # what is there already is not looked at again
        connection.execute(text("UPDATE transactions SET reference = 'kept' WHERE height = 1"))
    second = follow(scribe.application, database)
    assert second.wait_for(scribe.application.chain.height, WAIT_S)
    difference = check_index(scribe.application, database).difference
    assert (difference.table, difference.key) == ("transactions", str(1 << 20))


def test_two_nodes_may_share_a_database(scribe, url, follow):
    scribe.everything()
    followers = [follow(scribe.application, IndexDatabase(url)) for _ in range(2)]
    for _ in range(10):
        scribe.put(2)
    for follower in followers:
        assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    assert check_index(scribe.application, followers[0].database).difference is None


def test_a_rebuild_beside_a_following_node(scribe, url, follow):
    scribe.everything()
    follower = follow(scribe.application, IndexDatabase(url))
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    beside = IndexDatabase(url)
    for _ in range(3):
        rebuild_index(scribe.application, beside)
        scribe.put(2)
    wait_until(lambda: follower.status().indexed_height == scribe.application.chain.height)
    wait_until(lambda: check_index(scribe.application, beside).indexed_height == scribe.application.chain.height)
    assert check_index(scribe.application, beside).difference is None
    beside.close()


class HeldWriter:
    """Writes once it is let go."""

    def __init__(self, writer):
        self._writer = writer
        self.begun, self.free = threading.Event(), threading.Event()

    def prepare(self, first_height):
        return self._writer.prepare(first_height)

    def apply(self, blocks):
        self.begun.set()
        assert self.free.wait(WAIT_S)
        return self._writer.apply(blocks)


def test_a_thread_that_outlasts_stopping_is_not_called_stopped(scribe, database, follow):
    scribe.everything()
    writer = HeldWriter(index_writer(database, LedgerFacts(scribe.application))[0])
    follower = follow(scribe.application, database, writer=writer)
    assert writer.begun.wait(WAIT_S)
    follower.stop(timeout_s=0)
    assert follower.status().state != "stopped"
    writer.free.set()
    follower.stop()
    assert follower.status().state == "stopped"


def test_another_chain_s_database_is_refused_until_it_is_made_anew(scribe, database, tmp_path, follow):
    actor = new_actor()
    other = Scribe(make_ledger(tmp_path / "other", actor), actor)
    other.put(2)
    rebuild_index(other.application, database)
    problems = []
    scribe.put(1)
    follower = follow(scribe.application, database, on_problem=lambda code, reason: problems.append(code))
    wait_until(lambda: follower.status().state == "refused")
    assert follower.status().error == "INDEX_FOREIGN"
    assert problems == [Code.INDEX_FOREIGN]
    assert check_index(other.application, database).difference is None  # untouched
    scribe.put(1)  # the ledger goes on
    rebuild_index(scribe.application, database)
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    assert follower.status().state == "following"
    other.close()


def test_an_index_ahead_of_a_restored_ledger_is_refused_once_they_part(tmp_path, database, follow):
    actor = new_actor()
    path = make_ledger(tmp_path / "data", actor)
    scribe = Scribe(path, actor)
    scribe.put(1)
    rebuild_index(scribe.application, database)
    backup = tmp_path / "backup"
    scribe.close()
    subprocess.run(["cp", "-r", path, backup], check=True)
    scribe = Scribe(path, actor)
    scribe.now += 10_000
    scribe.put(1)
    scribe.put(1)
    rebuild_index(scribe.application, database)
    scribe.close()
    restored = Scribe(backup, actor)
    restored.now += 20_000
    follower = follow(restored.application, database)
    assert follower.wait_for(3, WAIT_S)
    assert follower.status().lag == 0
    restored.put(1)
    restored.put(1)
    restored.put(1)
    wait_until(lambda: follower.status().state == "refused")
    follower.stop()
    restored.close()


def test_a_fault_in_a_projection_stops_the_index_and_not_the_node(scribe, database, follow):
    broken = threading.Event()
    broken.set()

    def fails(place, block, transaction, sink):
        if broken.is_set():
            raise ArithmeticError("a fault")

    genesis = LedgerFacts(scribe.application).genesis()
    faulty = Projector((Projection("evidence", 1, (), {"evidence.put": fails}),))
    scribe.put(1)
    follower = follow(scribe.application, database, writer=IndexWriter(database, genesis, faulty, lambda: "00" * 32))
    wait_until(lambda: follower.status().state == "failed")
    assert follower.status().error == "INTERNAL"
    scribe.put(1)  # the node goes on
    broken.clear()
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    assert follower.status().state == "following"


@pytest.mark.parametrize(
    ("transactions", "wrote_s", "behind_s", "rests_s"),
    [
        (0, 0.001, 0, 0.02),
        (63, 5.0, 0, 0.02),
        (64, 0.001, 0, 0.25),
        (64, 0.5, 0, 1.5),
        (4_000, 2.0, 9.9, 6.0),
        (4_000, 2.0, 10.0, 0.25),
        (4_000, 2.0, 3_600, 0.25),
    ],
)
def test_under_load_the_index_rests_in_proportion_until_it_is_behind(transactions, wrote_s, behind_s, rests_s):
    """Few transactions: hardly at all; many: three times as long as it wrote; behind for ten seconds: no more."""
    assert rest_s(transactions, wrote_s, behind_s) == rests_s


class Timed(IndexWriter):
    """Notes when it wrote so many transactions, from when to when; writing takes a while."""

    def apply(self, blocks):
        began = time.monotonic()
        time.sleep(0.3)
        cursor = super().apply(blocks)
        self.wrote.append((began, time.monotonic()))
        return cursor


def test_the_follower_rests_after_many_transactions_unless_somebody_waits(scribe, database, follow):
    genesis, projector = LedgerFacts(scribe.application).genesis(), Projector(())
    writer = Timed(database, genesis, projector, lambda: "00" * 32)
    writer.wrote = []
    scribe.put(100)
    follower = follow(scribe.application, database, writer=writer)
    wait_until(lambda: len(writer.wrote) == 1)
    scribe.put(1)
    wait_until(lambda: len(writer.wrote) == 2)  # nobody waits: it rests three times as long as it wrote

    def rested():
        """How long it rested before it wrote last, in times of what the write before that took."""
        (began, ended), (again, _) = writer.wrote[-2:]
        return (again - ended) / (ended - began)

    assert rested() > 2.7
    scribe.put(100)
    wait_until(lambda: len(writer.wrote) == 3)
    scribe.put(1)
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    assert rested() < 2.7  # somebody does


@pytest.mark.requirement("BJ.portability.adaptability.03")
def test_postgresql_goes_away_and_comes_back(scribe, postgres, follow):
    """About 3 s: the server is stopped as when its machine is lost, twice."""
    database = IndexDatabase(database_url(postgres.create(), None))
    follower = follow(scribe.application, database)
    scribe.everything()
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    for _ in range(2):
        postgres.go_away()
        try:
            for _ in range(5):
                scribe.put(3)  # the node goes on
            wait_until(lambda: follower.status().state == "unavailable")
            status = follower.status()
            assert status.error == "INDEX_UNAVAILABLE"
            assert status.lag > 0
        finally:
            postgres.come_back()
        assert follower.wait_for(scribe.application.chain.height, WAIT_S)
        assert follower.status().state == "following"
    assert check_index(scribe.application, database).difference is None
    follower.stop()


def test_a_locked_sqlite_file_is_waited_for(scribe, tmp_path, follow):
    database = IndexDatabase(database_url("", tmp_path))
    scribe.put(1)
    follower = follow(scribe.application, database)
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)
    held = threading.Event()
    release = threading.Event()

    def hold():
        other = IndexDatabase(database_url("", tmp_path))
        with other.writing():
            held.set()
            release.wait(WAIT_S)
        other.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(WAIT_S)
    scribe.put(4)
    assert follower.status().indexed_height < scribe.application.chain.height
    release.set()
    thread.join()
    assert follower.wait_for(scribe.application.chain.height, WAIT_S)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.requirement("BJ.portability.adaptability.03")
def test_killed_at_random_moments_the_index_equals_the_ledger(tmp_path, kind, request, capsys):
    """About 10 s each: five kills of a node under load that follows an index."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    with capsys.disabled():
        print(f"\n  index kill test ({kind}): seed {seed}")
    actor = new_actor()
    path = make_chain(tmp_path / "data", actor)
    given = "" if kind == "sqlite" else request.getfixturevalue("postgres").create()
    behind = []
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.services.index_child", str(path), given],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        child.stdin.write(actor.secret.hex() + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "open\n"
        time.sleep(rng.uniform(0, LOAD_S_MAX))
        assert child.poll() is None, "the child ended by itself"
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        with open_embedded(path, options=SMALL) as node:
            database = IndexDatabase(database_url(given, path))
            behind.append(check_index(node.application, database))
            assert behind[-1].difference is None  # what is there is right, up to the cursor
            follower = IndexFollower(node.application, database)
            follower.start()
            assert follower.wait_for(node.application.chain.height, WAIT_S)
            report = check_index(node.application, database)
            assert report.difference is None
            assert report.indexed_height == node.application.chain.height
            follower.stop()
    assert any(report.indexed_height < report.height for report in behind), "no kill found the index behind"
    assert behind[-1].height > 10


@pytest.mark.parametrize(
    "given",
    ["mysql://u@h/db", "nothing", "sqlite://", "sqlite:///:memory:", "postgresql://u@h:port/db", "file:index", "://"],
)
def test_a_url_that_is_none_is_refused(given):
    with pytest.raises(UsageError) as refused:
        database_url(given, None)
    assert "index_url" in str(refused.value)


def test_a_password_is_never_shown():
    database = IndexDatabase(database_url("postgresql://user:secret@127.0.0.1:1/db", None))
    assert "secret" not in database.shown_url
    assert database.url.password == "secret"
    given = "postgresql://user@127.0.0.1:1/db?password=secret&sslpassword=secret&sslmode=require"
    database = IndexDatabase(database_url(given, None))
    assert "secret" not in database.shown_url
    assert "sslmode=require" in database.shown_url
    assert (database.url.query["password"], database.url.query["sslpassword"]) == ("secret", "secret")
