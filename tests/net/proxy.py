"""TCP proxies between the nodes of a network: the way between two nodes is cut, held up, slowed or altered.

Each node's member file declares addresses of proxies; the node itself listens elsewhere (settings ``peers_listen``,
``engine_listen``), as behind any gateway. A proxy knows where a connection leads; who dialled it is found in the
system's table of connections, by the process that holds the other end. One event loop in one thread serves all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

PIECE = 16_384
#: Pieces on the way in one direction of a connection; what is more waits at the sender.
PIECES_MAX = 16
#: Bytes that the system keeps for a connection, so that a slow way is felt by its sender.
SYSTEM_BYTES = 65_536
ROUTES = ("peers", "engine")


@dataclass(frozen=True)
class Fault:
    """What happens on a way. All of it may be combined; nothing set: bytes pass.

    ``refuse``: connections end and none begins. ``hold``: connections stay and nothing passes; what was sent arrives
    once it is lifted. ``delay_s`` for every byte; ``bytes_s`` at most, in each direction of a connection. ``alter``: in
    every so many pieces one bit is another. ``cut``: a connection ends in the middle of the piece that makes so many
    bytes in one direction.
    """

    refuse: bool = False
    hold: bool = False
    delay_s: float = 0.0
    bytes_s: int = 0
    alter: int = 0
    cut: int = 0


CLEAR = Fault()


@dataclass(eq=False)
class Connection:
    """One connection through a proxy: between which nodes (sorted), on which route."""

    nodes: tuple[str, ...]
    route: str
    writers: tuple[asyncio.StreamWriter, ...] = ()
    carried: Counter[int] = field(default_factory=Counter)

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Links:
    """All ways between the nodes of a network; a context manager.

    Args:
        ways: where each node's proxies listen and lead: ``{(node, route): (port, port)}``, on loopback.
        processes: the ids of each node's processes, now.
    """

    def __init__(
        self, ways: Mapping[tuple[str, str], tuple[int, int]], processes: Callable[[], Mapping[str, Iterable[int]]]
    ) -> None:
        self.nodes = sorted({node for node, _ in ways})
        #: What happened, by (nodes, route, what): ``connected``, ``refused``, ``altered``, ``cut``, ``bytes``.
        self.counts: Counter[tuple[tuple[str, ...], str, str]] = Counter()
        self._ways = ways
        self._processes = processes
        self._faults: Mapping[tuple[tuple[str, ...], str], Fault] = {}
        self._changed = asyncio.Event()
        self._open: set[Connection] = set()
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)

    # -- what tests do ---------------------------------------------------------------------------------------------

    def set(self, fault: Fault, one: Iterable[str], others: Iterable[str] = (), routes: Iterable[str] = ROUTES) -> None:
        """From now on ``fault`` is on the ways between ``one`` and ``others``.

        ``others`` left out: all nodes that are not among ``one``; where none is left, all nodes.
        """
        ours = set(one)
        theirs = set(others) or set(self.nodes) - ours or ours
        pairs = {tuple(sorted((first, second))) for first in ours for second in theirs if first != second}
        faults = {(pair, route): fault for pair in pairs for route in routes}

        self._call(self._change, {**self._faults, **faults})

    def heal(self) -> None:
        """Every way is as it should be."""
        self._call(self._change, {})

    def count(self, what: str, node: str = "", route: str = "") -> int:
        """How often that happened, on the ways of ``node`` or all, on ``route`` or both."""
        return sum(
            count
            for (nodes, on, happened), count in self.counts.copy().items()
            if happened == what and (not node or node in nodes) and (not route or on == route)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        for (node, route), (port, target) in self._ways.items():
            listener = socket.socket()
            self._listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BYTES)
            listener.bind(("127.0.0.1", port))
            listener.listen(64)
            listener.setblocking(False)
            self._call(self._begin, self._accept(listener, node, route, target))
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # what was aborted is closed in the next turn of the loop

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        for listener in self._listeners:
            listener.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _call(self, what: Callable[..., object], *told: object) -> None:
        """Do something in the loop's thread, and wait for it."""

        async def run() -> None:
            what(*told)

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _change(self, faults: Mapping[tuple[tuple[str, ...], str], Fault]) -> None:
        self._faults = faults
        for connection in list(self._open):
            if self._fault(connection).refuse:
                connection.abort()
        self._changed.set()
        self._changed = asyncio.Event()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fault(self, connection: Connection) -> Fault:
        return self._faults.get((connection.nodes, connection.route), CLEAR)

    def _count(self, connection: Connection, what: str, count: int = 1) -> None:
        self.counts[connection.nodes, connection.route, what] += count

    async def _accept(self, listener: socket.socket, node: str, route: str, target: int) -> None:
        while True:
            near, address = await self._loop.sock_accept(listener)
            self._begin(self._serve(near, address[1], node, route, target))

    async def _serve(self, near: socket.socket, source: int, node: str, route: str, target: int) -> None:
        with contextlib.ExitStack() as sockets:
            sockets.callback(near.close)
            port = near.getsockname()[1]
            dialler = await self._loop.run_in_executor(None, self._owner, source, port)
            connection = Connection(tuple(sorted((dialler, node))), route)
            if not dialler or self._fault(connection).refuse:
                self._count(connection, "refused")
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                return
            far = socket.socket()
            sockets.callback(far.close)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SYSTEM_BYTES)
            far.setblocking(False)
            try:
                await self._loop.sock_connect(far, ("127.0.0.1", target))
            except OSError:
                return  # that node does not run
            ends = [await asyncio.open_connection(sock=each, limit=PIECE) for each in (near, far)]
            connection.writers = tuple(writer for _, writer in ends)
            sockets.pop_all()  # the writers close them
        self._open.add(connection)
        self._count(connection, "connected")
        try:
            async with asyncio.TaskGroup() as group:
                for number in (0, 1):
                    group.create_task(self._carry(connection, number, ends[number][0], ends[1 - number][1]))
        except* OSError:
            pass  # one end went away
        finally:
            self._open.discard(connection)
            connection.abort()

    def _owner(self, source: int, port: int) -> str:
        """The node one of whose processes holds the connection from ``source`` to ``port``; empty: it has gone."""
        inode = _inode(source, port)
        if inode:
            wanted = f"socket:[{inode}]"
            for node, pids in self._processes().items():
                if any(wanted in _open_files(pid) for pid in pids):
                    return node
        return ""

    async def _carry(
        self, connection: Connection, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One direction of a connection."""
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_MAX)

        async def fetch() -> None:
            while data := await reader.read(PIECE):
                await way.put((self._loop.time(), data))
            await way.put((self._loop.time(), b""))

        async with asyncio.TaskGroup() as group:
            group.create_task(fetch())
            free_s, pieces = 0.0, 0
            while True:
                came_s, data = await way.get()
                while (fault := self._fault(connection)).hold:
                    await self._changed.wait()
                now = self._loop.time()
                if fault.bytes_s:
                    free_s = max(free_s, now) + len(data) / fault.bytes_s
                await asyncio.sleep(max(0.0, came_s + fault.delay_s - now, free_s - now))
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                pieces += 1
                if fault.alter and pieces % fault.alter == 0:
                    data = data[:-1] + bytes([data[-1] ^ 0x10])
                    self._count(connection, "altered")
                before = connection.carried[number]
                if fault.cut and before + len(data) > fault.cut:
                    writer.write(data[: max(1, len(data) // 2)])
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await writer.drain()
                    self._count(connection, "cut")
                    raise ConnectionAbortedError
                connection.carried[number] += len(data)
                self._count(connection, "bytes", len(data))
                writer.write(data)
                await writer.drain()


def _inode(source: int, port: int) -> int:
    """Of the socket on loopback that is connected from ``source`` to ``port`` (``/proc/net/tcp``); 0: there is none."""
    ends = (f"{source:04X}", f"{port:04X}")
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        row = line.split()
        if (row[1][-4:], row[2][-4:]) == ends:
            return int(row[9])
    return 0


def _open_files(pid: int) -> set[str]:
    """What the process has open, as the system names it."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(entry))
    return found
