"""Snapshots: the state at a checkpoint as a directory of chunks, for a node that joins without replaying every block.

Purpose: write one from a checkpoint, and read one into an empty store. What makes a chunk acceptable is checked in
:mod:`govchain.storage.snapshot_checks`, before anything is installed.

::

    <directory>/
      manifest.json          canonical JSON, see :class:`Manifest`
      000000.chunk …         entries: u8 table ‖ u32 length ‖ key ‖ u32 length ‖ value, in order of table and key

A chunk ends after the entry that brings it to :data:`CHUNK_BYTES`. The tables are those that a node needs to go on:
state, live, the last header, the ids of the replay window, history, and the moving facts. All of it follows from the
blocks, so that every member that has them makes the same bytes; the last header's certificate is not in it, since
members hold it with different signatures. Not here: which checkpoints become snapshots and how they travel
(``consensus``), blocks before the checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from govchain.crypto import Suite
from govchain.model import Code, RefusedError, VerificationError, encode_struct
from govchain.model.canonical import SIZE_MAX
from govchain.model.wire import Digest, Height
from govchain.proof.exact import decode_exact
from govchain.state import Batch, NamespaceRegistry, Reader, Store, Table
from govchain.storage.blocks import BEGUN_KEY, CHAIN_STATE_KEY, height_key
from govchain.storage.directory import synchronise_tree
from govchain.storage.snapshot_checks import SnapshotTrust, SnapshotVerifier, read_entries

__all__ = [
    "CHUNKS_MAX",
    "CHUNK_BYTES",
    "CHUNK_BYTES_MAX",
    "ChunkFacts",
    "Manifest",
    "SnapshotFacts",
    "SnapshotReader",
    "clear_store",
    "install_snapshot",
    "snapshot_heights",
    "verify_snapshot",
    "write_snapshot",
]

#: Bytes after which a chunk ends.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: Bytes of a chunk, at most: one entry may be as large as the largest value of a state.
CHUNK_BYTES_MAX: Final = 80 * 1024 * 1024
#: Chunks of a snapshot, at most: 400 GiB.
CHUNKS_MAX: Final = 100_000

_MANIFEST = "manifest.json"
_MANIFEST_BYTES_MAX = SIZE_MAX
#: Keys that one batch takes out.
_CLEARED_AT_ONCE = 10_000
_HEAD = struct.Struct(">BI")
_LENGTH = struct.Struct(">I")


class ChunkFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """One chunk: its size, its digest under the chain's suite, and how many entries it holds."""

    bytes: Annotated[int, Meta(ge=1, le=CHUNK_BYTES_MAX)]
    digest: Digest
    entries: Annotated[int, Meta(ge=1)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot says of itself; nothing in it is believed before it was compared with a trusted header.

    ``state_root`` of the header at ``height`` is made of the three roots here; ``checkpoint_root`` is what a later
    header carries for that height, over ``keys`` keys.
    """

    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    checkpoint_root: Digest
    chunks: Annotated[tuple[ChunkFacts, ...], Meta(min_length=1, max_length=CHUNKS_MAX)]
    delta_root: Digest
    format: Literal["govchain-snapshot/1"]
    height: Height
    keys: Annotated[int, Meta(ge=0)]
    live_root: Digest
    previous_state_root: Digest
    suite: Annotated[str, Meta(max_length=32)]


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What the writer of a snapshot knows of its checkpoint; digests are 32 bytes.

    ``ids_from`` is the first height whose ids the replay window still covers at ``height``.
    """

    chain: str
    height: int
    ids_from: int
    checkpoint_root: bytes
    keys: int
    previous_state_root: bytes
    delta_root: bytes
    live_root: bytes


def write_snapshot(reader: Reader, suite: Suite, facts: SnapshotFacts, directory: Path) -> Manifest:
    """Make the snapshot ``directory`` from a checkpoint; it appears whole and durable, or not at all.

    Raises:
        RefusedError: ``DATA_DIRECTORY_EXISTS`` when there is something at ``directory``.
        OSError: when it cannot be written; what was begun is removed.
    """
    if directory.exists():
        raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path=str(directory))
    building = directory.parent / f".{directory.name}.creating"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        chunks: list[ChunkFacts] = []
        for data, entries in _chunks(_entries(reader, facts)):
            (building / chunk_name(len(chunks))).write_bytes(data)
            chunks.append(ChunkFacts(len(data), suite.digest(data).hex(), entries))
        manifest = Manifest(
            chain=facts.chain,
            checkpoint_root=facts.checkpoint_root.hex(),
            chunks=tuple(chunks),
            delta_root=facts.delta_root.hex(),
            format="govchain-snapshot/1",
            height=facts.height,
            keys=facts.keys,
            live_root=facts.live_root.hex(),
            previous_state_root=facts.previous_state_root.hex(),
            suite=suite.name,
        )
        (building / _MANIFEST).write_bytes(encode_struct(manifest))
        synchronise_tree(building)
        building.rename(directory)
        synchronise_tree(directory.parent, files=False)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return manifest


