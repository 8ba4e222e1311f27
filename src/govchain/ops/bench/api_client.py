"""One client process of ``govchain bench api``: keep-alive connections that hand in, read or listen, as a job says.

Purpose: load that costs as little as it can, since it shares the machine with the node. Rules: one line of JSON on
standard input is the job; it says ``ready`` once everything is read and connected, waits for ``go``, and ends with one
line of JSON. Nothing is signed here. An answer other than the expected one is counted as failed, never passed over; one
that says "later" (429, 503) is sent again.
Not here: which jobs there are in what order (``api``), a general HTTP client (``sdk.http``): answers of a node have a
length, and that is all that is understood.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from govchain.model.decoders import json_decoder
from govchain.ops.bench.workload import read_batches
from govchain.sdk.wire import ENVELOPE_TYPE, ENVELOPES_TYPE

__all__ = ["Job", "Result", "main"]

#: How long a request that was told "later" waits, in seconds.
_LATER_S: Final = 0.05
#: How often the requests that are due are looked for under an open loop, in seconds.
_TICK_S: Final = 0.002
_TAKEN: Final = b'"code":"OK"'
_LENGTH: Final = b"content-length: "
_HEAD_END: Final = b"\r\n\r\n"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one client process does.

    Attributes:
        kind: ``submit``, ``read`` or ``listen``.
        host: the node's address.
        port: its port.
        connections: connections kept open.
        files: for ``submit``: files of signed envelopes (``workload``).
        batch: envelopes of one request; 1 sends each as it is.
        wait: whether a request waits until its transactions are durable.
        rate: requests a second by the clock, whether or not answers keep up; 0 sends on as soon as an answer came.
        paths: for ``read``: what is asked for, in turn; for ``listen``: the stream.
        seconds: how long ``read`` goes on.
    """

    kind: str
    host: str
    port: int
    connections: int
    files: list[str] = []
    batch: int = 1
    wait: bool = False
    rate: float = 0
    paths: list[str] = []
    seconds: float = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: requests answered, sent again, failed; latencies in ms; seconds of processor time."""

    requests: int
    again: int
    failed: int
    latencies_ms: list[float]
    processor_s: float
    first_failure: str = ""


class _Connection(asyncio.Protocol):
    """One connection: sends a request, reads its answer, tells ``load``."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._missing = -1
        self.transport: asyncio.Transport
        self.item: tuple[float, bytes] = (0.0, b"")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is registered nowhere

    def send(self, item: tuple[float, bytes]) -> None:
        """Send the request of ``item``: when it was due (monotonic seconds), and its bytes."""
        self.item = item
        self.transport.write(item[1])

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if self._missing < 0:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return
            head = buffer[:end].lower()
            place = head.find(_LENGTH)
            length = 0 if place < 0 else int(head[place + len(_LENGTH) :].partition(b"\r")[0])
            self._missing = end + len(_HEAD_END) + length
        if len(buffer) < self._missing:
            return
        self._buffer, self._missing = b"", -1
        self._load.answered(self, int(buffer[9:12]), buffer)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._load.lost(self)


