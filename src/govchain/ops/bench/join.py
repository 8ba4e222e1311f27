"""``govchain bench join``: how long a new node takes by a snapshot, and how long by every block.

Measured: a chain of the wanted length is made in this process; then a new, empty store takes the newest snapshot and
the blocks after it, and another takes every block: each verified (signatures too), executed and committed durably.
Rules: both begin with genesis alone and end at the same block identity, or the bench fails; blocks and chunks are
handed over in this process, so that neither side pays for a network; the engine's own work is in neither.
Not here: the snapshot's checks (``consensus.joining``), real nodes (``ops.net``).
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govchain.consensus import Certifier, LedgerApplication, Pool
from govchain.consensus.joining import SnapshotJoiner, SnapshotServer
from govchain.ledger import Machine
from govchain.model import Code, UnavailableError
from govchain.node.embedded import create_chain
from govchain.node.opening import load_machine
from govchain.ops.bench.machine import bench_folder, describe_machine, directory_bytes, memory_peak_bytes
from govchain.ops.bench.workload import make_accounts, read_batches, write_files
from govchain.proof.genesis import decode_genesis
from govchain.services.chains import ChainOptions, default_organisation
from govchain.signers import Signer, open_signer, passphrase_source
from govchain.storage import DirectoryLayout, RocksStore

__all__ = ["JoinBench", "run"]

#: Transactions that are signed at once; they are good for ten minutes of block time.
_CHUNK: Final = 50_000
_ACCOUNTS: Final = 16
#: Between two blocks, ms of block time.
_PACE_MS: Final = 5


@dataclass(frozen=True, slots=True)
class JoinBench:
    """What to measure: blocks of the chain, transactions of each, bytes of an envelope."""

    blocks: int = 20_000
    block_transactions: int = 5
    envelope_bytes: int = 1024


def run(
    options: JoinBench | None = None,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, object]:
    """Measure below ``folder`` (default: a temporary one, removed afterwards)."""
    with bench_folder(folder) as base:
        return _Run(options or JoinBench(), base, progress or (lambda done, total: None)).run()


class _Store:
    """A node's store and application, without an engine."""

    def __init__(self, path: Path, machine: Machine, signer: Signer | None = None) -> None:
        self.path = path
        self._store = RocksStore(path / "store", checkpoints=path / "checkpoints")
        certifier = None if signer is None else Certifier(machine.suite, signer)
        self.application = LedgerApplication(
            machine, self._store, Pool(), lambda: time.time_ns() // 1_000_000, certifier, snapshots=path / "snapshots"
        )

    def block(self, envelopes: Sequence[bytes], moment: int) -> None:
        """Verify, execute and commit one block."""
        application = self.application
        code = application.process_proposal(envelopes, moment)
        if code:
            raise UnavailableError(code, reason="benchmark block")
        application.finalize_block(envelopes, moment, application.info().engine_height + 1)
        application.commit()

    def follow(self, other: _Store, told: Callable[[int], None]) -> int:
        """Take the blocks that the other has and this one has not; how many."""
        blocks, first = other.application.blocks, self.application.chain.height + 1
        for height in range(first, other.application.chain.height + 1):
            self.block(blocks.envelopes(height), blocks.header_time(height))
            told(height)
        if self.application.chain.identity != other.application.chain.identity:
            raise UnavailableError(Code.NODE_DIVERGED, reason="another block than the chain's")
        return other.application.chain.height + 1 - first

    def close(self) -> None:
        self.application.close()
        self._store.close()


class _Route:
    """The one node that has the chain."""

    def __init__(self, member: bytes, server: SnapshotServer) -> None:
        self._member, self._server = member, server

    def connected(self) -> Sequence[bytes]:
        """The member's key."""
        return [self._member]

    def ask(self, key: bytes, body: bytes, timeout_s: float) -> bytes:
        """Its answer."""
        return self._server.answer(body)


