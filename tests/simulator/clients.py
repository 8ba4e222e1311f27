"""Clients: they submit to one replica or more, send again until a receipt or the expiry, and keep receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

import govchain_native as native
from govchain.crypto import get_suite
from govchain.model import Code
from tests.simulator.chain import CREATED, Person, evidence, secret_key, transaction

if TYPE_CHECKING:
    from tests.simulator.run import Simulation

#: A client gives up this long (ms) after a transaction's expiry: no block can carry it any more.
GIVE_UP_MS = 3_000


def id_of(suite: str, envelope: bytes) -> bytes:
    """The id of an envelope's transaction."""
    return native.open_envelopes(get_suite(suite).digest_name, [envelope], 1 << 24, 64, 1024)[0][1]


@dataclass
class Submission:
    """One transaction of a client: what it sent, until when, and the receipt that acknowledged it."""

    id: bytes
    envelope: bytes
    expires: int
    receipt: bytes | None = None
    code: Code | None = None
    given_up: bool = False
    height: int = 0

    @property
    def open(self) -> bool:
        return self.receipt is None and not self.given_up


class Clients:
    """All clients of a run."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.submissions: dict[bytes, Submission] = {}
        self._nonce = 0
        for number in range(len(simulation.kit.clients)):
            simulation.network.join(("client", number), self._receive)

    @property
    def acknowledged(self) -> list[Submission]:
        """What has a receipt."""
        return [one for one in self.submissions.values() if one.receipt is not None]

    def done(self) -> bool:
        """Whether every transaction has its receipt or was given up."""
        return not any(one.open for one in self.submissions.values())

    def next_nonce(self) -> int:
        """A number that no transaction of this run has."""
        self._nonce += 1
        return self._nonce

    def submit_something(self) -> None:
        """One more transaction of somebody: mostly evidence, some that may fail in their block."""
        simulation = self.simulation
        dice, kit = simulation.dice, simulation.kit
        number = dice.randrange(len(kit.clients))
        choice = dice.random()
        # Some expire soon, some only later than a block may carry now: those wait in the pool.
        ahead = dice.choice((2_000, 8_000, 20_000, 29_000, 40_000))
        expires = CREATED + simulation.schedule.now + ahead
        nonce = self.next_nonce()
        if choice < 0.8:
            self.send(number, evidence(kit.clients[number], nonce, expires), expires)
            return
        administrator = dice.choice(kit.operators)
        if choice < 0.9:
            # The same few accounts, again and again: whoever comes second fails.
            added = secret_key(kit.clients[0].signer.algorithm, f"added {dice.randrange(4)}")
            payload: dict[str, Any] = {
                "administrator": False,
                "algorithm": added.algorithm,
                "key": added.public_key.hex(),
                "label": "added",
                "roles": ["department"],
            }
            kind = "accounts.register"
        else:
            victim = kit.clients[-1].address.hex()
            kind = dice.choice(("accounts.freeze", "accounts.unfreeze"))
            payload = {"account": victim} | ({"reason": "other"} if kind == "accounts.freeze" else {})
            administrator = kit.operators[(len(kit.clients) - 1) % len(kit.operators)]
        self.send(number, transaction(administrator, kind, payload, nonce, expires), expires)

    def submit_fresh(self) -> bytes:
        """A good transaction of now; its id."""
        simulation = self.simulation
        person: Person = simulation.kit.clients[0]
        expires = CREATED + simulation.schedule.now + 25_000
        envelope = evidence(person, self.next_nonce(), expires)
        return self.send(0, envelope, expires)

    def send(self, number: int, envelope: bytes, expires: int) -> bytes:
        """Submit, and again until it is done."""
        simulation = self.simulation
        id_ = id_of(simulation.plan.suite, envelope)
        simulation.issued.add(id_)
        self.submissions[id_] = Submission(id_, envelope, expires)
        self._send(number, id_)
        return id_

    def _send(self, number: int, id_: bytes) -> None:
        simulation, submission = self.simulation, self.submissions[id_]
        if not submission.open:
            return
        if CREATED + simulation.schedule.now > submission.expires + GIVE_UP_MS:
            submission.given_up = True
            return
        dice, replicas = simulation.dice, simulation.replicas
        for replica in dice.sample(replicas, min(len(replicas), dice.choice((1, 1, 1, 2, 3)))):
            simulation.network.send(("client", number), replica.number, "submit", id_, submission.envelope)
        simulation.schedule.after(dice.randint(1_000, 3_000), self._send, number, id_)

    def _receive(self, source: int, kind: str, id_: bytes, code: Code, receipt: bytes | None) -> None:
        """An answer. A liar's is not believed: a client verifies what it is given (``sdk``)."""
        if self.simulation.replicas[source].byzantine:
            return
        submission = self.submissions[id_]
        if receipt is None:
            submission.code = submission.code or code  # why a replica refused it; another one may take it
            return
        told = msgspec.json.decode(receipt)
        submission.code, submission.height = Code(told["code"]), told["height"]
        known = submission.receipt
        assert known is None or known == receipt, f"two receipts of {id_.hex()[:8]}, the second from r{source}"
        submission.receipt = receipt
