"""A chain on disk for tests of node, services and operations: one department's key, envelopes signed with it."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import govchain_native as native
from govchain.consensus import Certifier, LedgerApplication, Pool, PoolLimits
from govchain.consensus.ports import BlockOptions, Clock
from govchain.consensus.solo import SoloEngine
from govchain.crypto import account_address, get_suite
from govchain.model import encode_canonical
from govchain.model.wire import GenesisAccount
from govchain.node.embedded import NodeOptions, create_chain, load_machine, passphrase_source, system_clock
from govchain.proof.genesis import decode_genesis
from govchain.proof.transactions import decode_envelope
from govchain.services.chains import ChainOptions, default_organisation
from govchain.signers import open_signer
from govchain.storage import DataDirectory

CHAIN = "node-test"
SUITE = get_suite("gm")
#: Small memory for the per-key tables: tests open many nodes.
SMALL = NodeOptions(verifier_bytes_max=4 * 1024 * 1024)

_counter = itertools.count(1)


@dataclass(frozen=True)
class Actor:
    """A department's account: secret and public key, and what it signs."""

    secret: bytes
    chain: str = CHAIN

    @property
    def key(self) -> bytes:
        return native.sm2_public_key(self.secret)

    @property
    def address(self) -> str:
        return account_address(SUITE, self.chain, "sm2-sm3", self.key).hex()

    def entry(self) -> GenesisAccount:
        organisation, _ = default_organisation()
        return GenesisAccount(False, "sm2-sm3", self.key.hex(), "tester", organisation, ("department",))

    def body(self, kind: str, payload: object, *, now: int | None = None, **changes: object) -> bytes:
        now = system_clock().wall() if now is None else now
        fields = {
            "chain": self.chain,
            "expires": now + 300_000,
            "nonce": os.urandom(16).hex(),
            "payload": payload,
            "signers": [{"account": self.address, "algorithm": "sm2-sm3", "key": self.key.hex()}],
            "type": kind,
            "version": 1,
            **changes,
        }
        return encode_canonical(fields)

    def seal(self, body: bytes) -> bytes:
        return native.seal_envelope(1, body, [native.sm2_sign(self.secret, self.key, body)])

    def put(self, *, reference: str = "", now: int | None = None, sm3: str = "", **changes: object) -> bytes:
        """A signed ``evidence.put`` of a file that nobody has seen before."""
        subject = {
            "capture": {"method": "api", "time": 0 if now is None else now},
            "commitments": [],
            "media_type": "text/plain",
            "name": None,
            "sha256": native.sha256(b"%d" % next(_counter)).hex(),
            "size": 3,
            "sm3": sm3 or native.sm3(os.urandom(16)).hex(),
        }
        return self.seal(self.body("evidence.put", {"reference": reference, "subject": subject}, now=now, **changes))


def new_actor(chain: str = CHAIN) -> Actor:
    return Actor(native.sm2_generate(), chain)


def transaction_id(envelope: bytes) -> bytes:
    return SUITE.digest(decode_envelope(envelope)[0])


def make_chain(path: Path, actor: Actor, *, now: int | None = None, **limits: int) -> Path:
    """A new chain in which ``actor`` has an account."""
    now = system_clock().wall() if now is None else now
    create_chain(path, ChainOptions(now=now, chain=actor.chain, extra_accounts=(actor.entry(),), limits=limits))
    return path


def copy_chain(source: Path, target: Path) -> Path:
    """The same chain, keys and all, in another directory."""
    return Path(shutil.copytree(source, target))


class Hands:
    """A node without a thread: the test orders each block, at a time that it chooses."""

    def __init__(self, path: Path, now: int, *, pool: PoolLimits | None = None) -> None:
        self.now = now
        self.directory = DataDirectory(path)
        self.machine = load_machine(decode_genesis((path / "genesis.json").read_bytes()), SMALL)
        self.store = self.directory.open_store()
        keys = path / "keys"
        signer = open_signer(f"file:{keys / 'node.pem'}", passphrase_source(keys))
        self.pool = Pool(pool)
        clock = Clock(lambda: self.now, lambda: self.now)
        certifier = Certifier(self.machine.suite, signer)
        self.application = LedgerApplication(self.machine, self.store, self.pool, clock.wall, certifier)
        self.engine = SoloEngine(self.application, self.pool, clock, BlockOptions(linger_ms=0))

    def block(self, *envelopes: bytes, at: int | None = None) -> None:
        """Check, pool and order these envelopes as one block."""
        self.now = self.now + 1000 if at is None else at
        results = self.application.check_tx(envelopes)
        assert [result.code for result in results] == [0] * len(envelopes)
        assert not any(self.pool.add_many(results))
        assert self.engine.step()

    def close(self) -> None:
        self.engine.stop(drain=False)
        self.application.close()
        self.store.close()
        self.directory.close()


def clock_from(read: Callable[[], int]) -> Clock:
    """Wall and steady clock are the same."""
    return Clock(read, read)


def with_pool(**limits: int) -> NodeOptions:
    """Node options with these bounds of the pool."""
    return replace(SMALL, pool=PoolLimits(**limits))
