"""A small network for tests of governance: organisations with an operator each and a member each, and short ways to
propose and vote. ``Council`` executes over the memory ledger of tests/ledger/kit.py.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import msgspec

import govchain_native as native
from govchain.crypto import BatchVerifier, SigningKey
from govchain.ledger import ExecutedBlock, build_machine
from govchain.model import Code
from govchain.model.identifiers import credit_code_check_digit
from govchain.model.wire import GenesisAccount, GenesisMember
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.governance import MODULE as GOVERNANCE
from govchain.modules.governance import views
from govchain.modules.governance.messages import MemberRotate, ProposalValue, ready_message, rotation_message
from tests.ledger.kit import CHAIN, CREATED, Kit, Ledger, TestAccount, id_of, make, new_account, put

MODULES = (ACCOUNTS, EVIDENCE, GOVERNANCE)
DAY_MS = 86_400_000

_numbers = itertools.count(1)


def organisation_code(number: int) -> str:
    """A well-formed 统一社会信用代码."""
    first = f"1110000000{number:07d}"
    return first + credit_code_check_digit(first)


def parameter(value=20, name="block_transactions_max"):
    """The change of a parameter."""
    return {"kind": "parameter.change", "name": name, "value": value}


def policy(subject, rule, *named):
    """The change of a policy."""
    return {"kind": "policy.change", "policy": {"organisations": list(named), "rule": rule}, "subject": subject}


@dataclass(frozen=True)
class NewMember:
    """The keys of a node that may become a member: its own, its engine's, and a TLS digest."""

    signer: SigningKey
    engine_key: str
    tls: str

    @property
    def key(self) -> str:
        return self.signer.public_key.hex()


def new_member(rule: str = "bft", seed: str = "") -> NewMember:
    """Fresh keys; with a ``seed`` always the same."""
    number = next(_numbers)
    secrets = [native.sm3(f"{seed} {use}".encode()) if seed else native.sm2_generate() for use in ("engine", "own")]
    engine = SigningKey("ed25519", secrets[0]).public_key.hex() if rule == "bft" else ""
    tls = "" if rule == "solo" else (native.sm3(f"{seed} tls".encode()).hex() if seed else f"{number:064x}")
    return NewMember(SigningKey("sm2-sm3", secrets[1]), engine, tls)


