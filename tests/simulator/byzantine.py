"""One replica that lies, as much as a member with its own keys can; its application runs as the others' do.

Purpose: proposals with garbage, replays, too much, false or late signatures, two proposals at once or none; votes for
anything or for nothing, at any time; finality signatures that are garbage, over other blocks, of other heights, or
withheld; certificates that are none; bogus transactions; floods.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from govchain.consensus import FinalitySignature
from govchain.consensus.messages import (
    HeightAnswer,
    SignatureMessage,
    TransactionsMessage,
    decode_message,
    encode_message,
    signature_row,
)
from govchain.model.wire import Certificate
from govchain.peers import Kind
from govchain.proof.certificates import (
    assemble_certificate,
    decode_certificate,
    encode_certificate,
    finality_message,
)
from tests.simulator.chain import CHAIN, EXPIRY_MS_MAX, Person, evidence, secret_key
from tests.simulator.clients import id_of

if TYPE_CHECKING:
    from tests.simulator.bft import BftEngine, Block
    from tests.simulator.replica import Process
    from tests.simulator.run import Simulation

#: What a lie with a proposal can be.
PROPOSALS = (
    "honest",
    "silent",
    "garbage",
    "rubbish",
    "replay",
    "twice",
    "oversized",
    "many",
    "forged",
    "expired",
    "too far",
    "other chain",
    "stranger",
    "two proposals",
)
#: What a lie with a finality signature can be.
SIGNATURES = (
    "honest",
    "withheld",
    "garbage",
    "other block",
    "both",
    "split",
    "other epoch",
    "other heights",
    "stranger",
)
#: What a lie in between can be.
MESSAGES = ("nothing", "certificate of another height", "certificate of one", "bogus transactions", "flood", "status")


class Liar:
    """See the module. ``moods``: the lies that this run knows of each kind."""

    def __init__(self, simulation: Simulation, number: int) -> None:
        self.simulation, self.number = simulation, number
        self.dice = dice = random.Random(f"{simulation.plan.seed} liar")
        self.proposals = ("honest", *dice.sample(PROPOSALS, 5))
        self.signatures = ("honest", *dice.sample(SIGNATURES, 4))
        self.messages = ("nothing", *dice.sample(MESSAGES, 3))
        self.votes = dice.choice(("honest", "anything", "nothing", "any time"))
        self.equivocated: set[int] = set()

    def moment(self, time: int) -> int:
        """When its vote says that it was cast."""
        if self.votes != "any time":
            return max(self.simulation.replicas[self.number].clock(), time + 1)
        return time + self.dice.choice((1, 1_000, 86_400_000, 10**12))

    def votes_for(self, block: Block, code: int) -> bool:
        """Whether it votes for a block that an honest member judges ``code``."""
        return {"anything": True, "nothing": False}.get(self.votes, not code)

    # -- proposals ---------------------------------------------------------------------------------------------

    def propose(self, engine: BftEngine, height: int, round_: int, time: int) -> None:
        """Its turn to propose."""
        mood = self.dice.choice(self.proposals)
        self.simulation.record(f"r{self.number} proposes at {height}/{round_}: {mood}")
        if mood == "silent":
            return
        process = engine.process
        usual = process.application.prepare_proposal(time, 30_000)
        blocks = [engine.make(height, round_, time, self._envelopes(mood, process, usual, time))]
        if mood == "two proposals":
            blocks.append(engine.make(height, round_, time, usual[:-1] if usual else [self._own(time, b"other")]))
        for other in process.others():
            process.tell(other, "proposal", self.dice.choice(blocks))
        for block in blocks:
            if self.votes_for(block, 0):
                engine.model.cast(engine.replica, block, self.moment(time))

    def _envelopes(self, mood: str, process: Process, usual: list[bytes], time: int) -> list[bytes]:
        makers: dict[str, Callable[[], list[bytes]]] = {
            "garbage": lambda: [*usual, self.dice.randbytes(self.dice.randint(1, 400))],
            "rubbish": lambda: [b"", b"\x00", b"\x93\x01\xc4\x00\x90"][: self.dice.randint(1, 3)],
            "replay": lambda: [*usual, *self._committed(process)],
            "twice": lambda: (usual or [self._own(time)]) * 2,
            "oversized": lambda: [self._own(time, bytes(7_000)) for _ in range(6)] + usual,
            "many": lambda: [self._own(time) for _ in range(41)],
            "forged": lambda: [self._forged(usual[0] if usual else self._own(time))],
            "expired": lambda: [*usual, self._own(time, expires=time - 1)],
            "too far": lambda: [*usual, self._own(time, expires=time + 3 * EXPIRY_MS_MAX)],
            "other chain": lambda: [*usual, self._own(time, chain="another-chain")],
            "stranger": lambda: [*usual, self._own(time, person=self._stranger())],
        }
        make = makers.get(mood)
        return usual if make is None else make()

    def _own(
        self, time: int, data: bytes = b"", *, expires: int = 0, person: Person | None = None, chain: str = CHAIN
    ) -> bytes:
        """A transaction of its own; good unless something is asked for."""
        kit = self.simulation.kit
        changes: dict[str, object] = {"chain": chain}
        if data:
            changes["data"] = data.hex()
        until = expires or max(time, self.simulation.replicas[self.number].clock()) + 5_000
        envelope = evidence(person or kit.clients[0], 10**6 + self.simulation.clients.next_nonce(), until, **changes)
        if not expires and person is None and chain == CHAIN:
            self.simulation.issued.add(id_of(self.simulation.plan.suite, envelope))
        return envelope

    def _stranger(self) -> Person:
        signer = secret_key(self.simulation.kit.clients[0].signer.algorithm, "stranger")
        return Person(signer, b"\x07" * 20)

    def _committed(self, process: Process) -> list[bytes]:
        height = process.application.chain.height
        if not height:
            return [b"\x01"]
        return list(process.application.blocks.envelopes(self.dice.randint(max(1, height - 8), height)))

    def _forged(self, envelope: bytes) -> bytes:
        """The same body with another signature: its last byte is the signature's."""
        return envelope[:-1] + bytes([envelope[-1] ^ 1])

    # -- finality ----------------------------------------------------------------------------------------------

    def sign(self, good: FinalitySignature, **changes: Any) -> FinalitySignature:
        """A valid signature of its own over something else."""
        other = replace(good, **changes)
        message = finality_message(CHAIN, other.epoch, other.height, other.identity, other.state_root)
        return replace(other, signature=self.simulation.replicas[self.number].member.sign(message))

    def publish(self, process: Process, good: FinalitySignature) -> None:
        """What it sends instead of its signature."""
        mood = self.dice.choice(self.signatures)
        other = self.sign(good, identity=b"\x01" * 32)
        sent: dict[str, list[FinalitySignature]] = {
            "withheld": [],
            "garbage": [replace(good, signature=self.dice.randbytes(self.dice.choice((0, 1, 64, 5_000))))],
            "other block": [other],
            "both": [good, other] if self.dice.random() < 0.5 else [other, good],
            "other epoch": [self.sign(good, epoch=good.epoch + 1), good],
            "other heights": [self.sign(good, height=good.height + step) for step in (1, 2, 5, 63, 64, 65, 10**6)],
            "stranger": [replace(good, key=self._stranger().key)],
        }
        for target in process.others():
            signatures = [self.dice.choice((good, other))] if mood == "split" else sent.get(mood, [good])
            for signature in signatures:
                process.tell(target, "peer", Kind.SIGNATURES, self._push(signature))

    # -- in between --------------------------------------------------------------------------------------------

    def tick(self, process: Process) -> None:
        """Something that nobody asked for."""
        mood = self.dice.choice(self.messages)
        application = process.application
        height = application.chain.height
        if not height or mood == "nothing":
            return
        target = self.dice.choice(process.others())
        if mood == "bogus transactions":
            envelopes = (self.dice.randbytes(80), *self._committed(process))
            process.tell(target, "ask", 10**9, Kind.TRANSACTIONS, encode_message(TransactionsMessage(0, envelopes)))
        elif mood == "flood":
            rubbish = tuple(self.dice.randbytes(40) for _ in range(30))
            for _ in range(10):
                process.tell(target, "ask", 1, Kind.TRANSACTIONS, encode_message(TransactionsMessage(0, rubbish)))
                process.tell(target, "ask", 1, Kind.SIGNATURES, encode_message(list(range(1_000))))
                process.tell(target, "peer", self.dice.choice(list(Kind)[1:4]), self.dice.randbytes(30))
                process.tell(target, "told", self.dice.randint(1, 20), self.dice.randbytes(2))
        elif mood == "status":
            process.tell(target, "status", self.dice.choice((1, height, 10**9)), 10**6)

    def answer(self, process: Process, body: bytes, honest: bytes) -> bytes:
        """What it says when it is asked for certificates."""
        mood = self.dice.choice(self.messages)
        rows = decode_message(honest, tuple[HeightAnswer, ...])
        stored = [row for row in rows if row.certificate]
        if mood == "certificate of another height" and stored:
            heights = decode_message(body, tuple[int, ...])
            return encode_message([HeightAnswer(height, stored[0].certificate, None) for height in heights])
        if mood == "certificate of one" and stored:
            made = self._certificate_of_one(process, decode_certificate(stored[0].certificate))
            return encode_message([HeightAnswer(stored[0].height, made, None)])
        if mood == "flood":
            return self.dice.randbytes(100)
        return honest if mood == "nothing" else encode_message([])

    def _push(self, signature: FinalitySignature) -> bytes:
        return encode_message(SignatureMessage(0, (signature_row(signature),)))

    def _certificate_of_one(self, process: Process, good: Certificate) -> bytes:
        """A certificate that it signed alone, of the block or of another one."""
        header = process.application.blocks.decoded_header(good.height)
        identity = self.dice.choice((bytes.fromhex(good.identity), b"\x01" * 32))
        member = self.simulation.replicas[self.number].member
        message = finality_message(CHAIN, header.epoch, header.height, identity, bytes.fromhex(header.state_root))
        made = assemble_certificate(header, identity, good.set, {member.public_key: member.sign(message)})
        return encode_certificate(made)