class SnapshotReader:
    """Reads a snapshot's manifest and chunks; checks sizes and digests, believes nothing else.

    Raises:
        VerificationError: ``STORE_CORRUPT`` for a manifest that is missing or not in its canonical form.
    """

    def __init__(self, directory: Path, suite: Suite) -> None:
        self._directory = directory
        self._suite = suite
        try:
            data = _read(directory / _MANIFEST, _MANIFEST_BYTES_MAX)
            self.manifest = decode_exact(data, Manifest)
        except (OSError, RefusedError) as error:
            raise _broken(1, _MANIFEST, str(error)) from None
        if self.manifest.suite != suite.name:
            raise _broken(1, _MANIFEST, "suite")

    def chunk(self, index: int) -> bytes:
        """One chunk, with the size and digest that the manifest gives.

        Raises:
            VerificationError: ``STORE_CORRUPT``, step 2.
        """
        name, facts = chunk_name(index), self.manifest.chunks[index]
        try:
            data = _read(self._directory / name, facts.bytes)
        except OSError as error:
            raise _broken(2, name, error.strerror or "unreadable") from None
        if len(data) != facts.bytes or self._suite.digest(data).hex() != facts.digest:
            raise _broken(2, name, "digest")
        return data

    def __len__(self) -> int:
        return len(self.manifest.chunks)


def snapshot_heights(directory: Path, suite: Suite) -> list[int]:
    """Heights of the snapshots that lie below ``directory``, the newest first; one without a sound manifest is none."""
    names = [path.name for path in directory.iterdir() if path.name.isdigit()] if directory.is_dir() else []
    found: list[int] = []
    for name in sorted(names, key=int, reverse=True):
        with contextlib.suppress(VerificationError):
            found.append(SnapshotReader(directory / name, suite).manifest.height)
    return found


def verify_snapshot(snapshot: SnapshotReader, suite: Suite, registry: NamespaceRegistry, trust: SnapshotTrust) -> None:
    """Raise unless the whole snapshot is what ``trust`` says; nothing is written.

    1. The manifest is in its canonical form and names the trusted chain, height and checkpoint root.
    2. Every chunk has its size, digest and number of entries.
    3. to 8.: as :class:`~govchain.storage.snapshot_checks.SnapshotVerifier` lists them.

    The caller still owes: that the trusted headers are certified; and that the moving facts agree with the header.
    Look-up namespaces and the replay window's ids are covered by no root: wrong ones could mislead this node alone.
    """
    manifest = snapshot.manifest
    if (manifest.chain, manifest.height) != (trust.chain, trust.height):
        raise _broken(1, _MANIFEST, "chain or height")
    if manifest.checkpoint_root != trust.checkpoint_root.hex():
        raise _broken(1, _MANIFEST, "checkpoint root")
    verifier = SnapshotVerifier(
        suite,
        registry,
        trust,
        previous_state_root=bytes.fromhex(manifest.previous_state_root),
        delta_root=bytes.fromhex(manifest.delta_root),
        live_root=bytes.fromhex(manifest.live_root),
    )
    for index in range(len(snapshot)):
        entries = verifier.add(snapshot.chunk(index), chunk_name(index))
        if entries != manifest.chunks[index].entries:
            raise _broken(2, chunk_name(index), "entries")
    keys = verifier.finish()
    if keys != manifest.keys:
        raise _broken(4, _MANIFEST, "keys")


