"""Programs that anchor evidence through the SDK while a network is hurt: what was acknowledged to them is remembered.

Rules: an acknowledgement is a receipt that the SDK has verified: the transaction's proof and its block's certificate,
from the genesis on. "Not now" (the node is away, or its chain has no quorum) is counted; anything else (a refusal, a
proof that does not hold, a fault of this file) ends the load, and whoever waits for it or leaves it hears of it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from typing import Self

from govchain.model import Code, UnavailableError
from govchain.ops.net.layout import NodeEntry
from govchain.sdk.capture import capture_contents
from govchain.sdk.client import Client
from govchain.sdk.transactions import now_ms
from tests.net.kit import WAIT_S, Net, wait_until

_contents = itertools.count(1)
#: Between two records of one program: enough to be under way at any moment, few enough to read every block afterwards.
_PAUSE_S = 0.2


class Load:
    """One program for each of the nodes (a node may be named more than once); a context manager.

    ``acknowledged``: ids (hex) of verified records, in the order of their coming. ``not_now``: how often a call failed
    for the time being, by code; such a record may be on the chain or not.
    """

    def __init__(self, net: Net, *nodes: NodeEntry, retries: int = 3) -> None:
        self.acknowledged: list[str] = []
        self.not_now: Counter[Code] = Counter()
        self._net = net
        self._failure: BaseException | None = None
        self._end = threading.Event()
        self._transports = [net.transport(node, retries=retries) for node in nodes]
        clients = [
            Client(way, trust=net.trust, signer=net.officer(node).signer)
            for way, node in zip(self._transports, nodes, strict=True)
        ]
        self._threads = [threading.Thread(target=self._run, args=(client,), daemon=True) for client in clients]
        #: The longest that one call took, in seconds.
        self.slowest_s = 0.0

    def _run(self, client: Client) -> None:
        try:
            while not self._end.is_set():
                self._anchor(client)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits or leaves
            self._failure = error

    def _anchor(self, client: Client) -> None:
        content = b"content %d %d" % (now_ms(), next(_contents))
        (file,) = capture_contents([("a.txt", content)], suite=client.suite, now=now_ms()).files
        began = time.monotonic()
        try:
            self.acknowledged.append(client.put_file(file).id)
        except UnavailableError as error:
            self.not_now[error.code] += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self._end.wait(_PAUSE_S)

    def tell(self, net: Net, drill: str) -> str:
        """A row of what a drill showed, once the ledgers were found to agree: then nothing acknowledged is lost."""
        count = len(self.acknowledged)
        waits = ", ".join(f"{code.name} {times}" for code, times in sorted(self.not_now.items())) or "none"
        return (
            f"  {net.file.engine}, {drill}: {count} records acknowledged, {count} on every node, 0 lost; "
            f"longest wait {self.slowest_s:.1f} s; not now: {waits}"
        )

    def require_sound(self) -> None:
        """Raise what ended the load, if something did."""
        if self._failure is not None:
            raise self._failure

    def wait_for(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Until so many more were acknowledged."""
        wanted = len(self.acknowledged) + count

        def enough() -> bool:
            self.require_sound()
            return len(self.acknowledged) >= wanted

        wait_until(enough, f"{count} more records; not now: {dict(self.not_now)}", timeout_s)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(WAIT_S)
        for way in self._transports:
            way.close()
        if kind is None:
            assert not any(thread.is_alive() for thread in self._threads), "a program does not come to its end"
            self.require_sound()
