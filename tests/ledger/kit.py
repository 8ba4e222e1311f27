"""A small chain for tests of the ledger: genesis with an account for each role in two organisations, a signer of
bodies, and `Ledger`, which checks and executes over a memory store without pool, engine or block store.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import govchain_native as native
from govchain.crypto import BatchVerifier, SigningKey, account_address, get_suite
from govchain.ledger import (
    ExecutedBlock,
    Machine,
    build_machine,
    check_inclusion,
    check_transaction,
    execute_block,
    genesis_writes,
    initial_chain_state,
    next_block_time,
    prepare,
)
from govchain.ledger.chain import NO_ROOT
from govchain.merkle import Frontier, SparseTree, leaf_hash, verify_sparse
from govchain.model import Code, encode_canonical
from govchain.model.wire import Genesis, GenesisAccount, GenesisMember, GenesisModule, GenesisOrganisation, Limits
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.accounts.views import StateDirectory
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.state import Batch, CommittedState, MemoryStore, Table
from govchain.state.checkpoints import CheckpointProgress
from govchain.state.roots import compute_state_root

CHAIN = "test-chain"
CREATED = 1_750_000_000_000
#: Expiry of the bodies made here, where nothing else is said: five minutes after genesis.
EXPIRES = CREATED + 300_000
ORGANISATIONS = ("11100000000013127D", "11100000000013338W")
ROLES = ("operator", "department", "supervisor", "auditor")
ALGORITHMS = ("ecdsa-p256-sha256", "ed25519", "rsa-pss-sha256", "sm2-sm3")

_nonces = itertools.count(1)


@dataclass(frozen=True)
class TestAccount:
    """Key and address of an account of the test chain."""

    __test__ = False
    signer: SigningKey
    chain: str = CHAIN
    suite: str = "gm"

    @property
    def algorithm(self) -> str:
        return self.signer.algorithm

    @property
    def key(self) -> bytes:
        return self.signer.public_key

    @property
    def public_key(self) -> bytes:
        return self.key

    @functools.cached_property
    def address(self) -> bytes:
        return account_address(get_suite(self.suite), self.chain, self.algorithm, self.key)

    def entry(self) -> dict[str, str]:
        return {"account": self.address.hex(), "algorithm": self.algorithm, "key": self.key.hex()}

    def sign(self, message: bytes) -> bytes:
        return self.signer.sign(message)


@functools.cache
def rsa_secret(bits: int = 2048, number: int = 0) -> bytes:
    key = rsa.generate_private_key(65537, bits)  # made once for each run
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def new_account(algorithm: str = "sm2-sm3", *, chain: str = CHAIN, suite: str = "gm", number: int = 0) -> TestAccount:
    """An account with a key of its own; RSA keys are told apart by ``number``."""
    if algorithm == "rsa-pss-sha256":
        return TestAccount(SigningKey(algorithm, rsa_secret(2048, number)), chain, suite)
    return TestAccount(SigningKey(algorithm, native.sm2_generate()), chain, suite)


@dataclass
class Kit:
    """Genesis, machine, and accounts by (organisation index, role); ``administrator`` of organisation 0 and 1.

    For each algorithm but the first there is one more account of a department of organisation 0, under its name.
    """

    limits: dict[str, int] = field(default_factory=dict)
    modules: tuple = (ACCOUNTS, EVIDENCE)
    algorithms: tuple[str, ...] = ("sm2-sm3",)
    suite: str = "gm"
    organisations: tuple[str, ...] = ORGANISATIONS

    def __post_init__(self) -> None:
        self.accounts: dict[tuple[int, str], TestAccount] = {}
        member = "sm2-sm3" if self.suite == "gm" else "ecdsa-p256-sha256"
        usual = member if member in self.algorithms else self.algorithms[0]
        entries = []
        for index, organisation in enumerate(self.organisations):
            for role in (*ROLES, "administrator"):
                roles = () if role == "administrator" else (role,)
                entries.append(self._account((index, role), usual, organisation, roles, role == "administrator"))
        for algorithm in self.algorithms:
            if algorithm != usual:
                place = (0, algorithm)
                entries.append(self._account(place, algorithm, self.organisations[0], ("department",), False))
        self.member = new_account(member, suite=self.suite)
        self.genesis = Genesis(
            accounts=tuple(entries),
            algorithms=tuple(sorted(self.algorithms)),
            chain=CHAIN,
            created=CREATED,
            format="govchain-genesis/1",
            limits=Limits(**self.limits),
            members=(GenesisMember(member, self.member.key.hex(), "node-1", self.organisations[0]),),
            modules=tuple(GenesisModule("00" * 32, module.name, module.version) for module in self.modules),
            organisations=tuple(GenesisOrganisation(code, f"organisation {code}") for code in self.organisations),
            rule="solo",
            suite=self.suite,
            test_clock=False,
        )
        self.machine: Machine = build_machine(
            self.genesis,
            self.modules,
            {module.name: "00" * 32 for module in self.modules},
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
        )

    def _account(
        self, place: tuple[int, str], algorithm: str, organisation: str, roles: tuple[str, ...], administrator: bool
    ) -> GenesisAccount:
        account = self.accounts[place] = new_account(algorithm, suite=self.suite)
        return GenesisAccount(
            administrator=administrator,
            algorithm=algorithm,
            key=account.key.hex(),
            label=f"{place[1]}-{place[0]}",
            organisation=organisation,
            roles=roles,
        )

    @property
    def department(self) -> TestAccount:
        return self.accounts[0, "department"]

    @property
    def administrator(self) -> TestAccount:
        return self.accounts[0, "administrator"]


class PlainWindow:
    """The replay window as it is described, slow: every id with its expiry."""

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {}

    def contains(self, id: bytes, expires: int) -> bool:
        return self.ids.get(id) == expires

    def __len__(self) -> int:
        return len(self.ids)

    def follow(self, block: ExecutedBlock) -> None:
        self.ids.update((prepared.id, prepared.body.expires) for prepared in block.transactions)
        self.ids = {id: expires for id, expires in self.ids.items() if expires > block.header.time}


class Ledger:
    """One chain in memory: genesis, then block after block."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.machine = machine = kit.machine
        self.store = MemoryStore()
        self.window = PlainWindow()
        self.blocks: list[ExecutedBlock] = []
        writes = genesis_writes(machine)
        root = compute_state_root(machine.suite, NO_ROOT, writes, machine.namespaces, self.store)
        self.chain = initial_chain_state(
            machine,
            root=root,
            history=Frontier(machine.suite.digest).encode(),
            checkpoint=CheckpointProgress(keys=root.rooted_writes),
        )
        self._write(writes, root.live_node_writes)
        self.state = CommittedState(self.store)
        self.directory = StateDirectory(self.state)

    def check(self, envelope: bytes, time: int | None = None) -> Code:
        """The pool's answer."""
        (prepared,) = prepare(self.machine, [envelope])
        return check_transaction(
            self.machine,
            prepared,
            state=self.state,
            directory=self.directory,
            window=self.window,
            height=self.chain.height + 1,
            time=self.chain.time + 1 if time is None else time,
            history=self.history,
        )

    def inclusion(self, envelope: bytes, time: int | None = None) -> Code:
        """Whether the next block may carry the envelope."""
        (prepared,) = prepare(self.machine, [envelope])
        moment = self.chain.time + 1 if time is None else time
        return check_inclusion(self.machine, prepared, self.directory, self.window, moment)

    def execute(self, envelopes: Sequence[bytes], time: int = 0) -> ExecutedBlock:
        """The next block, without committing it."""
        prepared = prepare(self.machine, envelopes)
        moment = next_block_time(self.chain, time)
        assert [item.code for item in prepared] == [Code.OK] * len(prepared)
        return execute_block(self.machine, self.chain, self.state, self.store, prepared, moment, history=self.history)

    def history(self, height: int) -> bytes | None:
        """The leaf of a block's identity, by its height."""
        known = 0 < height <= len(self.blocks)
        return leaf_hash(self.machine.suite.digest, self.blocks[height - 1].identity) if known else None

    def run(self, *envelopes: bytes, time: int = 0) -> ExecutedBlock:
        """Execute and commit."""
        block = self.execute(envelopes, time)
        self._write(block.writes, block.state_root.live_node_writes)
        self.state.apply(block.writes)
        self.window.follow(block)
        self.chain = block.chain
        self.blocks.append(block)
        return block

    def codes(self, *envelopes: bytes, time: int = 0) -> list[Code]:
        """Execute and commit; the receipts' codes."""
        return list(self.run(*envelopes, time=time).codes)

    def _write(self, writes: Sequence, live_nodes: dict) -> None:
        batch = Batch()
        batch.extend(Table.STATE, writes)
        batch.extend(Table.LIVE, live_nodes.items())
        self.store.write(batch, durable=False)


