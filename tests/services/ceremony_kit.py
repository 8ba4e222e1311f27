"""Members of a chain-to-be with keys in memory: their records, and the genesis that follows."""

from __future__ import annotations

from dataclasses import dataclass

from govchain.crypto import SigningKey
from govchain.model.identifiers import credit_code_check_digit
from govchain.model.wire import GenesisModule
from govchain.peers.identity import PeerIdentity
from govchain.proof.members import (
    MemberAccount,
    MemberAddresses,
    MemberRecord,
    build_member_record,
    encode_member_record,
)

MODULES = (GenesisModule("00" * 32, "accounts", 1),)
NOW = 1_790_000_000_000


def organisation(number: int) -> str:
    first = f"11{110_000 + number:06d}MA{number:07d}"
    return first + credit_code_check_digit(first)


@dataclass(frozen=True)
class Party:
    """One organisation with its keys."""

    key: SigningKey
    record: MemberRecord

    @property
    def file(self) -> tuple[str, bytes]:
        return f"{self.record.name}.json", encode_member_record(self.record)


def party(number: int, **changes) -> Party:
    """Member ``number``; ``changes`` to what its record says."""
    algorithm = changes.pop("algorithm", "sm2-sm3")
    key = changes.pop("signer", None) or SigningKey(algorithm, bytes([number + 1] * 32))
    account = SigningKey(algorithm, bytes([number + 101] * 32))
    said = {
        "chain": "city-evidence",
        "name": f"node-{number}",
        "organisation": organisation(number),
        "organisation_name": f"Bureau {number}",
        "certificate": PeerIdentity.generate(f"node-{number}").certificate,
        "addresses": MemberAddresses(
            api=f"http://10.0.0.{number}:8547", engine=f"10.0.0.{number}:26656", peers=f"10.0.0.{number}:26700"
        ),
        "issued": NOW + number,
        "accounts": (MemberAccount(True, algorithm, account.public_key.hex(), "operator", ("operator",)),),
        "engine_key": SigningKey("ed25519", bytes([number + 1] * 32)).public_key,
        "engine_node": bytes([number + 1]) * 20,
    }
    return Party(key, build_member_record(key, **{**said, **changes}))
