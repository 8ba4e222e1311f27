"""A small chain for tests of the ledger: genesis with one account per role in two organisations, and a signer of bodies."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import govchain_native as native
from govchain.crypto import BatchVerifier, account_address, get_suite
from govchain.ledger import Machine, build_machine
from govchain.model import encode_canonical
from govchain.model.wire import (
    Genesis,
    GenesisAccount,
    GenesisMember,
    GenesisModule,
    GenesisOrganisation,
    Limits,
)
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE

CHAIN = "test-chain"
CREATED = 1_750_000_000_000
ORGANISATIONS = ("11100000000013338W", "11100000000013127D")
ROLES = ("operator", "department", "supervisor", "auditor")
SUITE = get_suite("gm")

_nonces = itertools.count(1)


@dataclass(frozen=True)
class TestAccount:
    """Key and address of an account of the test chain."""

    __test__ = False
    secret: bytes
    key: bytes
    chain: str = CHAIN

    @property
    def address(self) -> bytes:
        return account_address(SUITE, self.chain, "sm2-sm3", self.key)

    def entry(self) -> dict[str, str]:
        return {"account": self.address.hex(), "algorithm": "sm2-sm3", "key": self.key.hex()}


def new_account(chain: str = CHAIN) -> TestAccount:
    secret = native.sm2_generate()
    return TestAccount(secret, native.sm2_public_key(secret), chain)


@dataclass
class Kit:
    """Genesis, machine, and accounts by (organisation index, role); ``administrator`` of organisation 0 and 1."""

    limits: dict[str, int] = field(default_factory=dict)
    modules: tuple = (ACCOUNTS, EVIDENCE)
    algorithms: tuple[str, ...] = ("sm2-sm3",)

    def __post_init__(self) -> None:
        self.accounts: dict[tuple[int, str], TestAccount] = {}
        entries = []
        for index, organisation in enumerate(ORGANISATIONS):
            for role in (*ROLES, "administrator"):
                account = new_account()
                self.accounts[index, role] = account
                entries.append(
                    GenesisAccount(
                        administrator=role == "administrator",
                        algorithm="sm2-sm3",
                        key=account.key.hex(),
                        label=f"{role}-{index}",
                        organisation=organisation,
                        roles=() if role == "administrator" else (role,),
                    )
                )
        self.member = new_account()
        self.genesis = Genesis(
            accounts=tuple(entries),
            algorithms=self.algorithms,
            chain=CHAIN,
            created=CREATED,
            format="govchain-genesis/1",
            limits=Limits(**self.limits),
            members=(GenesisMember("sm2-sm3", self.member.key.hex(), "node-1", ORGANISATIONS[0]),),
            modules=tuple(GenesisModule("00" * 32, module.name, module.version) for module in self.modules),
            organisations=tuple(GenesisOrganisation(code, f"organisation {code}") for code in sorted(ORGANISATIONS)),
            rule="solo",
            suite="gm",
            test_clock=False,
        )
        self.machine: Machine = build_machine(
            self.genesis,
            self.modules,
            {module.name: "00" * 32 for module in self.modules},
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
        )

    @property
    def department(self) -> TestAccount:
        return self.accounts[0, "department"]


def item(**changes: object) -> dict[str, object]:
    """A good evidence item."""
    base: dict[str, object] = {
        "capture": {"method": "file", "time": CREATED},
        "commitments": [],
        "media_type": "text/plain",
        "name": "report.txt",
        "sha256": "11" * 32,
        "size": 12,
        "sm3": native.sm3(str(next(_nonces)).encode()).hex(),
    }
    return {**base, **changes}


def make_body(kind: str, payload: object, *signers: TestAccount, **changes: object) -> bytes:
    """A body's bytes; a change to ``None`` leaves the field out."""
    fields: dict[str, object] = {
        "chain": CHAIN,
        "expires": CREATED + 300_000,
        "nonce": f"{next(_nonces):032x}",
        "payload": payload,
        "signers": [signer.entry() for signer in signers],
        "type": kind,
        "version": 1,
        **changes,
    }
    return encode_canonical({name: value for name, value in fields.items() if value is not None})


def sign(body: bytes, *signers: TestAccount) -> bytes:
    """The envelope of a body with those signers' signatures."""
    signatures = [native.sm2_sign(signer.secret, signer.key, body) for signer in signers]
    return native.seal_envelope(1, body, signatures)


def make(kind: str, payload: object, *signers: TestAccount, **changes: object) -> bytes:
    """A signed envelope."""
    return sign(make_body(kind, payload, *signers, **changes), *signers)


def put(account: TestAccount, **changes: object) -> bytes:
    """A signed ``evidence.put``."""
    return make("evidence.put", {"reference": "", "subject": item()}, account, **changes)