def prove_live(ledger: Ledger, key: bytes) -> bytes | None:
    """The present value of a key, proved by the ``live`` tree against the head's root; None where absence is proved."""
    digest = ledger.machine.suite.digest
    proof = SparseTree(digest, lambda at: ledger.store.get(Table.LIVE, at)).prove(digest(key))
    value = ledger.state.get(key)
    wanted = None if value is None else digest(value)
    verify_sparse(digest, ledger.chain.live_root, digest(key), wanted, proof)
    return value


def item(**changes: object) -> dict[str, object]:
    """A good evidence item, unlike any other."""
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


def fields_of(kind: str, payload: object, *signers: TestAccount, **changes: object) -> dict[str, object]:
    """A body's fields; a change to ``None`` leaves the field out."""
    fields: dict[str, object] = {
        "chain": CHAIN,
        "expires": EXPIRES,
        "nonce": f"{next(_nonces):032x}",
        "payload": payload,
        "signers": [signer.entry() for signer in signers],
        "type": kind,
        "version": 1,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def make_body(kind: str, payload: object, *signers: TestAccount, **changes: object) -> bytes:
    """A body's bytes; a change to ``None`` leaves the field out."""
    return encode_canonical(fields_of(kind, payload, *signers, **changes))


def seal(body: bytes, *signatures: bytes) -> bytes:
    """The envelope of a body and signatures, whatever they are."""
    return native.seal_envelope(1, body, list(signatures))


def sign(body: bytes, *signers: TestAccount) -> bytes:
    """The envelope of a body with those signers' signatures."""
    return seal(body, *(signer.sign(body) for signer in signers))


def make(kind: str, payload: object, *signers: TestAccount, **changes: object) -> bytes:
    """A signed envelope."""
    return sign(make_body(kind, payload, *signers, **changes), *signers)


def put_payload(**changes: object) -> dict[str, object]:
    """The payload of an ``evidence.put``."""
    return {"reference": "", "subject": item(), **changes}


def put(account: TestAccount, **changes: object) -> bytes:
    """A signed ``evidence.put``."""
    return make("evidence.put", put_payload(), account, **changes)


def id_of(envelope: bytes, suite: str = "gm") -> bytes:
    """The id of an envelope's transaction."""
    return native.open_envelopes(get_suite(suite).digest_name, [envelope], 1 << 24, 64, 1024)[0][1]


def shuffled(values: Sequence, seed: int) -> list:
    """The values in another order, the same in every run."""
    found = list(values)
    random.Random(seed).shuffle(found)
    return found
