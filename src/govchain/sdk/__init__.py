"""The client's side: build and sign transactions, check what a node answers, verify packages, keep trust.

Names are loaded when they are first used, so that a command that needs one of them does not pay for all.

Example::

    from govchain.sdk import Client, TrustStore, capture_paths, default_trust_path
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govchain.sdk.capture import (
        CapturedFile,
        CapturedSet,
        CaptureOptions,
        Watcher,
        capture_contents,
        capture_paths,
        content_facts,
    )
    from govchain.sdk.catalogue import Anchored, Catalogue, Entry
    from govchain.sdk.client import Client
    from govchain.sdk.http import HttpTransport, Timeouts
    from govchain.sdk.records import Account, EvidenceRecord, EvidenceStatus, FoundFile, HistoryStep, Organisation
    from govchain.sdk.transactions import Prepared, Signing, build_transaction, new_nonce, now_ms
    from govchain.sdk.transport import EventQuery, EvidenceQuery, Transport
    from govchain.sdk.trust import Anchor, TrustStore, default_home, default_trust_path

__all__ = [
    "Account",
    "Anchor",
    "Anchored",
    "CaptureOptions",
    "CapturedFile",
    "CapturedSet",
    "Catalogue",
    "Client",
    "Entry",
    "EventQuery",
    "EvidenceQuery",
    "EvidenceRecord",
    "EvidenceStatus",
    "FoundFile",
    "HistoryStep",
    "HttpTransport",
    "Organisation",
    "Prepared",
    "Signing",
    "Timeouts",
    "Transport",
    "TrustStore",
    "Watcher",
    "build_transaction",
    "capture_contents",
    "capture_paths",
    "content_facts",
    "default_home",
    "default_trust_path",
    "new_nonce",
    "now_ms",
]

_HOMES = {
    "capture": (
        "CaptureOptions",
        "CapturedFile",
        "CapturedSet",
        "Watcher",
        "capture_contents",
        "capture_paths",
        "content_facts",
    ),
    "catalogue": ("Anchored", "Catalogue", "Entry"),
    "client": ("Client",),
    "http": ("HttpTransport", "Timeouts"),
    "records": ("Account", "EvidenceRecord", "EvidenceStatus", "FoundFile", "HistoryStep", "Organisation"),
    "transactions": ("Prepared", "Signing", "build_transaction", "new_nonce", "now_ms"),
    "transport": ("EventQuery", "EvidenceQuery", "Transport"),
    "trust": ("Anchor", "TrustStore", "default_home", "default_trust_path"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - loaded on first use

    return getattr(import_module(f"{__name__}.{module}"), name)
