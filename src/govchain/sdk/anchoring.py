"""Make records: write down what only the submitter knows, then send; a crash between the two loses nothing.

Purpose: the steps behind the client's calls that anchor files. Rules: salts, names and trees are in the submitter's
directory, with the signed envelope, before anything is sent; a refusal leaves nothing behind; a record whose fate is
not known yet stays pending, and :meth:`govchain.sdk.client.Client.recover` settles it. A batch says that it was
captured as its members were, where they agree: files that were named together are a folder, anything else that differs
is ``other``.
Not here: reading files (:mod:`govchain.sdk.capture`), sending (:mod:`govchain.sdk.client`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from govchain.model import Code, RefusedError, UsageError
from govchain.modules.evidence.messages import LEAVES_MAX, Batch, Capture, CaptureMethod, Put
from govchain.sdk.capture import CapturedFile
from govchain.sdk.catalogue import Anchored, Entry
from govchain.sdk.records import EvidenceRecord, describe_record
from govchain.sdk.transactions import Prepared
from govchain.sdk.tree import build_levels, root_of

if TYPE_CHECKING:
    from govchain.sdk.client import Client

__all__ = ["BATCH_MAX", "anchor", "prepare_batch", "prepare_file", "write_down"]

#: Files that one batch takes, at most.
BATCH_MAX = LEAVES_MAX


def prepare_file(client: Client, file: CapturedFile, reference: str, now: int) -> Prepared:
    """``evidence.put`` of one file, signed and written down at ``now`` (ms)."""
    return write_down(client, "evidence.put", Put(reference, file.item), [file], reference, now)


def prepare_batch(client: Client, files: Sequence[CapturedFile], reference: str, now: int) -> Prepared:
    """``evidence.batch`` of many, signed and written down at ``now`` (ms).

    Raises:
        UsageError: none, or more than :data:`BATCH_MAX`.
    """
    if not 1 <= len(files) <= BATCH_MAX:
        raise UsageError(Code.USAGE, reason=f"a batch has 1 to {BATCH_MAX} files, not {len(files)}")
    levels = build_levels(client.suite.digest, [file.item_bytes for file in files])
    payload = Batch(
        capture=Capture(_common_method(files), files[0].item.capture.time),
        count=len(files),
        reference=reference,
        root=root_of(levels).hex(),
        total_size=sum(file.facts.size for file in files),
    )
    return write_down(client, "evidence.batch", payload, files, reference, now, levels)


def _common_method(files: Sequence[CapturedFile]) -> CaptureMethod:
    methods = {file.item.capture.method for file in files}
    if methods <= {"file", "folder"}:
        return "folder"
    return methods.pop() if len(methods) == 1 else "other"


def write_down(
    client: Client,
    type: str,  # noqa: A002 - the wire format's word
    payload: msgspec.Struct,
    files: Sequence[CapturedFile],
    reference: str,
    now: int,
    levels: Sequence[bytes] = (),
) -> Prepared:
    """A signed transaction, pending in the submitter's directory where the client has one."""
    prepared = client.prepare(type, payload)
    if client.catalogue is not None:
        batch = bool(levels)
        entries: list[Entry] = [file.entry(prepared.id, i if batch else None) for i, file in enumerate(files)]
        anchored = Anchored(
            id=prepared.id,
            chain=client.genesis.chain,
            type=type,
            reference=reference,
            count=len(files),
            created=now,
            expires=prepared.expires,
            envelope=prepared.envelope,
        )
        client.catalogue.remember(anchored, entries, levels)
    return prepared


def anchor(client: Client, prepared: Prepared) -> EvidenceRecord:
    """Send what was written down, and confirm it."""
    try:
        done = client.send(prepared)
    except RefusedError:
        if client.catalogue is not None:
            client.catalogue.forget(prepared.id)
        raise
    if client.catalogue is not None:
        client.catalogue.settle(prepared.id, height=done.receipt.height, time=done.block.header.time)
    record = describe_record(done)
    assert record is not None  # committed with code 0, of a type that makes a record
    return record