def install_snapshot(
    snapshot: SnapshotReader, suite: Suite, registry: NamespaceRegistry, trust: SnapshotTrust, store: Store
) -> None:
    """Verify the whole snapshot, then write it into an empty store, durably.

    The moving facts come last, with the last chunk and a note of the height at which the store began: a store in which
    installing was cut short has none, so it reads as not yet begun; clear it and install again.

    Raises:
        VerificationError: as :func:`verify_snapshot`; nothing was written.
        RefusedError: ``DATA_DIRECTORY_EXISTS`` when the store is not empty.
    """
    if any(True for table in Table for _ in store.scan(table, limit=1)):
        raise RefusedError(Code.DATA_DIRECTORY_EXISTS, path="")
    verify_snapshot(snapshot, suite, registry, trust)
    last = len(snapshot) - 1
    for index in range(len(snapshot)):
        batch = Batch()
        for table, key, value in read_entries(snapshot.chunk(index), chunk_name(index)):
            batch.put(table, key, value)
        if index == last:
            batch.put(Table.META, BEGUN_KEY, height_key(snapshot.manifest.height))
        store.write(batch, durable=index == last)


def clear_store(store: Store) -> None:
    """Take everything out of a store: one in which installing was cut short, or with the state of genesis alone.

    The moving facts go first, so that a store in which this was cut short reads as not yet begun.
    """
    for table in sorted(Table, key=lambda table: table is not Table.META):
        while True:
            batch = Batch()
            for key, _ in store.scan(table, limit=_CLEARED_AT_ONCE):
                batch.delete(table, key)
            if not len(batch):
                break
            store.write(batch, durable=table is Table.META)


def chunk_name(index: int) -> str:
    """The file name of a chunk."""
    return f"{index:06}.chunk"


def _entries(reader: Reader, facts: SnapshotFacts) -> Iterator[tuple[Table, bytes, bytes]]:
    """Everything that a snapshot holds, in the order of tables and keys."""
    tip, after = height_key(facts.height), height_key(facts.height + 1)
    ranges: tuple[tuple[Table, bytes, bytes | None], ...] = (
        (Table.STATE, b"", None),
        (Table.LIVE, b"", None),
        (Table.HEADERS, tip, after),
        (Table.IDS, height_key(facts.ids_from), after),
        (Table.HISTORY, b"", None),
        (Table.META, CHAIN_STATE_KEY, CHAIN_STATE_KEY + b"\0"),
    )
    for table, start, end in ranges:
        for key, value in reader.scan(table, start, end):
            yield table, key, value


def _chunks(entries: Iterator[tuple[Table, bytes, bytes]]) -> Iterator[tuple[bytes, int]]:
    data, count = bytearray(), 0
    for table, key, value in entries:
        data += _HEAD.pack(table, len(key)) + key + _LENGTH.pack(len(value)) + value
        count += 1
        if len(data) >= CHUNK_BYTES:
            yield bytes(data), count
            data, count = bytearray(), 0
    if count:
        yield bytes(data), count


def _read(path: Path, size_max: int) -> bytes:
    """A regular file of at most ``size_max`` bytes (one more, if it is longer)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size_max + 1)


def _broken(step: int, member: str, reason: str) -> VerificationError:
    return VerificationError(Code.STORE_CORRUPT, step=step, member=member, path=member, reason=reason)
