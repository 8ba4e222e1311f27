"""The server that the engine's process calls: a unix socket, length-delimited protobuf, a thread for each connection.

Purpose: CometBFT opens four connections (consensus, mempool, query, snapshot) and sends requests on each, one after the
other; each is answered in order, on that connection's thread, by a handler that is handed in.
Rules: a message is bounded by ``message_bytes_max`` before it is read; anything that is not a message ends that
connection and is told once; a handler that raises answers the engine with an exception, which ends the engine (its
supervisor starts it again). A connection belongs to one run of the engine: :meth:`AbciServer.drop_connections` ends all
of them and waits until no handler works for them any more, so that nothing of a dead engine happens after its successor
began. The socket lies in a folder of its owner; its path may be of any length.
Not here: what the requests mean (:mod:`govchain.consensus.cometbft.handlers`).

Framing (CometBFT's abci client, version 0.39): an unsigned varint with the message's length, then the message. Answers
are held back until the engine asks for them (``flush``).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from govchain.consensus.cometbft.protos import abci_pb2 as abci

__all__ = ["CONNECTIONS_MAX", "AbciServer", "FrameReader", "FramingError", "frame_message"]

#: Connections at a time: four of the running engine, and as many again of one that just died.
CONNECTIONS_MAX: Final = 8
#: An unsigned varint of a length below 2^35 has at most this many bytes.
_VARINT_BYTES_MAX: Final = 5
#: Answers that are held back are sent when they reach this size, asked for or not.
_HELD_BYTES_MAX: Final = 1024 * 1024
_RECEIVE_BYTES: Final = 256 * 1024

#: Answers a request; runs on the connection's thread. The number tells connections apart.
Handler = Callable[[abci.Request, int], abci.Response]


class FramingError(Exception):
    """What came is no message: too long, cut, or not protobuf. It never leaves this module's server."""


def frame_message(data: bytes) -> bytes:
    """``data`` with its length before it."""
    length, head = len(data), bytearray()
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + data


class FrameReader:
    """Messages out of a stream of bytes, each at most ``bytes_max`` long."""

    def __init__(self, receive: Callable[[int], bytes], bytes_max: int) -> None:
        """Read with ``receive``, which answers at most as many bytes as asked for, and none at the end."""
        self._receive = receive
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    def next(self) -> bytes | None:
        """The next message; None at the end of the stream.

        Raises:
            FramingError: a length that is too long or no varint; a message that is cut.
        """
        length = self._length()
        if length is None:
            return None
        while len(self._buffer) < length:
            data = self._receive(max(_RECEIVE_BYTES, length - len(self._buffer)))
            if not data:
                raise FramingError(f"cut after {len(self._buffer)} of {length} bytes")
            self._buffer += data
        message = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return message

    def _length(self) -> int | None:
        place = 0
        length = 0
        while True:
            while place >= len(self._buffer):
                data = self._receive(_RECEIVE_BYTES)
                if not data:
                    if self._buffer:
                        raise FramingError("cut within a length")
                    return None
                self._buffer += data
            byte = self._buffer[place]
            length |= (byte & 0x7F) << (7 * place)
            place += 1
            if byte < 0x80:
                break
            if place >= _VARINT_BYTES_MAX:
                raise FramingError("a length of too many bytes")
        if length > self._bytes_max:
            raise FramingError(f"a message of {length} bytes")
        del self._buffer[:place]
        return length


class AbciServer:
    """See the module.

    Args:
        path: of the socket; a file that is left there is removed.
        handler: answers every request but ``echo`` and ``flush``; may raise, which ends the engine.
        message_bytes_max: the largest request that is read.
        on_problem: hears, once for each connection, why one was ended that the engine did not end itself.
    """

    def __init__(self, path: Path, handler: Handler, message_bytes_max: int, on_problem: Callable[[str], None]) -> None:
        """Does nothing before :meth:`start`."""
        self._path = path
        self._handler = handler
        self._bytes_max = message_bytes_max
        self._on_problem = on_problem
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._connections: dict[int, tuple[socket.socket, threading.Thread]] = {}
        self._number = 0
        self._closed = False

    def start(self) -> None:
        """Listen, and serve whoever connects.

        Raises:
            OSError: when the socket cannot be made.
        """
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path.name, dir_fd=folder)
            listener.bind(f"/proc/self/fd/{folder}/{self._path.name}")
            self._path.chmod(0o600)
            listener.listen(CONNECTIONS_MAX)
        except BaseException:
            listener.close()
            raise
        finally:
            os.close(folder)
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), name="abci-accept", daemon=True)
        self._accepting.start()

    def drop_connections(self) -> None:
        """End every connection and wait until its thread is done with its last request."""
        with self._lock:
            open_now = list(self._connections.values())
        for connection, _ in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in open_now:
            if thread is not threading.current_thread():
                thread.join()

    def stop(self) -> None:
        """Listen no more, end every connection, remove the socket."""
        with self._lock:
            self._closed = True
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        if self._accepting is not None:
            self._accepting.join()
            self._accepting = None
        self.drop_connections()

    # -- threads ---------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                refused = self._closed or len(self._connections) >= CONNECTIONS_MAX
                if not refused:
                    self._number += 1
                    number = self._number
                    thread = threading.Thread(
                        target=self._serve, args=(connection, number), name=f"abci-{number}", daemon=True
                    )
                    self._connections[number] = (connection, thread)
                    thread.start()
            if refused:
                connection.close()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection:
                self._answer_all(connection, number)
        except FramingError as error:
            self._on_problem(f"connection {number}: {error}")
        except OSError:
            pass  # the engine is gone; its supervisor says so
        finally:
            with self._lock:
                self._connections.pop(number, None)

    def _answer_all(self, connection: socket.socket, number: int) -> None:
        reader = FrameReader(connection.recv, self._bytes_max)
        held = bytearray()
        while (data := reader.next()) is not None:
            try:
                request = abci.Request.FromString(data)
            except DecodeError as error:
                raise FramingError("not a message of ABCI") from error
            kind = request.WhichOneof("value")
            if kind == "flush":
                held += frame_message(abci.Response(flush=abci.ResponseFlush()).SerializeToString())
                connection.sendall(held)
                held.clear()
                continue
            if kind is None:
                raise FramingError("a request of no kind that is known")
            if kind == "echo":
                response = abci.Response(echo=abci.ResponseEcho(message=request.echo.message))
            else:
                try:
                    response = self._handler(request, number)
                except Exception as error:  # noqa: BLE001 - the handler told of it; the engine has to end
                    response = abci.Response(exception=abci.ResponseException(error=str(error)))
            held += frame_message(response.SerializeToString())
            if len(held) > _HELD_BYTES_MAX:
                connection.sendall(held)
                held.clear()
