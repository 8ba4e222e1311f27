"""The process of `govchain up`: where it listens, how it starts, is stopped, and what it refuses; a real process."""

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest

from govchain.node.embedded import open_embedded
from tests.api.events_kit import until
from tests.node.kit import SMALL, transaction_id
from tests.node.up_kit import WAIT_S, start

ENVELOPE = {"Content-Type": "application/vnd.govchain.envelope"}


@contextlib.contextmanager
def up(path, *options):
    """A node in a process of its own, which does not outlive the block."""
    node = start(path, *options)
    try:
        yield node
    finally:
        if node.process.poll() is None:
            node.process.kill()
        node.process.communicate()


def put(client, envelope, **query):
    return client.post("/v1/transactions", content=envelope, headers=ENVELOPE, params=query)


@pytest.mark.requirement("BJ.function.node.04")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_node_that_is_told_to_end_ends_with_0_and_keeps_everything(chain, actor, tmp_path, number):
    place = tmp_path / "listen"
    envelopes = [actor.put() for _ in range(20)]
    with up(chain, "--listen-file", str(place)) as node:
        assert place.read_text() == node.url + "\n"
        with node.client() as client:
            for envelope in envelopes:
                assert put(client, envelope).status_code == 202
        code, said = node.end(number)
    assert code == 0, said
    assert "Traceback" not in said
    assert not place.exists()
    # What the pool held was ordered before the end, though nobody waited for it.
    with open_embedded(chain, options=SMALL, read_only=True) as opened:
        for envelope in envelopes:
            assert opened.transport.receipt(transaction_id(envelope).hex())


def test_requests_under_way_are_answered_before_the_end_and_new_ones_are_not_taken(chain, actor):
    with up(chain, "--block-wait-ms", "1500") as node, node.client() as client:
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(put(client, actor.put(), wait="committed")))
        waiting.start()
        try:
            with node.client() as other:
                until(lambda: other.get("/v1/chain").json()["pool_transactions"] > 0)
            node.process.send_signal(signal.SIGTERM)
        finally:
            waiting.join(WAIT_S)
        assert answers[0].status_code == 200, answers[0].text
        assert node.ended()[0] == 0
        with pytest.raises(httpx.TransportError), node.client() as late:
            late.get("/v1/health/live")


