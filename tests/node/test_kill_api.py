"""SIGKILL of `govchain up` under load over HTTP: what was acknowledged is there, once, and the index is the ledger's.

Twenty starts of a whole node take most of the time: about 40 s on two free cores.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time

import msgspec
import pytest

from govchain.index.database import IndexDatabase, database_url
from govchain.node.embedded import open_embedded
from govchain.ops import doctor
from govchain.sdk.wire import ENVELOPE_TYPE, ENVELOPES_TYPE
from govchain.services.indexing import IndexFollower, check_index
from tests.node.kit import SMALL, make_chain, transaction_id
from tests.node.test_kill import RESTART_MS_MAX, Watched
from tests.node.up_kit import running

#: Envelopes of one request of each client, and whether it waits until they are durable.
CLIENTS = ((1, True), (1, True), (7, True), (40, True), (3, False))
#: The load runs for a random time up to this (seconds) after its first acknowledgement, then the kill comes.
LOAD_S_MAX = 0.4
ROUNDS = 20
ROUNDS_LONG = 200


class Client(threading.Thread):
    """Hands in new records until the node is gone; remembers what it began and what was acknowledged."""

    def __init__(self, node, actor, size, waits, first):
        super().__init__(daemon=True)
        self.place = node.url.removeprefix("http://")
        self.actor, self.size, self.waits, self.first = actor, size, waits, first
        self.begun: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        self.refused: list[str] = []

    def run(self):
        query = "?wait=committed" if self.waits else ""
        with (
            contextlib.closing(http.client.HTTPConnection(self.place, timeout=30)) as connection,
            contextlib.suppress(OSError, http.client.HTTPException),
        ):
            while True:
                envelopes = [self.actor.put(reference=f"case-{self.size}") for _ in range(self.size)]
                ids = list(map(transaction_id, envelopes))
                self.begun.update(ids)
                single = self.size == 1
                body = envelopes[0] if single else msgspec.msgpack.encode(envelopes)
                kind = ENVELOPE_TYPE if single else ENVELOPES_TYPE
                connection.request("POST", f"/v1/transactions{query}", body, {"Content-Type": kind})
                answer = connection.getresponse()
                data = answer.read()
                if answer.status not in (200, 202):
                    self.refused.append(data.decode())
                    return
                for submission, id_ in zip(json.loads(data)["submissions"], ids, strict=True):
                    assert submission["id"] == id_.hex()
                    if submission["code"] != "OK":
                        self.refused.append(submission["code"])
                    elif submission["receipt"]:
                        self.acknowledged.add(id_)
                        self.first.set()


class WatchedNode(Watched):
    """The same watch over a node behind HTTP."""

    def round(self, rng):
        """Start a node, load it, kill it at a random moment of the load."""
        start = time.perf_counter()
        with running(self.path, "--rate-address", "0") as node:
            first = threading.Event()
            clients = [Client(node, self.actor, size, waits, first) for size, waits in CLIENTS]
            for client in clients:
                client.start()
            assert first.wait(30), [client.refused for client in clients]
            self.restarts_ms.append((time.perf_counter() - start) * 1000)
            time.sleep(rng.uniform(0, LOAD_S_MAX))
            assert node.process.poll() is None, "the node ended by itself"
            node.signal(signal.SIGKILL)
            # The fault bit: the process died by this signal and no other way.
            assert node.process.wait(30) == -signal.SIGKILL
            for client in clients:
                client.join(30)
                assert not client.is_alive()
                assert client.refused == []
                self.begun |= client.begun
                self.acknowledged |= client.acknowledged
            self.under_way.append(sum(len(client.begun - client.acknowledged) for client in clients if client.waits))


def kill_rounds(tmp_path, actor, rounds, capsys):
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    with capsys.disabled():
        print(f"\n  kill over HTTP: seed {seed}")
    began = time.perf_counter()
    path = make_chain(tmp_path / "data", actor, checkpoint_writes_min=500, checkpoint_delay_blocks=5)
    watched = WatchedNode(path, actor)
    for number in range(rounds):
        watched.round(rng)
        assert watched.acknowledged, "nothing was acknowledged before the first kill"
        if number % 10 == 9:
            watched.check()
    watched.check_from_the_start()
    assert sum(1 for count in watched.under_way if count) >= rounds * 0.9, watched.under_way
    assert max(watched.restarts_ms) <= RESTART_MS_MAX
    lag, rows = check_the_index(path, watched)
    report = doctor.run(path, now=time.time_ns() // 1_000_000, replay=False)
    assert report.clean, report.findings
    ordered = sorted(watched.restarts_ms)
    with capsys.disabled():
        print(
            f"  {rounds} kills in {time.perf_counter() - began:.0f} s, {len(watched.acknowledged)} acknowledged,"
            f" {sum(watched.under_way)} under way, {watched.height} blocks; start to first commit: median"
            f" {ordered[rounds // 2]:.0f} ms, worst {ordered[-1]:.0f} ms; index: {lag} blocks behind after the last"
            f" kill, then {rows} transactions, equal; doctor clean"
        )


def check_the_index(path, watched):
    """Let the index follow as a restarted node does, and compare every row; blocks it was behind, transactions."""
    with open_embedded(path, options=SMALL) as node:
        database = IndexDatabase(database_url("", path))
        follower = IndexFollower(node.application, database)
        follower.start()
        try:
            assert follower.wait_for(0, 30), follower.status()
            lag = follower.status().lag
            assert follower.wait_for(watched.height, 60), follower.status()
            report = check_index(node.application, database)
            assert report.difference is None
            transactions = follower.status().transactions
            assert transactions == sum(watched.seen.values())
        finally:
            follower.stop()
    return lag, transactions


@pytest.mark.timeout(3600)
@pytest.mark.requirement("BJ.reliability.recoverability.03")
def test_killed_twenty_times_under_load_over_http(tmp_path, actor, capsys):
    kill_rounds(tmp_path, actor, ROUNDS_LONG if os.environ.get("GOVCHAIN_TEST_LONG") else ROUNDS, capsys)
