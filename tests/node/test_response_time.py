"""Ten thousand requests and a hundred commits against the time that a department's counter needs: seconds, not benches.

The bars of throughput are those of `govchain bench api`; the limits here are those of people who wait, and far off.
"""

import threading
import time
from http.client import HTTPConnection

import pytest

from tests.node.kit import transaction_id
from tests.node.up_kit import running

REQUESTS = 10_000
CLIENTS = 4
COMMITS = 100
#: What a person at a counter needs (ms): an answer within a second, and a receipt within three.
ANSWER_MS_MAX = 1_000
RECEIPT_MS_MAX = 3_000


def share(times, part):
    return sorted(times)[int(len(times) * part)]


def ask(address, path, count, times):
    """So many requests over one connection; the time of each in ms."""
    connection = HTTPConnection(*address)
    for _ in range(count):
        started = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status == 200
    connection.close()


@pytest.mark.requirement("BJ.performance.time.01", "BJ.performance.time.02")
def test_answers_and_receipts_come_within_the_time_that_a_counter_needs(chain, actor, capsys):
    with running(chain, "--rate-address", "0") as node:
        host, port = node.url.removeprefix("http://").split(":")
        commits = []
        with node.client() as client:
            for _ in range(COMMITS):
                envelope = actor.put()
                started = time.perf_counter()
                answer = client.post(
                    "/v1/transactions",
                    params={"wait": "committed"},
                    content=envelope,
                    headers={"Content-Type": "application/vnd.govchain.envelope"},
                )
                commits.append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200
            id = transaction_id(envelope).hex()
        times = []
        asked = ((host, int(port)), f"/v1/transactions/{id}/receipt", REQUESTS // CLIENTS, times)
        clients = [threading.Thread(target=ask, args=asked) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        assert node.stop() == 0
    assert len(times) == REQUESTS
    with capsys.disabled():
        print(
            f"\n{REQUESTS} requests: median {share(times, 0.5):.1f} ms, p99 {share(times, 0.99):.1f} ms; "
            f"{COMMITS} receipts: median {share(commits, 0.5):.1f} ms, p99 {share(commits, 0.99):.1f} ms"
        )
    assert share(times, 0.99) <= ANSWER_MS_MAX
    assert share(commits, 0.99) <= RECEIPT_MS_MAX
