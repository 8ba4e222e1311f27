"""The JSON forms of what commands show; one place, so that scripts can rely on them.

Rules: ids and digests in full, times both in ms and as text, absent values null. Not here: printing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from govchain.cli.output import china_time
from govchain.sdk.checking import VerifiedHeader, VerifiedTransaction
from govchain.sdk.records import Account, EvidenceRecord, EvidenceStatus, FoundFile, HistoryStep
from govchain.sdk.trust import Anchor

__all__ = [
    "account_json",
    "anchor_json",
    "found_json",
    "header_json",
    "record_json",
    "status_json",
    "step_json",
    "transaction_json",
]


def record_json(record: EvidenceRecord) -> dict[str, Any]:
    """An evidence record."""
    return {
        "id": record.id,
        "type": record.type,
        "reference": record.reference,
        "account": record.account,
        "organisation": record.organisation,
        "height": record.height,
        "index": record.index,
        "time": record.time,
        "time_text": china_time(record.time),
        "item": None if record.item is None else msgspec.to_builtins(record.item),
        "batch": None if record.batch is None else msgspec.to_builtins(record.batch),
        "of": record.of,
        "of_member": record.of_member,
    }


def status_json(status: EvidenceStatus) -> dict[str, Any]:
    """A record's status."""
    return {
        "state": status.state,
        "mark": None if status.mark is None else msgspec.to_builtins(status.mark),
        "height": status.height,
        "time": status.time,
        "time_text": china_time(status.time),
    }


def found_json(found: FoundFile) -> dict[str, Any]:
    """A record that was found, the leaf meant, its status, and what the own directory adds."""
    entry = found.entry
    own = None
    if entry is not None:
        own = {"name": entry.name, "path": entry.path, "size": entry.size, "sm3": entry.sm3, "sha256": entry.sha256}
    return {
        "id": found.id,
        "member": found.member,
        "record": record_json(found.record),
        "status": status_json(found.status),
        "catalogue": own,
    }


def step_json(step: HistoryStep) -> dict[str, Any]:
    """One step of a record's history."""
    return {
        "id": step.id,
        "type": step.type,
        "account": step.account,
        "height": step.height,
        "time": step.time,
        "time_text": china_time(step.time),
        "reason": step.reason or None,
        "member": step.member,
        "reference": step.reference or None,
    }


def account_json(account: Account) -> dict[str, Any]:
    """An account as proved."""
    return {"address": account.address, **msgspec.to_builtins(account.state), "as_of": account.as_of}


def anchor_json(anchor: Anchor) -> dict[str, Any]:
    """One entry of the trust store."""
    return {
        "kind": anchor.kind,
        "fingerprint": anchor.fingerprint,
        "chain": anchor.chain,
        "suite": anchor.suite,
        "height": anchor.height,
        "time": anchor.time,
        "time_text": china_time(anchor.time),
    }


def header_json(block: VerifiedHeader) -> dict[str, Any]:
    """A final header with its identity and the number of signatures under it."""
    certificate = msgspec.json.decode(block.certificate)
    return {
        "identity": block.identity.hex(),
        "header": msgspec.to_builtins(block.header),
        "time_text": china_time(block.header.time),
        "signatures": len(certificate["signatures"]),
        "signers": len(certificate["set"]["keys"]),
        "rule": certificate["set"]["rule"],
    }


def transaction_json(transaction: VerifiedTransaction) -> dict[str, Any]:
    """A transaction: what was signed, by whom, and its receipt."""
    return {
        "id": transaction.id,
        "block": header_json(transaction.block)["identity"],
        "height": transaction.receipt.height,
        "index": transaction.receipt.index,
        "time": transaction.block.header.time,
        "time_text": china_time(transaction.block.header.time),
        "code": transaction.receipt.code,
        "body": msgspec.json.decode(transaction.record.body),
        "signatures": [signature.hex() for signature in transaction.record.signatures],
        "receipt": msgspec.to_builtins(transaction.receipt),
    }