@dataclass
class Council:
    """``count`` organisations with a member and an operator each, and ``guests`` more organisations without a member.

    ``operators`` and ``members`` are in the order of the organisations.
    """

    rule: str = "bft"
    count: int = 4
    guests: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    protocol_max: int = 1
    seed: str = ""
    modules: tuple[Any, ...] = MODULES

    def __post_init__(self) -> None:
        every = self.count + self.guests
        self.organisations = tuple(organisation_code(number) for number in range(1, every + 1))
        self.kit = kit = Kit(modules=self.modules, limits=self.limits, organisations=self.organisations)
        self.nonces = itertools.count(1)
        self.operators = [self._operator(number) for number in range(every)]
        seeds = [f"{self.seed} member {number}" if self.seed else "" for number in range(self.count)]
        self.members = [new_member(self.rule, seed) for seed in seeds]
        entries = [
            GenesisAccount(True, "sm2-sm3", operator.key.hex(), f"operator-{number}", code, ("operator",))
            for number, (operator, code) in enumerate(zip(self.operators, self.organisations, strict=True))
        ]
        members = [
            GenesisMember(
                "sm2-sm3",
                member.key,
                f"node-{number}",
                self.organisations[number],
                engine_key=member.engine_key or msgspec.UNSET,
                tls=member.tls or msgspec.UNSET,
            )
            for number, member in enumerate(self.members)
        ]
        kit.genesis = msgspec.structs.replace(
            kit.genesis,
            accounts=(*kit.genesis.accounts, *entries),
            members=tuple(sorted(members, key=lambda one: one.key)),
            rule=self.rule,
        )
        kit.machine = self.machine()
        self.ledger = Ledger(kit)

    def _operator(self, number: int) -> TestAccount:
        if not self.seed:
            return new_account()
        return TestAccount(SigningKey("sm2-sm3", native.sm3(f"{self.seed} operator {number}".encode())))

    def machine(self, protocol_max: int | None = None) -> Any:
        digests = {module.name: "00" * 32 for module in self.modules}
        return build_machine(
            self.kit.genesis,
            self.modules,
            digests,
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
            protocol_max=self.protocol_max if protocol_max is None else protocol_max,
        )

    # -- transactions ----------------------------------------------------------------------------------------------

    def expires(self) -> int:
        """When the transactions of the next block expire."""
        return max(self.ledger.chain.time, CREATED) + 300_000

    def make(self, kind: str, payload: dict[str, Any], sender: TestAccount) -> bytes:
        nonce = {"nonce": f"{next(self.nonces):032x}"} if self.seed else {}
        return make(kind, payload, sender, expires=self.expires(), **nonce)

    def proposal(self, change: dict[str, Any], by: int = 0, *, days: float = 1, reason: str = "") -> bytes:
        expires = self.ledger.chain.time + int(days * DAY_MS)
        payload = {"change": change, "expires": expires, "reason": reason}
        return self.make("governance.propose", payload, self.operators[by])

    def ballot(self, proposal: str, by: int, *, approve: bool = True) -> bytes:
        return self.make("governance.vote", {"approve": approve, "proposal": proposal}, self.operators[by])

    def add(self, member: NewMember, organisation: int, name: str = "node") -> dict[str, Any]:
        return {
            "engine_key": member.engine_key, "key": member.key, "kind": "member.add", "name": name,
            "organisation": self.organisations[organisation], "tls": member.tls,
        }  # fmt: skip

    def found(self, chain: str, *more: int) -> dict[str, Any]:
        """A chain with the operators of the organisations that vote first, and of ``more``."""
        chosen = {self.operators[number].address.hex() for number in (*range(self.count), *more)}
        return {"accounts": sorted(chosen), "chain": chain, "kind": "chain.create"}

    def remove(self, member: NewMember) -> dict[str, Any]:
        return {"key": member.key, "kind": "member.remove"}

    def rotate(self, old: NewMember, new: NewMember, chain: str = CHAIN) -> dict[str, Any]:
        plain = {"engine_key": new.engine_key, "key": old.key, "new_key": new.key, "proof": "00", "tls": new.tls}
        message = rotation_message(chain, msgspec.convert({**plain, "kind": "member.rotate"}, MemberRotate))
        return {**plain, "kind": "member.rotate", "proof": new.signer.sign(message).hex()}

    def readiness(self, member: NewMember, by: int, *, height: int | None = None, identity: str | None = None) -> bytes:
        chain = self.ledger.chain
        height = chain.height if height is None else height
        identity = identity or (chain.identity if height == chain.height else self.identity(height)).hex()
        proof = member.signer.sign(ready_message(CHAIN, member.key, height, identity)).hex()
        payload = {"height": height, "identity": identity, "key": member.key, "proof": proof}
        return self.make("governance.ready", payload, self.operators[by])

    # -- steps -----------------------------------------------------------------------------------------------------

    def identity(self, height: int) -> bytes:
        return self.ledger.blocks[height - 1].identity

    def send(self, envelope: bytes) -> Code:
        """The code, the same from the pool and in the receipt."""
        checked = self.ledger.check(envelope)
        assert self.ledger.codes(envelope) == [checked]
        return checked

    def propose(self, change: dict[str, Any], by: int = 0, **more: Any) -> tuple[Code, str]:
        """The code and the proposal's id."""
        envelope = self.proposal(change, by, **more)
        return self.send(envelope), id_of(envelope).hex()

    def vote(self, proposal: str, by: int, *, approve: bool = True) -> Code:
        return self.send(self.ballot(proposal, by, approve=approve))

    def decide(self, change: dict[str, Any], voters: tuple[int, ...] = (0, 1, 2)) -> Code:
        """Propose by the first of ``voters`` and approve by the others; the code of the first refusal, or OK."""
        code, proposal = self.propose(change, voters[0])
        for voter in voters[1:]:
            if code or self.state(proposal).status != "open":
                break
            code = self.vote(proposal, voter)
        return code

    def ready(self, member: NewMember, by: int, **more: Any) -> Code:
        return self.send(self.readiness(member, by, **more))

    def admit(self, organisation: int, voters: tuple[int, ...] = (0, 1, 2)) -> NewMember:
        """A new active member."""
        member = new_member(self.rule)
        assert self.decide(self.add(member, organisation), voters) == Code.OK
        assert self.ready(member, organisation) == Code.OK
        return member

    def step(self, count: int = 1) -> ExecutedBlock:
        """Blocks that change nothing here."""
        for _ in range(count):
            block = self.ledger.run(put(self.kit.department, expires=self.expires()))
        return block

    def state(self, proposal: str) -> ProposalValue:
        found = views.proposal(self.ledger.state, proposal)
        assert found is not None
        return found

    def active(self) -> list[str]:
        return [facts.key.hex() for facts in views.active_members(self.ledger.state)]
