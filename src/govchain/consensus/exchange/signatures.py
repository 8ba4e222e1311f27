"""Finality signatures between nodes: own ones are pushed to everybody, missing certificates are pulled.

Purpose: a node that was away, or whose messages were lost, completes its own certificates. Rules: what comes is given
to :class:`~govchain.consensus.finality.Finality`, which verifies it before anything is kept; one question covers many
heights. Not here: when a certificate is complete (``consensus.finality``), the thread that pulls
(:mod:`govchain.consensus.exchange.exchange`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.consensus.disagreement import FinalitySignature
from govchain.consensus.exchange.budget import PeerBudget
from govchain.consensus.exchange.measures import PropagationMeter
from govchain.consensus.messages import (
    HeightAnswer,
    SignatureMessage,
    decode_message,
    encode_message,
    signature_of,
    signature_row,
)
from govchain.model import Code, DecodingError, GovChainError
from govchain.peers import Kind, PeerNetwork

__all__ = ["HEIGHTS_MAX", "SignatureExchange"]

#: Heights that one question names, at most.
HEIGHTS_MAX: Final = 256
#: Bytes of certificates in one answer, unless one alone is larger.
_ANSWER_BYTES_MAX: Final = 2 * 1024 * 1024
_ASK_S: Final = 10.0
#: What finality says of signatures and certificates that may come from an honest node, or from a diverged one.
_HONEST: Final = frozenset({Code.OK, Code.NOT_FOUND, Code.BLOCK_INVALID, Code.NODE_DIVERGED})
#: How long the newest block is left to the members who are signing it, in seconds.
_FRESH_S: Final = 2.0


class SignatureExchange:
    """See the module.

    Args:
        chain: its id.
        application: its finality takes what comes.
        network: carries it.
        clock: ms since 1970.
        budget: is charged with what does not hold.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        chain: str,
        application: LedgerApplication,
        network: PeerNetwork,
        clock: Callable[[], int],
        budget: PeerBudget,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self.meter = PropagationMeter()
        self._chain = chain
        self._application = application
        self._finality = application.finality
        self._network = network
        self._clock = clock
        self._budget = budget
        self._steady = steady
        self._head = (0, 0.0)

    def publish(self, signature: FinalitySignature) -> None:
        """Send this member's own signature to every peer that is connected."""
        message = SignatureMessage(self._clock(), (signature_row(signature),))
        self._network.broadcast(self._chain, Kind.SIGNATURES, encode_message(message))

    def take(self, peer: bytes, body: bytes) -> list[Code]:
        """What a peer pushed; finality's answers, none where it pushes more than anybody has to.

        Raises:
            DecodingError: ``PEER_PROTOCOL``.
        """
        message = decode_message(body, SignatureMessage)
        if not self._budget.heard(peer, Kind.SIGNATURES, len(message.signatures)):
            return []
        self.meter.note(self._clock() - message.sent, len(message.signatures))
        codes = [self._finality.add(signature_of(row)) for row in message.signatures]
        self._charge(peer, codes)
        return codes

    def answer(self, body: bytes) -> bytes:
        """What this node has for the heights that a peer asks about.

        Raises:
            DecodingError: ``PEER_PROTOCOL``.
        """
        heights = decode_message(body, tuple[int, ...])
        if len(heights) > HEIGHTS_MAX or any(not 0 < height < 2**53 for height in heights):
            raise DecodingError(Code.PEER_PROTOCOL, reason="heights")
        answers: list[HeightAnswer] = []
        room = _ANSWER_BYTES_MAX
        for height in heights:
            certificate = self._application.blocks.certificate(height) or b""
            own = None if certificate else self._finality.own_signature(height)
            room -= len(certificate) + 512
            if room < 0 and answers:
                break
            if certificate or own is not None:
                answers.append(HeightAnswer(height, certificate, None if own is None else signature_row(own)))
        return encode_message(answers)

    def wanted(self) -> list[int]:
        """Heights whose certificates should be here by now, lowest first."""
        head = self._application.info().ledger_height
        if not head:
            return []
        heights = self._finality.missing(HEIGHTS_MAX - 1)
        if head != self._head[0]:
            self._head = (head, self._steady())
        elif self._steady() - self._head[1] >= _FRESH_S and self._application.blocks.certificate(head) is None:
            heights.append(head)
        return heights

    def pass_over(self) -> None:
        """Nobody had what is wanted: want what follows next time, so that nothing above it waits for ever."""
        self._finality.pass_over()

    def pull(self, peer: bytes) -> int:
        """Ask one peer for what is wanted; how many heights are certified now that were not. It never raises."""
        heights = self.wanted()
        if not heights:
            return 0
        try:
            data = self._network.request(self._chain, peer, Kind.SIGNATURES, encode_message(heights), _ASK_S)
            answers = decode_message(data, tuple[HeightAnswer, ...])
        except GovChainError:
            return 0
        open_ = set(heights)
        codes: list[Code] = []
        for answer in answers:
            if answer.height not in open_:
                continue
            open_.discard(answer.height)  # one answer for each
            if answer.certificate:
                codes.append(self._finality.add_certificate(answer.height, answer.certificate))
            elif answer.signature is not None and answer.signature.height == answer.height:
                codes.append(self._finality.add(signature_of(answer.signature)))
        self._charge(peer, codes)
        return sum(self._application.blocks.certificate(height) is not None for height in heights)

    def _charge(self, peer: bytes, codes: Sequence[Code]) -> None:
        """Count what no honest node sends on: what it sent does not hold, whatever this node has."""
        self._budget.false(peer, sum(code not in _HONEST for code in codes))