class _Run:
    def __init__(self, options: JoinBench, base: Path, progress: Callable[[int, int], None]) -> None:
        self._options = options
        self._base = base
        self._progress = progress
        self._done = 0

    def run(self) -> dict[str, object]:
        options = self._options
        chain = f"bench-{secrets.token_hex(4)}"
        code, name = default_organisation()
        accounts, entries = make_accounts(_ACCOUNTS, chain, code)
        writes = options.blocks * options.block_transactions
        chain_options = ChainOptions(
            now=time.time_ns() // 1_000_000,
            chain=chain,
            organisation=code,
            organisation_name=name,
            extra_accounts=entries,
            limits={"checkpoint_writes_min": max(100, writes // 5)},
        )
        data = self._base / "data"
        machine = load_machine(decode_genesis(create_chain(data, chain_options).genesis_bytes))
        layout = DirectoryLayout(data)
        signer = open_signer(f"file:{layout.node_key}", passphrase_source(layout.keys))
        source = _Store(self._base / "source", machine, signer)
        try:
            source.application.init_chain()
            self._make(source, chain, accounts)
            source.application.make_snapshot()
            snapshots = source.application.list_snapshots()
            if not snapshots:
                raise UnavailableError(Code.NOT_FOUND, reason="snapshot")
            by_snapshot = self._by_snapshot(source, machine, signer.public_key)
            by_blocks = self._by_blocks(source, machine)
        finally:
            source.close()
            signer.close()
        return {
            "machine": describe_machine(),
            "workload": {
                **{field: getattr(options, field) for field in options.__slots__},
                "transactions": writes,
                "durable": True,
                "signatures_verified": True,
            },
            "by_snapshot": by_snapshot,
            "by_blocks": by_blocks,
            "times_faster": round(by_blocks["seconds"] / by_snapshot["seconds"], 1),
            "memory_peak_mib": round(memory_peak_bytes() / 2**20),
        }

    def _make(self, source: _Store, chain: str, accounts: Sequence[tuple[bytes, bytes, str]]) -> None:
        """The chain, block after block; block time runs ahead of nothing that a signature needs."""
        options, left = self._options, self._options.blocks * self._options.block_transactions
        while left:
            count = min(left, _CHUNK)
            files = write_files(self._base, chain, accounts, count, options.envelope_bytes)
            moment = max(time.time_ns() // 1_000_000, source.application.info().time + 1)
            for envelopes in read_batches(files, options.block_transactions):
                source.block(envelopes, moment)
                moment += _PACE_MS
                self._tell(source.application.chain.height)
            for path in files:
                path.unlink()
            left -= count

    def _by_snapshot(self, source: _Store, machine: Machine, member: bytes) -> dict[str, float]:
        node = _Store(self._base / "by-snapshot", machine)
        try:
            route = _Route(member, SnapshotServer(source.application))
            begun = time.perf_counter()
            joined = SnapshotJoiner(node.application, route, threading.Event(), lambda text: None).join()
            if joined is None:
                raise UnavailableError(Code.NOT_FOUND, reason="snapshot")
            installed = time.perf_counter() - begun
            after = node.follow(source, lambda height: None)
            seconds = time.perf_counter() - begun
        finally:
            node.close()
        return {
            "seconds": round(seconds, 2),
            "snapshot_seconds": round(installed, 2),
            "snapshot_height": joined.height,
            "snapshot_bytes": joined.bytes,
            "blocks_after": after,
        }

    def _by_blocks(self, source: _Store, machine: Machine) -> dict[str, float]:
        node = _Store(self._base / "by-blocks", machine)
        try:
            begun = time.perf_counter()
            node.application.init_chain()
            node.follow(source, lambda height: self._tell(self._options.blocks + height))
            seconds = time.perf_counter() - begun
        finally:
            node.close()
        return {"seconds": round(seconds, 2), "disk_bytes": directory_bytes(node.path)}

    def _tell(self, done: int) -> None:
        self._progress(min(done, 2 * self._options.blocks), 2 * self._options.blocks)
