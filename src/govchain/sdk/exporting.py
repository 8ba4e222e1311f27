"""Put together an evidence package from verified answers and the submitter's own directory.

Purpose: fetch the parts that a package needs, each checked on the way, and hand them to ``proof``, which proves
the whole once more. Rules: a private field is opened only when it is named. Not here: the format (``proof.package``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.modules.evidence.messages import COMMITTED_FIELDS, mark_keys
from govchain.modules.evidence.messages.claims import BatchLeaf, LeafProof, evidence_contents
from govchain.modules.evidence.messages.openings import Opening, Openings
from govchain.proof.layout import HistoryProof, plan_package, unknown_kind
from govchain.proof.package import ClaimContents, PackageContents, TransactionContents, build_package
from govchain.sdk.catalogue import Entry
from govchain.sdk.checking import VerifiedTransaction, as_status_proof, as_transaction_proof
from govchain.sdk.finding import prove_entry
from govchain.sdk.kinds import installed_kinds
from govchain.sdk.records import describe_record

if TYPE_CHECKING:
    from govchain.sdk.client import Client
    from govchain.sdk.trust import Anchor

__all__ = ["OWN_ANCHORS_MAX", "export_claims", "export_package", "own_anchors"]

#: Headers of the user's own trust store that a package shows to be part of its past, at most.
OWN_ANCHORS_MAX = 64


def own_anchors(client: Client, trusted: Iterable[Anchor]) -> list[int]:
    """Heights of this chain's newest headers among ``trusted``, up to its last block, at most OWN_ANCHORS_MAX."""
    newest = client.checker.newest_header()
    top = 0 if newest is None else newest.header.height
    chain = client.genesis.chain
    found = {one.height for one in trusted if one.kind == "header" and one.chain == chain and one.height <= top}
    return sorted(found)[-OWN_ANCHORS_MAX:]


def export_package(
    client: Client,
    evidence: str,
    member: int | None,
    *,
    disclose: Sequence[str],
    as_evidence: bool,
    anchors: Sequence[int] = (),
) -> bytes:
    """See :meth:`govchain.sdk.client.Client.export_package`."""
    unknown = [field for field in disclose if field not in COMMITTED_FIELDS]
    if unknown:
        raise UsageError(Code.USAGE, reason=f"fields that may be disclosed: {', '.join(COMMITTED_FIELDS)}")
    transaction = client.transaction(evidence)
    claims = (_evidence(client, transaction, member, disclose),) if as_evidence else ()
    return export_claims(client, transaction, claims, anchors=anchors)


def export_claims(
    client: Client, transaction: VerifiedTransaction, claims: Sequence[ClaimContents], *, anchors: Sequence[int] = ()
) -> bytes:
    """A package about one transaction with ``claims`` of any installed kind; with none, that it was committed.

    A claim's status proof is what ``client.checker.verified_status`` gives, by way of
    :func:`govchain.sdk.checking.as_status_proof`.

    Raises:
        UsageError: an anchor beyond the package's last block.
        VerificationError: what a verifier would refuse; ``CLAIM_KIND_UNKNOWN`` for a kind that is not installed.
    """
    kinds = installed_kinds()
    contents = TransactionContents(
        body=transaction.record.body,
        receipt=transaction.record.receipt,
        proof=as_transaction_proof(transaction.record),
        claims=tuple(claims),
    )
    wanted = PackageContents(b"", {}, (contents,)).claims()
    unknown = unknown_kind(wanted, kinds)
    if unknown:
        raise VerificationError(Code.CLAIM_KIND_UNKNOWN, kind=unknown)
    plan = plan_package(wanted, kinds, anchors)
    outside = [height for height in anchors if not 1 <= height <= plan.head]
    if outside:
        raise UsageError(Code.USAGE, reason=f"anchors lie between block 1 and block {plan.head}, not at {outside[0]}")
    heights = dict.fromkeys(
        (*plan.heights, *(block.header.height for block in client.checker.epoch_changes(plan.head)))
    )
    blocks = {height: client.checker.verified_header(height) for height in heights}
    return build_package(
        PackageContents(
            genesis=client.checker.genesis_bytes,
            headers={height: (block.data, block.certificate) for height, block in blocks.items()},
            transactions=(contents,),
            histories=tuple(_history(client, height, head) for height, head in plan.histories),
        ),
        kinds,
    )


def _evidence(
    client: Client, transaction: VerifiedTransaction, member: int | None, disclose: Sequence[str]
) -> ClaimContents:
    record = describe_record(transaction)
    if record is None:
        raise RefusedError(Code.NOT_FOUND, reason=f"{transaction.id} made no evidence record")
    catalogue = client.catalogue
    entry = None if catalogue is None else catalogue.entry(transaction.id, member)
    leaf = None
    if member is not None:
        if record.batch is None or not 0 <= member < record.batch.count:
            raise RefusedError(Code.EVIDENCE_MEMBER, evidence=transaction.id, member=member)
        if entry is None or catalogue is None:
            raise RefusedError(Code.NOT_FOUND, reason=f"{transaction.id}.{member} is not in this directory's catalogue")
        path = prove_entry(catalogue, record, entry, client)
        proof = LeafProof(count=record.batch.count, index=member, path=tuple(node.hex() for node in path))
        leaf = BatchLeaf(entry.item, proof)
    status = client.checker.verified_status(mark_keys(bytes.fromhex(transaction.id), member))
    openings = _openings(entry, disclose, transaction.id)
    return evidence_contents(transaction.id, as_status_proof(status.proof), leaf=leaf, openings=openings)


def _openings(entry: Entry | None, disclose: Sequence[str], evidence: str) -> Openings | None:
    if not disclose:
        return None
    secrets = {} if entry is None else {secret.field: secret for secret in entry.salts}
    opened = []
    for field in sorted(set(disclose)):
        secret = secrets.get(field)
        if secret is None:
            raise RefusedError(
                Code.NOT_FOUND, reason=f"no salt for {field} of {evidence} in this directory's catalogue"
            )
        opened.append(Opening(field=field, salt=secret.salt, value=secret.value))  # type: ignore[arg-type]
    return Openings(tuple(opened))


def _history(client: Client, height: int, head: int) -> HistoryProof:
    path = client.transport.history_path(height, head)
    return HistoryProof(head=head, height=height, path=tuple(node.hex() for node in path))
