"""The chains that are simulated: genesis with members and clients whose keys come from fixed secrets.

Purpose: keys, genesis and machine are made once for each shape of chain and shared by all seeds (making keys is the
dearest part). In the international suite all signatures are the same in every run; SM2's are not, so that two runs of
a seed of that suite differ in what depends on them: the identities of blocks.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import govchain_native as native
from govchain.crypto import BatchVerifier, SigningKey, account_address, get_suite
from govchain.ledger import Machine, build_machine
from govchain.model import encode_canonical
from govchain.model.identifiers import credit_code_check_digit
from govchain.model.wire import Genesis, GenesisAccount, GenesisMember, GenesisModule, GenesisOrganisation, Limits
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.governance import MODULE as GOVERNANCE

CHAIN = "simulated-chain"
CREATED = 1_750_000_000_000
#: Replay windows are this long, so that buckets are dropped within a run.
EXPIRY_MS_MAX = 30_000
_ECDSA = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
#: Departments that submit, one for each organisation at least.
CLIENTS = 4


@dataclass(frozen=True)
class Person:
    """Somebody with a key, and an account unless the key is a member's."""

    signer: SigningKey
    address: bytes = b""

    @property
    def key(self) -> bytes:
        return self.signer.public_key

    def entry(self) -> dict[str, str]:
        return {"account": self.address.hex(), "algorithm": self.signer.algorithm, "key": self.key.hex()}


def _secret(name: str) -> bytes:
    """A fixed secret; the top byte is small, so that it lies in every curve's range."""
    return b"\x01" + hashlib.sha256(f"simulator {name}".encode()).digest()[1:]


@functools.cache
def secret_key(algorithm: str, name: str) -> SigningKey:
    """A key from a fixed secret."""
    return SigningKey(algorithm, _secret(name))


class MemberKey:
    """A member's key. ECDSA takes its number from the message (RFC 6979), so that it signs alike in every run."""

    def __init__(self, algorithm: str, name: str) -> None:
        self._key = secret_key(algorithm, name)
        self.algorithm, self.public_key = algorithm, self._key.public_key
        self._private: ec.EllipticCurvePrivateKey | None = None
        if algorithm == "ecdsa-p256-sha256":
            self._private = ec.derive_private_key(int.from_bytes(_secret(name), "big"), ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        if self._private is None:
            return self._key.sign(message)
        r, s = decode_dss_signature(self._private.sign(message, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@functools.cache
def member_key(algorithm: str, name: str) -> MemberKey:
    """A member's key from a fixed secret."""
    return MemberKey(algorithm, name)


def organisation(number: int) -> str:
    """A 统一社会信用代码 for the organisation of that number."""
    first = f"11100000{number:09d}"
    return first + credit_code_check_digit(first)


def tls_digest(number: int) -> str:
    """What stands for a member's TLS key."""
    return hashlib.sha256(f"tls {number}".encode()).hexdigest()


@dataclass(frozen=True)
class Shape:
    """Which chain: rule, number of members at genesis, organisations, suite, and limits that differ."""

    rule: str = "bft"
    members: int = 4
    organisations: int = 4
    suite: str = "international"
    limits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class ChainKit:
    """One chain: its machine, its members' keys in the order of their numbers, engine keys, and its clients."""

    shape: Shape
    machine: Machine
    members: tuple[MemberKey, ...]
    engine_keys: tuple[bytes, ...]
    clients: tuple[Person, ...]
    operators: tuple[Person, ...]


@functools.cache
def chain_kit(shape: Shape) -> ChainKit:
    """The chain of a shape; the same for every seed of this run."""
    suite = get_suite(shape.suite)
    algorithm = "ed25519" if shape.suite == "international" else suite.member_algorithm
    codes = [organisation(number) for number in range(shape.organisations)]
    members = tuple(member_key(suite.member_algorithm, f"member {number}") for number in range(shape.organisations))
    engine_keys = tuple(secret_key("ed25519", f"engine {number}").public_key for number in range(shape.organisations))

    def person(role: str, number: int) -> Person:
        signer = secret_key(algorithm, f"{role} {number}")
        return Person(signer, account_address(suite, CHAIN, algorithm, signer.public_key))

    clients = tuple(person("department", number) for number in range(CLIENTS))
    operators = tuple(person("operator", number) for number in range(shape.organisations))
    accounts = [
        GenesisAccount(role == "operator", algorithm, one.key.hex(), f"{role}-{number}", codes[number], (role,))
        for role, people in (("department", clients), ("operator", operators))
        for number, one in enumerate(people)
        if number < len(codes)
    ]
    if len(codes) < CLIENTS:
        accounts += [
            GenesisAccount(False, algorithm, one.key.hex(), f"department-{number}", codes[0], ("department",))
            for number, one in enumerate(clients)
            if number >= len(codes)
        ]
    modules = (ACCOUNTS, EVIDENCE, GOVERNANCE)
    genesis = Genesis(
        accounts=tuple(accounts),
        algorithms=tuple(sorted({algorithm, suite.member_algorithm})),
        chain=CHAIN,
        created=CREATED,
        format="govchain-genesis/1",
        limits=Limits(**({"expiry_ms_max": EXPIRY_MS_MAX} | dict(shape.limits))),
        members=tuple(
            sorted(
                (
                    GenesisMember(
                        suite.member_algorithm,
                        members[number].public_key.hex(),
                        f"node-{number}",
                        codes[number],
                        engine_keys[number].hex(),
                        tls_digest(number),
                    )
                    for number in range(shape.members)
                ),
                key=lambda member: member.key,
            )
        ),
        modules=tuple(GenesisModule("00" * 32, module.name, module.version) for module in modules),
        organisations=tuple(GenesisOrganisation(code, f"organisation {code}") for code in codes),
        rule=shape.rule,
        suite=shape.suite,
        test_clock=False,
    )
    digests = {module.name: "00" * 32 for module in modules}
    machine = build_machine(genesis, modules, digests, BatchVerifier(memory_limit_bytes=8 * 1024 * 1024))
    return ChainKit(shape, machine, members, engine_keys, clients, operators)


def transaction(person: Person, kind: str, payload: object, nonce: int, expires: int, **changes: object) -> bytes:
    """A signed envelope."""
    fields = {
        "chain": CHAIN,
        "expires": expires,
        "nonce": f"{nonce:032x}",
        "payload": payload,
        "signers": [person.entry()],
        "type": kind,
        "version": 1,
        **changes,
    }
    body = encode_canonical(fields)
    return native.seal_envelope(1, body, [person.signer.sign(body)])


def evidence(person: Person, nonce: int, expires: int, **changes: object) -> bytes:
    """A good ``evidence.put`` of its own."""
    digest = hashlib.sha256(f"{nonce}".encode()).hexdigest()
    subject = {
        "capture": {"method": "file", "time": CREATED},
        "commitments": [],
        "media_type": "text/plain",
        "name": "report.txt",
        "sha256": digest,
        "size": 12,
        "sm3": digest,
    }
    return transaction(person, "evidence.put", {"reference": "", "subject": subject}, nonce, expires, **changes)
