"""Members of a chain in one process, each with its own network on loopback; the test orders the blocks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from govchain.consensus import Certifier, LedgerApplication, Pool, PoolLimits
from govchain.consensus.exchange import ExchangeOptions, ForwardingOptions, PeerExchange
from govchain.consensus.exchange.budget import BudgetLimits
from govchain.crypto import BatchVerifier, get_suite
from govchain.ledger import build_machine
from govchain.model import Code
from govchain.model.wire import GenesisMember
from govchain.peers import PeerIdentity, PeerLimits, PeerNetwork
from govchain.proof.members import MemberAddresses, MemberRecord, build_member_record, tls_digest
from govchain.state import MemoryStore, Store
from tests.ledger.kit import CHAIN, CREATED, Kit, TestAccount, new_account
from tests.peers.kit import LIMITS, free_port, now_ms, wait_until

__all__ = ["ExchangeKit", "Member", "connect", "members", "wait_until"]

SUITE = get_suite("gm")


@dataclass
class Person:
    """A member's keys and address."""

    name: str
    account: TestAccount
    identity: PeerIdentity
    address: str

    @property
    def key(self) -> bytes:
        return self.account.key

    def record(self, organisation: str, address: str | None = None, issued: int = CREATED) -> MemberRecord:
        return build_member_record(
            self.account.signer,
            chain=CHAIN,
            name=self.name,
            organisation=organisation,
            organisation_name="机构",
            certificate=self.identity.certificate,
            addresses=MemberAddresses("", "", address or self.address),
            issued=issued,
        )


class ExchangeKit(Kit):
    """A chain of several members under ``rule``, and others who are none."""

    def __init__(self, count: int, others: int = 0, rule: str = "raft", **changes: object) -> None:
        super().__init__(**changes)
        accounts = sorted((new_account() for _ in range(count)), key=lambda account: account.key)
        accounts += [new_account() for _ in range(others)]
        self.people = [
            Person(f"node-{number}", account, PeerIdentity.generate("node"), f"127.0.0.1:{free_port()}")
            for number, account in enumerate(accounts, 1)
        ]
        entries = tuple(
            GenesisMember(
                person.account.algorithm,
                person.key.hex(),
                person.name,
                self.organisations[0],
                engine_key=f"{number:064x}" if rule == "bft" else msgspec.UNSET,
                tls=tls_digest(SUITE, person.identity.certificate).hex(),
            )
            for number, person in enumerate(self.people[:count], 1)
        )
        self.genesis = msgspec.structs.replace(self.genesis, rule=rule, members=entries)
        self.machine = build_machine(
            self.genesis,
            self.modules,
            {module.name: "00" * 32 for module in self.modules},
            BatchVerifier(memory_limit_bytes=8 * 1024 * 1024),
        )

    def record(self, number: int, address: str | None = None, issued: int = CREATED) -> MemberRecord:
        return self.people[number].record(self.organisations[0], address, issued)


class Member:
    """One node: store, pool, application, network and exchange; the same store again is a restart."""

    def __init__(
        self,
        kit: ExchangeKit,
        number: int,
        *,
        store: Store | None = None,
        records: Path | None = None,
        known: Sequence[MemberRecord] = (),
        copies: int = 1,
        patience_ms: int = 300,
        limits: PeerLimits = LIMITS,
        snapshots: Path | None = None,
        initialised: bool = True,
        engine: Callable[[bytes], bytes | None] | None = None,
        own: MemberRecord | None = None,
        address: str | None = None,
        signs: bool = True,
        budget: BudgetLimits | None = None,
        clock: Callable[[], int] = now_ms,
        pool: PoolLimits | None = None,
    ) -> None:
        self.kit, self.number = kit, number
        person = self.person = kit.people[number]
        self.store = MemoryStore() if store is None else store
        self.pool = Pool(pool)
        certifier = Certifier(kit.machine.suite, person.account.signer) if signs else None
        self.application = LedgerApplication(
            kit.machine, self.store, self.pool, lambda: CREATED + 1, certifier, snapshots=snapshots
        )
        if initialised and self.application.info().app_hash == b"":
            self.application.init_chain()
        self.problems: list[tuple[Code, str]] = []
        self.network = PeerNetwork(
            person.identity,
            address or person.address,
            clock=clock,
            on_problem=lambda code, reason: self.problems.append((code, reason)),
            limits=limits,
        )
        self.exchange = PeerExchange(
            self.network,
            self.application,
            self.pool,
            clock=clock,
            own_key=person.key,
            own_record=own or kit.record(number),
            options=ExchangeOptions(
                ForwardingOptions(copies=copies, patience_ms=patience_ms),
                records,
                software="test 1",
                budget=budget or BudgetLimits(),
            ),
            engine=engine,
        )
        self.known = known

    @property
    def key(self) -> bytes:
        return self.person.key

    def start(self) -> None:
        self.exchange.start()
        self.exchange.membership.offer([msgspec.json.encode(record, order="sorted") for record in self.known])
        self.network.start()

    def stop(self) -> None:
        """End as a process does that is asked to; the store stays."""
        self.exchange.stop()
        self.network.stop()
        self.application.close()

    def submit(self, *envelopes: bytes) -> list[Code]:
        return self.pool.add_many(self.application.check_tx(envelopes))

    def block(self, *envelopes: bytes) -> None:
        """An engine block, empty without envelopes."""
        height = self.application.info().engine_height + 1
        time = CREATED + height
        assert self.application.process_proposal(envelopes, time) == Code.OK
        self.application.finalize_block(envelopes, time, height)
        self.application.commit()

    def certified(self) -> list[int]:
        """Heights that have a certificate here."""
        head = self.application.chain.height
        return [height for height in range(1, head + 1) if self.application.blocks.certificate(height) is not None]

    def has(self, *envelopes: bytes) -> bool:
        """Whether the pool holds all of them."""
        held = {item.envelope for item in self.pool.candidates()}
        return held.issuperset(envelopes)


def connect(*found: Member) -> None:
    """Wait until each is connected to every other one."""
    for one in found:
        others = sorted(other.key for other in found if other is not one)
        wait_until(lambda one=one, others=others: one.network.connected(CHAIN) == others, f"{one.person.name}")


@contextlib.contextmanager
def members(count: int, *, connected: bool = True, rule: str = "raft", **options: object) -> Iterator[list[Member]]:
    """Members that know each other from the beginning."""
    kit = ExchangeKit(count, rule=rule)
    records = [kit.record(number) for number in range(count)]
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(count):
            member = Member(kit, number, known=records, **options)
            member.start()
            stack.callback(member.stop)
            found.append(member)
        if connected:
            connect(*found)
        yield found


def everywhere(found: Sequence[Member], *envelopes: bytes) -> None:
    """The same engine block on every member."""
    for member in found:
        member.block(*envelopes)


class Counter:
    """Hears one number."""

    def __init__(self) -> None:
        self.value: int | None = None
        self.heard = threading.Event()

    def __call__(self, value: int) -> None:
        assert self.value is None
        self.value = value
        self.heard.set()
