"""Taking the engine up where a snapshot put the ledger: the note of that, and whom the engine's light client believes.

Purpose: a node that joined by snapshot (``consensus.joining``) has its ledger at an engine height of which its engine
knows nothing. The engine's own state sync brings it there: it is offered a *marker*, a snapshot without contents that
other members have for the heights of theirs, and the application, which is there already, accepts the one of its own
height.
The order is the ledger first, then the engine, since CometBFT takes it: state sync asks Info only at its end, and
compares height and app hash. The other way round every engine would need a transport of its own, its bounds (16 MB a
chunk, 4 MB a manifest) and its checks of whole snapshots. Killed in between, the note says that the engine's empty
store is no loss: what state sync left is taken away and it begins again. The voting state is never touched.
Rules: the light client begins at the header after the ledger's block: it carries the block's identity, which certified
headers proved, and as many members say its hash as there must be for one of them to be honest.
Not here: the ledger's snapshot, questions to other engines (handed in), the engine's process (``engine``).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

from govchain.consensus.cometbft.configuration import StateSync
from govchain.consensus.cometbft.home import write_whole
from govchain.model import Code, GovChainError, UnavailableError

__all__ = ["StateSyncPlanner", "forget_joined", "forget_unfinished", "read_joined", "write_joined"]

#: Beside the engine's folders: the engine height at which the ledger began.
_NOTE: Final = "joined.json"
_NOTE_BYTES_MAX: Final = 4_096
#: Between two rounds of questions.
_PAUSE_S: Final = 0.5
_HASH_BYTES: Final = 32
_FAULTS: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def write_joined(home: Path, engine_height: int) -> None:
    """Note that the ledger begins at that engine height, before anything is installed.

    Raises:
        OSError: when it cannot be written.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(home / _NOTE, json.dumps({"engine_height": engine_height}).encode())


def read_joined(home: Path) -> int:
    """The engine height that was noted, or 0."""
    try:
        with (home / _NOTE).open("rb") as file:
            height = json.loads(file.read(_NOTE_BYTES_MAX))["engine_height"]
    except (OSError, *_FAULTS):
        return 0
    return height if isinstance(height, int) and not isinstance(height, bool) and height > 0 else 0


def forget_joined(home: Path) -> None:
    """The engine has gone on from there: the note is done with."""
    with contextlib.suppress(FileNotFoundError):
        (home / _NOTE).unlink()


def forget_unfinished(home: Path) -> None:
    """Take away what a state sync left that did not come to an end: databases and journal, nothing that votes."""
    data = home / "data"
    for path in [*data.glob("*.db"), data / "cs.wal"]:
        shutil.rmtree(path, ignore_errors=True)


class StateSyncPlanner:
    """Finds two engines to ask, and the header to begin with.

    Args:
        members: keys of the members that can be asked now.
        ask: puts a JSON-RPC request to the engine of a member; raises GovChainError when there is no answer.
        tunnel: an address on this machine (``host:port``) that leads to a member's engine.
        needed: how many members must say the same.
        stop: set to give up.
        patience_s: how long to look.
    """

    def __init__(
        self,
        members: Callable[[], Sequence[bytes]],
        ask: Callable[[bytes, bytes], bytes],
        tunnel: Callable[[bytes], str],
        needed: Callable[[], int],
        stop: threading.Event,
        patience_s: float = 120.0,
    ) -> None:
        self._members = members
        self._ask = ask
        self._tunnel = tunnel
        self._needed = needed
        self._stop = stop
        self._patience_s = patience_s

    def plan(self, engine_height: int, identity: bytes) -> StateSync:
        """How the engine takes up at ``engine_height``, after which the ledger's head is the block ``identity``.

        Raises:
            UnavailableError: ``ENGINE_UNREACHABLE`` when not enough members say the same in time; ``NODE_STOPPING``.
        """
        deadline = monotonic() + self._patience_s
        while True:
            said: dict[bytes, list[bytes]] = {}
            for member in self._members():
                hash_ = self._header_hash(member, engine_height + 1, identity)
                if hash_:
                    said.setdefault(hash_, []).append(member)
            for hash_, members in said.items():
                if len(members) >= self._needed():
                    first, second = members[0], members[-1]
                    return StateSync((self._tunnel(first), self._tunnel(second)), engine_height + 1, hash_)
            if self._stop.wait(_PAUSE_S):
                raise UnavailableError(Code.NODE_STOPPING)
            if monotonic() >= deadline:
                reason = f"no {self._needed()} members show the engine's header {engine_height + 1}"
                raise UnavailableError(Code.ENGINE_UNREACHABLE, reason=reason)

    def _header_hash(self, member: bytes, height: int, identity: bytes) -> bytes:
        """The hash of the header that a member's engine has there, if it carries that identity; otherwise empty."""
        request = {"jsonrpc": "2.0", "id": 1, "method": "commit", "params": {"height": str(height)}}
        try:
            answer: Any = json.loads(self._ask(member, json.dumps(request).encode()))
            signed = answer["result"]["signed_header"]
            if signed["header"]["app_hash"].lower() != identity.hex():
                return b""
            hash_ = bytes.fromhex(signed["commit"]["block_id"]["hash"])
        except (GovChainError, *_FAULTS):
            return b""
        return hash_ if len(hash_) == _HASH_BYTES else b""
