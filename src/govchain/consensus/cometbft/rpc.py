"""What the engine says of itself: its RPC over a unix socket, read-only and bounded.

Purpose: height, round, proposer, peers, whose votes are missing, for ``status``, metrics and the watch over a height
that stands still.
Rules: every answer is bounded in bytes and time; whatever cannot be read is None or empty, never an exception: an
engine that is just starting has no answers.
Not here: what follows from them (:mod:`govchain.consensus.cometbft.engine`).
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["EngineRpc", "RoundState"]

_ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
#: The engine's form of a list of votes: ``BA{4:x_x_} 2/4 = 0.50``.
_BITS: Final = re.compile(r"^BA\{\d+:([x_]*)\}")
#: The step from which precommits are waited for.
_PRECOMMIT: Final = 6
_FAULTS: Final = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class RoundState:
    """Where the engine's voting is.

    Attributes:
        height, round, step: of the block in work; step 3 is the proposal, 4 to 5 prevotes, 6 to 7 precommits.
        proposer: engine address of the round's proposer (20 bytes).
        missing: engine addresses of members whose vote of this step and round has not come.
        peer_heights: the heights that connected engines say they are at.
    """

    height: int
    round: int
    step: int
    proposer: bytes
    missing: tuple[bytes, ...]
    peer_heights: tuple[int, ...]


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket at a path of any length."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class EngineRpc:
    """See the module. ``path`` is the engine's RPC socket."""

    def __init__(self, path: Path, timeout_s: float = 3.0) -> None:
        """Ask at ``path``; every answer within the time."""
        self._path = path
        self._timeout_s = timeout_s

    def healthy(self) -> bool:
        """Whether the engine answers at all."""
        return self._ask("health") is not None

    def height(self) -> tuple[int, bool] | None:
        """The engine's newest block height, and whether it is catching up with others."""
        answer = self._ask("status")
        try:
            sync = answer["sync_info"]
            return int(sync["latest_block_height"]), bool(sync["catching_up"])
        except _FAULTS:
            return None

    def peers(self) -> tuple[bytes, ...]:
        """Node ids (20 bytes) of the engines that this one is connected to."""
        answer = self._ask("net_info")
        try:
            return tuple(bytes.fromhex(peer["node_info"]["id"]) for peer in answer["peers"])
        except _FAULTS:
            return ()

    def validators(self) -> tuple[tuple[bytes, int], ...]:
        """The engine's members at its newest height: 32 bytes of Ed25519 and weight, in the engine's order."""
        answer = self._ask("validators?per_page=100")
        try:
            return tuple(
                (base64.b64decode(each["pub_key"]["value"]), int(each["voting_power"])) for each in answer["validators"]
            )
        except _FAULTS:
            return ()

    def round_state(self) -> RoundState | None:
        """Where the voting is, and who is missing."""
        answer = self._ask("dump_consensus_state")
        try:
            state = answer["round_state"]
            addresses = [bytes.fromhex(each["address"]) for each in state["validators"]["validators"]]
            round_, step = int(state["round"]), int(state["step"])
            return RoundState(
                int(state["height"]),
                round_,
                step,
                bytes.fromhex(state["validators"]["proposer"]["address"]),
                _missing(addresses, state["votes"], round_, "precommits" if step >= _PRECOMMIT else "prevotes"),
                tuple(int(peer["peer_state"]["round_state"]["height"]) for peer in answer["peers"]),
            )
        except _FAULTS:
            return None

    def header_hash(self, height: int) -> bytes | None:
        """The engine's own hash of its header at ``height`` (32 bytes); None where it is not here."""
        answer = self._ask(f"commit?height={height}")
        try:
            return bytes.fromhex(answer["signed_header"]["commit"]["block_id"]["hash"])
        except _FAULTS:
            return None

    def question(self, body: bytes) -> bytes | None:
        """The answer to a JSON-RPC request that somebody else made, as it is; None where there is none."""
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            data = connection.getresponse().read(_ANSWER_BYTES_MAX + 1)
            return data if len(data) <= _ANSWER_BYTES_MAX else None
        except _FAULTS:
            return None
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A connection of bytes to the engine's RPC, for what is carried to another node's light client.

        It has no timeout: a light client keeps its connection for many requests with pauses between them, and takes a
        connection that closed meanwhile for a server that lies.

        Raises:
            OSError: the engine does not listen.
        """
        connection = _UnixConnection(self._path, self._timeout_s)
        connection.connect()
        connection.sock.settimeout(None)
        return connection.sock

    def _ask(self, what: str) -> Any:
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("GET", f"/{what}")
            data = connection.getresponse().read(_ANSWER_BYTES_MAX + 1)
            if len(data) > _ANSWER_BYTES_MAX:
                return None
            return json.loads(data)["result"]
        except _FAULTS:
            return None
        finally:
            connection.close()


def _missing(addresses: list[bytes], votes: list[dict[str, Any]], round_: int, kind: str) -> tuple[bytes, ...]:
    for each in votes:
        found = _BITS.match(str(each[f"{kind}_bit_array"])) if int(each["round"]) == round_ else None
        if found:
            return tuple(address for address, bit in zip(addresses, found.group(1), strict=True) if bit == "_")
    return ()
