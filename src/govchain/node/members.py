"""The members as engines want them: what the ledger names, joined with the member files that are known.

Purpose: addresses and node ids of the other engines, names for people. Rules: a file counts only while its keys are
those that genesis or the ledger names; addresses come from files alone and are never consensus. Threads: any.
Not here: where files come from and which of them hold (``peers.records``, ``consensus.exchange``), who is a member
(genesis, governance).
"""

from __future__ import annotations

from govchain.consensus import LedgerApplication
from govchain.consensus.cometbft.configuration import EnginePeer
from govchain.consensus.etcd import EtcdMember
from govchain.crypto import get_suite
from govchain.crypto.certificates import decode_certificate_key
from govchain.ledger.governing import current_members
from govchain.model import Code, GovChainError, UnavailableError
from govchain.model.wire import Genesis
from govchain.modules.governance.views import MemberFacts
from govchain.peers.records import RecordBook
from govchain.proof.members import MEMBER_RECORD_BYTES_MAX, MemberRecord, verify_member_record
from govchain.storage import DirectoryLayout

__all__ = ["KnownMembers", "load_own_record"]


def load_own_record(layout: DirectoryLayout, genesis: Genesis) -> MemberRecord:
    """The node's own member file.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_INCOMPLETE`` where there is none that holds.
    """
    try:
        with layout.member_record.open("rb") as file:
            return verify_member_record(get_suite(genesis.suite), file.read(MEMBER_RECORD_BYTES_MAX + 1))
    except (OSError, GovChainError) as error:
        reason = error.params.get("reason") if isinstance(error, GovChainError) else error.strerror
        place = str(layout.member_record)
        raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=place, reason=reason or "") from None


class KnownMembers:
    """See the module.

    Args:
        own: the node's own member file.
        book: the files that are known.
        application: whose state says who is a member.
    """

    def __init__(self, own: MemberRecord, book: RecordBook, application: LedgerApplication) -> None:
        self.own = own
        self._book = book
        self._application = application

    def others(self) -> list[MemberRecord]:
        """The files of the other members that hold now, sorted by key."""
        return [record for record in self._book.records() if record.key != self.own.key]

    def names(self) -> dict[bytes, str]:
        """The members' names by member key."""
        return {facts.key: facts.name for facts in self._facts()}

    def engine_peers(self) -> list[EnginePeer]:
        """The other members' engines (CometBFT)."""
        return [
            EnginePeer(bytes.fromhex(record.engine_node), record.addresses.engine)
            for record in self.others()
            if record.engine_node and record.addresses.engine
        ]

    def engine_nodes(self) -> frozenset[bytes]:
        """Node ids of the engines that may connect (CometBFT)."""
        return frozenset(bytes.fromhex(record.engine_node) for record in self.others() if record.engine_node)

    def engine_names(self) -> dict[bytes, str]:
        """The members' names by engine key (CometBFT)."""
        return {facts.engine_key: facts.name for facts in self._facts() if facts.engine_key}

    def active_keys(self) -> frozenset[bytes]:
        """The member keys of all active members, whether their files are known or not."""
        return frozenset(facts.key for facts in self._facts() if facts.status == "active")

    def etcd_members(self) -> list[EtcdMember]:
        """The active members whose files are known as etcd knows them, this one included, sorted by key."""
        active = {facts.key.hex() for facts in self._facts() if facts.status == "active"}
        records = {record.key: record for record in [*self._book.records(), self.own] if record.key in active}
        return [
            EtcdMember(
                key=bytes.fromhex(key),
                name=records[key].name,
                address=records[key].addresses.engine,
                tls=decode_certificate_key(bytes.fromhex(records[key].certificate)),
            )
            for key in sorted(records)
        ]

    def _facts(self) -> tuple[MemberFacts, ...]:
        return current_members(self._application.machine, self._application.committed)
