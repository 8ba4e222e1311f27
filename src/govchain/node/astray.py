"""What a node does about members' signatures that speak of other blocks than its own.

Purpose: it tells of a member that signs two blocks or another one, keeps the proof of the former, and stops when a
quorum signed another block than the one that is here: then this node is wrong.
Rules: who tells it holds locks of its own, so nothing here waits; files are written and the node is halted from
threads of their own. A few proofs against one member are kept and no more: one would do.
Not here: noticing and proving it (``consensus.disagreement``), ending the engine (``consensus.ordering``).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from govchain.consensus.disagreement import FinalitySignature
from govchain.consensus.ordering import OrderingState
from govchain.model import Code

__all__ = ["PROOFS_OF_ONE_MAX", "AstrayWatch"]

#: Proofs against one member that are kept in one run.
PROOFS_OF_ONE_MAX: Final = 8


class AstrayWatch:
    """See the module.

    Args:
        state: the node's, halted with NODE_DIVERGED.
        folder: where proofs of equivocation are kept, made with the first.
        on_notice: hears of other members in words.
    """

    def __init__(
        self,
        state: OrderingState,
        folder: Path,
        on_notice: Callable[[str], None],
    ) -> None:
        """Nothing went astray yet."""
        self._state = state
        self._folder = folder
        self._proofs: dict[bytes, int] = {}
        self._on_notice = on_notice
        self._lock = threading.Lock()
        self._told: set[bytes] = set()
        self._diverged = False

    def equivocated(self, key: bytes, height: int, proof: bytes) -> None:
        """A member signed two blocks of one height: keep the proof, which ``govchain verify`` reads."""
        with self._lock:
            count = self._proofs.get(key, 0)
            self._proofs[key] = count + 1
        if count < PROOFS_OF_ONE_MAX:
            path = self._folder / f"{height}-{_short(key)}.json"
            self._on_notice(f"member {_short(key)} signed two blocks of height {height}; proof: {path}")
            threading.Thread(target=self._keep, args=(path, proof), name="node-proof", daemon=True).start()

    def _keep(self, path: Path, proof: bytes) -> None:
        """Write a proof, whole or not at all."""
        part = path.with_suffix(".part")
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(part, "wb") as file:
                file.write(proof)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except OSError as error:
            self._on_notice(f"proof {path} was not kept: {error.strerror}")
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def disagreed(self, signature: FinalitySignature) -> None:
        """A member signed another block than the one that is here; told once for each member."""
        with self._lock:
            new = signature.key not in self._told
            self._told.add(signature.key)
        if new:
            self._on_notice(f"member {_short(signature.key)} signed another block of height {signature.height}")

    def diverged(self, height: int, reason: str) -> None:
        """A quorum signed another block: stop."""
        with self._lock:
            if self._diverged:
                return
            self._diverged = True
        told = (Code.NODE_DIVERGED, f"block {height}: {reason}")
        threading.Thread(target=self._state.halt, args=told, name="node-astray", daemon=True).start()


def _short(key: bytes) -> str:
    """How a member's key is told: as its file in ``peers`` is named; the log masks what is longer."""
    return key.hex()[:16]