def test_a_second_signal_ends_at_once_and_loses_nothing_that_was_acknowledged(chain, actor):
    kept, lost = actor.put(), actor.put()
    with up(chain, "--drain-ms-max", "600000") as node, node.client() as client:
        assert put(client, kept, wait="committed").status_code == 200
        with socket.create_connection(node.url.removeprefix("http://").split(":")) as slow:
            # A request that never ends holds the first signal up.
            slow.sendall(b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            slow.sendall(lost[:10])
            assert client.get("/v1/health/live").status_code == 200
            node.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert node.process.poll() is None
            assert node.end(signal.SIGTERM)[0] == 128 + signal.SIGTERM
    with up(chain) as again, again.client() as client:
        assert client.get(f"/v1/transactions/{transaction_id(kept).hex()}").status_code == 200
        assert client.get(f"/v1/transactions/{transaction_id(lost).hex()}").status_code == 404
        assert again.end()[0] == 0


def test_a_rotation_of_the_log_does_not_end_a_node_that_is_closing(chain, actor, tmp_path):
    """SIGHUP from the moment at which the event loop has ended, again and again until the process has."""
    place = tmp_path / "listen"
    with up(chain, "--listen-file", str(place)) as node, node.client() as client:
        envelopes = [actor.put() for _ in range(20)]
        for envelope in envelopes:
            assert put(client, envelope).status_code == 202
        node.process.send_signal(signal.SIGTERM)
        while place.exists():
            assert node.process.poll() is None
        sent = 0
        while node.process.poll() is None:
            node.process.send_signal(signal.SIGHUP)
            sent += 1
            time.sleep(0.0005)  # a flood would take the processor from the node
        code, said = node.ended()
    assert (code, sent > 0) == (0, True), said
    with open_embedded(chain, options=SMALL, read_only=True) as opened:
        assert opened.transport.receipt(transaction_id(envelopes[-1]).hex())


def test_a_directory_has_one_node_and_an_address_too(chain, tmp_path):
    with up(chain) as node:
        code, said = start(chain).ended()
        assert (code, "DATA_DIRECTORY_LOCKED" in said) == (5, True), said
        taken = node.url.removeprefix("http://")
        code, said = start(chain, "--listen", taken).ended()
        assert (code, "LISTEN_FAILED" in said) == (5, True), said
        with node.client() as client:
            assert client.get("/v1/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("options", "environment", "code", "word"),
    [
        (["--listen", "nowhere"], {}, 2, "HOST:PORT"),
        (["--listen", "127.0.0.1:65536"], {}, 2, "HOST:PORT"),
        (["--listen", "127.0.0.1:-1"], {}, 2, "HOST:PORT"),
        (["--listen", "192.0.2.1:0"], {}, 5, "LISTEN_FAILED"),
        (["--read-threads", "0"], {}, 2, "read_threads"),
        (["--no-such-setting", "0"], {}, 2, "no-such-setting"),
        (["--config", "/nowhere/node.toml"], {}, 5, "FILE_UNREADABLE"),
        (["--listen-file", "/nowhere/listen"], {}, 5, "FILE_UNWRITABLE"),
        ([], {"GOVCHAIN_LITEN": "x"}, 2, "GOVCHAIN_LITEN"),
        ([], {"GOVCHAIN_PASSPHRASE": "wrong passphrase"}, 1, "KEY_FILE_PASSPHRASE"),
    ],
)
def test_what_a_node_does_not_start_with(chain, options, environment, code, word):
    ended, said = start(chain, *options, env=environment).ended()
    assert (ended, word in said) == (code, True), said
    assert "Traceback" not in said


def test_reads_are_answered_by_as_many_threads_as_the_settings_say(chain):
    counts = {}
    for wanted in (1, 6):
        with up(chain, "--read-threads", str(wanted), "--index", "false", "--webhooks", "false") as node:
            tasks = f"/proc/{node.process.pid}/task"
            with node.client() as client:
                assert client.get("/v1/health/live").status_code == 200  # answered on the event loop
            before = len(os.listdir(tasks))
            with contextlib.ExitStack() as stack, ThreadPoolExecutor(12) as pool:
                clients = [stack.enter_context(node.client()) for _ in range(12)]

                def burst(clients=clients, pool=pool):
                    answers = list(pool.map(lambda client: client.get("/metrics").status_code, clients * 5))
                    assert answers == [200] * len(answers)

                for _ in range(3):
                    burst()
                until(lambda tasks=tasks, least=before + wanted: burst() or len(os.listdir(tasks)) >= least)
                counts[wanted] = len(os.listdir(tasks)) - before
            assert node.end()[0] == 0
    assert counts == {1: 1, 6: 6}


def test_the_pool_holds_so_many_transactions(chain, actor):
    with up(chain, "--pool-transactions-max", "3", "--block-wait-ms", "10000") as node, node.client() as client:
        answers = [put(client, actor.put()) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 503]
        assert answers[3].json()["code"] == "POOL_FULL"
        assert client.get("/v1/chain").json()["pool_transactions"] == 3
        assert node.end()[0] == 0


def test_the_pool_holds_so_many_bytes(chain, actor):
    bytes_max = 1024 * 1024
    envelopes = [actor.put() for _ in range(bytes_max // len(actor.put()) + 40)]
    many = {"Content-Type": "application/vnd.govchain.envelopes"}
    options = ("--pool-bytes-max", str(bytes_max), "--block-wait-ms", "10000", "--envelopes-max", str(len(envelopes)))
    with up(chain, *options) as node, node.client() as client:
        answer = client.post("/v1/transactions", content=msgspec.msgpack.encode(envelopes), headers=many)
        codes = [entry["code"] for entry in answer.json()["submissions"]]
        taken = sum(len(envelope) for envelope, code in zip(envelopes, codes, strict=True) if code == "OK")
        assert set(codes) == {"OK", "POOL_FULL"}
        assert bytes_max - 2 * len(envelopes[0]) < taken <= bytes_max
        assert node.end()[0] == 0


@pytest.mark.requirement("BJ.maintainability.modifiability.02", "BJ.portability.installability.06")
def test_a_block_waits_as_long_as_the_settings_say(chain, actor, tmp_path):
    """The interval in the settings file takes effect; so do another file, another port, and parts left out."""
    settings = tmp_path / "mine.toml"
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    listening.close()
    heights = {}
    for wait_ms in (0, 400):
        settings.write_text(f'block_wait_ms = {wait_ms}\nlisten = "127.0.0.1:{port}"\nindex = false\n')
        with up(chain, "--config", str(settings), "--listen", f"127.0.0.1:{port}") as node, node.client() as client:
            assert node.url == f"http://127.0.0.1:{port}"
            before = client.get("/v1/chain").json()["height"]
            started = time.monotonic()
            for _ in range(2):
                assert put(client, actor.put(), wait="committed").status_code == 200
            taken = time.monotonic() - started
            heights[wait_ms] = client.get("/v1/chain").json()["height"] - before
            assert taken >= 2 * wait_ms / 1000
            assert client.get("/v1/statistics").json()["code"] in ("SERVICE_OFF", "SESSION_REQUIRED")
            assert node.end()[0] == 0
    assert heights == {0: 2, 400: 2}
    assert [path.name for path in chain.rglob("*") if path.name.startswith("index")] == []
