"""The doctor's checks of the ledger itself: store files, headers, certificates, roots, and the state by replaying.

Purpose: each check notes what it finds in a :class:`govchain.ops.findings.Report`, at the most exact place that can be
told, and goes on where that makes sense: one damaged block does not hide another.
Rules: reads only; replays into a temporary folder elsewhere (small chains in memory), which is removed.
Not here: keys, disk, clock, directories (``ops.doctor``).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import govchain_native as native
from govchain.ledger import ChainState, Machine
from govchain.model import Code, GovChainError
from govchain.model.wire import Header
from govchain.ops.findings import Report
from govchain.ops.replay import COMPARED_TABLES, Progress, compare_chain_states, compare_tables, replay_blocks
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import first_signer_set
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.signers import signer_set_digest
from govchain.state import MemoryStore, Store, Table
from govchain.state.roots import digest_name_of
from govchain.storage import BlockReader, DirectoryLayout, RocksReader, RocksStore

__all__ = ["REPLAY_MEMORY_BYTES_MAX", "LedgerChecks", "scratch_store", "store_part"]

#: Stores up to this size (bytes of table files) are replayed in memory, where nothing else is said.
REPLAY_MEMORY_BYTES_MAX = 16 * 1024 * 1024
_GENESIS = DirectoryLayout(Path()).genesis.name


@dataclass(slots=True)
class LedgerChecks:
    """The checks over one opened store; each method notes its findings and answers whether it found none.

    Attributes:
        machine: the chain's fixed part.
        store: the store, opened for reading.
        chain: the moving facts in it.
        report: where findings go.
        find_certificate: asks again for the certificate of a height whose block is new, or None.
        replay_memory_bytes_max: stores up to this size are replayed in memory.
    """

    machine: Machine
    store: RocksReader
    chain: ChainState
    report: Report
    find_certificate: Callable[[int], bytes | None]
    replay_memory_bytes_max: int = REPLAY_MEMORY_BYTES_MAX

    def check_files(self) -> bool:
        """Read every table to its end, so that each block of each file meets its checksum; then each file's filter."""
        self.report.checks.append("files")
        before = len(self.report.findings)
        for table in Table:
            try:
                for _ in self.store.scan(table):
                    pass
            except GovChainError as error:
                self._damaged(error)
        for _, key in self.store.table_files():
            for table in Table:
                try:
                    # The second key is in no table, so that each file that might hold it is asked.
                    self.store.get_many(table, [key, key + b"\0"])
                except GovChainError as error:
                    self._damaged(error)
        return len(self.report.findings) == before

    def check_headers(self, blocks: BlockReader) -> bool:
        """Every header's identity, link, time and signer set, and the certificate that makes it final.

        Where the node began from a snapshot, its block is the first; what came before was verified when it joined.
        """
        self.report.checks += ["headers", "certificates"]
        before = len(self.report.findings)
        previous = self.machine.fingerprint
        time = self.machine.genesis.created
        epoch = 0
        signers = signer_set_digest(self.machine.suite, first_signer_set(self.machine.genesis)).hex()
        begun = blocks.begun()
        first = max(1, begun)
        following = self._decoded(blocks, first)
        for height in range(first, self.chain.height + 1):
            current, following = following, self._decoded(blocks, height + 1)
            if height == begun and current is not None:
                header = current[0]
                previous, time, epoch, signers = b"", header.time - 1, header.epoch, header.signers
            if current is None:
                previous = b""
                continue
            header, data = current
            own = header_identity(self.machine.suite, data)
            named = {self.chain.identity if height == self.chain.height else _previous(following)}
            if not self._check_certificate(blocks, header, own, named):
                previous = b""
                continue
            if previous and header.previous != previous.hex():
                self._unlinked(height)
            elif header.time <= time or header.chain != self.machine.genesis.chain:
                self.report.add("headers", Code.HEADER_INVALID, "header_link", "restore", height=height)
            elif (header.epoch, header.signers) != (epoch, signers):
                self.report.add("headers", Code.HEADER_INVALID, "header_signers", "restore", height=height)
            epoch = header.epoch + (header.next_signers != header.signers)
            previous, time, signers = own, header.time, header.next_signers
        if previous and previous != self.chain.identity:
            # Without blocks the moving facts name genesis itself.
            part, cause = ("meta", "head") if self.chain.height else (_GENESIS, "other_genesis")
            self.report.add(part, Code.HEADER_INVALID, cause, "restore", height=self.chain.height or None)
        return len(self.report.findings) == before

    def check_roots(self, blocks: BlockReader) -> bool:
        """Every block's transactions and receipts against the roots in its header."""
        self.report.checks += ["bodies", "receipts", "roots"]
        before = len(self.report.findings)
        name = digest_name_of(self.machine.suite)
        for height in range(max(1, blocks.oldest(), blocks.begun() + 1), self.chain.height + 1):
            found = self._decoded(blocks, height, quiet=True)
            if found is None:
                continue
            header, _ = found
            try:
                envelopes = list(blocks.envelopes(height))
                root = native.merkle_root(name, native.digest_many(name, envelopes)).hex()
                if (root, len(envelopes)) != (header.transaction_root, header.transaction_count):
                    self.report.add("bodies", Code.STORE_CORRUPT, "transaction_root", "restore", height=height)
            except GovChainError as error:
                self.report.add_error("bodies", error, "restore", height=height)
            try:
                if native.merkle_root(name, list(blocks.receipts(height))).hex() != header.receipt_root:
                    self.report.add("receipts", Code.STORE_CORRUPT, "receipt_root", "restore", height=height)
            except GovChainError as error:
                self.report.add_error("receipts", error, "restore", height=height)
        return len(self.report.findings) == before

    def check_state(self, blocks: BlockReader, progress: Progress | None) -> bool:
        """Execute every block again; compare headers, receipts, and every key of state, look-ups and indexes."""
        self.report.checks.append("state")
        before = len(self.report.findings)
        size = sum(entry.stat().st_size for entry in self.store.path.iterdir() if entry.suffix == ".sst")
        with scratch_store(in_memory=size <= self.replay_memory_bytes_max) as target:
            difference, reached = replay_blocks(self.machine, blocks, self.chain.height, target, progress)
            differences = [difference]
            if difference is None:
                differences = [compare_tables(self.store, target, table) for table in COMPARED_TABLES]
                differences.append(compare_chain_states(self.chain, reached))
        for found in differences:
            if found is not None:
                self.report.add(
                    found.part, Code.STORE_CORRUPT, found.reason, "restore", height=found.height, **found.facts
                )
        return len(self.report.findings) == before

    # The steps behind

    def _decoded(self, blocks: BlockReader, height: int, *, quiet: bool = False) -> tuple[Header, bytes] | None:
        """The header at ``height``, or None with a finding; above the head, None without one."""
        if height > self.chain.height:
            return None
        data = blocks.header(height)
        try:
            if data is not None:
                return decode_header(data), data
            if not quiet:
                self.report.add("headers", Code.HEADER_INVALID, "missing", "restore", height=height)
        except GovChainError as error:
            if not quiet:
                self.report.add_error("headers", error, "restore", height=height)
        return None

    def _check_certificate(self, blocks: BlockReader, header: Header, own: bytes, named: set[bytes]) -> bool:
        """Whether header and certificate hold together; where they do not, whichever stands alone is at fault."""
        height = header.height
        data = blocks.certificate(height)
        fault: GovChainError | None = None
        if data is not None:
            try:
                certificate = decode_certificate(data)
                if certificate.chain == self.machine.genesis.chain and certificate.height == height:
                    named.add(bytes.fromhex(certificate.identity))
                verify_certificate(self.machine.suite, header, own, certificate)
            except GovChainError as error:
                fault = error
        named.discard(b"")
        if named and own not in named:
            self.report.add(
                "headers",
                Code.HEADER_INVALID,
                "header_altered",
                "restore",
                height=height,
                found=own.hex()[:16],
                named=", ".join(sorted(identity.hex()[:16] for identity in named)),
            )
            return False
        if data is None and height == self.chain.height and self.find_certificate(height) is None:
            self.report.add("certificates", Code.CERTIFICATE_INVALID, "certificate_behind", "start", height=height)
        elif data is None and blocks.pruned() < height < self.chain.height and not self._awaits_members(blocks, height):
            self.report.add("certificates", Code.CERTIFICATE_INVALID, "certificate_missing", "restore", height=height)
        elif fault is not None:
            self.report.add_error("certificates", fault, "restore", height=height)
        return True

    def _awaits_members(self, blocks: BlockReader, height: int) -> bool:
        """Whether the block is of the newest, whose signatures had not come when a node among others was stopped."""
        return self.machine.genesis.rule != "solo" and height > blocks.newest_certificate()

    def _unlinked(self, height: int) -> None:
        if height == 1:
            self.report.add(_GENESIS, Code.GENESIS_INVALID, "other_genesis", "genesis")
        else:
            self.report.add("headers", Code.HEADER_INVALID, "header_link", "restore", height=height)

    def _damaged(self, error: GovChainError) -> None:
        self.report.add_error(store_part(error, self.store.path), error, "store")


@contextlib.contextmanager
def scratch_store(*, in_memory: bool) -> Iterator[Store]:
    """An empty store to execute blocks into, in memory or in a temporary folder; it goes with the context."""
    if in_memory:
        yield MemoryStore()
        return
    with tempfile.TemporaryDirectory(prefix="govchain-replay-", ignore_cleanup_errors=True) as folder:
        store = RocksStore(Path(folder) / "store")
        try:
            yield store
        finally:
            store.close()


def store_part(error: GovChainError, store: Path) -> str:
    """The file of the store that an error names, else the store."""
    name = Path(str(error.params.get("path", ""))).name
    return f"{store.name}/{name}" if name and (store / name).is_file() else store.name


def _previous(following: tuple[Header, bytes] | None) -> bytes:
    return b"" if following is None else bytes.fromhex(following[0].previous)
