"""Somebody who speaks to a node byte by byte, with or without a known key; and a way between that cuts and alters."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from govchain.peers import Kind, PeerIdentity
from govchain.peers.frames import decode_head, encode_head
from govchain.peers.hello import Hello, encode_hello
from tests.peers.kit import CHAIN, GENESIS, Member, Node, now_ms


def address(node: Node) -> tuple[str, int]:
    host, _, port = node.network.address.rpartition(":")
    return host.strip("[]"), int(port)


def context(member: Member, identity: PeerIdentity | None = None, version=None) -> ssl.SSLContext:
    """The TLS of a client that trusts anybody, shows ``identity`` and offers ``version`` at most."""
    made = (identity or member.identity).context([], server=False)
    made.verify_mode = ssl.CERT_NONE
    if version is not None:
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.maximum_version = version
    return made


class Raw:
    """One TLS connection to a node; ``ended`` tells whether the node has ended it."""

    def __init__(self, node: Node, member: Member, **options) -> None:
        plain = socket.create_connection(address(node), timeout=10)
        try:
            self.socket = context(member, **options).wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        self.buffer = b""

    def hello(self, chain: str = CHAIN, genesis: bytes = GENESIS, versions=(1,), greeting: bytes = b"") -> None:
        body = encode_hello(Hello(versions, genesis, now_ms(), False, greeting))
        self.frame(Kind.HELLO, body, chain=chain)

    def frame(self, kind: Kind, body: bytes, request: int = 0, chain: str = CHAIN) -> None:
        self.socket.sendall(encode_head(chain, kind, request, len(body)) + body)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self):
        """The next frame: head and body; None when the node ended the connection."""
        while True:
            found = decode_head(self.buffer)
            if found is not None:
                head, start = found
                if len(self.buffer) >= start + head.body_bytes:
                    body = self.buffer[start : start + head.body_bytes]
                    self.buffer = self.buffer[start + head.body_bytes :]
                    return head, body
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not more:
                return None
            self.buffer += more

    def read_kind(self, kind: Kind):
        """The next frame of a kind on a chain; keep-alives are passed over."""
        while (frame := self.read()) is not None:
            if frame[0].kind is kind and frame[0].chain:
                return frame
        return None

    def ended(self) -> bool:
        """Whether the node ends the connection, whatever it says before; waits for it."""
        while self.read() is not None:
            pass
        return True

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Proxy:
    """A way to a node on loopback. ``change`` gets each piece of bytes and gives what travels on, or None to cut."""

    def __init__(self, target: tuple[str, int], change: Callable[[bytes], bytes | None] | None = None) -> None:
        self.target = target
        self.change = change or (lambda data: data)
        self.piece = 16_384
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Cut every connection now."""
        with self._lock:
            for found in list(self._open):
                with contextlib.suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)
            self.cuts += 1

    def close(self) -> None:
        self._closing = True
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
        for found in self._open:
            found.close()

    def _accept(self) -> None:
        while not self._closing:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self.target, timeout=5)
            except OSError:
                if self._closing:
                    return
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(self.piece):
                changed = self.change(data)
                if changed is None:
                    with self._lock:
                        self.cuts += 1
                    break
                sink.sendall(changed)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(target: tuple[str, int], change: Callable[[bytes], bytes | None] | None = None) -> Iterator[Proxy]:
    made = Proxy(target, change)
    try:
        yield made
    finally:
        made.close()


def altering(share: float, seed: int) -> Callable[[bytes], bytes]:
    """Alters one byte in about ``share`` of the pieces."""
    source = random.Random(seed)

    def change(data: bytes) -> bytes:
        if source.random() >= share:
            return data
        changed = bytearray(data)
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        return bytes(changed)

    return change


def dropping(share: float, seed: int) -> Callable[[bytes], bytes | None]:
    """Drops about ``share`` of the pieces, after which the way cannot go on and is cut."""
    source = random.Random(seed)
    return lambda data: None if source.random() < share else data