class _Load:
    """Requests over some connections: closed loop, or open loop by the clock."""

    def __init__(self, job: Job, requests: Iterator[bytes], expected: Callable[[int, bytes], bool]) -> None:
        self._job = job
        self._requests = requests
        self._expected = expected
        self._open = 0
        self._free: list[_Connection] = []
        self._due: deque[tuple[float, bytes]] = deque()
        self._latencies: list[float] = []
        self._again = self._failed = self._under_way = 0
        self._failure = ""
        self._exhausted = False
        self._over_s = float("inf")
        self._start_s = 0.0
        self._planned = 0
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()

    async def connect(self) -> None:
        """Open all connections."""
        for _ in range(self._job.connections):
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), self._job.host, self._job.port
            )
            self._free.append(connection)
            self._open += 1

    async def run(self) -> Result:
        """Until there is nothing more to send and everything is answered."""
        processor_s = time.process_time()
        self._start_s = time.monotonic()
        if self._job.seconds:
            self._over_s = self._start_s + self._job.seconds
        if self._job.rate:
            self._tick()
        else:
            for connection in list(self._free):
                self._next(connection)
        await self._finished
        return Result(
            requests=len(self._latencies),
            again=self._again,
            failed=self._failed,
            latencies_ms=self._latencies,
            processor_s=round(time.process_time() - processor_s, 3),
            first_failure=self._failure,
        )

    def _tick(self) -> None:
        """Open loop: send what is due; a request that finds no free connection waits for one, and its clock runs."""
        now_s = time.monotonic()
        while not self._exhausted:
            due_s = self._start_s + self._planned / self._job.rate
            if due_s > now_s:
                break
            request = next(self._requests, None)
            if request is None:
                self._exhausted = True
                break
            self._planned += 1
            self._due.append((due_s, request))
        self._flush()
        if not self._exhausted:
            self._loop.call_later(_TICK_S, self._tick)
        else:
            self._end()

    def _flush(self) -> None:
        while self._due and self._free:
            self._send(self._free.pop(), self._due.popleft())

    def _send(self, connection: _Connection, item: tuple[float, bytes]) -> None:
        self._under_way += 1
        connection.send(item)

    def _next(self, connection: _Connection) -> None:
        """Closed loop: the next request over this connection."""
        if connection in self._free:
            self._free.remove(connection)
        now_s = time.monotonic()
        request = None if self._exhausted or now_s >= self._over_s else next(self._requests, None)
        if request is None:
            self._exhausted = True
            self._end()
        else:
            self._send(connection, (now_s, request))

    def answered(self, connection: _Connection, status: int, answer: bytes) -> None:
        """An answer came."""
        self._under_way -= 1
        item = connection.item
        if status in (429, 503):
            self._again += 1
            self._under_way += 1
            self._loop.call_later(_LATER_S, self._repeat, connection, item)
            return
        self._latencies.append(round((time.monotonic() - item[0]) * 1000, 2))
        if not self._expected(status, answer):
            self._failed += 1
            self._failure = self._failure or answer[:2000].decode("latin-1")
        if self._job.rate:
            self._free.append(connection)
            self._flush()
            self._end()
        else:
            self._next(connection)

    def _repeat(self, connection: _Connection, item: tuple[float, bytes]) -> None:
        self._under_way -= 1
        self._send(connection, item)

    def lost(self, connection: _Connection) -> None:
        """The node closed a connection: nothing may do so under load."""
        del connection
        if not self._finished.done():
            self._finished.set_exception(ConnectionError("the node closed a connection"))

    def _end(self) -> None:
        if self._exhausted and not self._under_way and not self._due and not self._finished.done():
            self._finished.set_result(None)


def _submissions(job: Job) -> tuple[Iterator[bytes], Callable[[int, bytes], bool]]:
    """The requests of a job that hands in, made before the clock starts, and what their answers must be."""
    kind = ENVELOPE_TYPE if job.batch == 1 else ENVELOPES_TYPE
    query = "?wait=committed&timeout_ms=60000" if job.wait else ""
    head = f"POST /v1/transactions{query} HTTP/1.1\r\nHost: node\r\nContent-Type: {kind}\r\nContent-Length: "
    requests: list[bytes] = []
    for envelopes in read_batches([Path(name) for name in job.files], job.batch):
        body = envelopes[0] if job.batch == 1 else msgspec.msgpack.encode(envelopes)
        requests.append(f"{head}{len(body)}\r\n\r\n".encode() + body)
    wanted = 200 if job.wait else 202

    def expected(status: int, answer: bytes) -> bool:
        return status == wanted and answer.count(_TAKEN) == answer.count(b'"id":') > 0

    return iter(requests), expected


def _readings(job: Job) -> tuple[Iterator[bytes], Callable[[int, bytes], bool]]:
    requests = [f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode() for path in job.paths]

    def turn() -> Iterator[bytes]:
        while True:
            yield from requests

    return turn(), lambda status, _: status == 200


class _Listener(asyncio.Protocol):
    """A subscriber that says when its first bytes came, and takes whatever comes."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.begun: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self.taken += len(data)
        if not self.begun.done():
            self.begun.set_result(data.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.begun.done():
            self.begun.set_result(False)


async def _listen(job: Job) -> Result:
    """Subscribers that wait until standard input ends."""
    loop = asyncio.get_running_loop()
    request = f"GET {job.paths[0]} HTTP/1.1\r\nHost: node\r\n\r\n".encode()
    listeners: list[_Listener] = []
    for _ in range(job.connections):
        _, listener = await loop.create_connection(lambda: _Listener(request), job.host, job.port)
        listeners.append(listener)
    begun = [await listener.begun for listener in listeners]
    _say("ready")
    await loop.run_in_executor(None, sys.stdin.readline)
    return Result(
        requests=begun.count(True),
        again=0,
        failed=begun.count(False),
        latencies_ms=[],
        processor_s=round(time.process_time(), 3),
    )


async def _run(job: Job) -> Result:
    if job.kind == "listen":
        return await _listen(job)
    load = _Load(job, *(_submissions(job) if job.kind == "submit" else _readings(job)))
    await load.connect()
    _say("ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return await load.run()


def _say(text: str) -> None:
    """One line on standard output, all of it: a pipe may take less than it is given."""
    data = text.encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Do the job on standard input."""
    job = json_decoder(Job).decode(sys.stdin.readline())
    _say(json.dumps(msgspec.to_builtins(uvloop.run(_run(job)))))


if __name__ == "__main__":
    main()
