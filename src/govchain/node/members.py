"""Who the other nodes are: their member files, as far as the ledger says that they belong to members.

Purpose: the files in ``<data>/peers`` and the node's own; which of them hold now; what engines and peers need of them.
Rules: a file counts only while its keys are those that genesis or the ledger names; the later of two of one member
holds; addresses come from files alone and are never consensus. Threads: any.
Not here: the files' form (``proof.members``), how they travel (``consensus``), who is a member (genesis, governance).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET

from govchain.consensus import LedgerApplication
from govchain.consensus.cometbft.configuration import EnginePeer
from govchain.consensus.etcd import EtcdMember
from govchain.crypto.certificates import decode_certificate_key
from govchain.model import Code, GovChainError, UnavailableError
from govchain.modules.governance import views
from govchain.proof.members import MemberRecord, tls_digest, verify_member_record
from govchain.storage import DirectoryLayout

__all__ = ["KnownMembers"]

#: Statuses of members that other nodes talk to.
_TAKING_PART: Final = ("active", "invited", "ready")

_log = logging.getLogger("govchain.node")


@dataclass(frozen=True, slots=True)
class LawfulKeys:
    """What genesis or the ledger names beside a member's key, in hex; ``active``: it signs blocks."""

    engine_key: str
    tls: str
    active: bool


class KnownMembers:
    """See the module.

    Args:
        layout: the data directory.
        application: whose state says who is a member.

    Raises:
        UnavailableError: ``DATA_DIRECTORY_INCOMPLETE`` without a member file of the node's own.
    """

    def __init__(self, layout: DirectoryLayout, application: LedgerApplication) -> None:
        self._layout = layout
        self._application = application
        self._suite = application.machine.suite
        self._lock = threading.Lock()
        self._records: dict[str, MemberRecord] = {}
        try:
            self.own = verify_member_record(self._suite, layout.member_record.read_bytes())
        except (OSError, GovChainError) as error:
            reason = str(error.params.get("reason")) if isinstance(error, GovChainError) else error.strerror
            place = str(layout.member_record)
            raise UnavailableError(Code.DATA_DIRECTORY_INCOMPLETE, path=place, reason=reason or "") from None
        if layout.peers.is_dir():
            for path in sorted(layout.peers.glob("*.json")):
                try:
                    record = verify_member_record(self._suite, path.read_bytes())
                except (OSError, GovChainError) as error:
                    _log.warning("member file passed over: %s: %s", path.name, error)
                    continue
                self._keep(record)

    def lawful(self) -> dict[str, LawfulKeys]:
        """Every member that takes part now, by its key in hex: active, or invited and on its way in."""
        machine = self._application.machine
        if not machine.governed or self._application.info().app_hash == b"":
            return {
                member.key: LawfulKeys(
                    "" if member.engine_key is UNSET else member.engine_key,
                    "" if member.tls is UNSET else member.tls,
                    active=True,
                )
                for member in machine.genesis.members
            }
        return {
            facts.key.hex(): LawfulKeys(facts.engine_key.hex(), facts.tls.hex(), active=facts.status == "active")
            for facts in views.members(self._application.committed)
            if facts.status in _TAKING_PART
        }

    def others(self) -> list[MemberRecord]:
        """The files of the other members that hold now, sorted by key."""
        lawful = self.lawful()
        with self._lock:
            records = [self._records[key] for key in sorted(self._records)]
        return [record for record in records if self._holds(record, lawful)]

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
        return {bytes.fromhex(record.engine_key): record.name for record in [self.own, *self.others()]}

    def active_keys(self) -> frozenset[bytes]:
        """The member keys of all active members, whether their files are known or not."""
        return frozenset(bytes.fromhex(key) for key, keys in self.lawful().items() if keys.active)

    def etcd_members(self) -> list[EtcdMember]:
        """The active members as etcd knows them, this one included, sorted by key."""
        lawful = self.lawful()
        known = [self.own, *self.others()]
        records = [record for record in known if record.key in lawful and lawful[record.key].active]
        return [
            EtcdMember(
                key=bytes.fromhex(record.key),
                name=record.name,
                address=record.addresses.engine,
                tls=decode_certificate_key(bytes.fromhex(record.certificate)),
            )
            for record in sorted(records, key=lambda record: record.key)
        ]

    def _holds(self, record: MemberRecord, lawful: dict[str, LawfulKeys]) -> bool:
        """Whether the file's keys are those that genesis or the ledger names for its member."""
        keys = lawful.get(record.key)
        if keys is None or record.chain != self._application.machine.genesis.chain:
            return False
        tls = tls_digest(self._suite, bytes.fromhex(record.certificate)).hex()
        return (record.engine_key, tls) == (keys.engine_key or record.engine_key, keys.tls)

    def _keep(self, record: MemberRecord) -> bool:
        """Note a verified file, where it is newer than what is known; whether it was."""
        with self._lock:
            known = self._records.get(record.key)
            if record.key == self.own.key or (known is not None and known.issued >= record.issued):
                return False
            self._records[record.key] = record
            return True
