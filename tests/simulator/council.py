"""Governance under load: operators propose and vote, members join, are removed and replaced, limits change.

Purpose: an agenda made from the seed, carried through by the operators of the organisations, who look at the chain as
anybody does and submit again what did not come through. A joiner's replica starts when it is invited, from the log or
from a snapshot, and says that it is ready once it has caught up.
Not here: what the rules refuse (``tests/modules``); a refused item is closed with its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from govchain.model import Code
from govchain.modules.governance import views
from govchain.modules.governance.messages import MemberRotate, ready_message, rotation_message
from tests.simulator.chain import (
    CHAIN,
    CREATED,
    MemberKey,
    member_key,
    organisation,
    secret_key,
    tls_digest,
    transaction,
)

if TYPE_CHECKING:
    from tests.simulator.replica import Replica
    from tests.simulator.run import Simulation

#: How often the operators look at the chain (ms).
LOOK_MS = 700
#: Proposals of one item, at most: each may expire while the network is down.
TRIES_MAX = 12
#: How long a proposal stays open (ms of block time).
OPEN_MS = 20_000
#: Codes of the family from here on: what was asked for cannot be, now. Others pass (expired, pool full).
FIRST_REFUSAL = 3_000


@dataclass
class Item:
    """One change on the agenda, from ``moment`` on; ``subject``: the member's number, or the wanted value."""

    kind: str
    subject: int
    moment: int
    tries: int = 0
    proposal: bytes = b""
    ready: bytes = b""
    voted: dict[int, bytes] = field(default_factory=dict)
    outcome: str = ""


