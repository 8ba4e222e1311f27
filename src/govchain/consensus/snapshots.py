"""Snapshots between nodes: which ones this node offers, and taking one from others piece by piece.

Purpose: behind the four snapshot calls of the ``Application`` port. A snapshot is made from the last checkpoint whose
root a header carries; one that is fetched is verified as a whole against headers that the caller trusts before
anything is installed.
Rules: nothing in a snapshot is believed; a fetch that fails leaves the store empty and can begin again.
Not here: the format and its checks (``storage.snapshots``), how chunks travel (``joining``), when one is made
(``snapshotting``).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from govchain.consensus.ports import SnapshotInfo
from govchain.ledger import ChainState, Machine, decode_chain_state
from govchain.merkle import Frontier
from govchain.model import Code, GovChainError, UnavailableError, VerificationError
from govchain.model.wire import Header
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.signers import signer_set_digest
from govchain.state import CheckpointReader, Store, Table
from govchain.storage import BlockReader
from govchain.storage.snapshot_checks import SnapshotTrust, read_entries
from govchain.storage.snapshots import (
    SnapshotFacts,
    SnapshotReader,
    chunk_name,
    clear_store,
    install_snapshot,
    verify_snapshot,
    write_snapshot,
)

__all__ = ["SnapshotExchange"]

_MANIFEST = "manifest.json"
_INCOMING = "incoming"


class SnapshotExchange:
    """See the module. ``directory`` holds one folder for each snapshot, named by its height."""

    def __init__(self, machine: Machine, store: Store, directory: Path | None) -> None:
        """Offer and take snapshots of ``store`` below ``directory``; None: none are offered or taken."""
        self._machine = machine
        self._store = store
        self._directory = directory
        self._expected = 0
        self._next = 0
        self._trust: SnapshotTrust | None = None
        self._described: dict[str, SnapshotInfo] = {}  # a snapshot never changes once it is there

    def make(self, checkpoint: str, ids_from_time: int, root: bytes, keys: int) -> SnapshotInfo:
        """Make the snapshot of a kept checkpoint whose ``root`` over ``keys`` keys a header carries.

        ``ids_from_time``: ids of blocks above this time (ms) belong to the replay window.
        """
        reader = self._store.open_checkpoint(checkpoint)
        try:
            return self._make(reader, ids_from_time, root, keys)
        finally:
            reader.close()

    def list(self) -> list[SnapshotInfo]:
        """Snapshots that are here, newest first."""
        if self._directory is None or not self._directory.is_dir():
            return []
        names = sorted((path.name for path in self._directory.iterdir() if path.name.isdigit()), key=int, reverse=True)
        found = (self._found(self._directory / name) for name in names)
        return [info for info in found if info is not None]

    def chunk(self, height: int, index: int) -> bytes:
        """One chunk of a snapshot.

        Raises:
            UnavailableError: ``NOT_FOUND``.
        """
        path = self._place() / str(height)
        if not path.is_dir():
            raise UnavailableError(Code.NOT_FOUND, reason=f"snapshot {height}")
        reader = SnapshotReader(path, self._machine.suite)
        if not 0 <= index < len(reader):
            raise UnavailableError(Code.NOT_FOUND, reason=f"snapshot {height}, chunk {index}")
        return reader.chunk(index)

    def offer(self, snapshot: SnapshotInfo, trust: SnapshotTrust) -> Code:
        """OK when the snapshot is the one that ``trust`` speaks of; its chunks may then come, in order."""
        if snapshot.height != trust.height or snapshot.root != trust.checkpoint_root:
            return Code.STORE_CORRUPT
        incoming = self._place() / _INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        (incoming / _MANIFEST).write_bytes(snapshot.manifest)
        try:
            self._expected = len(SnapshotReader(incoming, self._machine.suite))
        except VerificationError as error:
            shutil.rmtree(incoming, ignore_errors=True)
            return error.code
        self._next = 0
        self._trust = trust
        return Code.OK

    def abandon(self) -> None:
        """Give up a fetch; what it brought is removed."""
        self._trust = None
        if self._directory is not None:
            shutil.rmtree(self._directory / _INCOMING, ignore_errors=True)

    def keep(self, count: int) -> None:
        """Remove all but the newest ``count`` snapshots."""
        for info in self.list()[count:]:
            path = self._place() / str(info.height)
            going = path.with_name(f".{path.name}.going")  # gone at once for whoever lists or reads
            shutil.rmtree(going, ignore_errors=True)
            path.rename(going)
            self._described.pop(path.name, None)
            shutil.rmtree(going, ignore_errors=True)

    def apply(self, index: int, chunk: bytes) -> tuple[Code, bool]:
        """Take the next chunk; with the last, verify and install. Answers a code and whether it is installed.

        After a code other than OK the fetch is over, nothing is installed, and another may be offered.
        """
        trust = self._trust
        if trust is None or index != self._next:
            return Code.USAGE, False
        incoming = self._place() / _INCOMING
        (incoming / chunk_name(index)).write_bytes(chunk)
        self._next += 1
        if self._next < self._expected:
            return Code.OK, False
        self._trust = None
        try:
            reader = SnapshotReader(incoming, self._machine.suite)
            verify_snapshot(reader, self._machine.suite, self._machine.namespaces, trust)
            self._verify_moving_facts(_moving_facts(reader), trust)
            clear_store(self._store)  # the state of genesis, or what an earlier attempt left when it was killed
            install_snapshot(reader, self._machine.suite, self._machine.namespaces, trust, self._store)
        except GovChainError as error:
            return error.code, False
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return Code.OK, True

    def _place(self) -> Path:
        if self._directory is None:
            raise UnavailableError(Code.NOT_FOUND, reason="snapshots")
        return self._directory

    def _make(self, reader: CheckpointReader, ids_from_time: int, root: bytes, keys: int) -> SnapshotInfo:
        blocks = BlockReader(reader)
        stored = blocks.chain_state()
        if stored is None:
            raise UnavailableError(Code.STORE_CORRUPT, path="meta", reason="moving facts")
        chain = decode_chain_state(stored)
        first = chain.height
        while first > 1 and _is_covered(blocks, first - 1, ids_from_time):
            first -= 1
        path = self._place() / str(chain.height)
        shutil.rmtree(path, ignore_errors=True)
        self._described.pop(path.name, None)
        facts = SnapshotFacts(
            chain=self._machine.genesis.chain,
            height=chain.height,
            ids_from=first,
            checkpoint_root=root,
            keys=keys,
            previous_state_root=chain.previous_state_root,
            delta_root=chain.delta_root,
            live_root=chain.live_root,
        )
        write_snapshot(reader, self._machine.suite, facts, path)
        return self._describe(path)

    def _found(self, path: Path) -> SnapshotInfo | None:
        """The snapshot there, unless it has gone since it was listed."""
        try:
            return self._describe(path)
        except VerificationError:
            if path.is_dir():
                raise
            return None

    def _describe(self, path: Path) -> SnapshotInfo:
        known = self._described.get(path.name)
        if known is not None:
            return known
        reader = SnapshotReader(path, self._machine.suite)
        manifest = reader.manifest
        info = SnapshotInfo(
            manifest.height,
            len(reader),
            bytes.fromhex(manifest.checkpoint_root),
            (path / _MANIFEST).read_bytes(),
            _moving_facts(reader).engine_height,
        )
        self._described[path.name] = info
        return info

    def _verify_moving_facts(self, chain: ChainState, trust: SnapshotTrust) -> None:
        """The moving facts say what the trusted header says; what it does not cover must follow from it."""
        suite = self._machine.suite
        header: Header = decode_header(trust.header)
        changed = header.next_signers != header.signers
        told = (
            chain.height == header.height,
            chain.identity == header_identity(suite, trust.header),
            chain.time == header.time,
            chain.state_root.hex() == header.state_root,
            chain.signers_digest.hex() == header.next_signers,
            signer_set_digest(suite, chain.signers).hex() == header.next_signers,
            chain.epoch == header.epoch + changed,
            chain.checkpoint.outstanding == header.height,
            Frontier.decode(suite.digest, chain.history).size == header.height,
        )
        if not all(told):
            raise VerificationError(Code.STORE_CORRUPT, step=8, member="meta", path="meta", reason="moving facts")


def _is_covered(blocks: BlockReader, height: int, ids_from_time: int) -> bool:
    """Whether the replay window still covers that block; its header may be missing after a snapshot was installed."""
    if blocks.header(height) is None:
        return bool(blocks.ids(height))
    return blocks.header_time(height) > ids_from_time


def _moving_facts(reader: SnapshotReader) -> ChainState:
    for index in reversed(range(len(reader))):
        for table, _, value in read_entries(reader.chunk(index), chunk_name(index)):
            if table is Table.META:
                return decode_chain_state(value)
    raise VerificationError(Code.STORE_CORRUPT, step=8, member="meta", path="meta", reason="moving facts")
