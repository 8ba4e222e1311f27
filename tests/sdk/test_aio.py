"""The awaited client is the client: every call, the same parameters, the same answers, and the loop never waits."""

import asyncio
import inspect
import threading

import pytest

from govchain.model import Code, RefusedError
from govchain.sdk import Client, EvidenceQuery
from govchain.sdk.aio import THREADS, AsyncClient
from tests.sdk.fake import FakeTransport, Lying
from tests.sdk.support import capture, client_of, write_tree

#: What is no question to the node.
PLAIN = {"account", "aio", "genesis", "suite"}


def calls(kind):
    return {name for name in vars(kind) if not name.startswith("_")}


def test_it_has_every_call_with_the_same_parameters():
    assert calls(AsyncClient) - {"close"} == calls(Client) - PLAIN
    for name in calls(Client) - PLAIN:
        awaited, plain = getattr(AsyncClient, name), getattr(Client, name)
        assert inspect.iscoroutinefunction(awaited)
        assert inspect.signature(awaited) == inspect.signature(plain)
        assert awaited.__doc__ == plain.__doc__


@pytest.fixture
def files(tmp_path):
    write_tree(tmp_path, {f"in/{number}.txt": f"content {number}" for number in range(8)})
    return capture(tmp_path / "in").files


def test_many_calls_at_once(tmp_path, files):
    async def work(client):
        made = await asyncio.gather(*(client.aio.put_file(file, reference="all") for file in files))
        found = await client.aio.find(EvidenceQuery(reference="all"))
        assert {one.record.id for one in found} == {one.id for one in made}
        status = await asyncio.gather(*(client.aio.status(one.id) for one in made))
        assert {one.state for one in status} == {"in_force"}
        with pytest.raises(RefusedError) as refused:
            await client.aio.withdraw("ab" * 32)
        assert refused.value.code is Code.EVIDENCE_UNKNOWN
        client.aio.close()

    with client_of(tmp_path, Alone(FakeTransport())) as client:
        asyncio.run(work(client))


class Alone:
    """The fake node, which takes one question at a time as its chain is one list."""

    def __init__(self, node):
        self._node, self._lock = node, threading.Lock()

    def __getattr__(self, name):
        found = getattr(self._node, name)
        if not callable(found):
            return found

        def ask(*given, **named):
            with self._lock:
                return found(*given, **named)

        return ask


def test_the_loop_goes_on_while_calls_wait_and_a_cancelled_one_is_let_go(tmp_path):
    asked, go_on = threading.Semaphore(0), threading.Event()

    def wait(status):
        asked.release()
        assert go_on.wait(20)
        return status

    async def work(client):
        waiting = [asyncio.create_task(client.aio.chain_status()) for _ in range(THREADS + 2)]
        for _ in range(THREADS):
            await asyncio.to_thread(asked.acquire)
        assert not any(task.done() for task in waiting)
        assert not asked.acquire(blocking=False)
        waiting[0].cancel()
        waiting[-1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        go_on.set()
        answers = await asyncio.gather(*waiting[1:-1])
        assert {answer.chain for answer in answers} == {client.genesis.chain}
        client.aio.close()

    with client_of(tmp_path, Lying(FakeTransport(), status=wait)) as client:
        asyncio.run(work(client))