class Council:
    """See the module."""

    def __init__(self, simulation: Simulation, agenda: tuple[tuple[int, str, int], ...]) -> None:
        self.simulation = simulation
        self.items = [Item(kind, subject, moment) for moment, kind, subject in agenda]

    def begin(self) -> None:
        """Start looking."""
        if self.items:
            self.simulation.schedule.after(LOOK_MS, self._look)

    def done(self) -> bool:
        """Whether every item was carried out or refused."""
        return all(item.outcome for item in self.items)

    def outcomes(self) -> Iterator[str]:
        """What became of each item."""
        for item in self.items:
            yield f"{item.kind} {item.outcome}"

    def _look(self) -> None:
        witness = self._witness()
        if witness is not None:
            for item in self.items:
                if not item.outcome and item.moment <= self.simulation.schedule.now:
                    self._further(item, witness)
        if not self.done():
            self.simulation.schedule.after(LOOK_MS, self._look)

    def _witness(self) -> Any:
        """The application of the honest replica that is furthest."""
        running = [one.process.application for one in self.simulation.honest if one.process is not None]
        running = [one for one in running if one.info().app_hash]
        return max(running, key=lambda one: one.chain.height, default=None)

    # -- one item ----------------------------------------------------------------------------------------------

    def _further(self, item: Item, witness: Any) -> None:
        if self._reached(item, witness):
            if item.kind != "rotate" or self._switch(item):
                self._close(item, "made")
        elif not self._invited(item, witness):
            self._propose_or_vote(item, witness)

    def _reached(self, item: Item, witness: Any) -> bool:
        if item.kind == "parameter":
            limits = views.limits_in_force(witness.committed, witness.machine.genesis.limits)
            return limits.block_transactions_max == item.subject
        key = self._new_keys(item)[0].public_key.hex() if item.kind == "rotate" else self._key(item)
        value = views.member(witness.committed, key)
        return value is not None and value.status == ("removed" if item.kind == "remove" else "active")

    def _new_keys(self, item: Item) -> tuple[MemberKey, bytes]:
        """The keys that a member rotates to: its own and its engine's."""
        algorithm = self.simulation.kit.members[item.subject].algorithm
        engine = secret_key("ed25519", f"engine {item.subject} again")
        return member_key(algorithm, f"member {item.subject} again"), engine.public_key

    def _switch(self, item: Item) -> bool:
        """A careful operator: the node goes over to its new key when the old one has nothing left to sign."""
        replica = self.simulation.replicas[item.subject]
        if replica.process is None:
            return False
        application, new = replica.process.application, self._new_keys(item)[0]
        value = views.member(application.committed, new.public_key.hex())
        if value is None or self._uncertified(application, value.height):
            return False
        replica.member = new
        replica.crash()
        return True

    def _uncertified(self, application: Any, until: int) -> list[int]:
        blocks = application.blocks
        first = max(1, blocks.first())
        return [height for height in range(first, until + 1) if blocks.certificate(height) is None]

    def _close(self, item: Item, outcome: str) -> None:
        item.outcome = outcome
        self.simulation.record(f"governance: {item.kind} {item.subject} {outcome}")

    def _invited(self, item: Item, witness: Any) -> bool:
        """Whether the item's member is invited; its node then starts, and says when it is ready."""
        if item.kind != "add":
            return False
        value = views.member(witness.committed, self._key(item))
        if value is None or value.status != "invited":
            return False
        replica = self.simulation.replicas[item.subject]
        if not replica.started:
            replica.started = True
            replica.start()
        elif not self._outstanding(item.ready) and self._caught_up(replica, witness):
            self._say_ready(item, replica)
        return True

    def _caught_up(self, replica: Replica, witness: Any) -> bool:
        process = replica.process
        if process is None or not process.application.info().app_hash:
            return False
        return 0 < process.application.chain.height >= witness.chain.height - 1

    def _say_ready(self, item: Item, replica: Replica) -> None:
        chain = replica.process.application.chain
        key, identity = self._key(item), chain.identity.hex()
        proof = replica.member.sign(ready_message(CHAIN, key, chain.height, identity))
        payload = {"height": chain.height, "identity": identity, "key": key, "proof": proof.hex()}
        item.ready = self._send(item.subject, "governance.ready", payload)

    def _propose_or_vote(self, item: Item, witness: Any) -> None:
        proposal = views.proposal(witness.committed, item.proposal.hex()) if item.proposal else None
        now = max(witness.chain.time, CREATED + self.simulation.schedule.now)  # an idle chain's time stands still
        if proposal is not None and proposal.status == "open" and proposal.expires > now:
            self._vote(item, witness, proposal)
        elif not self._outstanding(item.proposal):
            code = self._code(item.proposal)
            if code is not None and code >= FIRST_REFUSAL:
                self._close(item, code.name.lower())
            elif item.tries >= TRIES_MAX:
                self._close(item, "given up")
            else:
                self._propose(item, witness)

    def _propose(self, item: Item, witness: Any) -> None:
        voters = self._voters(witness)
        proposer = item.subject if item.kind == "rotate" else self.simulation.dice.choice(voters)
        item.tries += 1
        item.voted = {}
        # By block time, which may lag while the network is down.
        expires = max(witness.chain.time, CREATED + self.simulation.schedule.now) + OPEN_MS
        payload = {"change": self._change(item), "expires": expires, "reason": "agenda"}
        item.proposal = self._send(proposer, "governance.propose", payload)

    def _vote(self, item: Item, witness: Any, proposal: Any) -> None:
        seen = {*proposal.approvals, *proposal.rejections}
        for number in self._voters(witness):
            if organisation(number) in seen or self._outstanding(item.voted.get(number, b"")):
                continue
            liar = self.simulation.replicas[number].byzantine
            approve = not liar or self.simulation.dice.random() < 0.5
            payload = {"approve": approve, "proposal": item.proposal.hex()}
            item.voted[number] = self._send(number, "governance.vote", payload)

    def _voters(self, witness: Any) -> list[int]:
        codes = views.voters(witness.committed)
        return [number for number in range(len(self.simulation.replicas)) if organisation(number) in codes]

    def _change(self, item: Item) -> dict[str, object]:
        if item.kind == "parameter":
            return {"kind": "parameter.change", "name": "block_transactions_max", "value": item.subject}
        key = self._key(item)
        if item.kind == "remove":
            return {"key": key, "kind": "member.remove"}
        if item.kind == "rotate":
            return self._rotation(item, key)
        bft = self.simulation.plan.rule == "bft"
        return {
            "engine_key": self.simulation.kit.engine_keys[item.subject].hex() if bft else "",
            "key": key,
            "kind": "member.add",
            "name": f"node-{item.subject}",
            "organisation": organisation(item.subject),
            "tls": tls_digest(item.subject),
        }

    def _rotation(self, item: Item, key: str) -> dict[str, object]:
        new, engine_key = self._new_keys(item)
        replica = self.simulation.replicas[item.subject]
        replica.member_keys.add(new.public_key.hex())
        if engine_key not in replica.engine_keys:
            replica.engine_keys.append(engine_key)
        tls = tls_digest(100 + item.subject)
        change = MemberRotate(engine_key.hex(), key, new.public_key.hex(), "", tls)
        proof = new.sign(rotation_message(CHAIN, change)).hex()
        return msgspec.to_builtins(msgspec.structs.replace(change, proof=proof))

    def _key(self, item: Item) -> str:
        return self.simulation.kit.members[item.subject].public_key.hex()

    # -- transactions ------------------------------------------------------------------------------------------

    def _send(self, number: int, kind: str, payload: object) -> bytes:
        clients, simulation = self.simulation.clients, self.simulation
        expires = CREATED + simulation.schedule.now + 10_000
        envelope = transaction(simulation.kit.operators[number], kind, payload, clients.next_nonce(), expires)
        return clients.send(0, envelope, expires)

    def _outstanding(self, id_: bytes) -> bool:
        submission = self.simulation.clients.submissions.get(id_)
        return submission is not None and submission.open

    def _code(self, id_: bytes) -> Code | None:
        """The code with which a transaction ended: its receipt's, or a final refusal's; None where nobody knows."""
        submission = self.simulation.clients.submissions.get(id_)
        return None if submission is None else submission.code
