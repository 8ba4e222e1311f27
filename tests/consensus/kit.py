"""An application over any store, driven block by block as an engine does; stores that fail or wait on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from govchain.consensus import Certifier, CheckResult, LedgerApplication, Pool, PoolLimits, Ticket
from govchain.ledger import ExecutedBlock, prepare
from govchain.model import Code, UnavailableError
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.state import MemoryStore, Store, Table
from tests.ledger.kit import CREATED, Kit, TestAccount

#: Seconds that a test waits for something that must happen, before it fails.
PATIENCE_S = 20.0


class Node:
    """One member: store, pool, application. Opening it again over the same store is what a restart does."""

    def __init__(
        self,
        kit: Kit,
        store: Store | None = None,
        *,
        limits: PoolLimits | None = None,
        member: TestAccount | None = None,
        certify: bool = True,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.kit = kit
        self.store = MemoryStore() if store is None else store
        self.pool = Pool(limits)
        self.now = CREATED + 1
        signer = (member or kit.member).signer
        certifier = Certifier(kit.machine.suite, signer) if certify else None
        self.application = LedgerApplication(kit.machine, self.store, self.pool, clock or (lambda: self.now), certifier)
        self.heard: list[ExecutedBlock] = []
        self.application.add_listener(self.heard.append)
        if self.application.info().app_hash == b"":
            self.application.init_chain()

    def again(self) -> Node:
        """The same node after a restart without a crash of the store."""
        self.application.close()
        return Node(self.kit, self.store)

    def block(self, *envelopes: bytes, time: int | None = None) -> list[Code]:
        """Propose, process, finalise and commit; the receipts' codes."""
        moment = self.now if time is None else time
        assert self.application.process_proposal(envelopes, moment) == Code.OK
        height = self.application.info().engine_height + 1
        finalized = self.application.finalize_block(envelopes, moment, height)
        self.application.commit()
        return list(finalized.codes)

    def submit(self, *envelopes: bytes) -> tuple[list[Code], Ticket]:
        """Check and hand to the pool, as a submitter does; codes of the pool, and the ticket."""
        ticket = Ticket(len(envelopes))
        return self.pool.add_many(self.application.check_tx(envelopes), ticket), ticket

    def identities(self) -> list[bytes]:
        """Block identities from 1 to the head."""
        blocks = self.application.blocks
        height = self.application.chain.height
        found = [blocks.identity_after(number) for number in range(1, height)]
        return [*found, self.application.chain.identity] if height else []

    def verify_certificates(self) -> int:
        """Verify the certificate of every block; how many there are."""
        for height, identity in enumerate(self.identities(), 1):
            stored = self.application.blocks.certificate(height)
            assert stored is not None, height
            header = self.application.blocks.decoded_header(height)
            verify_certificate(self.kit.machine.suite, header, identity, decode_certificate(stored))
        return self.application.chain.height


def contents(store: Store, without: Sequence[Table] = ()) -> dict[Table, dict[bytes, bytes]]:
    """Everything that a store holds."""
    return {table: dict(store.scan(table)) for table in Table if table not in without}


def results(kit: Kit, *envelopes: bytes) -> list[CheckResult]:
    """Prepared and taken as checked, for tests of the pool alone."""
    return [CheckResult(prepared.code, prepared) for prepared in prepare(kit.machine, envelopes)]


class FullDisk(MemoryStore):
    """A store that takes a number of durable writes more and then, as the port says, none at all."""

    def __init__(self) -> None:
        super().__init__()
        self.room: int | None = None

    def write(self, batch, *, durable):
        if self.room is not None:
            if self.room == 0:
                raise UnavailableError(Code.DISK_FULL, path="")
            self.room -= durable
        super().write(batch, durable=durable)


class Gate(MemoryStore):
    """A store that waits before a durable write, or before a checkpoint is read, until it is let go."""

    def __init__(self, *, writes: bool = False, checkpoints: bool = False) -> None:
        super().__init__()
        self.writes, self.checkpoints_wait = writes, checkpoints
        self.open = threading.Event()
        self.waiting = threading.Event()

    def _pass(self) -> None:
        self.waiting.set()
        assert self.open.wait(PATIENCE_S)

    def write(self, batch, *, durable):
        if self.writes and durable:
            self._pass()
        super().write(batch, durable=durable)

    def open_checkpoint(self, name):
        if self.checkpoints_wait:
            self._pass()
        return super().open_checkpoint(name)


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition that another thread brings about."""
    pause = threading.Event()
    for _ in range(int(patience_s / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError(f"waited in vain: {what}")
