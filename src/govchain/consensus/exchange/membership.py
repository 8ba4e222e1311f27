"""Whom this node lets in: the members that the ledger names, by the records that are known of them.

Purpose: joins what is agreed (keys, from genesis and the ledger) with what is only told (addresses, from member records
that travel in greetings). Rules: a record is verified before it is kept; without a record a member cannot be let in.
Not here: connections (``peers``), the votes that make members (``modules.governance``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from govchain.consensus.application import LedgerApplication
from govchain.ledger.governing import current_members
from govchain.model import GovChainError, UnavailableError
from govchain.peers import PeerNetwork
from govchain.peers.records import ExpectedMember, RecordBook
from govchain.proof.members import MemberRecord, encode_member_record

__all__ = ["Membership"]

#: Bytes of records in one greeting.
_GREETING_BYTES_MAX: Final = 192 * 1024
#: Records that do not hold which one peer may send before none of its records are looked at for ``_DEAF_S``.
_OFFENCES_MAX: Final = 20
_DEAF_S: Final = 60.0


class Membership:
    """See the module; any thread may call.

    Args:
        application: of the chain.
        network: is told whom to let in.
        book: keeps records.
        own: this node's own record, or None on a node without one.
        steady: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        application: LedgerApplication,
        network: PeerNetwork,
        book: RecordBook,
        own: MemberRecord | None,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._application = application
        self._network = network
        self._book = book
        self._own = own
        self._chain = application.machine.genesis.chain
        self._lock = threading.Lock()
        self._looked = -1
        self._steady = steady
        self._offences: dict[bytes, int] = {}
        self._deaf_until: dict[bytes, float] = {}

    def follow(self) -> bool:
        """Let in whom the newest block names; whether that changed."""
        try:
            height = self._application.chain.height
        except UnavailableError:
            return False  # no state yet: nobody is named
        with self._lock:
            if height == self._looked:
                return False
            self._looked = height
        members = current_members(self._application.machine, self._application.committed)
        if not self._book.expect([ExpectedMember(facts.key, facts.tls) for facts in members]):
            return False
        if self._own is not None:
            self._book.add(self._own)
        self._tell()
        return True

    def expect_genesis(self, others: Sequence[ExpectedMember] = ()) -> None:
        """Before there is a state: let in the members of genesis, and ``others`` whom the operator was told of."""
        machine = self._application.machine
        members = [
            ExpectedMember(bytes.fromhex(one.key), bytes.fromhex(one.tls) if isinstance(one.tls, str) else b"")
            for one in machine.genesis.members
        ]
        members += others
        if self._own is not None and self._own.key not in [one.key for one in machine.genesis.members]:
            members.append(ExpectedMember(bytes.fromhex(self._own.key)))
        self._book.expect(members)
        if self._own is not None:
            self._book.add(self._own)
        self._tell()

    def offer(self, records: Sequence[bytes], peer: bytes = b"") -> bool:
        """Records that another node told of; whether any of them is news.

        A ``peer`` that sends what no node would keep is not heard for a while, since each costs a verification.
        """
        now = self._steady()
        if now < self._deaf_until.get(peer, 0.0):
            return False
        news = False
        for data in records:
            try:
                news = self._book.offer(data) is not None or news
            except GovChainError:
                # One bad record says nothing about the next, many say something about their sender.
                self._offences[peer] = self._offences.get(peer, 0) + 1
                if self._offences[peer] > _OFFENCES_MAX:
                    self._offences[peer] = 0
                    self._deaf_until[peer] = now + _DEAF_S
                    break
        if news:
            self._tell()
        return news

    def look_again(self) -> bool:
        """Where records are lacking, look for files that somebody put there; whether there was news."""
        if not self._book.lacking() or not self._book.reload():
            return False
        self._tell()
        return True

    def greeting(self) -> tuple[bytes, ...]:
        """Records for another node, this node's own first, as many as fit."""
        own = "" if self._own is None else self._own.key
        found: list[bytes] = []
        room = _GREETING_BYTES_MAX
        for record in sorted(self._book.records(), key=lambda record: record.key != own):
            data = encode_member_record(record)
            room -= len(data)
            if room >= 0:
                found.append(data)
        return tuple(found)

    def lacking(self) -> list[bytes]:
        """Members of whom no record is here, by key: they cannot be reached until one comes."""
        return self._book.lacking()

    def _tell(self) -> None:
        self._network.know(self._chain, self._book.records())
