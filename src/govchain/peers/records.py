"""Records of other members, in files and in memory: which of what is offered holds, and where it is kept.

Purpose: who is to be let in, and where it listens (docs/spec/member-record.md 2). Rules: only records of expected
members count, and only with the TLS key that genesis or the ledger names, where it names one; the one issued later
holds; a file is replaced whole, and one that cannot be read is as if it were not there. Not here: who is expected
(``consensus.exchange``), connections.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.crypto import Suite
from govchain.model import GovChainError
from govchain.proof.members import (
    MEMBER_RECORD_BYTES_MAX,
    MemberRecord,
    encode_member_record,
    tls_digest,
    verify_member_record,
)

__all__ = ["ExpectedMember", "RecordBook", "record_file"]


@dataclass(frozen=True, slots=True)
class ExpectedMember:
    """A member that is to be let in: its member key, and the digest of its TLS key, empty where nothing names one."""

    key: bytes
    tls: bytes = b""


def record_file(folder: Path, key: bytes) -> Path:
    """Where the record of the member with this key lies."""
    return folder / f"{key.hex()[:16]}.json"


class RecordBook:
    """See the module; any thread may use it.

    Args:
        suite: the chain's.
        chain: its id.
        folder: where records lie, made when the first one is kept; None keeps them in memory only.
    """

    def __init__(self, suite: Suite, chain: str, folder: Path | None = None) -> None:
        self._suite = suite
        self._chain = chain
        self._folder = folder
        self._lock = threading.Lock()
        self._expected: dict[bytes, ExpectedMember] = {}
        self._records: dict[bytes, tuple[MemberRecord, bytes]] = {}
        self._load()

    def expect(self, members: Sequence[ExpectedMember]) -> bool:
        """Let exactly these members in from now on; whether that differs from before."""
        expected = {member.key: member for member in members}
        with self._lock:
            changed = expected != self._expected
            self._expected = expected
        if changed:
            self._load()  # a record that was no use before may be now
        return changed

    def offer(self, data: bytes) -> MemberRecord | None:
        """Keep a record when it holds and is news; None when it is not.

        Raises:
            GovChainError: ``MEMBER_RECORD_INVALID`` for what is no record of this chain; ``DISK_FULL`` and the like.
        """
        with self._lock:
            if any(data == kept for _, kept in self._records.values()):
                return None
        record = verify_member_record(self._suite, data)
        with self._lock:
            if not self._holds(record):
                return None
            self._records[bytes.fromhex(record.key)] = (record, data)
        if self._folder is not None:
            _write(record_file(self._folder, bytes.fromhex(record.key)), data)
        return record

    def add(self, record: MemberRecord) -> bool:
        """Keep a record that was made here; whether it is news."""
        return self.offer(encode_member_record(record)) is not None

    def records(self) -> list[MemberRecord]:
        """The records of expected members that hold, sorted by key."""
        with self._lock:
            found = [record for record, _ in self._records.values() if self._is_expected(record)]
        return sorted(found, key=lambda record: record.key)

    def lacking(self) -> list[bytes]:
        """Keys of expected members whose record is not here."""
        have = {bytes.fromhex(record.key) for record in self.records()}
        with self._lock:
            return sorted(key for key in self._expected if key not in have)

    def reload(self) -> bool:
        """Look at the files again, for those that somebody put there; whether there was news."""
        before = self.records()
        self._load()
        return self.records() != before

    def _holds(self, record: MemberRecord) -> bool:
        present = self._records.get(bytes.fromhex(record.key))
        return self._is_expected(record) and (present is None or present[0].issued < record.issued)

    def _is_expected(self, record: MemberRecord) -> bool:
        member = self._expected.get(bytes.fromhex(record.key))
        if member is None or record.chain != self._chain:
            return False
        return not member.tls or tls_digest(self._suite, bytes.fromhex(record.certificate)) == member.tls

    def _load(self) -> None:
        if self._folder is None or not self._folder.is_dir():
            return
        for path in sorted(self._folder.glob("*.json")):
            with contextlib.suppress(OSError, GovChainError):
                with path.open("rb") as file:
                    data = file.read(MEMBER_RECORD_BYTES_MAX + 1)
                record = verify_member_record(self._suite, data)
                with self._lock:
                    if self._holds(record):
                        self._records[bytes.fromhex(record.key)] = (record, data)


def _write(path: Path, data: bytes) -> None:
    """Replace ``path`` as a whole; a fault of the disk leaves what was there, and the record in memory."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
