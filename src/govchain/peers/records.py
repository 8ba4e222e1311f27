"""Records of other members, in files and in memory: which of what is offered holds, and where it is kept.

Purpose: who is to be let in, and where it listens (docs/spec/member-record.md 2). Rules: only records of expected
members count, and only with the TLS key that genesis or the ledger names, where it names one; the one issued later
holds: ``issued`` is the serial that the member signed. What others send is looked at before a signature is verified:
none issued far ahead of the own clock, since nothing issued after it would ever count, and of one member a few in a
row and then one in a while, since each goes to the disk and to every node. A file is replaced whole, and one that
cannot be read is as if it were not there. Not here: who is expected (``consensus.exchange``), connections.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec
from msgspec import Struct

from govchain.crypto import Suite
from govchain.model import Code, DecodingError, GovChainError
from govchain.proof.members import (
    MEMBER_RECORD_BYTES_MAX,
    MemberRecord,
    encode_member_record,
    tls_digest,
    verify_member_record,
)

__all__ = ["ISSUED_LEAD_MS_MAX", "ExpectedMember", "RecordBook", "record_file"]

#: How far ahead of the own clock a record from another node may be issued, in ms: clocks differ by less.
ISSUED_LEAD_MS_MAX: Final = 3_600_000
#: New records of one member that are taken in a row, and the seconds after which one more is.
_IN_A_ROW: Final = 4
_ONE_IN_S: Final = 10.0


class _Peek(Struct, frozen=True):
    """What decides whether a record is worth verifying."""

    chain: str
    issued: int
    key: str


_peek = msgspec.json.Decoder(_Peek)


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
        clock: ms since 1970; without one, records of any time are taken.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        suite: Suite,
        chain: str,
        folder: Path | None = None,
        *,
        clock: Callable[[], int] | None = None,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._suite = suite
        self._chain = chain
        self._folder = folder
        self._clock = clock
        self._steady = steady
        self._room: dict[str, tuple[float, float]] = {}
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
        """Keep a record from another node when it holds and is news; None when it is not, or not now.

        One that is refused for now comes again: nodes tell each other their records again and again.

        Raises:
            GovChainError: ``MEMBER_RECORD_INVALID`` for what is no record of this chain; ``DISK_FULL`` and the like.
        """
        try:
            peek = _peek.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise DecodingError(Code.MEMBER_RECORD_INVALID, reason="form") from None
        with self._lock:
            if not self._is_worth_it(peek):
                return None
        record = verify_member_record(self._suite, data)
        with self._lock:
            now = self._steady()
            self._room[record.key] = (self._room_of(record.key, now) - 1, now)
        return self._keep(record, data)

    def add(self, record: MemberRecord) -> bool:
        """Keep a record that was made here; whether it is news."""
        data = encode_member_record(record)
        return self._keep(verify_member_record(self._suite, data), data) is not None

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

    def _keep(self, record: MemberRecord, data: bytes) -> MemberRecord | None:
        with self._lock:
            if not self._holds(record):
                return None
            self._records[bytes.fromhex(record.key)] = (record, data)
        if self._folder is not None:
            _write(record_file(self._folder, bytes.fromhex(record.key)), data)
        return record

    def _is_worth_it(self, peek: _Peek) -> bool:
        """Whether the record, if its signature holds, would be kept now. Under the lock."""
        try:
            key = bytes.fromhex(peek.key)
        except ValueError:
            return True  # no form of a record: verifying says so
        if key not in self._expected or peek.chain != self._chain:
            return False
        present = self._records.get(key)
        if present is not None and peek.issued <= present[0].issued:
            return False
        if self._clock is not None and peek.issued > self._clock() + ISSUED_LEAD_MS_MAX:
            return False
        return self._room_of(peek.key, self._steady()) >= 1

    def _room_of(self, key: str, now: float) -> float:
        """How many new records of a member may come now."""
        room, since = self._room.get(key, (float(_IN_A_ROW), now))
        return min(float(_IN_A_ROW), room + (now - since) / _ONE_IN_S)

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
