"""The node-to-node route, thin: signatures pushed and pulled, certificates for who was away, transactions forwarded.

Purpose: what :mod:`govchain.consensus.finality` and the pool need of other nodes, over the simulated network, with as
little of its own as possible. Nothing that comes in is believed: finality and ``check_tx`` verify it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govchain.consensus import FinalitySignature
from govchain.model import Code

if TYPE_CHECKING:
    from tests.simulator.replica import Process

#: Heights asked for at once.
PULL_MAX = 16
#: Others that a submitted transaction is pushed to.
FORWARD_TO = 2
#: Envelopes taken from one message.
ENVELOPES_MAX = 200


class Route:
    """One process's side of the route; a :class:`govchain.consensus.SignatureRoute` and ``ProposalRoute``."""

    KINDS = frozenset({"signature", "certificate", "pull", "preparing", "transactions"})

    def __init__(self, process: Process) -> None:
        self.process = process
        self._sent: dict[int, set[bytes]] = {}

    def publish(self, signature: FinalitySignature) -> None:
        """Push this member's own signature."""
        replica = self.process.replica
        replica.check_signature(signature)
        if replica.liar is not None:
            replica.liar.publish(self.process, signature)
        else:
            self.process.tell_all("signature", signature)

    def announce(self, engine_height: int, bytes_max: int) -> None:
        """Ask the others for what they hold."""
        self.process.tell_all("preparing", engine_height, bytes_max)

    def forward(self, envelope: bytes) -> None:
        """Push a submitted transaction to a few others, so that it survives this node."""
        others = self.process.others()
        for other in self.process.simulation.dice.sample(others, min(FORWARD_TO, len(others))):
            self._send(other, [envelope])

    def tick(self) -> None:
        """Ask somebody for what is missing."""
        finality, others = self.process.application.finality, self.process.others()
        wanted = sorted({*finality.missing(PULL_MAX), *finality.open_heights()[:PULL_MAX]})
        if wanted and others:
            self.process.tell(self.process.simulation.dice.choice(others), "pull", wanted)
        if self.process.replica.liar is not None:
            self.process.replica.liar.tick(self.process)

    def receive(self, source: int, kind: str, *content: Any) -> None:
        """A message of another node's route."""
        application = self.process.application
        if kind == "signature":
            (signature,) = content
            self.process.simulation.heard(self.process.replica, signature, application.finality.add(signature))
        elif kind == "certificate":
            code = application.finality.add_certificate(*content)
            assert code != Code.NODE_DIVERGED, f"{self.process.replica.name} thinks that it diverged"
        elif kind == "pull":
            self._answer_pull(source, *content)
        elif kind == "preparing":
            _, bytes_max = content
            self._send(source, self._held(bytes_max))
        else:
            self.process.take(list(content[0])[:ENVELOPES_MAX])

    def _answer_pull(self, source: int, heights: list[int]) -> None:
        application = self.process.application
        for height in heights[:PULL_MAX]:
            certificate = application.blocks.certificate(height)
            signature = application.finality.own_signature(height)
            if certificate is not None:
                self.process.tell(source, "certificate", height, certificate)
            elif signature is not None and self.process.replica.liar is None:
                self.process.replica.check_signature(signature)
                self.process.tell(source, "signature", signature)

    def _held(self, bytes_max: int) -> list[bytes]:
        chosen: list[bytes] = []
        for prepared in self.process.pool.candidates():
            bytes_max -= len(prepared.envelope)
            if bytes_max < 0:
                break
            chosen.append(prepared.envelope)
        return chosen

    def _send(self, target: int, envelopes: list[bytes]) -> None:
        """Send what this process has not sent there yet. A message may be lost; the next proposer asks again."""
        if envelopes:
            self.process.tell(target, "transactions", envelopes)
